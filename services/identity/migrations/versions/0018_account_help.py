"""account help"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("account", sa.Column("unlocking", sa.Integer(), server_default="0", nullable=False))
    op.add_column("account", sa.Column("second_factor_reset", sa.Integer(), server_default="0", nullable=False))
