"""Up to which amount a post may agree, or the rules of flows that decide by themselves. A limit for the document's own
type goes before one for every type; of several, the one that began last holds. A limit in another currency says
nothing: amounts are never converted here.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

TRANSITIONS = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "deactivate"): "INACTIVE",
    ("INACTIVE", "activate"): "ACTIVE",
}


class Limit(Protocol):
    """A row of the authority table."""

    @property
    def post_id(self) -> uuid.UUID | None: ...
    @property
    def automatic(self) -> bool: ...
    @property
    def document_type(self) -> str: ...
    @property
    def limit_amount(self) -> Decimal: ...
    @property
    def currency(self) -> str: ...
    @property
    def valid_from_date(self) -> datetime.date | None: ...


def limit_of(
    limits: Iterable[Limit], post_id: uuid.UUID | None, *, document_type: str, currency: str, on: datetime.date
) -> Decimal | None:
    """The amount up to which a post may agree to a document, or, without a post, rules of flows; None where there is no
    limit by which they may.
    """
    held = [
        limit
        for limit in limits
        if limit.post_id == post_id
        and limit.automatic == (post_id is None)
        and limit.currency == currency
        and limit.document_type in ("", document_type)
        and (limit.valid_from_date is None or limit.valid_from_date <= on)
    ]
    if not held:
        return None
    newest = max(held, key=lambda limit: (bool(limit.document_type), limit.valid_from_date or datetime.date.min))
    return newest.limit_amount
