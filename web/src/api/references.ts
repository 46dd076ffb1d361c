/** Names behind ids: all ids that a page asks for in one moment become one `:batchGet`, and every answer is kept. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useMeta } from "@/contract/useMeta";
import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import { context } from "./context";
import { useCan } from "./me";
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

function referenceQuery(document: DocumentMeta | undefined, id: string, allowed: boolean) {
  return {
    queryKey: [document?.key, "ref", context.company, id],
    queryFn: () => loadOne(document!, id),
    enabled: allowed && Boolean(id),
    staleTime: 300_000,
    retry: false,
  };
}

export function useReference(key: string | undefined, id: string | undefined): Row | null | undefined {
  const document = useMeta().documents[key ?? ""] as DocumentMeta | undefined;
  const allowed = useCan()(document?.methods.batchGet);
  const { data } = useQuery(referenceQuery(document, id ?? "", allowed));
  return allowed ? data : null;
}

/** Titles by id; ids that are not known yet, or may not be seen, are missing. */
export function useReferenceTitles(key: string, ids: string[]): Map<string, string> {
  const meta = useMeta();
  const document = meta.documents[key];
  const allowed = useCan()(document?.methods.batchGet);
  const rows = useQueries({ queries: [...new Set(ids)].map((id) => referenceQuery(document, id, allowed)) });
  return new Map(rows.flatMap(({ data }) => (data ? [[data.id, nameOf(document, data)]] : [])));
}

/** Title fields that hold words; those that hold the id of another record are shown by its name. */
function wordFields(document: DocumentMeta): string[] {
  return document.titleFields.filter((name) => !fieldOf(document, name)?.references);
}

/** The shortest thing a person would call it: the name where there is one, else number, else code. */
export function nameOf(document: DocumentMeta, row: Row): string {
  const words = wordFields(document);
  const name = [...["name", "number", "code"].filter((one) => words.includes(one)), ...words].find((one) => row[one]);
  return name ? String(row[name]) : document.title;
}

/** Code and name together, as in a picker. */
export function titleOf(document: DocumentMeta, row: Row): string {
  return wordFields(document).map((name) => row[name]).filter((part) => typeof part === "string" && part !== "").join(" ");
}
