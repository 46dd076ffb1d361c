"""Conditions of branches and flows: CEL, checked for types when it is saved, computed when a document comes by.

An expression sees the variables below and nothing else; it cannot loop without end, call out, or see other rows.

`amount` is a double. That is exact for what conditions do with it: the nearest double keeps the order of amounts with
two decimals up to 90 trillion, and a number written in an expression is rounded the same way, so `amount >= 10000.01`
holds from exactly that amount on. Larger amounts are refused rather than rounded. Comparisons between `10000` and an
amount are declared here, since office staff write whole numbers and plain CEL wants `10000.0`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from cel_expr_python import cel

HANDLED = re.compile(r"\bhandled\b")
EXACT_UP_TO = Decimal(90_000_000_000_000)
VARIABLES = """
  - {name: amount, type_name: double}
  - {name: currency, type_name: string}
  - {name: document_type, type_name: string}
  - {name: company, type_name: string}
  - {name: requester, type_name: string}
  - {name: departments, type_name: list, params: [{type_name: string}]}
  - {name: post, type_name: string}
  - {name: post_level, type_name: int}
  - {name: facts, type_name: map, params: [{type_name: string}, {type_name: dyn}]}
"""
ORDERED = {"_>_": "greater", "_>=_": "greater_equals", "_<_": "less", "_<=_": "less_equals"}
EQUAL = {"_==_": "equals", "_!=_": "not_equals"}
COMPARABLE = [(t, t) for t in ("double", "int", "string", "bool", "timestamp", "duration")]
NUMBERS = [("double", "int"), ("int", "double")]


class ConditionFailed(Exception):
    """The condition has no answer for this document; the text says why."""


def problem_of(expression: str) -> str:
    """What is wrong with an expression; "" where it is a condition that can be computed."""
    return _problem(expression, ("BOOL", "DYN"), "a condition answers true or false")


def problem_of_people(expression: str) -> str:
    """What is wrong with an expression; "" where it answers with codes of employees."""
    return _problem(expression, ("LIST<STRING>", "LIST<DYN>", "DYN"), "a list of employee codes is wanted")


def _problem(expression: str, kinds: Collection[str], wanted: str) -> str:
    try:
        kind = _compiled(expression).return_type().name()
    except RuntimeError as refused:
        return _first_line(refused)
    return "" if kind in kinds else f"answers {kind.lower()}; {wanted}"


def holds(expression: str, variables: Mapping[str, Any]) -> bool:
    """Whether a condition holds for a document. Raises ConditionFailed where it has no answer."""
    answer = _answer(expression, variables)
    if not isinstance(answer, bool):
        raise ConditionFailed(str(answer)[:200])
    return answer


def people(expression: str, variables: Mapping[str, Any]) -> list[str]:
    """The codes of employees that an expression answers with. Raises ConditionFailed where it has no such answer."""
    answer = _answer(expression, variables)
    if not isinstance(answer, list) or not all(isinstance(code, str) for code in answer):
        raise ConditionFailed(str(answer)[:200])
    return answer


def asks_for_handled(expression: str) -> bool:
    """Whether an expression speaks of what is filled in at a handling node."""
    return HANDLED.search(expression) is not None


def _answer(expression: str, variables: Mapping[str, Any]) -> Any:
    try:
        return _compiled(expression).eval(data=dict(variables)).plain_value()
    except RuntimeError as refused:
        raise ConditionFailed(_first_line(refused)) from refused


def exact_amount(amount: Decimal) -> float:
    """The amount as conditions see it. Raises ConditionFailed above what a double holds exactly."""
    if abs(amount) > EXACT_UP_TO:
        raise ConditionFailed(f"amounts above {EXACT_UP_TO} cannot be compared")
    return float(amount)


@functools.lru_cache(maxsize=2_000)
def _compiled(expression: str) -> Any:
    return _environment().compile(expression)


@functools.cache
def _environment() -> Any:
    excluded = "".join(f'    - name: "{operator}"\n' for operator in (*ORDERED, *EQUAL))
    functions = "".join(
        f'  - name: "{operator}"\n    overloads:\n'
        + "".join(_overload(f"{name}_{left}_{right}", left, right) for left, right in COMPARABLE + NUMBERS)
        for operator, name in ORDERED.items()
    ) + "".join(
        f'  - name: "{operator}"\n    overloads:\n'
        f"      - {{id: {name}, args: [{{type_name: A, is_type_param: true}}, {{type_name: A, is_type_param: true}}], "
        f"return: {{type_name: bool}}}}\n"
        + "".join(_overload(f"{name}_{left}_{right}", left, right) for left, right in NUMBERS)
        for operator, name in EQUAL.items()
    )
    text = f"name: heyi\nstdlib:\n  exclude_functions:\n{excluded}variables:{VARIABLES}functions:\n{functions}"
    return cel.NewEnv(config=cel.NewEnvConfigFromYaml(text))


def _overload(name: str, left: str, right: str) -> str:
    arguments = f"[{{type_name: {left}}}, {{type_name: {right}}}]"
    return f"      - {{id: {name}, args: {arguments}, return: {{type_name: bool}}}}\n"


def _first_line(refused: RuntimeError) -> str:
    line = str(refused).splitlines()[0].removeprefix("INVALID_ARGUMENT: ERROR: ")
    return line.replace("<input>:", "line ")[:200]
