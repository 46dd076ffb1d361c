import { enumLabel } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";

type Meaning = "act" | "done" | "waits" | "wrong" | "quiet";

/** Colour says how things stand: blue can act, green is done, amber waits, red went wrong, grey is not active. */
const MEANINGS: Record<string, Meaning> = {
  DRAFT: "quiet", OPEN: "waits", RUNNING: "waits", SUBMITTED: "waits", PENDING: "waits", CHANGE_PENDING: "waits", IN_POOL: "waits", CANDIDATE: "waits",
  WAITING: "quiet", TAKEN_BACK: "quiet", HANDLED: "done", TRANSFERRED: "act", SUSPENDED: "waits", RETURNED: "waits", PARKED: "wrong", APPROVED: "done", ORDERED: "done", CONFIRMED: "done", QUALIFIED: "done", ACTIVE: "done",
  PUBLISHED: "done", IN_STEP: "done", CLOSED: "done", AGREED: "done", REQUESTED: "waits", FINDINGS: "wrong", RELEASED: "act", COPIED: "act", REJECTED: "wrong", BLOCKED: "wrong", FAILED: "wrong", DISABLED: "wrong", DIFFERS: "waits", ADOPTED: "done", RESTORED: "done", SETTLED: "done", HIRED: "done", DONE: "done", EFFECTIVE: "done", SCHEDULED: "waits", OVERRULED: "wrong", URGENT: "wrong",
};

export function StateTag({ enumName, value }: { enumName: string | undefined; value: unknown }) {
  const meta = useMeta();
  const label = enumLabel(meta, enumName, value);
  if (!label) return null;
  return (
    <span className="state">
      <i className={`dot ${MEANINGS[String(value)] ?? "quiet"}`} aria-hidden="true" />
      {label}
    </span>
  );
}

export function hasMeaning(enumName: string | undefined): boolean {
  return /State$|Urgency$|^State/.test(enumName ?? "");
}
