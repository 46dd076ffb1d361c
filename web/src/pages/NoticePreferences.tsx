import { Alert, Button, Form, Skeleton, Tabs } from "antd";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { callMethod } from "@/api/documents";
import { problemOf, violationsByField } from "@/api/errors";
import { useCan } from "@/api/me";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { FieldsForm } from "@/documents/FieldsForm";
import { PageProblem } from "@/documents/PageProblem";
import { withoutErrors, type Values } from "@/documents/formValues";

interface Preference extends Row {
  source: string;
  email: string;
  mailWorks: boolean;
  pace: string;
  quiet: string;
}

/** A refusal stands in its own place here. */
const SHOWN = { shown: true };
const WITH_TIMES = ["HOURS", "HOURS_AND_DAYS_OFF"];

/** How I am told of notices; for who may, what holds in the company. */
export default function NoticePreferences() {
  const { t } = useTranslation();
  const document = useDocumentMeta("approval.notice_preference");
  const can = useCan();
  const company = can(methodOf(document, "setDefault"));
  const mine = <PreferenceForm document={document} whose="Mine" />;
  return (
    <section className="page">
      <header className="page-head"><h1>{t("preferences.title")}</h1></header>
      {company
        ? <Tabs items={[{ key: "mine", label: t("preferences.mine"), children: mine }, { key: "company", label: t("preferences.company"), children: <PreferenceForm document={document} whose="Default" /> }]} />
        : mine}
    </section>
  );
}

function PreferenceForm({ document, whose }: { document: DocumentMeta; whose: "Mine" | "Default" }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const key = [document.key, whose];
  const shown = useQuery({ queryKey: key, queryFn: () => callMethod<Preference>(methodOf(document, `get${whose}`)!, "", {}) });
  const [changed, setChanged] = useState<Values>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const keep = (answer: Preference) => {
    client.setQueryData(key, answer);
    setChanged({});
    setErrors({});
    notifySuccess(t("preferences.saved"));
    if (whose === "Default") void client.invalidateQueries({ queryKey: [document.key, "Mine"] });
  };
  const save = useMutation({
    meta: SHOWN,
    mutationFn: (values: Values) => callMethod<Preference>(methodOf(document, `set${whose}`)!, "", { noticePreference: values }),
    onSuccess: keep,
    onError: (error) => setErrors(violationsByField(error)),
  });
  const reset = useMutation({ meta: SHOWN, mutationFn: () => callMethod<Preference>(methodOf(document, "resetMine")!, "", {}), onSuccess: keep });
  const test = useMutation({
    meta: SHOWN,
    mutationFn: () => callMethod<{ email: string }>(methodOf(document, "testMine")!, "", {}),
    onSuccess: ({ email }) => notifySuccess(t("preferences.tested", { email })),
  });
  if (problemOf(shown)) return <PageProblem error={shown.error} retry={() => void shown.refetch()} />;
  if (!shown.data) return <Skeleton active />;
  const fields = document.fields.filter(({ readOnly, name }) => !readOnly && name !== "customFields");
  const values: Values = { ...Object.fromEntries(fields.map(({ name }) => [name, shown.data[name]])), ...changed };
  const useful = fields.filter(({ name }) => (name !== "dailyAt" || values.pace === "DAILY") && (!/^quiet(From|Until)$/.test(name) || WITH_TIMES.includes(String(values.quiet))));
  const refused = [save.error, reset.error, test.error].find(Boolean);
  const sentence = refused ? sentenceOf(refused) : undefined;
  return (
    <>
      {whose === "Mine" && <MailNote preference={shown.data} />}
      <p className="quiet">{whose === "Mine" ? sourceText(t, shown.data.source) : t("preferences.aboutCompany")}</p>
      {sentence && <Alert type="error" showIcon title={sentence.title} description={Object.keys(errors).length > 0 ? undefined : sentence.description} className="in-dialog" />}
      <Form layout="vertical" component="div" className="card">
        <FieldsForm
          fields={useful} values={values} errors={errors}
          onChange={(name, value) => {
            setChanged({ ...changed, [name]: value });
            setErrors(withoutErrors(errors, name));
          }}
        />
      </Form>
      <div className="action-bar">
        <Button type="primary" loading={save.isPending} onClick={() => save.mutate(values)}>{t("action.save")}</Button>
        {whose === "Mine" && shown.data.source === "PERSON" && <Button loading={reset.isPending} onClick={() => reset.mutate()}>{methodOf(document, "resetMine")?.label}</Button>}
        {whose === "Mine" && shown.data.mailWorks && shown.data.email && <Button loading={test.isPending} onClick={() => test.mutate()}>{methodOf(document, "testMine")?.label}</Button>}
      </div>
    </>
  );
}

/** From where the preferences come that hold for somebody. */
function sourceText(t: TFunction, source: string): string {
  if (source === "PERSON") return t("preferences.from.PERSON");
  return source === "COMPANY" ? t("preferences.from.COMPANY") : t("preferences.from.PRODUCT");
}

function MailNote({ preference: { mailWorks, email } }: { preference: Preference }) {
  const { t } = useTranslation();
  if (!mailWorks) return <Alert type="info" showIcon title={t("preferences.noMail")} className="in-dialog" />;
  return email ? <p>{t("preferences.mailTo", { email })}</p> : <Alert type="warning" showIcon title={t("preferences.noEmail")} className="in-dialog" />;
}
