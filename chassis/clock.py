"""The only place that asks what time it is. Business days are days of a company's time zone."""

from __future__ import annotations

import datetime
import functools
import zoneinfo

from chassis import faults


@functools.cache
def zone(name: str) -> zoneinfo.ZoneInfo:
    """A time zone by its IANA name."""
    return zoneinfo.ZoneInfo(name)


class Clock:
    """The system's clock."""

    def now(self) -> datetime.datetime:
        """The instant, in UTC."""
        return datetime.datetime.now(datetime.UTC) + faults.clock_step()

    def today(self, time_zone: str) -> datetime.date:
        """The business day in a time zone."""
        return self.now().astimezone(zone(time_zone)).date()


class FrozenClock(Clock):
    """A clock that stands still until it is told otherwise."""

    def __init__(self, instant: datetime.datetime | str) -> None:
        self.set(instant)

    def now(self) -> datetime.datetime:
        return self._now

    def set(self, instant: datetime.datetime | str) -> None:
        """Stand at an instant, given with its offset: `2026-11-23T09:00:00+08:00`."""
        moment = datetime.datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        if moment.tzinfo is None:
            raise ValueError(f"an instant needs its offset: {instant}")
        self._now = moment.astimezone(datetime.UTC)

    def advance(self, **span: float) -> None:
        """Go on by a timedelta: `advance(seconds=5)`."""
        self._now += datetime.timedelta(**span)
