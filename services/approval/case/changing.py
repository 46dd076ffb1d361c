"""An approver agrees with changes: less of a line, a line not at all, or fields that the node lets them fill in.

The document is another service's, so it is asked: the case waits, nobody decides meanwhile, and the answer counts once,
whenever it comes. Then the case goes on with what the document says from now on. Where no answer comes in time the
changes are taken back: the request says until when it may be carried out, so what is still on its way then is refused;
what was made just before is taken over when the answer comes. Whoever agreed to something that says
another thing now is asked again at the node where it stands, or told, as their own node says; what they said stays.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format
from sqlalchemy import orm

from approval.case import arrival, conduct, handing, sight
from approval.case.model import Case, NodeVisit
from approval.case.rules import LIVE
from approval.engine import deputies
from approval.engine.rights import WRITING
from approval.engine.tree import Approve
from approval.lookups import flow_at
from approval.opinion.model import Opinion
from approval.task.model import Task
from chassis import contract, ids, mapping, seeing, timers
from chassis.call import Actor, Call, Refused
from chassis.timers import OnTime, Timer
from heyi.approval.v1 import cases_pb2
from heyi.approval.v1 import tasks_pb2 as pb
from heyi.common.v1 import common_pb2

MOST = 1000
CHANGE = "change"
# how long changes may be carried out, and how long the answer is waited for
CARRIED_OUT, WAITED = datetime.timedelta(minutes=15), datetime.timedelta(minutes=20)


def rights_of(task: Task, node: Approve) -> list[pb.FieldRight]:
    """What the flow says of fields to whoever decides at a turn. Who is only asked again fills in nothing."""
    rights = {path: right for path, right in node.rights.items() if not (task.again and right in WRITING)}
    return [pb.FieldRight(path=path, right=right.upper()) for path, right in sorted(rights.items())]


def check(case: Case, task: Task, node: Any, changes: Sequence[common_pb2.FieldChange]) -> None:
    """Refuse what the node does not let change, what is cut without a reason, and what is still to be filled in."""
    rights = {} if task.again else getattr(node, "rights", {})
    cut = contract.load().documents[case.document_type].cut if getattr(node, "cuts", False) and not task.again else ""
    lines = cut.rpartition(".")[0]
    refused = {change.line_id for change in changes if lines and change.path == lines}
    faults = _shape(changes)
    seen: set[tuple[str, str]] = set()
    for number, change in enumerate(changes):
        at, facts = f"changes[{number}]", {"path": change.path[:100]}
        cuts = bool(cut) and change.path in (cut, lines)
        if not cuts and rights.get(change.path) not in WRITING:
            faults.append((f"{at}.path", "TASK_CHANGE_NOT_ALLOWED", {**facts}))
        elif cuts and not change.reason.strip():
            faults.append((f"{at}.reason", "TASK_CHANGE_REASON", {}))
        if (change.path, change.line_id) in seen or (change.path != lines and change.line_id in refused):
            faults.append((f"{at}.path", "TASK_CHANGED_TWICE", {**facts}))
        seen.add((change.path, change.line_id))
    said = sight.basis_of(case)
    filled = {path for path, one in said.items() if one.complete}
    for path in [path for path, right in rights.items() if right == "required"]:
        given = [change.value.strip() for change in changes if change.path == path]
        # of lines each one is asked by the document's service, which knows them
        if (path not in filled and not given) or "" in given:
            faults.append(("changes", "TASK_FIELD_MISSING", {"path": path}))
    if faults:
        raise Refused.fields(faults)


def _shape(changes: Sequence[common_pb2.FieldChange]) -> list[tuple[str, str, dict[str, object]]]:
    """What is no change at all: too many, too long, unreadable."""
    if len(changes) > MOST:
        return [("changes", "FIELD_TOO_MANY", {"count": len(changes), "limit": MOST})]
    faults: list[tuple[str, str, dict[str, object]]] = []
    for number, change in enumerate(changes):
        try:
            mapping.check_shape(change)
        except Refused as refusal:
            faults += [(f"changes[{number}].{at}", reason, dict(facts)) for at, reason, facts in refusal.violations]
    return faults


async def ask(
    call: Call,
    case: Case,
    task: Task,
    changes: Sequence[common_pb2.FieldChange],
    text: str,
    named: Sequence[uuid.UUID],
    hidden: Sequence[str],
) -> None:
    """Ask the document's service to make the changes; until it answers the turn stays open and nobody decides."""
    author_id, amendment_id = call.actor.employee_id, str(ids.uuid7())
    case.amending = {
        "id": amendment_id,
        "task_id": str(task.id),
        "author_id": str(author_id),
        "text": text,
        "named": [str(who) for who in named],
        "hidden": list(hidden),
        "cuts": _only_cuts(case, [change.path for change in changes]),
    }
    case.changing = task.changing = True
    task.findings = None
    amendment = common_pb2.Amendment(
        id=amendment_id,
        document_type=case.document_type,
        document_id=str(case.document_id),
        submission=case.submission,
        author_id=str(author_id),
        content_hash=case.content_hash,
        changes=changes,
    )
    amendment.expire_time.FromDatetime(call.now() + CARRIED_OUT)
    due, part_id = call.now() + WAITED, uuid.UUID(amendment_id)
    timers.start(call, CHANGE, due, company_id=case.company_id, subject_id=case.id, part_id=part_id)
    call.announce(cases_pb2.CaseChangeRequested, case, audience=conduct.concerned(case), amendment=amendment)


def _only_cuts(case: Case, paths: Iterable[str]) -> bool:
    cut = contract.load().documents[case.document_type].cut
    return all(path in (cut, cut.rpartition(".")[0]) for path in paths)


async def conclude(answer: common_pb2.AmendmentAnswer, event: Any, call: Call) -> None:
    """What the document's service made of the changes. One that comes again, or after the end, changes nothing."""
    found = await _asked_for(call, answer)
    if found is None:
        return
    case, asked, late = found
    call.touch(case)
    author_id = ids.parse(asked["author_id"])
    task = await call.load(Task, asked["task_id"], scope=False, lock=True)
    call.touch(task)
    if late:
        case.given_up = [one for one in case.given_up or () if one != asked] or None
    else:
        await timers.drop(call, case.id, timers.table_of(call).c.part_id == uuid.UUID(answer.amendment_id))
        case.amending, case.changing, task.changing = None, False, False
    # what the author said is carried out now, in the author's name
    call.actor = Actor(author_id, caused_by=author_id)
    if not answer.HasField("approval"):
        await _tell_author(call, case, task, author_id, answer.violations)
        return
    before = sight.basis_of(case)
    arrival.take_over(case, answer.approval)
    await _refresh_turns(call, case, task)
    changes = [json_format.MessageToDict(one, preserving_proto_field_name=True) for one in answer.differences]
    case.undo = None
    again = await _ask_again(call, case, task, before, author_id, only_cuts=asked["cuts"])
    await conduct.tell(call, case, [case.requester_id], "notice.changed", person=conduct.name_of(call, author_id))
    named = [uuid.UUID(who) for who in asked["named"]]
    lacking = await _lacking(call, case, task, named, alone=not again)
    if late or task.state != "OPEN" or lacking:
        # the author was told to decide anew, or the turn went to somebody else meanwhile, or the document as it is now
        # asks for more of its author
        conduct.say(call, case, "CHANGE", author_id=author_id, text=asked["text"], task=task, changes=changes)
        await _tell_author(call, case, task, author_id, lacking)
        return
    shown = sight.Shown(hidden=asked["hidden"], changes=changes)
    await conduct.decide(call, case, task, "approve", asked["text"], named, shown=shown, beside=again)
    case.undo = None


async def _asked_for(call: Call, answer: common_pb2.AmendmentAnswer) -> tuple[Case, dict[str, Any], bool] | None:
    """The case that asked for changes, what it keeps of them, and whether it waits for them no longer. An answer after
    that counts where the document was changed.
    """
    waits = sa.select(Case).where(Case.changing, Case.amending["id"].astext == answer.amendment_id)
    case = (await call.db.execute(waits.with_for_update())).scalar_one_or_none()
    if case is not None and case.amending is not None:
        return case, case.amending, False
    if not answer.HasField("approval"):
        return None
    made = answer.approval
    which = sa.and_(
        Case.document_type == made.document_type,
        Case.document_id == ids.parse(made.document_id),
        Case.submission == made.submission,
        Case.state.in_(LIVE),
    )
    case = (await call.db.execute(sa.select(Case).where(which).with_for_update())).scalar_one_or_none()
    kept = case.given_up or () if case is not None else ()
    asked = next((one for one in kept if one["id"] == answer.amendment_id), None)
    return (case, asked, True) if case is not None and asked is not None else None


async def unanswered(case: Case, timer: Timer, call: Call) -> None:
    """The document's service made no answer in time: the author decides again, as if nothing had been asked."""
    asked = case.amending
    if not case.changing or asked is None or asked["id"] != str(timer.part_id):
        return
    task = await call.load(Task, asked["task_id"], scope=False, lock=True)
    case.given_up = [*(case.given_up or ()), asked]
    case.amending, case.changing, task.changing = None, False, False
    call.touch(task)
    minutes = f"{WAITED.total_seconds() / 60:g}"
    why = common_pb2.Violation(field="changes", reason="CASE_CHANGE_UNANSWERED", facts={"minutes": minutes})
    await _tell_author(call, case, task, ids.parse(asked["author_id"]), [why])


HANDLERS = [OnTime(CHANGE, Case, unanswered)]


async def _lacking(
    call: Call, case: Case, task: Task, named: Sequence[uuid.UUID], *, alone: bool
) -> list[common_pb2.Violation]:
    """What the decision still lacks now that the document is changed: fields in some lines, who is asked next."""
    if task.state != "OPEN":
        return []
    assert case.flow_version_id is not None
    node = (await flow_at(call, case.flow_version_id)).nodes[task.node_id]
    filled = {path for path, said in sight.basis_of(case).items() if said.complete}
    required = [path for path, right in getattr(node, "rights", {}).items() if right == "required"]
    found = [
        common_pb2.Violation(field="changes", reason="TASK_FIELD_MISSING", facts={"path": path})
        for path in required
        if path not in filled and not task.again
    ]
    if alone and not named and await conduct.leads_to_choice(call, case, task):
        found.append(common_pb2.Violation(field="next_ids", reason="TASK_NEXT_MISSING", facts={"node": task.node_name}))
    return found


async def _tell_author(
    call: Call, case: Case, task: Task, author_id: uuid.UUID, violations: Iterable[common_pb2.Violation]
) -> None:
    """The turn is still to be decided; what stands in the way is shown with it."""
    found = [json_format.MessageToDict(one, preserving_proto_field_name=True) for one in violations]
    task.findings = found or None
    if found and task.state == "OPEN":
        await conduct.tell(call, case, [author_id], "notice.change_refused")
    conduct.announce(call, case)


async def _refresh_turns(call: Call, case: Case, task: Task) -> None:
    """Open turns show the document as it is now; those of one sight in one statement."""
    sights = sa.select(Task.hidden).where(Task.case_id == case.id, Task.state.in_(conduct.LIVE)).distinct()
    for (hidden,) in (await call.db.execute(sights)).all():
        values = sight.shown_of(case, hidden)
        if list(task.hidden or ()) == list(hidden):
            for name, value in values.items():
                setattr(task, name, value)
        which = sa.and_(
            Task.case_id == case.id, Task.state.in_(conduct.LIVE), Task.hidden == hidden, Task.id != task.id
        )
        fresh = sa.update(Task).where(which).values(version=Task.version + 1, updated_at=call.now(), **values)
        await call.db.execute(fresh.execution_options(**conduct.UNSEEN))


async def _ask_again(
    call: Call,
    case: Case,
    task: Task,
    before: Mapping[str, common_pb2.FieldBasis],
    author_id: uuid.UUID,
    *,
    only_cuts: bool,
) -> list[Task]:
    """Turns for those who agreed to what says something else now; who need not agree again is told."""
    assert case.flow_version_id is not None
    nodes, after = (await flow_at(call, case.flow_version_id)).nodes, sight.basis_of(case)
    ask, told = [], []
    agreed = await _agreed(call, case, author_id)
    for earlier in agreed:
        hidden = sight.all_hidden(case, sight.hidden_from(case, earlier.assignee_id))
        if not seeing.changed(before, after, hidden) or not call.organisation.is_active(earlier.assignee_id):
            continue
        policy = getattr(nodes.get(earlier.node_id), "changed", "ask")
        wanted = policy == "always" or (policy == "ask" and not only_cuts)
        (ask if wanted and task.state == "OPEN" else told).append(earlier)
    _, turns = await conduct.where_it_stands(call, case)
    here = [turn for turn in turns if turn.visit_id == task.visit_id]
    still = {turn.assignee_id for turn in here if turn.state in conduct.LIVE}
    ask = [earlier for earlier in ask if earlier.assignee_id not in still]
    line, person = max((turn.line for turn in here), default=0), conduct.name_of(call, author_id)
    fresh = []
    for number, earlier in enumerate(ask, 1):
        turn = handing.beside(
            call, case, task, earlier.assignee_id, state="OPEN", place=0, reason="approver.asked_again", person=person
        )
        turn.line, turn.again, turn.veto, turn.to_claim, turn.claim_time = line + number, True, False, False, None
        for name, value in sight.shown_of(case, earlier.hidden).items():
            setattr(turn, name, value)
        turn.hidden = list(earlier.hidden)
        fresh.append(turn)
    gone = {turn.assignee_id for turn in fresh}
    case.agreed_ids = [who for who in case.agreed_ids if who not in gone]
    if fresh:
        delegates = deputies.delegate(call.organisation, fresh, [*turns, *fresh])
        sight.let_read(call, case, [*gone, *delegates], fresh)
        conduct.say(call, case, "ASK_AGAIN", task=task, employee_ids=sorted(gone), reason="opinion.changed")
        await conduct.tell(call, case, sorted(gone), "notice.asked_again", person=person)
    others: Collection[uuid.UUID] = {earlier.assignee_id for earlier in told}
    await conduct.tell(call, case, sorted(others), "notice.changed_since", person=person)
    return fresh


async def _agreed(call: Call, case: Case, author_id: uuid.UUID) -> list[Task]:
    """The last agreement of everybody but the author that still counts."""
    counts = sa.and_(NodeVisit.id == Task.visit_id, NodeVisit.state != "CANCELLED")
    found = await call.db.scalars(
        sa.select(Task)
        .join(NodeVisit, counts)
        .where(Task.case_id == case.id, Task.state == "APPROVED", ~Task.by_system, Task.assignee_id != author_id)
        .order_by(Task.id)
    )
    return list({task.assignee_id: task for task in found}.values())


async def changed_since(call: Call, case: Case, task: Task) -> list[common_pb2.FieldDifference]:
    """What was changed since the person whose turn it is agreed, without what is hidden from them."""
    if not task.again:
        return []
    earlier = orm.aliased(Opinion)
    mine = earlier.task_id.in_(sa.select(Task.id).where(Task.case_id == case.id, Task.assignee_id == task.assignee_id))
    agreed = sa.select(earlier.id).where(earlier.case_id == case.id, earlier.kind == "APPROVE", mine)
    last = agreed.order_by(earlier.id.desc()).limit(1).scalar_subquery()
    since = sa.and_(Opinion.case_id == case.id, Opinion.changes.is_not(None), Opinion.id > last)
    rows = (await call.db.scalars(sa.select(Opinion).where(since).order_by(Opinion.id))).all()
    hidden = sight.all_hidden(case, sight.hidden_from(case, call.actor.employee_id))
    return [one for row in rows for one in differences(row.changes, hidden)]


def differences(
    stored: Iterable[Mapping[str, Any]] | None, hidden: Collection[str]
) -> list[common_pb2.FieldDifference]:
    """Changes as people see them from whom these paths are hidden."""
    seen = [one for one in stored or () if one["path"] not in hidden]
    return [json_format.ParseDict(one, common_pb2.FieldDifference()) for one in seen]
