"""the whole trail: reads, sign-ins, where from; seals, and what was thrown away"""

from chassis.shared_migrations.audit_trail import downgrade, upgrade

__all__ = ["downgrade", "upgrade"]

revision = "0016"
down_revision = "0015"
