/** Names behind ids: all ids that a page asks for in one moment become one `:batchGet`, and every answer is kept. */
import { useQueries, useQuery, type QueryClient, type QueryFunctionContext } from "@tanstack/react-query";
import { useMeta } from "@/contract/useMeta";
import type { DocumentMeta, Row } from "@/contract/meta";
import { context } from "./context";
import { call } from "./http";

interface Waiting {
  ids: Set<string>;
  answer: Promise<Map<string, Row>>;
}

const waiting = new Map<string, Waiting>();
const LARGEST_BATCH = 200;

async function fetchBatch(document: DocumentMeta, ids: string[]): Promise<Map<string, Row>> {
  const found = new Map<string, Row>();
  for (let start = 0; start < ids.length; start += LARGEST_BATCH) {
    const answer = await call<Record<string, Row[]>>("GET", document.methods.batchGet.path, {
      query: { ids: ids.slice(start, start + LARGEST_BATCH) },
    });
    for (const row of answer[document.listField] ?? []) found.set(row.id, row);
  }
  return found;
}

function loadOne(document: DocumentMeta, id: string): Promise<Row | null> {
  const slot = `${context.company} ${document.key}`;
  let batch = waiting.get(slot);
  if (!batch) {
    const ids = new Set<string>();
    const answer = new Promise((resolve) => setTimeout(resolve)).then(() => {
      waiting.delete(slot);
      return fetchBatch(document, [...ids]);
    });
    batch = { ids, answer };
    waiting.set(slot, batch);
  }
  batch.ids.add(id);
  return batch.answer.then((rows) => rows.get(id) ?? null);
}

function referenceQuery(document: DocumentMeta | undefined, id: string) {
  return {
    queryKey: [document?.key, "ref", context.company, id],
    queryFn: (_: QueryFunctionContext) => loadOne(document!, id),
    enabled: Boolean(id && document?.methods.batchGet),
    staleTime: 300_000,
    retry: false,
  };
}

/** Ask for a record by id outside a component, from the cache where it is there. */
export function loadReference(client: QueryClient, document: DocumentMeta, id: string): Promise<Row | null> {
  return client.fetchQuery(referenceQuery(document, id));
}

export function useReference(key: string | undefined, id: string | undefined): Row | null | undefined {
  const meta = useMeta();
  return useQuery(referenceQuery(key ? meta.documents[key] : undefined, id ?? "")).data;
}

/** Titles by id; ids that are not known yet, or may not be seen, are missing. */
export function useReferenceTitles(key: string, ids: string[]): Map<string, string> {
  const meta = useMeta();
  const document = meta.documents[key];
  const rows = useQueries({ queries: [...new Set(ids)].map((id) => referenceQuery(document, id)) });
  return new Map(rows.flatMap(({ data }) => (data ? [[data.id, nameOf(document, data)]] : [])));
}

/** The shortest thing a person would call it: the name where there is one, else number, else code. */
export function nameOf(document: DocumentMeta, row: Row): string {
  const preferred = ["name", "number", "code"].find((name) => document.titleFields.includes(name) && row[name]);
  return String(row[preferred ?? camelTitle(document, row)] ?? "");
}

/** Code and name together, as in a picker. */
export function titleOf(document: DocumentMeta, row: Row): string {
  return document.titleFields.map((name) => row[name]).filter((part) => typeof part === "string" && part !== "").join(" ");
}

function camelTitle(document: DocumentMeta, row: Row): string {
  return document.titleFields.find((name) => row[name]) ?? "id";
}
