import type { FlowProblem } from "./tree";

/** What is wrong with one node, in words. */
export function ProblemLines({ problems }: { problems: FlowProblem[] }) {
  return problems.map(({ path, message, reason, warning }) => (
    <span key={path + reason} className={warning ? "card-warning" : "field-error"}>{warning && "⚠ "}{message || reason}</span>
  ));
}
