import { Button, Form, Skeleton } from "antd";
import { useEffect, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useDocument, useList } from "@/api/documents";
import { withCompany } from "@/api/context";
import { problemOf } from "@/api/errors";
import { AppLink, routeOf, useGo } from "@/app/links";
import { notifySuccess } from "@/app/notify";
import { group, sum } from "@/contract/decimal";
import { fieldOf, membersOf, methodOf, type DocumentMeta, type Field, type Row } from "@/contract/meta";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { EditingNotes } from "@/documents/EditingNotes";
import { FieldsForm } from "@/documents/FieldsForm";
import { usefulFields, useBaseCurrency, useInitialValues, useSaveKey } from "@/documents/GenericForm";
import { LinesGrid } from "@/documents/LinesGrid";
import { PageProblem } from "@/documents/PageProblem";
import { useEditing, type Editing } from "@/documents/useEditing";
import { useRules } from "@/documents/useRules";
import type { Values } from "@/documents/formValues";
import { AttachmentsPanel } from "@/attachments/AttachmentsPanel";
import { ApprovalPath } from "./ApprovalPath";
import { useSubmit } from "./useSubmit";
import { amountOf, deriveLine, incompleteLine, isBlank, isLocked, orderColumns, withoutBlankEnd } from "./requisitionLines";

/** Write a requisition. The draft is kept by the server as it grows, so that it is found again on any device. */
export default function RequisitionForm({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <Draft key={id ?? "new"} document={document} row={data} />;
}

/** What is meant: no lines still blank, and a title, the first line's where none is written. */
function meant(values: Values): Values {
  const lines = withoutBlankEnd(values.lines as Values[]);
  return { ...values, title: values.title || lines[0]?.description, lines };
}

const AUTOSAVE_MS = 1_000;
const KEPT_MS = 300_000;

function Draft({ document, row }: { document: DocumentMeta; row: Row | undefined }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const go = useGo();
  const initial = useInitialValues(document);
  const editing = useEditing(document, row, useMemo(() => ({ ...initial, urgency: "NORMAL", lines: [] }), [initial]), meant);
  const { values, saved, dirty } = editing;
  const linesField = fieldOf(document, "lines")!;
  const members = useMemo(() => orderColumns(membersOf(meta, linesField.message)), [meta, linesField]);
  const lines = values.lines as Values[];
  const autosave = useAutosave(document, editing, members);
  const [keeping, setKeeping] = useState(false);
  const sending = useSubmit(document, (answer) => {
    notifySuccess(t("requisition.submitted"));
    go(routeOf(document, answer.id), { replace: true });
  }, editing.refuse);
  const rateOfCategory = useCategoryRates();
  const baseCurrency = useBaseCurrency();
  const submit = async () => {
    setKeeping(true);
    const kept = await autosave.save().finally(() => setKeeping(false));
    if (kept) await sending.submit(kept);
  };
  useSaveKey(() => void autosave.save());
  const ruled = useRules(document, editing.fields, values);
  const fields = usefulFields(ruled.fields, values, baseCurrency).filter(({ name }) => name !== "lines");
  const total = sum(lines.map(amountOf), 2);
  return (
    <section className="page">
      <header className="page-head">
        <h1>{saved ? String(values.title || document.title) : t("list.new", { title: document.title })}</h1>
        <div className="page-tools">
          <span className="quiet" role="status">{autosave.status}</span>
          <AppLink to={saved ? routeOf(document, saved.id) : document.route} className="quiet-link">{t("action.close")}</AppLink>
          <Button onClick={() => void autosave.save()} loading={editing.saving} disabled={!dirty}>{t("requisition.keep")}</Button>
          <Button type="primary" onClick={() => void submit()} loading={keeping || sending.pending} disabled={lines.every(isBlank) || Boolean(editing.conflict)} data-action="submit">
            {methodOf(document, "submit")?.label}
          </Button>
        </div>
      </header>
      {sending.dialog}
      <EditingNotes document={document} editing={editing} />
      <div className="with-side">
        <Form layout="vertical" component="div" className="card">
          <FieldsForm fields={fields} values={{ ...values, ...ruled.computed }} onChange={editing.set} errors={editing.errors} autoFocus={!row} />
        </Form>
        <aside className="side-column">
          <ApprovalPath document={document} id={saved?.id} version={saved?.etag} />
        </aside>
      </div>
          <section className="card" aria-label={linesField.label}>
            <h2>{linesField.label} <span className="count">{t("list.count", { count: lines.filter((line) => !isBlank(line)).length })}</span></h2>
            <LinesGrid
              label={linesField.label} fields={members} rows={lines} onChange={(next) => editing.set("lines", next)} errors={editing.errors} prefix="lines" maxRows={linesField.maxItems}
              derive={(line, field, picked) => deriveLine(line, field, picked, rateOfCategory)} readOnly={isLocked} previewsAfter="taxRate"
              previews={[{ key: "amount", label: members.find(({ name }) => name === "amount")?.label ?? "", text: (line) => (amountOf(line) ? group(amountOf(line), 2) : "") }]}
            />
            <p className="preview-total">{t("requisition.previewTotal")} <strong className="figure">{group(total, 2)}</strong> {String(values.currency ?? "")}</p>
          </section>
      {saved && <AttachmentsPanel documentType={document.key} documentId={saved.id} version={saved.etag} />}
    </section>
  );
}

/** Input VAT by category; a short list that is kept. */
function useCategoryRates(): (id: string) => string {
  const categories = useList(useDocumentMeta("inventory.item_category"), { pageSize: 200 }, true, KEPT_MS);
  return (id) => String(categories.data?.rows.find((row) => row.id === id)?.taxRate ?? "");
}

/** Keep the draft on the server a moment after the last key, once every line says what the server must know. */
function useAutosave(document: DocumentMeta, editing: Editing, members: Field[]) {
  const { t } = useTranslation();
  const { values, dirty, saved, saving, conflict, submit } = editing;
  const [refused, setRefused] = useState<Values>();
  const lines = withoutBlankEnd(values.lines as Values[]);
  const incomplete = incompleteLine(lines, members);
  const titled = Boolean(values.title || lines[0]?.description);
  const ready = titled && !incomplete && !conflict;
  const save = async (): Promise<Row | undefined> => {
    if (incomplete) {
      editing.setErrors({ [`lines[${incomplete.line - 1}].${incomplete.field.name}`]: t("requisition.missing", { label: incomplete.field.label }) });
      return undefined;
    }
    const answer = await submit();
    if (!answer) setRefused(values);
    else if (!saved) history.replaceState(history.state, "", withCompany(`${routeOf(document, answer.id)}/edit`));
    return answer;
  };
  const latest = useRef(save);
  latest.current = save;
  useEffect(() => {
    if (!dirty || !ready || saving || values === refused) return;
    const timer = setTimeout(() => void latest.current(), AUTOSAVE_MS);
    return () => clearTimeout(timer);
  }, [values, dirty, ready, saving, refused]);
  const status = saving
    ? t("requisition.saving")
    : dirty
      ? incomplete
        ? t("requisition.incomplete", { line: incomplete.line, label: incomplete.field.label })
        : titled ? t("requisition.unsaved") : ""
      : saved ? t("requisition.saved") : "";
  return { save, status };
}
