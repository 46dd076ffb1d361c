"""Who is asked at a node, and why."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from approval.authority_limit.rules import limit_of
from approval.engine.approvers import approvers_of
from approval.tests.factories import approve
from approval.tests.worlds import KEYS, flow, limit, right, world
from chassis.organisation import Seat
from chassis.testing import stable

LIMITS = [limit("manager", "5000"), limit("director", "100000")]
HEAD = {"kind": "department_head"}
UP = {"kind": "heads_up", "levels": 2}
LEVEL = {"kind": "heads_up", "levels": 1}
AUTHORITY = {"kind": "authority"}
WHOLE_WAY = {"kind": "authority", "only_final": False}

CODE = {key: world().organisation.people[stable(key)].code for key in ("boss", "buyer")}

CASES: dict[str, tuple[list[Any], dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    # name: (rules, node's policies, the world's changes, [(person, reason)])
    "a user": ([{"kind": "user", "employee_id": str(stable("boss"))}], {}, {}, [("boss", "user")]),
    "a role": (
        [{"kind": "role", "role": "buyer"}],
        {},
        {"rights": [right("buyer", "buyer"), right("boss", "buyer")]},
        [("boss", "role"), ("buyer", "role")],
    ),
    "a post by code": ([{"kind": "post", "post": "director"}], {}, {}, [("boss", "post")]),
    "a post by id": ([{"kind": "post", "post": str(stable("director"))}], {}, {}, [("boss", "post")]),
    "the head": ([HEAD], {}, {}, [("head", "department_head")]),
    "the head above, where the department has none": (
        [HEAD],
        {},
        {"departments": {"workshop": {"head_id": None}}},
        [("boss", "department_head")],
    ),
    "a post in the requester's department": (
        [{"kind": "department_post", "post": "worker"}],
        {},
        {},
        [("colleague", "department_post"), ("stranger", "department_post")],
    ),
    "a post in the nearest department above": (
        [{"kind": "department_post", "post": "director"}],
        {},
        {},
        [("boss", "department_post")],
    ),
    "a post above whoever holds it alone": (
        [{"kind": "department_post", "post": "manager"}],
        {},
        {"requester": "head"},
        [("admin", "department_post")],
    ),
    "a post in a named department": (
        [{"kind": "department_post", "post": "manager", "department_id": str(stable("workshop"))}],
        {},
        {},
        [("head", "department_post")],
    ),
    "whom the requester reports to": (
        [{"kind": "reports_to"}],
        {},
        {"people": {"requester": {"reports_to_id": stable("buyer")}}},
        [("buyer", "reports_to")],
    ),
    "the head, where whom they report to is gone": (
        [{"kind": "reports_to"}],
        {},
        {"people": {"requester": {"reports_to_id": stable("disabled")}}},
        [("head", "department_head")],
    ),
    "a post held beside the own one": (
        [{"kind": "post", "post": "director"}],
        {},
        {"people": {"buyer": {"seats": (Seat(stable("finance"), stable("director")),)}}},
        [("boss", "post"), ("buyer", "post")],
    ),
    "a post held beside the own one, in its department": (
        [{"kind": "department_post", "post": "buyer", "department_id": str(stable("workshop"))}],
        {},
        {"people": {"colleague": {"seats": (Seat(stable("workshop"), stable("buyer")),)}}},
        [("colleague", "department_post")],
    ),
    "a dotted line holds no post": (
        [{"kind": "department_post", "post": "buyer", "department_id": str(stable("workshop"))}],
        {},
        {"people": {"buyer": {"seats": (Seat(stable("workshop"), None, dotted=True),)}}},
        [("admin", "administrator")],
    ),
    "a head by the post held in the department": (
        [AUTHORITY],
        {},
        {
            "people": {
                "head": {
                    "seats": (Seat(stable("workshop"), stable("director")),),
                    "post_id": stable("worker"),
                    "department_id": stable("finance"),
                }
            }
        },
        [("head", "authority")],
    ),
    "a post in a department that is gone": (
        [{"kind": "department_post", "post": "manager", "department_id": str(stable("gone"))}],
        {},
        {},
        [("admin", "administrator")],
    ),
    "people whom the document names": (
        [{"kind": "field_user", "field": "owner_ids"}],
        {},
        {"facts": {"owner_ids": [str(stable("boss")), str(stable("disabled")), str(stable("buyer"))]}},
        [("boss", "field_user"), ("buyer", "field_user")],
    ),
    "one whom the document names": (
        [{"kind": "field_user", "field": "owner_id"}],
        {},
        {"facts": {"owner_id": str(stable("boss"))}},
        [("boss", "field_user")],
    ),
    "a document that names the requester": (
        [{"kind": "field_user", "field": "owner_id"}],
        {},
        {"facts": {"owner_id": str(stable("requester"))}},
        [("admin", "administrator")],
    ),
    "a document that names nobody": (
        [{"kind": "field_user", "field": "owner_id"}],
        {},
        {},
        [("admin", "administrator")],
    ),
    "a field that holds something else": (
        [{"kind": "field_user", "field": "amount_before"}],
        {},
        {"facts": {"amount_before": 12.5}},
        [("admin", "administrator")],
    ),
    "heads of the departments that the document names": (
        [{"kind": "field_department_head", "field": "cost_department_ids"}],
        {},
        {"facts": {"cost_department_ids": [str(stable("workshop")), "no id"]}},
        [("head", "field_department_head")],
    ),
    "the head above, where that department has none": (
        [{"kind": "field_department_head", "field": "cost_department_ids"}],
        {},
        {
            "facts": {"cost_department_ids": [str(stable("workshop"))]},
            "departments": {"workshop": {"head_id": None}},
        },
        [("boss", "field_department_head")],
    ),
    "a group of people, who is gone left out": (
        [{"kind": "group", "name": "x", "employee_ids": [str(stable(key)) for key in ("buyer", "disabled", "boss")]}],
        {},
        {},
        [("buyer", "group"), ("boss", "group")],
    ),
    "a group of a role": (
        [{"kind": "group", "name": "x", "role": "buyer"}],
        {},
        {"rights": [right("buyer", "buyer")]},
        [("buyer", "group")],
    ),
    "whom the requester chose, for this node alone": (
        [{"kind": "initiator_choice"}],
        {},
        {"chosen": {"a": [stable("boss"), stable("requester")], "b": [stable("buyer")]}},
        [("boss", "initiator_choice")],
    ),
    "the requester chose nobody": ([{"kind": "initiator_choice"}], {}, {}, [("admin", "administrator")]),
    "codes by an expression, in its order": (
        [{"kind": "expression", "expression": f"amount > 5000 ? ['{CODE['boss']}', '{CODE['buyer']}', 'x'] : []"}],
        {},
        {},
        [("boss", "expression"), ("buyer", "expression")],
    ),
    "an expression of nobody": (
        [{"kind": "expression", "expression": "amount > 9000 ? [requester] : []"}],
        {},
        {},
        [("admin", "administrator")],
    ),
    "heads upward": ([UP], {}, {}, [("head", "heads_up"), ("boss", "heads_up")]),
    "one level": ([LEVEL], {}, {}, [("head", "heads_up")]),
    "more levels than there are": (
        [{"kind": "heads_up", "levels": 9}],
        {},
        {},
        [("head", "heads_up"), ("boss", "heads_up")],
    ),
    "levels start above whoever asks": ([LEVEL], {}, {"requester": "head"}, [("boss", "heads_up")]),
    "within the first head's limit": ([AUTHORITY], {}, {"amount": "5000"}, [("head", "authority")]),
    "above it": ([AUTHORITY], {}, {"amount": "5000.01"}, [("boss", "authority")]),
    "above it, with those on the way": (
        [WHOLE_WAY],
        {},
        {"amount": "5000.01"},
        [("head", "on_the_way"), ("boss", "authority")],
    ),
    "above every limit": ([AUTHORITY], {}, {"amount": "100000.01"}, [("admin", "administrator")]),
    "another currency": ([AUTHORITY], {}, {"currency": "USD"}, [("admin", "administrator")]),
    "authority missing is not mended by others": (
        [AUTHORITY, {"kind": "user", "employee_id": str(stable("buyer"))}],
        {},
        {"amount": "999999"},
        [("buyer", "user"), ("admin", "administrator")],
    ),
    "one person by two rules is asked once": ([HEAD, LEVEL], {}, {}, [("head", "department_head")]),
    "whoever asks is left out": (
        [HEAD, {"kind": "user", "employee_id": str(stable("boss"))}],
        {"initiator": "skip"},
        {"requester": "head"},
        [("boss", "user")],
    ),
    "the head above instead of whoever asks": (
        [HEAD],
        {"initiator": "head"},
        {"requester": "head"},
        [("boss", "head_above")],
    ),
    "nobody above whoever asks": ([HEAD], {"initiator": "head"}, {"requester": "boss"}, [("admin", "administrator")]),
    "a disabled head": ([HEAD], {}, {"people": {"head": {"active": False}}}, [("boss", "department_head")]),
    "a disabled user": (
        [{"kind": "user", "employee_id": str(stable("disabled"))}],
        {},
        {},
        [("admin", "administrator")],
    ),
    "a person instead": (
        [{"kind": "role", "role": "nobody"}],
        {"when_empty": "person", "employee_id": str(stable("boss"))},
        {},
        [("boss", "instead")],
    ),
    "pass": ([{"kind": "role", "role": "nobody"}], {"when_empty": "pass"}, {}, []),
    "reject": ([{"kind": "role", "role": "nobody"}], {"when_empty": "reject"}, {}, []),
    "the person instead is whoever asks": (
        [{"kind": "role", "role": "nobody"}],
        {"when_empty": "person", "employee_id": str(stable("requester"))},
        {},
        [],
    ),
    "the administrator is whoever asks": ([{"kind": "role", "role": "nobody"}], {}, {"requester": "admin"}, []),
}
VERDICTS = {
    "pass": "pass",
    "reject": "reject",
    "the person instead is whoever asks": "stuck",
    "the administrator is whoever asks": "stuck",
}


@pytest.mark.parametrize("name", CASES)
def test_the_rules_find_these_people_for_this_reason(name: str):
    rules, policies, changes, expected = CASES[name]
    around = world(limits=LIMITS, **changes)
    node = flow(approve("a", *rules, **policies)).nodes["a"]

    answer = approvers_of(node, around)  # type: ignore[arg-type]

    assert [(KEYS[p.employee_id], p.reason.removeprefix("approver.")) for p in answer.people] == expected
    assert answer.verdict == VERDICTS.get(name, "ask")
    assert around.requester_id not in [p.employee_id for p in answer.people]


def test_the_administrators_decide_by_the_first_of_them():
    node = flow(approve("a", {"kind": "role", "role": "nobody"}, vote="all")).nodes["a"]

    assert approvers_of(node, world()).vote == "any"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([], None),
        ([limit("manager", "1")], "1"),
        ([limit("director", "1")], None),
        ([limit("manager", "1", currency="USD")], None),
        ([limit("manager", "1"), limit("manager", "2", document_type="a.b")], "2"),
        ([limit("manager", "9"), limit("manager", "2", document_type="a.b")], "2"),
        ([limit("manager", "9"), limit("manager", "2", document_type="x.y")], "9"),
        ([limit("manager", "1", valid_from_date=datetime.date(2026, 11, 24))], None),
        ([limit("manager", "1"), limit("manager", "2", valid_from_date=datetime.date(2026, 11, 23))], "2"),
    ],
)
def test_a_limit_for_the_type_goes_before_one_for_all_and_the_newest_holds(limits: list[Any], expected: str | None):
    day = datetime.date(2026, 11, 23)

    held = limit_of(limits, stable("manager"), document_type="a.b", currency="CNY", on=day)

    assert held == (None if expected is None else Decimal(expected))
