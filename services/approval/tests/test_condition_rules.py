"""What conditions see, and that money is compared exactly."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval.engine import conditions
from approval.engine.approvers import variables_of
from approval.tests.worlds import world

HOLDS = {
    "amount >= 8000": True,
    "amount > 8000": False,
    "amount > 7999.99": True,
    "amount == 8000": True,
    "amount != 8000.01": True,
    "currency == 'CNY' && company == 'C1'": True,
    "document_type.startsWith('procurement.')": True,
    "requester == 'E002'": True,
    "'Works' in departments": True,
    "post == 'worker' || post_level <= 2": True,
    "post_level < 4": False,
    "facts.urgent && facts.lines > 2": True,
    "has(facts.plant) ? facts.plant == 'P1' : true": True,
    "facts.kinds.exists(k, k == 'SERVICE')": True,
}


@pytest.mark.parametrize("expression", HOLDS)
def test_a_condition_answers(expression: str):
    seen = variables_of(world(facts={"urgent": True, "lines": 3.0, "kinds": ["PART", "SERVICE"]}))

    assert conditions.problem_of(expression) == ""
    assert conditions.holds(expression, seen) is HOLDS[expression]


@pytest.mark.parametrize("expression", ["facts.missing > 1", "facts.urgent", "1 / 0 > 1", "facts.name > 3"])
def test_a_condition_without_an_answer_fails_and_is_not_taken_for_no(expression: str):
    with pytest.raises(conditions.ConditionFailed):
        conditions.holds(expression, variables_of(world(facts={"urgent": "yes", "name": "x"})))


def test_a_condition_cannot_run_without_end():
    numbers = f"[{', '.join(map(str, range(30)))}]"
    expression = f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, {numbers}.all(d, a + b + c + d >= 0))))"

    with pytest.raises(conditions.ConditionFailed):
        conditions.holds(expression, variables_of(world()))


def test_an_amount_too_large_to_compare_exactly_is_refused():
    with pytest.raises(conditions.ConditionFailed):
        variables_of(world("90000000000000.01"))


cents = st.integers(0, 9_000_000_000_000_000).map(lambda n: Decimal(n).scaleb(-2))


@given(cents, st.one_of(cents, st.just(None)))
def test_amounts_are_compared_as_decimals(amount: Decimal, other: Decimal | None):
    other = amount if other is None else other
    seen = {**variables_of(world()), "amount": conditions.exact_amount(amount)}

    assert conditions.holds(f"amount >= {other:f}", seen) is (amount >= other)
    assert conditions.holds(f"amount == {other:f}", seen) is (amount == other)
