from __future__ import annotations

from typing import Any

from chassis.testing import Bench, refused
from identity.tests import factories as make


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
