"""A draft that was never submitted is its owner's alone: for documents with an owner that count their submissions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call, Refused, same_version


def visible(model: Any, call: Call) -> sa.ColumnElement[bool]:
    """Rows that the caller may know of, as far as drafts go."""
    return sa.or_(model.submission > 0, model.owner_id == call.actor.employee_id)


async def load(model: Any, key: str, call: Call, *, etag: str | None = None) -> Any:
    """One document with its lines. Raises DOCUMENT_NOT_FOUND, also for another person's draft; STALE_ETAG."""
    row = await call.load(model, key)
    if row.submission == 0 and row.owner_id != call.actor.employee_id:
        raise Refused("DOCUMENT_NOT_FOUND", document_type=model.__message__.DESCRIPTOR.name, id=key)
    # only now: a wrong etag would tell that there is a draft
    same_version(row, etag)
    return row
