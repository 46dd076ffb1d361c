import { useCallback, useEffect, useRef, useState } from "react";
import { holds, moved, pasted, placeNow, removed, inserted, isRemovable, duplicated, shifted, standingOf, withNode, type Clip, type FlowNode, type Place } from "./tree";

const LONGEST = 100;

/** What was cut or copied last, for every flow that is opened on this page load. */
let clipboard: Clip | undefined;

/** Changes of a tree with their undoing, the card that keys and tools act on, and what was copied. */
export function useDesigner(tree: FlowNode, set: (tree: FlowNode) => void, onTouched: (id: string) => void) {
  const [past, setPast] = useState<FlowNode[]>([]);
  const [future, setFuture] = useState<FlowNode[]>([]);
  const [active, setActive] = useState<string>();
  const [opened, setOpened] = useState<string>();
  const [clip, setClip] = useState(clipboard);
  // the card that takes the focus when it is drawn
  const [wanted, setWanted] = useState<string>();
  const last = useRef<string>(undefined);

  const commit = useCallback((next: FlowNode, key?: string) => {
    if (next === tree) return;
    if (key === undefined || last.current !== key) setPast((before) => [...before.slice(1 - LONGEST), tree]);
    last.current = key;
    setFuture([]);
    set(next);
  }, [tree, set]);
  const go = (to: FlowNode | undefined, from: typeof setPast, onto: typeof setPast) => {
    if (!to) return;
    from((trees) => trees.slice(0, -1));
    onto((trees) => [...trees, tree]);
    last.current = undefined;
    set(to);
  };
  const undo = () => go(past.at(-1), setPast, setFuture);
  const redo = () => go(future.at(-1), setFuture, setPast);
  const standing = standingOf(tree, active);
  const act = (next: { tree: FlowNode; id: string } | undefined) => {
    if (!next) return;
    commit(next.tree);
    setActive(next.id);
    setWanted(next.id);
  };
  const keep = (): boolean => {
    if (!standing?.above) return false;
    clipboard = { node: standing.node, branch: standing.branch };
    setClip(clipboard);
    return true;
  };
  const remove = () => {
    if (!standing || !isRemovable(standing)) return;
    const next = removed(tree, standing.node.id!);
    const beside = placeNow(next, standing);
    commit(next);
    setActive(beside);
    setWanted(beside);
    if (opened !== undefined && holds(standing.node, opened)) setOpened(undefined);
  };

  const keys = useRef({ undo, redo });
  keys.current = { undo, redo };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const typing = event.target instanceof Element && event.target.closest("input, textarea, [contenteditable]");
      const key = event.key.toLowerCase();
      if (!(event.ctrlKey || event.metaKey) || typing || (key !== "z" && key !== "y")) return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) keys.current.redo();
      else keys.current.undo();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  return {
    tree, standing, active, setActive, opened, setOpened, wanted, setWanted, clip,
    canUndo: past.length > 0, canRedo: future.length > 0, undo, redo,
    canRemove: standing !== undefined && isRemovable(standing), remove,
    canCopy: Boolean(standing?.above), copy: () => void keep(),
    canPaste: Boolean(clip && standing && pasted(tree, standing, clip)),
    cut: () => standing && isRemovable(standing) && keep() && remove(),
    paste: () => clip && standing && act(pasted(tree, standing, clip)),
    duplicate: () => standing && act(duplicated(tree, standing.node.id!)),
    canShift: (by: -1 | 1) => standing?.node.id !== undefined && shifted(tree, standing.node.id, by) !== tree,
    shift: (by: -1 | 1) => standing?.node.id !== undefined && act({ tree: shifted(tree, standing.node.id, by), id: standing.node.id }),
    /** Put a new node somewhere and open it. */
    add: (place: Place, node: FlowNode) => {
      act({ tree: inserted(tree, place, node), id: node.id! });
      setOpened(node.id);
    },
    move: (id: string, place: Place) => act({ tree: moved(tree, id, place), id }),
    change: (node: FlowNode, key: string) => {
      onTouched(node.id!);
      commit(withNode(tree, node.id!, () => node), `${node.id} ${key}`);
    },
    replace: (next: FlowNode) => {
      setOpened(undefined);
      commit(next);
    },
  };
}

export type Designer = ReturnType<typeof useDesigner>;
