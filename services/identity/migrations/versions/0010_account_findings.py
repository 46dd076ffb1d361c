"""findings about accounts changed in Keycloak, and what both sides last agreed on"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "keycloak_watch",
        sa.Column("only", sa.Boolean(), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint('"only"', name=op.f("ck_keycloak_watch_one_row")),
        sa.PrimaryKeyConstraint("only", name=op.f("pk_keycloak_watch")),
    )
    op.create_table(
        "account_finding",
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=True),
        sa.Column("username", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("heyi_value", sa.Text(), nullable=False),
        sa.Column("keycloak_value", sa.Text(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("change_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("from_directory", sa.Boolean(), nullable=False),
        sa.Column("keycloak_id", sa.Text(), nullable=False),
        sa.Column("decide_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("to_block", sa.Boolean(), nullable=False),
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
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_account_finding_employee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_finding")),
    )
    op.create_index(op.f("ix_account_finding_created_at"), "account_finding", ["created_at"], unique=False)
    op.create_index(op.f("ix_account_finding_employee_id"), "account_finding", ["employee_id"], unique=False)
    op.create_index(op.f("ix_account_finding_from_directory"), "account_finding", ["from_directory"], unique=False)
    op.create_index(op.f("ix_account_finding_keycloak_id"), "account_finding", ["keycloak_id"], unique=False)
    op.create_index(op.f("ix_account_finding_kind"), "account_finding", ["kind"], unique=False)
    op.create_index(op.f("ix_account_finding_name"), "account_finding", ["name"], unique=False)
    op.create_index("ix_account_finding_search", "account_finding", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_account_finding_state"), "account_finding", ["state"], unique=False)
    op.create_index(
        "ix_account_finding_to_block", "account_finding", ["id"], unique=False, postgresql_where=sa.text("to_block")
    )
    op.create_index(op.f("ix_account_finding_username"), "account_finding", ["username"], unique=False)
    op.create_index(
        "uq_account_finding_open",
        "account_finding",
        ["keycloak_id", "kind"],
        unique=True,
        postgresql_where=sa.text("state = 'OPEN'"),
    )
    op.add_column(
        "account", sa.Column("agreed", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.add_column(
        "account", sa.Column("attempts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True)
    )
    op.add_column("account", sa.Column("from_directory", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("account", sa.Column("changed_by", sa.Text(), server_default="", nullable=False))
    op.add_column("account", sa.Column("change_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_account_keycloak_id", "account", ["keycloak_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_account_keycloak_id", table_name="account")
    op.drop_column("account", "change_time")
    op.drop_column("account", "changed_by")
    op.drop_column("account", "from_directory")
    op.drop_column("account", "attempts")
    op.drop_column("account", "agreed")
    op.drop_index("uq_account_finding_open", table_name="account_finding", postgresql_where=sa.text("state = 'OPEN'"))
    op.drop_index(op.f("ix_account_finding_username"), table_name="account_finding")
    op.drop_index("ix_account_finding_to_block", table_name="account_finding", postgresql_where=sa.text("to_block"))
    op.drop_index(op.f("ix_account_finding_state"), table_name="account_finding")
    op.drop_index("ix_account_finding_search", table_name="account_finding", postgresql_using="gin")
    op.drop_index(op.f("ix_account_finding_name"), table_name="account_finding")
    op.drop_index(op.f("ix_account_finding_kind"), table_name="account_finding")
    op.drop_index(op.f("ix_account_finding_keycloak_id"), table_name="account_finding")
    op.drop_index(op.f("ix_account_finding_from_directory"), table_name="account_finding")
    op.drop_index(op.f("ix_account_finding_employee_id"), table_name="account_finding")
    op.drop_index(op.f("ix_account_finding_created_at"), table_name="account_finding")
    op.drop_table("account_finding")
    op.drop_table("keycloak_watch")
