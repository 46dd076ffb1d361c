"""What a node says of the document's fields to those who are asked or told there.

A right is given by the path of a field: `need_date`, `lines.unit_price`. Whether a type of document has such a field,
and whether people type it, its contract says (`chassis.seeing`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

# who is told, or does something, can only be kept from reading
RIGHTS = ("read", "hidden", "write", "required")
READING = RIGHTS[:2]
WRITING = RIGHTS[2:]
# what follows for who agreed, where the document says something else later: asked again (told of a mere cut), always
# asked again, told
CHANGED = ("ask", "always", "tell")
MOST = 200
PATH = re.compile(r"[a-z][a-z0-9_]{0,59}(\.[a-z][a-z0-9_]{0,59}){0,2}")


def read_rights(said: Any, allowed: Sequence[str]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Rights by their paths, and each path and right at fault; two empty texts: it is no such object."""
    if not isinstance(said, dict) or len(said) > MOST:
        return {}, [("", "")]
    faults = [(p, right) for p, right in said.items() if not PATH.fullmatch(str(p)) or right not in allowed]
    return {str(p): str(right) for p, right in said.items()}, [(str(p)[:60], str(r)[:60]) for p, r in faults]


def hidden_at(node: Any) -> list[str]:
    """The paths that a node hides from those who are asked or told there."""
    return sorted(path for path, right in getattr(node, "rights", {}).items() if right == "hidden")
