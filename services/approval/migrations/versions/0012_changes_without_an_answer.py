"""changes without an answer"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("approval_case", sa.Column("given_up", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("approval_case", "given_up")
