/** What is different between two trees, node by node. A node is the same node as long as it keeps its id. */
import { sameJson } from "@/documents/formValues";
import { standings, type FlowNode, type Standing } from "./tree";

export interface Difference {
  key: string;
  before: unknown;
  after: unknown;
}

export interface Change {
  id: string;
  what: "added" | "removed" | "changed" | "moved";
  /** As it is after the change; where it is gone, as it was. */
  node: FlowNode;
  branch: boolean;
  /** Of what changed: the properties. */
  differences: Difference[];
  /** Of what was added, removed or moved: the node that it stands in, or stood in. */
  above?: FlowNode;
}

const MEMBERS = new Set(["children", "branches", "id"]);
/** Removed nodes first, in the order of the old tree; then what the new tree has otherwise, in its order. */
export function compare(before: FlowNode, after: FlowNode): Change[] {
  const old = byId(before);
  const fresh = byId(after);
  const gone = [...old.values()].filter(({ node }) => !fresh.has(node.id!)).map((one) => changeOf("removed", one));
  const moved = movedIds(old, fresh);
  const rest = [...fresh.values()].flatMap((one) => {
    const was = old.get(one.node.id!);
    if (!was) return [changeOf("added", one)];
    const differences = differencesOf(was.node, one.node);
    return [...(moved.has(one.node.id!) ? [changeOf("moved", one)] : []), ...(differences.length > 0 ? [{ ...changeOf("changed", one), differences }] : [])];
  });
  return [...gone, ...rest];
}

function byId(tree: FlowNode): Map<string, Standing> {
  return new Map(standings(tree).filter(({ node }) => node.id).map((one) => [one.node.id!, one]));
}

function changeOf(what: Change["what"], { node, branch, above }: Standing): Change {
  return { id: node.id!, what, node, branch, above, differences: [] };
}

function differencesOf(before: FlowNode, after: FlowNode): Difference[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !MEMBERS.has(key));
  return keys.filter((key) => !sameJson(before[key], after[key])).map((key) => ({ key, before: before[key], after: after[key] }));
}

/** Of two lists the members that the other does not have, and the whole lists where only the order differs; other values as they are. */
export function apart(before: unknown, after: unknown): [before: unknown, after: unknown] {
  if (!Array.isArray(before) || !Array.isArray(after)) return [before, after];
  const without = (these: unknown[], those: unknown[]) => these.filter((one) => !those.some((other) => sameJson(one, other)));
  const [gone, fresh] = [without(before, after), without(after, before)];
  return gone.length + fresh.length === 0 ? [before, after] : [gone, fresh];
}

/** Nodes with another parent, and as few others as explain the new order within a parent. */
function movedIds(old: Map<string, Standing>, fresh: Map<string, Standing>): Set<string> {
  const moved = new Set<string>();
  const stayed = new Map<string, Standing[]>();
  for (const [id, one] of fresh) {
    const was = old.get(id);
    if (!was) continue;
    if (was.parent !== one.parent) moved.add(id);
    else stayed.set(one.parent, [...(stayed.get(one.parent) ?? []), one]);
  }
  for (const members of stayed.values()) {
    const kept = new Set(rising(members.map(({ node }) => old.get(node.id!)!.index)));
    members.forEach(({ node }, at) => {
      if (!kept.has(at)) moved.add(node.id!);
    });
  }
  return moved;
}

/** Positions of a longest rising subsequence. */
function rising(numbers: number[]): number[] {
  const best: number[][] = [];
  numbers.forEach((number, at) => {
    const before = best.slice(0, at).filter((_, other) => numbers[other] < number).reduce<number[]>((longest, one) => (one.length > longest.length ? one : longest), []);
    best.push([...before, at]);
  });
  return best.reduce<number[]>((longest, one) => (one.length > longest.length ? one : longest), []);
}
