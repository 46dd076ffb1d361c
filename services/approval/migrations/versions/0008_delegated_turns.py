"""delegated turns"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
DECISION = sa.text("kind IN ('APPROVE', 'REJECT', 'RETURN', 'HANDLE')")


def upgrade() -> None:
    op.add_column("task", sa.Column("delegate_id", sa.Uuid(), nullable=True))
    op.add_column(
        "task", sa.Column("delegation_chain_ids", postgresql.ARRAY(sa.Uuid()), server_default="{}", nullable=False)
    )
    op.add_column("task", sa.Column("decided_by_id", sa.Uuid(), nullable=True))
    op.create_check_constraint(op.f("ck_task_not_own_request_by_delegate"), "task", "delegate_id <> requester_id")
    op.create_index(
        "ix_task_delegated",
        "task",
        ["delegate_id", "due_time", "open_time", "id"],
        postgresql_where=sa.text("delegate_id IS NOT NULL"),
    )
    op.add_column("opinion", sa.Column("on_behalf_of_id", sa.Uuid(), nullable=True))
    op.create_index(op.f("ix_opinion_on_behalf_of_id"), "opinion", ["on_behalf_of_id"])
    # a turn has one decision, whoever of two gives it
    op.drop_index("uq_opinion_decision", "opinion")
    op.create_index("uq_opinion_decision", "opinion", ["task_id"], unique=True, postgresql_where=DECISION)


def downgrade() -> None:
    op.drop_index("uq_opinion_decision", "opinion")
    op.create_index("uq_opinion_decision", "opinion", ["task_id", "author_id"], unique=True, postgresql_where=DECISION)
    op.drop_index(op.f("ix_opinion_on_behalf_of_id"), "opinion")
    op.drop_column("opinion", "on_behalf_of_id")
    op.drop_index("ix_task_delegated", "task")
    op.drop_constraint(op.f("ck_task_not_own_request_by_delegate"), "task")
    op.drop_column("task", "decided_by_id")
    op.drop_column("task", "delegation_chain_ids")
    op.drop_column("task", "delegate_id")
