"""Cases that somebody watches over, links to one decision, and what earlier cases say."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from approval.case import usual
from approval.case.advice import similar_to
from approval.task.model import TaskLink
from approval.tests.factories import HASH, ORDER, approve, copy, no, request, sequence, state
from approval.tests.test_timeout_rpc import later, notices
from chassis import migrate
from chassis.testing import stable
from heyi.approval.v1 import cases_pb2
from heyi.procurement.v1 import purchase_orders_pb2

ADVICE = cases_pb2.CaseAdvice


async def watched(office, due_date="2026-11-25"):
    await office.flow(sequence(approve("a", "head"), approve("b", "boss"), copy("c", "buyer")))
    case = await office.submit()
    return await office.admin.SuperviseCase(id=case.id, due_date=due_date, note="the line stands still")


async def test_who_decides_sees_it_first_and_is_reminded_each_working_day_until_it_is_done(office):
    case = await watched(office)
    assert (case.supervisor_id, case.Supervision.Name(case.supervision)) == (str(stable("admin")), "WATCHED")
    assert (case.opinions[:], "end_supervision" in case.allowed_actions) == ([], True)
    (task,) = await office.todo("head")
    assert task.supervise_due_date == "2026-11-25"
    assert await notices(office, "head") == ["notice.supervised", "notice.todo"]
    assert await later(office, hours=26) == 1
    assert (await notices(office, "head"))[0] == "notice.supervision_reminder"
    await office.decide("head")
    (task,) = await office.todo("boss")
    assert task.supervise_due_date == "2026-11-25", "whoever comes after sees it too"
    # Tuesday to Saturday: what was due on Wednesday comes late, and not on the days between
    assert await later(office, days=4) == 1
    assert (await notices(office, "boss"))[0] == "notice.supervision_late"
    assert await later(office, hours=20) == 0, "nobody works on Sunday"
    await office.decide("boss")
    case = await office.case()
    assert (state(case), case.Supervision.Name(case.supervision)) == ("APPROVED", "OVER")
    assert (await notices(office, "admin"))[0] == "notice.supervision_done_approved"
    assert await later(office, days=10) == 0
    mine = (await office.admin.ListCases(filter=f'supervisor_id = "{stable("admin")}"')).cases
    assert [one.id for one in mine] == [case.id]
    assert [one.Kind.Name(one.kind) for one in case.opinions][:2] == ["SUBMIT", "SUPERVISE"]


async def test_supervision_ends_with_a_reason_and_is_not_for_everybody(office):
    case = await watched(office)
    admin = office.admin
    ended = await admin.EndSupervisionCase(id=case.id, reason="solved otherwise")
    assert (ended.supervision, "end_supervision" in ended.allowed_actions) == (2, False)
    assert [task.supervise_due_date for task in await office.todo("head")] == [""]
    assert await later(office, days=1) == 0
    admin = office.admin
    await no("CASE_NOT_SUPERVISED", admin.EndSupervisionCase(id=case.id, reason="x"))
    await no("CASE_SUPERVISION_DATE", admin.SuperviseCase(id=case.id, due_date="2026-11-23", note="x"))
    stranger = office.service.as_("stranger")
    await no("PERMISSION_MISSING", stranger.SuperviseCase(id=case.id, due_date="2026-12-23", note="x"))
    own = await office.submit("own", requester_id=str(stable("admin")))
    await no("CASE_OWN_REQUEST", admin.SuperviseCase(id=own.id, due_date="2026-12-23", note="x"))


async def test_a_link_leads_its_person_to_one_decision_and_decides_nothing(office):
    await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    (task,) = await office.todo("head")
    link = await office.service.as_("requester").LinkTask(id=task.id)
    path, token = link.path.split("#")
    assert (path, link.employee_id, len(token)) == ("/approval/link", str(stable("head")), 43)
    head = office.service.as_("head")
    for _ in range(2):
        assert (await head.OpenLinkTask(token=token)).id == task.id
    assert (await head.GetTask(id=task.id)).state == 1
    await no("TASK_LINK_OTHER_PERSON", office.service.as_("boss").OpenLinkTask(token=token))
    await no("TASK_LINK_OTHER_PERSON", office.admin.OpenLinkTask(token=token))
    await no("TASK_LINK_UNKNOWN", head.OpenLinkTask(token=token[:-1] + ("A" if token[-1] != "A" else "B")))
    await no("DOCUMENT_NOT_FOUND", office.service.as_("stranger").LinkTask(id=task.id))
    engine = migrate.owner_engine(office.service.owner_url)
    async with engine.connect() as db:
        kept = (await db.execute(TaskLink.__table__.select())).one()
    await engine.dispose()
    assert token.encode() not in b"".join(str(value).encode() for value in kept)
    other = (await head.LinkTask(id=task.id)).path.split("#")[1]
    await later(office, days=8)
    head = office.service.as_("head")
    await no("TASK_LINK_EXPIRED", head.OpenLinkTask(token=other))
    fresh = (await head.LinkTask(id=task.id)).path.split("#")[1]
    await head.ApproveTask(id=task.id, content_hash=HASH)
    await no("TASK_LINK_USED", head.OpenLinkTask(token=fresh))
    await head.TakeBackTask(id=task.id)
    await no("TASK_LINK_USED", head.OpenLinkTask(token=fresh))
    await no("TASK_NOT_OPEN", head.LinkTask(id=task.id))


async def test_earlier_cases_are_facts_that_the_reader_may_see(office):
    await office.flow(approve("a", "head"))
    facts = {"supplier_ids": ["s1"], "categories": ["OFFICE"]}
    for number, amount in enumerate(("100", "110", "120", "130", "140")):
        await office.submit(f"old {number}", amount=amount, facts=facts)
        await office.decide("head", "Reject" if number == 4 else "Approve")
    case = await office.submit("new", amount="990", facts={"supplier_ids": ["s1"]})
    told = await office.service.as_("head").AdviseCase(id=case.id)
    assert (told.looked_at, told.similar_count, told.thin, list(told.similar_by)) == (
        5, 5, False, ["supplier_ids", "department"],
    )  # fmt: skip
    assert (told.approved_count, told.rejected_count, told.returned_count) == (4, 1, 0)
    assert (told.median_amount, told.lower_amount, told.upper_amount) == ("120.00", "110.00", "130.00")
    assert (told.of_median_percent, ADVICE.Deviation.Name(told.deviation)) == ("825.0", "HIGH")
    assert told.cases[0].document_number == "PR-old 4"
    boss = await office.flow(approve("a", "boss"), code="BOSS", priority=-1)
    assert boss.published_version == 1
    unseen = await office.submit("unseen", amount="120", facts=facts)
    seen = await office.service.as_("boss").AdviseCase(id=unseen.id)
    assert (seen.looked_at, seen.thin, seen.median_amount, seen.deviation) == (0, True, "", 0)
    await no("DOCUMENT_NOT_FOUND", office.service.as_("stranger").AdviseCase(id=unseen.id))


@pytest.mark.parametrize(
    ("row", "ways"),
    [
        ({"supplier_ids": ["s1", "s2"]}, ["supplier_ids"]),
        (
            {"supplier_ids": ["s1"], "categories": ["c"], "department_id": 1},
            ["supplier_ids", "categories", "department"],
        ),
        ({"supplier_ids": "s1", "categories": {"c": 1}}, None),
        ({"department_id": 2}, None),
    ],
)
def test_cases_are_alike_by_what_they_share(row, ways):
    case = SimpleNamespace(facts={"supplier_ids": ["s1"], "categories": ["c"]}, department_id=1)
    other = SimpleNamespace(**{"supplier_ids": None, "categories": None, "department_id": None, **row})
    assert [found for _, found in similar_to(case, [other])] == ([ways] if ways else [])


def prices(**items: float) -> dict[str, Any]:
    return {"item_prices": [{"item_id": item, "unit_price": price} for item, price in items.items()]}


async def test_a_price_beyond_the_usual_is_told_with_its_item_from_requisitions_and_orders_alike(office):
    await office.flow(approve("a", "head"))
    await office.flow(approve("a", "head"), code="PO", document_type=ORDER)
    head = office.service.as_("head")
    for number, price in enumerate((10, 10, 10.5, 9.5, 10)):
        await office.submit(f"old {number}", facts=prices(bolt=price, nut=price))
        await office.decide("head", "Reject" if number == 4 else "Approve")
    order = request("an order", document_type=ORDER, facts=prices(bolt=10))
    await office.service.deliver(purchase_orders_pb2.PurchaseOrderChangeSubmitted(approval=order), actor="requester")
    await office.decide("head")

    case = await office.submit("new", facts=prices(bolt=12.3, nut=20, new=99))
    told = await head.AdviseCase(id=case.id)

    # of the nut only four were approved
    assert [(one.fact, one.field, dict(one.of)) for one in told.unusual] == [
        ("item_prices", "unit_price", {"item_id": "bolt"})
    ]
    (one,) = told.unusual
    assert (one.value, one.median, one.above_percent, one.compared_count) == ("12.3", "10", "23.0", 5)
    other = await office.submit("other", facts=prices(bolt=10.4))
    assert list((await head.AdviseCase(id=other.id)).unusual) == []
    # nothing of cases that the reader may not see
    await office.flow(approve("a", "boss"), code="BOSS", priority=-1)
    unseen = await office.submit("unseen", facts=prices(bolt=12.3))
    assert list((await office.service.as_("boss").AdviseCase(id=unseen.id)).unusual) == []


@pytest.mark.parametrize(
    ("value", "earlier", "percent"),
    [
        ("12.3", [10, 10, 10, 10, 10], "23"),
        ("10.4", [10, 10, 10, 10, 10], None),
        ("7", [10, 10, 10, 10, 10], "-30"),
        ("12.3", [10, 10, 10, 10], None),
        ("14", [8, 9, 10, 11, 12], None),
        ("15", [8, 9, 10, 11, 12], "50"),
        ("1", [0, 0, 0, 0, 0], None),
    ],
)
def test_a_value_is_unusual_beyond_the_fences_and_five_percent_off_at_least(value, earlier, percent):
    how = usual.off(Decimal(value), [Decimal(one) for one in earlier])
    assert (None if how is None else how[1]) == (None if percent is None else Decimal(percent))
