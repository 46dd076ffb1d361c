"""access reviews"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "access_review",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("due_date", sa.Date(), nullable=False),
        sa.Column("line_count", sa.Integer(), nullable=False),
        sa.Column("open_count", sa.Integer(), nullable=False),
        sa.Column("finish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("close_reason", sa.Text(), nullable=False),
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
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_access_review_company_id")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_access_review_department_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["employee.id"], name=op.f("fk_access_review_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review")),
    )
    op.create_index(op.f("ix_access_review_company_id"), "access_review", ["company_id"], unique=False)
    op.create_index(op.f("ix_access_review_created_at"), "access_review", ["created_at"], unique=False)
    op.create_index(op.f("ix_access_review_department_id"), "access_review", ["department_id"], unique=False)
    op.create_index(op.f("ix_access_review_due_date"), "access_review", ["due_date"], unique=False)
    op.create_index(op.f("ix_access_review_owner_id"), "access_review", ["owner_id"], unique=False)
    op.create_index(op.f("ix_access_review_state"), "access_review", ["state"], unique=False)
    op.create_index(op.f("ix_access_review_title"), "access_review", ["title"], unique=False)
    op.create_index("ix_access_review_search", "access_review", ["search"], unique=False, postgresql_using="gin")
    op.create_index(
        "uq_access_review_open",
        "access_review",
        ["company_id", "department_id"],
        unique=True,
        postgresql_where=sa.text("state = 'OPEN'"),
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "access_review_line",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("access_review_id", sa.Uuid(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("employee_name", sa.Text(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("role_name", sa.Text(), nullable=False),
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("grant_company_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("department_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("since_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until_date", sa.Date(), nullable=True),
        sa.Column("granted_by_id", sa.Uuid(), nullable=True),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("answer_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answer_reason", sa.Text(), nullable=False),
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
        sa.CheckConstraint("owner_id <> employee_id", name=op.f("ck_access_review_line_not_own_rights")),
        sa.ForeignKeyConstraint(
            ["access_review_id"], ["access_review.id"], name=op.f("fk_access_review_line_access_review_id")
        ),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_access_review_line_company_id")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_access_review_line_department_id")),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_access_review_line_employee_id")),
        sa.ForeignKeyConstraint(
            ["grant_company_id"], ["company.id"], name=op.f("fk_access_review_line_grant_company_id")
        ),
        sa.ForeignKeyConstraint(["grant_id"], ["role_grant.id"], name=op.f("fk_access_review_line_grant_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["employee.id"], name=op.f("fk_access_review_line_owner_id")),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_access_review_line_role_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review_line")),
        sa.UniqueConstraint(
            "access_review_id", "grant_id", name=op.f("uq_access_review_line_access_review_id_grant_id")
        ),
    )
    op.create_index(
        op.f("ix_access_review_line_access_review_id"), "access_review_line", ["access_review_id"], unique=False
    )
    op.create_index(op.f("ix_access_review_line_company_id"), "access_review_line", ["company_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_created_at"), "access_review_line", ["created_at"], unique=False)
    op.create_index(op.f("ix_access_review_line_department_id"), "access_review_line", ["department_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_employee_id"), "access_review_line", ["employee_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_employee_name"), "access_review_line", ["employee_name"], unique=False)
    op.create_index(op.f("ix_access_review_line_grant_id"), "access_review_line", ["grant_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_owner_id"), "access_review_line", ["owner_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_role_id"), "access_review_line", ["role_id"], unique=False)
    op.create_index(op.f("ix_access_review_line_role_name"), "access_review_line", ["role_name"], unique=False)
    op.create_index(op.f("ix_access_review_line_since_time"), "access_review_line", ["since_time"], unique=False)
    op.create_index(op.f("ix_access_review_line_state"), "access_review_line", ["state"], unique=False)
    op.create_index(
        "ix_access_review_line_search", "access_review_line", ["search"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        "ix_access_review_line_waiting",
        "access_review_line",
        ["owner_id", "access_review_id"],
        unique=False,
        postgresql_where=sa.text("state = 'OPEN'"),
    )


def downgrade() -> None:
    op.drop_table("access_review_line")
    op.drop_table("access_review")
