"""What posts were called from day to day, and what one is going to be called.

A post is known by its name from the first day on which somebody held it, else from the day of its record.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

FILL = """
    INSERT INTO post_period (id, post_id, line_number, from_date, name)
    SELECT gen_random_uuid(), p.id, 1, least(
        (p.created_at AT TIME ZONE 'Asia/Shanghai')::date,
        (SELECT min(h.from_date) FROM placement h WHERE h.post_id = p.id)
      ), p.name
    FROM post p
    """


def upgrade() -> None:
    op.create_table(
        "post_period",
        sa.Column("post_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_post_period_post_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post_period")),
    )
    op.create_index(op.f("ix_post_period_post_id"), "post_period", ["post_id"], unique=False)
    op.add_column("post", sa.Column("next_name", sa.Text(), server_default="", nullable=False))
    op.add_column("post", sa.Column("next_name_date", sa.Date(), nullable=True))
    op.create_index(op.f("ix_post_next_name_date"), "post", ["next_name_date"], unique=False)
    op.create_check_constraint(
        op.f("ck_post_next_name_has_a_day"), "post", "(next_name = '') = (next_name_date IS NULL)"
    )
    op.execute(FILL)


def downgrade() -> None:
    op.drop_constraint(op.f("ck_post_next_name_has_a_day"), "post", type_="check")
    op.drop_index(op.f("ix_post_next_name_date"), table_name="post")
    op.drop_column("post", "next_name_date")
    op.drop_column("post", "next_name")
    op.drop_index(op.f("ix_post_period_post_id"), table_name="post_period")
    op.drop_table("post_period")
