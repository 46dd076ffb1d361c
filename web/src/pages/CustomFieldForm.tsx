import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Checkbox, Drawer, Form, Input, Select, Switch } from "antd";
import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { violationsByField } from "@/api/errors";
import { call } from "@/api/http";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { wordsIn, type Kind, type TypedField, type Words } from "@/contract/typedFields";
import { withCustomFields } from "@/contract/customFields";
import { enumValues, fieldOf, membersOf, type Field, type Row } from "@/contract/meta";
import { MetaContext, useDocumentMeta, useMeta } from "@/contract/useMeta";
import { FieldInput } from "@/documents/FieldInput";
import { FieldsForm } from "@/documents/FieldsForm";
import { merge, type Values } from "@/documents/formValues";
import { History } from "@/documents/History";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { useFresh } from "@/documents/useFresh";
import { useNamed } from "@/flow/fields";
import { RuleInput } from "@/forms/RuleInput";
import type { CustomField } from "./CustomFields";
import { KINDS } from "@/forms/design";

const LANGUAGES = ["zh-CN", "en"] as const;
const RESULTS: Kind[] = ["TEXT", "NUMBER", "AMOUNT", "DATE", "YES_NO"];
const CELLS: Kind[] = ["TEXT", "NUMBER", "AMOUNT", "DATE", "YES_NO", "PERSON", "DEPARTMENT"];
/** What each kind is asked beside its name. */
const ASKED: Partial<Record<Kind, (keyof TypedField)[]>> = {
  TEXT: ["maxLength"], LONG_TEXT: ["maxLength"], NUMBER: ["scale", "unit", "minimum", "maximum"], AMOUNT: ["minimum", "maximum"], TABLE: ["maxRows"],
};

/** `Gross weight` -> `gross_weight`. */
function keyOf(label: string): string {
  return label.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "").slice(0, 40);
}

interface Props {
  service: string;
  type: string;
  row: CustomField | undefined;
  /** The other fields of the same documents: what a rule can ask. */
  others: TypedField[];
  editable: boolean;
  onClose: () => void;
}

const NEW: TypedField = { key: "", label: {}, kind: "TEXT" };
const UNSAVED = { id: "" } as CustomField;

/** A field as somebody wrote it, over what another made of it meanwhile: names by language, options and columns by key, those that are saved first. */
export function mergeField(before: TypedField, mine: TypedField, theirs: TypedField): TypedField {
  const over = (sides: unknown[]) => {
    const [old, own, now] = sides.map((side) => (side ?? {}) as Values);
    return merge(old, own, now as Row, [...new Set([old, own, now].flatMap(Object.keys))]).values;
  };
  const words = (name: "label" | "help") => over([before[name], mine[name], theirs[name]]);
  const entries = (name: "options" | "columns") => {
    const [old, own, now] = [before, mine, theirs].map((side) => new Map((side[name] ?? []).map((entry: Entry) => [entry.key, entry])));
    return [...[...now].map(([key, entry]) => (own.has(key) ? over([old.get(key), own.get(key), entry]) : entry)), ...(mine[name] ?? []).filter(({ key }) => !now.has(key) && !old.has(key))];
  };
  return { ...over([before, mine, theirs]), label: words("label"), help: words("help"), ...(theirs.options && { options: entries("options") }), ...(theirs.columns && { columns: entries("columns") }) } as TypedField;
}

/** One field: its names, kind and rules, who sees it, and how it will look. */
export function CustomFieldForm({ service, type, row, others, editable, onClose }: Props) {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = useDocumentMeta("platform.custom_field");
  const client = useQueryClient();
  const [field, setField] = useState<TypedField>(row?.field ?? NEW);
  const [more, setMore] = useState({ onlyCompanyId: row?.onlyCompanyId ?? "", readRoles: row?.readRoles ?? [], writeRoles: row?.writeRoles ?? [], listColumn: row?.listColumn ?? true, printed: row?.printed ?? false });
  const fresh = useFresh({ ...document, methods: { ...document.methods, get: { ...document.methods.get, path: `/v1/${service}/custom-fields/{id}` } } }, row ?? UNSAVED, (before, theirs) => {
    setField((mine) => mergeField(before.field, mine, theirs.field));
    setMore((mine) => merge({ ...before }, mine, theirs, Object.keys(mine)).values as typeof mine);
  });
  const saved = row && fresh.record.field;
  const roles = useNamed("identity.role");
  const names = useNames();
  const hints = { "zh-CN": t("custom.hint.zh-CN"), en: t("custom.hint.en") };
  const hintsOf = { visibleWhen: t("custom.visibleWhenHelp"), requiredWhen: t("custom.requiredWhenHelp") };
  const put = (changes: Partial<TypedField>) => setField((before) => ({ ...before, ...changes }));
  const save = useMutation({
    meta: { shown: true },
    mutationFn: () => fresh.send(async () => {
      const body = { field, ...more };
      await (row ? call("PATCH", `/v1/${service}/custom-fields/${row.id}`, { body: { ...body, etag: fresh.record.etag } }) : call("POST", `/v1/${service}/custom-fields`, { body: { ...body, documentType: type } }));
      notifySuccess(t("form.saved"));
      void client.invalidateQueries({ queryKey: ["platform.custom_field"] });
      onClose();
    }),
  });
  const errors = violationsByField(save.error);
  const members = membersOf(meta, "TypedField");
  const own = (name: string) => members.find((one) => one.name === name);
  const label = (name: string) => own(name)?.label ?? fieldOf(document, name)?.label ?? name;
  const kinds = enumValues(meta, "TypedField.Kind");
  const kindsOf = (some?: Kind[]) => kinds.filter(({ name }) => !some || some.includes(name as Kind)).map(({ name, label: text }) => ({ value: name, label: text }));
  const errorAt = (path: string) => Object.entries(errors).find(([at]) => at === path || at.startsWith(`${path}.`) || at.startsWith(`${path}[`))?.[1];
  const item = (path: string, text: string, input: ReactNode, required = false, help?: string) => {
    const error = errorAt(path);
    return <Form.Item key={path} label={text} htmlFor={path} required={required} extra={help} layout="vertical" validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>{input}</Form.Item>;
  };
  const simple = (name: keyof TypedField) => {
    const known = own(name);
    return known && item(`field.${name}`, known.label, <FieldInput id={`field.${name}`} field={known} value={field[name] || undefined} onChange={(value) => put({ [name]: value ?? (known.type === "int" ? 0 : "") })} />);
  };
  const rule = (name: "requiredWhen" | "visibleWhen") => (
    <RuleInput label={label(name)} value={field[name] ?? ""} fields={others} hint={hintsOf[name]} error={errorAt(`field.${name}`)} disabled={!editable} onChange={(said) => put({ [name]: said })} />
  );
  const rolesOf = (name: "readRoles" | "writeRoles") => item(name, label(name), <Select id={name} mode="multiple" className="wide-input" value={more[name]} options={roles} optionFilterProp="label" onChange={(chosen) => setMore({ ...more, [name]: chosen })} />, false, t("custom.rolesHelp"));
  const sentence = save.error ? sentenceOf(save.error) : undefined;
  return (
    <Drawer
      open title={!row ? t("custom.add") : editable ? t("form.edit", { title: wordsIn(row.field.label, meta.locale) }) : wordsIn(row.field.label, meta.locale)} size="large" onClose={onClose}
      extra={editable && <Button type="primary" loading={save.isPending} onClick={() => save.mutate()}>{t("action.save")}</Button>}
    >
      {fresh.note}
      {sentence && <Alert type="error" showIcon className="in-dialog" title={sentence.title} description={sentence.description} />}
      <Form component="div" layout="vertical" disabled={!editable}>
        {LANGUAGES.map((language) => item(
          `field.label.${language}`, names[language],
          <Input
            id={`field.label.${language}`} maxLength={60} value={field.label[language] ?? ""} autoFocus={!row && language === LANGUAGES[0]}
            onChange={({ target }) => put({ label: { ...field.label, [language]: target.value }, ...(language === "en" && !row && field.key === keyOf(field.label.en ?? "") ? { key: keyOf(target.value) } : {}) })}
          />, true,
        ))}
        {item("field.key", label("key"), <Input id="field.key" className="code-input" maxLength={40} disabled={Boolean(row)} value={field.key} onChange={({ target }) => put({ key: target.value })} />, true, t("custom.keyHelp"))}
        {item("field.kind", t("custom.kind"), <Select id="field.kind" className="wide-input" disabled={Boolean(row)} value={field.kind} options={kindsOf(KINDS.filter((kind) => kind !== "ATTACHMENT"))} onChange={(kind: Kind) => setField({ key: field.key, label: field.label, help: field.help, kind })} />, true)}
        {(ASKED[field.kind] ?? []).map(simple)}
        {field.kind === "REFERENCE" && item("field.documentType", label("documentType"), <Select id="field.documentType" className="wide-input" disabled={Boolean(row)} value={field.documentType} showSearch={{ optionFilterProp: "label" }} options={Object.values(meta.documents).filter(({ hidden, methods }) => !hidden && methods.list).map(({ key, title }) => ({ value: key, label: title }))} onChange={(documentType: string) => put({ documentType })} />, true)}
        {(field.kind === "CHOICE" || field.kind === "CHOICES") && item("field.options", label("options"), (
          <Entries label={label("options")} add={t("custom.addOption")} entries={field.options ?? []} kept={(saved?.options ?? []).length} onChange={(options) => put({ options })}>
            {(option, change, index) => index < (saved?.options ?? []).length && <label className="filter-switch"><Switch size="small" checked={Boolean(option.retired)} onChange={(retired) => change({ retired })} /> {t("custom.retired")}</label>}
          </Entries>
        ), true)}
        {field.kind === "TABLE" && item("field.columns", label("columns"), (
          <Entries label={label("columns")} add={t("custom.addColumn")} entries={field.columns ?? []} kept={(saved?.columns ?? []).length} onChange={(columns) => put({ columns: columns.map((one) => ({ ...one, kind: one.kind ?? "TEXT" })) })}>
            {(column, change) => <Select aria-label={t("custom.kind")} value={column.kind ?? "TEXT"} options={kindsOf(CELLS)} popupMatchSelectWidth={false} onChange={(kind: Kind) => change({ kind })} />}
          </Entries>
        ), true)}
        {field.kind === "COMPUTED" && (
          <>
            {item("field.formula", label("formula"), <Input.TextArea id="field.formula" className="code-input" rows={2} spellCheck={false} value={field.formula} onChange={({ target }) => put({ formula: target.value })} />, true, t("custom.formulaHelp"))}
            {item("field.resultKind", label("resultKind"), <Select id="field.resultKind" className="wide-input" disabled={Boolean(row)} value={field.resultKind === "KIND_UNSPECIFIED" ? undefined : field.resultKind} options={kindsOf(RESULTS)} onChange={(resultKind: Kind) => put({ resultKind })} />, true)}
            {field.resultKind === "NUMBER" && (["scale", "unit"] as const).map(simple)}
          </>
        )}
        {field.kind !== "COMPUTED" && <Form.Item><Checkbox checked={Boolean(field.required)} onChange={({ target }) => put({ required: target.checked })}>{label("required")}</Checkbox></Form.Item>}
        <Form.Item><Checkbox checked={more.listColumn} onChange={({ target }) => setMore({ ...more, listColumn: target.checked })}>{label("listColumn")}</Checkbox></Form.Item>
        <Form.Item><Checkbox checked={more.printed} onChange={({ target }) => setMore({ ...more, printed: target.checked })}>{label("printed")}</Checkbox></Form.Item>
        <Preview field={field} />
        <details open={Boolean(field.visibleWhen || field.requiredWhen || more.readRoles.length || more.writeRoles.length || more.onlyCompanyId) || undefined}>
          <summary>{t("custom.more")}</summary>
          {LANGUAGES.map((language) => item(`field.help.${language}`, hints[language], <Input id={`field.help.${language}`} maxLength={300} value={field.help?.[language] ?? ""} onChange={({ target }) => put({ help: { ...field.help, [language]: target.value } })} />))}
          {rule("visibleWhen")}
          {field.kind !== "COMPUTED" && rule("requiredWhen")}
          {rolesOf("readRoles")}
          {rolesOf("writeRoles")}
          {item("onlyCompanyId", label("onlyCompanyId"), <ReferencePicker id="onlyCompanyId" document="identity.company" value={more.onlyCompanyId || undefined} onChange={(id) => setMore({ ...more, onlyCompanyId: id ?? "" })} />)}
        </details>
      </Form>
      {row && <History document={{ ...document, service }} id={row.id} />}
    </Drawer>
  );
}

/** What the name in each language is asked for as. */
function useNames() {
  const { t } = useTranslation();
  return { "zh-CN": t("custom.label.zh-CN"), en: t("custom.label.en") };
}

interface Entry {
  key: string;
  label: Words;
}

/** Options of a choice or columns of a table: key and both names of each. Those that are kept cannot go. */
function Entries<T extends Entry>({ label, add, entries, kept, onChange, children }: {
  label: string;
  add: string;
  entries: T[];
  kept: number;
  onChange: (entries: T[]) => void;
  children: (entry: T, change: (changes: Partial<T>) => void, index: number) => ReactNode;
}) {
  const { t } = useTranslation();
  const names = useNames();
  return (
    <div role="group" aria-label={label}>
      {entries.map((entry, index) => {
        const change = (changes: Partial<T>) => onChange(entries.with(index, { ...entry, ...changes }));
        const name = (language: string, text: string) => change({ label: { ...entry.label, [language]: text }, ...(language === "en" && index >= kept && entry.key === keyOf(entry.label.en ?? "") ? { key: keyOf(text) } : {}) } as Partial<T>);
        return (
          <div key={index} className="entry-row">
            {LANGUAGES.map((language) => <Input key={language} aria-label={names[language]} placeholder={names[language]} maxLength={60} value={entry.label[language] ?? ""} onChange={({ target }) => name(language, target.value)} />)}
            <Input aria-label={t("custom.key")} placeholder={t("custom.key")} className="code-input" maxLength={40} disabled={index < kept} value={entry.key} onChange={({ target }) => change({ key: target.value } as Partial<T>)} />
            {children(entry, change, index)}
            {index >= kept && <Button type="text" icon={<DeleteOutlined />} aria-label={t("custom.remove", { label: entry.key })} onClick={() => onChange(entries.toSpliced(index, 1))} />}
          </div>
        );
      })}
      <Button size="small" icon={<PlusOutlined />} onClick={() => onChange([...entries, { key: "", label: {} } as T])}>{add}</Button>
    </div>
  );
}

/** The field as a form will ask for it. */
function Preview({ field }: { field: TypedField }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const [values, setValues] = useState<Record<string, unknown>>({});
  const shown = useMemo(() => {
    const offered = { field: { ...field, key: field.key || "preview" }, writable: field.kind !== "COMPUTED", listColumn: true, printed: false, retired: false, operators: [], sortable: false, references: "" };
    const document = { ...meta.documents["platform.custom_field"], key: "preview", fields: [] as Field[] };
    return withCustomFields({ ...meta, documents: { ...meta.documents, preview: document } }, [{ documentType: "preview", fields: [offered] }]);
  }, [meta, field]);
  return (
    <section className="card" aria-label={t("custom.preview")}>
      <h3 className="section-title">{t("custom.preview")}</h3>
      <MetaContext value={shown}>
        <FieldsForm single fields={shown.documents.preview.fields} values={values} errors={{}} onChange={(name, value) => setValues({ ...values, [name]: value })} />
      </MetaContext>
    </section>
  );
}
