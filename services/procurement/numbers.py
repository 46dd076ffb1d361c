"""Document numbers are allocated when a call is saved, last of all; what repeats a number has to wait for it too."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any


class Repeated:
    """Stands in for a row when its number is asked for: passes the number on to everything that repeats it."""

    def __init__(self, row: Any, *followers: Callable[[str], None]) -> None:
        self.row, self.followers = row, followers

    @property
    def company_id(self) -> uuid.UUID:
        return self.row.company_id  # type: ignore[no-any-return]

    @property
    def number(self) -> str | None:
        return self.row.number  # type: ignore[no-any-return]

    @number.setter
    def number(self, value: str) -> None:
        self.row.number = value
        for follow in self.followers:
            follow(value)
