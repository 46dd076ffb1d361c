"""How answers at one node become one outcome: tables, and what holds for every ballot."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval.engine.ballot import due, final, needed_of, outcome


@dataclass(frozen=True)
class Turn:
    line: int
    place: int
    state: str
    veto: bool = False
    vote: str = ""


STATES = {"o": "OPEN", "w": "WAITING", "a": "APPROVED", "s": "SKIPPED", "r": "REJECTED", "x": "CANCELLED"}


def turns(text: str) -> list[Turn]:
    """`a O ow`: three lines; the second holds a veto, in the third one waits behind one that is open."""
    lines = [[*enumerate(line)] for line in text.split()]
    return [
        Turn(number, place, STATES[letter.lower()], veto=letter.isupper())
        for number, line in enumerate(lines)
        for place, letter in line
    ]


OUTCOMES = [
    # vote, percent, turns, outcome
    ("all", 0, "a o", ""),
    ("all", 0, "a s", "AGREED"),
    ("all", 0, "a r", "REFUSED"),
    ("any", 0, "o o", ""),
    ("any", 0, "a o", "AGREED"),
    ("any", 0, "r o", "REFUSED"),
    ("sequential", 0, "aow", ""),
    ("sequential", 0, "aaa", "AGREED"),
    ("sequential", 0, "arw", "REFUSED"),
    # two thirds of three are two: one refusal is borne, a second cannot be
    ("ratio", 66, "a o o", ""),
    ("ratio", 66, "a a o", "AGREED"),
    ("ratio", 66, "a r o", ""),
    ("ratio", 66, "r r o", "REFUSED"),
    ("ratio", 67, "a a o", ""),
    ("ratio", 67, "r o o", "REFUSED"),
    ("ratio", 100, "a a r", "REFUSED"),
    ("ratio", 1, "r r o", ""),
    ("ratio", 1, "r r r", "REFUSED"),
    ("ratio", 1, "r r a", "AGREED"),
    ("ratio", 50, "s o", "AGREED"),
    # a veto ends at once, and is waited for
    ("ratio", 50, "a a R o", "REFUSED"),
    ("ratio", 50, "a a O o", ""),
    ("ratio", 50, "a a A o", "AGREED"),
    ("ratio", 50, "r o A o", ""),
    # who was added stands in the line: the line agrees when all in it did, and counts once
    ("all", 0, "ao a", ""),
    ("all", 0, "aa a", "AGREED"),
    ("any", 0, "ao o", ""),
    ("ratio", 50, "aaa o", "AGREED"),
    ("ratio", 50, "ar a r", "REFUSED"),
    # a veto behind somebody who refused is not waited for: its line is lost
    ("ratio", 50, "a rW", "AGREED"),
    ("ratio", 50, "a oW", ""),
    # who is out does not count
    ("all", 0, "xa a", "AGREED"),
    ("ratio", 50, "a xo", "AGREED"),
]


@pytest.mark.parametrize(("vote", "percent", "text", "expected"), OUTCOMES)
def test_answers_become_one_outcome(vote: str, percent: int, text: str, expected: str):
    assert outcome(vote, percent, turns(text)) == expected


@pytest.mark.parametrize(
    ("percent", "asked", "needed"), [(50, 2, 1), (50, 3, 2), (51, 2, 2), (1, 3, 1), (100, 3, 3), (67, 3, 3), (66, 3, 2)]
)
def test_a_share_is_rounded_up(percent: int, asked: int, needed: int):
    assert needed_of(percent, asked) == needed


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ow w", [(1, 0)]), ("aw ow", [(0, 1)]), ("rw", []), ("xw w", [(0, 1), (1, 0)]), ("aa", [])],
)
def test_the_first_that_waits_in_a_line_is_next(text: str, expected: list[tuple[int, int]]):
    assert [(turn.line, turn.place) for turn in due(turns(text))] == expected


@pytest.mark.parametrize(
    ("action", "vote", "veto", "expected"),
    [
        ("approve", "all", False, False),
        ("reject", "all", False, True),
        ("reject", "any", False, True),
        ("reject", "sequential", False, True),
        ("reject", "ratio", False, False),
        ("reject", "ratio", True, True),
        ("return", "ratio", False, True),
    ],
)
def test_a_refusal_is_more_than_a_vote_unless_a_share_decides(action: str, vote: str, veto: bool, expected: bool):
    assert final(action, Turn(0, 0, "OPEN", veto, vote)) is expected


VOTES = st.sampled_from(["all", "any", "ratio", "sequential"])
BALLOTS = st.lists(
    st.tuples(st.lists(st.sampled_from(["o", "w", "a", "s", "r"]), min_size=1, max_size=3), st.booleans()),
    min_size=1,
    max_size=5,
).map(lambda lines: [t for n, (line, veto) in enumerate(lines) for t in turns_of(n, line, veto)])


def turns_of(number: int, line: list[str], veto: bool) -> list[Turn]:
    return [Turn(number, place, STATES[letter], veto) for place, letter in enumerate(line)]


@given(VOTES, st.integers(1, 100), BALLOTS, st.data())
def test_what_is_decided_stays_decided_and_what_all_answered_is_decided(
    vote: str, percent: int, ballot: list[Turn], data: st.DataObject
):
    """No later answer turns an outcome round, and no ballot is left open by people who have all answered."""
    before = outcome(vote, percent, ballot)

    answered = [
        replace(turn, state=data.draw(st.sampled_from(["APPROVED", "REJECTED"])))
        if turn.state in ("OPEN", "WAITING")
        else turn
        for turn in ballot
    ]

    after = outcome(vote, percent, answered)
    assert after != ""
    if vote == "ratio":
        assert before in ("", after)
    elif before == "REFUSED":
        assert after == "REFUSED"
