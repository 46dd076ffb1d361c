"""States are data: one table per document says which action leads where.

The same table moves a document, tells the page which buttons to show, and is tested exhaustively.
"""

from __future__ import annotations

from typing import Any

from chassis.errors import Refused

Transitions = dict[tuple[str, str], str]


def advance(document: Any, action: str) -> None:
    """Move a document by an action. Raises ACTION_NOT_ALLOWED where its state does not allow it."""
    following = document.__transitions__.get((document.state, action))
    if following is None:
        raise Refused(
            "ACTION_NOT_ALLOWED",
            document_type=type(document).__message__.DESCRIPTOR.name,
            number=getattr(document, "number", None) or getattr(document, "code", None) or "",
            state=document.state,
            action=action,
        )
    document.state = following


def allowed_actions(document: Any) -> list[str]:
    """Actions that the document's state allows, in the table's order."""
    return [action for state, action in document.__transitions__ if state == document.state]
