"""Posts: read by everybody, kept by the administrators of the organisation."""

from __future__ import annotations

import datetime
from typing import Any

from chassis.call import NO_COMPANY, Call
from chassis.states import advance
from heyi.identity.v1 import posts_pb2 as pb
from identity import epoch, periods
from identity.post import rules
from identity.post.model import Post, PostPeriod

KEPT = ("name",)


class Posts:
    async def CreatePost(self, request: pb.CreatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.create(Post, request.post)
        post.periods = []
        rules.check(post)
        remember(post, _today(call))
        return call.announce(pb.PostCreated, post, parts=False)

    async def GetPost(self, request: pb.GetPostRequest, call: Call) -> Any:
        return await call.load(Post, request.id)

    async def ListPosts(self, request: pb.ListPostsRequest, call: Call) -> Any:
        return await call.page(Post, request)

    async def BatchGetPosts(self, request: pb.BatchGetPostsRequest, call: Call) -> Any:
        return await call.batch(Post, request)

    async def UpdatePost(self, request: pb.UpdatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.post.id, etag=request.post.etag)
        advance(post, "update")
        call.update(post, request.post, request.update_mask)
        rules.check(post)
        remember(post, _today(call))
        return call.announce(pb.PostUpdated, post, parts=False)

    async def RenamePost(self, request: pb.RenamePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "rename")
        today = _today(call)
        rules.rename(post, request.name.strip(), datetime.date.fromisoformat(request.from_date), today)
        remember(post, today)
        return call.announce(pb.PostUpdated, post, parts=False)

    async def CancelRenamePost(self, request: pb.CancelRenamePostRequest, call: Call) -> Any:
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "cancel_rename")
        rules.cancel_rename(post)
        return call.announce(pb.PostUpdated, post, parts=False)

    async def DeactivatePost(self, request: pb.DeactivatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "deactivate")
        rules.unplan(post)
        return call.announce(pb.PostUpdated, post, parts=False)

    async def ActivatePost(self, request: pb.ActivatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "activate")
        return call.announce(pb.PostUpdated, post, parts=False)


def remember(post: Post, day: datetime.date) -> None:
    """Write down what the post is called from a day on, where that is something else than before."""
    periods.remember(post, PostPeriod, KEPT, day)


def _today(call: Call) -> datetime.date:
    """Posts belong to the group, and so do their days."""
    return call.organisation.today(NO_COMPANY)
