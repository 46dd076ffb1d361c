/** The JSON of a flow's tree and what can be done with it. What is right and wrong is the server's to say. */
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
  [property: string]: unknown;
}

export interface FlowProblem {
  nodeId: string;
  path: string;
  reason: string;
  facts: Record<string, string>;
  message: string;
  warning: boolean;
}

/** Where a node can stand: before the member `index` of `parent`. */
export interface Place {
  parent: string;
  index: number;
}

/** A node with where it stands. A branch is a member of a branching; everything else is a step. */
export interface Standing extends Place {
  node: FlowNode;
  branch: boolean;
  /** The node that it is a member of; none above the root. */
  above?: FlowNode;
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

const memberKey = (node: FlowNode) => (Array.isArray(node.branches) ? "branches" : "children");

export function membersOf(node: FlowNode): FlowNode[] {
  const members = node.branches ?? node.children;
  return Array.isArray(members) ? members : [];
}

function withMembers(node: FlowNode, members: FlowNode[]): FlowNode {
  return { ...node, [memberKey(node)]: members };
}

/** A tree whose root can take more steps. */
export function asSequence(tree: FlowNode): FlowNode {
  return tree.kind === "sequence" ? tree : { id: newId(), kind: "sequence", children: [tree] };
}

/** Every node in reading order, the root first. */
export function standings(tree: FlowNode): Standing[] {
  const below = (above: FlowNode): Standing[] =>
    membersOf(above).flatMap((node, index) => [{ node, parent: above.id ?? "", index, branch: Array.isArray(above.branches), above }, ...below(node)]);
  return [{ node: tree, parent: "", index: 0, branch: false }, ...below(tree)];
}

export function standingOf(tree: FlowNode, id: string | undefined): Standing | undefined {
  return id === undefined ? undefined : standings(tree).find(({ node }) => node.id === id);
}

/** The tree with one node changed. */
export function withNode(tree: FlowNode, id: string, change: (node: FlowNode) => FlowNode): FlowNode {
  if (tree.id === id) return change(tree);
  const members = membersOf(tree);
  const changed = members.map((one) => withNode(one, id, change));
  return changed.some((one, index) => one !== members[index]) ? withMembers(tree, changed) : tree;
}

export function inserted(tree: FlowNode, { parent, index }: Place, node: FlowNode): FlowNode {
  return withNode(tree, parent, (above) => withMembers(above, membersOf(above).toSpliced(index, 0, node)));
}

/** The tree without a node and what is below it. Of a branching with two branches, the steps of the other one stay. */
export function removed(tree: FlowNode, id: string): FlowNode {
  const standing = standingOf(tree, id);
  if (!standing?.above) return tree;
  const { above, index, branch } = standing;
  if (!branch || membersOf(above).length > 2) return withNode(tree, above.id!, (one) => withMembers(one, membersOf(one).toSpliced(index, 1)));
  const around = standingOf(tree, above.id)!;
  const left = membersOf(above).filter((_, at) => at !== index).flatMap(membersOf);
  return withNode(tree, around.parent, (one) => withMembers(one, membersOf(one).toSpliced(around.index, 1, ...left)));
}

/** The branch that is taken where no other is; it cannot go while others have a choice. */
export function isDefault({ above, branch, index }: Standing): boolean {
  return branch && above!.kind === "condition" && index === membersOf(above!).length - 1;
}

export function isRemovable(standing: Standing): boolean {
  return Boolean(standing.above) && (!isDefault(standing) || membersOf(standing.above!).length <= 2);
}

export function holds(node: FlowNode, id: string): boolean {
  return standings(node).some((one) => one.node.id === id);
}

/** The tree with a step elsewhere; the tree itself where that is below the step. */
export function moved(tree: FlowNode, id: string, place: Place): FlowNode {
  const standing = standingOf(tree, id);
  if (!standing?.above || holds(standing.node, place.parent)) return tree;
  const later = standing.parent === place.parent && standing.index < place.index;
  const without = withNode(tree, standing.parent, (above) => withMembers(above, membersOf(above).toSpliced(standing.index, 1)));
  return inserted(without, { ...place, index: place.index - Number(later) }, standing.node);
}

/** Every place where a step can stand, in reading order. */
export function places(tree: FlowNode): Place[] {
  if (Array.isArray(tree.branches)) return tree.branches.flatMap(places);
  if (!Array.isArray(tree.children)) return [];
  const parent = tree.id ?? "";
  return [...tree.children.flatMap((node, index) => [{ parent, index }, ...places(node)]), { parent, index: tree.children.length }];
}

/** The tree with a node one place up or down in reading order, which leads a step into branches and out of them. */
export function shifted(tree: FlowNode, id: string, by: -1 | 1): FlowNode {
  const standing = standingOf(tree, id);
  if (!standing?.above) return tree;
  if (standing.branch) {
    const last = membersOf(standing.above).length - (standing.above.kind === "condition" ? 2 : 1);
    const index = standing.index + by;
    if (isDefault(standing) || index < 0 || index > last) return tree;
    return withNode(tree, standing.parent, (above) => withMembers(above, membersOf(above).toSpliced(standing.index, 1).toSpliced(index, 0, standing.node)));
  }
  const open = places(tree).filter(({ parent, index }) => !holds(standing.node, parent) && !(parent === standing.parent && index === standing.index + 1));
  const here = open.findIndex(({ parent, index }) => parent === standing.parent && index === standing.index);
  const there = open[here + by];
  return there ? moved(tree, id, there) : tree;
}

export function newId(): string {
  return [...crypto.getRandomValues(new Uint32Array(2))].map((number) => number.toString(36)).join("");
}

/** The same with ids of their own. */
export function copyOf(node: FlowNode): FlowNode {
  const copied = membersOf(node).map(copyOf);
  return { ...(copied.length > 0 ? withMembers(node, copied) : node), id: newId() };
}

/** Where a new branch stands: after `index`, and before the default. */
export function branchPlace(branching: FlowNode, index = membersOf(branching).length): Place {
  return { parent: branching.id!, index: branching.kind === "condition" ? Math.min(index, membersOf(branching).length - 1) : index };
}

/** The tree with a copy right after the node. */
export function duplicated(tree: FlowNode, id: string): { tree: FlowNode; id: string } | undefined {
  const standing = standingOf(tree, id);
  return standing?.above ? pasted(tree, standing, { node: standing.node, branch: standing.branch }) : undefined;
}

export interface Clip {
  node: FlowNode;
  branch: boolean;
}

/** The tree with what was copied after a node: steps behind a step or first in a branch, branches beside a branch. */
export function pasted(tree: FlowNode, at: Standing, clip: Clip): { tree: FlowNode; id: string } | undefined {
  const node = copyOf(clip.node);
  const done = (place: Place) => ({ tree: inserted(tree, place, node), id: node.id! });
  if (!clip.branch) {
    if (at.branch || !at.above) return Array.isArray(at.node.children) ? done({ parent: at.node.id!, index: 0 }) : undefined;
    return done({ parent: at.parent, index: at.index + 1 });
  }
  const branching = at.branch ? at.above! : at.node;
  if (!Array.isArray(branching.branches)) return undefined;
  // only conditions ask branches something
  if (branching.kind !== "condition") delete node.when;
  return done(branchPlace(branching, at.branch ? at.index + 1 : undefined));
}

/** The node that a path of the server leads to: `tree.children[1].branches[0].when`, with or without `tree.`. */
export function nodeAt(tree: FlowNode, path: string): FlowNode {
  let node = tree;
  for (const [, index] of path.matchAll(/\b(?:children|branches)\[(\d+)\]/g)) node = membersOf(node)[Number(index)] ?? node;
  return node;
}

/** Facts of the document that conditions and rules of a tree ask for. */
export function factsUsed(tree: FlowNode): string[] {
  const asked = standings(tree).flatMap(({ node }) => [
    ...[...(typeof node.when === "string" ? node.when : "").matchAll(/\bfacts\.([a-z][a-z0-9_]*)/g)].map(([, name]) => name),
    ...(Array.isArray(node.approvers) ? node.approvers : []).flatMap(({ field }) => (typeof field === "string" && field ? [field] : [])),
  ]);
  return [...new Set(asked)];
}

/** The node that stands where another one was removed: the next there, else the one before, else what it stood in. */
export function placeNow(tree: FlowNode, { parent, index }: Place): string | undefined {
  const above = standingOf(tree, parent)?.node;
  const members = above ? membersOf(above) : [];
  return (members[index] ?? members.at(-1) ?? above ?? tree).id;
}
