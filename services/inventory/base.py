"""The tables of inventory share this Base; no other service sees them."""

from chassis.db import service_base

Base = service_base("inventory")

# Nobody deletes master data: it is taken out of use, and comes back. An import that is taken back removes what it made
# where nothing has changed or used it since.
MASTER_DATA = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "deactivate"): "INACTIVE",
    ("INACTIVE", "activate"): "ACTIVE",
}
