"""The fictional group hangs together: everything that is referred to exists, nothing stands twice, nothing is real."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from stdnum.cn import uscc

from chassis import contract, money
from chassis.policy import patterns_of
from infra.local.demo import records, story
from infra.local.demo.load import place_of
from infra.local.demo.records import Record, id_of, rows, tables

BUILT_IN = {
    code: f"00000000-0000-7000-8000-{number:012x}"
    for number, code in enumerate(
        ("buyer", "purchasing_manager", "auditor", "identity_administrator", "flow_administrator", "master_data"), 0xB3
    )
}


def everything() -> list[Record]:
    return [
        *records.companies(), *records.calendar(), *records.numbers(), *records.posts(), *records.departments(),
        *records.employees(),
        *records.roles(), *records.placements(), *records.headships(), *records.reorganisations(),
        *records.grants(BUILT_IN), *records.units(), *records.categories(), *records.items(), *records.suppliers(),
        *records.supplier_items(), *records.limits(), *records.forms(), *records.flows(),
        *records.duties(BUILT_IN),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("made", "count"),
    [
        (records.companies, 3),
        (records.departments, 12),
        (records.employees, 60),
        (records.suppliers, 40),
        (records.items, 300),
    ],
)
def test_the_group_is_as_large_as_promised(made: Any, count: int) -> None:
    assert len(made()) == count


def test_ids_and_codes_are_unique() -> None:
    assert not [key for key, times in Counter(record.id for record in everything()).items() if times > 1]
    for name in ("companies", "posts", "departments", "employees", "units", "categories", "items"):
        codes = Counter(row["code"] for row in rows(name))
        assert not [code for code, times in codes.items() if times > 1], name
    for column in ("name", "credit_code", "phone", "bank_account"):
        assert len({row[column] for row in rows("suppliers")}) == 40, column
    assert len({row["username"] for row in rows("employees")}) == 60


def test_the_calendar_of_2026_works_as_many_days_as_the_announcement_leaves() -> None:
    """Seven holidays with 33 days off, and six days of weekends that are worked."""
    kinds = Counter(row["kind"] for row in rows("calendar"))
    worked = [row["date"] for row in rows("calendar") if row["kind"] == "WORKDAY"]
    assert (kinds["HOLIDAY"], kinds["WORKDAY"]) == (33, 6)
    assert all(datetime.date.fromisoformat(day).weekday() >= 5 for day in worked)
    assert len({row["date"] for row in rows("calendar")}) == 39


def test_no_item_stands_twice() -> None:
    from inventory.item.rules import identity_key

    keys = Counter(identity_key(row["name"], row["specification"]) for row in rows("items"))
    assert not [key for key, times in keys.items() if times > 1]


@pytest.mark.parametrize("row", [*rows("companies"), *rows("suppliers")], ids=lambda row: row["name"])
def test_credit_codes_are_valid_and_nobodys(row: dict[str, str]) -> None:
    assert uscc.is_valid(row["credit_code"])
    assert row["credit_code"][8:11] == "HEY"


def references_in(message: Any, fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Document type and id of everything that a document refers to."""
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        target = contract.spec_of(field).references
        if target and value:
            yield from ((target, each) for each in (value if isinstance(value, list) else [value]))
        elif isinstance(value, list) and field.message_type is not None:
            for part in value:
                yield from references_in(field.message_type._concrete_class, part)


def test_every_field_is_in_the_contract_and_every_reference_leads_somewhere() -> None:
    known = {record.id for record in everything()} | set(BUILT_IN.values())
    for record in everything():
        message = contract.load().documents[record.document].message
        for target, identifier in references_in(message, dict(record.fields)):
            assert identifier in known, f"{record.document} {record.key} refers to a {target} that is not there"


def test_the_contract_says_where_each_document_is_made() -> None:
    for document in {record.document for record in everything()}:
        place = place_of(document)
        assert place.path.startswith(f"/v1/{document.split('.')[0]}/")
        assert place.plural


def test_texts_keep_within_their_limits() -> None:
    for record in everything():
        message = contract.load().documents[record.document].message
        for name, value in record.fields.items():
            limit = contract.spec_of(message.DESCRIPTOR.fields_by_name[name]).max_length or 200
            assert not isinstance(value, str) or len(value) <= limit, (record.key, name)


def test_roles_hold_permissions_of_the_contract() -> None:
    known = {pattern for permission in contract.load().permissions() for pattern in patterns_of(permission)}
    for role in records.roles():
        assert set(role.fields["permissions"]) <= known, role.key


def test_one_person_alone_breaks_a_pair_of_separated_duties_and_only_one_that_reports() -> None:
    from identity.duty_conflict import rules
    from identity.duty_conflict.model import DutyConflict
    from identity.seed import BUILT_IN_PAIRS, built_in_roles

    made = {role.id: (role.key, role.fields["permissions"]) for role in records.roles()}
    known = made | {str(role.id): (role.code, role.permissions) for role in built_in_roles()}
    pairs = [DutyConflict(**pair.fields) for pair in records.duties(BUILT_IN)]
    for pair in pairs:
        pair.first_role_ids = [uuid.UUID(key) for key in pair.first_role_ids]
        pair.second_role_ids = [uuid.UUID(key) for key in pair.second_role_ids]
    pairs += [
        DutyConflict(**dataclasses.asdict(pair), first_role_ids=[], second_role_ids=[], severity="REFUSE")
        for pair in BUILT_IN_PAIRS
    ]
    held = [
        rules.Held(
            uuid.UUID(grant.fields["employee_id"]), uuid.UUID(grant.id), uuid.UUID(grant.fields["role_id"]),
            known[grant.fields["role_id"]][0], "", frozenset(known[grant.fields["role_id"]][1]),
            uuid.UUID(company) if (company := grant.fields["grant_company_id"]) else None, None, None,
            datetime.datetime.now(datetime.UTC),
        )
        for grant in records.grants(BUILT_IN)
    ]  # fmt: skip

    (broken,) = rules.meetings(pairs, held)

    assert (broken.pair.code, broken.pair.severity) == ("SOD-04", "REPORT")
    assert str(broken.first.employee_id) == id_of("identity.employee", "yaowenbo")


def test_every_department_has_a_head_who_works_for_its_company() -> None:
    company_of = {row["code"]: row["company"] for row in rows("departments")}
    department_of = {row["username"]: row["department"] for row in rows("employees")}
    for row in rows("departments"):
        assert company_of[department_of[row["head"]]] == row["company"]


def test_flow_trees_are_sound() -> None:
    from approval.engine import tree

    for flow in tables("flows"):
        _, problems = tree.read(flow["tree"])
        assert not problems, flow["code"]


def test_forms_are_sound_and_their_flows_give_rights_to_fields_that_they_have() -> None:
    from google.protobuf import json_format

    from approval.engine import tree
    from approval.form_definition import rules, versions
    from heyi.approval.v1 import form_definitions_pb2 as pb

    forms = {form.fields["code"]: form.fields for form in records.forms()}
    assert len(forms) == 6
    for code, said in forms.items():
        form = json_format.ParseDict(said, pb.FormVersion(), ignore_unknown_fields=True)
        assert list(rules.problems(form, said["number_prefix"], {})) == [], code
        (flow,) = [f for f in tables("flows") if f.get("condition") == f"facts.form == '{code}'"]
        read, _ = tree.read(flow["tree"])
        assert read is not None
        assert {key for _, key, _ in versions.keys_in(read)} <= {field["key"] for field in said["fields"]}, code


def test_most_items_have_an_agreement_and_some_wait_for_a_buyer() -> None:
    offered = {record.fields["item_id"] for record in records.supplier_items()}
    alone = [row["code"] for row in rows("items") if id_of("inventory.item", row["code"]) not in offered]
    assert len(offered) >= 260
    assert len(alone) >= 15
    preferred = Counter(r.fields["item_id"] for r in records.supplier_items() if r.fields["preferred"])
    assert set(preferred.values()) == {1}
    assert {row["sourcing_policy"] for row in rows("categories")} == {"AUTOMATIC", "BUYER"}


def test_prices_fall_with_the_quantity() -> None:
    for record in records.supplier_items():
        prices = [Decimal(price["unit_price"]) for price in record.fields["prices"]]
        assert prices == sorted(prices, reverse=True), record.key
        assert prices[-1] > 0, record.key


def amount_of(plot: dict[str, Any]) -> Decimal:
    """The requisition's amount with tax, as procurement computes it."""
    lines = [story.line_of(line) for line in plot["lines"]]
    return sum(
        (
            money.line_amounts(Decimal(x["quantity"]), Decimal(x["unit_price"]), Decimal(x["tax_rate"])).gross
            for x in lines
        ),
        Decimal(0),
    )


@pytest.mark.parametrize("plot", tables("story"), ids=lambda plot: plot["key"])
def test_each_story_takes_no_more_steps_than_its_amount_asks_for(plot: dict[str, Any]) -> None:
    amount = amount_of(plot)
    asked = 1 if amount <= 5000 or plot["key"] == "wuxi" else 2 if amount <= 50000 else 3
    decisions = [action for step in plot["path"] for action in step if action in story.DECISIONS]
    assert len(decisions) <= asked, amount


def test_the_stories_show_every_length_of_the_way() -> None:
    amounts = [amount_of(plot) for plot in tables("story")]
    assert any(amount <= 5000 for amount in amounts)
    assert any(5000 < amount <= 50000 for amount in amounts)
    assert any(amount > 50000 for amount in amounts)


def test_whoever_is_shown_at_the_end_exists() -> None:
    assert [set(login) for login in records.logins()] == [{"username", "name", "post", "what"}] * 9
