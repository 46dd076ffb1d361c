"""What an approver sees, changes and is bound to: hidden fields, agreeing to less, and who is asked again."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from approval.case.changing import CARRIED_OUT
from approval.engine import tree
from approval.flow_definition import rules as flow_rules
from approval.tests.factories import (
    HASH,
    ORDER,
    Office,
    approve,
    branch,
    ids_of,
    parallel,
    request,
    sequence,
    state,
    waiting,
)
from approval.tests.test_timeout_rpc import later, notices
from chassis import contract, ids
from chassis.testing import refused, stable
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_orders_pb2 as orders
from heyi.procurement.v1 import purchase_requisitions_pb2 as requisitions

LATER = "c" * 64
LINE = str(stable("line"))
FEWER = {"path": "lines.quantity", "line_id": LINE, "value": "6", "reason": "够用了"}


def said(**fields: str) -> dict[str, common_pb2.FieldBasis]:
    """What the fields of a document say, as its service hashes it."""
    words = {"title": "t", "purpose": "p", "lines.quantity": "10", "lines.unit_price": "5", **fields}
    return {path: common_pb2.FieldBasis(hash=value, complete=True) for path, value in words.items() if value}


def answer(amendment: Any, *, basis: Any = None, **changes: Any) -> requisitions.PurchaseRequisitionChangeAnswered:
    """The document's service made the changes."""
    asked = request(content_hash=LATER, amount="4800.00", basis=basis or said(**{"lines.quantity": "6"}), **changes)
    made = common_pb2.AmendmentAnswer(amendment_id=amendment.id, approval=asked)
    for one in amendment.changes:
        made.differences.add(
            path=one.path, line_id=one.line_id, line_number=1, before="10", after=one.value, reason=one.reason
        )
    return requisitions.PurchaseRequisitionChangeAnswered(answer=made)


class Changes:
    """An office whose approvers change what they agree to."""

    def __init__(self, office: Office) -> None:
        self.office = office

    async def begin(self, *nodes: Any, **changes: Any) -> Any:
        await self.office.flow(sequence(*nodes))
        return await self.office.submit(basis=said(), **changes)

    async def agree(self, key: str, *changes: Any, content_hash: str = HASH, text: str = "") -> Any:
        (task,) = await self.office.todo(key)
        person = self.office.service.as_(key)
        return await person.ApproveTask(id=task.id, content_hash=content_hash, changes=list(changes), text=text)

    async def asked(self) -> Any:
        """What the document's service was asked to change last."""
        return (await self.office.service.events("case.change_requested"))[-1][1].amendment

    async def answered(self, *, times: int = 1, **changes: Any) -> Any:
        event = answer(await self.asked(), **changes)
        await self.office.service.deliver(event, times=times, actor="head")
        return await self.office.case()

    async def seen(self, key: str) -> Any:
        (task,) = await self.office.todo(key)
        return await self.office.service.as_(key).GetTask(id=task.id)


@pytest.fixture
def changes(office: Office) -> Changes:
    return Changes(office)


async def test_an_approver_agrees_to_less_once_and_what_comes_after_goes_by_that(changes):
    small = branch("small", approve("b", "boss"), when="amount < 5000")
    way = {"id": "w", "kind": "condition", "name": "W", "branches": [small, branch("large", approve("c", "buyer"))]}
    await changes.begin(approve("a", "head", cuts=True), way)

    held = await changes.agree("head", FEWER, text="六个")

    assert held.changing
    assert list(held.allowed_actions) == []
    assert (await changes.office.case()).changing
    case = await changes.answered(times=2)
    assert (waiting(case), case.amount, case.content_hash, case.changing) == (ids_of("boss"), "4800.00", LATER, False)
    (opinion,) = [one for one in case.opinions if one.kind == one.APPROVE]
    (change,) = opinion.changes
    assert (opinion.text, change.before, change.after, change.reason) == ("六个", "10", "6", "够用了")
    assert not opinion.earlier
    with refused("TASK_CONTENT_CHANGED"):
        await changes.agree("boss")
    await changes.agree("boss", content_hash=LATER)
    assert state(await changes.office.case()) == "APPROVED"


async def test_while_the_document_is_being_changed_nobody_else_decides(changes):
    both = parallel("p", branch("l", approve("a", "head", cuts=True)), branch("r", approve("b", "boss")))
    await changes.begin(both)
    await changes.agree("head", FEWER)

    with refused("CASE_CHANGING"):
        await changes.agree("boss")
    with refused("CASE_CHANGING"):
        await changes.office.admin.SuspendCase(id=(await changes.office.case()).id, reason="x")

    await changes.office.service.as_("requester").WithdrawCase(id=(await changes.office.case()).id)
    case = await changes.answered()
    assert (state(case), case.content_hash) == ("WITHDRAWN", HASH)


async def test_what_the_documents_service_refuses_comes_back_to_the_turn(changes):
    await changes.begin(approve("a", "head", cuts=True))
    await changes.agree("head", {**FEWER, "value": "60"})
    amendment = await changes.asked()
    no = common_pb2.AmendmentAnswer(amendment_id=amendment.id)
    no.violations.add(field="changes[0].value", reason="AMENDMENT_NOT_LESS", facts={"value": "60", "now": "10"})

    event = requisitions.PurchaseRequisitionChangeAnswered(answer=no)
    await changes.office.service.deliver(event, times=2, actor="head")

    seen = await changes.seen("head")
    assert [(one.reason, one.facts["now"]) for one in seen.findings] == [("AMENDMENT_NOT_LESS", "10")]
    assert not seen.changing
    await changes.agree("head")
    assert state(await changes.office.case()) == "APPROVED"


@pytest.mark.parametrize(
    ("node", "change", "reason"),
    [
        ({}, FEWER, "TASK_CHANGE_NOT_ALLOWED"),
        ({"cuts": True}, {**FEWER, "reason": " "}, "TASK_CHANGE_REASON"),
        ({"cuts": True}, {"path": "purpose", "value": "x"}, "TASK_CHANGE_NOT_ALLOWED"),
        ({"cuts": True}, {**FEWER, "reason": "x" * 201}, "FIELD_TOO_LONG"),
        ({"rights": {"delivery_place": "required"}}, {"path": "delivery_place", "value": " "}, "TASK_FIELD_MISSING"),
    ],
)
async def test_only_what_the_step_lets_be_changed_is_changed(changes, node, change, reason):
    await changes.begin(approve("a", "head", **node))

    with refused(reason):
        await changes.agree("head", change)

    assert not (await changes.office.case()).changing


async def test_what_is_to_be_filled_in_is_filled_in_before_anybody_agrees(changes):
    await changes.begin(approve("a", "head", rights={"delivery_place": "required"}))
    assert [(r.path, r.right) for r in (await changes.seen("head")).field_rights] == [("delivery_place", 4)]

    with refused("TASK_FIELD_MISSING"):
        await changes.agree("head")
    await changes.agree("head", {"path": "delivery_place", "value": "东门"})

    assert state(await changes.answered(basis=said(delivery_place="东门"))) == "APPROVED"


@pytest.mark.parametrize(
    ("policy", "change", "again"),
    [
        ("ask", {"path": "purpose", "value": "other"}, True),
        ("tell", {"path": "purpose", "value": "other"}, False),
        ("ask", FEWER, False),
        ("always", FEWER, True),
    ],
)
async def test_who_agreed_to_what_says_something_else_now_is_asked_again_or_told(changes, policy, change, again):
    first = approve("a", "buyer", changed=policy)
    await changes.begin(first, approve("b", "head", vote="any", cuts=True, rights={"purpose": "write"}))
    await changes.agree("buyer", text="那时")
    await changes.agree("head", change)

    key = change["path"]
    case = await changes.answered(basis=said(**{key: change["value"]}))

    (earlier,) = [one for one in case.opinions if one.text == "那时"]
    assert earlier.earlier
    if not again:
        assert state(case) == "APPROVED"
        return
    assert (state(case), waiting(case)) == ("RUNNING", ids_of("buyer"))
    seen = await changes.seen("buyer")
    assert seen.again
    assert [(one.path, one.after) for one in seen.changed_since] == [(key, change["value"])]
    with refused("TASK_CHANGE_NOT_ALLOWED"):
        await changes.agree("buyer", FEWER, content_hash=LATER)
    await changes.agree("buyer", content_hash=LATER)
    case = await changes.office.case()
    assert (state(case), len(case.opinions)) == ("APPROVED", 5)


async def test_who_is_asked_again_may_refuse(changes):
    await changes.begin(approve("a", "buyer", changed="always"), approve("b", "head", vote="any", cuts=True))
    await changes.agree("buyer")
    await changes.agree("head", FEWER)
    await changes.answered()

    await changes.office.decide("buyer", "Reject", content_hash=LATER)

    assert state(await changes.office.case()) == "REJECTED"


async def test_what_a_step_hides_is_neither_shown_nor_found_nor_bound_to(changes):
    await changes.begin(
        approve("a", "buyer", rights={"lines.unit_price": "hidden", "title": "hidden"}),
        approve("b", "head", rights={"lines.unit_price": "write"}),
        facts={"document_amount": 8000, "urgency": "NORMAL"},
    )
    buyer = changes.office.service.as_("buyer")
    seen = await changes.seen("buyer")

    assert (seen.title, seen.amount) == ("", "")
    assert seen.content_hash not in ("", HASH)
    case = await buyer.GetCase(id=seen.case_id)
    assert (case.title, case.amount, dict(case.facts), list(case.readers)) == ("", "", {"urgency": "NORMAL"}, [])
    whole = await changes.office.service.as_("requester").GetCase(id=seen.case_id)
    assert (whole.amount, dict(whole.facts)["document_amount"]) == ("8000.00", 8000)
    assert [
        len((await buyer.ListCases(**query)).cases) for query in ({"filter": "amount > 1"}, {"search": "轴承"})
    ] == [0, 0]
    assert [case.amount for case in (await buyer.ListCases()).cases] == [""]
    with refused("FIELD_HIDDEN"):
        await buyer.ListCases(order_by="amount")
    assert "轴承" not in str((await buyer.ListNotices()).notices)
    advanced = (await changes.office.service.events("case.opened"))[-1][1].case
    assert [(r.employee_id, list(r.hidden)) for r in advanced.readers] == [
        (str(stable("buyer")), ["lines.unit_price", "title"])
    ]

    await changes.agree("buyer", content_hash=seen.content_hash)
    await changes.agree("head", {"path": "lines.unit_price", "line_id": LINE, "value": "4"})
    case = await changes.answered(basis=said(**{"lines.unit_price": "4"}))

    # the price that changed was never shown to the buyer
    assert state(case) == "APPROVED"
    assert [one.earlier for one in case.opinions if one.kind == one.APPROVE] == [False, False]
    shown = await buyer.GetCase(id=case.id)
    assert [list(one.changes) for one in shown.opinions if one.kind == one.APPROVE] == [[], []]


async def test_who_is_asked_again_elsewhere_sees_what_any_step_shows_and_who_is_shown_it_sees_no_more(changes):
    hidden = {"lines.unit_price": "hidden"}
    await changes.begin(approve("a", "buyer", rights=hidden), approve("b", "buyer"))
    (task,) = await changes.office.todo("buyer")
    buyer = changes.office.service.as_("buyer")
    await buyer.CommentCase(id=task.case_id, text="看", mentioned_ids=[str(stable("colleague"))])
    colleague = changes.office.service.as_("colleague")
    assert (await colleague.GetCase(id=task.case_id)).amount == ""

    await changes.agree("buyer", content_hash=task.content_hash)

    assert (await buyer.GetCase(id=task.case_id)).amount == "8000.00"
    assert (await changes.seen("buyer")).amount == "8000.00"
    assert (await colleague.GetCase(id=task.case_id)).amount == ""


@pytest.mark.parametrize(
    ("node", "reason"),
    [
        ({"rights": {"nothing": "hidden"}}, "FLOW_FIELD_RIGHT"),
        ({"rights": {"amount": "write"}}, "FLOW_FIELD_RIGHT"),
        ({"rights": {"title": "secret"}}, "FLOW_FIELD_RIGHT"),
        ({"rights": {"custom_fields.": "write"}}, "FLOW_FIELD_RIGHT"),
        ({"changed": "never"}, "FLOW_NODE_VALUE"),
    ],
)
async def test_a_right_for_a_field_that_is_not_there_is_refused(office, node, reason):
    with refused(reason):
        await office.flow(sequence(approve("a", "head", **node)))


def test_where_the_contract_names_no_lines_to_cut_nothing_is_cut():
    flow, _ = tree.read(sequence(approve("a", "head", cuts=True)))
    assert [problem.reason for problem in flow_rules.fields_at_fault(flow, "approval.authority_limit")] == [
        "FLOW_NO_CUTS"
    ]
    for kind in contract.approvable():
        found = [problem.reason for problem in flow_rules.fields_at_fault(flow, kind)]
        assert found == ([] if contract.load().documents[kind].cut else ["FLOW_NO_CUTS"]), kind


@pytest.mark.parametrize(
    ("rights", "reason"),
    [
        ({"pending_change.lines.unit_price": "hidden", "supplier_id": "hidden", "lines": "read"}, ""),
        ({"pending_change.payment_terms": "required", "pending_change.lines.need_date": "write"}, ""),
        ({"lines.quantity": "write"}, "FLOW_FIELD_RIGHT"),
        ({"custom_fields.grade": "write"}, "FLOW_FIELD_RIGHT"),
        ({"pending_change.amount_after": "write"}, "FLOW_FIELD_RIGHT"),
        ({"pending_change.lines.line_id": "write"}, "FLOW_FIELD_RIGHT"),
        ({"number": "hidden"}, "FLOW_FIELD_RIGHT"),
        ({"a.b.c.d": "hidden"}, "FLOW_FIELD_RIGHT"),
    ],
)
async def test_a_flow_for_orders_hides_and_fills_in_what_is_asked_for(office, rights, reason):
    drawn = sequence(approve("a", "head", rights=rights, cuts=True))
    if reason:
        with refused(reason):
            await office.flow(drawn, document_type=ORDER)
    else:
        assert (await office.flow(drawn, document_type=ORDER)).published_version == 1


async def test_of_an_orders_change_less_is_agreed_to_by_its_own_paths(office):
    """The request's amount is what the change comes to; a hidden supplier hides the title too."""
    node = approve(
        "a", "head", cuts=True, rights={"supplier_id": "hidden", "pending_change.lines.unit_price": "hidden"}
    )
    await office.flow(sequence(node), document_type=ORDER)
    asked = request(document_type=ORDER, basis=said(), facts={"supplier_ids": ["s"], "rise_amount": 5, "line_count": 2})
    await office.service.deliver(orders.PurchaseOrderChangeSubmitted(approval=asked), actor="requester")
    head = office.service.as_("head")
    (task,) = await office.todo("head")
    case = await head.GetCase(id=task.case_id)
    assert (task.title, task.amount, case.title, case.amount, dict(case.facts)) == ("", "", "", "", {"line_count": 2})

    for path, reason in (("lines.quantity", "TASK_CHANGE_NOT_ALLOWED"), ("pending_change", "TASK_CHANGE_NOT_ALLOWED")):
        with refused(reason):
            await head.ApproveTask(id=task.id, content_hash=task.content_hash, changes=[{**FEWER, "path": path}])
    fewer = {**FEWER, "path": "pending_change.lines.quantity"}
    gone = {"path": "pending_change.lines", "line_id": str(stable("other line")), "reason": "不需要"}
    with refused("TASK_CHANGED_TWICE"):
        await head.ApproveTask(
            id=task.id, content_hash=task.content_hash, changes=[fewer, {**gone, "line_id": fewer["line_id"]}]
        )
    held = await head.ApproveTask(id=task.id, content_hash=task.content_hash, changes=[fewer, gone])
    assert held.changing


async def test_without_an_answer_in_time_the_author_decides_again(changes):
    await changes.begin(approve("a", "head", cuts=True))
    await changes.agree("head", FEWER)
    amendment = await changes.asked()
    assert amendment.expire_time.ToDatetime(datetime.UTC) == changes.office.service.clock.now() + CARRIED_OUT
    assert await later(changes.office, minutes=19) == 0
    assert (await changes.office.case()).changing

    assert await later(changes.office, minutes=1) == 1

    seen = await changes.seen("head")
    assert [(one.reason, one.facts["minutes"]) for one in seen.findings] == [("CASE_CHANGE_UNANSWERED", "20")]
    assert (seen.changing, (await changes.office.case()).changing) == (False, False)
    assert (await notices(changes.office, "head"))[0] == "notice.change_refused"
    # refused then, it says nothing new
    late = common_pb2.AmendmentAnswer(amendment_id=amendment.id)
    late.violations.add(reason="AMENDMENT_TOO_LATE")
    await changes.office.service.deliver(requisitions.PurchaseRequisitionChangeAnswered(answer=late), actor="head")
    assert [one.reason for one in (await changes.seen("head")).findings] == ["CASE_CHANGE_UNANSWERED"]
    await changes.agree("head")
    assert state(await changes.office.case()) == "APPROVED"


async def test_an_answer_after_its_time_is_taken_over_and_decides_nothing(changes):
    """The document was changed just before nobody waited any more: what is agreed to is what it says now."""
    await changes.begin(approve("a", "head", cuts=True))
    await changes.agree("head", FEWER)
    late = answer(await changes.asked())
    await later(changes.office, minutes=20)
    await changes.agree("head", {**FEWER, "value": "5"})
    again = await changes.asked()

    await changes.office.service.deliver(late, times=2, actor="head")
    await changes.office.service.deliver(late, event_id=ids.uuid7(), actor="head")

    case = await changes.office.case()
    assert (state(case), case.changing, case.content_hash, case.amount) == ("RUNNING", True, LATER, "4800.00")
    assert [one.kind for one in case.opinions if one.kind == one.CHANGE] == [case.opinions[0].CHANGE]
    no = common_pb2.AmendmentAnswer(amendment_id=again.id)
    no.violations.add(reason="AMENDMENT_TOO_LATE")
    await changes.office.service.deliver(requisitions.PurchaseRequisitionChangeAnswered(answer=no), actor="head")
    with refused("TASK_CONTENT_CHANGED"):
        await changes.agree("head")
    await changes.agree("head", content_hash=LATER)
    assert state(await changes.office.case()) == "APPROVED"


async def test_an_answer_in_time_leaves_no_timer_and_one_that_is_over_does_nothing(changes):
    await changes.begin(approve("a", "head", cuts=True), approve("b", "boss"))
    await changes.agree("head", FEWER)
    await changes.answered()
    assert await later(changes.office, minutes=30) == 0
    await changes.agree("boss", content_hash=LATER)

    await changes.office.deliver("two", basis=said())
    await changes.agree("head", FEWER)
    await changes.office.service.as_("requester").WithdrawCase(id=(await changes.office.case("two")).id)
    assert await later(changes.office, minutes=30) == 1
    assert state(await changes.office.case("two")) == "WITHDRAWN"
