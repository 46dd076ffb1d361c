"""votes: a share decides, one after another, veto"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("task", sa.Column("vote_percent", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("veto", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("task", sa.Column("line", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    # those who were asked side by side stand in lines of their own
    op.execute(
        "UPDATE task SET line = numbered.line FROM "
        "(SELECT id, row_number() OVER (PARTITION BY visit_id ORDER BY id) - 1 AS line FROM task) AS numbered "
        "WHERE task.id = numbered.id AND numbered.line > 0"
    )
    op.drop_index("ix_task_open", table_name="task", postgresql_where=sa.text("state = 'OPEN'"))
    op.create_index(
        "ix_task_live", "task", ["case_id"], unique=False, postgresql_where=sa.text("state IN ('OPEN', 'WAITING')")
    )


def downgrade() -> None:
    op.drop_index("ix_task_live", table_name="task", postgresql_where=sa.text("state IN ('OPEN', 'WAITING')"))
    op.create_index("ix_task_open", "task", ["case_id"], unique=False, postgresql_where=sa.text("state = 'OPEN'"))
    op.drop_column("task", "place")
    op.drop_column("task", "line")
    op.drop_column("task", "veto")
    op.drop_column("task", "vote_percent")
