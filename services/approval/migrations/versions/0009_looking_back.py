"""looking back"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_task_done", "task", ["assignee_id", "done_time", "id"])
    op.create_index("ix_task_opened", "task", ["company_id", "open_time", "id"])


def downgrade() -> None:
    op.drop_index("ix_task_opened", "task")
    op.drop_index("ix_task_done", "task")
