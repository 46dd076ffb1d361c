"""How the answers at one approval node become one outcome.

Those who are asked stand in lines, and in a line one decides after another. `all`, `any` and `ratio` give everybody a
line of their own, `sequential` puts everybody into one; whoever is added to a turn stands in its line. A line has
agreed when everybody in it has, and refused when one of them has. `ratio` counts lines, so nobody weighs more by adding
others.

Whoever agreed to an earlier version of the document and is asked `again` is no voter of the node: the node waits for
them whatever the vote says, and ends where one of them refuses.

A turn here is anything with `line`, `place`, `state` and `veto`; `again` where it is not like the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

AGREED = ("APPROVED", "HANDLED", "SKIPPED")
COUNTED = ("OPEN", "WAITING", *AGREED, "REJECTED")


def final(action: str, turn: Any) -> bool:
    """Whether an answer ends the case whatever others say: a return; a refusal that is more than a vote."""
    return action == "return" or (action == "reject" and (turn.vote != "ratio" or turn.veto))


def outcome(vote: str, percent: int, turns: Iterable[Any]) -> str:
    """AGREED or REFUSED as soon as no answer that is still open can change it; "" until then.

    Whoever holds a veto is waited for: their answer can change it until it is given.
    """
    turns = list(turns)
    again = [turn for turn in turns if asked_again(turn)]
    if any(turn.state == "REJECTED" for turn in again):
        return "REFUSED"
    found = _vote(vote, percent, _lines(turn for turn in turns if not asked_again(turn)))
    return "" if found == "AGREED" and any(turn.state in ("OPEN", "WAITING") for turn in again) else found


def asked_again(turn: Any) -> bool:
    return bool(getattr(turn, "again", False))


def _vote(vote: str, percent: int, lines: list[list[Any]]) -> str:
    """What those say who are asked at the node itself."""
    refused = [line for line in lines if any(turn.state == "REJECTED" for turn in line)]
    agreed = [line for line in lines if all(turn.state in AGREED for turn in line)]
    needed = {"any": 1, "ratio": needed_of(percent, len(lines))}.get(vote, len(lines))
    most_refused = len(lines) - needed if vote == "ratio" else 0
    if len(refused) > most_refused or any(turn.veto and turn.state == "REJECTED" for line in refused for turn in line):
        return "REFUSED"
    heard = [line for line in lines if line not in refused]
    held = any(turn.veto and turn.state in ("OPEN", "WAITING") for line in heard for turn in line)
    return "AGREED" if len(agreed) >= needed and not held else ""


def needed_of(percent: int, asked: int) -> int:
    """How many of those asked make a share: rounded up, at least one."""
    return max(1, -(-asked * percent // 100))


def due(turns: Iterable[Any]) -> list[Any]:
    """Turns whose time has come: the first that waits in each line in which nobody decides and nobody refused."""
    found = []
    for line in _lines(turns):
        if not any(turn.state in ("OPEN", "REJECTED") for turn in line):
            found += [turn for turn in line if turn.state == "WAITING"][:1]
    return found


def _lines(turns: Iterable[Any]) -> list[list[Any]]:
    """Turns that count, line by line, each in its order."""
    counted = sorted((turn for turn in turns if turn.state in COUNTED), key=lambda turn: (turn.line, turn.place))
    return [list(line) for _, line in groupby(counted, key=lambda turn: turn.line)]
