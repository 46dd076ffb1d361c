"""Who decides for somebody: delegates while a delegation lasts, and whoever takes over from who left. Pure.

A delegation never makes two votes of one, nor one of two: a turn stays the turn of whom it was asked of, in their line,
and whoever of the two answers first decides it. So a delegate who is asked in an own right too answers twice, once in
each line. Within one line (one after another, or added signers) nobody stands twice: there the turn is not delegated.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from approval.engine import ballot
from chassis.organisation import Deputy, Organisation


def way_of(organisation: Organisation, turn: Any, turns: Iterable[Any] = ()) -> tuple[uuid.UUID, ...]:
    """To whom a turn is delegated on, the last one decides; empty where it stays with its person.

    Each delegation on the way must cover the turn. The way ends before whoever asked, who is gone, and who stands on it
    already: nobody decides on an own request, and nobody chooses through a delegation of theirs who does. `turns` are
    those that may stand in the same line.
    """
    way: list[uuid.UUID] = []
    at = turn.assignee_id
    while (deputy := _deputy(organisation, at, turn)) is not None:
        at = deputy.delegate_id
        if at in (turn.requester_id, turn.assignee_id, *way) or not organisation.is_active(at):
            break
        way.append(at)
    return () if way and way[-1] in _beside(turn, turns) else tuple(way)


def delegate(organisation: Organisation, fresh: Iterable[Any], turns: Sequence[Any]) -> list[uuid.UUID]:
    """Write on these turns how they are delegated now, or that they are not; the delegates. `turns` as for `way_of`."""
    live = [turn for turn in fresh if turn.state in ("OPEN", "WAITING")]
    for turn in live:
        way = way_of(organisation, turn, turns)
        turn.delegation_chain_ids, turn.delegate_id = list(way), way[-1] if way else None
    return [turn.delegate_id for turn in live if turn.delegate_id]


def _beside(turn: Any, turns: Iterable[Any]) -> set[uuid.UUID]:
    """Everybody who stands in the line of a turn beside it, in an own right or for somebody."""
    line = [t for t in turns if t is not turn and (t.visit_id, t.line) == (turn.visit_id, turn.line)]
    return {who for t in line if t.state in ballot.COUNTED for who in (t.assignee_id, t.delegate_id) if who}


def _deputy(organisation: Organisation, employee_id: uuid.UUID, turn: Any) -> Deputy | None:
    """The delegation of one person that covers a turn today; the days are those of the person's company."""
    person = organisation.people.get(employee_id)
    if person is None or not person.active or person.company_id is None:
        return None
    today = organisation.today(person.company_id)
    covering = (
        deputy
        for deputy in organisation.delegations.get(employee_id, ())
        if deputy.covers(turn.document_type, _amount_of(turn), turn.currency, today)
    )
    return next(covering, None)


def _amount_of(turn: Any) -> Any:
    """What the turn is about, also where it is hidden from whose turn it is."""
    return turn.amount if turn.amount is not None else turn.full_amount


def has_left(organisation: Organisation, employee_id: uuid.UUID) -> bool:
    """Whether somebody is gone and their turns go to others."""
    return employee_id in organisation.successors and not organisation.is_active(employee_id)


def heirs_of(organisation: Organisation, employee_id: uuid.UUID) -> Iterator[uuid.UUID]:
    """Who could take over from somebody who left: the successor, or whose successor that one is by now; then the heads
    above who left, nearest first.
    """
    seen, at = {employee_id}, organisation.successors.get(employee_id)
    while at is not None and at not in seen:
        seen.add(at)
        if organisation.is_active(at):
            yield at
            break
        at = organisation.successors.get(at)
    yield from organisation.head_chain(employee_id)
