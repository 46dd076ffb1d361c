/** The files of one document, what may be done with them, and those that are on their way from this page. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useSyncExternalStore } from "react";
import { useList } from "@/api/documents";
import { context } from "@/api/context";
import { call } from "@/api/http";
import { useDocumentMeta } from "@/contract/useMeta";
import { all, onSettled, PATH, subscribe, type Attachment, type Upload } from "./upload";

export interface Admission {
  mayAdd: boolean;
  limitBytes: number;
  extensions: string[];
  scanned: boolean;
}

export const ATTACHMENT = "documents.attachment";
const SHOWN = 200;

/** `version` of the document: what may be added follows from its state. */
export function useAttachments(documentType: string, documentId: string, version?: string) {
  const client = useQueryClient();
  const document = useDocumentMeta(ATTACHMENT);
  const files = useList<Attachment>(document, { pageSize: SHOWN, orderBy: "create_time", extra: { documentType, documentId } }, Boolean(documentId));
  const admission = useQuery({
    queryKey: [ATTACHMENT, "admit", context.company, documentType, documentId, version],
    queryFn: ({ signal }) => call<Admission>("GET", `${PATH}:admit`, { query: { documentType, documentId }, signal }),
    enabled: Boolean(documentId),
  });
  useEffect(() => onSettled(() => void client.invalidateQueries({ queryKey: [ATTACHMENT] })), [client]);
  const uploads = useSyncExternalStore(subscribe, all).filter(({ target }) => target.documentType === documentType && target.documentId === documentId);
  return { document, files, admission: admission.data, uploads, refresh: () => void client.invalidateQueries({ queryKey: [ATTACHMENT] }) };
}

/** Where a file is fetched; the right is asked for when it is. */
export function addressOf(file: { id: string }, verb: "download" | "preview", more = ""): string {
  const company = context.company ? `&company=${context.company}` : "";
  return `${PATH}/${file.id}:${verb}?locale=${context.locale}${company}${more}`;
}

/** Unfinished files of the caller that nothing on this page is sending. */
export function interrupted(files: Attachment[], uploads: Upload[]): Attachment[] {
  const sending = new Set(uploads.map(({ id }) => id));
  return files.filter(({ id, state }) => state === "UPLOADING" && !sending.has(id));
}

const UNITS = ["B", "KiB", "MiB", "GiB"];

export function sizeText(bytes: number): string {
  let [value, unit] = [bytes, 0];
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${UNITS[unit]}`;
}
