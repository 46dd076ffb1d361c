"""fields that administrators add"""

from chassis.shared_migrations.custom_fields import downgrade, upgrade

__all__ = ["downgrade", "upgrade"]

revision = "0015"
down_revision = "0014"
