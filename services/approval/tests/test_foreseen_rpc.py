"""What a reorganisation means for running cases: whom each step would ask by the other organisation."""

from __future__ import annotations

from typing import Any

import pytest

from approval.tests.factories import approve, branch, condition, no, sequence
from chassis.testing import COMPANY, stable

HEAD = {"kind": "department_head"}


def unit(key: str, head: str = "", parent: str = "works", **more: Any) -> dict[str, Any]:
    head_id = str(stable(head)) if head else ""
    return {
        "department_id": str(stable(key)),
        "name": key.title(),
        "parent_id": str(stable(parent)),
        "head_id": head_id,
        **more,
    }


def person(key: str, department: str, post: str = "worker") -> dict[str, str]:
    return {"employee_id": str(stable(key)), "department_id": str(stable(department)), "post_id": str(stable(post))}


async def foreseen(office, **change):
    return await office.service.as_service("identity").ForeseeCases(company_id=str(COMPANY), **change)


def said(answer):
    """Each step with what happens, and whom it asks before and after."""
    names = {str(stable(key)): key for key in ("admin", "boss", "head", "colleague", "finance_head", "buyer")}
    return [
        (
            one.document_number,
            one.node_name,
            one.Effect.Name(one.effect),
            *([names[key] for key in keys] for keys in (one.asked_ids, one.asked_then_ids)),
        )
        for one in answer.effects
    ]


async def test_an_open_turn_stays_and_a_step_to_come_asks_the_new_head(office):
    await office.flow(
        sequence(approve("a", HEAD), approve("b", "buyer"), approve("c", {"kind": "heads_up", "levels": 1}))
    )
    await office.submit()

    answer = await foreseen(office, units=[unit("workshop", "colleague")])

    assert said(answer) == [
        ("PR-one", "A", "STAYS", ["head"], ["colleague"]),
        ("PR-one", "C", "REDIRECTED", ["head"], ["colleague"]),
    ]
    (one, _) = answer.effects
    assert list(one.waiting_on_ids) == [str(stable("head"))]
    assert (answer.looked_at, answer.more) == (1, False)


async def test_steps_that_ask_the_same_people_are_not_listed(office):
    await office.flow(sequence(approve("a", "head"), approve("b", "boss")))
    await office.submit()
    assert (
        said(await foreseen(office, units=[unit("workshop", "colleague")], people=[person("requester", "finance")]))
        == []
    )


async def test_who_moves_is_followed_to_the_head_there(office):
    await office.flow(sequence(approve("a", "buyer"), approve("b", HEAD)))
    await office.submit()
    answer = await foreseen(office, people=[person("requester", "finance")])
    assert said(answer) == [("PR-one", "B", "REDIRECTED", ["head"], ["finance_head"])]


async def test_a_step_whose_rules_find_nobody_is_named(office):
    worker = {"kind": "department_post", "post": "manager", "department_id": str(stable("workshop"))}
    await office.flow(sequence(approve("a", "buyer"), approve("b", worker)))
    await office.submit()
    answer = await foreseen(office, people=[person("head", "finance", "manager")])
    assert said(answer) == [("PR-one", "B", "WITHOUT_APPROVER", ["head"], ["admin"])]


@pytest.mark.parametrize(("policy", "then"), [("reject", []), ("pass", [])])
async def test_nobody_is_named_whatever_the_flow_does_then(office, policy, then):
    worker = {"kind": "department_post", "post": "manager", "department_id": str(stable("workshop"))}
    await office.flow(sequence(approve("a", "buyer"), approve("b", worker, when_empty=policy)))
    await office.submit()
    answer = await foreseen(office, people=[person("head", "finance", "manager")])
    assert said(answer) == [("PR-one", "B", "WITHOUT_APPROVER", ["head"], then)]


async def test_a_branch_that_is_not_taken_any_more_is_said(office):
    ours = branch("ours", approve("b", "boss"), when="'Workshop' in departments")
    await office.flow(sequence(approve("a", "buyer"), condition("c", ours, branch("other", approve("d", "head")))))
    await office.submit()
    answer = await foreseen(office, units=[unit("workshop", "head", name="总装车间")])
    assert said(answer) == [
        ("PR-one", "B", "DROPPED", ["boss"], []),
        ("PR-one", "D", "REDIRECTED", [], ["head"]),
    ]


async def test_a_new_and_a_dissolved_department(office):
    await office.flow(sequence(approve("a", "buyer"), approve("b", HEAD)))
    await office.submit()
    change = {
        "units": [unit("laboratory", "colleague"), unit("workshop", "head", dissolved=True)],
        "people": [person("requester", "laboratory")],
    }
    assert said(await foreseen(office, **change)) == [("PR-one", "B", "REDIRECTED", ["head"], ["colleague"])]


async def test_finished_cases_and_those_of_other_companies_are_left_out(office):
    await office.flow(sequence(approve("a", "buyer"), approve("b", HEAD)))
    await office.submit()
    await office.decide("buyer")
    await office.decide("head")
    answer = await foreseen(office, units=[unit("workshop", "colleague")])
    assert (said(answer), answer.looked_at) == ([], 0)


async def test_the_statements_do_not_grow_with_the_cases(office):
    await office.flow(sequence(approve("a", HEAD), approve("b", HEAD)))
    counts = []
    for number in range(4):
        await office.submit(f"doc{number}")
        with office.service.statements() as statements:
            await foreseen(office, units=[unit("workshop", "colleague")])
        counts.append(len(statements))
    assert counts[0] == counts[-1]


async def test_only_identity_may_ask(office):
    await no("PERMISSION_MISSING", office.service.as_service("procurement").ForeseeCases(company_id=str(COMPANY)))
    await no("SERVICES_ONLY", office.admin.ForeseeCases(company_id=str(COMPANY)))
