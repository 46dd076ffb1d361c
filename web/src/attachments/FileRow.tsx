import { DownloadOutlined, EditOutlined, EyeOutlined, FileOutlined, FilePdfOutlined, UndoOutlined } from "@ant-design/icons";
import { Alert, Button, Form, Input, Modal, Progress } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { saveDocument, useAction } from "@/api/documents";
import { useMe } from "@/api/me";
import { call } from "@/api/http";
import { notifyError, notifySuccess, sentenceOf } from "@/app/notify";
import { refusalText, timeText } from "@/contract/format";
import { enumLabel, fieldOf, methodOf } from "@/contract/meta";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { ActionDialog, offeredActions } from "@/documents/ActionBar";
import { Reference } from "@/documents/Reference";
import { FileButton } from "./AttachmentsPanel";
import { give, pause, resume, PATH, type Attachment, type Progress as ProgressOf, type Upload } from "./upload";
import { addressOf, ATTACHMENT, sizeText } from "./useAttachments";

/** Ask whether the file can be had before the browser goes for it: what is refused is said here, not in a lost tab. */
async function fetchFile(file: Attachment, inline: boolean): Promise<void> {
  try {
    const now = await call<Attachment>("GET", `${PATH}/${file.id}`);
    if (now.state !== "READY") return notifyError(new Error(now.name));
    const link = document.createElement("a");
    link.href = addressOf(file, "download", inline ? "&inline=true" : "");
    if (inline) Object.assign(link, { target: "_blank", rel: "noopener" });
    else link.download = file.name;
    link.click();
  } catch (problem) {
    notifyError(problem);
  }
}

/** One file: what it is, who added it, and what may be done with it. */
export function FileRow({ file, scanned, onChanged }: { file: Attachment; scanned: boolean; onChanged: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const me = useMe();
  const document = useDocumentMeta(ATTACHMENT);
  const act = useAction(document);
  const [asking, setAsking] = useState(false);
  const [renaming, setRenaming] = useState(false);
  const [shown, setShown] = useState(false);
  const can = new Set(file.allowedActions);
  const label = (action: string) => methodOf(document, action)?.label ?? action;
  const state = enumLabel(meta, fieldOf(document, "state")?.enum, file.state);
  if (file.state === "REMOVED" && file.removedById !== me.employee.id) return null;
  if (file.state === "REFUSED") {
    const refusal = meta.refusals[file.refusal];
    const said = (words: string | undefined) => refusalText(words ?? "", file.refusalFacts);
    return (
      <li>
        <Alert
          type="error" showIcon title={`${file.name}: ${said(refusal?.message ?? file.refusal)}`} description={said(refusal?.remedy)}
          action={can.has("delete") && <Button size="small" onClick={() => act.mutate({ action: "delete", id: file.id, body: {} }, { onSuccess: onChanged })}>{t("attachments.clear")}</Button>}
        />
      </li>
    );
  }
  const ready = file.state === "READY";
  return (
    <li className={`file ${String(file.state).toLowerCase()}`} data-file={file.name}>
      <span className="file-picture">
        {ready && file.view === "PICTURE" ? (
          <button type="button" className="thumb" onClick={() => setShown(true)} aria-label={t("attachments.look", { name: file.name })}><img src={addressOf(file, "preview")} alt="" loading="lazy" /></button>
        ) : file.view === "PDF" ? <FilePdfOutlined aria-hidden="true" /> : <FileOutlined aria-hidden="true" />}
      </span>
      <span className="file-facts">
        {ready ? <Button type="link" className="file-name" onClick={() => void fetchFile(file, false)}>{file.name}</Button> : <span className="file-name">{file.name}</span>}
        {file.description && <small>{file.description}</small>}
        <small className="quiet">
          {sizeText(file.sizeBytes)} · <Reference document="identity.employee" id={file.addedById} plain /> · {timeText(file.addTime ?? file.createTime)}
          {!ready && ` · ${state}`}
          {ready && file.scan && (scanned || file.scan === "CLEAN") && ` · ${fieldOf(document, "scan")?.label}: ${enumLabel(meta, fieldOf(document, "scan")?.enum, file.scan)}`}
          {ready && !scanned && file.scan === "NOT_SCANNED" && ` · ${enumLabel(meta, fieldOf(document, "scan")?.enum, "NOT_SCANNED")}`}
        </small>
      </span>
      <span className="file-tools">
        {ready && file.view === "PDF" && <Button size="small" icon={<EyeOutlined />} aria-label={t("attachments.look", { name: file.name })} onClick={() => void fetchFile(file, true)} />}
        {ready && <Button size="small" icon={<DownloadOutlined />} aria-label={t("attachments.download", { name: file.name })} onClick={() => void fetchFile(file, false)} />}
        {can.has("update") && <Button size="small" icon={<EditOutlined />} aria-label={t("attachments.rename", { name: file.name })} onClick={() => setRenaming(true)} />}
        {can.has("remove") && <Button size="small" danger aria-label={t("attachments.remove", { name: file.name })} onClick={() => setAsking(true)}>{label("remove")}</Button>}
        {can.has("restore") && <Button size="small" icon={<UndoOutlined />} onClick={() => act.mutate({ action: "restore", id: file.id, body: { etag: file.etag } }, { onSuccess: onChanged })}>{label("restore")}</Button>}
      </span>
      {asking && (
        <ActionDialog
          document={document} row={file} action={offeredActions(document, ["remove"])[0]} onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false);
            onChanged();
            notifySuccess(t("action.done", { action: label("remove") }));
          }}
        />
      )}
      {renaming && <RenameDialog file={file} onClose={() => setRenaming(false)} onChanged={onChanged} />}
      {shown && (
        <Modal open title={file.name} footer={null} onCancel={() => setShown(false)} className="picture-dialog">
          <img src={addressOf(file, "preview")} alt={file.description || file.name} />
        </Modal>
      )}
    </li>
  );
}

function RenameDialog({ file, onClose, onChanged }: { file: Attachment; onClose: () => void; onChanged: () => void }) {
  const { t } = useTranslation();
  const document = useDocumentMeta(ATTACHMENT);
  const [values, setValues] = useState({ name: file.name, description: file.description });
  const [error, setError] = useState<unknown>();
  const ids = { name: useId(), description: useId() };
  const save = async () => {
    try {
      await saveDocument(document, file, values);
      onChanged();
      onClose();
    } catch (problem) {
      setError(problem);
    }
  };
  const said = error ? sentenceOf(error) : undefined;
  return (
    <Modal open title={methodOf(document, "update")?.label} onCancel={onClose} onOk={() => void save()} okText={t("action.save")} cancelText={t("action.cancel")}>
      {said && <Alert type="error" showIcon title={said.title} description={said.description} className="in-dialog" />}
      <Form layout="vertical" component="div">
        {(["name", "description"] as const).map((name) => (
          <Form.Item key={name} label={fieldOf(document, name)?.label} htmlFor={ids[name]} required={name === "name"}>
            <Input id={ids[name]} value={values[name]} maxLength={fieldOf(document, name)?.maxLength} onChange={({ target }) => setValues({ ...values, [name]: target.value })} />
          </Form.Item>
        ))}
      </Form>
    </Modal>
  );
}

/** A file that this page is sending. */
export function UploadRow({ upload }: { upload: Upload }) {
  const { t } = useTranslation();
  const { file, sent, progress, key } = upload;
  const percent = file.size ? Math.floor((100 * sent) / file.size) : 0;
  const said = upload.error ? sentenceOf(upload.error) : undefined;
  const words: Record<ProgressOf, string> = {
    waiting: t("attachments.waiting"), sending: t("attachments.sending"), paused: t("attachments.paused"),
    cut: t("attachments.cut"), checking: t("attachments.checking"), failed: t("attachments.failed"),
  };
  const moving = progress === "sending" || progress === "cut" || progress === "waiting";
  return (
    <li className="file uploading" data-upload={file.name}>
      <span className="file-facts">
        <span className="file-name">{file.name}</span>
        <Progress percent={percent} size="small" status={progress === "failed" ? "exception" : progress === "sending" ? "active" : "normal"} aria-label={t("attachments.progress", { name: file.name })} />
        <small className="quiet" role="status">{words[progress]} · {sizeText(sent)} / {sizeText(file.size)}</small>
        {said && <Alert type="error" showIcon title={said.title} description={said.description} />}
      </span>
      <span className="file-tools">
        {moving && <Button size="small" onClick={() => pause(key)}>{t("attachments.pause")}</Button>}
        {(progress === "paused" || progress === "failed") && <Button size="small" type="primary" onClick={() => resume(key)}>{progress === "failed" ? t("attachments.again") : t("attachments.resume")}</Button>}
        {progress !== "checking" && <Button size="small" danger onClick={() => void give(key)}>{t("attachments.giveUp")}</Button>}
      </span>
    </li>
  );
}

/** An upload that ended with the page it was sent from: the same file goes on where it stands. */
export function InterruptedRow({ file, onChosen, onChanged }: { file: Attachment; onChosen: (file: File) => void; onChanged: () => void }) {
  const { t } = useTranslation();
  const document = useDocumentMeta(ATTACHMENT);
  const act = useAction(document);
  const [other, setOther] = useState(false);
  return (
    <li className="file uploading">
      <span className="file-facts">
        <span className="file-name">{file.name}</span>
        <small className="quiet">{t("attachments.interrupted", { received: sizeText(file.receivedBytes), size: sizeText(file.sizeBytes) })}</small>
        {other && <small className="field-error" role="alert">{t("attachments.otherFile", { name: file.name, size: sizeText(file.sizeBytes) })}</small>}
      </span>
      <span className="file-tools">
        <FileButton label={t("attachments.goOn")} single onChosen={([chosen]) => (chosen.size === file.sizeBytes ? onChosen(chosen) : setOther(true))} />
        <Button size="small" danger onClick={() => act.mutate({ action: "delete", id: file.id, body: {} }, { onSuccess: onChanged })}>{t("attachments.giveUp")}</Button>
      </span>
    </li>
  );
}
