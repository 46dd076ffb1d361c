"""The epoch: a number that grows with every change of the organisation or of anybody's rights.

It is raised first in a handler, before anything is read. The one row is then locked until the commit, so changes of
rights happen one after another: two people cannot both take away the second last administrator, nor close a circle of
departments from both ends. Whoever reads a snapshot reads the epoch first and the rest after: what they get is at
least as new as the number says.
"""

from __future__ import annotations

import sqlalchemy as sa

from chassis.call import Call
from identity.base import Base

EPOCH = sa.Table(
    "authorization_epoch",
    Base.metadata,
    sa.Column("only", sa.Boolean(), primary_key=True),
    sa.Column("epoch", sa.Integer(), nullable=False),
    sa.CheckConstraint('"only"', name="one_row"),
)
RAISE = sa.update(EPOCH).values(epoch=EPOCH.c.epoch + 1)
READ = sa.select(EPOCH.c.epoch)


async def bump(call: Call) -> None:
    """Raise the epoch with this transaction."""
    await call.db.execute(RAISE)


async def hold(call: Call) -> None:
    """Let no right change until this transaction ends, without a change of its own: whether there is one to make can
    then be read, and the epoch raised for it.
    """
    await call.db.execute(READ.with_for_update())


async def current(call: Call) -> int:
    """The epoch as committed."""
    return int((await call.db.execute(READ)).scalar_one())
