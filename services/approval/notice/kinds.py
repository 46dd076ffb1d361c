"""Of which kind a notice is: by that somebody chooses how to be told."""

from __future__ import annotations

KINDS = {
    "TURN": [
        "notice.todo",
        "notice.todo_for",
        "notice.handed_over",
        "notice.asked_again",
        "notice.change_refused",
        "notice.returned_here",
        "notice.parked",
        "notice.publication",
    ],
    "COPY": ["notice.copied"],
    "MENTION": ["notice.mentioned"],
    "URGE": [
        "notice.urged",
        "notice.overdue",
        "notice.supervised",
        "notice.supervision_reminder",
        "notice.supervision_late",
    ],
    "OUTCOME": [
        "notice.approved",
        "notice.rejected",
        "notice.rejected_by_rule",
        "notice.timed_out",
        "notice.returned",
        "notice.publication_approved",
        "notice.publication_refused",
        "notice.supervision_done_approved",
        "notice.supervision_done_rejected",
        "notice.supervision_done_returned",
        "notice.supervision_done_withdrawn",
    ],
    "TEST": ["notice.test"],
}
CHOSEN = ("TURN", "COPY", "MENTION", "URGE", "OUTCOME", "PROGRESS")
_BY_KEY = {key: kind for kind, keys in KINDS.items() for key in keys}


def kind_of(text_key: str) -> str:
    """The kind of a notice with this text: `TURN` where a decision is wanted; `PROGRESS` is all the rest."""
    return _BY_KEY.get(text_key, "PROGRESS")
