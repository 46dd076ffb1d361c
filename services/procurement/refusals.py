"""Collecting what is wrong with a document, so that a person sees all of it at once."""

from __future__ import annotations

from chassis.errors import Refused

Violation = tuple[str, str, dict[str, object]]


def refuse(violations: list[Violation]) -> None:
    """Raise what was found: one refusal by its own name, several as one request with fields at fault."""
    if len(violations) == 1:
        path, reason, facts = violations[0]
        raise Refused(reason, path, **facts)
    if violations:
        raise Refused.fields(violations)
