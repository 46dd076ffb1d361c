"""What a return left that comes straight back: the nodes that stood, and whom to ask there again. Kept as JSON with the
node to which it was returned, until that one is done.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from approval.engine.approvers import Asked
from approval.engine.walk import Left, Turn, Visit


def left_as_json(left: Sequence[Left]) -> list[Any] | None:
    """As it is kept; None where nothing was left."""
    kept = [
        {
            "node_id": one.node_id,
            "agreed": [str(who) for who in sorted(one.agreed)],
            "turns": [_turn_as_json(turn) for turn in one.turns],
            "left": left_as_json(one.left),
        }
        for one in left
    ]
    return kept or None


def ids_in(kept: Sequence[Any] | None) -> list[str]:
    """The nodes that are entered again, by their ids."""
    return [key for one in kept or () for key in (one["node_id"], *ids_in(one["left"]))]


def left_of(visit: Visit, kept: Sequence[Any] | None) -> list[Left]:
    """What a node was come to from; its turns stand at no node until they are asked again."""
    return [
        Left(
            one["node_id"],
            frozenset(uuid.UUID(who) for who in one["agreed"]),
            [_turn_of(visit, turn) for turn in one["turns"]],
            left_of(visit, one["left"]),
        )
        for one in kept or ()
    ]


def turns_at(visit: Visit, tasks: Iterable[Any]) -> list[Turn]:
    """The turns of a node as they are kept for asking again."""
    return [
        Turn(
            visit,
            Asked(task.assignee_id, task.reason, task.reason_facts or {}, task.veto),
            task.state,
            task.vote,
            task.vote_percent,
            task.line,
            task.place,
            task.to_claim,
            task.claim_time,
            task.added_by_id,
        )
        for task in tasks
        if task.visit_id == visit.id
    ]


def _turn_as_json(turn: Turn) -> dict[str, Any]:
    return {
        "asked": [str(turn.asked.employee_id), turn.asked.reason, dict(turn.asked.facts), turn.asked.veto],
        "vote": [turn.vote, turn.percent, turn.line, turn.place],
        "to_claim": turn.to_claim,
        "claim_time": turn.claim_time.isoformat() if turn.claim_time else None,
        "added_by_id": str(turn.added_by_id) if turn.added_by_id else None,
    }


def _turn_of(visit: Visit, kept: Any) -> Turn:
    who, reason, facts, veto = kept["asked"]
    vote, percent, line, place = kept["vote"]
    asked = Asked(uuid.UUID(who), reason, facts, veto)
    claimed = datetime.datetime.fromisoformat(kept["claim_time"]) if kept["claim_time"] else None
    added_by = uuid.UUID(kept["added_by_id"]) if kept["added_by_id"] else None
    return Turn(visit, asked, "WAITING", vote, percent, line, place, kept["to_claim"], claimed, added_by)
