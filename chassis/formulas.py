"""Formulas and rules that people write over exact numbers: CEL whose numbers are decimals, never doubles.

A number travels through CEL as google.type.Decimal, and the operators that meet one are declared here: they compute
with sixty digits. A number written in a formula is a double to CEL; its shortest text is what was written, up to
fifteen digits, and that is what is taken. Two of them never meet: `0.1 + 0.2` is refused, `number(0.1) + 0.2` is not.
A formula sees its variables and nothing else; it cannot loop without end or call out.
"""

from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from cel_expr_python import cel
from google.protobuf import descriptor_pool
from google.type import decimal_pb2

from chassis.money import exact

# kinds of variables and answers
NUMBER, TEXT, YES_NO, TEXTS, RECORD, ROWS = "number", "text", "yes_no", "texts", "record", "rows"
# digits in front of the point, beyond which no business number lies
LARGEST = 40
_DECIMAL = "google.type.Decimal"
_LIST = "{type_name: list, params: [{type_name: dyn}]}"
_TYPES = {
    NUMBER: cel.Type(_DECIMAL),
    TEXT: cel.Type.STRING,
    YES_NO: cel.Type.BOOL,
    TEXTS: cel.Type.List(cel.Type.STRING),
    RECORD: cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
    ROWS: cel.Type.List(cel.Type.Map(cel.Type.STRING, cel.Type.DYN)),
}
_ANSWERS = {NUMBER: (_DECIMAL, "INT", "DOUBLE", "DYN"), TEXT: ("STRING", "DYN"), YES_NO: ("BOOL", "DYN")}


class FormulaFailed(Exception):
    """The formula has no answer for these values; the text says why."""


def problem_of(formula: str, variables: Mapping[str, str], answer: str) -> str:
    """What is wrong with a formula over variables of these kinds; "" where it gives an answer of this kind."""
    try:
        kind = _compiled(formula, tuple(variables.items())).return_type().name()
    except RuntimeError as refused:
        return _first_line(refused)
    wanted = _ANSWERS[answer]
    return "" if kind in wanted else f"answers {kind.lower()}; {answer.replace('_', '/')} is wanted"


def answer(formula: str, variables: Mapping[str, str], values: Mapping[str, Any]) -> Decimal | str | bool:
    """The answer of a formula. Raises FormulaFailed where it has none: division by zero, a row that is not."""
    try:
        found = _compiled(formula, tuple(variables.items())).eval(
            data={name: _inside(values[name]) for name in variables}
        )
        plain = found.plain_value()
    except RuntimeError as refused:
        raise FormulaFailed(_first_line(refused)) from refused
    if found.type() in (cel.Type.ERROR, cel.Type.UNKNOWN):
        raise FormulaFailed(str(plain)[:200])
    outside = _outside(plain)
    if not isinstance(outside, Decimal | str | bool):
        raise FormulaFailed(f"answers {type(plain).__name__}")
    return outside


def _inside(value: Any) -> Any:
    """A value as CEL takes it: decimals in their message, inside lists and maps too."""
    if isinstance(value, Decimal):
        return _message(value)
    if isinstance(value, Mapping):
        return {key: _inside(member) for key, member in value.items()}
    return [_inside(member) for member in value] if isinstance(value, list) else value


def _outside(value: Any) -> Any:
    value = value.plain_value() if hasattr(value, "plain_value") else value
    if isinstance(value, list):
        return [_outside(member) for member in value]
    if isinstance(value, decimal_pb2.Decimal):
        return Decimal(value.value)
    if type(value) is float:
        return Decimal(repr(value))
    return Decimal(value) if type(value) is int else value


def _message(number: Decimal) -> decimal_pb2.Decimal:
    if not number.is_finite() or number.adjusted() > LARGEST:
        raise ValueError("too large")
    return decimal_pb2.Decimal(value=format(exact(number), "f"))


def _number(value: Any) -> Decimal:
    found = _outside(value)
    return found if isinstance(found, Decimal) else Decimal(found)


def _arithmetic(compute: Callable[[Decimal, Decimal], Decimal]) -> Callable[[Any, Any], Any]:
    return lambda left, right: _message(exact(_number(left), _number(right), by=compute))


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: compare(_outside(left), _outside(right))


def _to_number(value: Any) -> decimal_pb2.Decimal:
    try:
        return _message(_number(value))
    except InvalidOperation:
        raise ValueError("not a number") from None


def _sum(members: Any) -> decimal_pb2.Decimal:
    return _message(exact(*(_number(member) for member in members)))


def _round(value: Any, decimals: int) -> decimal_pb2.Decimal:
    return _message(exact(_number(value), scale=max(0, min(decimals, 12))))


def _days(first: str, last: str) -> int:
    return (datetime.date.fromisoformat(last) - datetime.date.fromisoformat(first)).days


_NUMBERS = [(_DECIMAL, _DECIMAL), *((a, b) for o in ("int", "double") for a, b in ((_DECIMAL, o), (o, _DECIMAL)))]
_ARITHMETIC: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "_+_": operator.add,
    "_-_": operator.sub,
    "_*_": operator.mul,
    "_/_": operator.truediv,
}
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_EQUAL: dict[str, Callable[[Any, Any], bool]] = {"_==_": operator.eq, "_!=_": operator.ne}
# what the interpreter has by itself; declared again, since the operators are taken out to leave doubles out
_OWN = {
    "_+_": [("add_int64", "int", "int", "int"), ("add_string", "string", "string", "string")],
    "_-_": [("subtract_int64", "int", "int", "int")],
    "_*_": [("multiply_int64", "int", "int", "int")],
    "_<_": [("less_int64", "int", "int", "bool"), ("less_string", "string", "string", "bool")],
    "_<=_": [("less_equals_int64", "int", "int", "bool"), ("less_equals_string", "string", "string", "bool")],
    "_>_": [("greater_int64", "int", "int", "bool"), ("greater_string", "string", "string", "bool")],
    "_>=_": [("greater_equals_int64", "int", "int", "bool"), ("greater_equals_string", "string", "string", "bool")],
}
_ALIKE = [(kind, kind) for kind in ("int", "double", "string", "bool", _LIST)] + [("int", "double"), ("double", "int")]
_FUNCTIONS: list[tuple[str, list[str], str, Callable[..., Any]]] = [
    ("-_", [_DECIMAL], _DECIMAL, lambda value: _message(-_number(value))),
    ("number", [_DECIMAL], _DECIMAL, _to_number),
    ("number", ["int"], _DECIMAL, _to_number),
    ("number", ["double"], _DECIMAL, _to_number),
    ("number", ["string"], _DECIMAL, _to_number),
    ("sum", [_LIST], _DECIMAL, _sum),
    ("round", [_DECIMAL, "int"], _DECIMAL, _round),
    ("days", ["string", "string"], "int", _days),
]


def _declared() -> tuple[str, dict[str, Callable[..., Any]]]:
    """The functions as the interpreter's settings name them, and what computes each."""
    lines: dict[str, list[str]] = {}
    computed: dict[str, Callable[..., Any]] = {}

    def declare(name: str, arguments: list[str], answers: str, run: Callable[..., Any] | None, known: str = "") -> None:
        overloads = lines.setdefault(name, [])
        called = known or f"heyi_{len(lines)}_{len(overloads)}"
        if run is not None:
            computed[called] = run
        listed = ", ".join(one if one.startswith("{") else f"{{type_name: {one}}}" for one in arguments)
        answers = answers if answers.startswith("{") else f"{{type_name: {answers}}}"
        overloads.append(f"      - {{id: {called}, args: [{listed}], return: {answers}}}\n")

    for name, compute in _ARITHMETIC.items():
        for pair in _NUMBERS:
            declare(name, [*pair], _DECIMAL, _arithmetic(compute))
    for name, compare in _ORDER.items():
        for pair in _NUMBERS:
            declare(name, [*pair], "bool", _comparing(compare))
    for name, compare in _EQUAL.items():
        for pair in _NUMBERS + _ALIKE:
            declare(name, [*pair], "bool", _comparing(compare))
    for name, own in _OWN.items():
        for known, left, right, answers in own:
            declare(name, [left, right], answers, None, known)
    # what `map` and `filter` are made of
    of_any = "{type_name: list, params: [{type_name: A, is_type_param: true}]}"
    declare("_+_", [of_any, of_any], of_any, None, "add_list")
    declare("-_", ["int"], "int", None, "negate_int64")
    for name, arguments, answers, run in _FUNCTIONS:
        declare(name, arguments, answers, run)
    return "".join(f'  - name: "{name}"\n    overloads:\n{"".join(each)}' for name, each in lines.items()), computed


_FUNCTIONS_TEXT, _COMPUTED = _declared()


@functools.lru_cache(maxsize=2_000)
def _compiled(formula: str, variables: tuple[tuple[str, str], ...]) -> Any:
    return _environment(variables).compile(formula)


@functools.lru_cache(maxsize=200)
def _environment(variables: tuple[tuple[str, str], ...]) -> Any:
    taken_out = "".join(f'    - name: "{name}"\n' for name in (*_ARITHMETIC, *_ORDER, *_EQUAL, "-_"))
    settings = f"name: formulas\nstdlib:\n  exclude_functions:\n{taken_out}functions:\n{_FUNCTIONS_TEXT}"
    return cel.NewEnv(
        descriptor_pool=descriptor_pool.Default(),
        config=cel.NewEnvConfigFromYaml(settings),
        variables={name: _TYPES[kind] for name, kind in variables},
        function_impls=_COMPUTED,
    )


def _first_line(refused: RuntimeError) -> str:
    line = str(refused).splitlines()[0].removeprefix("INVALID_ARGUMENT: ERROR: ")
    return line.replace("<input>:", "line ").replace(_DECIMAL, "number")[:200]
