"""agreements that are taken back, cases that are led elsewhere"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("approval_case", sa.Column("undo", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("approval_case", sa.Column("round", sa.Integer(), server_default="1", nullable=False))
    op.add_column("task", sa.Column("ended_by_id", sa.Uuid(), nullable=True))
    op.add_column("task", sa.Column("state_before", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("task", "state_before")
    op.drop_column("task", "ended_by_id")
    op.drop_column("approval_case", "round")
    op.drop_column("approval_case", "undo")
