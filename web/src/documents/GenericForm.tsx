import { Alert, Button, Form, Skeleton } from "antd";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useQuery } from "@tanstack/react-query";
import { useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { useMe } from "@/api/me";
import { titleOf } from "@/api/references";
import { AppLink, routeOf, useGo } from "@/app/links";
import { notifyOnce, notifySuccess } from "@/app/notify";
import type { DocumentMeta, Field, Row } from "@/contract/meta";
import { EditingNotes } from "./EditingNotes";
import { FieldsForm } from "./FieldsForm";
import { PageProblem } from "./PageProblem";
import type { Values } from "./formValues";
import { useEditing, type Editing } from "./useEditing";
import { useRules } from "./useRules";

interface Props {
  document: DocumentMeta;
  /** Fields that the page arranges itself. */
  without?: string[];
  extra?: (editing: Editing) => ReactNode;
}

/** Create or edit any document. */
export default function GenericForm({ document, ...rest }: Props) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <FormPage key={id ?? "new"} document={document} row={data} {...rest} />;
}

/** What is most often meant when nothing was said: the own company and its currency, and what a link proposes (`v.parentId=`). */
export function useInitialValues(document: DocumentMeta): Values {
  const me = useMe();
  const [params] = useSearchParams();
  const baseCurrency = useBaseCurrency();
  return useMemo(() => {
    const values: Values = {};
    for (const field of document.fields) {
      if (field.readOnly || !field.required) continue;
      if (field.format === "CURRENCY") values[field.name] = baseCurrency;
      else if (field.references === "identity.company") values[field.name] = me.companyId;
    }
    for (const field of document.fields) {
      const proposed = params.get(`v.${field.name}`);
      if (proposed && !field.readOnly) values[field.name] = proposed;
    }
    return values;
  }, [document, me, params, baseCurrency]);
}

export function useBaseCurrency(): string {
  const me = useMe();
  return me.companies.find(({ id }) => id === me.companyId)?.baseCurrency ?? "";
}

/** A rate of exchange is asked for only where the currency is not the company's own. */
export function usefulFields(fields: Field[], values: Values, baseCurrency: string): Field[] {
  return values.currency === baseCurrency ? fields.filter(({ name }) => name !== "exchangeRate") : fields;
}

function FormPage({ document, row, without = [], extra }: Props & { row: Row | undefined }) {
  const { t } = useTranslation();
  const go = useGo();
  const editing = useEditing(document, row, useInitialValues(document));
  const title = row ? t("form.edit", { title: titleOf(document, row) || document.title }) : t("list.new", { title: document.title });
  const back = row ? routeOf(document, row.id) : document.route;
  const save = async () => {
    const answer = await editing.submit();
    if (!answer) return;
    notifySuccess(t("form.saved"));
    notifyOnce(document, answer);
    go(routeOf(document, answer.id), { replace: true });
  };
  useSaveKey(() => void save());
  const ruled = useRules(document, editing.fields, editing.values);
  const fields = usefulFields(ruled.fields, editing.values, useBaseCurrency()).filter(({ name }) => !without.includes(name));
  return (
    <section className="page">
      <header className="page-head">
        <h1>{title}</h1>
        <div className="page-tools">
          <AppLink to={back} className="quiet-link">{t("action.cancel")}</AppLink>
          <Button type="primary" loading={editing.saving} disabled={Boolean(editing.conflict)} onClick={() => void save()}>{t("action.save")}</Button>
        </div>
      </header>
      <EditingNotes document={document} editing={editing} />
      <Duplicates document={document} values={editing.values} id={row?.id} />
      <Form layout="vertical" component="div" className="card">
        <FieldsForm fields={fields} values={{ ...editing.values, ...ruled.computed }} onChange={editing.set} errors={editing.errors} autoFocus={!row} />
        {extra?.(editing)}
      </Form>
    </section>
  );
}

export function useSaveKey(save: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "s") return;
      event.preventDefault();
      save();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
}

const PAUSE_MS = 500;

/** Records that look like the one being written, where the contract can find them. */
function Duplicates({ document, values, id }: { document: DocumentMeta; values: Values; id: string | undefined }) {
  const { t } = useTranslation();
  const method = document.methods.findDuplicate;
  const asked = Object.fromEntries((method?.requestFields ?? []).flatMap(({ name }) => (values[name] ? [[name, String(values[name])]] : [])));
  const text = JSON.stringify(asked);
  const [paused, setPaused] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setPaused(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const query = JSON.parse(paused) as Record<string, string>;
  const { data } = useQuery({
    queryKey: [document.key, "duplicates", query, id],
    queryFn: () => call<Record<string, Row[]>>("GET", method.path, { query }),
    enabled: Boolean(method) && (query.name ?? "").length > 1,
  });
  const rows = (data?.[document.listField] ?? []).filter((row) => row.id !== id);
  if (rows.length === 0) return null;
  return (
    <Alert
      className="note" type="warning" showIcon title={t("form.duplicates", { title: document.title })}
      description={<ul className="plain-list">{rows.slice(0, 5).map((row) => <li key={row.id}><AppLink to={routeOf(document, row.id)}>{titleOf(document, row)}</AppLink></li>)}</ul>}
    />
  );
}
