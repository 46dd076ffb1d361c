import { Alert, Form, Input, Modal } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useFresh } from "@/documents/useFresh";
import { Differences, type Content } from "./Differences";
import { useVersions } from "./Versions";

/** What changes with the publishing, and why: the note stays with the version. */
export function PublishDialog({ document, flow: opened, onClose, onDone }: { document: DocumentMeta; flow: Row; onClose: () => void; onDone: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [note, setNote] = useState("");
  const fresh = useFresh(document, opened);
  const flow = fresh.record;
  const [refused, setRefused] = useState<unknown>();
  const run = useAction(document, true);
  const published = useVersions(document, flow.id).find(({ version }) => version === flow.publishedVersion);
  const label = methodOf(document, "publish")!.label!;
  const publish = () => {
    setRefused(undefined);
    return fresh.send(async () => {
      await run.mutateAsync({ action: "publish", id: flow.id, body: { etag: flow.etag, note: note.trim() } });
      notifySuccess(t("action.done", { action: label }));
      onDone();
    }).catch(setRefused);
  };
  return (
    <Modal open title={label} onCancel={onClose} onOk={() => void publish()} okText={label} cancelText={t("action.cancel")} confirmLoading={run.isPending} okButtonProps={{ disabled: note.trim() === "" }}>
      {fresh.note}
      {refused !== undefined && <Alert className="note" type="error" showIcon title={sentenceOf(refused).title} description={sentenceOf(refused).description} />}
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
