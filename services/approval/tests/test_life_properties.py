"""Random flows, random acts, some sent twice: what holds for a case in the database whatever people do, and that the
opinions alone tell how it came to stand as it stands.

EXAMPLES=500 pytest services/approval/tests/test_life_properties.py looks longer.
"""

from __future__ import annotations

import itertools
import os
from collections import Counter
from typing import Any

import sqlalchemy as sa
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from approval.case.model import Case, NodeVisit
from approval.opinion.model import DECISIONS, Opinion
from approval.task.model import Task
from approval.tests.factories import Office, approve, branch, condition, copy, handle, parallel, request, sequence
from chassis import ids, migrate
from chassis.errors import Refused
from chassis.testing import stable
from heyi.approval.v1 import tasks_pb2
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_requisitions_pb2

PEOPLE = ["head", "boss", "buyer", "finance_head", "colleague"]
KEYS = {stable(key): key for key in [*PEOPLE, "admin", "requester", "other_department"]}
FIELDS = ({"key": "paid", "label": "paid", "type": "amount"}, {"key": "note", "label": "note", "required": True})
ENDED = ("APPROVED", "REJECTED", "RETURNED", "WITHDRAWN")
STRAIGHT, STEP = tasks_pb2.ReturnTaskRequest.STRAIGHT_BACK, tasks_pb2.ReturnTaskRequest.STEP_BY_STEP
BEFORE, AFTER = tasks_pb2.AddSignerTaskRequest.BEFORE, tasks_pb2.AddSignerTaskRequest.AFTER

rules = st.lists(st.sampled_from([*PEOPLE, "requester", {"kind": "department_head"}]), min_size=1, max_size=3)
empty = st.sampled_from(["administrator", "administrator", "pass", "reject"])
same = st.sampled_from(["ask", "skip_next", "skip_all"])
# a rule that decides by itself; no sample, since another document's ids choose others
ruled = st.sampled_from(["amount < 1000", "amount > 5000", "has(facts.handled)"]).map(
    lambda when: {
        "automatic": [{"name": "rule", "when": when, "then": "approve", "text": "by rule"}],
        "automatic_sample_percent": 0,
    }
)
approvals = st.builds(
    lambda people, vote, when_empty, policy, changed, rule: approve(
        "a", *people, when_empty=when_empty, same_approver=policy, cuts=True, changed=changed, **vote, **rule
    ),
    rules,
    st.sampled_from([{}, {"vote": "any"}, {"vote": "sequential"}, {"vote": "ratio", "percent": 60}, {"claim": True}]),
    empty,
    same,
    st.sampled_from(["ask", "always", "always"]),
    st.one_of(st.just({}), st.just({}), st.just({}), ruled),
)
work = st.builds(
    lambda people, claim: handle("h", *people, fields=FIELDS, vote="any", claim=claim), rules, st.booleans()
)
lanes = st.lists(st.lists(approvals, min_size=1, max_size=2), min_size=2, max_size=2)
sides = lanes.map(lambda found: parallel("p", *(branch("b", *lane) for lane in found)))
chosen = st.tuples(lanes, st.sampled_from(["amount > 5000", "amount > 50000", "has(facts.handled)"])).map(
    lambda both: condition("c", branch("b", *both[0][0], when=both[1]), branch("b", *both[0][1]))
)
nodes = st.one_of(approvals, approvals, work, sides, sides, chosen, rules.map(lambda people: copy("k", *people)))
trees = st.tuples(st.lists(nodes, min_size=1, max_size=3), approvals).map(
    lambda both: _numbered(sequence(*both[0], both[1]), itertools.count())
)


def _numbered(tree: dict[str, Any], numbers: Any) -> dict[str, Any]:
    """Every node with an id and a name of its own."""
    made = {**tree, "id": f"n{next(numbers)}"}
    made["name"] = made["id"].upper()
    for key in ("children", "branches"):
        if key in made:
            made[key] = [_numbered(child, numbers) for child in made[key]]
    return made


class Life:
    """One case, as the database keeps it, and people who act on it."""

    def __init__(self, office: Office, engine: Any, document: str) -> None:
        self.office, self.engine, self.document = office, engine, document
        self.case: Any = None
        self.tasks: list[Any] = []
        self.visits: list[Any] = []
        self.opinions: list[Any] = []
        self.changes = 0

    async def begin(self) -> None:
        await self.office.deliver(self.document, times=2)
        await self.look()

    async def look(self) -> None:
        """Read the rows anew: what was said before must stand there as it was said."""
        before = self.opinions
        async with self.engine.connect() as db:
            where = sa.select(Case.__table__).where(Case.document_id == stable(self.document))
            self.case = (await db.execute(where)).one()

            async def rows(model: Any) -> list[Any]:
                found = sa.select(model.__table__).where(model.case_id == self.case.id).order_by(model.id)
                return list((await db.execute(found)).all())

            self.tasks, self.visits, self.opinions = await rows(Task), await rows(NodeVisit), await rows(Opinion)
        assert self.opinions[: len(before)] == before, "something that was said was lost or changed"

    def open(self) -> list[Any]:
        return [task for task in self.tasks if task.state == "OPEN"]

    async def act(self, key: str, method: str, task: Any = None, *, twice: bool = False, **fields: Any) -> bool:
        """Whether it was done; a refusal changes nothing, and the same request again does nothing more."""
        caller = self.office.service.as_(key)
        target = task.id if task is not None else self.case.id
        request = {"id": str(target), **fields, "key": f"life-{ids.uuid7()}"}
        try:
            first = await getattr(caller, method)(**request)
        except Refused:
            before = len(self.opinions)
            await self.look()
            assert len(self.opinions) == before, "a refusal left a trace"
            return False
        if twice:
            assert await getattr(caller, method)(**request) == first
        await self.look()
        return True

    async def change(self, key: str, task: Any, *, made: bool = True, twice: bool = False) -> bool:
        """Agree to less; the document's service makes the changes or refuses them, and says so twice."""
        cut = {"path": "lines.quantity", "line_id": str(stable("line")), "value": "1", "reason": "x"}
        shown = {"content_hash": self.case.content_hash, "text": "less"}
        if not await self.act(key, "ApproveTask", task, twice=twice, changes=[cut], **shown):
            return False
        assert self.case.changing, "agreed before the document was changed"
        answer = common_pb2.AmendmentAnswer(amendment_id=self.case.amending["id"])
        if made:
            self.changes += 1
            fresh = request(self.document, content_hash=f"{self.changes:064}")
            fresh.basis["lines.quantity"].hash = str(self.changes)
            answer.approval.CopyFrom(fresh)
            answer.differences.add(path="lines.quantity", after="1", reason="x")
        else:
            answer.violations.add(reason="AMENDMENT_NOT_LESS")
        event = purchase_requisitions_pb2.PurchaseRequisitionChangeAnswered(answer=answer)
        await self.office.service.deliver(event, times=2, actor=key)
        await self.office.service.deliver(event, event_id=ids.uuid7(), actor=key)
        await self.look()
        return True

    def check(self) -> None:
        assert not self.case.changing, "an answer came and was not heard"
        again = {task.visit_id for task in self.tasks if task.again and task.state == "OPEN"}
        assert again <= {visit.id for visit in self.visits if visit.state == "OPEN"}, (
            "went on without who is asked again"
        )
        case, live = self.case, [task for task in self.tasks if task.state in ("OPEN", "WAITING")]
        at = {visit.id: visit for visit in self.visits}
        standing = [visit for visit in self.visits if visit.state in ("OPEN", "STUCK")]
        if case.state in ENDED:
            assert live == [], "a turn after the end"
            assert standing == [], "a node after the end"
        else:
            stuck = any(visit.state == "STUCK" for visit in standing)
            assert self.open() or (case.state == "PARKED" and stuck), "nobody's turn, and nobody looks after it"
        assert set(case.waiting_on_ids) == {task.assignee_id for task in self.open()}
        assert {task.visit_id for task in live} <= {visit.id for visit in standing}, "a turn of a node that was left"
        for visit in standing:
            above = at.get(visit.parent_id)
            assert above is None or above.state == "OPEN", "a node inside one that was left"
        assert len(standing) == len({visit.node_id for visit in standing}), "a node stands twice"
        here = Counter((task.visit_id, task.assignee_id) for task in live)
        assert max(here.values(), default=1) == 1, "one person twice at a node"
        decided = Counter(said.task_id for said in self.opinions if said.kind in DECISIONS and said.task_id)
        assert max(decided.values(), default=1) == 1, "two outcomes of one turn"
        watched = {task.supervise_due_date for task in live} - {None}
        assert bool(watched) <= (case.supervision == "WATCHED"), "marked, and nobody watches"
        assert case.supervision != "WATCHED" or (case.state not in ENDED and len(watched) == bool(live)), "not marked"
        assert all(task.assignee_id != case.requester_id for task in self.tasks), "asked about an own request"
        assert len({said.kind for said in self.opinions} & {"WITHDRAW"}) == 0 or case.state == "WITHDRAWN"

    def picture(self) -> dict[str, Any]:
        """How it stands, without ids and times."""
        return {
            "state": self.case.state,
            "supervision": self.case.supervision,
            "facts": self.case.facts,
            "agreed": sorted(KEYS[who] for who in self.case.agreed_ids),
            "tasks": Counter((t.node_id, KEYS[t.assignee_id], t.state, t.line, t.place) for t in self.tasks),
            "visits": Counter((visit.node_id, visit.state, visit.number) for visit in self.visits),
            "said": [(said.kind, said.author_id, said.node_name, said.target_name) for said in self.opinions],
        }


async def step(life: Life, draw: Any) -> None:
    """One random act of somebody who may be allowed to."""
    turns = life.open()
    turn = draw(st.sampled_from(turns)) if turns else None
    names = ["decide"] * 8 + ["less", "less", "reject", "return", "back", "back", "transfer", "add", "remove"]
    names += ["take_back", "claim", "unclaim", "pause", "jump", "jump", "withdraw", "retry", "comment", "watch"]
    act = draw(st.sampled_from(names))
    twice = draw(st.booleans())
    shown = {"content_hash": life.case.content_hash, "text": "x"}
    who = str(stable(draw(st.sampled_from([*PEOPLE, "other_department"]))))
    me = KEYS[turn.assignee_id] if turn else ""
    if turn is not None and turn.to_claim and turn.claim_time is None and act in ("decide", "less", "reject", "back"):
        await life.act(me, "ClaimTask", turn, twice=twice)
        life.check()
        (turn,) = [task for task in life.tasks if task.id == turn.id]
    match act:
        case "decide" if turn is not None and turn.node_kind == "handle":
            values = {"note": draw(st.sampled_from(["a", "b"])), "paid": "1.50"}
            await life.act(me, "HandleTask", turn, twice=twice, values=values, **shown)
        case "less" if turn is not None and turn.node_kind == "approve":
            await life.change(me, turn, made=draw(st.integers(0, 3)) > 0, twice=twice)
        case "decide" | "reject" | "return" if turn is not None:
            method = {"decide": "ApproveTask", "reject": "RejectTask", "return": "ReturnTask"}[act]
            if act == "decide" or draw(st.integers(0, 2)) == 0:
                await life.act(me, method, turn, twice=twice, **shown)
        case "back" if turn is not None:
            seen = await life.office.service.as_(me).GetTask(id=str(turn.id))
            if seen.return_targets:
                target = draw(st.sampled_from([found.node_id for found in seen.return_targets]))
                way = draw(st.sampled_from([STRAIGHT, STEP]))
                done = await life.act(me, "ReturnTask", turn, twice=twice, node_id=target, afterwards=way, **shown)
                assert done or life.case.state == "SUSPENDED", "what is offered is done"
        case "transfer" if turn is not None:
            await life.act(me, "TransferTask", turn, twice=twice, employee_id=who, text="x")
        case "add" if turn is not None:
            place = draw(st.sampled_from([BEFORE, AFTER]))
            said = "before" if place == BEFORE else "after"
            await life.act(me, "AddSignerTask", turn, twice=twice, position=place, employee_ids=[who], text=said)
        case "remove":
            added = [task for task in life.tasks if task.added_by_id and task.state in ("OPEN", "WAITING")]
            for task in added[:1]:
                await life.act(KEYS[task.added_by_id], "RemoveSignerTask", task, twice=twice)
        case "take_back" if life.case.undo:
            (task,) = [task for task in life.tasks if str(task.id) == life.case.undo["task_id"]]
            await life.act(KEYS[task.assignee_id], "TakeBackTask", task, twice=twice)
        case "claim" | "unclaim" if turn is not None:
            await life.act(me, f"{act.title()}Task", turn, twice=twice)
        case "pause" if await life.act("admin", "SuspendCase", twice=twice, reason="x"):
            life.check()
            assert turn is None or not await life.act(me, "ApproveTask", turn, **shown), "decided while suspended"
            await life.act("admin", "ResumeCase", twice=twice, reason="x")
        case "jump":
            asking = sorted({task.node_id for task in life.tasks if task.node_kind != "copy"})
            if asking and draw(st.booleans()):
                await life.act("admin", "JumpCase", twice=twice, node_id=draw(st.sampled_from(asking)), reason="x")
        case "withdraw" if draw(st.integers(0, 3)) == 0:
            await life.act("requester", "WithdrawCase", twice=twice, reason="x")
        case "comment":
            await life.act("requester", "CommentCase", twice=twice, text="x")
        case "watch" if draw(st.booleans()):
            await life.act("admin", "SuperviseCase", twice=twice, due_date="2026-12-31", note="x")
        case "watch":
            await life.act("admin", "EndSupervisionCase", twice=twice, reason="x")
        case "retry":
            await life.act("admin", "RetryCase", twice=twice)


async def replay(life: Life, again: Life) -> None:
    """Do with another document what the opinions say was done."""
    nodes = {task.node_name: task.node_id for task in life.tasks}
    for said in life.opinions:
        me = KEYS.get(said.author_id, "")
        turn = next((t for t in again.open() if KEYS[t.assignee_id] == me and t.node_name == said.node_name), None)
        shown = {"content_hash": again.case.content_hash, "text": said.text}
        match said.kind:
            case "APPROVE" | "CHANGE" if said.changes:
                done = await again.change(me, turn)
            case "APPROVE" if me:
                done = await again.act(me, "ApproveTask", turn, **shown)
            case "HANDLE":
                values = {field["key"]: field["value"] for field in said.handled["fields"]}
                done = await again.act(me, "HandleTask", turn, values=values, **shown)
            case "REJECT" if me:
                done = await again.act(me, "RejectTask", turn, **shown)
            case "RETURN":
                where = {"node_id": nodes[said.target_name]} if said.target_name else {}
                way = {"afterwards": STRAIGHT if said.straight_back else STEP}
                done = await again.act(me, "ReturnTask", turn, **shown, **where, **way)
            case "TRANSFER":
                to = str(said.employee_ids[0])
                done = await again.act(me, "TransferTask", turn, employee_id=to, text=said.text)
            case "ADD_SIGNER":
                people, place = [str(who) for who in said.employee_ids], BEFORE if said.text == "before" else AFTER
                done = await again.act(me, "AddSignerTask", turn, position=place, employee_ids=people, text=said.text)
            case "REMOVE_SIGNER":
                gone = [t for t in again.tasks if t.assignee_id in said.employee_ids and t.node_name == said.node_name]
                (task,) = [t for t in gone if t.state in ("OPEN", "WAITING")]
                done = await again.act(me, "RemoveSignerTask", task)
            case "TAKE_BACK":
                (task,) = [task for task in again.tasks if str(task.id) == again.case.undo["task_id"]]
                done = await again.act(me, "TakeBackTask", task, text=said.text)
            case "CLAIM" | "UNCLAIM":
                done = await again.act(me, f"{said.kind.title()}Task", turn)
            case "SUSPEND" | "RESUME":
                done = await again.act(me, f"{said.kind.title()}Case", reason=said.text)
            case "JUMP":
                done = await again.act(me, "JumpCase", node_id=nodes[said.node_name], reason=said.text)
            case "WITHDRAW":
                done = await again.act(me, "WithdrawCase", reason=said.text)
            case "SUPERVISE":
                done = await again.act(me, "SuperviseCase", due_date="2026-12-31", note=said.text)
            case "END_SUPERVISION":
                done = await again.act(me, "EndSupervisionCase", reason=said.text)
            case "COMMENT":
                done = await again.act(me, "CommentCase", text=said.text)
            case _:
                done = True  # what the flow itself says, and the submission
        assert done, f"{said.kind} by {me} cannot be done again"


NUMBERS = itertools.count()


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(tree=trees, data=st.data())
async def test_whatever_people_do_a_case_stands_as_its_opinions_tell(office: Office, tree: Any, data: Any) -> None:
    number = next(NUMBERS)
    engine = migrate.owner_engine(office.service.owner_url)
    await office.flow(tree, f"F{number}", priority=-number)  # asked before those of other examples
    life, again = Life(office, engine, f"first {number}"), Life(office, engine, f"second {number}")
    await life.begin()
    life.check()
    for _ in range(data.draw(st.integers(4, 14))):
        if life.case.state in ENDED:
            break
        await step(life, data.draw)
        life.check()
    event(life.case.state)
    if life.case.state in ENDED and life.tasks:
        outcome = life.case.state
        task = life.tasks[-1]
        assert not await life.act(KEYS[task.assignee_id], "ApproveTask", task, content_hash=life.case.content_hash), (
            "two outcomes"
        )
        assert life.case.state == outcome

    await again.begin()
    await replay(life, again)

    assert again.picture() == life.picture()
    await engine.dispose()
