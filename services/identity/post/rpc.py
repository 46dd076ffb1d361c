"""Posts: read by everybody, kept by the administrators of the organisation."""

from __future__ import annotations

from typing import Any

from chassis.call import Call
from chassis.states import advance
from heyi.identity.v1 import posts_pb2 as pb
from identity import epoch
from identity.post import rules
from identity.post.model import Post


class Posts:
    async def CreatePost(self, request: pb.CreatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.create(Post, request.post)
        rules.check(post)
        return call.announce(pb.PostCreated, post)

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
        return call.announce(pb.PostUpdated, post)

    async def DeactivatePost(self, request: pb.DeactivatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "deactivate")
        return call.announce(pb.PostUpdated, post)

    async def ActivatePost(self, request: pb.ActivatePostRequest, call: Call) -> Any:
        await epoch.bump(call)
        post = await call.load(Post, request.id, etag=request.etag)
        advance(post, "activate")
        return call.announce(pb.PostUpdated, post)
