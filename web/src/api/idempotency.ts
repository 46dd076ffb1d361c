/**
 * One key per intended change. It is made before the request leaves and kept until the server has answered,
 * so that a repeat after a lost connection, or a reload in between, is recognised as the same change.
 */
import { context } from "./context";

const PREFIX = "heyi.key.";

function slot(verb: string, url: string, body: string | undefined): string {
  let hash = 5381;
  for (const letter of `${context.company} ${verb} ${url} ${body ?? ""}`) hash = ((hash * 33) ^ letter.codePointAt(0)!) >>> 0;
  return `${PREFIX}${hash.toString(36)}.${body?.length ?? 0}`;
}

export function keyFor(verb: string, url: string, body: string | undefined): string {
  const name = slot(verb, url, body);
  const kept = sessionStorage.getItem(name);
  if (kept) return kept;
  const key = newId();
  sessionStorage.setItem(name, key);
  return key;
}

export function answered(verb: string, url: string, body: string | undefined): void {
  sessionStorage.removeItem(slot(verb, url, body));
}

/** A UUID; `crypto.randomUUID` exists on secure origins only, and a loopback name in a LAN test is not one. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
