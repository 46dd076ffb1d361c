/** Pages as the server's renderer of React draws them from what was asked before: no browser, and no line. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement, type ReactNode } from "react";
import { renderToString } from "react-dom/server";
import { MemoryRouter, Route, Routes } from "react-router";
import { vi } from "vitest";

const kept = new Map<string, string>();
vi.stubGlobal("localStorage", { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, text: string) => kept.set(name, text), removeItem: (name: string) => kept.delete(name) });
vi.stubGlobal("matchMedia", () => ({ matches: false }));
vi.stubGlobal("navigator", { language: "en" });
const element = { setAttribute: () => undefined };
vi.stubGlobal("document", { querySelector: () => null, createElement: () => element, documentElement: element });

export { kept };

/** A client that answers from what it was given: the data of each question, and how asking it again failed. */
export async function knowing(answers: { key: readonly unknown[]; data?: unknown; error?: Error }[]): Promise<QueryClient> {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  for (const { key, data, error } of answers) {
    if (data !== undefined) client.setQueryData(key, data);
    if (error) await client.fetchQuery({ queryKey: key, queryFn: () => Promise.reject(error), staleTime: 0 }).catch(() => undefined);
  }
  return client;
}

/** The text of a page at an address, its markup left out. */
export function drawn(client: QueryClient, page: ReactNode, at: string, route = "*"): string {
  const routes = createElement(Routes, null, createElement(Route, { path: route, element: page }));
  const router = createElement(MemoryRouter, { initialEntries: [at] }, routes);
  return renderToString(createElement(QueryClientProvider, { client }, router));
}
