"""How far a review is, read from its lines; and, in the background, lines that follow the facts.

A grant that was revoked or ran out elsewhere is shown as gone, and a line whose reviewer was disabled goes to another.
Both are found by looking, so nothing depends on an event.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from chassis import telemetry
from chassis.call import Actor, Call
from chassis.db import fenced_to
from chassis.passes import over_and_over
from heyi.identity.v1 import access_reviews_pb2 as pb
from identity.access_review import rules
from identity.access_review.model import AccessReview
from identity.access_review_line import rules as line_rules
from identity.access_review_line.model import AccessReviewLine
from identity.employee.model import Employee
from identity.grant.model import Grant

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("identity.access_review")

EVERY_SECONDS = 5.0
METHOD = "identity.access_review.follow_the_facts"
_REVIEWER = aliased(Employee)
# open lines that may have to move, in the order in which every call locks several
_SUSPECT = (
    sa.select(AccessReviewLine, Grant.state, Grant.valid_until_date, _REVIEWER.state.label("reviewer_state"))
    .join(Grant, Grant.id == AccessReviewLine.grant_id)
    .outerjoin(_REVIEWER, _REVIEWER.id == AccessReviewLine.owner_id)
    .where(
        AccessReviewLine.state == "OPEN",
        sa.or_(Grant.state != "ACTIVE", Grant.valid_until_date.is_not(None), _REVIEWER.state != "ACTIVE"),
    )
    .order_by(AccessReviewLine.id)
)


async def count_answers(call: Call, review: AccessReview, answered: Collection[AccessReviewLine]) -> None:
    """Tell how many lines are left after these; with none left the review is done. The caller locked it."""
    open_ones = sa.select(sa.func.count()).where(
        AccessReviewLine.access_review_id == review.id,
        AccessReviewLine.state == "OPEN",
        AccessReviewLine.id.not_in([line.id for line in answered]),
    )
    review.open_count = int(await call.db.scalar(open_ones) or 0)
    people = {review.owner_id, *(line.owner_id for line in answered if line.owner_id)}
    if review.open_count:
        call.announce(pb.AccessReviewUpdated, review, audience=people)
    else:
        review.state, review.finish_time = "DONE", call.now()
        call.announce(pb.AccessReviewFinished, review, audience=people)


async def follow_the_facts(runtime: Runtime) -> None:
    """Work until cancelled."""
    waiting = "access reviews are not followed for now"
    await over_and_over(lambda: once(runtime), seconds=EVERY_SECONDS, log=log, waiting=waiting)


async def once(runtime: Runtime) -> int:
    """Look at every open line; returns how many moved."""
    with fenced_to(None):
        async with runtime.read_sessions() as session:
            rows = _moving(runtime, (await session.execute(_SUSPECT)).all())
        reviews: defaultdict[tuple[uuid.UUID, uuid.UUID], list[uuid.UUID]] = defaultdict(list)
        for line, _ in rows:
            reviews[line.access_review_id, line.company_id].append(line.id)
        return sum([await _follow(runtime, *key, line_ids) for key, line_ids in reviews.items()])


def _moving(runtime: Runtime, rows: Sequence[Any]) -> list[tuple[AccessReviewLine, bool]]:
    """The lines that have to move, and whether their grant is gone."""
    today = runtime.rights().organisation.today
    judged = [
        (row, line_rules.gone(row.state, row.valid_until_date, today(row.AccessReviewLine.company_id))) for row in rows
    ]
    return [(row.AccessReviewLine, gone) for row, gone in judged if gone or row.reviewer_state == "DISABLED"]


async def _follow(
    runtime: Runtime, review_id: uuid.UUID, company_id: uuid.UUID, line_ids: Collection[uuid.UUID]
) -> int:
    async with runtime.sessions() as session, session.begin():
        call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), company_id, "")
        again = _SUSPECT.where(AccessReviewLine.id.in_(line_ids)).with_for_update(of=AccessReviewLine)
        lines = _moving(runtime, (await session.execute(again)).all())
        if not lines:
            return 0
        review = await call.load(AccessReview, review_id, scope=False)
        for line, gone in lines:
            if gone:
                line.state, line.answer_time = "GONE", call.now()
            else:
                line.owner_id = rules.reviewer(
                    call.organisation,
                    company_id=company_id, department_id=line.department_id,
                    employee_id=line.employee_id, opener_id=review.owner_id,
                )  # fmt: skip
        call.grant_read(review, [line.owner_id for line, gone in lines if not gone and line.owner_id])
        await count_answers(call, review, [line for line, gone in lines if gone])
        await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    return len(lines)
