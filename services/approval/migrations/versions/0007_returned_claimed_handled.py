"""turns that are returned to a node, claimed by one of several, or handled"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"

DECISIONS = "kind IN ('APPROVE', 'REJECT', 'RETURN', 'HANDLE')"
BEFORE = "kind IN ('APPROVE', 'REJECT', 'RETURN')"


def upgrade() -> None:
    op.add_column("approval_case", sa.Column("chosen", postgresql.JSONB(), nullable=True))
    op.add_column("node_visit", sa.Column("left_nodes", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("task", sa.Column("node_kind", sa.Text(), server_default="approve", nullable=False))
    op.add_column("task", sa.Column("to_claim", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("task", sa.Column("claim_time", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE task SET node_kind = 'copy' WHERE state = 'COPIED'")
    op.add_column("opinion", sa.Column("target_name", sa.Text(), server_default="", nullable=False))
    op.add_column("opinion", sa.Column("straight_back", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("opinion", sa.Column("handled", postgresql.JSONB(none_as_null=True), nullable=True))
    _decide_once(DECISIONS)


def downgrade() -> None:
    _decide_once(BEFORE)
    for table, columns in {
        "opinion": ("handled", "straight_back", "target_name"),
        "task": ("claim_time", "to_claim", "node_kind"),
        "node_visit": ("left_nodes",),
        "approval_case": ("chosen",),
    }.items():
        for column in columns:
            op.drop_column(table, column)


def _decide_once(decisions: str) -> None:
    """One decision for a turn, and none on an own request: handling is one too."""
    op.drop_index("uq_opinion_decision", table_name="opinion")
    op.create_index(
        "uq_opinion_decision", "opinion", ["task_id", "author_id"], unique=True, postgresql_where=sa.text(decisions)
    )
    op.drop_constraint(op.f("ck_opinion_not_own_request"), "opinion", type_="check")
    op.create_check_constraint(
        op.f("ck_opinion_not_own_request"),
        "opinion",
        f"{decisions.replace('kind IN', 'kind NOT IN')} OR author_id <> requester_id",
    )
