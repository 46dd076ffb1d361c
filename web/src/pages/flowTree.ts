/** The JSON of a flow's tree, as far as an outline needs it. What is right and wrong is the server's to say. */
export type FlowRule = Record<string, unknown>;

export interface FlowNode {
  id?: string;
  kind?: string;
  name?: string;
  when?: string;
  vote?: string;
  percent?: number;
  approvers?: FlowRule[];
  children?: FlowNode[];
  branches?: FlowNode[];
}

export interface FlowProblem {
  nodeId: string;
  path: string;
  reason: string;
  facts: Record<string, string>;
  message: string;
  warning: boolean;
}

/** A first tree: the head of the department, then whoever may agree to the amount. */
export function firstTree(names: { head: string; amount: string; authority: string; otherwise: string }): FlowNode {
  const authority: FlowNode = { id: "authority", kind: "approve", name: names.authority, vote: "any", approvers: [{ kind: "authority" }] };
  return {
    id: "start",
    kind: "sequence",
    children: [
      { id: "head", kind: "approve", name: names.head, vote: "any", approvers: [{ kind: "department_head" }] },
      {
        id: "by_amount",
        kind: "condition",
        name: names.amount,
        branches: [
          { id: "large", name: "≥ 50000", when: "amount >= 50000", children: [authority] },
          { id: "otherwise", name: names.otherwise, children: [] },
        ],
      },
    ],
  };
}

export function parseTree(text: string): { tree?: FlowNode; problem?: string } {
  try {
    const tree: unknown = JSON.parse(text);
    return tree !== null && typeof tree === "object" && !Array.isArray(tree) ? { tree: tree as FlowNode } : { problem: "{" };
  } catch (error) {
    return { problem: (error as SyntaxError).message };
  }
}

const KEYS = ["id", "kind", "name", "when", "vote", "percent", "approvers"];

/** The tree as text: what a node is comes first, what is below it last. */
export function treeText(tree: unknown): string {
  const rank = (key: string) => (KEYS.includes(key) ? KEYS.indexOf(key) : key === "children" || key === "branches" ? KEYS.length + 1 : KEYS.length);
  const ordered = (_: string, value: unknown) =>
    value !== null && typeof value === "object" && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => rank(a) - rank(b))) : value;
  return JSON.stringify(tree, ordered, 2);
}

export function childrenOf(node: FlowNode): FlowNode[] {
  const members = node.children ?? node.branches;
  return Array.isArray(members) ? members : [];
}

/** The tree with one node changed. */
export function withNode(tree: FlowNode, id: string, changed: FlowNode): FlowNode {
  if (tree.id === id) return changed;
  const inside = (members: FlowNode[] | undefined) => (Array.isArray(members) ? members.map((one) => withNode(one, id, changed)) : members);
  return { ...tree, ...(tree.children ? { children: inside(tree.children) } : {}), ...(tree.branches ? { branches: inside(tree.branches) } : {}) };
}

/** Where a node stands in the text, so that a problem can lead there. */
export function placeOf(text: string, id: string): [number, number] | undefined {
  const match = new RegExp(`"id"\\s*:\\s*"${id.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}"`).exec(text);
  return match ? [match.index, match.index + match[0].length] : undefined;
}
