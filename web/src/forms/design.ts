/** What a designer does to a form: each a function from a design to the next one. */
import { kindOf, type Kind, type TypedField } from "@/contract/typedFields";
import type { FormSection } from "./typed";

export interface Design {
  fields: TypedField[];
  sections: FormSection[];
  amountKey: string;
  summaryKeys: string[];
  approverKeys: string[];
}

export const KINDS: Kind[] = ["TEXT", "LONG_TEXT", "NUMBER", "AMOUNT", "DATE", "DATE_RANGE", "DATE_TIME", "CHOICE", "CHOICES", "YES_NO", "PERSON", "DEPARTMENT", "REFERENCE", "TABLE", "COMPUTED", "ATTACHMENT"];
/** What may stand in a table. */
export const COLUMN_KINDS = KINDS.filter((kind) => kind !== "TABLE" && kind !== "COMPUTED" && kind !== "ATTACHMENT");
export const RESULT_KINDS: Kind[] = ["AMOUNT", "NUMBER", "TEXT", "DATE", "YES_NO"];
export const NUMBERS = new Set<Kind>(["NUMBER", "AMOUNT"]);

/** A key that no other has: `text`, `text_2`. */
export function freeKey(wanted: string, taken: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const key = number === 1 ? wanted : `${wanted}_${number}`;
    if (!taken.includes(key)) return key;
  }
}

export function newField(kind: Kind, words: { "zh-CN": string; en: string }, taken: readonly string[]): TypedField {
  const field: TypedField = { key: freeKey(`${kind.toLowerCase()}_1`, taken), label: words, kind };
  if (kind === "CHOICE" || kind === "CHOICES") field.options = [{ key: "a", label: { "zh-CN": "选项一", en: "Option 1" } }, { key: "b", label: { "zh-CN": "选项二", en: "Option 2" } }];
  if (kind === "TABLE") field.columns = [{ key: "item", label: { "zh-CN": "名称", en: "Name" }, kind: "TEXT", required: true }];
  if (kind === "COMPUTED") Object.assign(field, { formula: "0.00", resultKind: "AMOUNT" });
  if (kind === "REFERENCE") field.documentType = "approval.office_request";
  return field;
}

export function add(design: Design, field: TypedField, at = design.fields.length): Design {
  return { ...design, fields: design.fields.toSpliced(at, 0, field) };
}

export function change(design: Design, index: number, next: TypedField): Design {
  const before = design.fields[index].key;
  const renamed = (keys: string[]) => keys.map((key) => (key === before ? next.key : key));
  return {
    fields: design.fields.with(index, next),
    sections: design.sections.map((section) => ({ ...section, fieldKeys: renamed(section.fieldKeys) })),
    amountKey: design.amountKey === before ? next.key : design.amountKey,
    summaryKeys: renamed(design.summaryKeys),
    approverKeys: renamed(design.approverKeys),
  };
}

export function remove(design: Design, index: number): Design {
  const { key } = design.fields[index];
  const without = (keys: string[]) => keys.filter((one) => one !== key);
  return {
    fields: design.fields.toSpliced(index, 1),
    sections: design.sections.map((section) => ({ ...section, fieldKeys: without(section.fieldKeys) })),
    amountKey: design.amountKey === key ? "" : design.amountKey,
    summaryKeys: without(design.summaryKeys),
    approverKeys: without(design.approverKeys),
  };
}

export function move(design: Design, from: number, to: number): Design {
  if (to < 0 || to >= design.fields.length || from === to) return design;
  const field = design.fields[from];
  const fields = design.fields.toSpliced(from, 1).toSpliced(to, 0, field);
  const order = fields.map(({ key }) => key);
  // within a section fields stand as they do in the form
  return { ...design, fields, sections: design.sections.map((section) => ({ ...section, fieldKeys: order.filter((key) => section.fieldKeys.includes(key)) })) };
}

/** Put a field into a section, or into none (-1). */
export function place(design: Design, key: string, section: number): Design {
  const order = design.fields.map((field) => field.key);
  const sections = design.sections.map((one, index) => {
    const keys = new Set(one.fieldKeys.filter((each) => each !== key));
    if (index === section) keys.add(key);
    return { ...one, fieldKeys: order.filter((each) => keys.has(each)) };
  });
  return { ...design, sections };
}

export function sectionOf(design: Design, key: string): number {
  return design.sections.findIndex(({ fieldKeys }) => fieldKeys.includes(key));
}

/** How a rule asks about fields of a kind. */
export function comparisonsOf(field: TypedField): string[] {
  const kind = kindOf(field);
  if (kind === "YES_NO") return ["yes", "no"];
  if (NUMBERS.has(kind)) return [">", ">=", "<", "<=", "==", "!="];
  if (kind === "DATE") return ["==", "!=", "<", ">"];
  if (kind === "CHOICES") return ["in"];
  return kind === "TABLE" || kind === "DATE_RANGE" ? [] : ["==", "!="];
}

/** A condition about one field, in the language of formulas. */
export function conditionText(field: TypedField, comparison: string, value: string): string {
  if (comparison === "yes") return field.key;
  if (comparison === "no") return `!${field.key}`;
  const literal = NUMBERS.has(kindOf(field)) ? value : `'${value.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  return comparison === "in" ? `${literal} in ${field.key}` : `${field.key} ${comparison} ${literal}`;
}

export function both(rule: string, more: string): string {
  return rule.trim() ? `${rule.includes("||") ? `(${rule})` : rule} && ${more}` : more;
}
