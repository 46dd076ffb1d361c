import { describe, expect, it } from "vitest";
import { conditionText, formsAsked, readCondition } from "../src/flow/condition";
import { apart, compare } from "../src/flow/diff";
import { NODE_KINDS, RULE_KINDS, listMembers, piecesOf, ruleName, textIn, type Part } from "../src/flow/kinds";
import { asSequence, branchPlace, copyOf, duplicated, factsUsed, inserted, isRemovable, moved, nodeAt, pasted, placeNow, places, removed, shifted, standingOf, standings, withNode, type FlowNode } from "../src/flow/tree";

const step = (id: string): FlowNode => ({ id, kind: "approve", name: id, approvers: [{ kind: "department_head" }] });
const tree: FlowNode = {
  id: "start", kind: "sequence", children: [
    step("a"),
    { id: "by", kind: "condition", name: "by", branches: [{ id: "large", name: "large", when: "amount > 5 && has(facts.urgency) && facts.urgency == 'URGENT'", children: [step("b")] }, { id: "rest", name: "rest", children: [] }] },
    step("c"),
  ],
};
const drawn = (node: FlowNode): string => {
  const members = (node.children ?? node.branches)?.map(drawn);
  return members ? `${node.id}(${members.join(" ")})` : node.id!;
};

describe("a tree of a flow", () => {
  it("takes new steps anywhere and leaves what it was", () => {
    expect(drawn(inserted(tree, { parent: "rest", index: 0 }, step("n")))).toBe("start(a by(large(b) rest(n)) c)");
    expect(drawn(inserted(tree, { parent: "start", index: 3 }, step("n")))).toBe("start(a by(large(b) rest()) c n)");
    expect(drawn(tree)).toBe("start(a by(large(b) rest()) c)");
  });

  it("gives back the same tree where nothing changed", () => {
    expect(withNode(tree, "nobody", () => step("x"))).toBe(tree);
  });

  it("loses a step with what is below it; of two branches one is no branching", () => {
    expect(drawn(removed(tree, "by"))).toBe("start(a c)");
    expect(drawn(removed(tree, "rest"))).toBe("start(a b c)");
    expect(drawn(removed(tree, "large"))).toBe("start(a c)");
    expect(placeNow(removed(tree, "by"), standingOf(tree, "by")!)).toBe("c");
    expect(placeNow(removed(tree, "b"), standingOf(tree, "b")!)).toBe("large");
  });

  it("keeps the default branch while others have a choice", () => {
    const three = inserted(tree, branchPlace(standingOf(tree, "by")!.node), { id: "middle", name: "middle", when: "amount > 2", children: [] });
    expect(drawn(three)).toBe("start(a by(large(b) middle() rest()) c)");
    expect(["large", "middle", "rest"].map((id) => isRemovable(standingOf(three, id)!))).toEqual([true, true, false]);
    expect(drawn(shifted(three, "large", 1))).toBe("start(a by(middle() large(b) rest()) c)");
    expect(shifted(three, "middle", 1)).toBe(three);
  });

  it("moves a step, and never into itself", () => {
    expect(drawn(moved(tree, "a", { parent: "start", index: 3 }))).toBe("start(by(large(b) rest()) c a)");
    expect(drawn(moved(tree, "c", { parent: "large", index: 0 }))).toBe("start(a by(large(c b) rest()))");
    expect(moved(tree, "by", { parent: "large", index: 0 })).toBe(tree);
  });

  it("moves a step by keys in reading order, into branches and out of them", () => {
    const ways = [];
    for (let now = tree, next = shifted(tree, "a", 1); next !== now; now = next, next = shifted(next, "a", 1)) ways.push(drawn(next));
    expect(ways).toEqual(["start(by(large(a b) rest()) c)", "start(by(large(b a) rest()) c)", "start(by(large(b) rest(a)) c)", "start(by(large(b) rest()) a c)", "start(by(large(b) rest()) c a)"]);
    expect(drawn(shifted(tree, "c", -1))).toBe("start(a by(large(b) rest(c)))");
    expect(places(tree)).toHaveLength(7);
  });

  it("copies with ids of its own", () => {
    const copy = copyOf(standingOf(tree, "by")!.node);
    expect(new Set([...standings(tree), ...standings(copy)].map(({ node }) => node.id)).size).toBe(11);
    expect(duplicated(tree, "a")!.tree.children!.map(({ name }) => name)).toEqual(["a", "a", "by", "c"]);
  });

  it("pastes steps behind steps and first in branches, branches beside branches", () => {
    const names = (node: FlowNode): string => `${node.name ?? ""}${(node.children ?? node.branches)?.length ? `(${(node.children ?? node.branches)!.map(names).join(" ")})` : ""}`;
    const clip = { node: step("n"), branch: false };
    expect(names(pasted(tree, standingOf(tree, "rest")!, clip)!.tree)).toBe("(a by(large(b) rest(n)) c)");
    expect(names(pasted(tree, standingOf(tree, "a")!, clip)!.tree)).toBe("(a n by(large(b) rest) c)");
    const branch = { node: standingOf(tree, "large")!.node, branch: true };
    expect(names(pasted(tree, standingOf(tree, "rest")!, branch)!.tree)).toBe("(a by(large(b) large(b) rest) c)");
    expect(pasted(tree, standingOf(tree, "a")!, branch)).toBeUndefined();
  });

  it("finds the node that a path of the server means", () => {
    expect(nodeAt(tree, "tree.children[1].branches[0].when").id).toBe("large");
    expect(nodeAt(tree, "children[1].branches[0].children[0].approvers[0]").id).toBe("b");
    expect(factsUsed(tree)).toEqual(["urgency"]);
    expect(asSequence(tree)).toBe(tree);
    expect(asSequence(step("x")).children).toEqual([step("x")]);
  });
});

it.each([
  ["facts.form == 'claim'", ["claim"]],
  ["has(facts.form) && facts.form in ['a', 'b'] && amount > 5", ["a", "b"]],
  ["amount > 5", undefined],
  ["facts.form == 'a' || amount > 5", undefined],
  ["facts.form != 'a'", undefined],
  ["", undefined],
])("the forms that %s is for", (condition, forms) => {
  expect(formsAsked(condition)).toEqual(forms);
});

describe("a condition", () => {
  const again = (text: string) => {
    const read = readCondition(text);
    return read && conditionText(read);
  };

  it("is read and written the same", () => {
    for (const text of [
      "amount >= 50000", "amount > 10000.5 && currency != \"CNY\"", "\"财务部\" in departments", "!(\"财务部\" in departments)", "post in [\"manager\", \"buyer\"]", "!(post in [\"manager\"])",
      "has(facts.urgency) && facts.urgency == \"URGENT\"", "amount > 5 || (has(facts.line_count) && facts.line_count > 3)", "amount > 5 && (currency == \"USD\" || currency == \"EUR\")",
      "has(facts.project_codes) && \"P-1\" in facts.project_codes", "facts.line_count > 3", "requester.startsWith(\"A\")", "has(facts.change) && facts.change == true", "amount > -5", "",
    ]) expect([text, again(text)]).toEqual([text, text]);
  });

  it("is read however it is written", () => {
    expect(again("10000<amount&&currency=='US\\'D'")).toBe('amount > 10000 && currency == "US\'D"');
    expect(again("((amount > 1))")).toBe("amount > 1");
    expect(again("has(facts.change) && !facts.change")).toBe("has(facts.change) && facts.change == false");
  });

  it("stays text where it says more than comparisons", () => {
    for (const text of ["amount * 2.0 > 10.0", "size(facts.lines) > 1", "amount >", "amount > 1 &&", "has(facts.x)", "has(facts.x) || facts.x == 1", "has(facts.x) && facts.y == 1", "facts.a.b == 1", "unknown == 1", "facts.lines.exists(l, l > 1)", "!(amount > 1)", "amount > 1 ? true : false", "\"\\u0041\" == currency", "amount > 1e9"]) {
      expect([text, readCondition(text)]).toEqual([text, undefined]);
    }
  });

  it("means what its groups say", () => {
    expect(readCondition("amount > 1 || amount < 0 && currency == 'CNY'")).toEqual({
      join: "or",
      members: [
        { field: "amount", operator: ">", values: [{ type: "number", text: "1" }] },
        { join: "and", members: [{ field: "amount", operator: "<", values: [{ type: "number", text: "0" }] }, { field: "currency", operator: "==", values: [{ type: "string", text: "CNY" }] }] },
      ],
    });
  });
});

describe("two versions", () => {
  const changes = (after: FlowNode) => compare(tree, after).map(({ what, id, differences }) => [what, id, ...differences.map(({ key }) => key)]);

  it("are the same in whatever order properties stand", () => {
    expect(changes(JSON.parse(JSON.stringify({ children: tree.children, kind: "sequence", id: "start" })))).toEqual([]);
  });

  it("differ by nodes that came, went, moved or say something else", () => {
    expect(changes(removed(tree, "by"))).toEqual([["removed", "by"], ["removed", "large"], ["removed", "b"], ["removed", "rest"]]);
    expect(changes(inserted(tree, { parent: "rest", index: 0 }, step("n")))).toEqual([["added", "n"]]);
    expect(changes(withNode(tree, "b", (node) => ({ ...node, name: "B", vote: "any" })))).toEqual([["changed", "b", "name", "vote"]]);
    expect(changes(moved(tree, "c", { parent: "large", index: 0 }))).toEqual([["moved", "c"]]);
    expect(changes(withNode(tree, "a", (node) => ({ ...node, timeout: { hours: 8, then: "remind" } })))).toEqual([["changed", "a", "timeout"]]);
    expect(changes(withNode(tree, "a", (node) => ({ ...node, rights: { amount: "hidden" }, cuts: true })))).toEqual([["changed", "a", "rights", "cuts"]]);
    expect(changes(withNode(moved(tree, "a", { parent: "start", index: 3 }), "a", (node) => ({ ...node, name: "A" })))).toEqual([["moved", "a"], ["changed", "a", "name"]]);
  });
});

describe("two lists", () => {
  const [a, b, c] = ["a", "b", "c"].map((key) => ({ key, label: key }));

  it("differ by the members that only one has, or by their order", () => {
    expect(apart([a, b], [{ label: "a", key: "a" }, c])).toEqual([[b], [c]]);
    expect(apart([a], [a, b])).toEqual([[], [b]]);
    expect(apart([a, b], [b, a])).toEqual([[a, b], [b, a]]);
    expect(apart(undefined, [a])).toEqual([undefined, [a]]);
  });
});

describe("the table of kinds", () => {
  const t = ((key: string, marks?: Record<string, string>) => [key, ...Object.values(marks ?? {})].join(" ")) as never;
  const partOf = (kind: string, key: string): Part => NODE_KINDS[kind].parts.find((part) => part.key === key)!;
  const asked = (part: Part, values: Record<string, unknown>) => piecesOf(t, part.of!, values).flatMap((piece) => (typeof piece === "string" ? [] : [piece.key]));

  it("says each rule with a place for each of its parts", () => {
    for (const [name, { sentence, parts }] of Object.entries(RULE_KINDS)) {
      const marks = Object.fromEntries(parts.map(({ key }) => [key, `{${key}}`]));
      for (const { key } of parts) expect([name, sentence(t, marks)]).toEqual([name, expect.stringContaining(`{${key}}`)]);
    }
  });

  it("makes nodes that are whole and leaves no value without its place", () => {
    for (const [name, { make }] of Object.entries(NODE_KINDS)) if (make) expect(make(t)).toMatchObject({ kind: name, id: expect.any(String), name: expect.any(String) });
    const shared = { ...step("a"), vote: "ratio", approvers: [{ kind: "user", veto: true }] };
    expect(NODE_KINDS.approve.tidy!(shared)).toMatchObject({ percent: 50, approvers: [{ kind: "user", veto: true }] });
    expect(NODE_KINDS.approve.tidy!({ ...shared, vote: "any", percent: 50, employee_id: "x" })).toEqual({ ...step("a"), vote: "any", approvers: [{ kind: "user" }] });
    expect(NODE_KINDS.approve.tidy!({ ...shared, claim: true })).toEqual({ ...step("a"), claim: true, vote: "any", approvers: [{ kind: "user" }] });
  });

  it("asks of a time limit what belongs to what happens then, and keeps no more", () => {
    const timeout = partOf("approve", "timeout");
    const all = { hours: 8, then: "remind", employee_id: "x", repeat: true };
    const tidy = (then: string) => NODE_KINDS.approve.tidy!({ ...step("a"), timeout: { ...all, then } }).timeout;
    expect([asked(timeout, all), tidy("remind")]).toEqual([["hours", "then", "repeat"], { hours: 8, then: "remind", repeat: true }]);
    expect([asked(timeout, { ...all, then: "transfer" }), tidy("transfer")]).toEqual([["hours", "then", "employee_id"], { hours: 8, then: "transfer", employee_id: "x" }]);
    for (const then of ["escalate", "approve", "reject"]) expect([asked(timeout, { ...all, then }), tidy(then)]).toEqual([["hours", "then"], { hours: 8, then }]);
    expect(timeout.of!.parts[1].options!(t).map(([then]) => then)).toEqual(["remind", "escalate", "transfer", "approve", "reject"]);
    expect(timeout.make!(t, [])).toEqual({ hours: 8, then: "remind" });
    expect(timeout.note!(t, step("a"))).toBeUndefined();
    expect(timeout.note!(t, { ...step("a"), approvers: [{ kind: "authority" }] })).toBe("flow.timeoutAuthority");
    expect(partOf("handle", "timeout")).toBeUndefined();
  });

  it("gives each new field a key of its own, and choices only to a choice", () => {
    const fields = partOf("handle", "fields");
    expect([[], [{ key: "field_1" }], [{ key: "field_3" }, { key: "way" }]].map((members) => fields.make!(t, members).key)).toEqual(["field_1", "field_2", "field_4"]);
    const way = { key: "way", label: { "zh-CN": "方式", en: "Way" }, type: "choice", choices: ["a", { value: "b", label: "B" }] };
    const node = { ...step("h"), kind: "handle", fields: [way, { key: "no", label: "号" }] };
    expect(NODE_KINDS.handle.tidy!(node)).toEqual(node);
    expect(NODE_KINDS.handle.tidy!({ ...node, fields: [{ ...way, type: "text" }] }).fields).toEqual([{ key: "way", label: way.label, type: "text" }]);
    expect(listMembers(fields.of!.parts.find(({ key }) => key === "choices")!, way.choices)).toEqual([{ value: "a" }, { value: "b", label: "B" }]);
    expect(NODE_KINDS.handle.how!(t, node, "en")).toBe("flow.fillsIn Waylist.comma号");
    expect([textIn(way.label, "zh-CN"), textIn("号", "en"), textIn(undefined, "en")]).toEqual(["方式", "号", ""]);
  });

  it("asks of a group either people or a role", () => {
    const group = RULE_KINDS.group;
    const shown = (values: Record<string, unknown>) => piecesOf(t, group, values).flatMap((piece) => (typeof piece === "string" ? [] : [piece.key]));
    expect([shown({}), shown({ employee_ids: ["x"] }), shown({ role: "buyer" })]).toEqual([["name", "employee_ids", "role"], ["name", "employee_ids"], ["name", "role"]]);
    expect(ruleName(((_: string, { name, employee_ids, role }: Record<string, string>) => `Group ${name}: ${employee_ids}${role}`) as never, group)).toBe("Group …: …");
  });
});
