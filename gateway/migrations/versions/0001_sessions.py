"""Sessions of people at their browsers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One row for each session; ids only as hashes, tokens only sealed."""
    op.create_table(
        "session",
        sa.Column("id_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sid", sa.Text(), nullable=False),
        sa.Column("tokens", sa.LargeBinary(), nullable=False),
        sa.Column("access_expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    for column in ("subject", "sid", "ends_at"):
        op.create_index(f"ix_session_{column}", "session", [column])


def downgrade() -> None:
    """Everybody signs in again."""
    op.drop_table("session")
