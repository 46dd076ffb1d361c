"""Rules that decide instead of people: what they read, when they count, what is sampled, how sure an error is."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approval.engine import automatic
from approval.engine.automatic import Automatic, Rule, Setting, inputs_of, sampled, verdict_of, wilson
from approval.engine.tree import read
from approval.tests.factories import approve, sequence
from approval.tests.worlds import limit

TODAY = datetime.date(2026, 11, 23)
CASE = uuid.UUID(int=1)
SEEN = {"amount": 80.0, "currency": "CNY", "departments": ["车间"], "facts": {"category": "OFFICE", "lines": [1]}}
SMALL = Rule("small", "amount <= 100", "approve", "")
STRANGE = Rule("strange", "facts.nothing == 1", "reject", "")
FOREIGN = Rule("foreign", "currency != 'CNY'", "reject", "")


@pytest.mark.parametrize(
    ("expression", "read_by_it"),
    [
        ("amount <= 100 && facts.category == 'OFFICE'", {"amount": 80.0, "facts.category": "OFFICE"}),
        ("facts.lines.exists(line, line > 0)", {"facts.lines": [1]}),
        ("'facts.category amount' == currency // departments", {"currency": "CNY"}),
        ("has(facts.nothing)", {"facts.nothing": None}),
        ("facts['category'] == \"amount\"", {"facts": SEEN["facts"]}),
        ("'车间' in departments", {"departments": ["车间"]}),
    ],
)
def test_the_log_holds_what_a_rule_read_and_nothing_else(expression, read_by_it):
    assert inputs_of(expression, SEEN) == read_by_it


@pytest.mark.parametrize(
    ("rules", "setting", "more", "outcome"),
    [
        ([SMALL], Setting(CASE, on=True, limit=None), {}, "AGREED"),
        ([SMALL], Setting(CASE, on=False, limit=None), {}, None),
        ([SMALL], Setting(CASE, on=True, limit=None), {"until": TODAY - datetime.timedelta(days=1)}, None),
        ([SMALL], Setting(CASE, on=True, limit=None), {"until": TODAY}, "AGREED"),
        ([SMALL], Setting(CASE, on=True, limit=Decimal("79.99")), {}, "OVER_LIMIT"),
        ([SMALL], Setting(CASE, on=True, limit=Decimal(80)), {"by_authority": True}, "AGREED"),
        ([SMALL], Setting(CASE, on=True, limit=None), {"by_authority": True}, "OVER_LIMIT"),
        ([FOREIGN, SMALL], Setting(CASE, on=True, limit=None), {}, "AGREED"),
        ([STRANGE, SMALL], Setting(CASE, on=True, limit=None), {}, "FAILED"),
        ([FOREIGN], Setting(CASE, on=True, limit=None), {}, None),
        ([Rule("all", "true", "reject", "")], Setting(CASE, on=True, limit=Decimal(0)), {}, "REFUSED"),
    ],
)
def test_the_first_rule_that_holds_decides_within_its_bounds(rules, setting, more, outcome):
    verdict = verdict_of(
        Automatic(tuple(rules), 0, more.get("until")),
        setting,
        node_id="a",
        variables=lambda: SEEN,
        amount=Decimal(80),
        today=TODAY,
        by_authority=more.get("by_authority", False),
    )
    assert (verdict.outcome if verdict else None) == outcome


def test_the_table_limits_what_rules_agree_to():
    post, own = limit("manager", "9000"), {"document_type": "", "on": TODAY}
    mine = limit("manager", "500", automatic=True)
    rows = [post, type(mine)(None, Decimal(500), automatic=True)]
    assert automatic.limit_for([post], currency="CNY", **own) is None
    assert automatic.limit_for(rows, currency="CNY", **own) == 500
    assert automatic.limit_for(rows, currency="USD", **own) == 0, "a table that speaks of rules covers all they may"


@given(st.uuids(), st.integers(0, 100))
def test_a_sample_is_the_same_each_time_and_grows_with_the_share(case_id, percent):
    assert sampled(case_id, "a", percent) == sampled(case_id, "a", percent)
    assert not sampled(case_id, "a", percent) or sampled(case_id, "a", 100)
    assert not sampled(case_id, "a", 0)


def test_about_the_share_is_sampled():
    found = sum(sampled(uuid.UUID(int=number), "a", 20) for number in range(2_000))
    assert 320 < found < 480


@pytest.mark.parametrize(
    ("otherwise", "answered", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.2775), (1, 10, 0.0179, 0.4042), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)],
)
def test_wilsons_interval(otherwise, answered, low, high):
    """Values of Wilson's score interval at 95 %, as statistical tables have them."""
    assert wilson(otherwise, answered) == pytest.approx((low, high), abs=1e-4)


RULE = {"name": "small", "when": "amount < 10", "then": "approve"}


@pytest.mark.parametrize(
    ("node", "wrong"),
    [
        ({"automatic": [RULE]}, []),
        ({"automatic": [RULE], "automatic_sample_percent": 100, "automatic_until": "2026-12-31"}, []),
        ({"automatic": "x"}, [("automatic", "FLOW_NODE_VALUE")]),
        ({"automatic": [{**RULE, "then": "ask"}]}, [("automatic[0].then", "FLOW_NODE_VALUE")]),
        ({"automatic": [{**RULE, "when": "amount +"}]}, [("automatic[0].when", "FLOW_EXPRESSION")]),
        ({"automatic": [{**RULE, "extra": 1}]}, [("automatic[0].extra", "FLOW_UNKNOWN_KEY")]),
        ({"automatic": [RULE, RULE]}, [("automatic[1].name", "FLOW_NODE_VALUE")]),
        ({"automatic": [RULE], "automatic_sample_percent": 101}, [("automatic_sample_percent", "FLOW_NODE_VALUE")]),
        ({"automatic": [RULE], "automatic_until": "soon"}, [("automatic_until", "FLOW_NODE_VALUE")]),
        ({"automatic_sample_percent": 5}, [("automatic_sample_percent", "FLOW_NODE_VALUE")]),
        ({"automatic": [RULE], "approvers": [{"kind": "initiator_choice"}]}, [("automatic", "FLOW_AUTOMATIC_PERSON")]),
    ],
)
def test_what_a_node_may_say_about_rules(node, wrong):
    _, problems = read({**approve("a", "head"), **node})
    assert [(problem.path, problem.reason) for problem in problems] == wrong


def test_a_veto_is_a_persons_and_nobody_is_named_behind_a_rule_that_agrees():
    rule = {"kind": "department_head", "veto": True}
    _, problems = read(approve("a", rule, "boss", vote="ratio", percent=50, automatic=[RULE]))
    assert [problem.reason for problem in problems] == ["FLOW_AUTOMATIC_PERSON"]
    named = approve("b", {"kind": "previous_choice"})
    _, problems = read(sequence(approve("a", "head", automatic=[RULE]), named))
    assert [problem.reason for problem in problems] == ["FLOW_NOBODY_CHOOSES"]
    assert read(sequence(approve("a", "head", automatic=[{**RULE, "then": "reject"}]), named))[1] == []
