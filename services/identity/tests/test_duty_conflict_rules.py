from __future__ import annotations

import datetime
import uuid
from typing import Any

import pytest

from chassis.errors import Refused
from chassis.testing import COMPANY, OTHER_COMPANY
from identity.duty_conflict import rules
from identity.duty_conflict.model import DutyConflict
from identity.duty_conflict.rules import Held

PAY, KEEP, READ = "a.payment.release", "a.supplier.update", "a.supplier.get"
CATALOGUE = {PAY, KEEP, READ}
TELLER = uuid.UUID(int=7)
START = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
NOVEMBER = (datetime.date(2026, 11, 1), datetime.date(2026, 11, 30))
DECEMBER = (datetime.date(2026, 12, 1), None)


def pair(**changes: Any) -> DutyConflict:
    given = {
        "code": "S1", "name": "钱账", "reason": "可以给假供应商付款", "severity": "REFUSE",
        "first_duty": "维护供应商", "first_permissions": [KEEP], "first_role_ids": [],
        "second_duty": "付款", "second_permissions": [PAY], "second_role_ids": [],
    }  # fmt: skip
    return DutyConflict(**{**given, **changes})


def held(*permissions: str, company: uuid.UUID | None = COMPANY, person: int = 1, **changes: Any) -> Held:
    days = changes.pop("days", (None, None))
    code = changes.pop("code", "role")
    role_id = changes.pop("role_id", uuid.uuid4())
    return Held(
        uuid.UUID(int=person), uuid.uuid4(), role_id, code, code, frozenset(permissions), company, *days,
        changes.pop("since", START),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "company"),
    [
        (held(KEEP), held(PAY), COMPANY),
        (held("a.*"), held(READ), COMPANY),  # one role joins both
        (held(KEEP, company=None), held(PAY), COMPANY),
        (held(KEEP, company=None), held(PAY, company=None), None),
        (held(KEEP, days=NOVEMBER), held(PAY, days=(NOVEMBER[1], None)), COMPANY),
    ],
)
def test_duties_meet_in_one_company_on_one_day(first: Held, second: Held, company: uuid.UUID | None) -> None:
    (meeting,) = rules.meetings([pair()], [first, second])

    assert meeting.company_id == company


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (held(KEEP), held(PAY, company=OTHER_COMPANY)),
        (held(KEEP, days=NOVEMBER), held(PAY, days=DECEMBER)),
        (held(KEEP), held(PAY, person=2)),
        (held(KEEP), held(READ)),
        (held("*", code="administrator"), held(PAY)),
    ],
)
def test_duties_apart_do_not_meet(first: Held, second: Held) -> None:
    assert list(rules.meetings([pair()], [first, second])) == []


def test_a_role_may_be_a_duty_whatever_it_permits() -> None:
    by_role = pair(second_permissions=[], second_role_ids=[TELLER])

    (meeting,) = rules.meetings([by_role], [held(KEEP), held(READ, role_id=TELLER)])

    assert meeting.second.role_id == TELLER


def test_a_person_stands_once_for_a_company_with_the_oldest_way() -> None:
    later = START + datetime.timedelta(days=3)
    rights = [held(KEEP), held(PAY, since=later), held(PAY, "a.other.get"), held(PAY, company=OTHER_COMPANY)]

    (meeting,) = rules.meetings([pair()], rights)

    assert meeting.since == START
    assert meeting.second == rights[2]


@pytest.mark.parametrize(
    ("given", "others", "reason"),
    [
        (held(PAY), [held(KEEP)], "GRANT_SEPARATION"),
        (held("a.*"), [], "GRANT_ROLE_SEPARATION"),
        (held(PAY), [held(KEEP, company=OTHER_COMPANY)], ""),
        (held(READ), [held(KEEP), held(PAY)], ""),  # broken before, and no more by this
        (held(PAY), [held(KEEP, PAY)], ""),  # the other role joins both already
        (held("*", code="administrator"), [held(KEEP)], ""),
    ],
)
def test_a_grant_is_refused_where_it_brings_the_second_duty(given: Held, others: list[Held], reason: str) -> None:
    if reason:
        with pytest.raises(Refused) as found:
            rules.give([pair()], given, others, employee="王小明")
        assert found.value.reason == reason
    else:
        rules.give([pair()], given, others, employee="王小明")
    rules.give([pair(severity="REPORT")], given, others, employee="王小明")


@pytest.mark.parametrize(
    ("added", "has", "has_duty", "comes"), [(PAY, KEEP, "维护供应商", "付款"), (KEEP, PAY, "付款", "维护供应商")]
)
def test_a_refusal_names_both_duties_the_role_and_the_reason(added: str, has: str, has_duty: str, comes: str) -> None:
    with pytest.raises(Refused) as found:
        rules.give([pair()], held(added), [held(has, code="出纳")], employee="王小明")

    assert found.value.facts == {
        "employee": "王小明", "first": has_duty, "role": "出纳", "second": comes,
        "pair": "S1 钱账", "why": "可以给假供应商付款",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [
        ([READ], [KEEP], True),
        (None, [KEEP], True),  # the role comes into use
        ([KEEP], [KEEP, READ], False),  # broken before the change
        ([READ], [READ], False),
        ([KEEP], [READ], False),
    ],
)
def test_a_changed_role_is_refused_where_it_newly_breaks_a_pair(
    before: list[str] | None, after: list[str], *, refused: bool
) -> None:
    mine = held(*after)

    def change() -> None:
        rules.change([pair()], [mine], [held(PAY)], before=before, names={mine.employee_id: "王小明"})

    if refused:
        with pytest.raises(Refused, match="ROLE_HOLDER_SEPARATION"):
            change()
    else:
        change()


@pytest.mark.parametrize(
    ("before", "after", "refused"),
    [([READ], ["a.*"], True), (None, ["*"], True), (["a.*"], [KEEP, PAY], False), ([KEEP], [KEEP], False)],
)
def test_a_role_joins_no_pair_newly(before: list[str] | None, after: list[str], *, refused: bool) -> None:
    if refused:
        with pytest.raises(Refused, match="ROLE_SEPARATION"):
            rules.hold([pair()], TELLER, after, before=before)
    else:
        rules.hold([pair()], TELLER, after, before=before)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"first_permissions": []}, "DUTY_CONFLICT_DUTY_EMPTY", "first_permissions"),
        ({"second_permissions": [PAY, "a.*"]}, "DUTY_CONFLICT_PERMISSION_UNKNOWN", "second_permissions[1]"),
        ({"second_permissions": [PAY, KEEP]}, "DUTY_CONFLICT_SAME", "second_permissions"),
        ({"first_role_ids": [uuid.UUID(int=8)]}, "FIELD_NO_SUCH_DOCUMENT", "first_role_ids[0]"),
        ({"first_role_ids": [TELLER], "second_role_ids": [TELLER]}, "DUTY_CONFLICT_SAME", "second_role_ids"),
    ],
)
def test_a_pair_that_says_nothing_is_refused(changes: dict[str, Any], reason: str, field: str) -> None:
    with pytest.raises(Refused) as found:
        rules.check(pair(**changes), CATALOGUE, {TELLER: "出纳"})

    assert [(path, why) for path, why, _ in found.value.violations] == [(field, reason)]


def test_a_pair_is_kept_tidy() -> None:
    kept = pair(first_permissions=[READ, KEEP, READ])

    rules.check(kept, CATALOGUE, {})

    assert kept.first_permissions == sorted([READ, KEEP])


def test_what_comes_with_the_product_stays() -> None:
    with pytest.raises(Refused, match="DUTY_CONFLICT_BUILT_IN"):
        rules.changeable(pair(built_in=True))
