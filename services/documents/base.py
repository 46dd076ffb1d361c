"""The tables of documents share this Base; no other service sees them."""

from chassis.db import service_base

Base = service_base("documents")
