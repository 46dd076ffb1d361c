"""Lists: the filter language (a subset of AIP-160), order, search and pages by key.

A filter is `state = "OPEN" AND (amount >= 100 OR title : "螺栓")`. Only fields that the contract offers for it may
stand in a filter or in an order. A page token holds the last row's keys and a hash of the query, never an authority:
the caller's reach is asked again for every page.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import decimal
import hashlib
import itertools
import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from google.protobuf.descriptor import FieldDescriptor
from sqlalchemy.dialects import postgresql as pg

from chassis import text
from chassis.custom_fields import PREFIX, column_of
from chassis.errors import Refused
from chassis.mapping import FieldPlan, Plan

DEFAULT_PAGE, LARGEST_PAGE = 50, 200
COUNT_LIMIT = 10_000
MOST_TERMS, DEEPEST = 60, 12
TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<operator>!=|<=|>=|=|<|>|:)|(?P<bracket>[()])|(?P<word>[^\s"()=<>!:]+))"""
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    position: int


# what a term of a filter means about a field that was added: name, operator, value
Term = Callable[[str, str, str], Any]


def where(plan: Plan, filter_text: str, custom: Term) -> sa.ColumnElement[bool] | None:
    """The condition that a filter means; None for an empty one. Raises Refused with the position at fault."""
    tokens = _tokens(filter_text)
    if not tokens:
        return None
    parser = _Parser(plan, tokens, len(filter_text), custom)
    condition = parser.any_of(0)
    if parser.at < len(tokens):
        parser.refuse("AND, OR")
    return condition


def names_in(filter_text: str) -> set[str]:
    """The fields that a filter, which can be read, asks for."""
    tokens = _tokens(filter_text)
    return {one.text for one, following in itertools.pairwise(tokens) if following.kind == "operator"}


def _tokens(filter_text: str) -> list[Token]:
    tokens, at = [], 0
    end = len(filter_text.rstrip())
    while at < end:
        match = TOKEN.match(filter_text, at)
        if match is None:
            raise Refused("FILTER_SYNTAX", position=at, expected='name, value, "text"')
        kind = str(match.lastgroup)
        tokens.append(Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, plan: Plan, tokens: list[Token], length: int, custom: Term) -> None:
        self.custom = custom
        self.plan, self.tokens, self.length, self.at, self.terms = plan, tokens, length, 0, 0

    def refuse(self, expected: str) -> None:
        position = self.tokens[self.at].position if self.at < len(self.tokens) else self.length
        raise Refused("FILTER_SYNTAX", position=position, expected=expected)

    def peek(self) -> Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, kind: str, expected: str) -> Token:
        token = self.peek()
        if token is None or token.kind != kind:
            self.refuse(expected)
        assert token is not None
        self.at += 1
        return token

    def accept(self, word: str) -> bool:
        token = self.peek()
        if token is not None and token.kind in ("word", "bracket") and token.text == word:
            self.at += 1
            return True
        return False

    def any_of(self, depth: int) -> sa.ColumnElement[bool]:
        if depth > DEEPEST:
            self.refuse(f"at most {DEEPEST} brackets")
        conditions = [self.all_of(depth)]
        while self.accept("OR"):
            conditions.append(self.all_of(depth))
        return sa.or_(*conditions)

    def all_of(self, depth: int) -> sa.ColumnElement[bool]:
        conditions = [self.one(depth)]
        while self.accept("AND"):
            conditions.append(self.one(depth))
        return sa.and_(*conditions)

    def one(self, depth: int) -> sa.ColumnElement[bool]:
        if depth > DEEPEST:
            self.refuse(f"at most {DEEPEST} levels")
        if self.accept("NOT"):
            return sa.not_(self.one(depth + 1))
        if self.accept("("):
            inner = self.any_of(depth + 1)
            if not self.accept(")"):
                self.refuse(")")
            return inner
        self.terms += 1
        if self.terms > MOST_TERMS:
            self.refuse(f"at most {MOST_TERMS} conditions")
        name = self.take("word", "name").text
        operator = self.take("operator", "= != < <= > >= :").text
        value = self.peek()
        if value is None or value.kind not in ("text", "word"):
            self.refuse('value, "text"')
        assert value is not None
        self.at += 1
        raw = re.sub(r"\\(.)", r"\1", value.text[1:-1]) if value.kind == "text" else value.text
        return self.compare(name, operator, raw)

    def compare(self, name: str, operator: str, raw: str) -> sa.ColumnElement[bool]:
        if name.startswith(PREFIX):
            return self.custom(name, operator, raw)  # type: ignore[no-any-return]
        field = self.plan.fields.get(name)
        if field is None or not _filterable(field):
            allowed = ", ".join(n for n, f in self.plan.fields.items() if _filterable(f))
            raise Refused("FILTER_FIELD", name=name, allowed=allowed)
        column = getattr(self.plan.model, field.attribute)
        if isinstance(column.type, pg.ARRAY):
            return column.contains([_value(field, column.type.item_type, raw)])  # type: ignore[no-any-return]
        return _compare(column, operator, _value(field, column.type, raw), raw)


def _filterable(field: FieldPlan) -> bool:
    return field.spec.filter or field.name in ("create_time", "update_time")


def _compare(column: Any, operator: str, value: Any, raw: str) -> sa.ColumnElement[bool]:
    """`=` with a value stays a plain comparison, so that an index serves it."""
    empty = column.is_(None)
    if isinstance(column.type, sa.Text):
        empty = sa.or_(empty, column == "")
    match operator:
        case "=":
            return empty if value in (None, "") else column == value  # type: ignore[no-any-return]
        case "!=":
            return sa.not_(empty) if value in (None, "") else column.is_distinct_from(value)  # type: ignore[no-any-return]
        case ":":
            return sa.cast(column, sa.Text).icontains(raw or str(value), autoescape=True)
        case "<":
            return column < value  # type: ignore[no-any-return]
        case "<=":
            return column <= value  # type: ignore[no-any-return]
        case ">":
            return column > value  # type: ignore[no-any-return]
        case _:
            return column >= value  # type: ignore[no-any-return]


def _value(field: FieldPlan, kind: Any, raw: str) -> Any:
    """The value of a term, in the column's type."""
    if raw in ("", "null"):
        return None
    descriptor = field.descriptor
    try:
        if descriptor.type == FieldDescriptor.TYPE_ENUM:
            assert descriptor.enum_type is not None
            if raw not in descriptor.enum_type.values_by_name:
                raise ValueError
            return raw
        if descriptor.type == FieldDescriptor.TYPE_BOOL:
            return {"true": True, "false": False}[raw]
        if isinstance(kind, sa.Uuid):
            return uuid.UUID(raw)
        if isinstance(kind, (sa.Numeric, sa.Integer)):
            number = decimal.Decimal(raw)
            if not number.is_finite() or abs(number) >= decimal.Decimal("1e18"):
                raise ValueError
            return _whole(kind, number) if isinstance(kind, sa.Integer) else number
        if isinstance(kind, sa.Date):
            return datetime.date.fromisoformat(raw)
        if isinstance(kind, sa.DateTime):
            moment = datetime.datetime.fromisoformat(raw)
            return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    except (ValueError, KeyError, ArithmeticError):
        raise Refused("FIELD_FORMAT", field="filter", value=raw[:50], expected=field.name) from None
    return text.normalise(raw)


def _whole(kind: sa.Integer, number: decimal.Decimal | str) -> int:
    """A whole number that the column can be compared with; ValueError beyond."""
    found = int(number)
    if not -(limit := 2**63 if isinstance(kind, sa.BigInteger) else 2**31) <= found < limit:
        raise ValueError
    return found


@dataclass(frozen=True)
class Order:
    """One key of an order."""

    column: Any
    descending: bool
    attribute: str
    nullable: bool


def order_of(plan: Plan, order_by: str, default: str, custom: Iterable[tuple[str, bool]] = ()) -> list[Order]:
    """The keys of an order, the id last so that it is total. Raises Refused for a field that is not offered. `custom`:
    the fields in it that were added, and whether they are numbers.
    """
    keys: list[Order] = []
    added = {name: column_of(plan.model, name, number) for name, number in custom}
    allowed = {n: f for n, f in plan.fields.items() if f.spec.sort}
    for part in (order_by or default or "create_time desc").split(","):
        words = part.split()
        if words and words[0] in added and (len(words) == 1 or words[1:] in (["asc"], ["desc"])):
            keys.append(Order(added[words[0]], words[-1] == "desc", words[0], True))
            continue
        known = words and (words[0] in allowed or (not order_by and words[0] in plan.fields))
        if not known or len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise Refused("ORDER_FIELD", name=part.strip(), allowed=", ".join(allowed))
        attribute = plan.fields[words[0]].attribute
        column = getattr(plan.model, attribute)
        keys.append(Order(column, words[-1] == "desc", attribute, bool(column.nullable)))
    last = keys[-1].descending
    return [*keys, Order(plan.model.id, last, "id", False)]


def after(order: list[Order], values: list[Any]) -> sa.ColumnElement[bool]:
    """Rows behind the last one of the page before."""
    if not any(key.nullable for key in order) and len({key.descending for key in order}) == 1:
        left = sa.tuple_(*(key.column for key in order))
        right = sa.tuple_(*(sa.literal(v, key.column.type) for v, key in zip(values, order, strict=True)))
        return left < right if order[0].descending else left > right
    branches = []
    for depth, key in enumerate(order):
        equal = [k.column.is_not_distinct_from(v) for k, v in zip(order[:depth], values, strict=False)]
        branches.append(sa.and_(*equal, _beyond(key, values[depth])))
    return sa.or_(*branches)


def _beyond(key: Order, value: Any) -> sa.ColumnElement[bool]:
    """Behind `value` where NULL counts as greatest, as PostgreSQL sorts it."""
    if key.descending:
        return key.column.is_not(None) if value is None else key.column < value  # type: ignore[no-any-return]
    if value is None:
        return sa.false()
    return sa.or_(key.column > value, key.column.is_(None)) if key.nullable else key.column > value


def search_condition(model: Any, words: str) -> sa.ColumnElement[bool] | None:
    """Rows that hold all the words, as names, codes or pinyin."""
    query = text.search_query(words)
    if not query or not model.__search__:
        return sa.false() if words.strip() else None
    return model.search.op("@@")(sa.cast(sa.literal(query), pg.TSQUERY))  # type: ignore[no-any-return]


def page_size(requested: int) -> int:
    """How many rows a page has: 50 unless asked for otherwise, 200 at most."""
    if requested < 0:
        raise Refused("FIELD_NOT_POSITIVE", field="page_size", value=requested)
    return min(requested or DEFAULT_PAGE, LARGEST_PAGE)


def query_hash(*parts: str) -> str:
    """Ties a page token to its query."""
    return hashlib.blake2b("\x00".join(parts).encode(), digest_size=8).hexdigest()


def token_of(order: list[Order], row: Any, hashed: str) -> str:
    """The token of the page behind `row`."""
    keys = [_to_json(getattr(row, key.attribute)) for key in order]
    return base64.urlsafe_b64encode(json.dumps([hashed, *keys]).encode()).decode().rstrip("=")


def values_of(order: list[Order], token: str, hashed: str) -> list[Any]:
    """The keys in a token. Raises Refused where it is damaged or belongs to another query."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not isinstance(parts, list) or parts[0] != hashed or len(parts) != len(order) + 1:
            raise ValueError
        return [_from_json(key.column.type, value) for key, value in zip(order, parts[1:], strict=True)]
    except (ValueError, TypeError, IndexError, binascii.Error, ArithmeticError, RecursionError):
        raise Refused("PAGE_TOKEN") from None


def _to_json(value: Any) -> str | None:
    return None if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value)


def _from_json(kind: Any, value: str | None) -> Any:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError
    if isinstance(kind, sa.Uuid):
        return uuid.UUID(value)
    if isinstance(kind, sa.DateTime):
        return datetime.datetime.fromisoformat(value)
    if isinstance(kind, sa.Date):
        return datetime.date.fromisoformat(value)
    if isinstance(kind, sa.Numeric):
        return decimal.Decimal(value)
    if isinstance(kind, sa.Integer):
        return _whole(kind, value)
    return value
