/** Forms that people designed: what their fields are, and how values of them are read. */
import { group } from "@/contract/decimal";
import { timeText } from "@/contract/format";
import { kindOf, wordsIn, type Kind, type TypedField, type Words } from "@/contract/typedFields";

export interface FormSection {
  label: Words;
  fieldKeys: string[];
}

export interface FormVersion {
  formId: string;
  version: number;
  code: string;
  name: string;
  nameEn: string;
  description: string;
  fields: TypedField[];
  sections: FormSection[];
  approverKeys: string[];
}

export interface FilledForm {
  form: FormVersion;
  values: TypedValues;
  hiddenKeys: string[];
  requiredKeys: string[];
  violations: { field: string; reason: string; facts: Record<string, string> }[];
}

export interface OfferedForm {
  formId: string;
  name: string;
  nameEn: string;
  groupName: string;
  icon: string;
  description: string;
  state?: string;
}

/** A form that the product brings: what a new draft would say, and the company's form of its code. */
export interface FormTemplate {
  form: Record<string, unknown> & { code: string; name: string; nameEn: string; groupName: string; description: string; fields: TypedField[] };
  formId: string;
}

export type TypedValues = Record<string, unknown>;

export function nameIn(form: { name: string; nameEn: string }, locale: string): string {
  return (locale === "en" && form.nameEn) || form.name;
}

const ORDERED = ["=", "!=", "<", "<=", ">", ">="];
const OPERATORS: Partial<Record<Kind, string[]>> = {
  TEXT: [":", "=", "!="], LONG_TEXT: [":"], NUMBER: ORDERED, AMOUNT: ORDERED, DATE: ORDERED, DATE_TIME: ORDERED, CHOICE: ["=", "!="], CHOICES: ["="], YES_NO: ["=", "!="],
  PERSON: ["=", "!="], DEPARTMENT: ["=", "!="], REFERENCE: ["=", "!="],
};

/** What a list may ask of a field. */
export function operatorsOf(field: TypedField): string[] {
  return OPERATORS[kindOf(field)] ?? [];
}

/** The fields by their sections; those in none stand first, without a heading. */
export function sectionsOf(form: Pick<FormVersion, "fields" | "sections">): { label?: Words; fields: TypedField[] }[] {
  const byKey = new Map(form.fields.map((field) => [field.key, field]));
  const placed = new Set(form.sections.flatMap(({ fieldKeys }) => fieldKeys));
  const parts: { label?: Words; fields: TypedField[] }[] = [{ fields: form.fields.filter(({ key }) => !placed.has(key)) }];
  for (const { label, fieldKeys } of form.sections) parts.push({ label, fields: fieldKeys.flatMap((key) => byKey.get(key) ?? []) });
  return parts.filter(({ fields }) => fields.length > 0);
}

/** A value as a person reads it, except what an id names. */
export function shownText(field: TypedField, value: unknown, locale: string, yesNo: readonly [string, string]): string {
  if (isEmpty(value)) return "";
  const kind = kindOf(field);
  const option = (key: unknown) => wordsIn(field.options?.find((one) => one.key === key)?.label, locale) || String(key);
  if (kind === "CHOICE") return option(value);
  if (kind === "CHOICES") return (value as unknown[]).map(option).join(locale === "en" ? ", " : "、");
  if (kind === "YES_NO") return value ? yesNo[0] : yesNo[1];
  if (kind === "DATE_RANGE") return `${(value as Words).start} – ${(value as Words).end}`;
  if (kind === "DATE_TIME") return timeText(value);
  if (kind === "AMOUNT") return group(String(value), 2);
  if (kind === "NUMBER") return `${group(String(value), 0, field.scale ?? 6)} ${field.unit ?? ""}`.trim();
  return String(value);
}

export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** A value as an approver's change carries it. */
export function changeText(value: unknown): string {
  if (isEmpty(value)) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The value that a change carries. */
export function valueOfChange(field: TypedField, text: string): unknown {
  if (text === "") return undefined;
  return field.kind === "YES_NO" || field.kind === "DATE_RANGE" || field.kind === "CHOICES" ? JSON.parse(text) : text;
}
