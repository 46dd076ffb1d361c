from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.identity.v1 import saved_views_pb2 as pb
from identity.saved_view import rules
from identity.tests import factories as make

ORDERS = "procurement.purchase_order"
View = pb.SavedView


@pytest.fixture
async def office(house: Bench) -> Bench:
    """The head shares views; nobody else here may."""
    for key in ("requester", "head", "boss", "finance_head"):
        house.revoke(key)
        house.grant(key, ["inventory.item.get"], "OWN", company=COMPANY)
    house.grant("head", [rules.SHARE], "COMPANY", company=COMPANY)
    return house


async def keep(office: Bench, key: str, name: str = "大额", **changes: Any) -> Any:
    return await office.as_(key).CreateSavedView(saved_view={"document_type": ORDERS, "name": name, **changes})


async def share(office: Bench, view: Any, sharing: str, key: str = "head", **whom: Any) -> Any:
    return await office.as_(key).ShareSavedView(id=view.id, sharing=sharing, **whom)


async def seen(office: Bench, key: str, **where: Any) -> list[str]:
    answer = await office.as_(key, **where).ListSavedViews(filter=f'document_type = "{ORDERS}"')
    return [one.name for one in answer.saved_views]


async def test_an_own_view_is_kept_changed_and_deleted_and_nobody_else_sees_it(office: Bench) -> None:
    made = await keep(office, "requester", query="sort=amount+desc&f.state=RELEASED")
    assert made.query == "f.state=RELEASED&sort=amount+desc"
    assert (made.sharing, made.person_id) == (View.PRIVATE, str(stable("requester")))
    assert list(made.allowed_actions) == ["update", "delete"]
    assert await seen(office, "requester") == ["大额"]
    assert await seen(office, "head") == []
    with refused("DOCUMENT_NOT_FOUND"):
        await office.as_("head").GetSavedView(id=made.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await office.as_("head").DeleteSavedView(id=made.id)

    changed = await office.as_("requester").UpdateSavedView(
        saved_view={"id": made.id, "etag": made.etag, "name": "最大"}
    )
    assert changed.name == "最大"
    with refused("STALE_ETAG"):
        await office.as_("requester").UpdateSavedView(saved_view={"id": made.id, "etag": made.etag, "name": "x"})
    await office.as_("requester").DeleteSavedView(id=made.id)
    assert await seen(office, "requester") == []


async def test_a_shared_view_reaches_whom_it_names_in_its_company_and_no_one_else(office: Bench) -> None:
    view = await keep(office, "head")
    await share(office, view, "EVERYBODY")
    assert await seen(office, "requester") == await seen(office, "finance_head") == ["大额"]
    assert await seen(office, "other_company", company=OTHER_COMPANY) == []
    shown = await office.as_("requester").GetSavedView(id=view.id)
    assert list(shown.allowed_actions) == []

    # the works have the workshop below them, finance stands beside
    await share(office, view, "DEPARTMENT", department_id=str(stable("works")))
    assert (await seen(office, "requester"), await seen(office, "finance_head")) == (["大额"], [])

    role = await make.role_id(office, "buyer")
    office.grant("finance_head", ["procurement.purchase_order.get"], "OWN", company=COMPANY, role="buyer")
    await share(office, view, "ROLE", role_id=role)
    assert (await seen(office, "requester"), await seen(office, "finance_head")) == ([], ["大额"])

    back = await share(office, view, "PRIVATE")
    assert (back.shared_company_id, back.shared_role_id, await seen(office, "finance_head")) == ("", "", [])


async def test_whoever_may_share_tends_shared_views_of_others_and_nobody_else_does(office: Bench) -> None:
    view = await keep(office, "head")
    await share(office, view, "EVERYBODY")
    with refused("SAVED_VIEW_OF_ANOTHER"):
        await office.as_("requester").UpdateSavedView(saved_view={"id": view.id, "name": "mine"})
    with refused("SAVED_VIEW_OF_ANOTHER"):
        await office.as_("requester").DeleteSavedView(id=view.id)
    with refused("PERMISSION_MISSING"):
        await share(office, view, "PRIVATE", key="requester")

    office.grant("boss", [rules.SHARE], "COMPANY", company=COMPANY)
    renamed = await office.as_("boss").UpdateSavedView(saved_view={"id": view.id, "name": "全厂大额"})
    assert (renamed.name, renamed.person_id) == ("全厂大额", str(stable("head")))
    await office.as_("boss").DeleteSavedView(id=view.id)
    assert await seen(office, "head") == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"document_type": "sales.order"}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"query": "company=1"}, "SAVED_VIEW_QUERY"),
        ({"name": "  "}, "FIELD_REQUIRED"),
        ({"name": "x" * 41}, "FIELD_TOO_LONG"),
        ({"name": "大额"}, "SAVED_VIEW_EXISTS"),
    ],
)
async def test_what_is_no_view_is_refused(office: Bench, changes: Any, reason: str) -> None:
    await keep(office, "head")
    with refused(reason):
        await keep(office, "head", **{"name": "another", **changes})


async def test_nobody_is_shared_with_who_is_not_there(office: Bench) -> None:
    view = await keep(office, "head")
    for whom, field in (
        ({"sharing": "ROLE", "role_id": str(stable("nothing"))}, "role_id"),
        ({"sharing": "ROLE", "role_id": "x"}, "role_id"),
        ({"sharing": "DEPARTMENT", "department_id": str(stable("elsewhere"))}, "department_id"),
    ):
        with refused("FIELD_NO_SUCH_DOCUMENT", field=field):
            await share(office, view, **whom)


async def test_a_list_holds_as_many_as_its_tabs_show(office: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_OWN", 2)
    for name in ("a", "b"):
        await keep(office, "requester", name)
    with refused("SAVED_VIEW_TOO_MANY"):
        await keep(office, "requester", "c")
    await office.as_("requester").CreateSavedView(saved_view={"document_type": "approval.task", "name": "c"})
