import { Button, Select, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { enumLabel, type DocumentMeta, type Meta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import GenericList from "@/documents/GenericList";
import { TypedInput } from "@/forms/TypedInput";
import { kindOf, wordsIn, type TypedField } from "@/contract/typedFields";
import { nameIn, operatorsOf, shownText, type OfferedForm } from "@/forms/typed";
import { useEveryForm, useValueFields } from "@/forms/useForms";

const TERM = /^([a-z][a-z0-9_]*)(>=|<=|!=|=|>|<|:)(.*)$/s;
const RETIRED = "RETIRED";

/** A form among those to filter by. One that takes no new requests says so: another may have its name by now. */
export function formLabel(meta: Meta, form: OfferedForm, locale: string): string {
  const name = nameIn(form, locale);
  return form.state === RETIRED ? `${name} (${enumLabel(meta, "FormDefinition.State", RETIRED)})` : name;
}

/** Requests, filtered by a form and by what stands in its fields. */
export default function OfficeRequestList({ document }: { document: DocumentMeta }) {
  const { t, i18n } = useTranslation();
  const [params, setParams] = useSearchParams();
  const formId = params.get("form") ?? undefined;
  const terms = params.getAll("term");
  const meta = useMeta();
  const every = useEveryForm();
  const held = useValueFields(formId).data;
  const put = (form: string | undefined, next: string[]) =>
    setParams((before) => {
      const kept = new URLSearchParams([...before].filter(([name]) => name !== "form" && name !== "term"));
      if (form) kept.set("form", form);
      for (const term of next) kept.append("term", term);
      return kept;
    }, { replace: true });
  const fields = (held ?? []).filter((field) => operatorsOf(field).length > 0);
  const filters = (
    <div className="form-filter">
      <Select
        aria-label={t("forms.filter")} className="form-choice" allowClear placeholder={t("forms.all")} value={formId} optionFilterProp="label"
        options={every.data?.map((one) => ({ value: one.formId, label: formLabel(meta, one, i18n.language) }))} onChange={(id?: string) => put(id, [])}
      />
      {fields.length > 0 && <TermChoice key={terms.length} fields={fields} onAdd={(term) => put(formId, [...terms, term])} />}
      {terms.map((term) => <Tag key={term} closable onClose={() => put(formId, terms.filter((one) => one !== term))}>{said(term, fields, i18n.language, [t("value.yes"), t("value.no")])}</Tag>)}
    </div>
  );
  return <GenericList document={document} extra={{ formId, terms }} filters={filters} />;
}

function said(term: string, fields: TypedField[], locale: string, yesNo: readonly [string, string]): string {
  const [, key, operator, text] = TERM.exec(term) ?? [];
  const field = fields.find((one) => one.key === key);
  return field ? `${wordsIn(field.label, locale)} ${operator} ${shownText(field, kindOf(field) === "YES_NO" ? text === "true" : text, locale, yesNo)}` : term;
}

/** One condition about one field. */
function TermChoice({ fields, onAdd }: { fields: TypedField[]; onAdd: (term: string) => void }) {
  const { t, i18n } = useTranslation();
  const [key, setKey] = useState<string>();
  const [operator, setOperator] = useState<string>();
  const [value, setValue] = useState<unknown>();
  const field = fields.find((one) => one.key === key);
  const kind = field && kindOf(field);
  const asked: TypedField | undefined = field && { ...field, kind: kind === "CHOICES" ? "CHOICE" : kind === "LONG_TEXT" ? "TEXT" : kind! };
  const chosen = operator ?? (field && operatorsOf(field)[0]);
  const ready = field && chosen && value !== undefined && value !== "";
  return (
    <>
      <Select
        aria-label={t("forms.field")} className="form-choice" placeholder={t("forms.field")} value={key} optionFilterProp="label"
        options={fields.map((one) => ({ value: one.key, label: wordsIn(one.label, i18n.language) }))}
        onChange={(next: string) => {
          setKey(next);
          setOperator(undefined);
          setValue(kindOf(fields.find((one) => one.key === next)!) === "YES_NO" ? true : undefined);
        }}
      />
      {field && asked && (
        <>
          <Select aria-label={t("forms.operator")} value={chosen} options={operatorsOf(field).map((one) => ({ value: one, label: one === ":" ? t("forms.contains") : one }))} onChange={setOperator} />
          <span className="form-term"><TypedInput id="form-term" field={asked} value={value} onChange={setValue} /></span>
          <Button disabled={!ready} onClick={() => ready && onAdd(`${field.key}${chosen}${String(value)}`)}>{t("forms.addTerm")}</Button>
        </>
      )}
    </>
  );
}
