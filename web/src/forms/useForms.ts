import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { context } from "@/api/context";
import { ask } from "@/api/http";
import { useCan } from "@/api/me";
import { methodOf, type Method } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import type { TypedField } from "@/contract/typedFields";
import type { FilledForm, OfferedForm, TypedValues } from "./typed";

const PAUSE_MS = 300;

/** The forms that the person may fill in. */
export function useOffered() {
  const document = useDocumentMeta("approval.office_request");
  const method = methodOf(document, "listForms");
  const can = useCan();
  return useQuery({
    queryKey: ["approval.form_definition", "offered", context.company],
    queryFn: async ({ signal }) => (await ask<{ forms: OfferedForm[] }>(method!, {}, signal)).forms,
    enabled: method !== undefined && can(document.methods.create),
  });
}

/** Every form that there can be requests of, those too that the person cannot fill in. */
export function useEveryForm() {
  const document = useDocumentMeta("approval.office_request");
  const method = methodOf(document, "listForms");
  return useQuery({
    queryKey: ["approval.form_definition", "every", context.company],
    queryFn: async ({ signal }) => (await ask<{ forms: OfferedForm[] }>(method!, { every: true }, signal)).forms,
    enabled: method !== undefined,
  });
}

/** What a list of requests can be filtered by, once a form is chosen: the list itself says what they hold. */
export function useValueFields(formId: string | undefined) {
  const document = useDocumentMeta("approval.office_request");
  return useQuery({
    queryKey: ["approval.form_definition", "valueFields", context.company, formId],
    queryFn: async ({ signal }) => (await ask<{ valueFields: TypedField[] }>(document.methods.list, { formId, pageSize: 1, fields: "id" }, signal)).valueFields,
    enabled: Boolean(formId),
  });
}

export function filledQuery(method: Pick<Method, "verb" | "path">, formId: string, content: string) {
  return {
    queryKey: ["approval.office_request", "fill", context.company, formId, content],
    queryFn: ({ signal }: { signal: AbortSignal }) => ask<FilledForm>(method, { formId, content }, signal),
  };
}

/** What a form computes, hides and asks for with these values; asked a moment after the last key. */
export function useFilled(formId: string | undefined, values: TypedValues) {
  const method = methodOf(useDocumentMeta("approval.office_request"), "fill");
  const text = JSON.stringify(values);
  const [content, setContent] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setContent(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return useQuery({
    ...filledQuery(method!, formId!, content),
    enabled: Boolean(formId && method),
    placeholderData: keepPreviousData,
  });
}
