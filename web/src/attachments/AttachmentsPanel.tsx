import { CameraOutlined, PaperClipOutlined } from "@ant-design/icons";
import { Alert, Button, Skeleton } from "antd";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import { sentenceOf } from "@/app/notify";
import { FileRow, InterruptedRow, UploadRow } from "./FileRow";
import { add, type Attachment } from "./upload";
import { interrupted, sizeText, useAttachments } from "./useAttachments";

interface Props {
  documentType: string;
  documentId: string;
  /** Of the document: what may be added follows from how it stands. */
  version?: string;
  /** Those of a part of the document alone, as a turn of a case; and new ones are added to it. */
  partId?: string;
  /** Inside of something that is a card already. */
  plain?: boolean;
}

/** The files of a document: what is there, what is on its way, and a place to drop more where that is allowed. */
export function AttachmentsPanel({ documentType, documentId, version, partId = "", plain = false }: Props) {
  const { t } = useTranslation();
  const { files, admission, uploads, refresh } = useAttachments(documentType, documentId, version);
  const mine = ({ partId: part }: { partId: string }) => !plain || part === partId;
  const rows = (files.data?.rows ?? []).filter(mine);
  const sending = uploads.filter(({ target }) => mine(target));
  const [over, setOver] = useState(false);
  const start = (chosen: File[], known?: Attachment) => add(chosen, { documentType, documentId, partId }, known);
  const place = useRef<HTMLElement>(null);
  const taken = useRef(start);
  taken.current = start;
  const mayAdd = admission?.mayAdd ?? false;
  useEffect(() => (mayAdd && place.current ? dropping(place.current, setOver, (dropped) => taken.current(dropped)) : undefined), [mayAdd]);
  // whoever may not see the document sees no files of it either, and no gap where they would be
  if (files.error instanceof ApiError && (files.error.missing || files.error.forbidden)) return null;
  const listed = rows.filter(({ state }) => state === "READY" || state === "REFUSED" || state === "CHECKING" || state === "REMOVED");
  const count = rows.filter(({ state }) => state === "READY").length;
  return (
    <section ref={place} className={`attachments ${plain ? "" : "card"} ${over ? "over" : ""}`} aria-label={t("attachments.title")}>
      <h2>{t("attachments.title")} <span className="count">{count}</span></h2>
      {files.error && <Alert type="error" showIcon className="note" title={sentenceOf(files.error).title} />}
      {!files.data && !files.error && <Skeleton active title={false} paragraph={{ rows: 1 }} />}
      {files.data && listed.length + sending.length === 0 && !admission?.mayAdd && <p className="quiet">{t("attachments.none")}</p>}
      <ul className="files">
        {listed.map((file) => <FileRow key={file.id} file={file} scanned={admission?.scanned ?? false} onChanged={refresh} />)}
        {interrupted(rows, uploads).map((file) => <InterruptedRow key={file.id} file={file} onChosen={(chosen) => start([chosen], file)} onChanged={refresh} />)}
        {sending.map((upload) => <UploadRow key={upload.key} upload={upload} />)}
      </ul>
      {admission?.mayAdd && (
        <div className="add-files">
          <FileButton label={t("attachments.add")} icon={<PaperClipOutlined />} accept={admission.extensions.map((one) => `.${one}`).join(",")} onChosen={start} />
          <FileButton label={t("attachments.photo")} icon={<CameraOutlined />} accept="image/*" camera onChosen={start} />
          <small className="quiet">{t("attachments.hint", { size: sizeText(admission.limitBytes) })}</small>
        </div>
      )}
    </section>
  );
}

/** Files are dropped on an element; what undoes it. The buttons do the same for a keyboard. */
function dropping(place: HTMLElement, over: (over: boolean) => void, take: (files: File[]) => void): () => void {
  const stop = new AbortController();
  const on = (name: "dragover" | "dragleave" | "drop", work: (event: DragEvent) => void) => place.addEventListener(name, work, { signal: stop.signal });
  on("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  on("dragleave", () => over(false));
  on("drop", (event) => {
    event.preventDefault();
    over(false);
    take([...(event.dataTransfer?.files ?? [])]);
  });
  return () => stop.abort();
}

interface ButtonProps {
  label: string;
  icon?: ReactNode;
  accept?: string;
  /** Shown where there is a finger: the device's camera is opened at once. */
  camera?: boolean;
  single?: boolean;
  onChosen: (files: File[]) => void;
}

/** A button that asks the device for files. */
export function FileButton({ label, icon, accept, camera = false, single = false, onChosen }: ButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <span className={camera ? "camera" : undefined}>
      <Button icon={icon} onClick={() => input.current?.click()}>{label}</Button>
      <input
        ref={input} type="file" className="gone" aria-label={label} accept={accept} multiple={!single && !camera} {...(camera ? { capture: "environment" as const } : {})}
        onChange={({ target }) => {
          const chosen = [...(target.files ?? [])];
          // the same file can be chosen again
          target.value = "";
          if (chosen.length > 0) onChosen(chosen);
        }}
      />
    </span>
  );
}
