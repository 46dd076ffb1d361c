"""A post's rank: 0 is unranked, 1 the highest, 99 the lowest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.post.model import Post

LOWEST = 99


def check(post: Post) -> None:
    """Refuse a rank that no ladder has."""
    if not 0 <= post.level <= LOWEST:
        raise Refused("FIELD_FORMAT", field="level", value=post.level, expected=f"0-{LOWEST}")
