import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { context } from "@/api/context";
import { ask } from "@/api/http";
import { customValues, hasRules, isCustom } from "@/contract/customFields";
import type { DocumentMeta, Field } from "@/contract/meta";
import type { Values } from "./formValues";

const PAUSE_MS = 300;

interface Ruled {
  /** JSON of what is computed. */
  computed: string;
  hidden: string[];
  required: string[];
}

/** The fields of a form as the rules of added fields leave them for these values, and what is computed from them. */
export function useRules(document: DocumentMeta, fields: Field[], values: Values): { fields: Field[]; computed: Values } {
  const asked = JSON.stringify(customValues(values));
  const [paused, setPaused] = useState(asked);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(asked), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [asked]);
  const { data } = useQuery({
    queryKey: ["platform.custom_field", "rules", context.company, document.key, paused],
    queryFn: ({ signal }) => ask<Ruled>({ verb: "POST", path: `/v1/${document.service}/custom-field-forms/${document.key}:compute` }, { values: paused }, signal),
    enabled: hasRules(document),
    placeholderData: keepPreviousData,
  });
  return useMemo(() => {
    const computed = data ? (JSON.parse(data.computed || "{}") as Values) : {};
    const keyOf = ({ protoName }: Field) => protoName.replace(/^custom_fields\./, "");
    const shown = fields.filter((field) => !isCustom(field) || !data?.hidden.includes(keyOf(field)));
    const formulas = document.fields.filter((field) => isCustom(field) && keyOf(field) in computed);
    return {
      fields: [...shown.map((field) => (isCustom(field) && data?.required.includes(keyOf(field)) ? { ...field, required: true } : field)), ...formulas],
      computed: Object.fromEntries(formulas.map((field) => [field.name, computed[keyOf(field)]])),
    };
  }, [document, fields, data]);
}
