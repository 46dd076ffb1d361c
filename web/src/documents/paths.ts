import { isCustom } from "@/contract/customFields";
import { camel, fieldOf, membersOf, type DocumentMeta, type Field, type Meta } from "@/contract/meta";

/** A field of a document, or of its lines: `need_date`, `lines.quantity`. */
export interface PathField {
  path: string;
  field: Field;
  /** The field that holds the lines. */
  part?: Field;
}

/** The fields of a document and of its lines that a flow can say something about, by their paths. */
export function pathFields(meta: Meta, document: DocumentMeta): PathField[] {
  const said = ({ agreed, tells }: Field) => agreed === true || tells === true;
  return document.fields.filter(said).flatMap((field) => {
    const inner = field.repeated ? membersOf(meta, field.message).filter(said) : [];
    return [{ path: field.protoName, field }, ...inner.map((one) => ({ path: `${field.protoName}.${one.protoName}`, field: one, part: field }))];
  });
}

/** Whether people may type a field. */
export function canBeWritten({ field }: PathField): boolean {
  return field.agreed === true && !isCustom(field) && !field.readOnly && !field.immutable && !field.repeated && field.type !== "message";
}

export function pathField(meta: Meta, document: DocumentMeta, path: string): PathField | undefined {
  const added = fieldOf(document, path);
  if (added) return { path, field: added };
  const [name, inner] = path.split(".");
  const field = fieldOf(document, camel(name));
  if (!field || inner === undefined) return field && { path, field };
  const member = membersOf(meta, field.message).find(({ protoName }) => protoName === inner);
  return member && { path, field: member, part: field };
}

export function pathLabel({ field, part }: PathField): string {
  return part ? `${part.label} · ${field.label}` : field.label;
}
