"""Rules that decide, owners of flows, cases watched over, links to decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.alter_column("authority_limit", "post_id", nullable=True)
    op.add_column("authority_limit", sa.Column("automatic", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_check_constraint(
        op.f("ck_authority_limit_post_or_automatic"), "authority_limit", "automatic = (post_id IS NULL)"
    )
    op.add_column("flow_definition", sa.Column("business_owner_id", sa.Uuid(), nullable=True))
    op.add_column("flow_definition", sa.Column("automated", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(
        "flow_definition", sa.Column("automatic_off", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("flow_definition", sa.Column("publication_id", sa.Uuid(), nullable=True))
    op.add_column("flow_definition", sa.Column("switch_reason", sa.Text(), server_default="", nullable=False))
    op.add_column("flow_definition", sa.Column("owner_reason", sa.Text(), server_default="", nullable=False))
    op.create_index(op.f("ix_flow_definition_business_owner_id"), "flow_definition", ["business_owner_id"])
    op.add_column("flow_version", sa.Column("approved_by_id", sa.Uuid(), nullable=True))
    # whoever published a flow last answers for it, until somebody else is named
    op.execute(
        "UPDATE flow_definition SET business_owner_id = flow_version.published_by_id FROM flow_version "
        "WHERE flow_version.flow_definition_id = flow_definition.id "
        "AND flow_version.number = flow_definition.published_version"
    )
    op.create_table(
        "flow_publication",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("flow_definition_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("tree", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("condition", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("requested_by_id", sa.Uuid(), nullable=False),
        sa.Column("business_owner_id", sa.Uuid(), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("decide_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.CheckConstraint(
            "state <> 'APPROVED' OR decided_by_id <> requested_by_id", name=op.f("ck_flow_publication_four_eyes")
        ),
        sa.ForeignKeyConstraint(
            ["flow_definition_id"],
            ["flow_definition.id"],
            name=op.f("fk_flow_publication_flow_definition_id_flow_definition"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_publication")),
    )
    for column in ("flow_definition_id", "requested_by_id", "business_owner_id", "created_at"):
        op.create_index(op.f(f"ix_flow_publication_{column}"), "flow_publication", [column])
    op.create_index("ix_flow_publication_search", "flow_publication", ["search"], postgresql_using="gin")
    op.create_index(
        "uq_flow_publication_waiting",
        "flow_publication",
        ["flow_definition_id"],
        unique=True,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_table(
        "automatic_decision",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_number", sa.Text(), nullable=False),
        sa.Column("flow_definition_id", sa.Uuid(), nullable=False),
        sa.Column("flow_version", sa.Integer(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("node_id", sa.Text(), nullable=False),
        sa.Column("node_name", sa.Text(), nullable=False),
        sa.Column("rule_name", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("sampled", sa.Boolean(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.CheckConstraint("sampled OR answer IS NULL", name=op.f("ck_automatic_decision_only_samples_are_answered")),
        sa.ForeignKeyConstraint(
            ["case_id"],
            ["approval_case.id"],
            name=op.f("fk_automatic_decision_case_id_approval_case"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["flow_definition_id"],
            ["flow_definition.id"],
            name=op.f("fk_automatic_decision_flow_definition_id_flow_definition"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_automatic_decision")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_automatic_decision_visit_id")),
    )
    op.create_index(op.f("ix_automatic_decision_case_id"), "automatic_decision", ["case_id"])
    op.create_index(op.f("ix_automatic_decision_created_at"), "automatic_decision", ["created_at"])
    op.create_index("ix_automatic_decision_flow", "automatic_decision", ["flow_definition_id", "created_at"])
    op.create_index("ix_automatic_decision_search", "automatic_decision", ["search"], postgresql_using="gin")
    op.create_index(
        "ix_automatic_decision_waiting",
        "automatic_decision",
        ["case_id"],
        postgresql_where=sa.text("sampled AND answer IS NULL"),
    )
    op.add_column("approval_case", sa.Column("supervisor_id", sa.Uuid(), nullable=True))
    op.add_column("approval_case", sa.Column("supervision", sa.Text(), nullable=True))
    op.add_column("approval_case", sa.Column("supervise_due_date", sa.Date(), nullable=True))
    op.add_column("approval_case", sa.Column("supervise_note", sa.Text(), server_default="", nullable=False))
    op.create_index(
        "ix_approval_case_supervised",
        "approval_case",
        ["supervisor_id", "created_at"],
        postgresql_where=sa.text("supervisor_id IS NOT NULL"),
    )
    op.create_index(
        "ix_approval_case_finished",
        "approval_case",
        ["company_id", "document_type", "currency", "decide_time"],
        postgresql_where=sa.text("state IN ('APPROVED', 'REJECTED', 'RETURNED')"),
    )
    op.add_column("task", sa.Column("supervise_due_date", sa.Date(), nullable=True))
    op.create_index(
        "ix_task_supervised",
        "task",
        ["assignee_id", "supervise_due_date"],
        postgresql_where=sa.text("supervise_due_date IS NOT NULL"),
    )
    op.create_table(
        "task_link",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("made_by_id", sa.Uuid(), nullable=False),
        sa.Column("expire_time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["task.id"], name=op.f("fk_task_link_task_id_task")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_task_link")),
    )
    op.create_index(op.f("ix_task_link_task_id"), "task_link", ["task_id"])
    op.alter_column("notice", "case_id", nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM notice WHERE case_id IS NULL")
    op.alter_column("notice", "case_id", nullable=False)
    op.drop_table("task_link")
    op.drop_index("ix_task_supervised", table_name="task")
    op.drop_column("task", "supervise_due_date")
    op.drop_index("ix_approval_case_finished", table_name="approval_case")
    op.drop_index("ix_approval_case_supervised", table_name="approval_case")
    for column in ("supervise_note", "supervise_due_date", "supervision", "supervisor_id"):
        op.drop_column("approval_case", column)
    op.drop_table("automatic_decision")
    op.drop_table("flow_publication")
    op.drop_column("flow_version", "approved_by_id")
    op.drop_index(op.f("ix_flow_definition_business_owner_id"), table_name="flow_definition")
    for column in (
        "owner_reason",
        "switch_reason",
        "publication_id",
        "automatic_off",
        "automated",
        "business_owner_id",
    ):
        op.drop_column("flow_definition", column)
    op.execute("DELETE FROM authority_limit WHERE automatic")
    op.drop_constraint(op.f("ck_authority_limit_post_or_automatic"), "authority_limit")
    op.drop_column("authority_limit", "automatic")
    op.alter_column("authority_limit", "post_id", nullable=False)
