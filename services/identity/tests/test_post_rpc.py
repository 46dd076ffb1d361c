from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import COMPANY, Bench, refused, stable
from identity.organisation import days
from identity.tests import factories as make
from identity.tests.test_organisation_in_time import day, later, placement

MANAGER = str(stable("manager"))


async def post_of(admin: Any, person: str, chart_date: str) -> str:
    """What the chart of a day says of somebody's post."""
    chart = await admin.ChartDepartments(chart_date=chart_date, people=True)
    return next(one.post_name for one in chart.people if one.employee_id == str(stable(person)))


async def test_a_post_lives_through_its_states(house: Bench, admin: Any) -> None:
    made = await admin.CreatePost(post=make.post(name="采购经理", level=3))
    changed = await admin.UpdatePost(post={"id": made.id, "etag": made.etag, "level": 2})
    gone = await admin.DeactivatePost(id=made.id, etag=changed.etag)
    back = await admin.ActivatePost(id=made.id, etag=gone.etag)

    assert (changed.level, gone.state, back.state) == (2, made.INACTIVE, made.ACTIVE)
    assert [p.id for p in (await admin.ListPosts(search="cgjl")).posts] == [made.id]


async def test_a_rank_lies_on_the_ladder(house: Bench, admin: Any) -> None:
    for level in (-1, 100):
        with refused("FIELD_FORMAT", field="level"):
            await admin.CreatePost(post=make.post(level=level))


async def test_a_code_is_never_changed(house: Bench, admin: Any) -> None:
    made = await admin.CreatePost(post=make.post())

    with refused("FIELD_IMMUTABLE", field="code"):
        await admin.UpdatePost(post={"id": made.id, "code": "OTHER"})


async def test_a_new_name_counts_from_today_and_the_old_one_stays_on_its_days(house: Bench, admin: Any) -> None:
    changed = await admin.UpdatePost(post={"id": MANAGER, "name": "主管"})

    assert [(p.name, p.until_date) for p in changed.periods] == [("Manager", day(-1)), ("主管", "")]
    assert await post_of(admin, "head", day(-1)) == "Manager"
    assert await post_of(admin, "head", day(0)) == "主管"
    # before anything was written down it had its first name
    assert await post_of(admin, "head", "2026-01-02") == "Manager"
    answer = await house.as_service("approval").GetAuthorization()
    known = next(post for post in answer.posts if post.post_id == MANAGER)
    assert (known.name, [(f.name, f.until_date) for f in known.former]) == ("主管", [("Manager", day(-1))])


async def test_a_planned_name_comes_with_its_day_by_itself_and_only_once(house: Bench, admin: Any) -> None:
    planned = await admin.RenamePost(id=MANAGER, name="主管", from_date=day(7))
    assert (planned.name, planned.next_name, planned.next_name_date) == ("Manager", "主管", day(7))
    assert [await post_of(admin, "head", day(n)) for n in (0, 6, 7)] == ["Manager", "Manager", "主管"]
    assert await days.once(house.runtime) == 0

    # nobody looked on the day itself: the name counts from it all the same
    admin = later(house, 9)
    epoch = await make.epoch(house)
    assert await days.once(house.runtime) == 1
    assert await days.once(house.runtime) == 0

    post = await admin.GetPost(id=MANAGER)
    assert (post.name, post.next_name, post.next_name_date) == ("主管", "", "")
    assert [(p.name, p.from_date) for p in post.periods] == [("Manager", "2026-01-01"), ("主管", day(7))]
    assert await make.epoch(house) == epoch + 1
    assert [await post_of(admin, "head", day(n)) for n in (6, 7)] == ["Manager", "主管"]


async def test_a_planned_name_is_replaced_or_withdrawn(house: Bench, admin: Any) -> None:
    assert "cancel_rename" not in (await admin.GetPost(id=MANAGER)).allowed_actions
    await admin.RenamePost(id=MANAGER, name="主管", from_date=day(7))
    again = await admin.RenamePost(id=MANAGER, name="经理", from_date=day(9))
    assert (again.next_name, again.next_name_date) == ("经理", day(9))
    assert "cancel_rename" in again.allowed_actions

    gone = await admin.CancelRenamePost(id=MANAGER, etag=again.etag)
    assert (gone.next_name, gone.next_name_date, gone.name) == ("", "", "Manager")
    with refused("POST_NAME_NOT_PLANNED"):
        await admin.CancelRenamePost(id=MANAGER)
    later(house, 9)
    assert await days.once(house.runtime) == 0


async def test_a_name_of_today_leaves_the_planned_one_unless_it_is_the_same(house: Bench, admin: Any) -> None:
    await admin.RenamePost(id=MANAGER, name="主管", from_date=day(7))
    assert (await admin.RenamePost(id=MANAGER, name="经理", from_date=day(0))).next_name == "主管"
    assert (await admin.UpdatePost(post={"id": MANAGER, "name": "主管"})).next_name == ""


async def test_a_post_out_of_use_is_called_what_it_is(house: Bench, admin: Any) -> None:
    await admin.RenamePost(id=MANAGER, name="主管", from_date=day(7))
    assert (await admin.DeactivatePost(id=MANAGER)).next_name == ""
    with refused("ACTION_NOT_ALLOWED"):
        await admin.RenamePost(id=MANAGER, name="主管", from_date=day(7))


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"from_date": day(-1)}, "POST_NAME_DATE", "from_date"),
        ({"name": "Manager"}, "POST_NAME_SAME", "name"),
        ({"name": " Manager "}, "POST_NAME_SAME", "name"),
        ({"name": ""}, "FIELD_REQUIRED", "name"),
        ({"from_date": ""}, "FIELD_REQUIRED", "from_date"),
        ({"from_date": "2026-13-01"}, "FIELD_DATE", "from_date"),
    ],
)
async def test_what_a_post_cannot_be_called(
    house: Bench, admin: Any, changes: dict[str, str], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await admin.RenamePost(**{"id": MANAGER, "name": "主管", "from_date": day(7), **changes})


async def test_only_who_may_renames(house: Bench, admin: Any) -> None:
    house.revoke("requester")
    house.grant("requester", ["identity.post.get", "identity.post.update"], "COMPANY", company=COMPANY)
    with refused("PERMISSION_MISSING"):
        await house.as_("requester").RenamePost(id=MANAGER, name="主管", from_date=day(7))


async def test_a_placement_that_ended_says_what_post_and_department_were_called_then(house: Bench, admin: Any) -> None:
    await admin.CreatePlacement(placement=placement("head", "finance", post_id=MANAGER, from_date=day(5)))
    admin = later(house, 8)
    await days.once(house.runtime)
    await admin.UpdatePost(post={"id": MANAGER, "name": "主管"})
    await admin.UpdateDepartment(department={"id": str(stable("workshop")), "name": "一车间"})
    house.base_organisation = type(house.base_organisation).of(
        await house.as_service("approval").GetAuthorization(), house.clock
    )
    house.default_rights()

    held = await house.as_("admin").ListPlacements(filter=f'employee_id = "{stable("head")}"', order_by="from_date")
    assert [(one.department_name, one.post_name) for one in held.placements] == [
        ("Workshop", "Manager"),
        ("Finance", "主管"),
    ]
