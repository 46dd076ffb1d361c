/** What an approver changes with the decision, by path and line. */
import { camel, type DocumentMeta, type Row } from "@/contract/meta";
import type { FieldChange, Task } from "@/contract/types";

export type Changes = Record<string, FieldChange>;

export interface Lines {
  document: DocumentMeta;
  /** Paths of the lines and of their quantity. */
  part: string;
  cut: string;
  rows: Row[];
}

/** The lines of which an approver may agree to less. */
export function linesToCut(task: Task, about: DocumentMeta, record: Row): Lines | undefined {
  if (!task.cuts || !about.cut) return undefined;
  const [part] = about.cut.split(".");
  const rows = ((record[camel(part)] ?? []) as Row[]).filter(({ refused }) => refused !== true);
  return { document: about, part, cut: about.cut, rows };
}

/** Whether nothing is left: that refuses the whole. */
export function refusesAll(lines: Lines | undefined, changes: Changes): boolean {
  return lines !== undefined && lines.rows.length > 0 && lines.rows.every(({ id }) => `${lines.part}/${id}` in changes);
}

/** Whether a cut still lacks its reason, or a field that is wanted is empty. */
export function lacksReason(lines: Lines | undefined, changes: Changes): boolean {
  return Object.values(changes).some(({ path, reason }) => lines !== undefined && (path === lines.part || path === lines.cut) && !reason?.trim());
}
