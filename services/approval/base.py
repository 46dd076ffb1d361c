"""The tables of this service."""

from sqlalchemy import ForeignKey

from chassis.db import service_base

Base = service_base("approval", timers=True)


def refers_to(column: str) -> ForeignKey:
    """A reference that is checked at the commit: one call makes visits, turns and opinions, saved in any order."""
    return ForeignKey(column, deferrable=True, initially="DEFERRED")
