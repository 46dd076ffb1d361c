/** What conditions of a flow can ask: the document and its requester, and the facts that the contract says its type tells. */
import type { TFunction } from "i18next";
import { createContext, useContext, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { isCustom } from "@/contract/customFields";
import { enumValues, membersOf, type Field, type Meta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import type { Literal, Operator } from "./condition";
import { useFormCodes, useFormFacts } from "./formFields";

export interface ConditionField {
  /** As it stands in an expression. */
  name: string;
  label: string;
  type: "number" | "string" | "bool" | "list";
  /** Values among which to choose. */
  options?: { value: string; label: string }[];
  /** The document that a value names, and by which of its fields. */
  document?: string;
  by?: "code" | "name" | "id";
}

/** Type of the documents that a flow is for. */
export const DocumentTypeContext = createContext("");

const CURRENCIES = ["CNY", "USD", "EUR", "JPY", "HKD", "GBP"];

function ownFields(t: TFunction): ConditionField[] {
  return [
    { name: "amount", label: t("flow.fieldAmount"), type: "number" },
    { name: "currency", label: t("flow.fieldCurrency"), type: "string", options: CURRENCIES.map((value) => ({ value, label: value })) },
    { name: "departments", label: t("flow.fieldDepartments"), type: "list", document: "identity.department", by: "name" },
    { name: "post", label: t("flow.fieldPost"), type: "string", document: "identity.post", by: "code" },
    { name: "post_level", label: t("flow.fieldPostLevel"), type: "number" },
    { name: "requester", label: t("flow.fieldRequester"), type: "string", document: "identity.employee", by: "code" },
    { name: "company", label: t("flow.fieldCompany"), type: "string", document: "identity.company", by: "code" },
  ];
}

export function factFields(meta: Meta, documentType: string): Field[] {
  const document = meta.documents[documentType];
  const added = document?.fields.filter((field) => isCustom(field) && !field.retired && field.type !== "message" && field.type !== "range") ?? [];
  return [...membersOf(meta, document?.facts ?? undefined), ...added];
}

function ofFact(meta: Meta, field: Field): ConditionField {
  const number = field.type === "decimal" || field.type === "int";
  const options = field.enum ? enumValues(meta, field.enum).map(({ name, label }) => ({ value: name, label })) : field.format === "CURRENCY" ? CURRENCIES.map((value) => ({ value, label: value })) : undefined;
  const type = field.repeated ? "list" : number ? "number" : field.type === "bool" ? "bool" : "string";
  return { name: `facts.${field.protoName}`, label: field.label, type, options, ...(field.references ? { document: field.references, by: "id" } : {}) };
}

export function useConditionFields(): ConditionField[] {
  const { t } = useTranslation();
  const meta = useMeta();
  const documentType = useContext(DocumentTypeContext);
  const ofForms = useFormFacts(documentType);
  const codes = useFormCodes(documentType);
  return useMemo(() => {
    const told = factFields(meta, documentType).filter(({ type }) => type !== "message").map((field) => ofFact(meta, field));
    const chosen = told.map((field) => (field.name === "facts.form" && codes.length > 0 ? { ...field, options: codes } : field));
    return [...ownFields(t), ...chosen, ...ofForms];
  }, [t, meta, documentType, codes, ofForms]);
}

/** The field of a name; one that the contract does not know is what its values are. */
export function fieldNamed(fields: ConditionField[], name: string, operator?: Operator, value?: Literal): ConditionField {
  const type = operator === "has" || operator === "hasNot" ? "list" : (value?.type ?? "string");
  return fields.find((field) => field.name === name) ?? { name, label: name.replace(/^facts\./, ""), type };
}

const KEPT_MS = 300_000;

/** Records with a code, by a field of theirs. */
export function useNamed(document: string | undefined, by: "code" | "name" = "code", asked = true): { value: string; label: string }[] {
  const meta = useMeta();
  const list = useList(document ? meta.documents[document] : undefined, { pageSize: 200 }, asked, KEPT_MS);
  return useMemo(() => (list.data?.rows ?? []).map((row) => ({ value: String(row[by]), label: String(row.name) })), [list.data, by]);
}

/** Operators that a type of field has; the first is proposed. */
export const OPERATORS: Record<ConditionField["type"], Operator[]> = {
  number: [">=", ">", "<=", "<", "==", "!="],
  string: ["==", "!=", "in", "notIn", "contains", "startsWith"],
  bool: ["=="],
  list: ["has", "hasNot"],
};

export function operatorText(t: TFunction, operator: Operator, type: ConditionField["type"]): string {
  const number = type === "number";
  const words: Record<Operator, string> = {
    "==": number ? "=" : t("flow.is"), "!=": number ? "≠" : t("flow.isNot"), "<": "<", "<=": "≤", ">": ">", ">=": "≥",
    in: t("flow.isOneOf"), notIn: t("flow.isNoneOf"), has: t("flow.includes"), hasNot: t("flow.includesNot"), contains: t("flow.contains"), startsWith: t("flow.startsWith"),
  };
  return words[operator];
}
