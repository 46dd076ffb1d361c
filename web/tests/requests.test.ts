import { describe, expect, it } from "vitest";
import { ApiError, Unreachable, waitBefore } from "../src/api/errors";
import { note, touches, type Changes } from "../src/api/live";

const ORDER = "procurement.purchase_order";

function told(...changes: { document: string; id: string }[]): Changes {
  const found: Changes = new Map();
  for (const change of changes) note(found, change);
  return found;
}

describe("a change", () => {
  it("touches every list of its document, and the page of its own record alone", () => {
    const changes = told({ document: ORDER, id: "a" }, { document: ORDER, id: "b" });
    const seen = [
      [ORDER, "list", "c", { pageSize: 8 }], [ORDER, "get", "c", "a"], [ORDER, "history", "c", "b"], [ORDER, "get", "c", "z"], ["inventory.item", "list", "c", {}],
    ].map((key) => touches(changes, key));
    expect(seen).toEqual([true, true, true, false, false]);
  });

  it("touches every record of what follows it without an event of its own", () => {
    const changes = told({ document: "approval.case", id: "k" });
    expect(touches(changes, ["approval.task", "get", "c", "any"])).toBe(true);
    expect(touches(changes, ["approval.case", "get", "c", "other"])).toBe(false);
  });

  it("touches every record where it names none", () => {
    expect(touches(told({ document: ORDER, id: "" }), [ORDER, "get", "c", "z"])).toBe(true);
  });
});

describe("what a busy suite refused", () => {
  const busy = (seconds: string) => new ApiError(429, { error: { details: [{ reason: "TOO_MANY_REQUESTS", metadata: { retry_after_seconds: seconds } }] } });

  it("is asked again after the time that was said, twice at most", () => {
    const first = waitBefore(0, busy("2"));
    expect(first).toBeGreaterThanOrEqual(2_000);
    expect(first).toBeLessThan(4_000);
    expect(waitBefore(0, new ApiError(503, {}))).toBeGreaterThanOrEqual(1_000);
    expect(waitBefore(2, busy("2"))).toBe(false);
  });

  it("is told from a refusal that stays one, and from a network that failed", () => {
    expect(waitBefore(0, new ApiError(403, {}))).toBe(false);
    expect(waitBefore(1, new Unreachable())).toBe(2_000);
  });
});
