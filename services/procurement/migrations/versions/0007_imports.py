"""imports"""

from chassis.shared_migrations.imports import downgrade, upgrade

__all__ = ["downgrade", "upgrade"]

revision = "0007"
down_revision = "0006"
