"""What stands before what in a tree."""

from __future__ import annotations

import pytest

from approval.engine import order
from approval.tests.factories import approve, branch, condition, parallel, sequence
from approval.tests.worlds import flow

EITHER = condition("q", branch("q1", approve("e", "head"), when="amount > 1"), branch("q2", approve("f", "head")))
TREE = sequence(
    approve("a", "head"),
    parallel(
        "p",
        branch("p1", approve("b", "boss"), approve("c", "buyer")),
        branch("p2", approve("d", "boss"), EITHER),
    ),
    approve("g", "head"),
)
ASKED = "abcdefg"


@pytest.mark.parametrize(
    ("node", "targets"),
    [
        ("a", ""),
        ("b", "a"),
        ("c", "ab"),
        ("d", "a"),
        ("e", "ad"),
        ("f", "ad"),
        ("g", "abcdef"),
    ],
)
def test_a_return_leads_to_what_stands_before_never_beside_or_behind(node, targets):
    assert [found.id for found in order.before(flow(TREE), node, ASKED)] == list(targets)


def test_only_where_somebody_was_asked():
    assert [found.id for found in order.before(flow(TREE), "g", {"a", "d", "g"})] == ["a", "d"]


@pytest.mark.parametrize(
    ("node", "undone"),
    [
        ("g", {"root", "g"}),
        ("c", {"root", "p", "p1", "c", "g"}),
        ("b", {"root", "p", "p1", "b", "c", "g"}),
        ("d", {"root", "p", "p2", "d", "q", "q1", "q2", "e", "f", "g"}),
        ("a", set("abcdefg") | {"root", "p", "p1", "p2", "q", "q1", "q2"}),
    ],
)
def test_a_return_undoes_its_target_what_is_around_it_and_what_is_behind(node, undone):
    assert set(order.undone_by(flow(TREE), node)) == undone
