/** Imports: files on their way to documents, kept by the service that owns those. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { DocumentMeta } from "@/contract/meta";
import { context } from "./context";
import { call } from "./http";

export interface ImportColumn {
  position: number;
  header: string;
  field: string;
  examples: string[];
}

export interface ImportStep {
  kind: string;
  createTime: string;
  actorId: string;
  documentCount: number;
  problemCount: number;
  reason: string;
}

export interface ImportBatch {
  id: string;
  documentType: string;
  fileName: string;
  state: string;
  actorId: string;
  createTime: string;
  expireTime: string | null;
  columns: ImportColumn[];
  fields: { path: string; required: boolean }[];
  rowCount: number;
  documentCount: number;
  problemCount: number;
  skippedCount: number;
  importedCount: number;
  undoneCount: number;
  keptCount: number;
  doneCount: number;
  totalCount: number;
  steps: ImportStep[];
  trouble: string;
  /** Why it cannot be taken back as a whole; empty: it can. */
  noWayBack: string;
}

export interface ImportProblem {
  rowNumber: number;
  position: number;
  header: string;
  field: string;
  value: string;
  reason: string;
  message: string;
}

const UNDER_WAY = ["CHECKING", "IMPORTING", "UNDOING"];
const EVERY_MS = 1_000;

export function underWay({ state }: ImportBatch): boolean {
  return UNDER_WAY.includes(state);
}

function path(document: DocumentMeta, id = ""): string {
  return `/v1/${document.service}/import-batches${id && `/${id}`}`;
}

/** Batches of a type, newest first: the caller's own, or everybody's. */
export function useBatches(document: DocumentMeta, everybody: boolean) {
  const address = everybody ? path(document) : `/v1/${document.service}/own-import-batches`;
  return useQuery({
    queryKey: ["platform.import_batch", document.key, context.company, everybody],
    queryFn: () => call<{ importBatches: ImportBatch[] }>("GET", address, { query: { documentType: document.key, pageSize: 50 } }),
  });
}

/** One batch; asked again every second while something is done to it. What it made is looked up anew afterwards. */
export function useBatch(document: DocumentMeta, id: string) {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ["platform.import_batch", document.key, context.company, "one", id],
    queryFn: () => call<ImportBatch>("GET", path(document, id)),
    refetchInterval: ({ state }) => (state.data && underWay(state.data) ? EVERY_MS : false),
  });
  const state = query.data?.state;
  useEffect(() => {
    if (state === "IMPORTED" || state === "UNDONE") void client.invalidateQueries({ queryKey: [document.key] });
  }, [client, document.key, state]);
  return query;
}

export function useProblems(document: DocumentMeta, batch: ImportBatch, pages: number) {
  return useQuery({
    queryKey: ["platform.import_batch", document.key, context.company, "problems", batch.id, batch.state, pages],
    queryFn: async () => {
      const found: ImportProblem[] = [];
      let pageToken = "";
      for (let page = 0; page < pages; page++) {
        const answer = await call<{ problems: ImportProblem[]; nextPageToken: string }>("GET", `${path(document, batch.id)}/problems`, { query: { pageSize: 100, pageToken } });
        found.push(...answer.problems);
        pageToken = answer.nextPageToken;
        if (!pageToken) break;
      }
      return { problems: found, more: Boolean(pageToken) };
    },
    enabled: !underWay(batch),
  });
}

/** check, start, cancel, undo. */
export function useBatchAction(document: DocumentMeta, id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ verb, body = {} }: { verb: string; body?: Record<string, unknown> }) => call<ImportBatch>("POST", `${path(document, id)}:${verb}`, { body }),
    onSuccess: (batch) => {
      client.setQueryData(["platform.import_batch", document.key, context.company, "one", id], batch);
      void client.invalidateQueries({ queryKey: ["platform.import_batch", document.key] });
    },
  });
}

export function uploadFile(document: DocumentMeta, file: File): Promise<ImportBatch> {
  return call<ImportBatch>("POST", `${document.path}:importFile`, { file, query: { fileName: file.name } });
}

export function correctionPath(document: DocumentMeta, id: string): string {
  return `${path(document, id)}:rowsToCorrect`;
}
