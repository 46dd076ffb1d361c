import { describe, expect, it } from "vitest";
import type { DocumentMeta } from "../src/contract/meta";
import { addressOf, inOrder, isBare, isTaken, moved, shownIn, unknownIn } from "../src/documents/savedViews";

const large = { id: "1", name: "Large ones", personId: "me", query: "f.amount=5000..&sort=amount+desc" };
const mine = { id: "2", name: "我的轴承", personId: "me", query: "q=%E8%BD%B4%E6%89%BF" };
const theirs = { id: "3", name: "Everybody's", personId: "head", query: "" };

describe("a kept view", () => {
  it("is what the address shows, without company, in any order", () => {
    const shown = shownIn(new URLSearchParams("sort=amount+desc&company=7&view=1&f.amount=5000.."));
    expect(shown).toBe(large.query);
    expect(shownIn(new URLSearchParams(addressOf("/x", large).split("?")[1]))).toBe(large.query);
    expect(addressOf("/x", { ...large, query: "" })).toBe("/x?view=1");
  });

  it("opens by itself only where the address says nothing", () => {
    expect(isBare(new URLSearchParams("company=7"))).toBe(true);
    for (const said of ["q=a", "view=all", "tab=done", "company=7&sort=amount"]) expect(isBare(new URLSearchParams(said))).toBe(false);
  });

  it("has a name of its own", () => {
    expect(isTaken([large, mine], " large ONES ")).toBe(true);
    expect(isTaken([large, mine], "Large ones", "1")).toBe(false);
  });

  it("stands where the person put it, else after those, the own ones first", () => {
    expect(inOrder([theirs, mine, large], [], "me").map(({ id }) => id)).toEqual(["1", "2", "3"]);
    expect(inOrder([theirs, mine, large], ["3", "gone"], "me").map(({ id }) => id)).toEqual(["3", "1", "2"]);
  });

  it("moves one place, and not beyond the ends", () => {
    expect(moved(["1", "2", "3"], "1", 1)).toEqual(["2", "1", "3"]);
    expect(moved(["1", "2", "3"], "3", -1)).toEqual(["1", "3", "2"]);
    expect(moved(["1", "2"], "1", -1)).toEqual(["1", "2"]);
    expect(moved(["1", "2"], "9", 1)).toEqual(["1", "2"]);
  });

  it("names the fields that its reader's list does not have", () => {
    const list = { fields: [{ name: "amount", protoName: "amount" }, { name: "needDate", protoName: "need_date" }] } as DocumentMeta;
    const asked = (text: string) => unknownIn(list, new URLSearchParams(text));
    expect(asked("f.amount=1..&columns=amount,needDate&sort=need_date+desc&q=x&size=100&view=1")).toEqual([]);
    expect(asked("f.customFields.secret=1&columns=amount,customFields.secret&sort=gone+desc")).toEqual(["customFields.secret", "gone"]);
  });
});
