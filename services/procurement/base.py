"""The one Base of procurement's tables."""

from __future__ import annotations

from chassis.db import service_base

Base = service_base("procurement")
