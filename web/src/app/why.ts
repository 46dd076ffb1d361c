/** "Why may I not?": asked from a page or from a notice, answered in one drawer of the frame. */
import { ApiError } from "@/api/errors";
import type { Meta } from "@/contract/meta";

let open: ((permission: string) => void) | undefined;

export function answerWhyWith(show: (permission: string) => void): void {
  open = show;
}

export function askWhy(permission: string): void {
  open?.(permission);
}

/** The permission that a refused call lacked; empty where the refusal is about something else. */
export function lackedBy(error: unknown): string {
  return error instanceof ApiError && error.reason === "PERMISSION_MISSING" ? (error.facts.permission ?? "") : "";
}

/** The permission behind a record that is not there for this person: which of the two reasons it is, nobody is told. */
export function hiddenBy(meta: Meta, error: unknown): string {
  if (!(error instanceof ApiError) || error.reason !== "DOCUMENT_NOT_FOUND") return "";
  return Object.values(meta.documents).find(({ message }) => message === error.facts.document_type)?.methods.get?.permission ?? "";
}
