/** What an approver changes with the decision, by path and line. */
import { camel, membersOf, type DocumentMeta, type Meta, type Row } from "@/contract/meta";
import type { FieldChange, Task } from "@/contract/types";
import type { Values } from "@/documents/formValues";
import { holdersOf, lineAbout, lineIdOf, pathField } from "@/documents/paths";

export type Changes = Record<string, FieldChange>;

interface Line {
  id: string;
  title: string;
  /** The quantity that is asked for; empty where the line would go. */
  now: string;
}

export interface Lines {
  document: DocumentMeta;
  /** Paths of the lines and of their quantity. */
  part: string;
  cut: string;
  rows: Line[];
  /** More is asked for than what stands in the lines. */
  more: boolean;
}

/** The lines of which an approver may agree to less. */
export function linesToCut(meta: Meta, task: Task, about: DocumentMeta, record: Row): Lines | undefined {
  if (!task.cuts || !about.cut) return undefined;
  const names = about.cut.split(".");
  const quantity = camel(names.at(-1)!);
  const rows = holdersOf(record, about.cut).filter(({ refused }) => refused !== true).map((line) => {
    const own = lineAbout(record, line) ?? line;
    return { id: lineIdOf(line), title: String(own.description ?? own.lineNumber ?? ""), now: line.cancel === true ? "" : String(line[quantity] || own[quantity] || "") };
  });
  return { document: about, part: names.slice(0, -1).join("."), cut: about.cut, rows, more: asksForMore(meta, about, record) };
}

function asksForMore(meta: Meta, about: DocumentMeta, record: Values): boolean {
  const asked = about.asks ? (record[camel(about.asks)] as Values | null) : undefined;
  if (!about.asks || !asked) return false;
  const fields = membersOf(meta, pathField(meta, about, about.asks)?.field.message);
  return fields.some(({ name, agreed, required, type }) => agreed && !required && type !== "message" && Boolean(asked[name]));
}

/** Whether nothing is left: that refuses the whole. */
export function refusesAll(lines: Lines | undefined, changes: Changes): boolean {
  return lines !== undefined && !lines.more && lines.rows.length > 0 && lines.rows.every(({ id }) => `${lines.part}/${id}` in changes);
}

/** Whether a cut still lacks its reason, or a field that is wanted is empty. */
export function lacksReason(lines: Lines | undefined, changes: Changes): boolean {
  return Object.values(changes).some(({ path, reason }) => lines !== undefined && (path === lines.part || path === lines.cut) && !reason?.trim());
}
