"""Access reviews: opened and closed by administrators, read also by those who answer a line."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused, same_version
from chassis.states import advance
from heyi.identity.v1 import access_reviews_pb2 as pb
from identity.access_review import facts, rules
from identity.access_review.model import AccessReview
from identity.access_review_line.model import AccessReviewLine


class AccessReviews:
    async def CreateAccessReview(self, request: pb.CreateAccessReviewRequest, call: Call) -> Any:
        values = call.values_of(AccessReview, request.access_review)
        review = call.add(AccessReview(**values, owner_id=call.actor.employee_id))
        rules.due(review, call.today())
        departments = rules.units(review, call.organisation)
        assert call.reach is not None
        rules.within(call.reach, call.company_id, departments)
        # a grant may have been given from any company
        await call.every_company()
        lines = [call.add(line) for line in await facts.lines_of(call, review, departments)]
        if not lines:
            raise Refused("ACCESS_REVIEW_EMPTY")
        review.line_count = review.open_count = len(lines)
        reviewers = {line.owner_id for line in lines if line.owner_id}
        call.grant_read(review, reviewers)
        return call.announce(pb.AccessReviewCreated, review, audience=reviewers)

    async def GetAccessReview(self, request: pb.GetAccessReviewRequest, call: Call) -> Any:
        return await call.load(AccessReview, request.id)

    async def ListAccessReviews(self, request: pb.ListAccessReviewsRequest, call: Call) -> Any:
        mine = sa.exists().where(
            AccessReviewLine.access_review_id == AccessReview.id,
            AccessReviewLine.owner_id == call.actor.employee_id,
            AccessReviewLine.state == "OPEN",
        )
        return await call.page(AccessReview, request, where=[mine] if request.waiting_for_me else [])

    async def BatchGetAccessReviews(self, request: pb.BatchGetAccessReviewsRequest, call: Call) -> Any:
        return await call.batch(AccessReview, request)

    async def CloseAccessReview(self, request: pb.CloseAccessReviewRequest, call: Call) -> Any:
        review = await call.load(AccessReview, request.id, etag=request.etag, lock=False)
        open_ones = sa.select(AccessReviewLine).where(
            AccessReviewLine.access_review_id == review.id, AccessReviewLine.state == "OPEN"
        )
        # lines before their review, as whoever answers one
        lines = (await call.db.scalars(open_ones.order_by(AccessReviewLine.id).with_for_update())).all()
        await call.db.refresh(review, with_for_update=True)
        same_version(review, request.etag)
        advance(review, "close")
        for line in lines:
            line.state = "UNANSWERED"
        review.open_count, review.close_reason, review.finish_time = len(lines), request.reason, call.now()
        return call.announce(pb.AccessReviewClosed, review, audience={line.owner_id for line in lines if line.owner_id})
