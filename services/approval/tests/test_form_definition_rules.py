"""What a form may say, what may change later, what two forms say differently; and values of any form at all."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from approval.form_definition import rules
from approval.form_definition.versions import forms_of
from approval.office_request.rules import TRANSITIONS, Pinned
from approval.tests.desk import CLAIM, claim, field, label, option
from chassis import contract, field_shapes, typed_fields
from chassis.errors import Refused
from heyi.approval.v1 import form_definitions_pb2 as pb
from heyi.common.v1 import common_pb2

NUMBER = field("days", "NUMBER", scale=1)
DRAFTS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    # name: (what the form says, [(path, refusal)])
    "a claim": ({"fields": CLAIM, "amount_key": "total", "approver_keys": ["account"]}, []),
    "nothing yet": ({}, []),
    "a word of conditions": ({"fields": [field("form")]}, [("fields[0].key", "FORM_KEY_RESERVED")]),
    "two of a key": ({"fields": [field("a"), field("a")]}, [("fields[1].key", "ALREADY_EXISTS")]),
    "no English name": (
        {"fields": [{**field("a"), "label": {"zh-CN": "甲"}}]},
        [("fields[0].label.en", "FIELD_REQUIRED")],
    ),
    "a rule about nothing": (
        {"fields": [field("a", visible_when="b > 1")]},
        [("fields[0].visible_when", "FORMULA_INVALID")],
    ),
    "a loop within a loop": (
        {"fields": [CLAIM[1], field("n", "YES_NO", required_when="items.exists(a, items.exists(b, a.cost > b.cost))")]},
        [("fields[1].required_when", "FORMULA_INVALID")],
    ),
    "an amount that is text": ({"fields": [field("a")], "amount_key": "a"}, [("amount_key", "FORM_KEY_UNKNOWN")]),
    "a table in the list": (
        {"fields": CLAIM, "summary_keys": ["items"]},
        [("summary_keys[0]", "FORM_KEY_UNKNOWN")],
    ),
    "asked of nobody": (
        {"fields": [field("a", required=True)], "approver_keys": ["a"]},
        [("fields[0].required", "FORM_APPROVER_REQUIRED")],
    ),
    "in two sections": (
        {"fields": [field("a")], "sections": [{"label": label("x"), "field_keys": ["a", "a"]}]},
        [("sections[0].field_keys[1]", "FORM_KEY_TWICE")],
    ),
    "a section without a name": (
        {"fields": [field("a")], "sections": [{"field_keys": ["b"]}]},
        [
            ("sections[0].label.zh-CN", "FIELD_REQUIRED"),
            ("sections[0].label.en", "FIELD_REQUIRED"),
            ("sections[0].field_keys[0]", "FORM_KEY_UNKNOWN"),
        ],
    ),
    "another kind than before": ({"fields": [field("old", "DATE")]}, [("fields[0].kind", "FORM_KIND_CHANGED")]),
}  # fmt: skip


def form_of(said: dict[str, Any]) -> pb.FormVersion:
    return rules.version_of({"code": "x", "name": "表", **said})


@pytest.mark.parametrize("name", DRAFTS)
def test_what_is_wrong_with_a_form_is_said_at_its_place(name: str) -> None:
    said, expected = DRAFTS[name]

    found = list(rules.problems(form_of(said), "LV", {"old": "NUMBER"}))

    assert [(path, reason) for path, reason, _ in found] == expected
    assert {reason for _, reason, _ in found} <= contract.load().refusals.keys()


@pytest.mark.parametrize(
    ("prefix", "good"), [("LV", True), ("A", True), ("", False), ("lv", False), ("A-1", False), ("ABCDEFG", False)]
)
def test_letters_of_a_number(prefix: str, good: bool) -> None:
    assert ([path for path, _, _ in rules.problems(form_of({}), prefix, {})] == []) is good


PUBLISHABLE = [
    # fields, approver keys, rights in flows, refusal
    ([field("a")], [], [], ""),
    ([field("a")], [], [("请假", "a")], ""),
    ([], [], [], "FORM_NO_FIELDS"),
    ([field("a")], ["a"], [], "FORM_NO_FIELDS"),
    ([field("a")], [], [("请假", "b")], "FORM_FIELD_IN_FLOW"),
]


@pytest.mark.parametrize(("fields", "approver_keys", "in_flows", "reason"), PUBLISHABLE)
def test_what_is_published(fields: Any, approver_keys: Any, in_flows: Any, reason: str) -> None:
    draft = SimpleNamespace(fields=fields, approver_keys=approver_keys)
    found = ""
    try:
        rules.check_publishable(draft, in_flows)
    except Refused as refused:
        found = refused.violations[0][1] if refused.violations else refused.reason
    assert found == reason


USERS = [
    # departments and roles of the form; the person's; may they
    ([], [], ["d"], [], True),
    (["d"], [], ["d"], [], True),
    (["d"], [], ["e", "d"], [], True),
    (["d"], [], ["e"], ["r"], False),
    ([], ["r"], ["e"], ["r"], True),
    (["d"], ["r"], ["e"], ["r"], True),
    (["d"], ["r"], [], [], False),
]


@pytest.mark.parametrize(("departments", "roles", "mine", "held", "may"), USERS)
def test_who_may_fill_a_form_in(departments: Any, roles: Any, mine: Any, held: Any, may: bool) -> None:
    form = SimpleNamespace(department_ids=departments, role_codes=roles)
    assert rules.may_use(form, mine, held) is may


@pytest.mark.parametrize(
    ("condition", "forms"),
    [
        ("facts.form == 'leave'", ["leave"]),
        ('facts.form in ["leave", "trip"]', ["leave", "trip"]),
        ("facts.days > 3", ["leave", "trip", "seal"]),
        ("", ["leave", "trip", "seal"]),
    ],
)
def test_the_forms_that_a_flow_is_for(condition: str, forms: list[str]) -> None:
    assert forms_of(condition, ["leave", "trip", "seal"]) == forms


def test_what_two_forms_say_differently() -> None:
    before = {"name": "请假", "fields": [field("a"), field("b"), field("c")]}
    after = {"name": "请假单", "fields": [field("a"), {**field("b"), "required": True}, field("d")], "amount_key": "d"}

    found = rules.differences(before, after, "en")

    assert [(one.path, bool(one.before), bool(one.after)) for one in found] == [
        ("b", True, True), ("c", True, False), ("d", False, True), ("name", True, True), ("amount_key", False, True),
    ]  # fmt: skip
    assert rules.differences(before, before, "en") == []
    moved = {**before, "fields": before["fields"][::-1]}
    assert [one.path for one in rules.differences(before, moved, "en")] == ["fields"]


def test_every_state_of_a_request_has_its_actions() -> None:
    allowed = {
        state: sorted(action for s, action in TRANSITIONS if s == state) for state in {s for s, _ in TRANSITIONS}
    }
    assert allowed == {
        "DRAFT": ["copy", "delete", "submit", "update"],
        "SUBMITTED": ["copy"],
        "APPROVED": ["copy"],
        "REJECTED": ["copy"],
        "RETURNED": ["cancel", "copy", "submit", "update"],
        "WITHDRAWN": ["cancel", "copy", "submit", "update"],
        "CANCELLED": ["copy"],
    }


CLAIM_FORM = Pinned(
    form_of({"fields": CLAIM, "amount_key": "total", "summary_keys": ["kind"], "approver_keys": ["account"]})
)


def test_facts_hold_every_field_of_the_form_empty_ones_too() -> None:
    facts = CLAIM_FORM.facts(CLAIM_FORM.take(claim("0.1", "0.2"), {}, complete=False).values)

    assert facts == {
        "kind": "travel", "items": [{"what": "thing 1", "cost": 0.1}, {"what": "thing 2", "cost": 0.2}], "total": 0.3,
        "why": "", "partner": "", "account": "", "form": "x", "form_version": 0,
    }  # fmt: skip


def test_what_follows_from_a_field_is_told_with_it() -> None:
    said = {f"values.{key}": common_pb2.FieldBasis(hash=key) for key in ("items", "total", "kind")}

    told = {path: list(one.tells) for path, one in CLAIM_FORM.tell(said).items()}

    assert told == {
        "values.items": [], "values.kind": [], "values.total": ["values.items"], "title": ["values.kind"],
        "amount": ["values.total"],
    }  # fmt: skip


# ---- any form, any values

KEYS = ["a", "b", "c", "d", "e"]
DECIMAL = st.decimals(min_value=-10_000, max_value=10_000, places=2).map(str)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "TEXT": st.text("文abc 12", max_size=20),
    "LONG_TEXT": st.text("文b\n", max_size=20),
    "NUMBER": DECIMAL | st.integers(-5, 5) | st.just("1e3"),
    "AMOUNT": DECIMAL | st.just("x"),
    "DATE": st.dates().map(str) | st.just("2026-02-30"),
    "DATE_RANGE": st.fixed_dictionaries({"start": st.dates().map(str), "end": st.dates().map(str)}),
    "CHOICE": st.sampled_from(["x", "y", "z"]),
    "CHOICES": st.lists(st.sampled_from(["x", "y", "z"]), max_size=3),
    "YES_NO": st.booleans() | st.just("yes"),
    "PERSON": st.uuids().map(str) | st.just("me"),
}


@st.composite
def forms(draw: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fields of some kinds, and values that were typed into them, some of them wrong."""
    fields, values = [], {}
    for key in draw(st.lists(st.sampled_from(KEYS), unique=True, min_size=1)):
        kind = draw(st.sampled_from([*KINDS, "TABLE"]))
        more: dict[str, Any] = {}
        if kind in ("CHOICE", "CHOICES"):
            more["options"] = [option("x"), option("y")]
        if kind == "NUMBER":
            more["scale"] = draw(st.integers(0, 3))
        if kind == "TABLE":
            inner = draw(st.sampled_from(["TEXT", "AMOUNT", "DATE"]))
            more["columns"] = [field("m", inner)]
            value: Any = draw(st.lists(st.fixed_dictionaries({"m": KINDS[inner]}), max_size=3))
        else:
            value = draw(KINDS[kind])
        fields.append(field(key, kind, **more))
        if draw(st.booleans()):
            values[key] = value
    return fields, values


@settings(max_examples=150, deadline=None)
@given(forms())
def test_the_server_and_the_schema_agree_and_what_is_kept_stays_as_it_is(made: Any) -> None:
    fields, sent = made
    pinned = Pinned(form_of({"fields": fields}))
    schema = field_shapes.json_schema(pinned.message.fields, "en")
    jsonschema.Draft202012Validator.check_schema(schema)

    taken = pinned.take(sent, {}, complete=True)

    # what is kept is what the schema says, and is taken again as it is
    jsonschema.validate(taken.values, schema, jsonschema.Draft202012Validator)
    again = pinned.take(taken.values, {}, complete=True)
    assert (again.values, again.violations) == (taken.values, [])
    assert typed_fields.canonical(again.values) == typed_fields.canonical(taken.values)
    # what the schema refuses the server refuses, or writes in its one way
    if not list(jsonschema.Draft202012Validator(schema).iter_errors(taken.values)) and taken.violations:
        assert taken.values != sent
    # the way through an event and the database changes nothing
    travelled = struct_pb2.Struct()
    travelled.update(taken.values)
    assert json_format.MessageToDict(travelled) == json.loads(json.dumps(taken.values)) == taken.values
