import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { context } from "@/api/context";
import { call, fillPath } from "@/api/http";
import { useCan } from "@/api/me";
import { methodOf } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import type { FilledForm, OfferedForm, TypedValues } from "./typed";

const PAUSE_MS = 300;
/** Beyond it an address is too long: what is computed is then seen once the draft is kept. */
const LONGEST = 15_000;

/** The forms that the person may fill in. */
export function useOffered() {
  const document = useDocumentMeta("approval.office_request");
  const method = methodOf(document, "listForms");
  const can = useCan();
  return useQuery({
    queryKey: ["approval.form_definition", "offered", context.company],
    queryFn: async ({ signal }) => (await call<{ forms: OfferedForm[] }>("GET", fillPath(method!.path, {}), { signal })).forms,
    enabled: method !== undefined && can(document.methods.create),
  });
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
  const fits = encodeURIComponent(content).length <= LONGEST;
  return useQuery({
    queryKey: ["approval.office_request", "fill", context.company, formId, fits ? content : ""],
    queryFn: ({ signal }) => call<FilledForm>("GET", fillPath(method!.path, {}), { query: { formId, content: fits ? content : "" }, signal }),
    enabled: Boolean(formId && method),
    placeholderData: keepPreviousData,
  });
}
