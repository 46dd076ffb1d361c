"""what blocks a departure"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("departure", sa.Column("blocked_by", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("departure", "blocked_by")
