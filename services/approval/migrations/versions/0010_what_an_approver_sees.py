"""what an approver sees, changes and is bound to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
TEXTS, JSON = postgresql.ARRAY(sa.Text()), postgresql.JSONB(none_as_null=True)


def upgrade() -> None:
    op.add_column("participant", sa.Column("hidden", TEXTS, server_default="{}", nullable=False))
    op.add_column("participant", sa.Column("told", sa.BigInteger(), server_default="0", nullable=False))
    for name in ("basis", "readers", "amending"):
        op.add_column("approval_case", sa.Column(name, JSON, nullable=True))
    op.add_column("approval_case", sa.Column("changing", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_approval_case_changing",
        "approval_case",
        [sa.literal_column("(amending ->> 'id')")],
        postgresql_where=sa.text("changing"),
    )
    op.alter_column("task", "amount", existing_type=sa.Numeric(18, 2), nullable=True)
    op.add_column("task", sa.Column("full_amount", sa.Numeric(18, 2), nullable=True))
    op.add_column("task", sa.Column("hidden", TEXTS, server_default="{}", nullable=False))
    for name in ("changing", "again"):
        op.add_column("task", sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("task", sa.Column("findings", JSON, nullable=True))
    op.add_column("opinion", sa.Column("changes", JSON, nullable=True))
    op.add_column("opinion", sa.Column("hidden", TEXTS, server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("opinion", "hidden")
    op.drop_column("opinion", "changes")
    for name in ("findings", "again", "changing", "hidden", "full_amount"):
        op.drop_column("task", name)
    op.alter_column("task", "amount", existing_type=sa.Numeric(18, 2), nullable=False)
    op.drop_index("ix_approval_case_changing", table_name="approval_case")
    for name in ("changing", "amending", "readers", "basis"):
        op.drop_column("approval_case", name)
    op.drop_column("participant", "told")
    op.drop_column("participant", "hidden")
