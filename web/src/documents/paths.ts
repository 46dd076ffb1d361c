import { isCustom } from "@/contract/customFields";
import { camel, fieldOf, membersOf, type DocumentMeta, type Field, type Meta } from "@/contract/meta";
import type { Values } from "./formValues";

/** A field of a document, of its lines, or of what is asked for within it: `need_date`, `lines.quantity`, `pending_change.lines.quantity`. */
export interface PathField {
  path: string;
  field: Field;
  /** The fields that lead to it, from the document on; the last may hold lines. */
  by: Field[];
}

const said = ({ agreed, tells }: Field) => agreed === true || tells === true;

/** The fields of a document that a flow can say something about, by their paths. */
export function pathFields(meta: Meta, document: DocumentMeta): PathField[] {
  return under(meta, document.fields, []);
}

function under(meta: Meta, fields: Field[], by: Field[]): PathField[] {
  return fields.filter(said).flatMap((field) => {
    const members = field.type === "message" ? membersOf(meta, field.message) : [];
    const inner = field.repeated || members.some(({ agreed }) => agreed) ? under(meta, members, [...by, field]) : [];
    return [{ path: [...by, field].map(({ protoName }) => protoName).join("."), field, by }, ...inner];
  });
}

/** Whether people may type a field of what is asked for. */
export function canBeWritten(document: DocumentMeta, { path, field }: PathField): boolean {
  if (isCustom(field) && (document.asks || field.type === "range")) return false;
  return path.startsWith(document.asks ?? "") && field.agreed === true && !field.readOnly && !field.immutable && !field.repeated && field.type !== "message";
}

export function pathField(meta: Meta, document: DocumentMeta, path: string): PathField | undefined {
  const added = fieldOf(document, path);
  if (added) return { path, field: added, by: [] };
  const [name, ...inner] = path.split(".");
  let field = fieldOf(document, camel(name));
  const by: Field[] = [];
  for (const next of inner) {
    if (!field) return undefined;
    by.push(field);
    field = membersOf(meta, field.message).find(({ protoName }) => protoName === next);
  }
  return field && { path, field, by };
}

export function pathLabel({ field, by }: PathField): string {
  return [...by, field].map(({ label }) => label).join(" · ");
}

/** Whether a field stands in lines. */
export function inLines({ by }: PathField): boolean {
  return by.at(-1)?.repeated === true;
}

/** What a record has in the place of a path's field: the record itself, its lines, the lines of what is asked for. */
export function holdersOf(record: Values, path: string): Values[] {
  const within = (here: Values[], name: string) => here.flatMap((one) => (one[camel(name)] ?? []) as Values[]);
  return path.split(".").slice(0, -1).reduce(within, [record]);
}

/** A line by its own id, or the line of the document that it is about. */
export function lineIdOf(line: Values): string {
  return String(line.id ?? line.lineId);
}

/** The document's own line that a line is, or is about. */
export function lineAbout(record: Values, line: Values): Values | undefined {
  return ((record.lines ?? []) as Values[]).find(({ id }) => id === lineIdOf(line));
}
