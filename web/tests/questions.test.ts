import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ask, call } from "../src/api/http";
import { filledQuery } from "../src/forms/useForms";

const asked: { url: string; init: RequestInit }[] = [];
const kept = new Map<string, string>();

beforeEach(() => {
  asked.length = 0;
  vi.stubGlobal("sessionStorage", { getItem: (name: string) => kept.get(name) ?? null, setItem: (name: string, value: string) => void kept.set(name, value), removeItem: (name: string) => void kept.delete(name) });
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    asked.push({ url, init });
    return Promise.resolve(new Response("{}"));
  });
});
afterEach(() => vi.unstubAllGlobals());

describe("a question", () => {
  const method = { verb: "POST", path: "/v1/approval/office-requests:fill" };

  it("about a long form holds all that was filled in, however long its address would be", async () => {
    const values = { items: Array.from({ length: 90 }, (_, row) => ({ what: `第${row}笔：展位搭建与布展人员差旅`, cost: "12.50" })) };
    const content = JSON.stringify(values);
    expect(encodeURIComponent(content).length).toBeGreaterThan(15_000);
    const { signal } = new AbortController();
    const { queryKey, queryFn } = filledQuery(method, "f1", content);
    expect(queryKey).toContain(content);
    await queryFn({ signal });
    const [{ url, init }] = asked;
    expect([url, init.method, init.signal]).toEqual([method.path, "POST", signal]);
    expect(JSON.parse((JSON.parse(init.body as string) as { content: string }).content)).toEqual(values);
  });

  it("in a body comes from our own page, and needs no key: it changes nothing", async () => {
    await ask(method, { content: "{}" });
    const headers = asked[0].init.headers as Record<string, string>;
    expect(headers["X-CSRF"]).toBe("1");
    expect(headers).not.toHaveProperty("Idempotency-Key");
    await call("POST", "/v1/x", { body: {} });
    expect(asked[1].init.headers).toHaveProperty("Idempotency-Key");
  });

  it("stands in the address where the contract says so", async () => {
    await ask({ verb: "GET", path: "/v1/x:list" }, { every: true });
    expect([asked[0].url, asked[0].init.body]).toEqual(["/v1/x:list?every=true", undefined]);
  });
});
