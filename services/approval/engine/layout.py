"""Where the parts of a flow stand on paper: one layout for the picture, for BPMN and for the way of a case.

A pure function of the tree's JSON, so a draft that is not finished is drawn as well. From top to bottom; what comes one
after another stands on one axis, branches stand side by side between a gateway that parts them and one that joins them.
Lengths are pixels of 1/96 inch, as BPMN's diagrams have them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TASK_WIDTH, TASK_HEIGHT, EVENT, GATEWAY = 180, 60, 36, 50
LINE, PAD, GAP, SIDE_GAP, LABEL_WIDTH, MARGIN = 17, 10, 44, 30, 130, 20
FONT = 13
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

Node = Mapping[str, Any]
Point = tuple[float, float]
Describe = Callable[[Node], Sequence[str]]


@dataclass(frozen=True)
class Look:
    """How a kind of node is drawn, and what BPMN calls it."""

    element: str
    shape: str = "task"  # task, event or gateway
    definition: str = ""  # what an event waits for or throws


# every kind of node that is drawn; any other is a plain task with its name
LOOKS = {
    "approve": Look("userTask"),
    "handle": Look("userTask"),
    "copy": Look("sendTask"),
    "condition": Look("exclusiveGateway", "gateway"),
    "parallel": Look("parallelGateway", "gateway"),
    "delay": Look("intermediateCatchEvent", "event", "timer"),
    "trigger": Look("intermediateThrowEvent", "event", "signal"),
}
PLAIN = Look("task")
START, END = Look("startEvent", "event"), Look("endEvent", "event")


@dataclass(frozen=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Shape:
    """One part of the drawing. `node` is None for start and end; a gateway that joins has its branching's node."""

    id: str
    look: Look
    box: Box
    node: Node | None = None
    joins: bool = False
    title: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    label: Box | None = None  # where the words stand that have no room inside


@dataclass(frozen=True)
class Edge:
    """A line from border to border. `branch`: the branch that it begins, or all of one that is empty."""

    id: str
    source: str
    target: str
    points: tuple[Point, ...]
    within: Node | None = None  # the branch that it lies in
    branch: Node | None = None
    title: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    label: Box | None = None


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    shapes: tuple[Shape, ...]
    edges: tuple[Edge, ...]


def draw(tree: Node | None, describe: Describe, label_of: Describe, ends: tuple[str, str] = ("", "")) -> Drawing:
    """The drawing of a tree. `describe` says what stands in a node below its name, `label_of` the same of a branch;
    `ends` are the names of start and end.
    """
    pen = _Pen(describe, label_of)
    inner = pen.chain([tree] if tree else [])
    axis, top = MARGIN + max(inner.left, EVENT), float(MARGIN)
    start = _end("Start", START, axis, top, ends[0])
    pen.shapes.append(start)
    last = inner.place(axis, top + EVENT + GAP, start, None)
    below = top + EVENT + GAP + (inner.height + GAP if inner.height else 0)
    end = _end("End", END, axis, below, ends[1])
    pen.shapes.append(end)
    pen.join(last, end, None)
    width = axis + max(inner.right, EVENT / 2 + 8 + LABEL_WIDTH / 2) + MARGIN
    return Drawing(width, below + EVENT + MARGIN, tuple(pen.shapes), tuple(pen.edges))


def _end(name: str, look: Look, axis: float, y: float, title: str) -> Shape:
    label = Box(axis + EVENT / 2 + 8, y + (EVENT - LINE) / 2, LABEL_WIDTH / 2, LINE)
    return Shape(name, look, Box(axis - EVENT / 2, y, EVENT, EVENT), title=(title,), label=label if title else None)


@dataclass
class _Block:
    """A part of the drawing that is measured and not yet placed: `place(axis, y, above, within)` puts it below the
    shape `above`, which may be a branching's gateway, and answers its last shape.
    """

    left: float
    right: float
    height: float
    place: Callable[[float, float, Shape, Node | None], Shape]


@dataclass
class _Pen:
    describe: Describe
    label_of: Describe
    shapes: list[Shape] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    count: int = 0

    def chain(self, nodes: Sequence[Node]) -> _Block:
        """One after another on one axis."""
        blocks = [self.block(node) for node in nodes]
        blocks = [block for block in blocks if block.height]

        def place(axis: float, y: float, above: Shape, within: Node | None) -> Shape:
            for block in blocks:
                above = block.place(axis, y, above, within)
                y += block.height + GAP
            return above

        height = sum(block.height for block in blocks) + GAP * max(0, len(blocks) - 1)
        left, right = (max((getattr(b, side) for b in blocks), default=0) for side in ("left", "right"))
        return _Block(left, right, height, place)

    def block(self, node: Node) -> _Block:
        if node.get("kind") == "sequence":
            return self.chain(_members(node, "children"))
        self.count += 1
        name = f"Node_{self.count}"
        look = LOOKS.get(str(node.get("kind")), PLAIN)
        if look.shape == "gateway":
            return self.branching(name, look, node)
        return self.event(name, look, node) if look.shape == "event" else self.task(name, look, node)

    def task(self, name: str, look: Look, node: Node) -> _Block:
        title = wrap(str(node.get("name") or node.get("kind") or ""), TASK_WIDTH - 2 * PAD)
        details = [line for text in self.describe(node) for line in wrap(text, TASK_WIDTH - 2 * PAD)]
        height = max(TASK_HEIGHT, 2 * PAD + LINE * (len(title) + len(details)))

        def place(axis: float, y: float, above: Shape, within: Node | None) -> Shape:
            box = Box(axis - TASK_WIDTH / 2, y, TASK_WIDTH, height)
            return self.put(Shape(name, look, box, node, title=tuple(title), details=tuple(details)), above, within)

        return _Block(TASK_WIDTH / 2, TASK_WIDTH / 2, height, place)

    def event(self, name: str, look: Look, node: Node) -> _Block:
        title = wrap(str(node.get("name") or ""), LABEL_WIDTH)
        details = [line for text in self.describe(node) for line in wrap(text, LABEL_WIDTH)]
        words = LINE * (len(title) + len(details))
        height = max(EVENT, words)

        def place(axis: float, y: float, above: Shape, within: Node | None) -> Shape:
            box = Box(axis - EVENT / 2, y + (height - EVENT) / 2, EVENT, EVENT)
            label = Box(axis + EVENT / 2 + 8, y + (height - words) / 2, LABEL_WIDTH, words) if words else None
            shape = Shape(name, look, box, node, title=tuple(title), details=tuple(details), label=label)
            return self.put(shape, above, within)

        return _Block(EVENT / 2, EVENT / 2 + 8 + LABEL_WIDTH, height, place)

    def branching(self, name: str, look: Look, node: Node) -> _Block:
        """Columns between the gateway that parts and the one that joins; the axis is the middle column's, or runs
        between the two in the middle.
        """
        branches = _members(node, "branches")
        columns = [self.chain(_members(branch, "children")) for branch in branches]
        titles = [wrap(str(branch.get("name") or ""), LABEL_WIDTH) for branch in branches]
        details = [[line for text in self.label_of(b) for line in wrap(text, LABEL_WIDTH)] for b in branches]
        words = max((len(t) + len(d) for t, d in zip(titles, details, strict=True)), default=0) * LINE
        axes: list[float] = []
        edge = 0.0
        for column in columns:
            axes.append(edge + max(column.left, GATEWAY))
            edge = axes[-1] + max(column.right, LABEL_WIDTH + 8) + SIDE_GAP
        half = len(axes) // 2
        own = 0.0 if not axes else axes[half] if len(axes) % 2 else (axes[half - 1] + axes[half]) / 2
        own_words = wrap(str(node.get("name") or ""), LABEL_WIDTH)
        above_it = LINE * max(0, len(own_words) - 2)  # a long name needs more than the gap
        inside = GATEWAY + GAP / 2 + words + GAP / 2
        tallest = max((column.height for column in columns), default=0)
        height = inside + tallest + (GAP if tallest else 0) + GATEWAY if columns else float(GATEWAY)

        def place(axis: float, y: float, above: Shape, within: Node | None) -> Shape:
            y += above_it
            box = Box(axis - GATEWAY / 2, y, GATEWAY, GATEWAY)
            # above the line that leaves to the right
            label = Box(axis + 22, y + 18 - LINE * len(own_words), LABEL_WIDTH, LINE * len(own_words))
            split = Shape(name, look, box, node, title=tuple(own_words), label=label if own_words else None)
            self.put(split, above, within)
            if not columns:
                return split
            low = Box(axis - GATEWAY / 2, y + height - GATEWAY, GATEWAY, GATEWAY)
            joining = Shape(f"{name}_join", look, low, node, joins=True)
            self.shapes.append(joining)
            for branch, column, at, title, more in zip(branches, columns, axes, titles, details, strict=True):
                x = axis - own + at
                said = Box(x + 6, y + GATEWAY + GAP / 2 - 6, LABEL_WIDTH, LINE * (len(title) + len(more)))
                first = len(self.edges)
                last = column.place(x, y + inside, split, branch)
                if last is split:
                    self.connect(split, joining, _around(box, low, x), branch)
                else:
                    self.connect(last, joining, _into(last.box, low, x), branch)
                begun = self.edges[first]
                self.edges[first] = Edge(
                    begun.id, begun.source, begun.target, begun.points, branch, branch,
                    tuple(title), tuple(more), said if title or more else None,
                )  # fmt: skip
            return joining

        named = 22 + LABEL_WIDTH if own_words else 0
        if not columns:
            return _Block(GATEWAY / 2, max(GATEWAY / 2, named), height + above_it, place)
        return _Block(max(own, GATEWAY / 2), max(edge - SIDE_GAP - own, named), height + above_it, place)

    def put(self, shape: Shape, above: Shape, within: Node | None) -> Shape:
        self.shapes.append(shape)
        self.join(above, shape, within)
        return shape

    def join(self, above: Shape, shape: Shape, within: Node | None) -> None:
        """The line from a shape to the next below it; out of a gateway that parts it leaves by the nearest corner."""
        (x, _), (own, middle) = shape.box.middle, above.box.middle
        points: tuple[Point, ...] = ((x, above.box.y + above.box.height), (x, shape.box.y))
        if x != own:
            corner = above.box.x if x < own else above.box.x + above.box.width
            points = ((corner, middle), (x, middle), (x, shape.box.y))
        self.connect(above, shape, points, within)

    def connect(self, source: Shape, target: Shape, points: tuple[Point, ...], within: Node | None) -> None:
        self.edges.append(Edge(f"Flow_{len(self.edges) + 1}", source.id, target.id, points, within))


def _around(split: Box, joining: Box, x: float) -> tuple[Point, ...]:
    """An empty branch: straight from one gateway to the other, or around by their corners."""
    own, upper = split.middle
    if x == own:
        return (own, split.y + split.height), (own, joining.y)
    corner = split.x if x < own else split.x + split.width
    lower = joining.middle[1]
    return (corner, upper), (x, upper), (x, lower), (corner, lower)


def _into(last: Box, joining: Box, x: float) -> tuple[Point, ...]:
    own, middle = joining.middle
    below = (x, last.y + last.height)
    if x == own:
        return below, (own, joining.y)
    return below, (x, middle), (joining.x if x < own else joining.x + joining.width, middle)


def _members(node: Node, key: str) -> list[Node]:
    members = node.get(key)
    return [one for one in members if isinstance(one, Mapping)] if isinstance(members, list) else []


def clean(text: object) -> str:
    """The text without what XML 1.0 cannot hold, even escaped."""
    return FORBIDDEN.sub("\ufffd", str(text))


def wrap(text: str, width: float) -> list[str]:
    """The text in lines that fit into a width: Chinese breaks anywhere, a long word where it must."""
    lines, line, room = [], "", width / FONT
    for word in _words(" ".join(clean(text).split())):
        for part in [word] if _length(word) <= room else list(word):
            if line.strip() and _length((line + part).rstrip()) > room:
                lines.append(line.strip())
                line = ""
            line += part
    return [*lines, line.strip()] if line.strip() else lines


def _words(text: str) -> list[str]:
    words = [""]
    for sign in text:
        wide = _wide(sign)
        if wide or sign == " ":
            words += [sign, ""]
        else:
            words[-1] += sign
    return [word for word in words if word]


def _length(text: str) -> float:
    """In widths of a Chinese character."""
    return sum(1.0 if _wide(sign) else 0.58 for sign in text)


def _wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WFA"
