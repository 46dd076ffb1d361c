/** Questions and actions about any document of the contract. Query keys begin with the document's name, so that one event refreshes all of them. */
import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient, type QueryClient } from "@tanstack/react-query";
import { askedFields } from "@/contract/customFields";
import { camel, methodOf, type DocumentMeta, type Method, type Row } from "@/contract/meta";
import { context } from "./context";
import { call, fillPath, type Query } from "./http";

export interface ListParams {
  /** Also count the whole filter and sum its totals. */
  summarize?: boolean;
  filter?: string;
  orderBy?: string;
  search?: string;
  pageSize?: number;
  /** Of a row; all where nothing is said. */
  fields?: string[];
  extra?: Query;
}

export interface ListPage<T extends Row = Row> {
  rows: T[];
  nextPageToken: string;
  totalSize: number;
  totalSizeCapped: boolean;
  totals: Record<string, string>;
}

export async function fetchList<T extends Row>(
  document: DocumentMeta, params: ListParams, pageToken?: string, signal?: AbortSignal,
): Promise<ListPage<T>> {
  const { filter, orderBy, search, summarize, pageSize = 50, fields, extra } = params;
  const answer = await call<Record<string, unknown>>("GET", document.path, {
    query: { filter, orderBy, search, summarize, pageSize, pageToken, fields: askedFields(fields), ...extra }, signal,
  });
  return {
    rows: (answer[document.listField] ?? []) as T[],
    nextPageToken: (answer.nextPageToken as string | undefined) ?? "",
    totalSize: (answer.totalSize as number | undefined) ?? 0,
    totalSizeCapped: Boolean(answer.totalSizeCapped),
    totals: (answer.totals as Record<string, string> | undefined) ?? {},
  };
}

/** A long list, loaded page after page by its keyset. */
export function useListPages(document: DocumentMeta, params: ListParams) {
  return useInfiniteQuery({
    queryKey: [document.key, "pages", context.company, params],
    queryFn: ({ pageParam, signal }) => fetchList(document, params, pageParam || undefined, signal),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextPageToken || undefined,
    placeholderData: keepPreviousData,
  });
}

/** Count and sums of the whole filter, asked beside the rows so that those need not wait for it. */
export function useListSummary(document: DocumentMeta, { filter, search, extra }: ListParams) {
  return useList(document, { filter, search, extra, pageSize: 1, summarize: true }).data;
}

export type ListSummary = ReturnType<typeof useListSummary>;

/** The first page of a list. `staleTime`: for how many ms it is not asked again, unless the stream tells of a change. */
export function useList<T extends Row = Row>(document: DocumentMeta | undefined, params: ListParams, enabled = true, staleTime?: number) {
  return useQuery({
    queryKey: [document?.key, "list", context.company, params],
    queryFn: ({ signal }) => fetchList<T>(document!, params, undefined, signal),
    enabled: enabled && document !== undefined,
    placeholderData: keepPreviousData,
    ...(staleTime === undefined ? {} : { staleTime }),
  });
}

export function documentKey(document: DocumentMeta, id: string) {
  return [document.key, "get", context.company, id];
}

export function fetchDocument<T extends Row>(document: DocumentMeta, id: string, options: { signal?: AbortSignal; company?: string } = {}): Promise<T> {
  const get = document.methods.get;
  return call<T>("GET", get ? fillPath(get.path, { id }) : `${document.path}/${id}`, options);
}

/** `again`: after how many ms a record that is on its way is asked again; an event of it may have been missed. */
export function useDocument<T extends Row = Row>(document: DocumentMeta | undefined, id: string | undefined, again?: (row: T) => number | false) {
  return useQuery<T>({
    refetchInterval: ({ state }) => (again && state.data ? again(state.data) : false),
    queryKey: document && id ? documentKey(document, id) : ["none"],
    queryFn: ({ signal }) => fetchDocument<T>(document!, id!, { signal }),
    enabled: Boolean(document && id),
  });
}

/** A reading verb of one document: `preview`, `listLinks`, `listRevisions`. */
export function useVerb<T>(document: DocumentMeta | undefined, verb: string, id: string | undefined, enabled = true) {
  const method = document ? methodOf(document, verb) : undefined;
  return useQuery({
    queryKey: [document?.key, verb, context.company, id],
    queryFn: ({ signal }) => call<T>("GET", fillPath(method!.path, { id: id! }), { signal }),
    enabled: enabled && Boolean(method && id),
  });
}

export function callMethod<T>(method: Method, id: string, body: Record<string, unknown>): Promise<T> {
  const options = method.verb === "GET" || method.verb === "DELETE" ? { query: body as Query } : { body };
  return call<T>(method.verb, fillPath(method.path, { id }), options);
}

/** What a saved answer already says about its record, or is asked under the name of its version. */
const ANSWERED = new Set<unknown>(["get", "preview"]);

/** A saved answer replaces the cached record at once; lists and everything derived are asked again. */
export function remember(client: QueryClient, document: DocumentMeta, row: unknown, gone?: string): void {
  const saved = row as Row | undefined;
  if (saved?.id && saved.etag) client.setQueryData(documentKey(document, saved.id), saved);
  void client.invalidateQueries({
    predicate: ({ queryKey }) => queryKey[0] === document.key && !(ANSWERED.has(queryKey[1]) && queryKey[3] === saved?.id) && queryKey[3] !== gone,
  });
}

export function useAction(document: DocumentMeta, shown = false) {
  const client = useQueryClient();
  return useMutation({
    meta: { shown },
    mutationFn: ({ action, id, body }: { action: string; id: string; body: Record<string, unknown> }) => {
      const method = methodOf(document, action);
      if (!method) throw new Error(`${document.key} has no ${action}`);
      return callMethod<Row>(method, id, body);
    },
    onSuccess: (row, { action, id }) => remember(client, document, row, action === "delete" ? id : undefined),
  });
}

/** Create, or change the fields named. What the server owns is never sent. */
export function saveDocument<T extends Row>(
  document: DocumentMeta, row: { id?: string; etag?: string }, values: Record<string, unknown>,
): Promise<T> {
  const method = row.id ? document.methods.update : document.methods.create;
  const body = row.id ? { ...values, etag: row.etag } : values;
  return call<T>(method.verb, fillPath(method.path, { id: row.id ?? "" }), { body });
}

/** `shown`: the page shows a refusal in its own place. */
export function useSave<T extends Row = Row>(document: DocumentMeta, shown = false) {
  const client = useQueryClient();
  return useMutation({
    meta: { shown },
    mutationFn: (input: { row: { id?: string; etag?: string }; values: Record<string, unknown> }) =>
      saveDocument<T>(document, input.row, input.values),
    onSuccess: (row) => remember(client, document, row),
  });
}

/** A total of the whole filter, whichever way the server spelled the field. */
export function totalOf(totals: Record<string, string>, field: { name: string; protoName: string }): string | undefined {
  return totals[field.name] ?? totals[field.protoName] ?? totals[camel(field.protoName)];
}
