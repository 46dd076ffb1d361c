"""The tables of identity share this Base; no other service sees them."""

from chassis.db import service_base

Base = service_base("identity", timers=True)

# Master data is never deleted: it is taken out of use, and comes back.
MASTER_DATA = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "deactivate"): "INACTIVE",
    ("INACTIVE", "activate"): "ACTIVE",
}
