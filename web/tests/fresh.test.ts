import { act, createElement, type ReactNode } from "react";
import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callMethod, documentKey } from "../src/api/documents";
import type { DocumentMeta, Field, Meta } from "../src/contract/meta";
import type { PurchaseOrder } from "../src/contract/types";
import { MetaContext } from "../src/contract/useMeta";
import { differences, useFresh } from "../src/documents/useFresh";
import { useLineEdits } from "../src/pages/ChangeOrderDialog";
import { mergeField } from "../src/pages/CustomFieldForm";
import { closeAll, likeBrowser, network, run, stale } from "./hooks";

const field = (name: string, rest: Partial<Field> = {}): Field => ({ name, protoName: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), label: name, type: "string", ...rest });
const method = (verb: string, path: string) => ({ verb, path });
const document = {
  key: "procurement.purchase_order", path: "/v1/orders",
  fields: [field("etag"), field("state"), field("needDate", { type: "date" }), field("tags", { repeated: true }), field("asked", { type: "message", message: "Asked" }), field("lines", { type: "message", message: "Line", repeated: true })],
  methods: { get: method("GET", "/v1/orders/{id}"), change: method("POST", "/v1/orders/{id}:change") },
} as unknown as DocumentMeta;
const meta = {
  locale: "en", documents: { [document.key]: document }, enums: {},
  messages: { Asked: { fields: [field("reason")] }, Line: { fields: [field("id"), field("lineNumber", { type: "int" }), field("description"), field("quantity", { type: "decimal" }), field("unitPrice", { type: "decimal" }), field("cancelled", { type: "bool" })] } },
} as unknown as Meta;
const line = (id: string, quantity: string, rest = {}) => ({ id, lineNumber: 1, description: `of ${id}`, quantity, unitPrice: "1", cancelled: false, ...rest });
const order = (etag: string, lines: unknown[], rest = {}) => ({ id: "o", etag, state: "RELEASED", needDate: "2026-12-01", lines, ...rest }) as unknown as PurchaseOrder;
const opened = order("1", [line("a", "10"), line("b", "5"), line("c", "7")]);
const theirs = order("2", [line("b", "5", { cancelled: true }), line("c", "8.000000"), line("a", "10.0", { unitPrice: "2" })], { needDate: "2026-12-09" });

/** What the dialog that changes an order is made of. */
async function dialog() {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const within = (inner: ReactNode) => createElement(MetaContext.Provider, { value: meta }, inner);
  const refreshed: unknown[] = [];
  const { shown } = await run(() => {
    const fresh = useFresh(document, opened, (before, now) => refreshed.push([before.etag, now.etag]));
    return { fresh, edits: useLineEdits(fresh.record) };
  }, undefined, client, within);
  const done: string[] = [];
  const submit = async () => {
    const { fresh, edits } = shown.current;
    const outcome: unknown[] = [];
    await act(async () => void fresh.send(async () => {
      await callMethod(document.methods.change, fresh.record.id, { etag: fresh.record.etag, lines: edits.changedLines });
      done.push("closed");
    }).then(() => outcome.push("ended"), (error: unknown) => outcome.push(error)));
    return outcome;
  };
  return { shown, client, submit, done, refreshed };
}

beforeEach(likeBrowser);
afterEach(closeAll);

describe("a dialog about a record that another changes meanwhile", () => {
  it("reads it again, keeps what was typed at its lines, tells what is different, and is sent with what stands now", async () => {
    const asked = network();
    const { shown, client, submit, done, refreshed } = await dialog();
    const { lines, setLines } = shown.current.edits;
    await act(async () => setLines(lines.map((one) => ({ ...one, quantity: { a: "20", b: "1", c: "8" }[String(one.id)] }))));
    const first = await submit();
    await asked[0].answer(409, stale);
    await asked[1].answer(200, theirs);
    expect(first).toEqual(["ended"]);
    expect(done).toEqual([]);
    expect(refreshed).toEqual([["1", "2"]]);
    expect(client.getQueryData(documentKey(document, "o"))).toEqual(theirs);
    expect(shown.current.edits.lines.map(({ id, quantity, unitPrice }) => [id, quantity, unitPrice])).toEqual([["c", "8", "1"], ["a", "20", "2"]]);
    expect(shown.current.fresh.note).toBeTruthy();
    expect(shown.current.fresh.changes.map(({ path, lineTitle, before, after }) => [path, lineTitle, before, after])).toEqual([
      ["need_date", "", "2026-12-01", "2026-12-09"], ["lines.unit_price", "of a", "1", "2"], ["lines.cancelled", "of b", "false", "true"], ["lines.quantity", "of c", "7", "8.000000"],
    ]);
    await submit();
    expect(asked.map(({ verb, body }) => [verb, body])).toEqual([
      ["POST", { etag: "1", lines: [{ lineId: "a", quantity: "20" }, { lineId: "b", quantity: "1" }, { lineId: "c", quantity: "8" }] }],
      ["GET", {}],
      ["POST", { etag: "2", lines: [{ lineId: "a", quantity: "20" }] }],
    ]);
    await asked[2].answer(200, theirs);
    expect(done).toEqual(["closed"]);
  });

  it("reads nothing again for another refusal, and tells of a record that cannot be read any more", async () => {
    const asked = network();
    const { shown, submit } = await dialog();
    const first = await submit();
    await asked[0].answer(400, { error: { message: "too much" } });
    expect(first).toMatchObject([{ http: 400 }]);
    const second = await submit();
    await asked[1].answer(409, stale);
    await asked[2].answer(404, {});
    expect(second).toMatchObject([{ missing: true }]);
    expect(shown.current.fresh).toMatchObject({ record: { etag: "1" }, changes: [], note: false });
  });
});

describe("an added field that another changes meanwhile", () => {
  it("keeps what was written over what stands now: names by language, options by key", () => {
    const option = (key: string, en: string) => ({ key, label: { en } });
    const before = { key: "grade", kind: "CHOICE" as const, label: { en: "Grade", "zh-CN": "等级" }, required: false, options: [option("a", "A"), option("b", "B")] };
    const mine = { ...before, label: { ...before.label, en: "Class" }, options: [option("a", "A1"), option("b", "B"), option("m", "M")] };
    const theirs = { ...before, label: { ...before.label, "zh-CN": "级别" }, required: true, options: [option("a", "A"), option("b", "B2"), option("t", "T")] };
    expect(mergeField(before, mine, theirs)).toEqual({
      ...theirs, label: { en: "Class", "zh-CN": "级别" }, help: {}, options: [option("a", "A1"), option("b", "B2"), option("t", "T"), option("m", "M")].map((one) => expect.objectContaining(one)),
    });
  });
});

describe("what is different in a record", () => {
  it("are lines that came and went too; what is not one value is named", () => {
    const said = differences(meta, document, { tags: ["x"], lines: [line("a", "1")] }, { tags: ["y"], asked: { reason: "more" }, lines: [line("n", "2")] }).map(({ path, lineId, before, after }) => [path, lineId, before, after]);
    expect(said).toContainEqual(["tags", "", "…", "…"]);
    expect(said).toContainEqual(["asked.reason", "", "", "more"]);
    expect(said).toContainEqual(["lines.quantity", "a", "1", ""]);
    expect(said).toContainEqual(["lines.quantity", "n", "", "2"]);
  });
});
