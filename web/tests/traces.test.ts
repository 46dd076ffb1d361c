import { describe, expect, it } from "vitest";
import { traceparent, within } from "../src/api/trace";
import { inOrder, type TraceSpan } from "../src/pages/traceTree";

function span(spanId: string, parentId: string, beginMicros: number): TraceSpan {
  return { spanId, parentId, beginMicros, service: "x", kind: "", name: spanId, durationMicros: 1, error: "", attributes: {}, traceId: "t" };
}

describe("a trace", () => {
  it("stands as a tree, and what has no known parent at the top", () => {
    const read = inOrder([span("c", "a", 5), span("late", "gone", 9), span("a", "", 0), span("b", "a", 2), span("d", "b", 3)]);
    expect(read.map(({ span: { spanId }, depth }) => [spanId, depth])).toEqual([["a", 0], ["b", 1], ["d", 2], ["c", 1], ["late", 0]]);
  });

  it("is one for all calls of an action, and another's while something of it is done", () => {
    const mine = traceparent();
    expect(mine).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    const theirs = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    let seen = "";
    within(theirs, () => (seen = traceparent()));
    expect([seen, traceparent()]).toEqual([theirs, mine]);
  });
});
