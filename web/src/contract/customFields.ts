/**
 * Fields that administrators added to documents. They join the fields of the contract under `customFields.<key>`, so that
 * lists, filters, forms, exports and conditions treat them as any other; rows and bodies carry them as one object.
 */
import { membersOf, type DocumentMeta, type EnumValue, type Field, type FieldType, type Meta } from "./meta";
import { kindOf, longest, mostRows, wordsIn, type Kind, type TypedField } from "./typedFields";

export interface OfferedField {
  field: TypedField;
  writable: boolean;
  listColumn: boolean;
  printed: boolean;
  retired: boolean;
  operators: string[];
  sortable: boolean;
  references: string;
}

export interface CustomFieldForm {
  documentType: string;
  fields: OfferedField[];
}

export const COLUMN = "customFields";
const PREFIX = `${COLUMN}.`;
const TYPES: Partial<Record<Kind, FieldType>> = {
  LONG_TEXT: "text", NUMBER: "decimal", AMOUNT: "decimal", DATE: "date", DATE_RANGE: "range", DATE_TIME: "time", CHOICE: "enum", CHOICES: "enum", YES_NO: "bool",
  PERSON: "reference", DEPARTMENT: "reference", REFERENCE: "reference", TABLE: "message",
};
const NAMED: Partial<Record<Kind, string>> = { PERSON: "identity.employee", DEPARTMENT: "identity.department" };
const DIGITS = 18;

export function isCustom({ name }: Field): boolean {
  return name.startsWith(PREFIX);
}

/** Whether the server is asked what rules make of a form while it is filled in. */
export function hasRules(document: DocumentMeta): boolean {
  return document.fields.some(({ ruled }) => ruled);
}

/** A field of a form as a field of the contract; what it needs besides is put into `meta`. */
function asField(meta: Meta, field: TypedField, name: string, scope: string): Field {
  const kind = kindOf(field);
  const own = `${scope}.${field.key}`;
  const label = wordsIn(field.label, meta.locale) || field.key;
  if (kind === "CHOICE" || kind === "CHOICES") {
    meta.enums[own] = (field.options ?? []).map((option): EnumValue => ({ name: option.key, label: wordsIn(option.label, meta.locale) || option.key, retired: option.retired }));
  }
  if (kind === "TABLE") meta.messages[own] = { title: label, fields: (field.columns ?? []).map((column) => asField(meta, column, column.key, own)) };
  return {
    name,
    protoName: name,
    label: field.unit ? `${label} (${field.unit})` : label,
    type: TYPES[kind] ?? "string",
    repeated: kind === "CHOICES" || kind === "TABLE",
    required: field.required,
    readOnly: field.kind === "COMPUTED",
    description: wordsIn(field.help, meta.locale),
    ...(kind === "TEXT" || kind === "LONG_TEXT" ? { maxLength: longest(field) } : {}),
    maxItems: mostRows(field),
    ...(kind === "LONG_TEXT" ? { format: "MULTILINE" } : {}),
    ...(kind === "NUMBER" || kind === "AMOUNT" ? { decimal: { precision: DIGITS, scale: kind === "AMOUNT" ? 2 : (field.scale ?? 0), signed: true } } : {}),
    ...(meta.enums[own] ? { enum: own } : {}),
    ...(kind === "TABLE" ? { message: own } : {}),
    ...(NAMED[kind] || kind === "REFERENCE" ? { references: NAMED[kind] ?? field.documentType } : {}),
    ruled: Boolean(field.formula || field.visibleWhen || field.requiredWhen),
  };
}

function offered(meta: Meta, document: DocumentMeta, one: OfferedField): Field {
  const field = asField(meta, one.field, PREFIX + one.field.key, `${PREFIX}${document.key}`);
  return {
    ...field,
    protoName: `custom_fields.${one.field.key}`,
    readOnly: !one.writable,
    computed: false,
    filter: one.operators.length > 0,
    sort: one.sortable,
    column: one.listColumn && !one.retired,
    printed: one.printed,
    retired: one.retired,
    agreed: document.hides,
  };
}

/** The contract with the fields that administrators added. */
export function withCustomFields(meta: Meta, forms: CustomFieldForm[]): Meta {
  if (forms.every(({ fields }) => fields.length === 0)) return meta;
  const next: Meta = { ...meta, documents: { ...meta.documents }, enums: { ...meta.enums }, messages: { ...meta.messages } };
  for (const { documentType, fields } of forms) {
    const document = next.documents[documentType];
    if (document && fields.length > 0) next.documents[documentType] = { ...document, fields: [...document.fields, ...fields.map((one) => offered(next, document, one))] };
  }
  return next;
}

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function spread(row: unknown): unknown {
  if (!isObject(row) || !isObject(row[COLUMN])) return row;
  return { ...row, ...Object.fromEntries(Object.entries(row[COLUMN]).map(([key, value]) => [PREFIX + key, value])) };
}

/** An answer whose rows say the values of added fields under their names. */
export function spreadAnswer(answer: unknown): unknown {
  if (!isObject(answer)) return answer;
  const rows = Object.entries(answer).map(([name, value]) => [name, Array.isArray(value) ? value.map(spread) : value]);
  return spread(Object.fromEntries(rows));
}

/** A body in which the values of added fields are one object. */
export function foldBody(body: unknown): unknown {
  if (!isObject(body)) return body;
  const added = Object.entries(body).filter(([name]) => name.startsWith(PREFIX));
  if (added.length === 0) return body;
  const rest = Object.fromEntries(Object.entries(body).filter(([name]) => !name.startsWith(PREFIX)));
  return { ...rest, [COLUMN]: Object.fromEntries(added.map(([name, value]) => [name.slice(PREFIX.length), value === "" ? null : value])) };
}

/** The fields of a row as a list asks for them: added ones come together. */
export function askedFields(fields: string[] | undefined): string | undefined {
  return fields && [...new Set(fields.map((name) => (name.startsWith(PREFIX) ? COLUMN : name)))].join(",");
}

const EXACT_DIGITS = 15;

/** A value as the conditions of a flow see it, empty ones too; nothing for a number of more digits than they keep. */
function factOf(meta: Meta, field: Field, value: unknown): unknown {
  switch (field.type) {
    case "decimal": {
      const digits = String(value ?? "").replace(/\D/g, "").replace(/^0+/, "");
      return digits.length <= EXACT_DIGITS ? Number(value ?? 0) : undefined;
    }
    case "bool":
      return value ?? false;
    case "range":
      return value ?? { start: "", end: "" };
    case "message":
      return ((value ?? []) as Json[]).map((row) => factsOf(membersOf(meta, field.message).map((column) => [column.name, factOf(meta, column, row[column.name])])));
    default:
      return value ?? (field.repeated ? [] : "");
  }
}

function factsOf(told: [string, unknown][]): Json {
  return Object.fromEntries(told.filter(([, fact]) => fact !== undefined));
}

/** The added fields of a row as the conditions of a flow see them. */
export function customFacts(meta: Meta, document: DocumentMeta, row: Json): Json {
  const added = document.fields.filter((field) => isCustom(field) && !field.retired);
  return factsOf(added.map((field) => [field.name.slice(PREFIX.length), factOf(meta, field, row[field.name])]));
}

/** Values of added fields as the rules of a form are asked about them. */
export function customValues(values: Json): Json {
  return Object.fromEntries(Object.entries(values).filter(([name, value]) => name.startsWith(PREFIX) && value !== undefined && value !== "").map(([name, value]) => [name.slice(PREFIX.length), value]));
}
