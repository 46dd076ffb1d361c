"""the whole trail: reads, sign-ins, where from; seals, and what was thrown away"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

INSTANT = sa.DateTime(timezone=True)
WAYS = ("actor_id", "kind", "company_id", "on_behalf_id", "ip_address", "service")


def columns() -> list[sa.Column[Any]]:
    """New ones each time: a column belongs to one table."""
    return [
        sa.Column("kind", sa.Text(), server_default="CHANGED", nullable=False),
        sa.Column("on_behalf_id", sa.Uuid(), nullable=True),
        sa.Column("ip_address", sa.Text(), nullable=True),
        sa.Column("document_types", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("document_ids", postgresql.ARRAY(sa.Uuid()), nullable=True),
    ]


def upgrade() -> None:
    op.create_table(
        "audit_expiry",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("before", INSTANT, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_audit_expiry")),
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("entry_ids", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("kinds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("entry_hashes", postgresql.ARRAY(sa.LargeBinary()), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seal")),
    )
    op.create_index("ix_audit_seal_day", "audit_seal", ["day"])
    op.create_index("ix_audit_seal_until", "audit_seal", ["until"])
    for column in columns():
        op.add_column("audit_entry", column)
    op.add_column("audit_entry", sa.Column("recorded_at", INSTANT, nullable=True))
    op.execute("UPDATE audit_entry SET recorded_at = at")
    types = sa.text(
        "UPDATE audit_entry e SET document_types = c.types FROM ("
        "SELECT entry_id, array_agg(DISTINCT :service || '.' || document_type) AS types "
        "FROM audit_change GROUP BY 1) c "
        "WHERE c.entry_id = e.id"
    )
    op.execute(types.bindparams(service=op.get_context().opts["target_metadata"].info["service"]))
    now = sa.text("clock_timestamp()")
    op.alter_column("audit_entry", "recorded_at", nullable=False, server_default=now)
    op.drop_index("ix_audit_entry_at", table_name="audit_entry")
    op.create_index("ix_audit_entry_at", "audit_entry", ["at", "id"])
    for name in WAYS:
        where = None if name in ("kind", "company_id") else sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_audit_entry_{name}", "audit_entry", [name, "at", "id"], postgresql_where=where)
    op.create_index(
        "ix_audit_entry_refused", "audit_entry", ["at", "id"], postgresql_where=sa.text("outcome != 'done'")
    )
    op.create_index("ix_audit_entry_recorded_at", "audit_entry", ["recorded_at"])
    op.create_index("ix_audit_entry_trace_id", "audit_entry", ["trace_id"])
    for name in ("document_types", "document_ids"):
        where = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_audit_entry_{name}", "audit_entry", [name], postgresql_using="gin", postgresql_where=where)


def downgrade() -> None:
    for name in (*WAYS, "refused", "recorded_at", "trace_id", "document_types", "document_ids", "at"):
        op.drop_index(f"ix_audit_entry_{name}", table_name="audit_entry")
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    for name in ("recorded_at", *(column.name for column in columns())):
        op.drop_column("audit_entry", name)
    op.execute("DROP FUNCTION IF EXISTS audit_expire(text, timestamptz, int)")
    op.drop_table("audit_seal")
    op.drop_table("audit_expiry")
