"""How much of the store a person and a company have used: counted with each file, so that nothing is ever added up."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis.call import Call
from documents.attachment import rules
from documents.attachment.model import StoreUsage

_USED = StoreUsage.__table__.c


async def charge(call: Call, row: Any, limits: rules.Limits) -> None:
    """Count a file that begins to come. Refuses it where its owner's or the company's room is used up."""
    shares = (
        (row.added_by_id, limits.person, "ATTACHMENT_PERSON_QUOTA"),
        (row.charged_company_id, limits.company, "ATTACHMENT_COMPANY_QUOTA"),
    )
    for key, limit, reason in shares:
        rules.check_quota(await _add(call, key, row.size_bytes), row.size_bytes, limit, reason)


async def release(call: Call, row: Any) -> None:
    """Nothing of a file is kept any more."""
    for key in (row.added_by_id, row.charged_company_id):
        await _add(call, key, -row.size_bytes)


async def _add(call: Call, key: uuid.UUID, count: int) -> int:
    """What is used then, in bytes."""
    row = pg.insert(StoreUsage.__table__).values(id=key, used_bytes=count)
    counted = row.on_conflict_do_update(
        index_elements=["id"], set_={"used_bytes": _USED.used_bytes + sa.literal(count, sa.BigInteger)}
    )
    return int((await call.db.execute(counted.returning(_USED.used_bytes))).scalar_one())
