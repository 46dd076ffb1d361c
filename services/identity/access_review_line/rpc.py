"""Lines of access reviews: each is answered by its reviewer alone.

A revocation is that of the grant itself, with its announcement and its guards. It has the authority of who opened the
review: the reviewer decides, and need not hold a right to take roles.
"""

from __future__ import annotations

from typing import Any

from chassis.call import Call
from chassis.states import advance
from heyi.identity.v1 import access_review_lines_pb2 as pb
from identity import epoch
from identity.access_review import progress
from identity.access_review.model import AccessReview
from identity.access_review_line import rules
from identity.access_review_line.model import AccessReviewLine
from identity.grant.model import Grant
from identity.grant.rpc import revoke


class AccessReviewLines:
    async def GetAccessReviewLine(self, request: pb.GetAccessReviewLineRequest, call: Call) -> Any:
        return await call.load(AccessReviewLine, request.id)

    async def ListAccessReviewLines(self, request: pb.ListAccessReviewLinesRequest, call: Call) -> Any:
        return await call.page(AccessReviewLine, request)

    async def BatchGetAccessReviewLines(self, request: pb.BatchGetAccessReviewLinesRequest, call: Call) -> Any:
        return await call.batch(AccessReviewLine, request)

    async def KeepAccessReviewLine(self, request: pb.KeepAccessReviewLineRequest, call: Call) -> Any:
        line, review, _ = await _answer(request, call, "keep")
        await progress.count_answers(call, review, [line])
        return line

    async def RevokeAccessReviewLine(self, request: pb.RevokeAccessReviewLineRequest, call: Call) -> Any:
        await epoch.bump(call)
        line, review, grant = await _answer(request, call, "revoke")
        line.answer_reason = request.reason
        await revoke(call, grant, request.reason, by=review.owner_id)
        await progress.count_answers(call, review, [line])
        return line


async def _answer(request: Any, call: Call, action: str) -> tuple[AccessReviewLine, AccessReview, Grant]:
    line = await call.load(AccessReviewLine, request.id, etag=request.etag)
    rules.answers(line, call.actor.employee_id)
    advance(line, action)
    review = await call.load(AccessReview, line.access_review_id, scope=False)
    grant = await call.load(Grant, line.grant_id, scope=False)
    rules.there(line, is_gone=rules.gone(grant.state, grant.valid_until_date, call.today()))
    line.answer_time = call.now()
    return line, review, grant
