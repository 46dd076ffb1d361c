/** The documents that the person opened last on this device. */
import { useEffect, useSyncExternalStore } from "react";

export interface Recent {
  to: string;
  title: string;
  document: string;
}

const STORED = "heyi.recent";
const LONGEST = 6;
const pathOf = ({ to }: Recent) => to.split("?")[0];
const listeners = new Set<() => void>();
let recents: Recent[] = JSON.parse(localStorage.getItem(STORED) ?? "[]") as Recent[];

export function useRecents(): Recent[] {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => recents,
    () => recents,
  );
}

/** Whoever signs in here next is somebody else. */
export function forgetRecents(): void {
  recents = [];
  localStorage.removeItem(STORED);
}

/** With the newest first: a document once, however it was reached. */
export function withRecent(entry: Recent, before: Recent[]): Recent[] {
  return [entry, ...before.filter((one) => pathOf(one) !== pathOf(entry))].slice(0, LONGEST);
}

export function useRemember(entry: Recent | undefined): void {
  const { to, title, document } = entry ?? { to: "", title: "", document: "" };
  useEffect(() => {
    if (!to || !title) return;
    recents = withRecent({ to, title, document }, recents);
    localStorage.setItem(STORED, JSON.stringify(recents));
    for (const listener of listeners) listener();
  }, [to, title, document]);
}
