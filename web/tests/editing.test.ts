import { act, createElement, type ReactNode } from "react";
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callMethod } from "../src/api/documents";
import type { DocumentMeta, Meta, Row } from "../src/contract/meta";
import { MetaContext } from "../src/contract/useMeta";
import { useEditing } from "../src/documents/useEditing";
import { closeAll, likeBrowser, network, run, stale } from "./hooks";

const PATH = "/v1/procurement/purchase-requisitions";
const field = (name: string) => ({ name, protoName: name, label: name, type: "string" as const });
const method = (verb: string, path: string) => ({ verb, path });
const document = {
  key: "procurement.purchase_requisition", resourceField: "purchaseRequisition", path: PATH, titleFields: ["title"], fields: [field("title"), field("reason")],
  methods: { create: method("POST", PATH), update: method("PATCH", `${PATH}/{id}`), get: method("GET", `${PATH}/{id}`), submit: method("POST", `${PATH}/{id}:submit`) },
} as unknown as DocumentMeta;
const meta = { locale: "en", documents: { [document.key]: document }, messages: {}, enums: {} } as unknown as Meta;
const row = (values: Partial<Row>): Row => ({ id: "a", title: "t", reason: "", etag: "1", ...values });

async function edit(kept?: Row) {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, staleTime: Infinity } } });
  client.setQueryData(["identity.me", ""], { employee: { id: "e" }, permissions: [] });
  const within = (inner: ReactNode) => createElement(MetaContext.Provider, { value: meta }, inner);
  const initial = {};
  return (await run(() => useEditing(document, kept, initial), undefined, client, within)).shown;
}

beforeEach(likeBrowser);
afterEach(closeAll);

describe("saves of a form", () => {
  it("go one after the other, so that what is submitted meanwhile is one draft, as it was changed last", async () => {
    const asked = network();
    const editing = await edit();
    await act(async () => editing.current.set("title", "t"));
    await act(async () => void editing.current.submit());
    await act(async () => editing.current.set("reason", "r"));
    let sent: Promise<unknown> = Promise.resolve();
    await act(async () => {
      sent = editing.current.submit().then((kept) => callMethod(document.methods.submit, kept!.id, { etag: kept!.etag }));
    });
    expect(asked.map(({ verb, body }) => [verb, body])).toEqual([["POST", { title: "t" }]]);
    await asked[0].answer(200, row({ etag: "1" }));
    await asked[1].answer(200, row({ reason: "r", etag: "2" }));
    await asked[2].answer(200, row({ etag: "3" }));
    await sent;
    expect(asked.map(({ verb, url, body }) => [verb, url, body])).toEqual([
      ["POST", PATH, { title: "t" }], ["PATCH", `${PATH}/a`, { reason: "r", etag: "1" }], ["POST", `${PATH}/a:submit`, { etag: "2" }],
    ]);
  });

  it("send nothing twice: what the one before kept needs no other", async () => {
    const asked = network();
    const editing = await edit();
    await act(async () => editing.current.set("title", "t"));
    let answers: Promise<(Row | undefined)[]> = Promise.resolve([]);
    await act(async () => {
      answers = Promise.all([editing.current.submit(), editing.current.submit()]);
    });
    await asked[0].answer(200, row({}));
    expect((await answers).map((answer) => answer?.etag)).toEqual(["1", "1"]);
    expect(asked).toHaveLength(1);
  });

  it("stop at another's change of the same field until it was decided about, and keep what was written during the refused one", async () => {
    const asked = network();
    const editing = await edit(row({}));
    await act(async () => editing.current.set("title", "mine"));
    await act(async () => void editing.current.submit());
    await act(async () => editing.current.set("reason", "r"));
    let second: Promise<Row | undefined> = Promise.resolve(undefined);
    await act(async () => {
      second = editing.current.submit();
    });
    await asked[0].answer(409, stale);
    await asked[1].answer(200, row({ title: "theirs", etag: "2" }));
    expect(await second).toBeUndefined();
    expect(asked.map(({ verb }) => verb)).toEqual(["PATCH", "GET"]);
    expect(editing.current).toMatchObject({ conflict: { fields: ["title"] }, values: { title: "mine", reason: "r" } });
    await act(async () => editing.current.resolve("title", "mine"));
    await act(async () => void editing.current.submit());
    expect(asked[2]).toMatchObject({ verb: "PATCH", body: { title: "mine", reason: "r", etag: "2" } });
  });
});
