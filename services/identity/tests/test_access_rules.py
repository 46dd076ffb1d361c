from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from chassis.errors import Refused
from chassis.organisation import Right
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, stable
from identity.access import rules
from identity.access.rules import Question

ORDER = "procurement.purchase_order.get"
TODAY = datetime.date(2026, 11, 23)


def right(*permissions: str, scope: str = "COMPANY", company: uuid.UUID | None = COMPANY, **changes: Any) -> Right:
    return Right(stable("requester"), "role", company, scope, frozenset(), frozenset(permissions), **changes)


@pytest.mark.parametrize(
    ("rights", "about", "verdict", "places"),
    [
        ([], {}, "NOT_HELD", []),
        ([right("procurement.supplier.*")], {}, "NOT_HELD", []),
        ([right("inventory.*"), right("procurement.*")], {}, "ALLOWED", [1]),
        ([right("*", scope="OWN")], {"owner_id": stable("requester")}, "ALLOWED", [0]),
        ([right("*", scope="OWN")], {"owner_id": stable("head")}, "OUT_OF_REACH", [0]),
        ([right("*", scope="DEPARTMENT")], {"department_id": stable("workshop")}, "ALLOWED", [0]),
        ([right("*", scope="DEPARTMENT")], {"department_id": stable("works")}, "OUT_OF_REACH", [0]),
        ([right("*", scope="ALL", company=None)], {"department_id": stable("works")}, "ALLOWED", [0]),
        ([right("*", company=OTHER_COMPANY)], {}, "ELSEWHERE", [0]),
        ([right("*", valid_until=datetime.date(2026, 11, 22))], {}, "NOT_TODAY", [0]),
        ([right("*", valid_from=datetime.date(2026, 11, 24)), right("*", company=OTHER_COMPANY)], {}, "NOT_TODAY", [0]),
    ],
)
def test_an_answer_names_the_rule_and_the_rights(
    service: Bench, rights: list[Right], about: dict[str, Any], verdict: str, places: list[int]
) -> None:
    group = service.organisation
    answer = rules.explain(group, group.people[stable("requester")], rights, Question(ORDER, COMPANY, TODAY, **about))

    assert (answer.verdict, list(answer.rights)) == (verdict, places)


def test_who_is_disabled_may_nothing(service: Bench) -> None:
    group = service.organisation
    answer = rules.explain(group, group.people[stable("disabled")], [right("*")], Question(ORDER, COMPANY, TODAY))

    assert (answer.verdict, answer.rights) == ("DISABLED", ())


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        (ORDER, (ORDER, "")),
        ("heyi.procurement.v1.PurchaseOrders/GetPurchaseOrder", (ORDER, "")),
        ("heyi.identity.v1.Directory/GetMe", ("", "EVERYBODY")),
        ("heyi.identity.v1.Directory/GetAuthorization", ("", "SERVICES_ONLY")),
    ],
)
def test_a_permission_or_a_call_may_be_asked_about(asked: str, meant: tuple[str, str]) -> None:
    assert rules.permission_of(asked) == meant


@pytest.mark.parametrize("asked", ["procurement.*", "procurement.purchase_order.fly", "x"])
def test_what_the_contract_does_not_know_is_refused(asked: str) -> None:
    with pytest.raises(Refused, match="ACCESS_UNKNOWN"):
        rules.permission_of(asked)


def test_those_help_whose_right_to_give_covers_the_company(service: Bench) -> None:
    for person in service.organisation.people.values():
        service.revoke(person.username)
    service.grant("boss", ["identity.grant.*"], "COMPANY", company=COMPANY)
    service.grant("head", ["identity.grant.*"], "DEPARTMENT", company=COMPANY)
    service.grant("other_company", ["identity.*"], "COMPANY", company=OTHER_COMPANY)
    service.grant("colleague", ["*"], "ALL")

    def names(company: uuid.UUID) -> set[str]:
        return {person.username for person in rules.helpers(service.organisation, company, without=stable("nobody"))}

    assert names(COMPANY) == {"boss", "colleague"}
    assert names(OTHER_COMPANY) == {"other_company", "colleague"}
    alone = rules.helpers(service.organisation, COMPANY, without=stable("boss"))
    assert [person.username for person in alone] == ["colleague"]
