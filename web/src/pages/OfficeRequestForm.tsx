import { Alert, Button, Skeleton } from "antd";
import { useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { AppLink, routeOf, useGo } from "@/app/links";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, textOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { refusalText } from "@/contract/format";
import { EditingNotes } from "@/documents/EditingNotes";
import { useSaveKey } from "@/documents/GenericForm";
import { PageProblem } from "@/documents/PageProblem";
import { asWritten, useEditing } from "@/documents/useEditing";
import { FilesOf } from "@/forms/FieldFiles";
import { FormFields } from "@/forms/FormFields";
import { FormTiles } from "@/forms/FormTiles";
import { nameIn, type FormVersion, type TypedValues } from "@/forms/typed";
import { useFilled } from "@/forms/useForms";
import { ApprovalPath } from "./ApprovalPath";
import { useSubmit } from "./useSubmit";

/** Fill in a designed form: which one, where nobody said so, then its fields. */
export default function OfficeRequestForm({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const { id } = useParams();
  const [params] = useSearchParams();
  const formId = params.get("form");
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  if (id || formId) return <Filling key={id ?? formId} document={document} row={data} formId={formId ?? String(data?.formId)} />;
  return (
    <section className="page">
      <header className="page-head"><h1>{t("forms.choose")}</h1></header>
      <div className="card"><FormTiles /></div>
    </section>
  );
}

function Filling({ document, row, formId }: { document: DocumentMeta; row: Row | undefined; formId: string }) {
  const { t, i18n } = useTranslation();
  const meta = useMeta();
  const go = useGo();
  const editing = useEditing(document, row, useMemo(() => ({ formId, values: {} }), [formId]), asWritten, formId);
  const [keeping, setKeeping] = useState(false);
  const values = (editing.values.values ?? {}) as TypedValues;
  const filled = useFilled(formId, values);
  // the form stays where one answer fails; what would be computed with these values is unknown then
  const known = useRef(filled.data);
  known.current = filled.data ?? known.current;
  const sending = useSubmit(document, (answer) => {
    notifySuccess(t("requisition.submitted"));
    go(routeOf(document, answer.id), { replace: true });
  }, editing.refuse);
  const form = known.current?.form ?? (row?.form as FormVersion | undefined);
  const keep = async () => {
    const fresh = !editing.saved;
    const answer = await editing.submit();
    if (answer && fresh) go(`${routeOf(document, answer.id)}/edit`, { replace: true });
    return answer;
  };
  const submit = async () => {
    setKeeping(true);
    const answer = await editing.submit().finally(() => setKeeping(false));
    if (answer) await sending.submit(answer);
  };
  useSaveKey(() => void keep());
  if (filled.error && !form) return <PageProblem error={filled.error} retry={() => void filled.refetch()} />;
  if (!form) return <Skeleton active className="page" />;
  // what is typed is wrong as soon as it is typed; what is missing only once it is sent
  const live = Object.fromEntries(
    (filled.data?.violations ?? []).filter(({ reason }) => reason !== "FIELD_REQUIRED").map(({ field, reason, facts }) => [field, refusalText(meta.refusals[reason]?.message ?? textOf(meta, reason), facts)]),
  );
  const refused = Object.fromEntries(Object.entries(editing.errors).filter(([path]) => path.startsWith("values.")).map(([path, text]) => [path.slice("values.".length), text]));
  const set = (key: string, value: unknown) => {
    const { [key]: _, ...others } = values;
    editing.set("values", value === undefined || value === "" ? others : { ...others, [key]: value });
  };
  const computed = filled.data?.values ?? {};
  const shown = { ...values, ...Object.fromEntries(form.fields.filter(({ kind }) => kind === "COMPUTED").map(({ key }) => [key, computed[key]])) };
  return (
    <section className="page">
      <header className="page-head">
        <h1>{nameIn(form, i18n.language)} {editing.saved?.number ? <span className="count">{String(editing.saved.number)}</span> : null}</h1>
        <div className="page-tools">
          <AppLink to={editing.saved ? routeOf(document, editing.saved.id) : document.route} className="quiet-link">{t("action.close")}</AppLink>
          <Button onClick={() => void keep()} loading={editing.saving && !keeping} disabled={Boolean(editing.saved) && !editing.dirty}>{t("requisition.keep")}</Button>
          <Button type="primary" onClick={() => void submit()} loading={keeping || sending.pending} disabled={Boolean(editing.conflict)} data-action="submit">{methodOf(document, "submit")?.label}</Button>
        </div>
      </header>
      {sending.dialog}
      {form.description && <p className="quiet">{form.description}</p>}
      <EditingNotes document={document} editing={editing} />
      {filled.error && <Alert className="note" type="warning" showIcon {...sentenceOf(filled.error)} />}
      <div className="with-side">
        <div>
          <FilesOf value={{ documentType: document.key, documentId: editing.saved?.id ?? "", version: editing.saved?.etag, save: async () => (await keep())?.id }}>
            <FormFields form={form} values={shown} hidden={known.current?.hiddenKeys ?? []} required={known.current?.requiredKeys ?? []} errors={{ ...live, ...refused }} onChange={set} />
          </FilesOf>
        </div>
        <aside className="side-column">
          <ApprovalPath document={document} id={editing.saved?.id} version={editing.saved?.etag} />
        </aside>
      </div>
    </section>
  );
}
