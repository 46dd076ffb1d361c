"""Serves heyi.approval.v1.Opinions: what was said about the cases that the caller may see."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from approval.case.model import Case
from approval.case.rpc import visible
from approval.opinion.model import Opinion
from chassis import ids
from chassis.call import Actor, Call, Refused
from heyi.approval.v1 import opinions_pb2 as pb

# of what people said, the most that stand on a paper
MOST_SAID = 200
KINDS = ("SUBMIT", "APPROVE", "REJECT", "RETURN", "HANDLE", "COMMENT")


class Opinions:
    every_company = True

    async def ListOpinions(self, request: Any, call: Call) -> Any:
        seen = Opinion.case_id.in_(sa.select(Case.id).where(visible(call)))
        return await call.page(Opinion, request, where=[seen], scope=False)

    async def FindOpinions(self, request: pb.FindOpinionsRequest, call: Call) -> Any:
        if call.actor.service != request.document_type.partition(".")[0]:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=request.document_type[:100], id=request.document_id[:50])
        reader = dataclasses.replace(call, actor=Actor(ids.parse(request.reader_id)))
        cases = sa.select(Case.id).where(
            Case.document_type == request.document_type,
            Case.document_id == ids.parse(request.document_id),
            visible(reader),
        )
        return pb.FindOpinionsResponse(said=await said(call, cases))


async def said(call: Call, cases: Any) -> list[pb.FindOpinionsResponse.Said]:
    """What people said about these cases, the oldest first; of many the last."""
    spoken = sa.select(Opinion).where(Opinion.case_id.in_(cases), Opinion.kind.in_(KINDS))
    rows = (await call.db.scalars(spoken.order_by(Opinion.id.desc()).limit(MOST_SAID))).all()
    return [
        pb.FindOpinionsResponse.Said(
            node_name=one.node_name, author_id=str(one.author_id or ""), on_behalf_of_id=str(one.on_behalf_of_id or ""),
            kind=one.kind, text=one.text, create_time=one.created_at,
        )
        for one in reversed(rows)
    ]  # fmt: skip
