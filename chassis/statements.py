"""The statements of one kind of document: loading, listing, keeping a copy. Each is built once and kept."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import selectinload

from chassis import mapping, naming, query
from chassis.db import Part


def overlaps(hidden: Any, paths: Iterable[str]) -> Any:
    """SQL: whether some hidden paths have one of these among them."""
    return hidden.op("&&", is_comparison=True)(sa.cast(sorted(paths), pg.ARRAY(sa.Text())))


def hides(blind: Any, paths: Iterable[str]) -> Any:
    """SQL: whether a row hides one of these from the caller."""
    return sa.func.coalesce(overlaps(blind, paths), sa.false())


def any_of(ways: Sequence[Any]) -> list[Any]:
    """As a list of conditions: one of the ways holds; none where there are no ways to choose from."""
    return [sa.or_(*ways)] if ways else []


@functools.cache
def newest(model: Any, names: tuple[str, ...]) -> Any:
    """The statement that keeps a copy."""
    insert = pg.insert(model.__table__)
    fresh = {name: insert.excluded[name] for name in ("version", *names)}
    return insert.on_conflict_do_update(
        index_elements=["id"], set_=fresh, where=model.version < insert.excluded.version
    )


@functools.cache
def loading(model: Any, parts: bool, locked: bool) -> Any:
    """The statement that loads one document."""
    statement = sa.select(model).where(model.id == sa.bindparam("key"))
    if parts:
        statement = statement.options(*parts_of(model))
    return statement.with_for_update(of=model) if locked else statement


def parts_of(model: Any) -> list[Any]:
    """Options that load a document's parts, and theirs, with it."""
    options = []
    for relation in sa.inspect(model).relationships:
        if issubclass(relation.mapper.class_, Part):
            inner = parts_of(relation.mapper.class_)
            options.append(selectinload(getattr(model, relation.key), chunksize=5000).options(*inner))
    return options


@functools.lru_cache(maxsize=1000)
def rows_of(model: Any, wanted: frozenset[str] | None, order_by: str, default: str) -> tuple[list[query.Order], Any]:
    """The keys of a list's order, and its statement before any condition; the same for each page of a list."""
    plan = mapping.plan_for(model)
    order = query.order_of(plan, order_by, default)
    by = [key.column.desc() if key.descending else key.column.asc() for key in order]
    return order, sa.select(*columns(model, plan, wanted, order)).order_by(*by)


def columns(
    model: Any, plan: mapping.Plan, wanted: frozenset[str] | None = None, order: Iterable[Any] = ()
) -> list[Any]:
    """The columns of a list: those shown, then all others, or what the order and the allowed actions need."""
    shown = [f.attribute for f in plan.shown(wanted)]
    names = [attribute.key for attribute in sa.inspect(model).column_attrs if attribute.key not in ("search", *shown)]
    if wanted is not None and not hasattr(model, "__present__"):
        needed = {"id", "version", "state", "owner_id", "department_id", *(key.attribute for key in order)}
        needed |= naming.needed(model, wanted)
        names = [name for name in names if name in needed]
    # the table's columns, not the attributes: two of these are compared by making an expression of them
    columns = sa.inspect(model).columns
    return [columns[name] for name in (*shown, *names)]
