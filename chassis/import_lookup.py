"""Questions about other documents: which one a name means or whether it is there, and whether anything refers to one.

Each service answers for its own documents, by its models and the contract's `references`; the service of a batch asks
itself in the same way as it asks the others.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

from chassis import contract, custom_fields, ids, mapping, typed_fields
from chassis.call import Actor, Call
from chassis.db import Document, Part
from chassis.errors import Refused
from chassis.import_cells import Named, is_id
from chassis.importable import REMOVES, way_back_of
from chassis.typed_fields import Violation
from heyi.platform.v1 import imports_pb2 as pb

if TYPE_CHECKING:
    from chassis.service import Service

FIND_NAMED = "heyi.platform.v1.Imports/FindNamed"
FIND_REFERENCES = "heyi.platform.v1.Imports/FindReferences"
# what a document is called beside its title
NAMING = ("code", "number", "name", "username")
AT_ONCE = 500
MOST_FOUND = 5_000


async def named(call: Call, document: str, names: Sequence[str]) -> dict[str, Named]:
    """What names mean to a person, whichever service keeps the documents; unknown ones are left out."""
    owner, found = document.split(".")[0], dict[str, Named]()
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        if owner == call.service:
            found |= await named_here(call, document, some)
        else:
            request = pb.FindNamedRequest(document_type=document, names=some)
            reply = await call.ask(owner, FIND_NAMED, request)
            found |= {one.name: Named(one.document_id, one.count) for one in reply.documents}
    return found


async def named_here(call: Call, document: str, names: Sequence[str]) -> dict[str, Named]:
    """Documents of this service by id, code, number, name or whole title, as far as the person behind the call may
    list them. A code decides before a name; of several names the one in use.
    """
    model = call.runtime.service.model_of(document)
    if model is None or not names:
        return {}
    columns = _naming(model, document)
    asker = dataclasses.replace(call, actor=Actor(call.actor.person))
    known = set(contract.load().permissions())
    permission = next((p for p in (f"{document}.list", f"{document}.get") if p in known), "")
    if not permission or call.actor.person is None:
        return {}
    within = asker.scope_of(model, permission)
    keys = {ids.parse(name): name for name in names if is_id(name)}
    here = (await call.db.scalars(sa.select(model.id).where(model.id.in_(keys), *within))).all() if keys else ()
    known_by_id = {keys[key]: Named(str(key), 1) for key in here}
    names = [name for name in names if name not in keys.values()]
    if not names or not columns:
        return known_by_id
    # a title is `code name`: its first word finds it too
    wanted = {*names, *(name.split(" ")[0] for name in names)}
    state = model.state if hasattr(model, "state") else sa.literal("")
    matches = sa.or_(*(column.in_(wanted) for column in columns))
    asked = sa.select(model.id, state.label("state"), *columns).where(matches, *within)
    by_name: dict[str, list[tuple[int, bool, str]]] = {}
    for key, in_state, *texts in (await call.db.execute(asked.limit(MOST_FOUND))).all():
        said = [*texts, " ".join(filter(None, texts[: _title_length(document, columns)]))]
        active = in_state not in ("INACTIVE", "DISABLED", "BLOCKED")
        for rank, one in enumerate(said):
            if one:
                by_name.setdefault(one, []).append((rank, not active, str(key)))
    return known_by_id | {name: _choose(by_name[name]) for name in names if name in by_name}


def _choose(found: list[tuple[int, bool, str]]) -> Named:
    best = min(found)[:2]
    ids = {key for rank, idle, key in found if (rank, idle) == best}
    return Named(ids.pop() if len(ids) == 1 else "", len({key for *_, key in found}))


def _naming(model: Any, document: str) -> list[Any]:
    """Columns that name a document: its title first, in the title's order."""
    plan, title = mapping.plan_for(model), contract.load().documents[document].title
    names = [*title, *(name for name in NAMING if name not in title)]
    fields = [plan.fields[name] for name in names if name in plan.fields]
    return [
        getattr(model, field.attribute)
        for field in fields
        if not field.spec.references and isinstance(sa.inspect(model).columns[field.attribute].type, sa.Text)
    ]


def _title_length(document: str, columns: Sequence[Any]) -> int:
    title = contract.load().documents[document].title
    return sum(column.key in title for column in columns)


async def absent(call: Call, mentioned: Iterable[tuple[str, str, str]]) -> list[Violation]:
    """Of what values name (path, type, id) the documents that are not there: of this service those that the call's
    company does not have, of another those that the person behind the call may not list. One question for each type.

    Raises SERVICE_UNAVAILABLE where a service cannot be asked. What no person caused is not asked of others.
    """
    wanted: dict[str, dict[str, list[str]]] = {}
    for path, kind, key in mentioned:
        wanted.setdefault(kind, {}).setdefault(key, []).append(path)
    wrong: list[Violation] = []
    for kind, paths in wanted.items():
        if kind not in contract.load().documents:
            here = set[str]()
        elif kind.startswith(f"{call.service}."):
            model = call.runtime.service.model_of(kind)
            asked = sa.select(model.id).where(model.id.in_(map(ids.parse, paths)))
            if hasattr(model, "company_id"):
                asked = asked.where(model.company_id == call.company_id)
            here = {str(key) for key in await call.db.scalars(asked)}
        elif call.actor.person is None:
            continue
        else:
            here = set(await named(call, kind, list(paths)))
        wrong += [(p, "FIELD_NO_SUCH_DOCUMENT", {"value": key}) for key in paths.keys() - here for p in paths[key]]
    return sorted(wrong, key=lambda one: one[0])


async def look_up(call: Call) -> None:
    """Refuse what values of added fields name and is not there, when the call is saved."""
    mentioned, call.named[:] = list(call.named), []
    if wrong := await absent(call, mentioned):
        raise Refused.fields(wrong)


# ---- what refers to a document


async def used(call: Call, document: str, keys: Sequence[uuid.UUID], batch: uuid.UUID | None = None) -> dict[str, str]:
    """Documents that something refers to, in this service or another: id -> type of one that does. What the batch has
    taken back refers to nothing any more.

    Raises SERVICE_UNAVAILABLE where a service cannot be asked: what is not known to be free is not taken back.
    """
    found = await used_here(call, document, keys, batch)
    for target in call.runtime.clients.targets:
        if target != call.service:
            request = pb.FindReferencesRequest(document_type=document, ids=map(str, keys))
            reply = await call.ask(target, FIND_REFERENCES, request)
            found |= {one.document_id: one.by_document_type for one in reply.documents}
    return found


async def used_here(
    call: Call, document: str, keys: Sequence[uuid.UUID], batch: uuid.UUID | None = None
) -> dict[str, str]:
    """The same of this service's documents: one statement for each column that can refer to the type, the open records
    among them.
    """
    await call.every_company()
    found: dict[str, str] = {}
    back = way_back_of(document)
    stays = batch is not None and back is not None and back.policy.take_back != REMOVES
    naming = [(by, column.table, _in_column(column, keys)) for by, column in _referring(call.runtime.service, document)]
    naming += [one async for one in _in_records(call, document, keys)]
    for by, table, uses in naming:
        undone = call.runtime.tables.import_batch.c
        others = sa.and_(undone.company_id == call.company_id, undone.document_type == by, undone.state == "UNDONE")
        asked = _uses(call.runtime.tables, table, uses, keys, batch, others if stays else sa.false())
        found |= {str(key): by for key in (await call.db.execute(asked)).scalars()}
    return found


def _in_column(column: Any, keys: Sequence[uuid.UUID]) -> Any:
    """Rows whose column names some of the keys, with what it names."""
    several = isinstance(column.type, sa.ARRAY)
    named = sa.func.unnest(column) if several else column
    return sa.select(named.label("named")).where(column.overlap(list(keys)) if several else column.in_(keys))


async def _in_records(call: Call, document: str, keys: Sequence[uuid.UUID]) -> AsyncIterator[tuple[str, Any, Any]]:
    """The same of records of fields that people defined: type, table, rows that name some of the keys."""
    for mapper in call.runtime.service.base.registry.mappers:
        model = mapper.class_
        if not issubclass(model, Document):
            continue
        by, held = custom_fields.type_of(model), dict[str, Iterable[Any]]()
        if custom_fields.takes_fields(model):
            held[custom_fields.COLUMN] = call.runtime.custom.ever(by)
        for name, tell in model.__held__.items():
            held[name] = await tell(call)
        for name, fields in held.items():
            if paths := set(_paths_to(document, fields)):
                column = mapper.columns[name]
                # what the index on the values serves
                said = [orjson.dumps(_at(path, str(key))).decode() for key in keys for path in paths]
                wanted = sa.func.unnest(
                    sa.cast([key for key in keys for _ in paths], pg.ARRAY(sa.Uuid())),
                    sa.cast(said, pg.ARRAY(sa.Text())),
                ).table_valued(sa.column("id", sa.Uuid()), sa.column("said", sa.Text()), name="wanted")
                wanted = wanted.render_derived()
                met = column.contains(sa.cast(wanted.c.said, pg.JSONB))
                yield by, mapper.local_table, sa.select(wanted.c.id.label("named")).where(met)


def _paths_to(document: str, fields: Iterable[Any]) -> Iterator[tuple[str, ...]]:
    """Where values name documents of a type: a key, or those of a table and of its column."""
    for field in fields:
        if typed_fields.kind_of(field) in typed_fields.NAMING:
            if custom_fields.NAMED.get(typed_fields.kind_of(field), field.document_type) == document:
                yield (field.key,)
        else:
            yield from ((field.key, *path) for path in _paths_to(document, field.columns))


def _at(path: tuple[str, ...], key: str) -> Any:
    """Values in which a key stands where the path leads."""
    first, *rest = path
    return {first: [_at(tuple(rest), key)] if rest else key}


def _uses(tables: Any, table: Any, naming: Any, keys: Sequence[uuid.UUID], batch: uuid.UUID | None, others: Any) -> Any:
    """Which of the keys rows of a table name, but for rows that came into being in the same act as the document: a
    joiner's first placement is no use of the joiner. Neither is what the batch has taken back, nor what `others` have
    and nobody changed since: a head who was withdrawn.
    """
    change, row, batches = tables.audit_change, tables.import_row, tables.import_batch
    version = sa.func.coalesce(table.c.get("version", sa.null()), 0).label("version")
    uses = naming.add_columns(table.c.id.label("id"), version).subquery()
    born, mine = change.alias("born"), change.alias("mine")
    together = sa.select(sa.literal(1)).where(
        born.c.document_id == uses.c.id, mine.c.document_id == uses.c.named,
        born.c.entry_id == mine.c.entry_id, born.c.version == 1, mine.c.version == 1,
    )  # fmt: skip
    gone = sa.and_(row.c.state.in_(["RETIRED", "UNDONE"]), row.c.document_id.is_not(None))
    back = sa.select(row.c.document_id).where(gone, row.c.batch_id == batch)
    untouched = sa.select(row.c.document_id, row.c.document_version).where(
        gone, row.c.document_version.is_not(None), row.c.batch_id.in_(sa.select(batches.c.id).where(others))
    )
    taken_back = sa.or_(uses.c.id.in_(back), sa.tuple_(uses.c.id, uses.c.version).in_(untouched))
    asked = sa.select(uses.c.named).where(uses.c.named.in_(keys), ~together.correlate(uses).exists(), ~taken_back)
    return asked.distinct()


def _referring(service: Service, document: str) -> Iterator[tuple[str, Any]]:
    """Columns of the service that refer to documents of a type, with the type that has them."""
    own = service.model_of(document) if document.startswith(f"{service.name}.") else None
    mine = {own.__table__, *_part_tables(own)} if own is not None else set()
    seen = set()
    for mapper in service.base.registry.mappers:
        model, message = mapper.class_, getattr(mapper.class_, "__message__", None)
        if message is None:
            # what is kept beside documents, as accounts are, is no use of them
            continue
        by = f"{service.name}.{contract.snake(message.DESCRIPTOR.name)}"
        for key in sa.inspect(model).columns:
            points = own is not None and any(fk.column.table is own.__table__ for fk in key.foreign_keys)
            if points and not (issubclass(model, Part) and model.__table__ in mine) and key not in seen:
                seen.add(key)
                yield by, key
        for field in mapping.plan_for(model).fields.values():
            if field.spec.references == document and field.part is None:
                column = sa.inspect(model).columns[field.attribute]
                if column not in seen and isinstance(column.type, sa.Uuid | sa.ARRAY):
                    seen.add(column)
                    yield by, column


def _part_tables(model: Any) -> Iterable[Any]:
    for relation in sa.inspect(model).relationships:
        if issubclass(relation.mapper.class_, Part):
            yield relation.mapper.local_table
            yield from _part_tables(relation.mapper.class_)


def reply_named(found: dict[str, Named]) -> pb.FindNamedResponse:
    """As the question is answered."""
    documents = [pb.NamedDocument(name=n, document_id=one.document_id, count=one.count) for n, one in found.items()]
    return pb.FindNamedResponse(documents=documents)


def check_type(service: Service, document: str) -> None:
    """Refuse a question about documents of another service."""
    if service.model_of(document) is None or not document.startswith(f"{service.name}."):
        raise Refused("IMPORT_NOT_POSSIBLE", document_type=document)
