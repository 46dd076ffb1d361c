import { useTranslation } from "react-i18next";
import { enumValues, enumLabel, fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import { timeText } from "@/contract/format";
import { useMeta } from "@/contract/useMeta";
import { useHistory } from "./History";
import { Reference } from "./Reference";

/** States that a document does not hope for, and side tracks: not announced before they happen. */
const ASIDE = /^(REJECTED|CANCELLED|CLOSED|SHORT_CLOSED|CHANGE_PENDING|DROPPED|SUSPENDED|BLOCKED|INACTIVE|RETIRED|DISABLED|REVOKED|WITHDRAWN|RETURNED|PARKED|SKIPPED|COPIED|WAITING|TRANSFERRED|TAKEN_BACK|ADOPTED|RESTORED|OVERRULED|SETTLED|HIRED|DISMISSED)$/;
const LONGEST = 7;

interface Step {
  state: string;
  actorId?: string;
  time?: string;
}

/** The life of a document as a thin line: the states it passed, with who and when, and those ahead. */
export function StateLine({ document, row }: { document: DocumentMeta; row: Row }) {
  const meta = useMeta();
  const { t } = useTranslation();
  const field = fieldOf(document, "state");
  const history = useHistory(document, row.id);
  const values = enumValues(meta, field?.enum).map(({ name }) => name);
  if (!field || values.length < 3 || !row.state) return null;
  const current = String(row.state);
  const passed: Step[] = (history.data?.pages.flatMap(({ entries }) => entries) ?? [])
    .flatMap((entry) => entry.changes.filter((change) => change.field === "state").map((change) => ({ state: plain(change.after), actorId: entry.actorId, time: entry.createTime })))
    .toReversed();
  const reached = passed.length > 0 && passed.at(-1)?.state === current ? passed : [...passed, { state: current }];
  const ended = ASIDE.test(current);
  const ahead: Step[] = ended ? [] : values.slice(values.indexOf(current) + 1).filter((name) => !ASIDE.test(name)).map((state) => ({ state }));
  const steps = [...reached.slice(-(LONGEST - ahead.length)), ...ahead];
  const at = steps.length - ahead.length - 1;
  return (
    <ol className="state-line" aria-label={t("detail.life")}>
      {steps.map(({ state, actorId, time }, index) => (
        <li key={`${index}${state}`} className={index < at ? "passed" : index === at ? "current" : "ahead"} aria-current={index === at ? "step" : undefined}>
          <span>{enumLabel(meta, field.enum, state)}</span>
          {time && (
            <small>
              {actorId && <Reference document="identity.employee" id={actorId} plain />} {timeText(time)}
            </small>
          )}
        </li>
      ))}
    </ol>
  );
}

function plain(json: string): string {
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}
