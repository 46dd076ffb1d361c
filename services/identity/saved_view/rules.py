"""Whose a view is, who sees it, who changes it, and what may stand in it.

A view says what its list is asked for, never what it answers: whoever opens a shared one sees what they may see.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from chassis.errors import Refused

SHARE = "identity.saved_view.share"
MOST_OWN, MOST_SHARED = 20, 50
MOST_WORDS = 100
# search, sort, tab, switches, columns, size, and `f.<field>`; a field that was added is `f.custom_fields.<key>`
_NAME = re.compile(r"(f\.)?[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*", re.ASCII)
_NOT_OF_A_VIEW = {"company", "view"}


@dataclass(frozen=True)
class Viewer:
    """Who looks: in which company, with which roles there, of which departments with those above them."""

    person_id: uuid.UUID
    company_id: uuid.UUID
    role_ids: frozenset[uuid.UUID] = frozenset()
    department_ids: frozenset[uuid.UUID] = frozenset()
    shares: bool = False


def sees(view: Any, viewer: Viewer) -> bool:
    """Whether a view is the viewer's own or shared with them; who may share sees every shared one of the company."""
    if view.person_id == viewer.person_id:
        return True
    if view.sharing == "PRIVATE" or view.shared_company_id != viewer.company_id:
        return False
    return (
        viewer.shares
        or view.sharing == "EVERYBODY"
        or view.shared_role_id in viewer.role_ids
        or view.shared_department_id in viewer.department_ids
    )


def actions(view: Any, person_id: uuid.UUID, *, shares: bool) -> list[str]:
    """What somebody who sees it may do with it."""
    mine = view.person_id == person_id
    tends = mine or (shares and view.sharing != "PRIVATE")
    return [*(["update", "delete"] if tends else []), *(["share"] if tends and shares else [])]


def changeable(view: Any, action: str, person_id: uuid.UUID, *, shares: bool, person: str) -> None:
    """Refuse a change by somebody whose view it is not."""
    if action not in actions(view, person_id, shares=shares):
        raise Refused("SAVED_VIEW_OF_ANOTHER", person=person)


def name_of(text: str) -> str:
    """The name without spaces around it. Refuses one that shows nothing on its tab."""
    if not text.strip():
        raise Refused.fields([("name", "FIELD_REQUIRED", {})])
    return text.strip()


def query_of(text: str) -> str:
    """The address in its one spelling. Raises Refused for what is no address of a list."""
    try:
        words = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MOST_WORDS)
    except ValueError:
        raise Refused("SAVED_VIEW_QUERY", field="query", value=text[:50]) from None
    for name, _ in words:
        if name in _NOT_OF_A_VIEW or not _NAME.fullmatch(name):
            raise Refused("SAVED_VIEW_QUERY", field="query", value=name[:50])
    return urlencode(sorted(dict(words).items()))


def audience(
    sharing: str, role_id: uuid.UUID | None, department_id: uuid.UUID | None
) -> tuple[uuid.UUID | None, uuid.UUID | None]:
    """The role and the department that a sharing means. Refuses one that does not say which."""
    if sharing == "ROLE" and role_id is None:
        raise Refused.fields([("role_id", "FIELD_REQUIRED", {})])
    if sharing == "DEPARTMENT" and department_id is None:
        raise Refused.fields([("department_id", "FIELD_REQUIRED", {})])
    return (role_id if sharing == "ROLE" else None), (department_id if sharing == "DEPARTMENT" else None)


def room(others: int, limit: int) -> None:
    """Refuse one more than a page can show as tabs."""
    if others >= limit:
        raise Refused("SAVED_VIEW_TOO_MANY", limit=limit)
