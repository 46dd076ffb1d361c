import { QueryClient } from "@tanstack/react-query";
import { createElement, type ReactNode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { DocumentMeta, Meta } from "../src/contract/meta";
import { MetaContext } from "../src/contract/useMeta";
import { useRecordHits } from "../src/app/Palette";
import { findReference } from "../src/documents/gridText";
import { closeAll, likeBrowser, network, run } from "./hooks";

const type = (key: string, list: string, names: string[], recorded: string[] = []) => ({
  key, title: key, plural: `all ${key}`, path: `/v1/${list}`, route: `/${list}`, listField: list, titleFields: ["code", "name"], hidden: false,
  fields: [...names, ...recorded].map((name) => ({ name, protoName: name, label: name, type: "string", recorded: recorded.includes(name) })), methods: { list: { verb: "GET", path: `/v1/${list}` } },
}) as unknown as DocumentMeta;
const employee = type("identity.employee", "employees", ["id", "companyId", "code", "name", "departmentId"], ["email", "phone"]);
const item = type("inventory.item", "items", ["id", "companyId", "code", "name", "taxRate"]);
const meta = { locale: "en", documents: { [employee.key]: employee, [item.key]: item }, messages: {}, enums: {} } as unknown as Meta;
const fieldsOf = (url: string) => new URLSearchParams(url.split("?")[1]).get("fields");

beforeEach(likeBrowser);
afterEach(closeAll);

describe("looking for records", () => {
  it("by a pasted text asks for nothing that leaves a row in the trail", async () => {
    const asked = network(({ url }) => ({ body: url.startsWith("/v1/employees") ? { employees: [{ id: "e", code: "E1" }] } : { items: [{ id: "i", code: "E1" }] } }));
    const client = new QueryClient();
    expect((await findReference(client, meta, employee.key, "E1"))?.id).toBe("e");
    expect((await findReference(client, meta, item.key, "E1"))?.id).toBe("i");
    expect(asked.map(({ url }) => fieldsOf(url))).toEqual(["id,companyId,code,name,departmentId", null]);
  });

  it("by the palette asks for names alone, and tells of the types that did not answer", async () => {
    const asked = network(({ url }) => (url.startsWith("/v1/employees") ? { body: { employees: [{ id: "e", code: "E1", name: "Li" }] } } : { status: 429, body: {} }));
    const client = new QueryClient();
    client.setQueryData(["identity.me", ""], { employee: { id: "e" }, permissions: [] });
    client.setQueryDefaults(["identity.me"], { staleTime: Infinity });
    const { shown } = await run(useRecordHits, "E1", client, (inner: ReactNode) => createElement(MetaContext.Provider, { value: meta }, inner));
    await vi.waitFor(() => expect(shown.current.searching).toBe(false));
    expect(asked.map(({ url }) => fieldsOf(url))).toEqual(["id,companyId,code,name", "id,companyId,code,name"]);
    expect(shown.current).toMatchObject({ hits: [{ title: "E1 Li" }], failed: ["all inventory.item"] });
  });
});
