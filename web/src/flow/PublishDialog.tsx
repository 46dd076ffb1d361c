import { Alert, Form, Input, Modal } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { Differences, type Content } from "./Differences";
import { useVersions } from "./Versions";

/** What changes with the publishing, and why: the note stays with the version. */
export function PublishDialog({ document, flow, onClose, onDone }: { document: DocumentMeta; flow: Row; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [note, setNote] = useState("");
  const run = useAction(document, true);
  const published = useVersions(document, flow.id).find(({ version }) => version === flow.publishedVersion);
  const label = methodOf(document, "publish")!.label!;
  const publish = () =>
    run.mutate({ action: "publish", id: flow.id, body: { etag: flow.etag, note: note.trim() } }, {
      onSuccess: () => {
        notifySuccess(t("action.done", { action: label }));
        onDone();
      },
    });
  return (
    <Modal open title={label} onCancel={onClose} onOk={publish} okText={label} cancelText={t("action.cancel")} confirmLoading={run.isPending} okButtonProps={{ disabled: note.trim() === "" }}>
      {run.error && <Alert className="note" type="error" showIcon title={sentenceOf(run.error).title} description={sentenceOf(run.error).description} />}
      <p className="consequence">{t("flow.publishConsequence")}</p>
      {published && (
        <>
          <h3 className="section-title">{t("flow.sinceVersion", { version: published.version })}</h3>
          <Differences document={document} before={published} after={flow as unknown as Content} />
        </>
      )}
      <Form layout="vertical" component="div">
        <Form.Item label={t("flow.publishNote")} htmlFor={id} required>
          <Input.TextArea id={id} value={note} maxLength={200} rows={3} autoFocus onChange={({ target }) => setNote(target.value)} />
        </Form.Item>
      </Form>
    </Modal>
  );
}
