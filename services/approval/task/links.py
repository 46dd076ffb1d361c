"""Links to one decision of one person, to send in a message elsewhere.

A link is a random text of which its table keeps the SHA-256 alone; the answer that made it is kept as long as every
answer is, for repeats of the same call. It says where to go and gives no right: its person signs in as always, and
decides on the page as always. It ends with its day, and with the decision: a turn is decided once, and one that is
asked again after a taking back is another turn.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import uuid
from typing import Any

import sqlalchemy as sa

from approval.case.model import Case
from approval.task.model import Task, TaskLink
from chassis.call import Call, Refused
from heyi.approval.v1 import tasks_pb2 as pb

HOLDS = datetime.timedelta(days=7)
PATH = "/approval/link#"


async def make(call: Call, task: Task) -> Any:
    """A new link to a turn. The caller's own where the turn is delegated to them, else that of whose turn it is."""
    me = call.actor.employee_id
    assert me is not None
    token, now = secrets.token_urlsafe(32), call.now()
    person = me if me == task.delegate_id else task.assignee_id
    await call.db.execute(sa.delete(TaskLink).where(TaskLink.task_id == task.id, TaskLink.expire_time < now))
    link = TaskLink(
        token_hash=_hash(token), task_id=task.id, employee_id=person, made_by_id=me, expire_time=now + HOLDS
    )
    call.db.add(link)
    # behind the #: a browser sends it to no server, so no log and no referrer ever holds it
    answer = pb.LinkTaskResponse(path=f"{PATH}{token}", employee_id=str(person))
    answer.expire_time.FromDatetime(link.expire_time)
    return answer


async def follow(call: Call, token: str) -> tuple[Case, Task]:
    """The turn that a link leads the caller to. Raises what the link is not good for."""
    which = sa.select(TaskLink, Case, Task).join(Task, Task.id == TaskLink.task_id).join(Case, Case.id == Task.case_id)
    found = (await call.db.execute(which.where(TaskLink.token_hash == _hash(token)))).one_or_none()
    if found is None:
        raise Refused("TASK_LINK_UNKNOWN")
    link, case, task = found
    check(link, task, call.actor.employee_id, call.now())
    return case, task


def check(link: Any, task: Any, employee_id: uuid.UUID | None, now: datetime.datetime) -> None:
    """Refuse a link that is not the person's, or not any more."""
    if link.employee_id != employee_id:
        raise Refused("TASK_LINK_OTHER_PERSON")
    if task.state != "OPEN" or employee_id not in (task.assignee_id, task.delegate_id):
        raise Refused("TASK_LINK_USED", state=task.state)
    if link.expire_time <= now:
        raise Refused("TASK_LINK_EXPIRED", expire_time=link.expire_time.isoformat())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
