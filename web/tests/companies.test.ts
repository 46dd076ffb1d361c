import "./screen";
import { describe, expect, it } from "vitest";
import { context, withCompany } from "../src/api/context";
import { inItsCompany } from "../src/app/links";

describe("a document of another company", () => {
  it("keeps its company among what was opened last, once, also where an earlier entry named none", async () => {
    const { withRecent } = await import("../src/app/recent");
    const entry = (to: string, title = "A") => ({ to, title, document: "x.y" });
    const mine = entry(inItsCompany("/x/y/1", { companyId: "WX" }), "B");
    const kept = withRecent(mine, [entry("/x/y/1"), entry("/x/y/2")]);
    expect(kept).toEqual([mine, entry("/x/y/2")]);
    context.company = "SH";
    expect(kept.map(({ to }) => withCompany(to))).toEqual(["/x/y/1?company=WX", "/x/y/2?company=SH"]);
  });
});
