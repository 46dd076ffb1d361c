"""notices by mail and by robots"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"

TURNS = (
    "'notice.todo', 'notice.todo_for', 'notice.handed_over', 'notice.asked_again', 'notice.change_refused',"
    " 'notice.returned_here', 'notice.parked', 'notice.publication'"
)


def upgrade() -> None:
    op.create_table(
        "notice_preference",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=True),
        sa.Column("mail_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("robot_kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("pace", sa.Text(), nullable=False),
        sa.Column("daily_at", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=False),
        sa.Column("quiet_until", sa.Text(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_preference")),
    )
    op.create_index(op.f("ix_notice_preference_created_at"), "notice_preference", ["created_at"], unique=False)
    op.create_index(
        "uq_notice_preference_company",
        "notice_preference",
        ["company_id"],
        unique=True,
        postgresql_where=sa.text("employee_id IS NULL"),
    )
    op.create_index(
        "uq_notice_preference_employee_id",
        "notice_preference",
        ["employee_id"],
        unique=True,
        postgresql_where=sa.text("employee_id IS NOT NULL"),
    )
    op.create_table(
        "notice_robot",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("product", sa.Text(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("shown_address", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failure_count", sa.Integer(), nullable=False),
        sa.Column(
            "ready_time", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_robot")),
        sa.UniqueConstraint("company_id", "name", name=op.f("uq_notice_robot_company_id_name")),
    )
    op.create_index(op.f("ix_notice_robot_created_at"), "notice_robot", ["created_at"], unique=False)
    op.create_index("ix_notice_robot_search", "notice_robot", ["search"], unique=False, postgresql_using="gin")
    op.create_table(
        "notice_delivery",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("notice_id", sa.Uuid(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("robot_id", sa.Uuid(), nullable=True),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("send_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("untold_since_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("trying", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "(channel = 'ROBOT') = (robot_id IS NOT NULL)", name=op.f("ck_notice_delivery_robot_of_robot")
        ),
        sa.CheckConstraint("(state = 'SENT') = (send_time IS NOT NULL)", name=op.f("ck_notice_delivery_sent_at")),
        sa.ForeignKeyConstraint(
            ["notice_id"],
            ["notice.id"],
            name=op.f("fk_notice_delivery_notice_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["robot_id"],
            ["notice_robot.id"],
            name=op.f("fk_notice_delivery_robot_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_delivery")),
        sa.UniqueConstraint(
            "notice_id", "channel", "robot_id", name="uq_notice_delivery_channel", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_index(op.f("ix_notice_delivery_created_at"), "notice_delivery", ["created_at"], unique=False)
    op.create_index(
        "ix_notice_delivery_doubted",
        "notice_delivery",
        ["updated_at"],
        unique=False,
        postgresql_where=sa.text("doubt_count > 0"),
    )
    op.create_index(
        "ix_notice_delivery_due",
        "notice_delivery",
        ["channel", "due_time"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_index("ix_notice_delivery_list", "notice_delivery", ["company_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_notice_delivery_message_id"), "notice_delivery", ["message_id"], unique=False)
    op.create_index("ix_notice_delivery_person", "notice_delivery", ["employee_id", "created_at", "id"], unique=False)
    op.create_index(op.f("ix_notice_delivery_robot_id"), "notice_delivery", ["robot_id"], unique=False)
    op.create_index("ix_notice_delivery_search", "notice_delivery", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "ix_notice_delivery_untold",
        "notice_delivery",
        ["untold_since_time"],
        unique=False,
        postgresql_where=sa.text("untold_since_time IS NOT NULL AND state IN ('WAITING', 'FAILED')"),
    )
    op.add_column("notice", sa.Column("kind", sa.Text(), server_default="PROGRESS", nullable=False))
    op.add_column("notice", sa.Column("routed", sa.Boolean(), server_default=sa.text("false"), nullable=False))
    op.create_index(
        "ix_notice_unrouted", "notice", ["created_at", "id"], unique=False, postgresql_where=sa.text("routed IS false")
    )
    # who has a turn was told of it by one of these; what was told before is told by no further channel
    op.execute(f"UPDATE notice SET kind = 'TURN' WHERE text_key IN ({TURNS})")  # noqa: S608
    op.execute("UPDATE notice SET routed = true")


def downgrade() -> None:
    op.drop_index("ix_notice_unrouted", table_name="notice", postgresql_where=sa.text("routed IS false"))
    op.drop_column("notice", "routed")
    op.drop_column("notice", "kind")
    op.drop_index(
        "ix_notice_delivery_untold",
        table_name="notice_delivery",
        postgresql_where=sa.text("untold_since_time IS NOT NULL AND state IN ('WAITING', 'FAILED')"),
    )
    op.drop_index("ix_notice_delivery_search", table_name="notice_delivery", postgresql_using="gin")
    op.drop_index(op.f("ix_notice_delivery_robot_id"), table_name="notice_delivery")
    op.drop_index("ix_notice_delivery_person", table_name="notice_delivery")
    op.drop_index(op.f("ix_notice_delivery_message_id"), table_name="notice_delivery")
    op.drop_index("ix_notice_delivery_list", table_name="notice_delivery")
    op.drop_index("ix_notice_delivery_due", table_name="notice_delivery", postgresql_where=sa.text("state = 'WAITING'"))
    op.drop_index(op.f("ix_notice_delivery_created_at"), table_name="notice_delivery")
    op.drop_table("notice_delivery")
    op.drop_index("ix_notice_robot_search", table_name="notice_robot", postgresql_using="gin")
    op.drop_index(op.f("ix_notice_robot_created_at"), table_name="notice_robot")
    op.drop_table("notice_robot")
    op.drop_index(
        "uq_notice_preference_employee_id",
        table_name="notice_preference",
        postgresql_where=sa.text("employee_id IS NOT NULL"),
    )
    op.drop_index(
        "uq_notice_preference_company", table_name="notice_preference", postgresql_where=sa.text("employee_id IS NULL")
    )
    op.drop_index(op.f("ix_notice_preference_created_at"), table_name="notice_preference")
    op.drop_table("notice_preference")
