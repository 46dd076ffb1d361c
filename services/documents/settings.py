"""What this service is told beside what every service is: where files lie, how large they may be, who scans them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from documents.attachment.rules import Limits
from documents.store import Store


@dataclass(frozen=True)
class Settings:
    """HEYI_DOCUMENTS_STORE, _LIMITS and _CLAMD."""

    store: Store
    limits: Limits
    clamd: str


def settings_of(runtime: Any) -> Settings:
    """The settings of a running service. Raises ValueError with what cannot be read."""
    extras = runtime.settings.extras
    return _read(extras["STORE"], extras.get("LIMITS", ""), extras.get("CLAMD", ""))


@functools.cache
def _read(store: str, limits: str, clamd: str) -> Settings:
    if clamd and not clamd.rpartition(":")[2].isdigit():
        raise ValueError(f"HEYI_DOCUMENTS_CLAMD is host:port, not {clamd!r}")
    return Settings(Store(store), Limits.parse(limits), clamd)
