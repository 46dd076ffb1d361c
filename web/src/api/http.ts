/** Calls to the gateway: company, language, CSRF and idempotency on every one of them. */
import { foldBody, spreadAnswer } from "@/contract/customFields";
import type { Method } from "@/contract/meta";
import { context, goToSignIn } from "./context";
import { ApiError, Unreachable } from "./errors";
import { answered, keyFor } from "./idempotency";
import { traceparent } from "./trace";

export type Query = Record<string, string | number | boolean | string[] | undefined>;

export interface CallOptions {
  body?: unknown;
  /** A file, in place of a body. */
  file?: File;
  query?: Query;
  signal?: AbortSignal;
  /** Nothing is changed, by whichever verb it is asked: a repeat needs no key. */
  read?: boolean;
  /** Of a record that belongs to another company than the chosen one. */
  company?: string;
}

/** Fill `{id}` or `{purchase_order.id}` in a path of the contract. */
export function fillPath(path: string, values: Record<string, string>): string {
  return path.replace(/\{([^}]+)\}/g, (_, name: string) => encodeURIComponent(values[name.split(".").at(-1) ?? name] ?? ""));
}

export function queryText(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === "" || value === false) continue;
    for (const one of Array.isArray(value) ? value : [value]) params.append(name, String(one));
  }
  const text = params.toString();
  return text ? `?${text}` : "";
}

/** What goes along with every call. */
function headersOf(options: CallOptions): Record<string, string> {
  const headers: Record<string, string> = { Accept: "application/json", "Accept-Language": context.locale, Traceparent: traceparent() };
  const company = options.company || context.company;
  if (company) headers["X-Company"] = company;
  return headers;
}

/** What a repeat of the same change is known by. */
function said({ body, file }: CallOptions): string | undefined {
  if (file) return `${file.name} ${file.size} ${file.lastModified}`;
  return body === undefined ? undefined : JSON.stringify(foldBody(body));
}

async function send(verb: string, url: string, options: CallOptions): Promise<Response> {
  const unsafe = verb !== "GET";
  const body = options.file ?? said(options);
  const headers = headersOf(options);
  const key = unsafe && !options.read ? keyFor(verb, url, said(options)) : undefined;
  if (unsafe) headers["X-CSRF"] = "1";
  if (key) headers["Idempotency-Key"] = key;
  if (body !== undefined) headers["Content-Type"] = options.file ? "application/octet-stream" : "application/json";
  let response: Response;
  try {
    response = await fetch(url, { method: verb, headers, body, signal: options.signal, credentials: "same-origin" });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new Unreachable(String(problem));
  }
  return response;
}

/** The outcome is known: the next attempt is another intention and gets a key of its own. */
function settle(verb: string, url: string, options: CallOptions): void {
  if (verb !== "GET" && !options.read) answered(verb, url, said(options));
}

/** The whole answer. A line that is cut in the middle of it leaves the outcome as unknown as one that brings none. */
async function bodyOf(response: Response, options: CallOptions): Promise<unknown> {
  try {
    return await response.json();
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new Unreachable(String(problem));
  }
}

async function refusal(response: Response, options: CallOptions): Promise<ApiError> {
  const type = response.headers.get("Content-Type") ?? "";
  const error = new ApiError(response.status, type.includes("json") ? ((await bodyOf(response, options)) as ConstructorParameters<typeof ApiError>[1]) : {});
  if (error.http === 401) goToSignIn(error.facts.why);
  return error;
}

export async function call<T>(verb: string, path: string, options: CallOptions = {}): Promise<T> {
  const url = `${path}${queryText(options.query)}`;
  const response = await send(verb, url, options);
  if (!response.ok) {
    const error = await refusal(response, options);
    if (response.status < 500 && error.reason !== "IN_PROGRESS") settle(verb, url, options);
    throw error;
  }
  const answer = response.status === 204 ? {} : await bodyOf(response, options);
  settle(verb, url, options);
  return spreadAnswer(answer) as T;
}

/** A question of the contract, in the address or, where the contract says that it may fill one, in a body. */
export function ask<T>(method: Pick<Method, "verb" | "path">, question: Query, signal?: AbortSignal): Promise<T> {
  const path = fillPath(method.path, {});
  return method.verb === "GET" ? call<T>("GET", path, { query: question, signal }) : call<T>(method.verb, path, { body: question, read: true, signal });
}

/** A line that moves nothing for so long is dead. */
const DEAD_MS = 60_000;

/** A piece of a file: bytes that the server knows by their offset, so they need no key. */
export async function sendBytes<T>(url: string, bytes: Uint8Array<ArrayBuffer>, options: CallOptions): Promise<T> {
  const headers = { ...headersOf(options), "X-CSRF": "1", "Content-Type": "application/octet-stream" };
  const signal = AbortSignal.any([AbortSignal.timeout(DEAD_MS), ...(options.signal ? [options.signal] : [])]);
  let response: Response;
  try {
    response = await fetch(url, { method: "POST", headers, body: bytes, signal, credentials: "same-origin" });
  } catch (problem) {
    if (options.signal?.aborted) throw problem;
    throw new Unreachable(String(problem));
  }
  if (!response.ok) throw await refusal(response, options);
  return (await bodyOf(response, options)) as T;
}

/** A file of the server, to be shown in the page. */
export async function fetchFile(address: string, signal?: AbortSignal): Promise<Blob> {
  const response = await send("GET", address, { signal });
  if (!response.ok) throw await refusal(response, { signal });
  return await response.blob();
}

/** A file of the server, saved under the name that the server gave it. `onBytes` tells how much has come. */
export async function download(path: string, query: Query, onBytes: (bytes: number) => void): Promise<void> {
  const response = await send("GET", `${path}${queryText(query)}`, {});
  if (!response.ok) throw await refusal(response, {});
  const parts: BlobPart[] = [];
  let bytes = 0;
  const reader = response.body!.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      parts.push(chunk.value);
      bytes += chunk.value.length;
      onBytes(bytes);
    }
  } catch (problem) {
    // half a file is no file
    throw new Unreachable(String(problem));
  }
  const disposition = response.headers.get("Content-Disposition") ?? "";
  const name = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1] ?? /filename="?([^";]+)/i.exec(disposition)?.[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(parts, { type: response.headers.get("Content-Type") ?? "" }));
  link.download = name ? decodeURIComponent(name) : "export.xlsx";
  link.click();
  URL.revokeObjectURL(link.href);
}
