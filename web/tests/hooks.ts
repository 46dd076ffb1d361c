/** Hooks as a page runs them. They draw nothing, so that react needs next to nothing of a browser. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, createElement, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { vi } from "vitest";

const open: Root[] = [];

/** What the code asks of a browser beside its elements. */
export function likeBrowser(): void {
  const kept = () => {
    const slots = new Map<string, string>();
    return { getItem: (key: string) => slots.get(key) ?? null, setItem: (key: string, text: string) => void slots.set(key, text), removeItem: (key: string) => void slots.delete(key) };
  };
  const silent = { addEventListener() {}, removeEventListener() {} };
  vi.stubGlobal("window", globalThis);
  vi.stubGlobal("document", { ...silent, nodeType: 9, defaultView: globalThis, activeElement: null });
  vi.stubGlobal("HTMLIFrameElement", class {});
  vi.stubGlobal("localStorage", kept());
  vi.stubGlobal("sessionStorage", kept());
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
}

export async function closeAll(): Promise<void> {
  await act(async () => open.splice(0).forEach((root) => root.unmount()));
  vi.unstubAllGlobals();
}

/** `within`: the contexts that a page stands in. */
export async function run<P, T>(hook: (props: P) => T, props: P, client = new QueryClient({ defaultOptions: { queries: { retry: false } } }), within = (inner: ReactNode) => inner) {
  const box = { nodeType: 1, nodeName: "DIV", tagName: "DIV", ownerDocument: document, addEventListener() {}, removeEventListener() {} };
  const root = createRoot(box as unknown as HTMLElement);
  open.push(root);
  const shown = { current: undefined as T };
  const Page = ({ now }: { now: P }) => {
    shown.current = hook(now);
    return null;
  };
  const draw = (now: P) => act(async () => root.render(createElement(QueryClientProvider, { client }, within(createElement(Page as never, { now } as never)))));
  await draw(props);
  return { shown, draw, client };
}

export interface Asked {
  verb: string;
  url: string;
  body: Record<string, unknown>;
  answer: (status: number, body: unknown) => Promise<void>;
}

/** The network: what was asked, each to be answered by hand, or at once by `server`. */
export function network(server?: (asked: Asked) => { status?: number; body: unknown } | undefined): Asked[] {
  const all: Asked[] = [];
  vi.stubGlobal("fetch", (url: string, { method, body }: RequestInit) => {
    let resolve: (answer: Response) => void = () => undefined;
    const promise = new Promise<Response>((done) => {
      resolve = done;
    });
    const asked: Asked = {
      verb: method!, url, body: body ? (JSON.parse(String(body)) as Record<string, unknown>) : {},
      answer: (status, said) => act(async () => resolve(new Response(JSON.stringify(said), { status, headers: { "Content-Type": "application/json" } }))),
    };
    all.push(asked);
    const said = server?.(asked);
    if (said) resolve(new Response(JSON.stringify(said.body), { status: said.status ?? 200, headers: { "Content-Type": "application/json" } }));
    return promise;
  });
  return all;
}

export const stale = { error: { message: "changed meanwhile", details: [{ reason: "STALE_ETAG" }] } };
