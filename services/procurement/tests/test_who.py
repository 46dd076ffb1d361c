"""Who sees and changes what, by hand for each document: own, same and other department, other company, an approver."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import Refused
from chassis.testing import COMPANY, OTHER_COMPANY, stable
from heyi.approval.v1 import cases_pb2
from procurement.tests.factories import Shop, case_of, opened

SEEN, HIDDEN, FORBIDDEN = "seen", "DOCUMENT_NOT_FOUND", "PERMISSION_MISSING"
# the reach that each person's grant has in this test
REACH = {
    "requester": "OWN",
    "colleague": "DEPARTMENT",
    "head": "OWN",
    "boss": "DEPARTMENT_AND_BELOW",
    "other_department": "DEPARTMENT",
    "buyer": "COMPANY",
    "other_company": "COMPANY",
}
# document -> person -> what a look brings, and what a change brings
TABLE: dict[str, dict[str, tuple[str, str]]] = {
    "draft": {
        "requester": (SEEN, SEEN),
        "colleague": (HIDDEN, HIDDEN),
        "head": (HIDDEN, HIDDEN),
        "boss": (HIDDEN, HIDDEN),
        "buyer": (HIDDEN, HIDDEN),
        "other_department": (HIDDEN, HIDDEN),
        "other_company": (HIDDEN, HIDDEN),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
    "submitted": {
        "requester": (SEEN, "ACTION_NOT_ALLOWED"),
        "colleague": (SEEN, "PURCHASE_REQUISITION_NOT_OWNER"),
        "head": (SEEN, HIDDEN),  # was asked: may read, never act for the owner
        "boss": (SEEN, "PURCHASE_REQUISITION_NOT_OWNER"),
        "buyer": (SEEN, "PURCHASE_REQUISITION_NOT_OWNER"),
        "other_department": (HIDDEN, HIDDEN),
        "other_company": (HIDDEN, HIDDEN),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
    "order": {
        "requester": (SEEN, HIDDEN),  # asked for it: may read what became of it
        "colleague": (HIDDEN, HIDDEN),
        "head": (HIDDEN, HIDDEN),
        "boss": (SEEN, SEEN),  # the buyer is of the department that the boss leads
        "buyer": (SEEN, SEEN),
        "other_department": (HIDDEN, HIDDEN),
        "other_company": (HIDDEN, HIDDEN),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
    "task": {
        "requester": (HIDDEN, HIDDEN),
        "colleague": (SEEN, SEEN),  # the requester's department
        "head": (HIDDEN, HIDDEN),
        "boss": (SEEN, SEEN),
        "buyer": (SEEN, SEEN),
        "other_department": (HIDDEN, HIDDEN),
        "other_company": (HIDDEN, HIDDEN),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
    # of the group: whoever holds the permission
    "supplier": {
        **dict.fromkeys(REACH, (SEEN, SEEN)),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
    "supplier_item": {
        **dict.fromkeys(REACH, (SEEN, SEEN)),
        "stranger": (FORBIDDEN, FORBIDDEN),
    },
}
REQUISITIONS = (
    "GetPurchaseRequisition",
    "ListPurchaseRequisitions",
    "BatchGetPurchaseRequisitions",
    "purchase_requisitions",
)
LOOK = {
    "draft": REQUISITIONS,
    "submitted": REQUISITIONS,
    "order": ("GetPurchaseOrder", "ListPurchaseOrders", "BatchGetPurchaseOrders", "purchase_orders"),
    "task": ("GetSourcingTask", "ListSourcingTasks", "BatchGetSourcingTasks", "sourcing_tasks"),
    "supplier": ("GetSupplier", "ListSuppliers", "BatchGetSuppliers", "suppliers"),
    "supplier_item": ("GetSupplierItem", "ListSupplierItems", "BatchGetSupplierItems", "supplier_items"),
}
CHANGE = {
    "draft": ("UpdatePurchaseRequisition", "purchase_requisition", {"title": "改"}, "title"),
    "submitted": ("UpdatePurchaseRequisition", "purchase_requisition", {"title": "改"}, "title"),
    "order": ("UpdatePurchaseOrder", "purchase_order", {"note": "改"}, "note"),
    "task": ("UpdateSourcingTask", "sourcing_task", {"unit_price": "5"}, "unitPrice"),
    "supplier": ("UpdateSupplier", "supplier", {"note": "改"}, "note"),
    "supplier_item": ("UpdateSupplierItem", "supplier_item", {"lead_time_days": 3}, "leadTimeDays"),
}


@pytest.fixture
async def documents(shop: Shop, service: Any) -> dict[str, str]:
    """One document of each kind: made by the requester of the workshop, and by the buyer of the works."""
    submitted = await shop.submitted()
    await service.deliver(opened(submitted, "head"))
    approved = await shop.approved(shop.line(shop.bearing), shop.line(shop.cable, "1"))
    (task,) = (await shop.buyer.ListSourcingTasks()).sourcing_tasks
    return {
        "draft": (await shop.draft()).id,
        "submitted": submitted.id,
        "order": approved.lines[0].order_id,
        "task": task.id,
        "supplier": shop.hongda.id,
        "supplier_item": shop.terms_of_hongda.id,
    }


async def outcome(doing: Any) -> str:
    try:
        await doing
    except Refused as refusal:
        return refusal.reason
    return SEEN


@pytest.mark.parametrize("document", TABLE)
async def test_who_sees_and_changes(service: Any, documents: dict[str, str], document: str) -> None:
    service.rights = []
    for key, scope in REACH.items():
        service.grant(key, ["procurement.*"], scope)
    if document == "order":
        # made by itself, an order belongs to the requester until a buyer is named; here the buyer's is looked at
        documents["order"] = await order_of_the_buyer(service)
    get, list_, batch, field = LOOK[document]
    change, resource, values, mask = CHANGE[document]
    identifier = documents[document]

    found = {}
    for key in TABLE[document]:
        service.clock.advance(seconds=1)  # each change has its own instant
        person = service.as_(key)
        looked = await outcome(getattr(person, get)(id=identifier))
        changed = await outcome(
            getattr(person, change)(**{resource: {"id": identifier, **values}, "update_mask": mask})
        )
        found[key] = (looked, changed)
        if looked != FORBIDDEN:
            listed = {row.id for row in getattr(await getattr(person, list_)(), field)}
            named = {row.id for row in getattr(await getattr(person, batch)(ids=[identifier]), field)}
            assert (identifier in listed) == (identifier in named) == (looked == SEEN), (key, looked)
    assert found == TABLE[document]


async def order_of_the_buyer(service: Any) -> str:
    """A requisition's order whose buyer is known: the category names one."""
    shop = Shop(service)
    listed = await service.as_("buyer").ListPurchaseOrders()
    (order,) = listed.purchase_orders
    cancelled = await service.as_("buyer").CancelPurchaseOrder(id=order.id, reason="改由采购员下单")
    assert cancelled.state == cancelled.CANCELLED
    tasks = [
        t for t in (await service.as_("buyer").ListSourcingTasks()).sourcing_tasks if t.reason == t.ORDER_CANCELLED
    ]
    task = await shop.buyer.UpdateSourcingTask(
        sourcing_task={"id": tasks[0].id, "unit_price": "12.5", "supplier_id": order.supplier_id},
        update_mask="unitPrice,supplierId",
    )
    (made,) = (await shop.buyer.OrderSourcingTasks(ids=[task.id])).purchase_orders
    return str(made.id)


async def test_a_company_that_is_not_the_callers_cannot_be_chosen(service: Any, documents: dict[str, str]) -> None:
    service.rights = []
    service.grant("requester", ["procurement.*"], "OWN", company=COMPANY)
    stranger = service.as_("requester", company=OTHER_COMPANY)
    assert await outcome(stranger.GetPurchaseRequisition(id=documents["draft"])) == "COMPANY_NOT_ALLOWED"


async def test_another_companys_document_is_as_unknown_as_none(service: Any, documents: dict[str, str]) -> None:
    """P27: the same refusal with the same facts, whatever the id."""
    other = service.as_("other_company")
    facts = []
    for identifier in (documents["submitted"], "00000000-0000-7000-8000-00000000ffff"):
        with pytest.raises(Refused) as caught:
            await other.GetPurchaseRequisition(id=identifier)
        facts.append((caught.value.reason, sorted(caught.value.facts), caught.value.facts["document_type"]))
    assert facts[0] == facts[1]


async def test_a_wrong_etag_does_not_tell_that_there_is_a_draft(service: Any, shop: Shop) -> None:
    draft = await shop.draft()

    admin = service.as_("admin")
    assert await outcome(admin.SubmitPurchaseRequisition(id=draft.id, etag="never")) == HIDDEN
    assert await outcome(admin.CopyPurchaseRequisition(id=draft.id, etag="never")) == HIDDEN
    assert await outcome(shop.requester.SubmitPurchaseRequisition(id=draft.id, etag="never")) == "STALE_ETAG"


async def test_only_the_owner_acts_on_a_draft_that_came_back(service: Any, shop: Shop) -> None:
    service.grant("boss", ["procurement.*"], "DEPARTMENT_AND_BELOW")
    submitted = await shop.submitted()

    await service.deliver(cases_pb2.CaseReturned(case=case_of(submitted, version=2, state="RETURNED")))
    boss = service.as_("boss")
    for doing in (
        boss.SubmitPurchaseRequisition(id=submitted.id),
        boss.DeletePurchaseRequisition(id=submitted.id),
        boss.CancelPurchaseRequisition(id=submitted.id, reason="x"),
    ):
        assert await outcome(doing) == "PURCHASE_REQUISITION_NOT_OWNER"


@pytest.mark.parametrize("order_by", ["", "amount", "create_time desc, number"])
async def test_pages_hold_what_is_within_any_way_of_reach_once_and_in_order(
    service: Any, shop: Shop, order_by: str
) -> None:
    """The department's, the own and what one was asked about, in pages smaller than each of them."""
    service.rights = []
    for key, scope in {"requester": "OWN", "other_department": "OWN", "colleague": "DEPARTMENT"}.items():
        service.grant(key, ["procurement.*"], scope)
    colleague, stranger = service.as_("colleague"), service.as_("other_department")
    made = []
    for number, (by, asked) in enumerate(
        [(shop.requester, ""), (colleague, ""), (stranger, "colleague"), (stranger, ""), (shop.requester, "colleague")]
        * 2
    ):
        service.clock.advance(seconds=1)
        row = await shop.submitted(shop.line(shop.bearing, str(1 + number * 7 % 5)), by=by)
        if asked:
            await service.deliver(opened(row, asked, participant_ids=[str(stable(asked))]))
        if by is not stranger or asked:
            made.append(row)

    found, token = [], ""
    while True:
        page = await colleague.ListPurchaseRequisitions(page_size=3, page_token=token, order_by=order_by)
        found += page.purchase_requisitions
        if not (token := page.next_page_token):
            break

    whole = await colleague.ListPurchaseRequisitions(page_size=100, order_by=order_by, summarize=True)
    assert [row.id for row in found] == [row.id for row in whole.purchase_requisitions]
    assert sorted(row.id for row in found) == sorted(row.id for row in made)
    assert whole.total_size == len(made) == 8
    if order_by == "amount":
        amounts = [float(row.amount) for row in found]
        assert amounts == sorted(amounts)
    else:
        assert [row.id for row in found] == [row.id for row in reversed(made)]
