"""Rules that decide instead of people: CEL conditions in order, the first that holds. Pure.

Nobody decides by such a rule: it is nobody's agreement. Where a condition has no answer, or the amount is above what
the authority table gives automatic decisions, people are asked. A share of the cases that a rule would decide goes to
people all the same, who are not told; which, follows from the ids alone, so that a repeated step chooses the same.
"""

from __future__ import annotations

import datetime
import hashlib
import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from approval.authority_limit.rules import Limit, limit_of
from approval.engine import conditions

MOST_RULES, LONGEST_NAME, LONGEST_TEXT, LONGEST_WHEN, USUAL_PERCENT = 20, 60, 500, 2000, 10
THEN = ("approve", "reject")
KEYS = ("automatic", "automatic_sample_percent", "automatic_until")
# a word of an expression that is no variable begins after a dot or is called
_TEXT = re.compile(r"[rRbB]{0,2}(\"\"\".*?\"\"\"|'''.*?'''|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')|//[^\n]*", re.DOTALL)
_FACT = re.compile(r"(?<![\w.])facts\b((?:\s*\.\s*\w+(?!\s*\()(?!\w))*)")
_PATH = re.compile(r"\w+")
Wrong = Callable[..., None]


@dataclass(frozen=True)
class Rule:
    """One rule. `text` is the opinion that it leaves."""

    name: str
    when: str
    then: str
    text: str


@dataclass(frozen=True)
class Automatic:
    """What a node decides by itself."""

    rules: tuple[Rule, ...]
    sample_percent: int
    until: datetime.date | None  # the last day

    @property
    def agrees(self) -> bool:
        return any(rule.then == "approve" for rule in self.rules)


@dataclass(frozen=True)
class Setting:
    """What is so when a case comes to a node: whether the flow's switch is on, and up to which amount rules agree; no
    limit where the table has none.
    """

    case_id: uuid.UUID | None
    on: bool
    limit: Decimal | None


OFF = Setting(None, on=False, limit=None)


@dataclass(frozen=True)
class Verdict:
    """What a rule says about a case: `AGREED`, `REFUSED`, or why people decide: `OVER_LIMIT`, `FAILED`."""

    rule: Rule
    outcome: str
    inputs: Mapping[str, Any]
    sampled: bool = False
    problem: str = ""

    @property
    def decides(self) -> bool:
        """Whether nobody is asked."""
        return self.outcome in ("AGREED", "REFUSED") and not self.sampled


def verdict_of(
    automatic: Automatic,
    setting: Setting,
    *,
    node_id: str,
    variables: Callable[[], Mapping[str, Any]],
    amount: Decimal,
    today: datetime.date,
    by_authority: bool,
) -> Verdict | None:
    """What the rules of a node say about a case; None where none holds, or they do not count now. `by_authority`: the
    node asks for authority, so a rule agrees within a limit of its own only.
    """
    if not setting.on or (automatic.until is not None and today > automatic.until):
        return None
    for rule in automatic.rules:
        seen: Mapping[str, Any] = {}
        try:
            seen = variables()
            held = conditions.holds(rule.when, seen)
        except conditions.ConditionFailed as failed:
            return Verdict(rule, "FAILED", inputs_of(rule.when, seen), problem=str(failed))
        if not held:
            continue
        inputs = inputs_of(rule.when, seen)
        if rule.then == "reject":
            return Verdict(rule, "REFUSED", inputs, sampled(setting.case_id, node_id, automatic.sample_percent))
        over = amount > setting.limit if setting.limit is not None else by_authority
        if over:
            limit = "" if setting.limit is None else format(setting.limit, "f")
            return Verdict(rule, "OVER_LIMIT", {**inputs, "amount": seen["amount"]}, problem=limit)
        return Verdict(rule, "AGREED", inputs, sampled(setting.case_id, node_id, automatic.sample_percent))
    return None


def sampled(case_id: uuid.UUID | None, node_id: str, percent: int) -> bool:
    """Whether people are asked all the same: for `percent` of a hundred cases, by the ids alone."""
    if case_id is None:
        return False
    digest = hashlib.sha256(f"{case_id}/{node_id}".encode()).digest()
    return int.from_bytes(digest[:8]) % 100 < percent


def inputs_of(expression: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What an expression reads of a case, by name; of the facts the fields that it names, all where it names none."""
    bare = _TEXT.sub(" ", expression)
    found = {
        name: variables[name]
        for name in variables
        if name != "facts" and re.search(rf"(?<![\w.]){name}\b(?!\s*\()", bare)
    }
    for match in _FACT.finditer(bare):
        path = _PATH.findall(match.group(1))
        at: Any = variables.get("facts", {})
        for step in path:
            at = at.get(step) if isinstance(at, Mapping) else None
        found[".".join(["facts", *path])] = at
    return found


def wilson(otherwise: int, answered: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, within 0 to 1 (Wilson 1927, without continuity correction)."""
    if answered == 0:
        return 0.0, 1.0
    z = 1.959963984540054
    share = otherwise / answered
    middle = share + z * z / (2 * answered)
    half = z * math.sqrt(share * (1 - share) / answered + z * z / (4 * answered * answered))
    whole = 1 + z * z / answered
    return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)


def read(raw: Mapping[str, Any], approvers: Iterable[Any], rights: Iterable[str], wrong: Wrong) -> Automatic | None:
    """What a node's properties say; None where it decides nothing by itself. `wrong(place, reason, **facts)` is told of
    each value that cannot be used. No rule decides where a person is meant: by a veto, since somebody names them, or
    since they must fill in a field.
    """
    listed = raw.get("automatic")
    if listed is None or listed == []:
        for key in KEYS[1:]:
            if key in raw:
                wrong(key, "FLOW_NODE_VALUE", key=key, allowed="automatic")
        return None
    if not isinstance(listed, list) or len(listed) > MOST_RULES:
        wrong("automatic", "FLOW_NODE_VALUE", key="automatic", allowed=f"1-{MOST_RULES}")
        return None
    personal = next((r.kind for r in approvers if r.veto or r.kind in ("previous_choice", "initiator_choice")), "")
    if personal or "required" in rights:
        wrong("automatic", "FLOW_AUTOMATIC_PERSON", rule=personal or "required")
    rules = [_rule(member, f"automatic[{at}]", wrong) for at, member in enumerate(listed)]
    names = [rule.name for rule in rules]
    for at, name in enumerate(names):
        if name in names[:at]:
            wrong(f"automatic[{at}].name", "FLOW_NODE_VALUE", key="name", allowed="!= " + name)
    percent = raw.get("automatic_sample_percent", USUAL_PERCENT)
    whole = isinstance(percent, int | float) and not isinstance(percent, bool) and float(percent).is_integer()
    if not whole or not 0 <= percent <= 100:
        wrong(KEYS[1], "FLOW_NODE_VALUE", key=KEYS[1], allowed="0-100")
        percent = 0
    until = raw.get("automatic_until")
    day = _day(until)
    if until is not None and day is None:
        wrong(KEYS[2], "FLOW_NODE_VALUE", key=KEYS[2], allowed="YYYY-MM-DD")
    return Automatic(tuple(rules), int(percent), day)


def _rule(raw: Any, place: str, wrong: Wrong) -> Rule:
    raw = raw if isinstance(raw, dict) else {}
    for key in sorted(str(key)[:60] for key in raw.keys() - {"name", "when", "then", "text"}):
        wrong(f"{place}.{key}", "FLOW_UNKNOWN_KEY", key=key)
    name, text, then, when = raw.get("name"), raw.get("text", ""), raw.get("then"), raw.get("when")
    wanted = {
        "name": "" if isinstance(name, str) and 0 < len(name.strip()) <= LONGEST_NAME else f"1-{LONGEST_NAME}",
        "then": "" if then in THEN else ", ".join(THEN),
        "text": "" if isinstance(text, str) and len(text) <= LONGEST_TEXT else f"0-{LONGEST_TEXT}",
    }
    for key, allowed in wanted.items():
        if allowed:
            wrong(f"{place}.{key}", "FLOW_NODE_VALUE", key=key, allowed=allowed)
    said = when if isinstance(when, str) else ""
    problem = f"{len(said)} characters" if len(said) > LONGEST_WHEN else conditions.problem_of(said)
    if problem:
        wrong(f"{place}.when", "FLOW_EXPRESSION", expression=said[:200], problem=problem)
    return Rule(str(name or "").strip(), said, str(then), str(text).strip())


def _day(value: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def limit_for(limits: Sequence[Limit], *, document_type: str, currency: str, on: datetime.date) -> Decimal | None:
    """Up to which amount rules agree to a document, by the rows of the table that are for automatic decisions: where
    there are any, and none in this currency or for this type, that is 0; None without a single one.
    """
    own = [limit for limit in limits if limit.automatic]
    if not own:
        return None
    found = limit_of(own, None, document_type=document_type, currency=currency, on=on)
    return Decimal(0) if found is None else found
