import { QueryClient } from "@tanstack/react-query";
import i18n from "i18next";
import { act, createElement, type ReactNode } from "react";
import { initReactI18next } from "react-i18next";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DocumentMeta, Field, Meta } from "../src/contract/meta";
import { MetaContext } from "../src/contract/useMeta";
import type { Values } from "../src/documents/formValues";
import { usePasting } from "../src/documents/usePasting";
import en from "../src/locales/en.json";
import { closeAll, likeBrowser, network, run, type Asked } from "./hooks";

const field = (name: string, rest: Partial<Field> = {}): Field => ({ name, protoName: name, label: name, type: "string", ...rest });
const item = { key: "item", listField: "items", path: "/v1/items", fields: [], methods: {} } as unknown as DocumentMeta;
const meta = { locale: "en", documents: { item }, messages: {}, enums: { Kind: [{ name: "ITEM", label: "Item" }] } } as unknown as Meta;
const itemId = field("itemId", { references: "item" });
const columns = [itemId, field("kind", { type: "enum", enum: "Kind" }), field("urgent", { type: "bool" }), field("quantity", { type: "decimal" })];
const searched = ({ url }: Asked) => new URLSearchParams(url.split("?")[1]).get("search")!;
const known = (asked: Asked) => ({ body: { items: searched(asked).startsWith("I") ? [{ id: `id of ${searched(asked)}`, code: searched(asked) }] : [] } });

/** A grid with its lines, as LinesGrid keeps them. */
async function grid(rows: Values[], rest: { maxRows?: number; readOnly?: (row: Values, field: Field) => boolean } = {}) {
  const latest = { current: rows };
  const within = (inner: ReactNode) => createElement(MetaContext.Provider, { value: meta }, inner);
  const asWritten = (row: Values) => row;
  const { shown } = await run(
    () => usePasting({ columns, latest, commit: (next) => { latest.current = next; }, prefix: "lines", maxRows: 1000, newRow: () => ({}), derive: asWritten, ...rest }),
    undefined, new QueryClient({ defaultOptions: { queries: { retry: false } } }), within,
  );
  const paste = (text: string, row = 0, column = 0) => act(async () => shown.current.paste(text, { row, column }));
  /** Not waited for: its searches are answered by hand. */
  const begin = async (text: string) => {
    const going: Promise<void>[] = [];
    await act(async () => void going.push(shown.current.paste(text, { row: 0, column: 0 })));
    return () => act(() => going[0]);
  };
  return { shown, latest, paste, begin };
}

beforeAll(() => i18n.use(initReactI18next).init({ lng: "en", resources: { en: { translation: en } }, keySeparator: false, nsSeparator: false, interpolation: { escapeValue: false } }));
beforeEach(likeBrowser);
afterEach(closeAll);

describe("what is pasted into lines", () => {
  it("and is not known stands at its cell with its text, in place of what was there", async () => {
    network(known);
    const { shown, latest, paste } = await grid([{ itemId: "old", kind: "ITEM", urgent: true, quantity: "1" }]);
    await paste("I1\tItem\tno\t3\nX9\tThing\tmaybe\t4");
    await paste("X7", 0);
    expect(latest.current).toEqual([{ itemId: "", kind: "ITEM", urgent: false, quantity: "3" }, { kind: "", urgent: false, quantity: "4" }]);
    expect(shown.current.errors).toEqual({
      "lines[0].itemId": "Not found: X7. Choose it here.", "lines[1].itemId": "Not found: X9. Choose it here.",
      "lines[1].kind": "Not found: Thing. Choose it here.", "lines[1].urgent": "Not found: maybe. Choose it here.",
    });
    expect(shown.current.told).toEqual(["Cells that could not be filled: 4. Each says what was pasted there."]);
    await act(async () => shown.current.written(1, "kind"));
    await act(async () => shown.current.inserted(1));
    await act(async () => shown.current.removed(0));
    expect(Object.keys(shown.current.errors).toSorted()).toEqual(["lines[1].itemId", "lines[1].urgent"]);
    await act(async () => shown.current.clear());
    expect(shown.current).toMatchObject({ errors: {}, told: [] });
  });

  it("and has no line or column is counted; empty cells are nothing that is lost", async () => {
    network(known);
    const { shown, latest, paste } = await grid([], { maxRows: 2 });
    await paste("1\tbeyond\n2\t\n3\n\n4\n", 0, 3);
    expect(latest.current).toEqual([{ quantity: "1" }, { quantity: "2" }]);
    expect(shown.current.told).toEqual(["Rows left out: 2. There can be 2 lines here.", "Cells beyond the last column, left out: 1."]);
  });

  it("and cannot be written stands at its cell, unless it stands there already", async () => {
    network(known);
    const { shown, latest, paste } = await grid([{ quantity: "1.00" }, { quantity: "1" }], { readOnly: (_, { name }) => name === "quantity" || name === "itemId" });
    await paste("\t\t\t1\nI1\t\t\t2");
    expect(latest.current.map(({ quantity }) => quantity)).toEqual(["1.00", "1"]);
    expect(shown.current.errors).toEqual({ "lines[1].quantity": "Nothing can be written here, left out: 2.", "lines[1].itemId": "Nothing can be written here, left out: I1." });
  });

  it("is looked for eight at a time and each once; one that is turned away does not take the others with it", async () => {
    const asked = network();
    const { shown, latest, begin } = await grid([]);
    const codes = Array.from({ length: 12 }, (_, at) => `I${at}`);
    const end = await begin([...codes, "I0"].join("\n"));
    await expect.poll(() => asked.length).toBe(8);
    for (const one of asked.slice(0, 8)) await (searched(one) === "I3" ? one.answer(429, { error: { message: "too many" } }) : one.answer(200, known(one).body));
    await expect.poll(() => asked.length).toBe(12);
    for (const one of asked.slice(8)) await one.answer(200, known(one).body);
    await end();
    expect(latest.current.map((row) => row.itemId)).toEqual([...codes, "I0"].map((code) => (code === "I3" ? undefined : `id of ${code}`)));
    expect(shown.current.errors).toEqual({ "lines[3].itemId": "Could not be searched for: I3. Choose it here, or paste it again." });
    expect(shown.current.told[1]).toBe("Searches that failed: 1 (too many). Paste those cells again.");
  });

  it("goes to its line where that stands when it is found, and not over what was chosen or written since", async () => {
    const asked = network();
    const { shown, latest, begin } = await grid([]);
    const end = await begin("I1\t\t\t1\nI2\t\t\t2\nI3\t\t\t3");
    await expect.poll(() => asked.length).toBe(3);
    await act(async () => {
      shown.current.removed(0);
      latest.current = [{ ...latest.current[1], quantity: "20" }, { ...latest.current[2], itemId: "chosen" }];
      shown.current.written(1, "itemId");
    });
    for (const one of asked) await one.answer(200, known(one).body);
    await end();
    expect(latest.current).toMatchObject([{ itemId: "id of I2", quantity: "20" }, { itemId: "chosen", quantity: "3" }]);
    expect(shown.current.errors).toEqual({});
  });
});
