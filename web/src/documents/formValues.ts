/** Values of a form: what the person changed, what the server owns, and what two people changed at once. */
import { trim } from "@/contract/decimal";
import type { Field, Meta, Row } from "@/contract/meta";
import { membersOf, writableFields } from "@/contract/meta";

export type Values = Record<string, unknown>;

/** Whether two values say the same: `5` and `5.000000` do, and so do nothing, null and an unspecified enum. */
export function same(left: unknown, right: unknown): boolean {
  return JSON.stringify(canonical(left)) === JSON.stringify(canonical(right));
}

function canonical(value: unknown): unknown {
  if (value === undefined || value === null || value === false || value === 0) return "";
  if (typeof value === "string") return value.endsWith("UNSPECIFIED") ? "" : /^-?\d+\.\d+$/.test(value) ? trim(value) : value;
  if (Array.isArray(value)) return value.length === 0 ? "" : value.map(canonical);
  if (typeof value !== "object") return value;
  const members = Object.entries(value).map(([name, member]) => [name, canonical(member)] as const).filter(([, member]) => member !== "");
  return Object.fromEntries(members.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Only what a person may write, down into the lines; a line keeps its id so that the server knows it again. */
export function sendable(meta: Meta, fields: Field[], values: Values, creating: boolean): Values {
  const result: Values = {};
  for (const field of writableFields(fields, creating)) {
    const value = values[field.name];
    if (value === undefined) continue;
    const members = field.type === "message" ? membersOf(meta, field.message) : undefined;
    if (!members || value === null) result[field.name] = value;
    else if (!Array.isArray(value)) result[field.name] = sendable(meta, members, value as Values, true);
    else result[field.name] = (value as Values[]).map((line) => ({ ...(line.id ? { id: line.id } : {}), ...sendable(meta, members, line, true) }));
  }
  return result;
}

/** `fields`: those whose value is JSON of its own meaning are compared as it is written, where `false` is not nothing. */
export function changedFields(base: Values, values: Values, fields: Field[] = []): Values {
  const exact = new Set(fields.filter(({ type }) => type === "struct").map(({ name }) => name));
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => !(exact.has(name) ? sameJson : same)(base[name], value)));
}

/** Whether two values are the same JSON, in whatever order their keys stand. */
export function sameJson(left: unknown, right: unknown): boolean {
  const sorted = (_: string, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) : value;
  return JSON.stringify(left, sorted) === JSON.stringify(right, sorted);
}

/**
 * Values after a save that went on in the background: what was not touched meanwhile is as the server answered,
 * lines get the ids that they have now, and what was written during the save stays.
 */
export function adopt(values: Values, sent: Values, answer: Row, fields: Field[]): Values {
  const next: Values = { ...answer };
  for (const field of fields) {
    const [mine, before] = [values[field.name], sent[field.name]];
    if (field.type !== "message" || !Array.isArray(mine) || !Array.isArray(before)) {
      if (mine !== before) next[field.name] = mine;
    } else {
      const saved = (answer[field.name] ?? []) as Values[];
      const aligned = mine.length >= before.length;
      next[field.name] = (mine as Values[]).map((line, index) =>
        line === before[index] && saved[index] ? saved[index] : aligned && !line.id && saved[index] ? { ...line, id: saved[index].id } : line,
      );
    }
  }
  return next;
}

export interface Conflict {
  /** The record as it stands on the server now. */
  theirs: Row;
  /** Fields that both sides changed, differently. */
  fields: string[];
}

/**
 * Bring a stale form up to date: fields that only the server changed are taken over, fields that only the person
 * changed stay, and the rest is for the person to decide.
 */
export function merge(base: Values, mine: Values, theirs: Row, names: string[]): { values: Values; conflict?: Conflict } {
  const values = { ...mine };
  const disputed: string[] = [];
  for (const name of names) {
    const changedThere = !same(base[name], theirs[name]);
    const changedHere = !same(base[name], mine[name]);
    if (changedThere && !changedHere) values[name] = theirs[name];
    else if (changedThere && changedHere && !same(mine[name], theirs[name])) disputed.push(name);
  }
  return { values, conflict: disputed.length > 0 ? { theirs, fields: disputed } : undefined };
}

/** `purchaseOrder.lines[3].quantity` as the form knows it: `lines[3].quantity`. */
export function formErrors(errors: Record<string, string>, resourceField: string): Record<string, string> {
  const prefix = `${resourceField}.`;
  return Object.fromEntries(Object.entries(errors).map(([path, text]) => [path.startsWith(prefix) ? path.slice(prefix.length) : path, text]));
}

export function withoutErrors(errors: Record<string, string>, path: string): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).filter(([name]) => name !== path && !name.startsWith(`${path}[`) && !name.startsWith(`${path}.`)));
}
