"""The organisation in time: placements, headships, what departments were, reorganisations.

Everybody gets a principal placement from the day they joined, else from the day of their record; a department is known
from the first day on which somebody was placed in its company; who heads it now has done so since it was recorded.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

FILL = (
    """
    INSERT INTO placement (id, version, company_id, state, employee_id, kind, department_id, post_id, from_date, reason)
    SELECT gen_random_uuid(), 1, e.home_company_id, 'ACTIVE', e.id, 'PRINCIPAL', e.department_id, e.post_id,
      greatest(least(e.hire_date, (e.created_at AT TIME ZONE c.time_zone)::date), DATE '1900-01-01'), ''
    FROM employee e JOIN company c ON c.id = e.home_company_id WHERE e.department_id IS NOT NULL
    """,
    """
    INSERT INTO department_period (id, department_id, line_number, from_date, name, parent_id, state)
    SELECT gen_random_uuid(), d.id, 1, least(
        (d.created_at AT TIME ZONE c.time_zone)::date,
        (SELECT min(p.from_date) FROM placement p WHERE p.company_id = d.company_id)
      ), d.name, d.parent_id, d.state
    FROM department d JOIN company c ON c.id = d.company_id
    """,
    """
    INSERT INTO headship (id, version, company_id, state, department_id, kind, employee_id, from_date, reason)
    SELECT gen_random_uuid(), 1, d.company_id, 'ACTIVE', d.id, 'HEAD', d.head_id,
      (d.created_at AT TIME ZONE c.time_zone)::date, ''
    FROM department d JOIN company c ON c.id = d.company_id WHERE d.head_id IS NOT NULL
    """,
)


def upgrade() -> None:
    # uuid = in an exclusion constraint; a trusted extension, which the owner of the database may create
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.create_table(
        "timer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("due_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("left_seconds", sa.Integer(), nullable=True),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("part_id", sa.Uuid(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
    )
    op.create_index("ix_timer_due_time", "timer", ["due_time"], unique=False)
    op.create_index("ix_timer_failing", "timer", ["due_time"], unique=False, postgresql_where=sa.text("error != ''"))
    op.create_index(op.f("ix_timer_subject_id"), "timer", ["subject_id"], unique=False)
    op.create_table(
        "department_period",
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_department_period_department_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department_period")),
    )
    op.create_index(op.f("ix_department_period_department_id"), "department_period", ["department_id"], unique=False)
    op.create_table(
        "headship",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
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
        postgresql.ExcludeConstraint(
            (sa.column("department_id"), "="),
            (sa.column("kind"), "="),
            (sa.text("daterange(from_date, until_date, '[]')"), "&&"),
            where=sa.text("state <> 'CANCELLED'"),
            deferrable=True,
            initially="DEFERRED",
            using="gist",
            name="ex_headship_alone",
        ),
        sa.CheckConstraint("until_date >= from_date", name=op.f("ck_headship_dates_in_order")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_headship_company_id")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_headship_department_id")),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_headship_employee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_headship")),
    )
    op.create_index(op.f("ix_headship_company_id"), "headship", ["company_id"], unique=False)
    op.create_index(op.f("ix_headship_created_at"), "headship", ["created_at"], unique=False)
    op.create_index(op.f("ix_headship_department_id"), "headship", ["department_id"], unique=False)
    op.create_index(op.f("ix_headship_employee_id"), "headship", ["employee_id"], unique=False)
    op.create_index(op.f("ix_headship_from_date"), "headship", ["from_date"], unique=False)
    op.create_index(op.f("ix_headship_kind"), "headship", ["kind"], unique=False)
    op.create_index("ix_headship_search", "headship", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_headship_state"), "headship", ["state"], unique=False)
    op.create_index(op.f("ix_headship_until_date"), "headship", ["until_date"], unique=False)
    op.create_table(
        "placement",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=False),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("reports_to_id", sa.Uuid(), nullable=True),
        sa.Column("from_date", sa.Date(), nullable=False),
        sa.Column("until_date", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
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
        postgresql.ExcludeConstraint(
            (sa.column("employee_id"), "="),
            (sa.text("daterange(from_date, until_date, '[]')"), "&&"),
            where=sa.text("kind = 'PRINCIPAL' AND state <> 'CANCELLED'"),
            deferrable=True,
            initially="DEFERRED",
            using="gist",
            name="ex_placement_principal",
        ),
        sa.CheckConstraint("until_date >= from_date", name=op.f("ck_placement_dates_in_order")),
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_placement_company_id")),
        sa.ForeignKeyConstraint(["department_id"], ["department.id"], name=op.f("fk_placement_department_id")),
        sa.ForeignKeyConstraint(["employee_id"], ["employee.id"], name=op.f("fk_placement_employee_id")),
        sa.ForeignKeyConstraint(["post_id"], ["post.id"], name=op.f("fk_placement_post_id")),
        sa.ForeignKeyConstraint(["reports_to_id"], ["employee.id"], name=op.f("fk_placement_reports_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_placement")),
    )
    op.create_index(op.f("ix_placement_company_id"), "placement", ["company_id"], unique=False)
    op.create_index(op.f("ix_placement_created_at"), "placement", ["created_at"], unique=False)
    op.create_index(op.f("ix_placement_department_id"), "placement", ["department_id"], unique=False)
    op.create_index(op.f("ix_placement_employee_id"), "placement", ["employee_id"], unique=False)
    op.create_index(op.f("ix_placement_from_date"), "placement", ["from_date"], unique=False)
    op.create_index(op.f("ix_placement_kind"), "placement", ["kind"], unique=False)
    op.create_index(op.f("ix_placement_post_id"), "placement", ["post_id"], unique=False)
    op.create_index(op.f("ix_placement_reports_to_id"), "placement", ["reports_to_id"], unique=False)
    op.create_index("ix_placement_search", "placement", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_placement_state"), "placement", ["state"], unique=False)
    op.create_index(op.f("ix_placement_until_date"), "placement", ["until_date"], unique=False)
    op.create_table(
        "reorganisation",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("effective_date", sa.Date(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("effect_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scheduled_by_id", sa.Uuid(), nullable=True),
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
        sa.ForeignKeyConstraint(["company_id"], ["company.id"], name=op.f("fk_reorganisation_company_id")),
        sa.ForeignKeyConstraint(["scheduled_by_id"], ["employee.id"], name=op.f("fk_reorganisation_scheduled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorganisation")),
    )
    op.create_index(op.f("ix_reorganisation_company_id"), "reorganisation", ["company_id"], unique=False)
    op.create_index(op.f("ix_reorganisation_created_at"), "reorganisation", ["created_at"], unique=False)
    op.create_index(op.f("ix_reorganisation_effective_date"), "reorganisation", ["effective_date"], unique=False)
    op.create_index(op.f("ix_reorganisation_scheduled_by_id"), "reorganisation", ["scheduled_by_id"], unique=False)
    op.create_index("ix_reorganisation_search", "reorganisation", ["search"], unique=False, postgresql_using="gin")
    op.create_index(op.f("ix_reorganisation_state"), "reorganisation", ["state"], unique=False)
    op.create_index(op.f("ix_reorganisation_title"), "reorganisation", ["title"], unique=False)
    op.create_table(
        "reorganisation_finding",
        sa.Column("reorganisation_id", sa.Uuid(), nullable=False),
        sa.Column("blocking", sa.Boolean(), nullable=False),
        sa.Column("about_line", sa.Integer(), nullable=False),
        sa.Column("what_key", sa.Text(), nullable=False),
        sa.Column("what_facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reorganisation_id"],
            ["reorganisation.id"],
            name=op.f("fk_reorganisation_finding_reorganisation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorganisation_finding")),
    )
    op.create_index(
        op.f("ix_reorganisation_finding_reorganisation_id"),
        "reorganisation_finding",
        ["reorganisation_id"],
        unique=False,
    )
    op.create_table(
        "reorganisation_line",
        sa.Column("reorganisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("department_id", sa.Uuid(), nullable=True),
        sa.Column("department_code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("parent_code", sa.Text(), nullable=False),
        sa.Column("employee_id", sa.Uuid(), nullable=True),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("reports_to_id", sa.Uuid(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reorganisation_id"],
            ["reorganisation.id"],
            name=op.f("fk_reorganisation_line_reorganisation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reorganisation_line")),
    )
    op.create_index(
        op.f("ix_reorganisation_line_reorganisation_id"), "reorganisation_line", ["reorganisation_id"], unique=False
    )
    for statement in FILL:
        op.execute(statement)


def downgrade() -> None:
    for table in (
        "reorganisation_line", "reorganisation_finding", "reorganisation", "placement", "headship", "department_period",
        "timer",
    ):  # fmt: skip
        op.drop_table(table)
