import { drawn, knowing } from "./screen";
import { createElement } from "react";
import { beforeAll, describe, expect, it } from "vitest";
import { context } from "../src/api/context";
import { ApiError, problemOf, Unreachable } from "../src/api/errors";
import { startLanguage } from "../src/app/i18n";
import type { DocumentMeta, Meta } from "../src/contract/meta";
import { MetaContext } from "../src/contract/useMeta";

const said = (http: number, message: string) => new ApiError(http, { error: { message } });

function documentOf(key: string, more: Partial<DocumentMeta> = {}): DocumentMeta {
  const [service, name] = key.split(".");
  return { key, service, name, title: name, plural: name, path: `/v1/${key}`, route: `/${service}/${name}`, resourceField: name, listField: name, titleFields: [], hidden: false, fields: [], methods: {}, ...more } as unknown as DocumentMeta;
}

// files have no files of their own: those are drawn in a browser alone
const FILE = documentOf("documents.file", { methods: { get: { verb: "GET", path: "/v1/documents/files/{id}" } } as unknown as DocumentMeta["methods"] });
const NEEDED = ["approval.task", "approval.case", "approval.notice", "approval.opinion", "approval.office_request", "procurement.purchase_requisition", "identity.emergency", "identity.access_review", "identity.account_finding", "identity.company", "documents.attachment", "approval.flow_publication", "platform.import_batch"];
const documents = Object.fromEntries([...NEEDED.map((key) => documentOf(key)), FILE].map((one) => [one.key, one]));
const meta = { locale: "en", services: [], documents, messages: {}, enums: {}, texts: {}, refusals: {}, permissions: [] } as unknown as Meta;
const me = { employee: { id: "p", name: "Zhang Wei", locale: "en" }, companies: [{ id: "SH", name: "Shanghai", timeZone: "Asia/Shanghai" }], permissions: [], companyId: "SH", todayDate: "2026-01-05", departmentName: "", postName: "" };
const ME = { key: ["identity.me", "SH"], data: me };
const row = { id: "s", etag: "1", name: "drawing.pdf", allowedActions: [] };

beforeAll(async () => {
  await startLanguage();
  context.company = "SH";
});

describe("a question asked again", () => {
  it("that fails leaves what was read, unless that is gone or may not be seen any more", () => {
    const shown = (error: Error) => problemOf({ data: row, error });
    expect([new Unreachable("cut"), said(503, "busy"), said(429, "busy"), said(400, "odd")].map(shown)).toEqual([null, null, null, null]);
    expect([said(404, "gone"), said(403, "not yours"), said(401, "signed out")].map(shown).map((one) => one?.message)).toEqual(["gone", "not yours", "signed out"]);
  });

  it("for the first time has nothing else to show than why it failed", () => {
    const cut = new Unreachable("cut");
    expect(problemOf({ data: undefined, error: cut })).toBe(cut);
    expect(problemOf({ data: undefined, error: null })).toBeNull();
  });
});

describe("the page of a document", () => {
  const page = async (data: unknown, error?: Error) => {
    const { default: GenericDetail } = await import("../src/documents/GenericDetail");
    const client = await knowing([ME, { key: [FILE.key, "get", "SH", "s"], data, error }]);
    return drawn(client, createElement(MetaContext, { value: meta }, createElement(GenericDetail, { document: FILE })), "/documents/file/s", "/documents/file/:id");
  };

  it("stays when its refresh fails", async () => {
    const text = await page(row, said(503, "The suite is busy"));
    expect(text).toContain("drawing.pdf");
    expect(text).not.toContain("The suite is busy");
  });

  it("says that the document is gone, or no longer the reader's to see", async () => {
    for (const error of [said(404, "No such file"), said(403, "Not yours")]) {
      const text = await page(row, error);
      expect(text).toContain(error.message);
      expect(text).not.toContain("drawing.pdf");
    }
  });
});

describe("the application", () => {
  const app = async (error?: Error, metaError?: Error) => {
    const { App } = await import("../src/app/App");
    const client = await knowing([{ key: ["meta", "en"], data: meta, error: metaError }, { ...ME, error }]);
    return drawn(client, createElement(App), "/nowhere/at/all/to/go?company=SH");
  };

  it("keeps its frame and page when asking anew who is signed in, or for the contract, fails", async () => {
    for (const text of [await app(), await app(said(503, "The suite is busy")), await app(undefined, new Unreachable("cut"))]) {
      expect(text).toContain("Zhang Wei");
      expect(text).not.toContain("The suite is busy");
    }
  });

  it("is closed to whom the company is closed or who is signed out", async () => {
    const refused = await app(said(403, "Not your company"));
    expect(refused).toContain("Not your company");
    expect(refused).not.toContain("Zhang Wei");
    expect(await app(said(401, "signed out"))).not.toContain("Zhang Wei");
  });
});
