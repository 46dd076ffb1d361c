"""turns that are passed on, and people added to them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("task", sa.Column("added_by_id", sa.Uuid(), nullable=True))
    op.add_column(
        "opinion", sa.Column("employee_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("opinion", "employee_ids")
    op.drop_column("task", "added_by_id")
