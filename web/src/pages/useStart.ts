import { useQueries } from "@tanstack/react-query";
import { context } from "@/api/context";
import { fetchList, useList } from "@/api/documents";
import { useCan, useHolds, usePreference } from "@/api/me";
import { useMeta } from "@/contract/useMeta";
import { GOAL, placeOf, STEPS, type Step } from "./startSteps";

const LOOK_MS = 5_000;

export interface Standing {
  step: Step;
  to: string;
  title: string;
  /** Undefined while it is asked, or where somebody else sees it. */
  done: boolean | undefined;
  mine: boolean;
}

/** Whether to offer the guided start: whoever sets up the house is asked until the first order is there. */
export function useStartOffered(): { offered: boolean; leave: () => void } {
  const meta = useMeta();
  const begins = useHolds("identity.company.create");
  const can = useCan();
  const [kept, keep] = usePreference<{ left: boolean }>("getting-started");
  const { document } = placeOf(meta, GOAL);
  const goal = useList(document, { pageSize: 1 }, begins && !kept.left && can(document.methods.list));
  return { offered: begins && !kept.left && goal.data?.rows.length === 0, leave: () => keep({ left: true }) };
}

/** Every step, and whether it is done by what the lists say. */
export function useStart(): Standing[] {
  const meta = useMeta();
  const can = useCan();
  const places = STEPS.map((step) => ({ step, ...placeOf(meta, step) }));
  const answers = useQueries({
    queries: places.map(({ step, document }) => ({
      queryKey: [document.key, "list", context.company, "start", step.filter, step.enough],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchList(document, { filter: step.filter, pageSize: step.enough ?? 1, fields: ["id"] }, undefined, signal),
      enabled: can(document.methods.list),
      // what the next step makes is awaited here
      staleTime: 0,
      refetchInterval: ({ state }: { state: { data?: { rows: unknown[] } } }) => ((state.data?.rows.length ?? 0) < (step.enough ?? 1) ? LOOK_MS : false),
      meta: { shown: true },
    })),
  });
  return places.map(({ step, document, to }, at) => {
    const rows = answers[at]?.data?.rows;
    const method = step.at === "list" ? document.methods.list : document.methods.create;
    return { step, to, title: document.plural, done: rows && rows.length >= (step.enough ?? 1), mine: can(method) };
  });
}
