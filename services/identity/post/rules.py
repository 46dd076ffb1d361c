"""A post's rank, 0 unranked, 1 the highest, 99 the lowest; and its names, from one day to another.

A post has one name on a day. The next one may be planned ahead, one at a time; days are those of the group.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from chassis.errors import Refused
from identity.base import MASTER_DATA

if TYPE_CHECKING:
    from identity.post.model import Post

TRANSITIONS = {**MASTER_DATA, ("ACTIVE", "rename"): "ACTIVE", ("ACTIVE", "cancel_rename"): "ACTIVE"}
LOWEST = 99


def check(post: Post) -> None:
    """Refuse a rank that no ladder has; what it is called already is planned no more."""
    if not 0 <= post.level <= LOWEST:
        raise Refused("FIELD_FORMAT", field="level", value=post.level, expected=f"0-{LOWEST}")
    if post.next_name == post.name:
        unplan(post)


def rename(post: Post, name: str, from_date: datetime.date, today: datetime.date) -> None:
    """Called so from a day on: at once, or planned in place of what was planned before."""
    if from_date < today:
        facts = {"date": from_date, "today": today}
        raise Refused("POST_NAME_DATE", field="from_date", **facts)
    if name == post.name:
        raise Refused("POST_NAME_SAME", field="name", name=name)
    if from_date == today:
        post.name = name
    else:
        post.next_name, post.next_name_date = name, from_date
    check(post)


def cancel_rename(post: Post) -> None:
    """The planned name does not come."""
    if post.next_name_date is None:
        raise Refused("POST_NAME_NOT_PLANNED")
    unplan(post)


def unplan(post: Post) -> None:
    """Nothing is planned any more."""
    post.next_name, post.next_name_date = "", None


def due(post: Post, today: datetime.date) -> datetime.date | None:
    """Give the post the name whose day has come; that day, or None where nothing is due."""
    day = post.next_name_date
    if day is None or today < day:
        return None
    post.name = post.next_name
    unplan(post)
    return day
