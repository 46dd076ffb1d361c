import { describe, expect, it } from "vitest";
import type { DocumentMeta, Field } from "../src/contract/meta";
import { ExportButton } from "../src/documents/ExportButton";

describe("an export", () => {
  it("asks what the list asks, what a page asks beside the fields too", () => {
    const document = { key: "approval.office_request", path: "/v1/approval/office-requests", fields: [] as Field[] } as unknown as DocumentMeta;
    const asked = { filter: 'state = "APPROVED"', orderBy: "amount desc", search: "x", extra: { formId: "f1", terms: ["total>=10", "kind=travel"] } };
    const { path, query } = ExportButton({ document, asked, columns: [{ name: "number" }, { name: "amount" }] as Field[] }).props as { path: string; query: object };
    expect([path, query]).toEqual([document.path, { filter: asked.filter, order_by: "amount desc", search: "x", columns: "number,amount", formId: "f1", terms: ["total>=10", "kind=travel"] }]);
  });
});
