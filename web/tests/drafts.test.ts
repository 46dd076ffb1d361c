import { afterEach, describe, expect, it } from "vitest";
import { context } from "../src/api/context";
import type { DocumentMeta } from "../src/contract/meta";
import { draftSlot } from "../src/documents/useEditing";

const request = { key: "approval.office_request" } as DocumentMeta;
afterEach(() => void (context.company = ""));

describe("a draft on the device", () => {
  it("of a record that is not saved yet is the company's and the kind's own", () => {
    const slots = ["a", "b"].flatMap((company) => {
      context.company = company;
      return ["leave", "claim", ""].map((form) => draftSlot("me", request, undefined, form));
    });
    expect(new Set(slots).size).toBe(6);
    expect(slots[0]).toBe("heyi.draft.me.approval.office_request.new.a.leave");
  });

  it("of a saved record is found by its id alone", () => {
    context.company = "a";
    expect(draftSlot("me", request, "r1", "leave")).toBe("heyi.draft.me.approval.office_request.r1");
  });
});
