"""Single values of a flow, as they come in JSON from anybody."""

from __future__ import annotations

import uuid

from chassis import ids


def key_of(raw: object) -> uuid.UUID | None:
    """An id; None for anything else."""
    try:
        return ids.parse(raw) if isinstance(raw, str) else None
    except ValueError:
        return None


def text_of(raw: object) -> str:
    """A text of at most 60 characters without its margins; empty for anything else."""
    return raw.strip() if isinstance(raw, str) and len(raw) <= 60 else ""


def keys_of(listed: object, most: int) -> tuple[uuid.UUID, ...]:
    """The ids that a list holds, each once; none where there are too many."""
    found = [key_of(member) for member in listed] if isinstance(listed, list) and len(listed) <= most else []
    return tuple(dict.fromkeys(key for key in found if key is not None))


def whole_of(raw: object) -> int:
    """A whole number; JSON that came through protobuf holds 2 as 2.0."""
    return int(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) and float(raw).is_integer() else 0


def number_of(raw: object, most: int) -> float:
    """A number above nothing and not beyond `most`; 0 for anything else."""
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) and 0 < raw <= most else 0
