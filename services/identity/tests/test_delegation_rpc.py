from __future__ import annotations

from typing import Any

import pytest

from chassis.organisation import Organisation
from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from identity.delegation import calendar
from identity.tests import factories as make

REQUISITION = "procurement.purchase_requisition"
EVERYBODY = ["identity.delegation.*"]


@pytest.fixture
async def office(house: Bench) -> Bench:
    """Everybody keeps the own delegations, the finance head those of the company."""
    for key in ("head", "colleague", "boss", "buyer", "requester"):
        house.grant(key, EVERYBODY, "OWN", company=COMPANY)
    house.grant("finance_head", EVERYBODY, "COMPANY", company=COMPANY)
    return house


def fields(to: str, **changes: Any) -> dict[str, Any]:
    days = {"from_date": "2026-11-23", "until_date": "2026-11-30"}
    return {"delegate_id": str(stable(to)), "reason": "出差", **days, **changes}


async def delegate(office: Bench, key: str, to: str, **changes: Any) -> Any:
    return await office.as_(key).CreateDelegation(delegation=fields(to, **changes))


async def listed(office: Bench, key: str) -> set[str]:
    return {one.id for one in (await office.as_(key).ListDelegations()).delegations}


async def test_an_own_one_is_planned_changed_begins_and_is_revoked(office: Bench) -> None:
    made = await delegate(office, "head", "colleague", from_date="2026-11-25")
    head = office.as_("head")
    assert (made.state, made.delegator_id) == (made.PLANNED, str(stable("head")))

    changed = await head.UpdateDelegation(delegation={"id": made.id, "etag": made.etag, "from_date": "2026-11-23"})
    assert changed.state == made.ACTIVE
    with refused("ACTION_NOT_ALLOWED"):
        await head.UpdateDelegation(delegation={"id": made.id, "reason": "x"})
    ended = await head.RevokeDelegation(id=made.id, reason="提前返回")

    assert (ended.state, ended.end_reason) == (made.REVOKED, "提前返回")
    subjects = [subject.rsplit(".", 1)[1] for subject, _ in await office.events("identity.delegation")]
    assert subjects == ["created", "updated", "revoked"]
    assert [entry.method.split("/")[1] for entry in await office.audit() if entry.outcome == "done"] == [
        "CreateDelegation", "UpdateDelegation", "RevokeDelegation",
    ]  # fmt: skip


async def test_it_begins_and_ends_with_the_days_of_the_company(office: Bench) -> None:
    made = await delegate(office, "head", "colleague", from_date="2026-11-25", until_date="2026-11-26")
    states = []
    # midnight in Shanghai is 16:00 UTC
    for at in ("2026-11-24T15:59:59Z", "2026-11-24T16:00:00Z", "2026-11-26T15:59:59Z", "2026-11-26T16:00:00Z"):
        office.clock.set(at)
        await calendar.once(office.runtime)
        one = await office.as_("head").GetDelegation(id=made.id)
        states.append(one.State.Name(one.state))
    assert states == ["PLANNED", "ACTIVE", "ACTIVE", "ENDED"]
    assert await calendar.once(office.runtime) == 0


async def test_it_ends_where_one_of_the_two_is_gone(office: Bench) -> None:
    made = await delegate(office, "head", "colleague")
    await office.as_("admin").DisableEmployee(id=str(stable("colleague")), reason="left")
    assert await calendar.once(office.runtime) == 1
    assert (await office.as_("head").GetDelegation(id=made.id)).state == made.ENDED


async def test_who_sees_and_keeps_which(office: Bench) -> None:
    made = await delegate(office, "head", "colleague")
    await delegate(office, "boss", "buyer")

    assert await listed(office, "head") == {made.id}
    assert await listed(office, "colleague") == {made.id}, "whoever decides for others reads it"
    assert len(await listed(office, "finance_head")) == 2
    assert await listed(office, "requester") == set()
    with refused("DOCUMENT_NOT_FOUND"):
        await office.as_("colleague").RevokeDelegation(id=made.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await office.as_("requester").GetDelegation(id=made.id)
    with refused("PERMISSION_MISSING"):
        await office.as_("stranger").ListDelegations()
    seen = await office.as_("colleague").GetDelegation(id=made.id)
    assert list(seen.allowed_actions) == []
    assert list((await office.as_("head").GetDelegation(id=made.id)).allowed_actions) == ["revoke"]


async def test_others_are_delegated_for_by_whoever_may_and_never_to_oneself(office: Bench) -> None:
    ill = {"delegator_id": str(stable("head")), "reason": "病假"}
    made = await delegate(office, "finance_head", "colleague", **ill)
    assert (made.delegator_id, made.owner_id) == (str(stable("head")),) * 2
    with refused("DELEGATION_TO_KEEPER"):
        await delegate(office, "finance_head", "finance_head", **{**ill, "delegator_id": str(stable("boss"))})
    with refused("EMPLOYEE_OUT_OF_REACH"):
        await delegate(office, "colleague", "buyer", **ill)
    with refused("DELEGATION_COMPANY"):
        await office.as_("admin", company=OTHER_COMPANY).CreateDelegation(delegation=fields("buyer", **ill))


async def test_what_cannot_be_is_refused(office: Bench) -> None:
    with refused("DELEGATION_TO_SELF", field="delegate_id"):
        await delegate(office, "head", "head")
    with refused("DELEGATION_INACTIVE"):
        await delegate(office, "head", "disabled")
    with refused("FIELD_NO_SUCH_DOCUMENT", field="delegate_id"):
        await delegate(office, "head", "nobody")
    with refused("DELEGATION_DOCUMENT_TYPE", field="document_types[0]"):
        await delegate(office, "head", "buyer", document_types=["inventory.item"])
    with refused("DELEGATION_LIMIT"):
        await delegate(office, "head", "buyer", limit_amount="5000.00")
    with refused("FIELD_REQUIRED", field="until_date"):
        await delegate(office, "head", "buyer", until_date="")
    await delegate(office, "head", "buyer")
    await delegate(office, "buyer", "colleague")
    with refused("DELEGATION_OVERLAP"):
        await delegate(office, "head", "colleague")
    with refused("DELEGATION_CYCLE") as found:
        await delegate(office, "colleague", "head")
    assert found.value.facts["chain"] == "Colleague → Head → Buyer → Colleague"


async def test_everybody_learns_of_it_with_the_epoch(office: Bench) -> None:
    before = await make.epoch(office)
    made = await delegate(
        office, "head", "colleague", document_types=[REQUISITION], limit_amount="5000", currency="CNY"
    )
    answer = await office.as_service("approval").GetAuthorization()
    organisation = Organisation.of(answer)

    (deputy,) = organisation.delegations[stable("head")]
    assert answer.epoch > before
    assert (str(deputy.delegation_id), deputy.delegate_id) == (made.id, stable("colleague"))
    today = organisation.today(COMPANY).replace(year=2026, month=11, day=24)
    assert deputy.covers(REQUISITION, deputy.limit, "CNY", today)
    assert not deputy.covers(REQUISITION, deputy.limit + 1, "CNY", today)
    assert not deputy.covers(REQUISITION, deputy.limit, "USD", today)
    assert not deputy.covers("procurement.purchase_order", deputy.limit, "CNY", today)
    assert not deputy.covers(REQUISITION, deputy.limit, "CNY", today.replace(day=1))
    await office.as_("head").RevokeDelegation(id=made.id)
    assert Organisation.of(await office.as_service("approval").GetAuthorization()).delegations == {}
