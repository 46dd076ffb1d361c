/** Fields of designed forms: flows for requests ask them, hide them and let them be filled in. */
import { createContext, useContext, useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import type { Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { kindOf, wordsIn, type TypedField } from "@/contract/typedFields";
import type { ConditionField } from "./fields";

export const REQUESTS = "approval.office_request";
const KEPT_MS = 300_000;
const NOTHING: Row[] = [];

/** Codes of the forms that a flow is for, where its condition says so. */
export const FormsContext = createContext<string[] | undefined>(undefined);

export interface FormFieldOfFlow {
  key: string;
  path: string;
  label: string;
  field: TypedField;
}

const nameIn = (form: Row, language: string) => String((language === "en" && form.nameEn) || form.name);

/** The forms of the company, where the flow is for requests. */
function useForms(documentType: string): Row[] {
  const meta = useMeta();
  const list = useList(meta.documents["approval.form_definition"], { pageSize: 200, orderBy: "code" }, documentType === REQUESTS, KEPT_MS);
  return documentType === REQUESTS ? (list.data?.rows ?? NOTHING) : NOTHING;
}

/** Every field that some form of the flow has, once for each key. */
export function useFormFields(documentType: string): FormFieldOfFlow[] {
  const { i18n } = useTranslation();
  const forms = useForms(documentType);
  const asked = useContext(FormsContext);
  return useMemo(() => {
    const found = new Map<string, FormFieldOfFlow>();
    for (const form of forms) {
      if (asked && !asked.includes(String(form.code))) continue;
      for (const field of (form.fields ?? []) as TypedField[]) {
        const label = `${nameIn(form, i18n.language)} · ${wordsIn(field.label, i18n.language)}`;
        if (!found.has(field.key)) found.set(field.key, { key: field.key, path: `values.${field.key}`, label, field });
      }
    }
    return [...found.values()];
  }, [forms, asked, i18n.language]);
}

export function canBeTyped({ field }: FormFieldOfFlow): boolean {
  return field.kind !== "COMPUTED" && field.kind !== "TABLE" && field.kind !== "ATTACHMENT";
}

/** What the conditions of a flow for requests can ask beside the contract's facts: which form it is, and its fields. */
export function useFormFacts(documentType: string): ConditionField[] {
  const { i18n } = useTranslation();
  const fields = useFormFields(documentType);
  return useMemo(() => fields.filter(({ field }) => !["TABLE", "DATE_RANGE"].includes(kindOf(field))).map(({ key, label, field }) => {
    const kind = kindOf(field);
    const type = kind === "NUMBER" || kind === "AMOUNT" ? "number" : kind === "YES_NO" ? "bool" : kind === "CHOICES" ? "list" : "string";
    const options = field.options?.map((option) => ({ value: option.key, label: wordsIn(option.label, i18n.language) }));
    const document = kind === "PERSON" ? "identity.employee" : kind === "DEPARTMENT" ? "identity.department" : undefined;
    return { name: `facts.${key}`, label, type, options, ...(document ? { document, by: "id" as const } : {}) } satisfies ConditionField;
  }), [fields, i18n.language]);
}

/** Codes of the forms, for the condition that says which form a flow is for. */
export function useFormCodes(documentType: string): { value: string; label: string }[] {
  const { i18n } = useTranslation();
  const forms = useForms(documentType);
  return useMemo(() => forms.map((form) => ({ value: String(form.code), label: nameIn(form, i18n.language) })), [forms, i18n.language]);
}
