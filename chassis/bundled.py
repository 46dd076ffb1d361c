"""Several questions in one statement: the rows of each come back as one JSON value.

A statement costs a round trip and half a millisecond of Python, whatever it asks; so a rule that looks into many tables
asks them all at once. Exact numbers travel as text.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

_READERS: dict[type[sa.types.TypeEngine[Any]], Callable[[Any], Any]] = {
    sa.Uuid: uuid.UUID,
    sa.Numeric: Decimal,
    sa.Date: datetime.date.fromisoformat,
}


class Rows:
    """A question: columns, or further `Rows` about each row, under conditions. `value` stands in a statement."""

    def __init__(self, *columns: Any, where: Sequence[Any] = (), order_by: Any = None) -> None:
        self.readers = [column.read if isinstance(column, Rows) else _reader(column) for column in columns]
        cells = [_cell(column) for column in columns]
        row: Any = sa.func.json_build_array(*cells)
        every = sa.func.json_agg(row if order_by is None else pg.aggregate_order_by(row, order_by), type_=sa.JSON())
        self.question = sa.select(every).where(*where)

    @property
    def value(self) -> Any:
        """The rows as one value."""
        return self.question.scalar_subquery()

    def read(self, value: Any) -> list[list[Any]]:
        """The rows of an answer, with the columns' own kinds."""
        return [
            [cell if cell is None or read is None else read(cell) for read, cell in zip(self.readers, row, strict=True)]
            for row in value or ()
        ]


def _cell(column: Any) -> Any:
    if isinstance(column, Rows):
        return sa.func.coalesce(column.value, sa.literal_column("'[]'::json"))
    return sa.cast(column, sa.Text) if isinstance(column.type, sa.Numeric) else column


def _reader(column: Any) -> Callable[[Any], Any] | None:
    return next((read for kind, read in _READERS.items() if isinstance(column.type, kind)), None)
