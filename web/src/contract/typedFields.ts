/** Fields that people define, as the contract says them: those of forms, and those that administrators add to documents. */
export type Kind =
  | "TEXT" | "LONG_TEXT" | "NUMBER" | "AMOUNT" | "DATE" | "DATE_RANGE" | "DATE_TIME" | "CHOICE" | "CHOICES" | "YES_NO" | "PERSON" | "DEPARTMENT" | "REFERENCE" | "TABLE" | "COMPUTED" | "ATTACHMENT";

export type Words = Record<string, string>;

/** As the contract says a field that people define. */
export interface TypedField {
  key: string;
  label: Words;
  help?: Words;
  kind: Kind;
  required?: boolean;
  requiredWhen?: string;
  visibleWhen?: string;
  scale?: number;
  unit?: string;
  minimum?: string;
  maximum?: string;
  maxLength?: number;
  options?: { key: string; label: Words; retired?: boolean }[];
  documentType?: string;
  columns?: TypedField[];
  maxRows?: number;
  formula?: string;
  resultKind?: Kind | "KIND_UNSPECIFIED";
}

/** As the server has them where a field says no other. */
const LENGTHS: Partial<Record<Kind, number>> = { TEXT: 500, LONG_TEXT: 5_000 };
const MOST_ROWS = 200;
const MOST_FILES = 20;

export function wordsIn(words: Words | undefined, locale: string): string {
  return words?.[locale] || Object.values(words ?? {}).find(Boolean) || "";
}

/** What sort of value a field holds: of a computed one, that of its result. */
export function kindOf(field: TypedField): Kind {
  return field.kind === "COMPUTED" ? (field.resultKind as Kind) : field.kind;
}

export function longest(field: TypedField): number {
  return field.maxLength || LENGTHS[field.kind] || 500;
}

export function mostFiles(field: TypedField): number {
  return field.maxRows || MOST_FILES;
}

export function mostRows(field: TypedField): number {
  return field.maxRows || MOST_ROWS;
}
