/**
 * Filters live in the address as `f.<field>=<value>` and travel to the server as AIP-160 text.
 * Values: `A,B` (any of), `from..until` (range), plain text (contains).
 */
import type { DocumentMeta, Field } from "./meta";
import { instant } from "./format";
import { DOCUMENT_TYPE, fieldOf } from "./meta";

export type FilterValues = Record<string, string>;
export const FILTER_PREFIX = "f.";

export function readFilters(params: URLSearchParams): FilterValues {
  const values: FilterValues = {};
  for (const [name, value] of params) {
    if (name.startsWith(FILTER_PREFIX) && value) values[name.slice(FILTER_PREFIX.length)] = value;
  }
  return values;
}

export function splitRange(value: string): [string, string] {
  const [from = "", until = ""] = value.split("..");
  return [from, until];
}

const RANGED = new Set(["date", "time", "decimal", "int"]);

export function isRange(field: Field): boolean {
  return RANGED.has(field.type);
}

function quote(value: string): string {
  return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

function condition(field: Field, value: string): string {
  const name = field.protoName;
  if (field.type === "bool") return `${name} = ${value}`;
  if (isRange(field)) {
    const [from, until] = splitRange(value);
    const literal = (text: string, end: boolean) =>
      field.type === "time" ? quote(instant(text, end)) : field.type === "int" ? text : quote(text);
    const parts = [];
    if (from) parts.push(`${name} >= ${literal(from, false)}`);
    if (until) parts.push(`${name} ${field.type === "time" ? "<" : "<="} ${literal(until, true)}`);
    return parts.join(" AND ");
  }
  if (field.type === "enum" || field.type === "reference" || field.name === DOCUMENT_TYPE) {
    const members = value.split(",").map((one) => `${name} = ${quote(one)}`);
    return members.length > 1 ? `(${members.join(" OR ")})` : members[0];
  }
  return `${name} : ${quote(value)}`;
}

/** The filter expression of a list; fields that the contract does not allow are left out. */
export function filterText(document: DocumentMeta, values: FilterValues, fixed?: string): string {
  const parts = fixed ? [fixed] : [];
  for (const [name, value] of Object.entries(values)) {
    const field = fieldOf(document, name);
    const text = field?.filter ? condition(field, value) : "";
    if (text) parts.push(text);
  }
  return parts.join(" AND ");
}
