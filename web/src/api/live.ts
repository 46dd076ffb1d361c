/**
 * Live changes. One tab of the browser holds the stream of a company (Web Locks) and tells the others (BroadcastChannel):
 * a stream per tab would use up the browser's connections to the host.
 */
import type { QueryClient } from "@tanstack/react-query";
import { goToSignIn } from "./context";
import { ApiError } from "./errors";
import { call } from "./http";
import { within } from "./trace";

interface Change {
  type: string;
  document: string;
  id: string;
  version: number;
  trace?: string;
}

type Message = { kind: "change"; change: Change } | { kind: "reset" } | { kind: "signed_out"; why: string };

/** Records that change together with another without an event of their own. */
const FOLLOWERS: Record<string, string[]> = {
  "approval.case": ["approval.task", "approval.opinion"],
  "approval.notice": ["approval.task"],
  "procurement.purchase_order": ["procurement.sourcing_task"],
  "identity.access_review": ["identity.access_review_line"],
  "identity.grant": ["identity.duty_conflict", "identity.employee"],
  "identity.role": ["identity.duty_conflict", "identity.employee"],
  "identity.employee": ["identity.duty_conflict"],
  "identity.placement": ["identity.department"],
  "identity.headship": ["identity.department"],
  "identity.reorganisation": ["identity.department"],
};

/** What changed since the pages were last refreshed: records by their document; `undefined` among them: any record of it. */
export type Changes = Map<string, Set<string | undefined>>;

export function note(changes: Changes, { document, id }: Pick<Change, "document" | "id">): void {
  const add = (name: string, record?: string) => changes.set(name, (changes.get(name) ?? new Set()).add(record));
  add(document, id || undefined);
  for (const name of FOLLOWERS[document] ?? []) add(name);
}

/** Whether a query shows something that changed: a list may show any record of its document, the page of a record only its own. */
export function touches(changes: Changes, [document, , , record]: readonly unknown[]): boolean {
  const records = changes.get(String(document));
  return records !== undefined && (typeof record !== "string" || records.has(undefined) || records.has(record));
}

const GATHER_MS = 120;
const RETRY_MS = 5_000;

export function followChanges(client: QueryClient, company: string): () => void {
  const channel = new BroadcastChannel(`heyi.live.${company}`);
  const stop = new AbortController();
  let changed: Changes = new Map();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let trace: string | undefined;

  const refresh = () => {
    timer = undefined;
    const told = changed;
    changed = new Map();
    within(trace, () => void client.invalidateQueries({ predicate: ({ queryKey }) => touches(told, queryKey) }));
  };
  const act = (message: Message) => {
    if (message.kind === "signed_out") return goToSignIn(message.why);
    if (message.kind === "reset") return void client.invalidateQueries();
    note(changed, message.change);
    trace = message.change.trace;
    timer ??= setTimeout(refresh, GATHER_MS);
  };
  const tell = (message: Message) => {
    act(message);
    channel.postMessage(message);
  };
  channel.onmessage = ({ data }: MessageEvent<Message>) => act(data);

  void navigator.locks
    .request(`heyi.live.${company}`, { signal: stop.signal }, () => holdStream(company, tell, stop.signal))
    .catch((problem: unknown) => {
      if (!stop.signal.aborted) throw problem;
    });
  return () => {
    stop.abort();
    clearTimeout(timer);
    channel.close();
  };
}

/** Keep the stream open until the tab leaves the company; the browser resumes it by its last event id. */
function holdStream(company: string, tell: (message: Message) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let source: EventSource;
    let retry: ReturnType<typeof setTimeout> | undefined;
    let missed = false;
    const open = () => {
      source = new EventSource(`/v1/events?company=${encodeURIComponent(company)}`);
      // asked again once the stream is open: what changes between an earlier answer and its beginning nobody tells
      source.onopen = () => {
        if (missed) tell({ kind: "reset" });
        missed = false;
      };
      source.addEventListener("change", ({ data }: MessageEvent<string>) => tell({ kind: "change", change: JSON.parse(data) }));
      source.addEventListener("reset", () => tell({ kind: "reset" }));
      source.addEventListener("signed_out", () => {
        source.close();
        // asked once for all tabs: the first question is answered with the reason, and ends the session
        void call("GET", "/v1/identity/me").then(
          () => { retry = setTimeout(again, RETRY_MS); },
          (error: unknown) => tell({ kind: "signed_out", why: error instanceof ApiError ? (error.facts.why ?? "") : "" }),
        );
      });
      // The browser gives up for good where the answer was an error; what was missed meanwhile is unknown.
      source.onerror = () => {
        if (source.readyState !== EventSource.CLOSED || signal.aborted) return;
        retry = setTimeout(again, RETRY_MS);
      };
    };
    const again = () => {
      clearTimeout(retry);
      source.close();
      missed = true;
      open();
    };
    open();
    // A stream cut without a word never ends for the browser: once the network is back, it is opened anew.
    addEventListener("online", again);
    signal.addEventListener("abort", () => {
      removeEventListener("online", again);
      clearTimeout(retry);
      source.close();
      resolve();
    });
  });
}
