"""What stands before what in a tree: a return leads back to what stands before, and undoes what stands behind."""

from __future__ import annotations

from collections.abc import Collection

from approval.engine.tree import Approve, Chain, Flow, Node, children_of


def ways(root: Node) -> dict[str, tuple[Node, ...]]:
    """For each node the way to it: the nodes from the root down, itself last."""
    found: dict[str, tuple[Node, ...]] = {}
    todo: list[tuple[Node, ...]] = [(root,)]
    while todo:
        way = todo.pop()
        found[way[-1].id] = way
        todo += [(*way, child) for child in children_of(way[-1])]
    return found


def stands_before(first: tuple[Node, ...], second: tuple[Node, ...]) -> bool:
    """Whether a case comes to the first node before the second, by the ways to them. What stands side by side, or in
    branches of which one is chosen, is neither before nor behind.
    """
    split = next((at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one is not other), None)
    if not split or not isinstance(first[split - 1], Chain):
        return False
    children = children_of(first[split - 1])
    return children.index(first[split]) < children.index(second[split])


def before(flow: Flow, node_id: str, visited: Collection[str]) -> list[Approve]:
    """The nodes before one at which people were asked already, in the order of the flow."""
    known = ways(flow.root)
    here = known[node_id]
    return [
        node
        for node in flow.nodes.values()
        if isinstance(node, Approve) and node.id in visited and stands_before(known[node.id], here)
    ]


def undone_by(flow: Flow, node_id: str) -> list[str]:
    """Ids of the nodes that count no more once a case is led back to a node: itself, those around it, those behind."""
    known = ways(flow.root)
    here = known[node_id]
    around = {node.id for node in here}
    return [key for key, way in known.items() if key in around or stands_before(here, way)]
