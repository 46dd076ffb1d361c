"""How a case is carried on: the rows that a walk through the tree leaves behind, and what everybody is told.

Whoever comes here holds the lock of the case's row, so that of fifty who press at once one after another decides and
each sees what the others did. The number of statements does not depend on the number of turns.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from approval.case import automatic, supervision, timing
from approval.case.left import left_as_json, left_of
from approval.case.model import Case, NodeVisit
from approval.case.record import new_turn, say
from approval.case.sight import EVERYTHING, Shown, let_read, let_read_like
from approval.case.telling import announce, concerned, name_of, tell, tell_administrators, tell_asked
from approval.engine import ballot, deputies
from approval.engine.approvers import World, named_before
from approval.engine.rights import hidden_at
from approval.engine.tree import Approve, Delay, Flow, Node, Trigger
from approval.engine.walk import Turn, Visit, Walk, kind_of
from approval.lookups import NoFlow, choose_flow, flow_at, world_of
from approval.task.model import Task
from approval.task.rules import OPINIONS
from chassis.call import Call, Refused
from chassis.ids import uuid7
from chassis.states import advance
from heyi.approval.v1 import cases_pb2

# what the requester is told when the case ends
OUTCOMES = {"APPROVED": "notice.approved", "REJECTED": "notice.rejected", "RETURNED": "notice.returned"}
LIVE = ("OPEN", "WAITING")
STOOD = ("state", "note", "park_reason", "park_facts", "facts")
UNSEEN = {"synchronize_session": False}


@dataclass(frozen=True)
class Filled:
    """What was filled in at a node: as conditions see it, and for people to read."""

    facts: Mapping[str, Any]
    shown: Sequence[Mapping[str, Any]]


# ---- the life of a case, in its order


async def begin(call: Call, case: Case, *, opening: bool = False) -> None:
    """Choose a flow and ask the first people; without a flow, or without anybody to ask, the case waits."""
    try:
        definition, version, flow = await choose_flow(call, case)
    except NoFlow as none:
        case.state, case.park_reason, case.park_facts = "PARKED", none.reason, none.facts
        announce(call, case)
        await tell_administrators(call, case)
        return
    case.flow_definition_id, case.flow_version_id = definition.id, version.id
    case.flow_name, case.flow_version = definition.name, version.number
    walk = Walk(flow, await world_of(call, case, flow))
    walk.start()
    await settle(call, case, walk, still_open=[], opening=opening)


async def decide(
    call: Call,
    case: Case,
    task: Task,
    action: str,
    text: str,
    named: Sequence[uuid.UUID] = (),
    filled: Filled | None = None,
    *,
    shown: Shown = EVERYTHING,
    beside: Sequence[Task] = (),
) -> None:
    """One person's decision, and all that follows from it in the same transaction; `named` are asked next, where the
    flow leaves that to the approver; `filled` is what was filled in where the node is for doing; `beside` are turns at
    the node that this call made.
    """
    assert call.actor.employee_id is not None
    me, now = call.actor.employee_id, call.now()
    advance(task, action)
    task.done_time, task.opinion_text = now, text
    task.decided_by_id = me if me != task.assignee_id else None
    task.findings = None
    done = {"fields": filled.shown} if filled else None
    say(
        call, case, OPINIONS[action], author_id=me, text=text, task=task, handled=done,
        hidden=list(shown.hidden), changes=list(shown.changes) or None,
    )  # fmt: skip
    if ballot.final(action, task):
        await automatic.answered(call, case, task.visit_id, automatic.ANSWERS[task.state])
        await end(call, case, task.state, note=text, because=f"task.case_{task.state.lower()}", but=task.id)
        return
    stored, turns = await where_it_stands(call, case)
    turns += beside
    if action in ("approve", "handle"):
        case.undo = _undo(case, task, stored)
    if filled:
        known = case.facts or {}
        case.facts = {**known, "handled": {**known.get("handled", {}), **filled.facts}}
    if action == "approve":
        case.agreed_ids = list(dict.fromkeys([*case.agreed_ids, task.assignee_id]))
    await answered(call, case, task, text, stored, turns, named=named)


async def decide_itself(call: Call, case: Case, task: Task, action: str, facts: Mapping[str, str]) -> None:
    """Nobody answered in time and the flow decides: that counts at the node, and as nobody's agreement."""
    advance(task, action)
    task.done_time, task.by_system, case.undo = call.now(), True, None
    say(call, case, OPINIONS[action], task=task, reason="opinion.timeout", reason_facts=facts)
    if ballot.final(action, task):
        because = f"task.case_{task.state.lower()}"
        await end(call, case, task.state, note="", because=because, but=task.id, notice="notice.timed_out")
        return
    await answered(call, case, task, case.note, *await where_it_stands(call, case))


async def go_on_after(
    call: Call, case: Case, visit_id: uuid.UUID, stored: Iterable[NodeVisit], turns: Iterable[Any]
) -> None:
    """The time of a node that waited has come."""
    walk, rows = await walk_of(call, case, stored)
    visit = next(visit for visit in walk.visits if visit.id == visit_id)
    say(call, case, "DELAY", node_name=visit.node.name)
    walk.finish(visit, visit.agreed)
    await settle(call, case, walk, rows=rows, still_open=[turn for turn in turns if turn.state == "OPEN"])


def _undo(case: Case, task: Task, stored: Iterable[NodeVisit]) -> dict[str, Any]:
    """How the case stands before an agreement: enough to bring that back (`handing.take_back`)."""
    visits = {str(row.id): [row.state, [str(who) for who in row.agreed_ids]] for row in stored}
    new = task.assignee_id not in case.agreed_ids
    kept = {name: getattr(case, name) for name in STOOD}
    return {"task_id": str(task.id), "visits": visits, "new": new, "case": kept}


async def answered(
    call: Call,
    case: Case,
    task: Task,
    text: str,
    stored: Iterable[NodeVisit],
    turns: Iterable[Any],
    *,
    named: Sequence[uuid.UUID] | None = None,
) -> None:
    """A turn was answered, or is not needed any more: its node is decided by it, or the next in its line is asked.
    `named`: whom an approver names to be asked next; None where nobody could be asked for names.
    """
    turns = [task if turn.id == task.id else turn for turn in turns]
    here = [turn for turn in turns if turn.visit_id == task.visit_id]
    match ballot.outcome(task.vote, task.vote_percent, here):
        case "AGREED":
            case.note = text
            await _node_agreed(call, case, task, stored, turns, named)
        case "REFUSED":
            await automatic.answered(call, case, task.visit_id, "NONE" if task.by_system else "REFUSE")
            await end(call, case, "REJECTED", note=text, because="task.case_rejected", but=task.id)
        case _:
            if task.state == "REJECTED" and any(t.state == "WAITING" and t.line == task.line for t in here):
                behind = sa.and_(Task.visit_id == task.visit_id, Task.line == task.line)
                facts = {"name": name_of(call, call.actor.employee_id)}
                await cancel(call, behind, Task.id != task.id, because="task.line_refused", facts=facts)
            opened = await open_due(call, case, here)
            await wait_for(call, case, [*(turn for turn in turns if turn.state == "OPEN"), *opened])
            announce(call, case)


async def _node_agreed(
    call: Call,
    case: Case,
    task: Task,
    stored: Iterable[NodeVisit],
    turns: Sequence[Any],
    named: Sequence[uuid.UUID] | None,
) -> None:
    """The node of a turn has what it needs: whoever is still asked there is spared, and the case goes on."""
    here = [turn for turn in turns if turn.visit_id == task.visit_id]
    if any(turn.state in LIVE for turn in here):
        others = sa.and_(Task.visit_id == task.visit_id, Task.id != task.id)
        because = "task.enough_agreed" if task.vote == "ratio" else "task.other_decided"
        facts = {"name": name_of(call, call.actor.employee_id)}
        await cancel(call, others, because=because, facts=facts, ended_by=task.id)
    by_system = any(turn.by_system for turn in here if turn.state in ("APPROVED", "REJECTED"))
    await automatic.answered(call, case, task.visit_id, "NONE" if by_system else "AGREE")
    walk, rows = await walk_of(call, case, stored, named or ())
    visit = next(visit for visit in walk.visits if visit.id == task.visit_id)
    if visit.left:
        case.round += 1  # what was left is entered once more
    agreed = {turn.assignee_id for turn in here if turn.state in ("APPROVED", "SKIPPED") and not turn.by_system}
    walk.finish(visit, agreed)
    following = next((opened.node for opened in walk.opened if _to_be_named(opened)), None)
    if following is not None and named is not None and not named:
        raise Refused.fields([("next_ids", "TASK_NEXT_MISSING", {"node": following.name})])
    elsewhere = [turn for turn in turns if turn.visit_id != task.visit_id and turn.state == "OPEN"]
    await settle(call, case, walk, rows=rows, still_open=elsewhere)


async def open_due(call: Call, case: Case, here: Sequence[Any]) -> list[Any]:
    """Ask those at a node whose time has come."""
    due, now = ballot.due(here), call.now()
    if not due:
        return []
    opened = await call.db.execute(
        sa.update(Task)
        .where(Task.id.in_([turn.id for turn in due]))
        .values(state="OPEN", open_time=now, due_time=None, updated_at=now, version=Task.version + 1)
        .returning(Task.id, Task.node_id, Task.assignee_id, Task.delegate_id, Task.open_time, Task.due_time)
        .execution_options(**UNSEEN)
    )
    rows = list(opened.all())
    await tell_asked(call, case, rows)
    return rows


async def retry(call: Call, case: Case) -> None:
    """Look again for people. Where nothing came of the flow yet it too is chosen again, in its newest version."""
    advance(case, "retry")
    case.park_reason, case.park_facts, case.undo = "", {}, None
    if not await _anything_came(call, case):
        await call.db.execute(sa.delete(NodeVisit).where(NodeVisit.case_id == case.id).execution_options(**UNSEEN))
        await begin(call, case)
        return
    stored, turns = await where_it_stands(call, case)
    walk, rows = await walk_of(call, case, stored)
    walk.retry()
    await settle(call, case, walk, rows=rows, still_open=[turn for turn in turns if turn.state == "OPEN"])


async def _anything_came(call: Call, case: Case) -> bool:
    """Whether somebody was asked or told, a time was waited for or another service told: that comes once."""
    flow = await flow_at(call, case.flow_version_id) if case.flow_version_id else None
    lasting = [node.id for node in flow.nodes.values() if _lasts(node)] if flow else []
    entered = sa.and_(NodeVisit.case_id == case.id, NodeVisit.node_id.in_(lasting), NodeVisit.state != "STUCK")
    came = sa.or_(sa.exists().where(Task.case_id == case.id), sa.exists().where(entered))
    return bool(await call.db.scalar(sa.select(came)))


def _lasts(node: Node) -> bool:
    """Whether what a node does without people comes once."""
    return isinstance(node, Delay | Trigger) or (isinstance(node, Approve) and node.automatic is not None)


async def end(
    call: Call,
    case: Case,
    state: str,
    *,
    note: str,
    because: str,
    but: uuid.UUID | None = None,
    silent: bool = False,
    notice: str = "",
) -> None:
    """The case is over: nobody's turn stays open."""
    waiting = case.waiting_on_ids
    facts = {"name": name_of(call, call.actor.person) or case.flow_name}
    await cancel(call, Task.case_id == case.id, *([Task.id != but] if but else []), because=because, facts=facts)
    await leave_nodes(call, NodeVisit.case_id == case.id)
    case.state, case.note, case.decide_time, case.undo = state, note, call.now(), None
    case.amending, case.changing = None, False
    await automatic.over(call, case)
    await wait_for(call, case, [])
    announce(call, case)
    if silent:
        return
    if state in OUTCOMES:
        key = notice or OUTCOMES[state]
        await tell(call, case, [case.requester_id], key, person=facts["name"], text=note[:200])
    else:
        await tell(call, case, waiting, "notice.withdrawn")


async def withdraw(call: Call, case: Case, reason: str) -> None:
    """The requester takes the request back."""
    advance(case, "withdraw")
    say(call, case, "WITHDRAW", author_id=case.requester_id, text=reason)
    await end(call, case, "WITHDRAWN", note=reason, because="task.case_withdrawn")


async def urge(call: Call, case: Case, text: str) -> None:
    """Remind those whose decision is open."""
    advance(case, "urge")
    case.urge_time = call.now()
    say(call, case, "URGE", author_id=case.requester_id, text=text)
    # the turns' versions stay: a reminder does not take the screen away from whoever is just deciding
    await call.db.execute(
        sa.update(Task)
        .where(Task.case_id == case.id, Task.state == "OPEN")
        .values(urge_time=case.urge_time)
        .execution_options(**UNSEEN)
    )
    call.announce(cases_pb2.CaseUrged, case, audience=concerned(case))
    await tell(call, case, case.waiting_on_ids, "notice.urged", text=text)


async def comment(call: Call, case: Case, text: str, mentioned: Sequence[uuid.UUID] = ()) -> None:
    """Say something without deciding; who is mentioned is told, and may read from now on."""
    advance(case, "comment")
    author = call.actor.employee_id
    say(call, case, "COMMENT", author_id=author, text=text, employee_ids=mentioned)
    others = [person for person in concerned(case) if person not in (author, *mentioned)]
    if mentioned:
        let_read_like(call, case, [person for person in mentioned if person != case.requester_id], author)
    call.announce(cases_pb2.CaseCommented, case, audience=concerned(case))
    words = {"person": name_of(call, author), "text": text[:200]}
    await tell(call, case, others, "notice.commented", **words)
    await tell(call, case, [person for person in mentioned if person != author], "notice.mentioned", **words)


def submitted(call: Call, case: Case) -> None:
    """The case stands at the beginning of its own story."""
    say(call, case, "SUBMIT", author_id=case.requester_id, text="")
    call.announce(cases_pb2.CaseOpened, case, audience=[case.requester_id])


async def resume(call: Call, case: Case) -> Walk:
    """The walk of a case as it stands: its live visits and nothing older."""
    stored, _ = await where_it_stands(call, case)
    return (await walk_of(call, case, stored))[0]


async def where_it_stands(call: Call, case: Case) -> tuple[list[NodeVisit], list[Any]]:
    """Where a case stands, in one statement: the nodes that are not done, and the turns there that still count."""
    rows = (await call.db.execute(_LIVE, {"case": case.id})).all()
    return list(dict.fromkeys(row.NodeVisit for row in rows)), [row for row in rows if row.id is not None]


async def leads_to_choice(call: Call, case: Case, task: Task) -> bool:
    """Whether agreeing now brings the case to a node whose people the approver names."""
    if case.flow_version_id is None or not (await flow_at(call, case.flow_version_id)).chooses:
        return False
    stored, turns = await where_it_stands(call, case)
    agreed = SimpleNamespace(line=task.line, place=task.place, veto=task.veto, state="APPROVED")
    here = [agreed if turn.id == task.id else turn for turn in turns if turn.visit_id == task.visit_id]
    if ballot.outcome(task.vote, task.vote_percent, here) != "AGREED":
        return False
    walk, _ = await walk_of(call, case, stored)
    walk.finish(next(visit for visit in walk.visits if visit.id == task.visit_id), {task.assignee_id})
    return any(_to_be_named(opened) for opened in walk.opened)


def _to_be_named(visit: Visit) -> bool:
    """Whether whoever agreed just now says who is asked at a node; not where those of before are asked again."""
    return named_before(visit.node) and not visit.again


async def walk_of(
    call: Call, case: Case, stored: Iterable[NodeVisit], named: Sequence[uuid.UUID] = ()
) -> tuple[Walk, dict[Visit, NodeVisit]]:
    """The walk over the nodes that are not done, with their rows."""
    assert case.flow_version_id is not None
    flow = await flow_at(call, case.flow_version_id)
    return walk_over(flow, await world_of(call, case, flow, named=named), stored, case.agreed_ids)


def walk_over(
    flow: Flow, world: World, stored: Iterable[NodeVisit], agreed: Iterable[uuid.UUID]
) -> tuple[Walk, dict[Visit, NodeVisit]]:
    """The walk over nodes that are not done, parents before children, with their rows."""
    visits: dict[uuid.UUID, Visit] = {}
    rows: dict[Visit, NodeVisit] = {}
    for row in stored:
        parent = visits[row.parent_id] if row.parent_id else None
        visit = Visit(flow.nodes[row.node_id], parent, row.state, frozenset(row.agreed_ids), row.id)
        visit.stuck_reason, visit.stuck_facts = row.stuck_reason, row.stuck_facts or {}
        visit.left = left_of(visit, row.left_nodes)
        visits[row.id], rows[visit] = visit, row
    return Walk(flow, world, visits=visits.values(), agreed=agreed), rows


# ---- what a walk leaves behind


async def settle(
    call: Call,
    case: Case,
    walk: Walk,
    *,
    still_open: Sequence[Any],
    rows: Mapping[Visit, NodeVisit] | None = None,
    opening: bool = False,
    todo: tuple[str, Mapping[str, str]] = ("notice.todo", {}),
) -> None:
    """Store the visits and turns of a walk, say how the case stands, and tell everybody; `todo` is what those are told
    whose turn it is.
    """
    now, outcome = call.now(), walk.outcome
    if outcome == "REJECTED":
        for visit in [visit for visit in walk.visits if visit.state != "DONE"]:
            visit.state = "CANCELLED"
    for visit in walk.visits:
        _store_visit(call, case, visit, (rows or {}).get(visit), now)
    turns = [turn for turn in walk.turns if outcome != "REJECTED" or turn.state not in LIVE]
    tasks = [_store_turn(call, case, turn, now) for turn in turns]
    for visit in walk.passed:
        say(call, case, "SKIP", node_name=visit.node.name)
    _trigger(call, case, [visit.node for visit in walk.triggered if isinstance(visit.node, Trigger)])
    by_rule = automatic.decided(call, case, walk)
    case.agreed_ids = list(walk.agreed)
    delegates = deputies.delegate(call.organisation, tasks, tasks)
    let_read(call, case, [*(task.assignee_id for task in tasks), *delegates], tasks)
    asked = [task for task in tasks if task.state == "OPEN"]
    stuck = walk.rejected or walk.stuck
    case.state = outcome
    case.park_reason, case.park_facts = (stuck.stuck_reason, dict(stuck.stuck_facts)) if stuck else ("", {})
    if outcome in OUTCOMES:
        case.decide_time, case.undo = now, None
        if outcome == "REJECTED":
            await automatic.over(call, case)
        if still_open:
            await cancel(call, Task.case_id == case.id, because="task.flow_rejected", facts={})
        await wait_for(call, case, [])
    else:
        for visit in walk.delayed:
            timing.wait(call, case, visit)
        await wait_for(call, case, [*still_open, *asked])
    if not (opening and outcome == "RUNNING"):
        announce(call, case)
    await tell_asked(call, case, asked, *todo)
    await tell(call, case, [task.assignee_id for task in tasks if task.state == "COPIED"], "notice.copied")
    if outcome == "REJECTED" and by_rule:
        facts = {"flow": case.flow_name, "rule": by_rule, "text": case.note[:200]}
        await tell(call, case, [case.requester_id], "notice.rejected_by_rule", **facts)
    elif outcome == "REJECTED":
        say(call, case, "REJECT", node_name=walk.rejected.node.name if walk.rejected else "")
    if outcome in OUTCOMES and not by_rule:
        person = name_of(call, call.actor.employee_id) or case.flow_name
        await tell(call, case, [case.requester_id], OUTCOMES[outcome], person=person, text=case.note[:200])
    if outcome == "PARKED":
        await tell_administrators(call, case)


def _trigger(call: Call, case: Case, nodes: Sequence[Trigger]) -> None:
    """Tell other services; all that one step came by in one event."""
    for node in nodes:
        say(call, case, "TRIGGER", node_name=node.name, text=node.topic)
    if nodes:
        told = [cases_pb2.CaseTrigger(node_id=node.id, node_name=node.name, topic=node.topic) for node in nodes]
        call.announce(cases_pb2.CaseTriggered, case, audience=concerned(case), triggers=told)


def _store_visit(call: Call, case: Case, visit: Visit, row: NodeVisit | None, now: datetime.datetime) -> None:
    if row is None:
        visit.id = uuid7()
        parent_id = visit.parent.id if visit.parent else None
        row = NodeVisit(id=visit.id, case_id=case.id, node_id=visit.node.id, parent_id=parent_id, open_time=now)
        row.number = case.round or 1
        call.db.add(row)
        row.left_nodes = left_as_json(visit.left)
    row.state, row.agreed_ids = visit.state, sorted(visit.agreed)
    row.stuck_reason, row.stuck_facts = visit.stuck_reason, dict(visit.stuck_facts)
    row.done_time = now if visit.state in ("DONE", "CANCELLED") else None


def _store_turn(call: Call, case: Case, turn: Turn, now: datetime.datetime) -> Task:
    task = new_turn(
        call,
        case,
        state=turn.state,
        visit_id=turn.visit.id,
        node_id=turn.visit.node.id,
        node_name=turn.visit.node.name,
        assignee_id=turn.asked.employee_id,
        reason=turn.asked.reason,
        reason_facts=dict(turn.asked.facts),
        vote=turn.vote,
        vote_percent=turn.percent,
        veto=turn.veto,
        line=turn.line,
        place=turn.place,
        visit=case.round or 1,
        done_time=None if turn.state in LIVE else now,
        node_kind=kind_of(turn.visit.node),
        to_claim=turn.to_claim,
        claim_time=turn.claim_time,
        added_by_id=turn.added_by_id,
        hidden=hidden_at(turn.visit.node),
    )
    if turn.state == "SKIPPED":
        say(call, case, "SKIP", author_id=task.assignee_id, task=task)
    return task


async def cancel(
    call: Call, *which: Any, because: str, facts: Mapping[str, str], ended_by: uuid.UUID | None = None
) -> None:
    """Turns that nobody waits for any more, with the reason; all in one statement."""
    now = call.now()
    await call.db.execute(
        sa.update(Task)
        .where(Task.state.in_(LIVE), *which)
        .values(
            state="CANCELLED",
            state_before=Task.state,
            ended_by_id=ended_by,
            done_time=now,
            updated_at=now,
            version=Task.version + 1,
            end_reason=because,
            end_facts=dict(facts),
        )
        .execution_options(**UNSEEN)
    )


async def leave_nodes(call: Call, which: Any, states: Sequence[str] = ("OPEN", "STUCK")) -> None:
    """Nodes that are not gone on with; all in one statement. Of nodes that are DONE: what was agreed counts no more."""
    await call.db.execute(
        sa.update(NodeVisit)
        .where(which, NodeVisit.state.in_(states))
        .values(state="CANCELLED", done_time=call.now())
        .execution_options(**UNSEEN)
    )


async def wait_for(call: Call, case: Case, turns: Iterable[Any]) -> None:
    """Whose decision is open, and since when the oldest of them; their timers run from now on, others' stop."""
    turns = list(turns)
    case.waiting_on_ids = list(
        dict.fromkeys(who for turn in turns for who in (turn.assignee_id, turn.delegate_id) if who)
    )
    case.waiting_since_time = min((turn.open_time for turn in turns), default=None)
    await supervision.follow(call, case)
    await timing.keep(call, case, turns)


def _one_of(column: Any, *states: str) -> Any:
    """A condition with the states as words of the statement, not as values: partial indexes know them then."""
    return column.in_([sa.literal_column(f"'{state}'") for state in states])


_TURN = (
    Task.id, Task.visit_id, Task.node_id, Task.state, Task.assignee_id, Task.delegate_id, Task.open_time, Task.due_time,
    Task.line, Task.place, Task.veto, Task.by_system, Task.again,
)  # fmt: skip
STANDING = (
    sa.select(NodeVisit, *_TURN)
    .outerjoin(Task, sa.and_(Task.visit_id == NodeVisit.id, _one_of(Task.state, *ballot.COUNTED)))
    .where(_one_of(NodeVisit.state, "OPEN", "STUCK"))
    .order_by(NodeVisit.id, Task.id)
)
_LIVE = STANDING.where(NodeVisit.case_id == sa.bindparam("case"))
