import { describe, expect, it } from "vitest";
import type { DocumentMeta, Field, Meta, Row } from "../src/contract/meta";
import type { Task } from "../src/contract/types";
import { askedDifferences } from "../src/documents/asked";
import { canBeWritten, holdersOf, pathField, pathFields, pathLabel } from "../src/documents/paths";
import { linesToCut, refusesAll } from "../src/pages/changes";

const field = (name: string, rest: Partial<Field>): Field => ({ name, protoName: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), label: name, type: "string", agreed: true, ...rest });

const meta = {
  messages: {
    Line: { fields: [field("id", { agreed: false, readOnly: true }), field("description", {}), field("quantity", { type: "decimal" })] },
    Change: { fields: [field("reason", { required: true }), field("lines", { type: "message", message: "LineChange", repeated: true }), field("paymentTerms", {})] },
    LineChange: { fields: [field("lineId", { immutable: true }), field("quantity", { type: "decimal" }), field("cancel", { type: "bool" }), field("refused", { type: "bool", readOnly: true })] },
  },
} as unknown as Meta;
const fields = [field("number", { agreed: false }), field("terms", {}), field("lines", { type: "message", message: "Line", repeated: true }), field("pendingChange", { type: "message", message: "Change", readOnly: true })];
const order = { fields, asks: "pending_change", cut: "pending_change.lines.quantity" } as unknown as DocumentMeta;
const request = { fields: fields.slice(0, 3), cut: "lines.quantity" } as unknown as DocumentMeta;
const record = {
  id: "o", etag: "1",
  lines: [{ id: "a", lineNumber: 1, description: "bolt", quantity: "10" }, { id: "b", lineNumber: 2, description: "nut", quantity: "5" }],
  pendingChange: { reason: "more", paymentTerms: "", lines: [{ lineId: "a", quantity: "30", cancel: false, refused: false, cutReason: "enough" }, { lineId: "b", quantity: "", cancel: true, refused: false }] },
} as unknown as Row;
const task = { cuts: true } as Task;

describe("what a flow says of single fields", () => {
  it("reaches into lines and into what is asked for", () => {
    expect(pathFields(meta, order).map(({ path }) => path)).toEqual([
      "terms", "lines", "lines.description", "lines.quantity", "pending_change", "pending_change.reason", "pending_change.lines", "pending_change.lines.line_id",
      "pending_change.lines.quantity", "pending_change.lines.cancel", "pending_change.lines.refused", "pending_change.payment_terms",
    ]);
    expect(pathLabel(pathField(meta, order, "pending_change.lines.quantity")!)).toBe("pendingChange · lines · quantity");
    expect(pathField(meta, order, "pending_change.nothing")).toBeUndefined();
  });

  it("lets fill in what is asked for only", () => {
    const written = (document: DocumentMeta) => pathFields(meta, document).filter((known) => canBeWritten(document, known)).map(({ path }) => path);
    expect(written(order)).toEqual(["pending_change.reason", "pending_change.lines.quantity", "pending_change.lines.cancel", "pending_change.payment_terms"]);
    expect(written(request)).toEqual(["terms", "lines.description", "lines.quantity"]);
  });

  it("lets fill in added fields of what is asked for as a whole", () => {
    const added = (name: string, rest: Partial<Field> = {}) => field(`customFields.${name}`, { protoName: `custom_fields.${name}`, ...rest });
    const more = [added("grade"), added("twice", { readOnly: true }), added("stay", { type: "range" }), added("parts", { type: "message", repeated: true })];
    const written = (document: DocumentMeta) => more.filter((one) => canBeWritten(document, { path: one.protoName, field: one, by: [] })).map(({ name }) => name);
    expect(written(request)).toEqual(["customFields.grade"]);
    expect(written(order)).toEqual([]);
  });
});

describe("agreeing to less", () => {
  it("is offered of the lines that are asked for, each by the name of the line it is about", () => {
    expect(holdersOf(record, "pending_change.reason")).toEqual([record.pendingChange]);
    expect(linesToCut(meta, task, order, record)).toMatchObject({ part: "pending_change.lines", more: false, rows: [{ id: "a", title: "bolt", now: "30" }, { id: "b", title: "nut", now: "" }] });
    expect(linesToCut(meta, task, request, record)?.rows).toEqual([{ id: "a", title: "bolt", now: "10" }, { id: "b", title: "nut", now: "5" }]);
    expect(linesToCut(meta, { cuts: true } as Task, { fields } as unknown as DocumentMeta, record)).toBeUndefined();
  });

  it("refuses the whole where nothing else is asked for", () => {
    const all = { "pending_change.lines/a": { path: "pending_change.lines", value: "" }, "pending_change.lines/b": { path: "pending_change.lines", value: "" } };
    expect(refusesAll(linesToCut(meta, task, order, record), all)).toBe(true);
    const more = { ...record, pendingChange: { ...(record.pendingChange as object), paymentTerms: "30 days" } } as unknown as Row;
    expect(refusesAll(linesToCut(meta, task, order, more), all)).toBe(false);
  });
});

describe("what is asked for", () => {
  it("stands beside what the line says now, with an approver's reason", () => {
    expect(askedDifferences(meta, order, record)).toEqual([
      { path: "pending_change.lines.quantity", lineId: "a", lineNumber: 1, lineTitle: "bolt", before: "10", after: "30", reason: "enough" },
      { path: "pending_change.lines.cancel", lineId: "b", lineNumber: 2, lineTitle: "nut", before: "", after: "true", reason: "" },
    ]);
    expect(askedDifferences(meta, request, record)).toEqual([]);
    expect(askedDifferences(meta, order, { ...record, pendingChange: null })).toEqual([]);
  });
});
