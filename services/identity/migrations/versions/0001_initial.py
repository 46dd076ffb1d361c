"""The tables of identity and those that the chassis keeps beside them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("trace_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    op.create_table(
        "authorization_epoch",
        sa.Column("only", sa.Boolean(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.CheckConstraint('"only"', name=op.f("ck_authorization_epoch_one_row")),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_authorization_epoch")),
    )
    op.create_table(
        "company",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("short_name", sa.Text(), nullable=False),
        sa.Column("credit_code", sa.Text(), nullable=False),
        sa.Column("base_currency", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("bank_name", sa.Text(), nullable=False),
        sa.Column("bank_account", sa.Text(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_company")),
        sa.UniqueConstraint("code", name=op.f("uq_company_code")),
        sa.UniqueConstraint("credit_code", name=op.f("uq_company_credit_code")),
    )
    op.create_index(op.f("ix_company_created_at"), "company", ["created_at"], unique=False)
    op.create_index(op.f("ix_company_name"), "company", ["name"], unique=False)
    op.create_index("ix_company_search", "company", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_company_state"), "company", ["state"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("actor_id", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("company_id", "actor_id", "method", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"], unique=False)
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column(
            "processed_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("consumer", "event_id", name=op.f("pk_inbox")),
    )
    op.create_index(op.f("ix_inbox_processed_at"), "inbox", ["processed_at"], unique=False)
    op.create_table(
        "number_series",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "series", "period", name=op.f("pk_number_series")),
    )
    op.create_table(
        "outbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("aggregate_type", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("aggregate_id", "version", "subject", name=op.f("uq_outbox_aggregate_id_version_subject")),
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"], unique=False)
    op.create_index(
        "ix_outbox_todo",
        "outbox",
        ["created_at", "event_id"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "parked_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("aggregate_id", sa.Text(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("headers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("replay_requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolved_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_parked_event")),
        sa.UniqueConstraint("consumer", "event_id", name=op.f("uq_parked_event_consumer_event_id")),
    )
    op.create_index(op.f("ix_parked_event_replay_requested_at"), "parked_event", ["replay_requested_at"], unique=False)
    op.create_table(
        "participant",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", "employee_id", name=op.f("pk_participant")),
    )
    op.create_index("ix_participant_employee_id", "participant", ["employee_id"], unique=False)
    op.create_table(
        "post",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
        sa.UniqueConstraint("code", name=op.f("uq_post_code")),
    )
    op.create_index(op.f("ix_post_created_at"), "post", ["created_at"], unique=False)
    op.create_index(op.f("ix_post_level"), "post", ["level"], unique=False)
    op.create_index(op.f("ix_post_name"), "post", ["name"], unique=False)
    op.create_index("ix_post_search", "post", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_post_state"), "post", ["state"], unique=False)
    op.create_table(
        "role",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("built_in", sa.Boolean(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role")),
        sa.UniqueConstraint("code", name=op.f("uq_role_code")),
    )
    op.create_index(op.f("ix_role_created_at"), "role", ["created_at"], unique=False)
    op.create_index(op.f("ix_role_name"), "role", ["name"], unique=False)
    op.create_index("ix_role_search", "role", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_role_state"), "role", ["state"], unique=False)
    op.create_table(
        "audit_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("document_type", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name=op.f("fk_audit_change_entry_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_change")),
    )
    op.create_index("ix_audit_change_document", "audit_change", ["document_id", "id"], unique=False)
    op.create_index(op.f("ix_audit_change_entry_id"), "audit_change", ["entry_id"], unique=False)
    op.create_table(
        "department",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("head_id", sa.Uuid(), nullable=True),
        sa.Column("sort_order", sa.Integer(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("parent_id <> id", name=op.f("ck_department_parent_is_another")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_department_company_id")),
        sa.ForeignKeyConstraint(["parent_id"], ["department.id"], name=op.f("fk_department_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("company_id", "code", name=op.f("uq_department_company_id_code")),
    )
    op.create_index(op.f("ix_department_company_id"), "department", ["company_id"], unique=False)
    op.create_index(op.f("ix_department_created_at"), "department", ["created_at"], unique=False)
    op.create_index(op.f("ix_department_head_id"), "department", ["head_id"], unique=False)
    op.create_index(op.f("ix_department_name"), "department", ["name"], unique=False)
    op.create_index(op.f("ix_department_parent_id"), "department", ["parent_id"], unique=False)
    op.create_index("ix_department_search", "department", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_department_state"), "department", ["state"], unique=False)
    op.create_table(
        "employee",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("home_company_id", sa.Uuid(), nullable=True),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("hire_date", sa.Date(), nullable=True),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("sort_key", sa.Text(), nullable=False),
        sa.Column("disable_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("account_state", sa.Text(), nullable=False),
        sa.Column("account_problem", sa.Text(), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_employee_department_id")),
        sa.ForeignKeyConstraint(["home_company_id"], ["company.id"], name=op.f("fk_employee_home_company_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_employee_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_employee")),
        sa.UniqueConstraint("code", name=op.f("uq_employee_code")),
        sa.UniqueConstraint("username", name=op.f("uq_employee_username")),
    )
    op.create_index(op.f("ix_employee_account_state"), "employee", ["account_state"], unique=False)
    op.create_index(op.f("ix_employee_created_at"), "employee", ["created_at"], unique=False)
    op.create_index(op.f("ix_employee_department_id"), "employee", ["department_id"], unique=False)
    op.create_index(op.f("ix_employee_email"), "employee", ["email"], unique=False)
    op.create_index(op.f("ix_employee_hire_date"), "employee", ["hire_date"], unique=False)
    op.create_index(op.f("ix_employee_home_company_id"), "employee", ["home_company_id"], unique=False)
    op.create_index(op.f("ix_employee_name"), "employee", ["name"], unique=False)
    op.create_index(op.f("ix_employee_post_id"), "employee", ["post_id"], unique=False)
    op.create_index("ix_employee_search", "employee", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_employee_sort_key"), "employee", ["sort_key"], unique=False)
    op.create_index(op.f("ix_employee_state"), "employee", ["state"], unique=False)
    op.create_table(
        "account",
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("keycloak_id", sa.Text(), nullable=True),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("password_temporary", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_account_employee_id")),
        sa.PrimaryKeyConstraint("employee_id", name=op.f("pk_account")),
    )
    op.create_index("ix_account_due_at", "account", ["due_at"], unique=False)
    op.create_table(
        "preference",
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_preference_employee_id")),
        sa.PrimaryKeyConstraint("employee_id", "key", name=op.f("pk_preference")),
    )
    op.create_table(
        "role_grant",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("role_id", sa.Uuid(), nullable=False),
        sa.Column("grant_company_id", sa.Uuid(), nullable=True),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("department_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("valid_from_date", sa.Date(), nullable=True),
        sa.Column("valid_until_date", sa.Date(), nullable=True),
        sa.Column("revoke_reason", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("custom_fields", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint("scope <> 'ALL' OR grant_company_id IS NULL", name=op.f("ck_role_grant_all_companies")),
        sa.CheckConstraint(
            "scope <> 'CHOSEN' OR cardinality(department_ids) > 0", name=op.f("ck_role_grant_chosen_departments")
        ),
        sa.CheckConstraint("valid_until_date >= valid_from_date", name=op.f("ck_role_grant_dates_in_order")),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_role_grant_employee_id")),
        sa.ForeignKeyConstraint(["grant_company_id"], ["company.id"], name=op.f("fk_role_grant_grant_company_id")),
        sa.ForeignKeyConstraint(["role_id"], ["role.id"], name=op.f("fk_role_grant_role_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
    )
    op.create_index(op.f("ix_role_grant_created_at"), "role_grant", ["created_at"], unique=False)
    op.create_index(op.f("ix_role_grant_employee_id"), "role_grant", ["employee_id"], unique=False)
    op.create_index(op.f("ix_role_grant_grant_company_id"), "role_grant", ["grant_company_id"], unique=False)
    op.create_index(op.f("ix_role_grant_role_id"), "role_grant", ["role_id"], unique=False)
    op.create_index(op.f("ix_role_grant_scope"), "role_grant", ["scope"], unique=False)
    op.create_index(op.f("ix_role_grant_state"), "role_grant", ["state"], unique=False)
    op.create_index(
        "uq_grant_reach",
        "role_grant",
        ["employee_id", "role_id", "grant_company_id", "scope", "department_ids"],
        unique=True,
        postgresql_where=sa.text("state = 'ACTIVE'"),
        postgresql_nulls_not_distinct=True,
    )
    # a department has a head, and the head a department: the second half of the circle comes last
    op.create_foreign_key(op.f("fk_department_head_id"), "department", "employee", ["head_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_department_head_id"), "department", type_="foreignkey")
    op.drop_index(
        "uq_grant_reach",
        table_name="role_grant",
        postgresql_where=sa.text("state = 'ACTIVE'"),
        postgresql_nulls_not_distinct=True,
    )
    op.drop_index(op.f("ix_role_grant_state"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_scope"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_role_id"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_grant_company_id"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_employee_id"), table_name="role_grant")
    op.drop_index(op.f("ix_role_grant_created_at"), table_name="role_grant")
    op.drop_table("role_grant")
    op.drop_table("preference")
    op.drop_index("ix_account_due_at", table_name="account")
    op.drop_table("account")
    op.drop_index(op.f("ix_employee_state"), table_name="employee")
    op.drop_index(op.f("ix_employee_sort_key"), table_name="employee")
    op.drop_index("ix_employee_search", table_name="employee", postgresql_using="gin")
    op.drop_index(op.f("ix_employee_post_id"), table_name="employee")
    op.drop_index(op.f("ix_employee_name"), table_name="employee")
    op.drop_index(op.f("ix_employee_home_company_id"), table_name="employee")
    op.drop_index(op.f("ix_employee_hire_date"), table_name="employee")
    op.drop_index(op.f("ix_employee_email"), table_name="employee")
    op.drop_index(op.f("ix_employee_department_id"), table_name="employee")
    op.drop_index(op.f("ix_employee_created_at"), table_name="employee")
    op.drop_index(op.f("ix_employee_account_state"), table_name="employee")
    op.drop_table("employee")
    op.drop_index(op.f("ix_department_state"), table_name="department")
    op.drop_index("ix_department_search", table_name="department", postgresql_using="gin")
    op.drop_index(op.f("ix_department_parent_id"), table_name="department")
    op.drop_index(op.f("ix_department_name"), table_name="department")
    op.drop_index(op.f("ix_department_head_id"), table_name="department")
    op.drop_index(op.f("ix_department_created_at"), table_name="department")
    op.drop_index(op.f("ix_department_company_id"), table_name="department")
    op.drop_table("department")
    op.drop_index(op.f("ix_audit_change_entry_id"), table_name="audit_change")
    op.drop_index("ix_audit_change_document", table_name="audit_change")
    op.drop_table("audit_change")
    op.drop_index(op.f("ix_role_state"), table_name="role")
    op.drop_index("ix_role_search", table_name="role", postgresql_using="gin")
    op.drop_index(op.f("ix_role_name"), table_name="role")
    op.drop_index(op.f("ix_role_created_at"), table_name="role")
    op.drop_table("role")
    op.drop_index(op.f("ix_post_state"), table_name="post")
    op.drop_index("ix_post_search", table_name="post", postgresql_using="gin")
    op.drop_index(op.f("ix_post_name"), table_name="post")
    op.drop_index(op.f("ix_post_level"), table_name="post")
    op.drop_index(op.f("ix_post_created_at"), table_name="post")
    op.drop_table("post")
    op.drop_index("ix_participant_employee_id", table_name="participant")
    op.drop_table("participant")
    op.drop_index(op.f("ix_parked_event_replay_requested_at"), table_name="parked_event")
    op.drop_table("parked_event")
    op.drop_index("ix_outbox_todo", table_name="outbox", postgresql_where=sa.text("published_at IS NULL"))
    op.drop_index("ix_outbox_created_at", table_name="outbox")
    op.drop_table("outbox")
    op.drop_table("number_series")
    op.drop_index(op.f("ix_inbox_processed_at"), table_name="inbox")
    op.drop_table("inbox")
    op.drop_index(op.f("ix_idempotency_created_at"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(op.f("ix_company_state"), table_name="company")
    op.drop_index("ix_company_search", table_name="company", postgresql_using="gin")
    op.drop_index(op.f("ix_company_name"), table_name="company")
    op.drop_index(op.f("ix_company_created_at"), table_name="company")
    op.drop_table("company")
    op.drop_table("authorization_epoch")
    op.drop_index(op.f("ix_audit_entry_at"), table_name="audit_entry")
    op.drop_table("audit_entry")
