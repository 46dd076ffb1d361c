"""lines that approvers cut, and what readers may not see"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
LINE = "purchase_requisition_line"


def upgrade() -> None:
    texts = postgresql.ARRAY(sa.Text())
    op.add_column("participant", sa.Column("hidden", texts, server_default="{}", nullable=False))
    op.add_column("participant", sa.Column("told", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("purchase_requisition", sa.Column("amendment_id", sa.Text(), server_default="", nullable=False))
    op.add_column(LINE, sa.Column("asked_quantity", sa.Numeric(18, 6), nullable=True))
    op.add_column(LINE, sa.Column("cut_reason", sa.Text(), server_default="", nullable=False))
    op.add_column(LINE, sa.Column("cut_by_id", sa.Uuid(), nullable=True))
    op.add_column(LINE, sa.Column("refused", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    for name in ("refused", "cut_by_id", "cut_reason", "asked_quantity"):
        op.drop_column(LINE, name)
    op.drop_column("purchase_requisition", "amendment_id")
    op.drop_column("participant", "told")
    op.drop_column("participant", "hidden")
