"""The way of a case on the picture of its flow: what is done and by whom, where it stands, what is to come, what was
not taken.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from approval.case import conduct, preview
from approval.case.model import Case, NodeVisit
from approval.case.rules import LIVE
from approval.engine.layout import Edge, Node, Shape, draw
from approval.engine.words import Words
from approval.flow_definition.model import FlowVersion
from approval.task.model import Task
from chassis import ids
from chassis.call import Call
from heyi.approval.v1 import case_views_pb2 as pb

DONE, CURRENT, AHEAD = pb.DrawnShape.DONE, pb.DrawnShape.CURRENT, pb.DrawnShape.AHEAD
NOT_TAKEN, STOPPED, LEFT = pb.DrawnShape.NOT_TAKEN, pb.DrawnShape.STOPPED, pb.DrawnShape.LEFT
VISITS = {"DONE": DONE, "OPEN": CURRENT, "STUCK": CURRENT, "CANCELLED": LEFT}
WENT = (DONE, CURRENT, STOPPED, LEFT)
ENDING = ("REJECTED", "RETURNED")
# whose names stand at a node: who answered, who is asked, who was told
SHOWN = ("OPEN", "WAITING", "APPROVED", "HANDLED", "SKIPPED", "COPIED", *ENDING)
MOST_NAMES = 4
WHEN = "0000-00-00 00:00"


async def drawing_of(call: Call, case: Case) -> pb.CaseDrawing:
    """The drawing of a case; empty where no flow was found for it."""
    if case.flow_version_id is None:
        return pb.CaseDrawing()
    tree = (
        await call.db.execute(sa.select(FlowVersion.tree).where(FlowVersion.id == case.flow_version_id))
    ).scalar_one()
    way = await _Way.of(call, case, tree)
    words = Words(call.locale, call.organisation)
    drawing = draw(tree, lambda node: way.details(node, words), words.label, words.ends)
    shapes = {shape.id: shape for shape in drawing.shapes}
    return pb.CaseDrawing(
        width=round(drawing.width),
        height=round(drawing.height),
        shapes=[way.shape(shape) for shape in drawing.shapes],
        lines=[way.line(edge, shapes) for edge in drawing.edges],
    )


class _Way:
    """What is known of each node of the flow in one case."""

    def __init__(self, call: Call, case: Case, visits: Mapping[str, NodeVisit], tasks: Iterable[Task]) -> None:
        self.call, self.case, self.visits = call, case, visits
        self.live = case.state in LIVE
        self.tasks: dict[str, list[Task]] = {}
        for task in tasks:
            if task.visit_id == visits[task.node_id].id and task.state in SHOWN:
                self.tasks.setdefault(task.node_id, []).append(task)
        self.ahead: dict[str, list[uuid.UUID]] = {}
        self.standing: dict[str, Any] = {}

    @classmethod
    async def of(cls, call: Call, case: Case, tree: Node) -> _Way:
        entered = sa.select(NodeVisit).where(NodeVisit.case_id == case.id).order_by(NodeVisit.number, NodeVisit.id)
        visits = {visit.node_id: visit for visit in (await call.db.execute(entered)).scalars()}
        turns = sa.select(Task).where(Task.case_id == case.id).order_by(Task.id)
        tasks = (await call.db.execute(turns)).scalars().all()
        way = cls(call, case, visits, tasks)
        if case.state == "RUNNING":
            walk = await conduct.resume(call, case)
            steps = preview.ahead(walk, tasks)
            way.ahead = {visit.node.id: [] for visit in walk.opened}
            for step in steps:
                way.ahead.setdefault(step.node_id, []).extend(map(ids.parse, step.employee_ids))
        way._stand(tree, taken=True)
        return way

    def _stand(self, node: Node, *, taken: bool) -> None:
        """How a node and all below it stand. Of the branches of a condition only the one that was entered is taken, as
        soon as one was.
        """
        node_id = str(node["id"])
        visit = self.visits.get(node_id)
        if node_id in self.ahead and (visit is None or visit.state in ("DONE", "CANCELLED")):
            standing = AHEAD
        elif visit is not None:
            ended = any(task.state in ENDING for task in self.tasks.get(node_id, ()))
            standing = STOPPED if ended and not self.live else VISITS[visit.state]
        else:
            standing = AHEAD if self.live and taken else NOT_TAKEN
        self.standing[node_id] = standing
        branches: Sequence[Node] = node.get("branches", ())
        known = {str(b["id"]) for b in branches if str(b["id"]) in self.visits or str(b["id"]) in self.ahead}
        chosen = known if node.get("kind") == "condition" and known else {str(b["id"]) for b in branches}
        for below in node.get("children", ()):
            self._stand(below, taken=taken)
        for branch in branches:
            self._stand(branch, taken=taken and str(branch["id"]) in chosen)

    def people(self, node_id: str) -> list[uuid.UUID]:
        """Who answered or is asked at a node, or will be."""
        if self.standing[node_id] == AHEAD:
            return list(dict.fromkeys(self.ahead.get(node_id, ())))
        return list(dict.fromkeys(task.assignee_id for task in self.tasks.get(node_id, ())))

    def details(self, node: Node, words: Words) -> list[str]:
        """The lines below a node's name: people, and room for when it was done or since when it waits, which the page
        says in its reader's zone.
        """
        people = self.people(str(node["id"]))
        names = words.say("and").join(words.person(who) for who in people[:MOST_NAMES])
        said = (
            [words.say("and_more", names=names, count=len(people))]
            if len(people) > MOST_NAMES
            else [names] * bool(names)
        )
        return [*said, WHEN] if self.standing[str(node["id"])] in WENT else said

    def shape(self, shape: Shape) -> pb.DrawnShape:
        node_id = str(shape.node["id"]) if shape.node is not None else ""
        drawn = pb.DrawnShape(
            node_id=node_id,
            kind=str(shape.node.get("kind")) if shape.node is not None else shape.id.lower(),
            figure=shape.look.shape,
            joins=shape.joins,
            standing=self._standing_of(shape),
            name=str(shape.node.get("name", "")) if shape.node is not None else "".join(shape.title),
            title=shape.title,
            details=[line for line in shape.details if line != WHEN],
            x=round(shape.box.x),
            y=round(shape.box.y),
            width=round(shape.box.width),
            height=round(shape.box.height),
        )
        if shape.label:
            drawn.label.extend([round(shape.label.x), round(shape.label.y)])
        if node_id and not shape.joins:
            drawn.employee_ids.extend(str(who) for who in self.people(node_id))
            visit = self.visits.get(node_id)
            if visit is not None and drawn.standing in WENT:
                drawn.open_time.FromDatetime(visit.open_time)
                if visit.done_time:
                    drawn.done_time.FromDatetime(visit.done_time)
        return drawn

    def line(self, edge: Edge, shapes: Mapping[str, Shape]) -> pb.DrawnLine:
        target = shapes[edge.target]
        if edge.branch is not None:
            standing = self._passed(edge.branch, entering=True)
        elif target.joins and edge.within is not None:
            standing = self._passed(edge.within, entering=False)
        else:
            standing = DONE if self._standing_of(target) in WENT else self._standing_of(target)
        drawn = pb.DrawnLine(standing=standing, title=edge.title, details=edge.details)
        drawn.points.extend(round(part) for point in edge.points for part in point)
        if edge.label:
            drawn.label.extend([round(edge.label.x), round(edge.label.y)])
        return drawn

    def _passed(self, branch: Node, *, entering: bool) -> Any:
        """The way into a branch or out of it."""
        standing = self.standing[str(branch["id"])]
        if standing in WENT and not entering and standing != DONE:
            return AHEAD if self.live else NOT_TAKEN
        return DONE if standing in WENT else standing

    def _standing_of(self, shape: Shape) -> Any:
        if shape.node is None:
            ended = AHEAD if self.live else NOT_TAKEN
            return DONE if shape.id == "Start" or self.case.state == "APPROVED" else ended
        standing = self.standing[str(shape.node["id"])]
        if shape.look.shape != "gateway":
            return standing
        if shape.joins and standing in WENT and standing != DONE:
            return AHEAD if self.live else NOT_TAKEN
        return DONE if standing in WENT else standing
