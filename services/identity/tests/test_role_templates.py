"""The templates name what the contract knows and keep to the separated duties, with the role that everybody has."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis import contract
from chassis.policy import patterns_of
from chassis.runtime import Envelope
from chassis.testing import Bench, refused, stable
from identity.duty_conflict import rules as duty_rules
from identity.duty_conflict.model import DutyConflict
from identity.role.rules import holds
from identity.role.templates import READS, TEMPLATES, Template
from identity.seed import BUILT_IN_PAIRS, EVERYBODY_MAY, built_in_roles
from infra.local.demo.records import tables

CATALOGUE = contract.load().permissions()
KNOWN = {pattern for permission in CATALOGUE for pattern in patterns_of(permission)}
ALL = pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.code)


def pairs() -> list[DutyConflict]:
    """Those of the product and those of the demo, by their permissions: no template is a role that a pair names."""
    demo = [
        {f"{side}_permissions": pair[side].get("permissions", []) for side in duty_rules.SIDES}
        for pair in tables("rights")["duties"]
    ]
    own = [{f"{side}_permissions": getattr(pair, f"{side}_permissions") for side in duty_rules.SIDES}
           for pair in BUILT_IN_PAIRS]  # fmt: skip
    return [DutyConflict(first_role_ids=[], second_role_ids=[], **pair) for pair in own + demo]


@ALL
def test_every_permission_named_is_in_the_contract(template: Template) -> None:
    assert [name for name in template.permissions if name not in KNOWN] == []
    for begin in template.reads:
        assert any(name.startswith(begin) and name.endswith(READS) for name in CATALOGUE), begin
    assert template.held(CATALOGUE)


@ALL
def test_no_template_brings_separated_duties_together(template: Template) -> None:
    given = [*template.held(CATALOGUE), *EVERYBODY_MAY]
    known = pairs()
    assert len(known) > len(BUILT_IN_PAIRS)
    assert [pair for pair in known if duty_rules.joins(pair, uuid.UUID(int=0), given)] == []


@ALL
def test_it_is_said_in_both_languages_under_a_code_of_its_own(template: Template) -> None:
    assert {*template.name} == {*template.description} == {"zh-CN", "en"}
    assert all([*template.name.values(), *template.description.values()])
    assert template.code not in {role.code for role in built_in_roles()}
    assert [one.code for one in TEMPLATES].count(template.code) == 1


def test_the_auditor_changes_nothing_and_sees_every_document() -> None:
    held = next(one for one in TEMPLATES if one.code == "internal_auditor").held(CATALOGUE)
    assert held == sorted(name for name in CATALOGUE if name.endswith(READS))
    assert not any(holds(held, name) for name in CATALOGUE if not name.endswith(READS))


async def listed(house: Bench, who: str, locale: str) -> Any:
    method = next(m for m in contract.load().methods.values() if m.name == "ListTemplatesRoles")
    envelope = Envelope(token=house.issuer.person(stable(who)), locale=locale)
    return (await house.runtime.invoke(method, method.request(), envelope)).message.templates


async def test_a_template_is_taken_over_as_a_role_once(house: Bench, admin: Any) -> None:
    english = await listed(house, "admin", "en")
    assert [one.code for one in english] == [one.code for one in TEMPLATES]
    first = (await listed(house, "admin", "zh-CN"))[0]
    assert (english[0].name, first.name, first.role_id) == ("Warehouse keeper", "仓管员", "")

    values = {name: getattr(first, name) for name in ("code", "name", "description")}
    made = await admin.CreateRole(role={**values, "permissions": list(first.permissions)})

    assert (made.built_in, list(made.permissions)) == (False, list(first.permissions))
    assert (await listed(house, "admin", "fr"))[0].role_id == made.id
    with refused("PERMISSION_MISSING"):
        await listed(house, "stranger", "en")
