"""Ids and etags: UUIDv7 in lower-case text, and versions as quoted numbers."""

from __future__ import annotations

import re
import uuid

from uuid_utils import compat

_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_ETAG = re.compile(r'"(0|[1-9][0-9]{0,9})"', re.ASCII)


def uuid7() -> uuid.UUID:
    """A new id. Later ids sort after earlier ones, so that indexes grow at their end."""
    return compat.uuid7()


def parse(text: str) -> uuid.UUID:
    """The id that a text names. Refuses every other notation of a UUID: braces, urn, no dashes."""
    if not _TEXT.fullmatch(text):
        raise ValueError(f"not an id: {text[:60]!r}")
    return uuid.UUID(text)


def etag_of(version: int) -> str:
    """`3` -> `"3"`."""
    return f'"{version}"'


def version_of(etag: str) -> int:
    """`"3"` -> `3`."""
    if not (match := _ETAG.fullmatch(etag)):
        raise ValueError(f"not an etag: {etag[:60]!r}")
    return int(match[1])
