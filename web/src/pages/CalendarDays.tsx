import { UploadOutlined } from "@ant-design/icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Modal } from "antd";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import GenericList from "@/documents/GenericList";
import { ImportButton } from "@/documents/ImportButton";

interface Imported {
  createdCount: number;
  updatedCount: number;
  unchangedCount: number;
}

/** The working calendar, which comes as a file each year. */
export default function CalendarDays({ document }: { document: DocumentMeta }) {
  const can = useCan();
  return <GenericList document={document} tools={<><ImportButton document={document} />{can(methodOf(document, "import")) && <ImportFile document={document} />}</>} />;
}

function ImportFile({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const input = useRef<HTMLInputElement>(null);
  const [asked, setAsked] = useState(false);
  const method = methodOf(document, "import")!;
  const { mutate, isPending, error, reset } = useMutation({
    // a spreadsheet marks the beginning of its file with a character that is no part of it
    mutationFn: async (file: File) => call<Imported>("POST", method.path, { body: { text: (await file.text()).replace(/^\uFEFF/, "") } }),
    meta: { shown: true },
    onSuccess: (done) => {
      setAsked(false);
      notifySuccess(t("calendar.imported", { created: done.createdCount, updated: done.updatedCount, unchanged: done.unchangedCount }));
      void client.invalidateQueries({ queryKey: [document.key] });
    },
  });
  const lines = error instanceof ApiError ? error.violations : [];
  return (
    <>
      <Button icon={<UploadOutlined />} onClick={() => { reset(); setAsked(true); }}>{method.label}</Button>
      <Modal open={asked} title={method.label} onCancel={() => setAsked(false)} cancelText={t("action.close")} okText={t("calendar.choose")} confirmLoading={isPending} onOk={() => input.current?.click()}>
        <p>{t("calendar.help")}</p>
        <pre className="quiet">{"date,kind,name,company\n2026-10-01,HOLIDAY,国庆节,\n2026-10-10,WORKDAY,国庆节调休,"}</pre>
        <input
          ref={input} type="file" accept=".csv,text/csv" hidden aria-label={t("calendar.choose")}
          onChange={({ target }) => {
            const file = target.files?.[0];
            if (file) mutate(file);
            target.value = "";
          }}
        />
        {error && <Alert role="alert" type="error" showIcon title={lines.length > 0 ? t("calendar.refused", { count: lines.length }) : sentenceOf(error).title} description={<ul className="plain-list">{lines.map(({ field, description }) => <li key={field}>{description}</li>)}</ul>} />}
      </Modal>
    </>
  );
}
