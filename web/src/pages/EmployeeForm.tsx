import { Button, Form, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useAction, useDocument } from "@/api/documents";
import { violationsByField } from "@/api/errors";
import { AppLink, routeOf, useGo } from "@/app/links";
import { notifySuccess } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { EditingNotes } from "@/documents/EditingNotes";
import { FieldInput } from "@/documents/FieldInput";
import { FieldsForm } from "@/documents/FieldsForm";
import { useInitialValues } from "@/documents/GenericForm";
import { PageProblem } from "@/documents/PageProblem";
import { useEditing } from "@/documents/useEditing";

/** An employee, and for a new one the first password. It travels in a body of its own: an address is written to logs. */
export default function EmployeeForm({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (id && error) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <EmployeePage key={id ?? "new"} document={document} row={data} />;
}

function EmployeePage({ document, row }: { document: DocumentMeta; row: Row | undefined }) {
  const { t, i18n } = useTranslation();
  const go = useGo();
  const editing = useEditing(document, row, { ...useInitialValues(document), locale: i18n.language });
  const reset = useAction(document);
  const [password, setPassword] = useState("");
  const passwordField = methodOf(document, "resetPassword")?.requestFields?.find(({ name }) => name === "newPassword");
  const passwordError = violationsByField(reset.error).newPassword;
  const save = async () => {
    const answer = await editing.submit();
    if (!answer) return;
    const finish = () => {
      notifySuccess(t("form.saved"));
      go(routeOf(document, answer.id), { replace: true });
    };
    if (!password) return finish();
    reset.mutate({ action: "resetPassword", id: answer.id, body: { etag: answer.etag, newPassword: password } }, { onSuccess: finish });
  };
  return (
    <section className="page">
      <header className="page-head">
        <h1>{row ? t("form.edit", { title: String(row.name) }) : t("list.new", { title: document.title })}</h1>
        <div className="page-tools">
          <AppLink to={row ? routeOf(document, row.id) : document.route} className="quiet-link">{t("action.cancel")}</AppLink>
          <Button type="primary" loading={editing.saving || reset.isPending} disabled={Boolean(editing.conflict)} onClick={() => void save()}>{t("action.save")}</Button>
        </div>
      </header>
      <EditingNotes document={document} editing={editing} />
      <Form layout="vertical" component="div" className="card">
        <FieldsForm fields={editing.fields} values={editing.values} onChange={editing.set} errors={editing.errors} autoFocus={!row} />
        {!row && passwordField && (
          <div className="fields">
            <Form.Item
              label={t("employee.initialPassword")} htmlFor="initial-password" layout="vertical" validateStatus={passwordError ? "error" : undefined}
              help={passwordError ? <span role="alert">{passwordError}</span> : t("employee.initialPasswordHelp")}
            >
              <FieldInput id="initial-password" field={passwordField} value={password} invalid={Boolean(passwordError)} onChange={(value) => setPassword(String(value))} />
            </Form.Item>
          </div>
        )}
      </Form>
    </section>
  );
}
