"""Names of the day: which fields say one, and what is hidden stays unsaid."""

from __future__ import annotations

import datetime
from types import SimpleNamespace

import pytest

from chassis.naming import Naming, names_in, needed, parts_with_names
from chassis.tests.test_organisation import BOSS, BUYER, NORTH, A, answer, organisation
from heyi.identity.v1 import placements_pb2, posts_pb2
from heyi.procurement.v1 import purchase_orders_pb2 as pb

JUNE, JULY = datetime.date(2026, 6, 1), datetime.date(2026, 7, 1)


class Order:
    __message__, __day__ = pb.PurchaseOrder, "order_date"


class Placement:
    __message__, __day__ = placements_pb2.Placement, "until_date"


def known():
    """A department that was renamed and got another head at the end of June, a post that was renamed then."""
    message = answer()
    message.departments[2].former.add(until_date="2026-06-30", name="旧名")
    message.departments[2].heads.add(from_date="2026-06-01", until_date="2026-06-30", employee_id=str(BOSS))
    message.departments[2].heads.add(
        from_date="2026-06-20", until_date="2026-06-30", employee_id=message.people[2].employee_id, acting=True
    )
    message.departments[2].heads.add(from_date="2026-07-01", employee_id=message.people[1].employee_id)
    message.posts[0].former.add(until_date="2026-06-30", name="买手")
    for person, name in zip(message.people, ("老板", "负责人", "代理人"), strict=False):
        person.name = name
    return organisation(message)


def order(day: datetime.date | None, hidden=(), wanted=None):
    """What an order of a day says of its department, its head and the department of its line."""
    message = pb.PurchaseOrder(lines=[{"cost_department_id": str(NORTH)}, {}])
    wanted = frozenset(pb.PurchaseOrder.DESCRIPTOR.fields_by_name) if wanted is None else wanted
    row = SimpleNamespace(department_id=NORTH, company_id=A, order_date=day)
    Naming(known(), Order, wanted).write(row, message, hidden, whole=True)
    return message.department_name, message.department_head_name, [line.cost_department_name for line in message.lines]


def test_a_field_says_a_name_where_the_contract_has_its_reference_beside_it():
    assert {one.field for one in names_in(pb.PurchaseOrder.DESCRIPTOR)} == {"department_name", "department_head_name"}
    ((lines, (cost,)),) = parts_with_names(pb.PurchaseOrder.DESCRIPTOR)
    assert (lines, cost.source) == ("lines", "cost_department_id")
    assert {one.field: one.ask for one in names_in(placements_pb2.Placement.DESCRIPTOR)} == {
        "department_name": "department_named", "post_name": "post_named",
    }  # fmt: skip
    assert names_in(posts_pb2.Post.DESCRIPTOR) == ()
    assert needed(Order, {"department_head_name"}) == {"department_id", "company_id", "order_date"}
    assert needed(Order, {"number", "department_id"}) == set()


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (JUNE, ("旧名", "老板", ["旧名", ""])),
        (datetime.date(2026, 6, 20), ("旧名", "代理人", ["旧名", ""])),
        (JULY, ("x", "负责人", ["x", ""])),
        # nobody is known to have headed it then
        (datetime.date(2026, 5, 31), ("旧名", "", ["旧名", ""])),
        # not placed yet: today's
        (None, ("x", "负责人", ["x", ""])),
    ],
)
def test_a_document_shows_its_day(day, said):
    assert order(day) == said


def test_what_is_hidden_or_not_asked_for_is_not_said():
    assert order(JULY, hidden=("department_id",))[:2] == ("", "")
    assert order(JULY, hidden=("lines.cost_department_name",))[2] == ["", ""]
    assert order(JULY, wanted=frozenset({"department_name"}))[:2] == ("x", "")


def test_a_placement_shows_the_names_of_its_last_day():
    names = []
    for until in (JUNE, None):
        message = placements_pb2.Placement()
        row = SimpleNamespace(department_id=NORTH, post_id=BUYER, company_id=A, until_date=until)
        Naming(known(), Placement, {"department_name", "post_name"}).write(row, message, (), whole=False)
        names.append((message.department_name, message.post_name))
    assert names == [("旧名", "买手"), ("x", "采购员")]
