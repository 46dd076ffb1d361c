"""what an approver changes in an order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("purchase_order", sa.Column("amendment_id", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("purchase_order", "amendment_id")
