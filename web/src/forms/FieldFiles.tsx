/** Files of one field of a designed form: brought in beside the form, named in its values. */
import { PaperClipOutlined } from "@ant-design/icons";
import { createContext, useContext, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { FileButton } from "@/attachments/AttachmentsPanel";
import { FileRow, InterruptedRow, UploadRow } from "@/attachments/FileRow";
import { add, type Attachment } from "@/attachments/upload";
import { interrupted, sizeText, useAttachments } from "@/attachments/useAttachments";
import { mostFiles, type TypedField } from "@/contract/typedFields";

interface Owner {
  documentType: string;
  /** Empty until it is saved for the first time. */
  documentId: string;
  version?: string;
  /** Save it, so that there is something for files to belong to; its id, or nothing where that was refused. */
  save?: () => Promise<string | undefined>;
}

/** Whose files the fields of a form hold. */
export const FilesOf = createContext<Owner | undefined>(undefined);

function idsIn(value: unknown): string[] {
  return Array.isArray(value) ? (value as string[]) : [];
}

function useFiles(field: TypedField) {
  const owner = useContext(FilesOf) ?? { documentType: "", documentId: "" };
  const partId = `values.${field.key}`;
  const { files, admission, uploads, refresh } = useAttachments(owner.documentType, owner.documentId, owner.version);
  const rows = (files.data?.rows ?? []).filter((row) => row.partId === partId);
  return { owner, partId, rows, known: files.data !== undefined, admission, uploads: uploads.filter(({ target }) => target.partId === partId), refresh };
}

interface Props {
  id: string;
  field: TypedField;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** To be filled in: what is there, what is on its way, and a button for more. */
export function FilesInput({ id, field, value, onChange }: Props) {
  const { t } = useTranslation();
  const { owner, partId, rows, known, admission, uploads, refresh } = useFiles(field);
  const ready = rows.filter(({ state }) => state === "READY").map((row) => row.id);
  const put = useRef(onChange);
  put.current = onChange;
  // the value follows the files: one that has come, or was taken away
  const [now, held] = [ready.join(" "), idsIn(value).join(" ")];
  useEffect(() => {
    if (known && now !== held) put.current(now ? now.split(" ") : undefined);
  }, [known, now, held]);
  const start = async (chosen: File[], before?: Attachment) => {
    const documentId = owner.documentId || (await owner.save?.());
    if (documentId) add(chosen.slice(0, mostFiles(field) - ready.length), { documentType: owner.documentType, documentId, partId }, before);
  };
  const listed = rows.filter(({ state }) => state === "READY" || state === "CHECKING" || state === "REFUSED");
  const full = ready.length + uploads.length >= mostFiles(field);
  return (
    <div id={id} className="attachments field-files">
      <ul className="files">
        {listed.map((file) => <FileRow key={file.id} file={file} scanned={admission?.scanned ?? false} onChanged={refresh} />)}
        {interrupted(rows, uploads).map((file) => <InterruptedRow key={file.id} file={file} onChosen={(chosen) => void start([chosen], file)} onChanged={refresh} />)}
        {uploads.map((upload) => <UploadRow key={upload.key} upload={upload} />)}
      </ul>
      {!full && owner.documentType && (
        <div className="add-files">
          <FileButton label={t("attachments.add")} icon={<PaperClipOutlined />} accept={admission?.extensions.map((one) => `.${one}`).join(",")} onChosen={(chosen) => void start(chosen)} />
          {admission && <small className="quiet">{t("forms.filesHint", { count: mostFiles(field), size: sizeText(admission.limitBytes) })}</small>}
        </div>
      )}
    </div>
  );
}

/** To be read: the files, as far as the reader may see them. */
export function FilesValue({ field, value }: { field: TypedField; value: unknown }) {
  const { t } = useTranslation();
  const { owner, rows, admission, refresh } = useFiles(field);
  const ids = idsIn(value);
  if (!owner.documentId) return <>{t("forms.files", { count: ids.length })}</>;
  return (
    <ul className="files">
      {ids.map((key) => {
        const file = rows.find((row) => row.id === key);
        return file ? <FileRow key={key} file={{ ...file, allowedActions: [] }} scanned={admission?.scanned ?? false} onChanged={refresh} /> : <li key={key}>{t("forms.files", { count: 1 })}</li>;
      })}
    </ul>
  );
}
