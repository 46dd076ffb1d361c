/** The shape of `/v1/meta`: everything the pages know about documents comes from here, nothing is repeated in code. */
export type FieldType =
  | "string" | "text" | "decimal" | "date" | "time" | "bool" | "int" | "enum" | "reference" | "message" | "struct" | "map" | "range";

export interface Field {
  name: string;
  protoName: string;
  label: string;
  type: FieldType;
  repeated?: boolean;
  required?: boolean;
  readOnly?: boolean;
  immutable?: boolean;
  inputOnly?: boolean;
  computed?: boolean;
  filter?: boolean;
  sort?: boolean;
  column?: boolean;
  total?: boolean;
  sensitive?: boolean;
  /** Whoever is shown it leaves a row in the trail: not asked for where it is not needed. */
  recorded?: boolean;
  once?: boolean;
  /** Part of what an approver agrees to. */
  agreed?: boolean;
  /** Computed from other fields: hidden where they are. */
  tells?: boolean;
  format?: string;
  maxLength?: number;
  maxItems?: number;
  decimal?: { precision: number; scale: number; signed?: boolean };
  references?: string;
  enum?: string;
  message?: string;
  description?: string;
  /** Of a field that administrators added: it stands on paper, is not asked for any more, follows from other values. */
  printed?: boolean;
  retired?: boolean;
  ruled?: boolean;
}

export interface Method {
  verb: string;
  path: string;
  permission?: string;
  label?: string;
  confirm?: string;
  requestFields?: Field[];
  collection?: boolean;
  idempotencyKey?: boolean;
  read?: boolean;
  file?: boolean;
}

export interface DocumentMeta {
  key: string;
  service: string;
  name: string;
  message: string;
  title: string;
  plural: string;
  path: string;
  route: string;
  resourceField: string;
  listField: string;
  titleFields: string[];
  defaultOrder: string;
  hidden: boolean;
  /** How its documents are numbered where nobody says otherwise. */
  numbering?: string | null;
  /** A file can make it. */
  importable?: boolean;
  help?: string;
  fields: Field[];
  /** The message with the facts that its requests for approval carry. */
  facts?: string | null;
  /** What agreement is asked for within it, where it is not the whole: `pending_change`. */
  asks?: string | null;
  /** Path of the quantity that an approver may lower, `lines.quantity`. */
  cut?: string | null;
  /** A flow can say who sees and changes which of its fields. */
  hides?: boolean;
  methods: Record<string, Method>;
}

export interface EnumValue {
  name: string;
  label: string;
  description?: string;
  /** Not chosen any more. */
  retired?: boolean;
}

export interface PermissionMeta {
  name: string;
  label: string;
  service: string;
  document: string;
}

export interface Meta {
  locale: string;
  services: { name: string; title: string }[];
  documents: Record<string, DocumentMeta>;
  messages: Record<string, { title: string; fields: Field[] }>;
  enums: Record<string, EnumValue[]>;
  texts: Record<string, string>;
  refusals: Record<string, { message: string; remedy?: string }>;
  permissions: PermissionMeta[];
}

/** One record as the gateway answers it. */
export type Row = Record<string, unknown> & { id: string; etag?: string; allowedActions?: string[] };

/** Put each document's own key on it, once, when the answer arrives. */
export function withKeys(meta: Meta): Meta {
  for (const [key, document] of Object.entries(meta.documents)) document.key = key;
  return meta;
}

export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The method behind an allowed action (`short_close`) or a verb (`shortClose`). */
export function methodOf(document: DocumentMeta, action: string): Method | undefined {
  return document.methods[action] ?? document.methods[camel(action)];
}

export function fieldOf(document: DocumentMeta, name: string): Field | undefined {
  return document.fields.find((field) => field.name === name || field.protoName === name);
}

/** Fields of a nested message; a document inside another is named by its key. */
export function membersOf(meta: Meta, name: string | undefined): Field[] {
  return (name ? (meta.messages[name] ?? meta.documents[name]) : undefined)?.fields ?? [];
}

/** A field that names a type of document by its key. */
export const DOCUMENT_TYPE = "documentType";

/** Documents that are submitted and agreed to. */
export function submittedTypes(meta: Meta): DocumentMeta[] {
  return Object.values(meta.documents).filter(({ fields }) => fields.some(({ name }) => name === "submission") && fields.some(({ name }) => name === "number"));
}

/** Every type of document; those that are submitted, which are asked for most, first. */
export function allTypes(meta: Meta): DocumentMeta[] {
  return [...new Set([...submittedTypes(meta), ...Object.values(meta.documents)])];
}

/** Values a person can choose; the unspecified one is never among them. */
export function enumValues(meta: Meta, name: string | undefined): EnumValue[] {
  return (name ? (meta.enums[name] ?? []) : []).filter((value) => !value.name.endsWith("UNSPECIFIED"));
}

export function enumLabel(meta: Meta, name: string | undefined, value: unknown): string {
  if (!value || String(value).endsWith("UNSPECIFIED")) return "";
  return (name ? meta.enums[name] : undefined)?.find((one) => one.name === value)?.label ?? String(value);
}

export function serviceName(meta: Meta, name: string): string {
  return meta.services.find((one) => one.name === name)?.title ?? name;
}

/** A sentence of the catalogs with its `{facts}` filled in. */
export function textOf(meta: Meta, key: string, facts: Record<string, string> = {}): string {
  return (meta.texts[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? facts[camel(name)] ?? "");
}

/** Service bookkeeping that no form or detail page shows as a field. */
const BOOKKEEPING = new Set(["id", "etag", "allowedActions", "customFields", "contentHash", "sortKey", "pinyinInitials"]);

/** An id that names no document of the contract says nothing to a person. */
function isBareId({ name, references }: Field): boolean {
  return /Ids?$/.test(name) && !references;
}

/** What a department or a post was called on the day of the document stands beside the reference, and is shown in its place. */
export const NAME_OF_DAY: Record<string, string> = { departmentId: "departmentName", costDepartmentId: "costDepartmentName", postId: "postName" };

export function shownFields(fields: Field[]): Field[] {
  const said = new Set(fields.map(({ name }) => NAME_OF_DAY[name]));
  return fields.filter((field) => !BOOKKEEPING.has(field.name) && !isBareId(field) && !(field.computed && said.has(field.name)));
}

/** What is asked for of a record to find and pick it, all where nothing is said: what leaves a row in the trail is not needed for that. */
export function unrecorded(document: DocumentMeta, wanted?: string[]): string[] | undefined {
  if (!wanted && !document.fields.some(({ recorded }) => recorded)) return undefined;
  return document.fields.filter(({ name, recorded }) => !recorded && (wanted?.includes(name) ?? true)).map(({ name }) => name);
}

export function writableFields(fields: Field[], creating: boolean): Field[] {
  return shownFields(fields).filter((field) => !field.readOnly && !field.computed && (creating || !(field.immutable || field.inputOnly)));
}
