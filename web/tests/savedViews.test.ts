import { describe, expect, it } from "vitest";
import { addressOf, isBare, isTaken, kept, shownIn, without, type SavedView } from "../src/documents/savedViews";

const large: SavedView = { id: "1", name: "Large ones", query: "f.amount=5000..&sort=amount+desc" };
const mine: SavedView = { id: "2", name: "我的轴承", query: "q=%E8%BD%B4%E6%89%BF" };

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

  it("is added, replaced and taken away; a default that is deleted is none", () => {
    expect(kept([large], mine).views).toEqual([large, mine]);
    expect(kept([large, mine], { ...large, name: "Big" }).views?.map(({ name }) => name)).toEqual(["Big", "我的轴承"]);
    expect(without([large, mine], "1", "1")).toEqual({ views: [mine], defaultView: "" });
    expect(without([large, mine], "1", "2")).toEqual({ views: [mine], defaultView: "2" });
  });
});
