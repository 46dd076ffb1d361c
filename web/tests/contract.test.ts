import { describe, expect, it } from "vitest";
import { context } from "../src/api/context";
import { customFacts } from "../src/contract/customFields";
import { filterText, readFilters } from "../src/contract/filters";
import { instant, timeText } from "../src/contract/format";
import { camel, methodOf, textOf, type DocumentMeta, type Field, type Meta } from "../src/contract/meta";
import { adopt, changedFields, formErrors, merge, same, sendable } from "../src/documents/formValues";
import { parseBlock, valueOf } from "../src/documents/gridText";

const field = (name: string, rest: Partial<Field>): Field => ({ name, protoName: name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), label: name, type: "string", ...rest });

const fields = [
  field("id", { readOnly: true }),
  field("state", { type: "enum", filter: true, readOnly: true }),
  field("orderDate", { type: "date", filter: true }),
  field("supplierId", { type: "reference", filter: true, references: "procurement.supplier" }),
  field("amount", { type: "decimal", filter: true, readOnly: true }),
  field("createTime", { type: "time", filter: true, readOnly: true }),
  field("title", { filter: true }),
  field("secret", {}),
  field("lines", { type: "message", message: "Line", repeated: true }),
];
const document = { fields, methods: { shortClose: { verb: "POST", path: "/x" } } } as unknown as DocumentMeta;
const meta = { messages: { Line: { title: "Line", fields: [field("id", { readOnly: true }), field("quantity", { type: "decimal" }), field("amount", { type: "decimal", readOnly: true })] } }, texts: { "approver.role": "担任{role}" }, enums: {} } as unknown as Meta;

describe("a time", () => {
  it("is read by the clock of the company, wherever the reader sits", () => {
    const texts = ["Asia/Shanghai", "Europe/Berlin"].map((zone) => {
      context.timeZone = zone;
      return [timeText("2026-10-24T23:30:00Z"), instant("2026-10-25", false), instant("2026-10-25", true)];
    });
    context.timeZone = "Asia/Shanghai";
    expect(texts).toEqual([
      ["2026-10-25 07:30", "2026-10-24T16:00:00.000Z", "2026-10-25T16:00:00.000Z"],
      ["2026-10-25 01:30", "2026-10-24T22:00:00.000Z", "2026-10-25T23:00:00.000Z"],
    ]);
  });
});

describe("filters in the address", () => {
  it("become AIP-160 text", () => {
    const values = readFilters(new URLSearchParams("company=1&f.state=DRAFT,RELEASED&f.orderDate=2026-01-01..2026-02-01&f.amount=100..&f.title=a\"b"));
    expect(filterText(document, values)).toBe('(state = "DRAFT" OR state = "RELEASED") AND order_date >= "2026-01-01" AND order_date <= "2026-02-01" AND amount >= "100" AND title : "a\\"b"');
  });

  it("leave out what the contract does not offer", () => {
    expect(filterText(document, { secret: "x", strange: "y" }, 'state = "OPEN"')).toBe('state = "OPEN"');
  });

  it("end an instant's range with the day", () => {
    expect(filterText(document, { createTime: "..2026-01-31" })).toBe('create_time < "2026-01-31T16:00:00.000Z"');
  });
});

describe("the contract", () => {
  it("finds the method of an allowed action", () => {
    expect(camel("short_close")).toBe("shortClose");
    expect(methodOf(document, "short_close")?.path).toBe("/x");
  });

  it("fills facts into a sentence", () => {
    expect(textOf(meta, "approver.role", { role: "采购员" })).toBe("担任采购员");
  });
});

describe("values of a form", () => {
  it("send only what a person may write, and keep a line's id", () => {
    const values = { id: "1", title: "a", amount: "3", lines: [{ id: "l1", quantity: "2", amount: "9" }] };
    expect(sendable(meta, fields, values, false)).toEqual({ title: "a", lines: [{ id: "l1", quantity: "2" }] });
  });

  it("are the same where they mean the same", () => {
    expect(same("5", "5.000000")).toBe(true);
    expect(same(undefined, "STATE_UNSPECIFIED")).toBe(true);
    expect(changedFields({ title: "a", lines: [{ quantity: "2.0" }] }, { title: "b", lines: [{ quantity: "2" }] })).toEqual({ title: "b" });
  });

  it("keep what was written while a save was under way", () => {
    const line = { quantity: "1" };
    const sent = { title: "a", lines: [line] };
    const now = { title: "ab", lines: [line, { quantity: "7" }] };
    const answer = { id: "1", etag: "2", title: "a", lines: [{ id: "l1", quantity: "1.000000" }] };
    expect(adopt(now, sent, answer, fields)).toEqual({ id: "1", etag: "2", title: "ab", lines: [{ id: "l1", quantity: "1.000000" }, { quantity: "7" }] });
  });

  it("take over what only the other side changed and ask about the rest", () => {
    const base = { title: "a", note: "n", place: "p" };
    const { values, conflict } = merge(base, { ...base, title: "mine", note: "mine" }, { id: "1", ...base, title: "theirs", place: "theirs" }, ["title", "note", "place"]);
    expect(values).toEqual({ title: "mine", note: "mine", place: "theirs" });
    expect(conflict?.fields).toEqual(["title"]);
  });

  it("show errors at the path that the form knows", () => {
    expect(formErrors({ "purchaseOrder.lines[3].quantity": "x", title: "y" }, "purchaseOrder")).toEqual({ "lines[3].quantity": "x", title: "y" });
  });
});

describe("a block from a spreadsheet", () => {
  it("is read with its quoted cells", () => {
    expect(parseBlock('a\t"b ""c""\nd"\r\ne\t\n')).toEqual([["a", 'b "c"\nd'], ["e", ""]]);
  });

  it("is typed by column", () => {
    expect(valueOf(meta, field("quantity", { type: "decimal" }), "1,200.50")).toBe("1200.50");
    expect(valueOf(meta, field("needDate", { type: "date" }), "2026/1/3")).toBe("2026-01-03");
    expect(valueOf(meta, field("taxRate", { type: "decimal" }), "13%")).toBe("0.13");
  });
});


describe("what was added to a document", () => {
  it("is seen by the conditions of a flow as the server sees it, empty fields too", () => {
    const added = (key: string, rest: Partial<Field>) => field(`customFields.${key}`, { protoName: `custom_fields.${key}`, ...rest });
    const own = {
      fields: [
        ...fields, added("grade", { type: "enum" }), added("tags", { type: "enum", repeated: true }), added("cost", { type: "decimal" }), added("large", { type: "decimal" }), added("fit", { type: "bool" }),
        added("stay", { type: "range" }), added("parts", { type: "message", message: "Line", repeated: true }), added("old", { retired: true }),
      ],
    } as unknown as DocumentMeta;
    expect(customFacts(meta, own, {})).toEqual({ grade: "", tags: [], cost: 0, large: 0, fit: false, stay: { start: "", end: "" }, parts: [] });
    const row = { title: "x", "customFields.grade": "a", "customFields.cost": "3.10", "customFields.large": "1234567890123456.5", "customFields.parts": [{ id: "1", quantity: "2" }], "customFields.old": "x" };
    expect(customFacts(meta, own, row)).toEqual({ grade: "a", tags: [], cost: 3.1, fit: false, stay: { start: "", end: "" }, parts: [{ id: "1", quantity: 2, amount: 0 }] });
  });
});
