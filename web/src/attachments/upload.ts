/**
 * Files on their way to the server: piece after piece, paused, cut and gone on with, while the person does something else.
 *
 * What has come is what the server says: after a cut it is asked, never assumed. The SHA-256 of the whole file goes along
 * with the last step, computed as the pieces are read, so that a file that changed meanwhile is noticed.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { context } from "@/api/context";
import { ApiError, Unreachable } from "@/api/errors";
import { newId } from "@/api/idempotency";
import { call, sendBytes } from "@/api/http";
import type { Row } from "@/contract/meta";

export interface Attachment extends Row {
  name: string;
  description: string;
  documentType: string;
  documentId: string;
  documentTitle: string;
  partId: string;
  addedById: string;
  sizeBytes: number;
  receivedBytes: number;
  mediaType: string;
  scan?: string;
  view?: string;
  refusal: string;
  refusalFacts: Record<string, string>;
  removedById: string;
  createTime: string;
  addTime?: string;
  removeTime?: string;
}

export type Progress = "waiting" | "sending" | "paused" | "cut" | "checking" | "failed";

export interface Upload {
  key: string;
  file: File;
  target: { documentType: string; documentId: string; partId: string };
  company: string;
  /** Once the server knows of it. */
  id: string;
  sent: number;
  progress: Progress;
  error?: unknown;
}

export const PATH = "/v1/documents/attachments";
const PIECE = { least: 256 * 1024, first: 1024 * 1024, most: 4 * 1024 * 1024 };
/** A piece that took longer is followed by a smaller one, a quick one by a larger. */
const LONG_MS = 8_000;
const QUICK_MS = 1_500;
const AGAIN_MS = [1_000, 2_000, 5_000, 10_000];
const LOOK_MS = 700;
const AT_ONCE = 2;

let uploads: Upload[] = [];
const listeners = new Set<() => void>();
const stops = new Map<string, AbortController>();
/** Told of every file that the server has taken, refused or lost. */
const settled = new Set<() => void>();

export function all(): Upload[] {
  return uploads;
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function onSettled(listener: () => void): () => void {
  settled.add(listener);
  return () => settled.delete(listener);
}

function put(key: string, change: Partial<Upload>): void {
  uploads = uploads.map((one) => (one.key === key ? { ...one, ...change } : one));
  listeners.forEach((listener) => listener());
}

function found(key: string): Upload | undefined {
  return uploads.find((one) => one.key === key);
}

/** Send files; `known`: the unfinished attachment that a file goes on with. */
export function add(files: File[], target: Upload["target"], known?: Attachment): void {
  const made = files.map((file): Upload => ({ key: newId(), file, target, company: context.company, id: known?.id ?? "", sent: 0, progress: "waiting" }));
  uploads = [...uploads, ...made];
  listeners.forEach((listener) => listener());
  startNext();
}

export function pause(key: string): void {
  put(key, { progress: "paused" });
  stops.get(key)?.abort();
}

export function resume(key: string): void {
  put(key, { progress: "waiting", error: undefined });
  startNext();
}

/** Give it up: nothing of it stays at the server. */
export async function give(key: string): Promise<void> {
  const upload = found(key);
  stops.get(key)?.abort();
  drop(key);
  if (upload?.id) await call("DELETE", `${PATH}/${upload.id}`, { company: upload.company }).catch(() => undefined);
  settled.forEach((listener) => listener());
}

function drop(key: string): void {
  uploads = uploads.filter((one) => one.key !== key);
  listeners.forEach((listener) => listener());
}

function startNext(): void {
  const busy = uploads.filter(({ progress }) => progress === "sending" || progress === "cut").length;
  const next = uploads.find(({ progress }) => progress === "waiting");
  if (!next || busy >= AT_ONCE) return;
  void run(next.key).finally(startNext);
  startNext();
}

async function run(key: string): Promise<void> {
  const stop = new AbortController();
  stops.set(key, stop);
  put(key, { progress: "sending" });
  for (let failures = 0; found(key); failures++) {
    const before = found(key)!.sent;
    try {
      await send(key, stop.signal);
      drop(key);
      settled.forEach((listener) => listener());
      return;
    } catch (problem) {
      if (stop.signal.aborted || !found(key)) return;
      if (!passing(problem)) {
        put(key, { progress: "failed", error: problem });
        settled.forEach((listener) => listener());
        return;
      }
      if (found(key)!.sent > before) failures = 0;
      put(key, { progress: "cut" });
      await lineBack(AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)], stop.signal);
      if (stop.signal.aborted) return;
      put(key, { progress: "sending" });
    }
  }
}

/** The line, or somebody busy: the same again helps. */
function passing(problem: unknown): boolean {
  if (problem instanceof Unreachable) return true;
  return problem instanceof ApiError && (problem.http >= 500 || problem.http === 429 || problem.http === 408 || problem.reason === "IN_PROGRESS");
}

/** Wait a while; not for longer than until the device says that it is connected again. */
function lineBack(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const over = () => {
      clearTimeout(timer);
      removeEventListener("online", over);
      signal.removeEventListener("abort", over);
      done();
    };
    const timer = setTimeout(over, ms);
    addEventListener("online", over);
    signal.addEventListener("abort", over);
  });
}

async function send(key: string, signal: AbortSignal): Promise<void> {
  const { file, target, company } = found(key)!;
  if (!found(key)!.id) {
    const body = { ...target, name: file.name, sizeBytes: file.size };
    const made = await call<Attachment>("POST", PATH, { body, company, signal });
    put(key, { id: made.id });
  }
  const { id } = found(key)!;
  const known = await call<Attachment>("GET", `${PATH}/${id}`, { company, signal });
  if (known.state === "UPLOADING") {
    const hash = sha256.create();
    await read(file, 0, known.receivedBytes, (part) => hash.update(part));
    let [offset, size] = [known.receivedBytes, PIECE.first];
    put(key, { sent: offset });
    while (offset < file.size) {
      const part = new Uint8Array(await file.slice(offset, offset + size).arrayBuffer());
      const began = performance.now();
      const reply = await sendBytes<{ receivedBytes: number }>(`${PATH}/${id}/content?offset=${offset}`, part, { company, signal });
      hash.update(part);
      offset = reply.receivedBytes;
      put(key, { sent: offset });
      const spent = performance.now() - began;
      if (spent > LONG_MS) size = Math.max(PIECE.least, size / 2);
      else if (spent < QUICK_MS) size = Math.min(PIECE.most, size * 2);
    }
    await call("POST", `${PATH}/${id}:finish`, { body: { sha256: bytesToHex(hash.digest()) }, company, signal });
  }
  put(key, { progress: "checking", sent: file.size });
  while ((await call<Attachment>("GET", `${PATH}/${id}`, { company, signal })).state === "CHECKING") await lineBack(LOOK_MS, signal);
}

/** The bytes of a part of a file, in order. */
async function read(file: File, from: number, to: number, take: (part: Uint8Array) => void): Promise<void> {
  for (let at = from; at < to; at += PIECE.most) take(new Uint8Array(await file.slice(at, Math.min(at + PIECE.most, to)).arrayBuffer()));
}
