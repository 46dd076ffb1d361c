"""Office forms that people design, and the requests filled in with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "form_definition",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("icon", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sections", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("department_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("role_codes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("amount_key", sa.Text(), nullable=False),
        sa.Column("summary_keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("approver_keys", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("number_prefix", sa.Text(), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=False),
        sa.Column("publish_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("draft_differs", sa.Boolean(), nullable=False),
        sa.Column("published_kinds", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
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
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_definition")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_form_definition_company_id_code")),
    )
    op.create_index(op.f("ix_form_definition_created_at"), "form_definition", ["created_at"], unique=False)
    op.create_index("ix_form_definition_search", "form_definition", ["search"], unique=False, postgresql_using="gin")
    op.create_table(
        "form_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("form_definition_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("published_by_id", sa.Uuid(), nullable=True),
        sa.Column("publish_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_definition_id"], ["form_definition.id"], name=op.f("fk_form_version_form_definition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_version")),
        sa.UniqueConstraint("form_definition_id", "number", name=op.f("uq_form_version_form_definition_id_number")),
    )
    op.create_table(
        "office_request",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("form_version", sa.Integer(), nullable=False),
        sa.Column("form_code", sa.Text(), nullable=False),
        sa.Column("form_name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("values", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount", sa.Numeric(precision=18, scale=2), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("submit_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decide_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("waiting_on_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("waiting_since_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("case_id", sa.Text(), nullable=False),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("amendment_id", sa.Text(), nullable=False),
        sa.Column("outcome_note", sa.Text(), nullable=False),
        sa.Column("copied_from_id", sa.Uuid(), nullable=True),
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
        sa.ForeignKeyConstraint(["form_id"], ["form_definition.id"], name=op.f("fk_office_request_form_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_request")),
    )
    op.create_index(op.f("ix_office_request_company_id"), "office_request", ["company_id"], unique=False)
    op.create_index(op.f("ix_office_request_created_at"), "office_request", ["created_at"], unique=False)
    op.create_index(op.f("ix_office_request_department_id"), "office_request", ["department_id"], unique=False)
    op.create_index("ix_office_request_form", "office_request", ["form_id", "created_at"], unique=False)
    op.create_index("ix_office_request_newest", "office_request", ["company_id", "created_at"], unique=False)
    op.create_index(op.f("ix_office_request_owner_id"), "office_request", ["owner_id"], unique=False)
    op.create_index("ix_office_request_search", "office_request", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_office_request_submit_time"), "office_request", ["submit_time"], unique=False)
    op.create_index(
        "ix_office_request_values",
        "office_request",
        ["values"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"values": "jsonb_path_ops"},
    )
    op.create_index("uq_office_request_number", "office_request", ["company_id", "number"], unique=True)


def downgrade() -> None:
    op.drop_table("office_request")
    op.drop_table("form_version")
    op.drop_table("form_definition")
