"""what a reader may not see"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    texts = postgresql.ARRAY(sa.Text())
    op.add_column("participant", sa.Column("hidden", texts, server_default="{}", nullable=False))
    op.add_column("participant", sa.Column("told", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("participant", "told")
    op.drop_column("participant", "hidden")
