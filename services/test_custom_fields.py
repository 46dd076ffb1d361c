"""A field that an administrator adds to any type of documents goes the whole way, without a line of that type's own:
definition, form, list, filter, order, export, import, print, event, condition of a flow, history and rights.
"""

from __future__ import annotations

import datetime
import inspect
import io
import json
import os
import re
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import sqlalchemy as sa
from python_calamine import CalamineWorkbook

from chassis import contract, custom_fields, import_work, labels, mapping, migrate, seeing, testing_postgres
from chassis.call import Actor
from chassis.clients import Clients
from chassis.clock import zone
from chassis.import_cells import Reading, Row, draft, folded
from chassis.importable import importable
from chassis.runtime import Envelope
from chassis.server import generic_handlers
from chassis.service import find
from chassis.testing import COMPANY, Account, Bench, bench_for, refused, stable
from gateway import routes
from gateway.export import Exports
from gateway.imports import Imports, _words, guess

NAMES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/service.py"))
TYPES = [custom_fields.type_of(mapper.class_) for name in NAMES for mapper in custom_fields.mappers(find(name).base)]
WORDS = {"zh-CN": "等级", "en": "Grade"}
GRADE = {
    "key": "grade",
    "kind": "CHOICE",
    "label": WORDS,
    "options": [
        {"key": "a", "label": {"zh-CN": "甲", "en": "First"}},
        {"key": "b", "label": {"zh-CN": "乙", "en": "Second"}},
    ],
}
WEIGHT = {"key": "weight", "kind": "NUMBER", "scale": 3, "unit": "kg", "label": {"zh-CN": "重量", "en": "Weight"}}
COST = {"key": "cost", "kind": "AMOUNT", "label": {"zh-CN": "成本", "en": "Cost"}}
TWICE = {
    "key": "twice", "kind": "COMPUTED", "formula": "cost * 2", "result_kind": "AMOUNT",
    "label": {"zh-CN": "双倍", "en": "Twice"},
}  # fmt: skip


LAWS = """
  SELECT format('ALTER TABLE %I DROP CONSTRAINT %I', CAST(:table AS text), conname) FROM pg_constraint
  WHERE conrelid = CAST(CAST(:table AS text) AS regclass) AND contype IN ('c', 'u', 'x')
  UNION ALL SELECT format('DROP INDEX %s', indexrelid::regclass) FROM pg_index
  WHERE indrelid = CAST(CAST(:table AS text) AS regclass) AND indisunique AND NOT indisprimary
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


@pytest.fixture(scope="session")
async def benches() -> AsyncIterator[dict[str, Bench]]:
    made: dict[str, Bench] = {}
    yield made
    for bench in made.values():
        await bench.close()


@pytest.fixture
async def bench(benches: dict[str, Bench], document_type: str) -> Bench:
    return await bench_of(benches, document_type.split(".")[0])


async def bench_of(benches: dict[str, Bench], name: str) -> Bench:
    """A service, with nothing in it."""
    if name not in benches:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        benches[name] = await bench_for(os.environ[testing_postgres.VARIABLE], find(name), f"fields_{worker}")
    made = benches[name]
    await made.clear()
    return made


async def row_of(bench: Bench, model: Any, number: int) -> uuid.UUID:
    """A document that no rule of its own has seen: every column that must say something says something."""
    values: dict[str, Any] = {}
    enums = {p.attribute: p.descriptor.enum_type for p in mapping.plan_for(model).fields.values()}
    for column in model.__table__.columns:
        if column.nullable or column.server_default is not None:
            continue
        samples: dict[type, Any] = {
            sa.Uuid: stable(f"{column.name} {number}"), sa.Integer: number + 1, sa.Numeric: Decimal(number + 1),
            sa.Date: datetime.date(2026, 11, 23 + number), sa.Boolean: False,
            sa.DateTime: datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC), sa.ARRAY: [],
            sa.JSON: {}, sa.LargeBinary: b"", sa.Text: f"{column.name} {number}",
        }  # fmt: skip
        values[column.name] = next(value for kind, value in samples.items() if isinstance(column.type, kind))
        if enums.get(column.name) is not None:
            values[column.name] = enums[column.name].values[1].name
    own = {"company_id": COMPANY, "owner_id": stable("admin"), "department_id": stable("works")}
    values |= {name: value for name, value in own.items() if name in model.__table__.columns}
    if model.__transitions__:
        values["state"] = next(iter(model.__transitions__))[0]
    url = testing_postgres.at(os.environ[testing_postgres.VARIABLE], str(bench.runtime.engine.url.database))
    engine = migrate.owner_engine(url)
    async with engine.begin() as connection:
        # neither what it refers to nor what must hold of it is of interest here
        await connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for drop in (await connection.execute(sa.text(LAWS), {"table": model.__tablename__})).scalars().all():
            await connection.execute(sa.text(drop))
        await connection.execute(sa.insert(model.__table__).values(**values))
    await engine.dispose()
    found: uuid.UUID = values["id"]
    return found


async def write(bench: Bench, model: Any, key: uuid.UUID, values: dict[str, Any], who: str = "admin") -> Any:
    """Values put into a document on the way that every update takes; the document is announced."""
    runtime, document = bench.runtime, contract.load().document_of(model.__message__)
    verbs = [m for m in bench.service.methods() if m.document == document.name and not m.read_only]
    event = next(
        (
            e
            for e in contract.load().events.values()
            if e.DESCRIPTOR.fields[0].message_type is document.message.DESCRIPTOR
        ),
        None,
    )
    actor = await runtime._actor(verbs[0], Envelope(token=bench.issuer.person(stable(who))))
    async with runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', :company, true)"), {"company": str(COMPANY)})
        call = runtime._call(session, verbs[0], actor, COMPANY, None, Envelope())
        row = await call.load(model, key, scope=False)
        sent = model.__message__(custom_fields={"json": json.dumps(values)})
        call.update(row, sent)
        if event is not None:
            call.announce(event, row)
        return await runtime.finish(call, verbs[0].full_name, row)


def listing(bench: Bench, model: Any) -> routes.Binding | None:
    """The list of a model's documents at the door."""
    name = custom_fields.type_of(model)
    found = (b for b in routes.bindings(contract.load()) if b.method.document == name and b.rows is not None)
    return next((b for b in found if b.rows.message_type is model.__message__.DESCRIPTOR and not b.path_fields), None)


def handlers_of(document_type: str, verb: str) -> list[str]:
    """What the handlers of a verb of a type of documents say."""
    service = find(document_type.split(".")[0])
    named = f"{verb}{service.model_of(document_type).__message__.DESCRIPTOR.name}"
    found = [m for m in service.methods() if m.document == document_type and m.full_name.endswith(f"/{named}")]
    return [inspect.getsource(service.handlers[method.full_name]) for method in found]


@pytest.mark.parametrize("document_type", TYPES)
def test_who_makes_a_document_takes_the_values_of_its_fields(document_type: str) -> None:
    for said in handlers_of(document_type, "Create"):
        assert re.search(r"\bcall\.(create|values_of)\(", said), said


@pytest.mark.parametrize("document_type", TYPES)
def test_a_draft_is_asked_for_what_it_lacks_when_it_ends(document_type: str) -> None:
    model = find(document_type.split(".")[0]).model_of(document_type)
    state = model.__table__.columns.get("state")
    drafted = state is not None and state.default is not None and state.default.arg == "DRAFT"
    assert drafted == bool(model.__ends_draft__)
    if drafted:
        (said,) = handlers_of(document_type, model.__ends_draft__.title())
        assert "custom_fields.missing(" in said


@pytest.mark.parametrize("document_type", TYPES)
async def test_a_field_goes_the_whole_way(bench: Bench, document_type: str) -> None:
    model = bench.service.model_of(document_type)
    admin, keeper = bench.as_("admin"), bench.as_("boss")
    bench.grant("boss", ["*"], "ALL", role="keeper")
    bench.grant("buyer", ["*"], "ALL", role="clerk")

    # ---- defined, without a deployment
    for field in (GRADE, WEIGHT):
        await admin.CreateCustomField(custom_field={"document_type": document_type, "field": field, "printed": True})
    cost = {"document_type": document_type, "field": COST, "read_roles": ["keeper"]}
    await admin.CreateCustomField(custom_field=cost)
    twice = await admin.CreateCustomField(custom_field={"document_type": document_type, "field": TWICE})
    assert twice.position == 4
    form = next(f for f in (await keeper.DescribeCustomFields()).forms if f.document_type == document_type)
    assert [one.field.key for one in form.fields] == ["grade", "weight", "cost", "twice"]

    # ---- written, audited, announced
    keys = [await row_of(bench, model, number) for number in range(3)]
    for key, grade, weight in zip(keys, "aba", ("9.5", "10.25", "2"), strict=True):
        message = await write(bench, model, key, {"grade": grade, "weight": weight, "cost": "3.10"}, who="boss")
        assert json.loads(message.custom_fields.json) == {
            "grade": grade, "weight": weight, "cost": "3.10", "twice": "6.20",
        }  # fmt: skip
    with refused("FIELD_DECIMAL", field="custom_fields.weight"):
        await write(bench, model, keys[0], {"weight": "1.2345"})
    with refused("FIELD_UNKNOWN", field="custom_fields.colour"):
        await write(bench, model, keys[0], {"colour": "red"})
    with refused("FIELD_UNKNOWN", field="custom_fields.cost"):
        await write(bench, model, keys[0], {"cost": "1.00"}, who="buyer")
    await write(bench, model, keys[0], {"grade": None}, who="buyer")
    await write(bench, model, keys[0], {"grade": "a"}, who="buyer")
    # what is computed follows, though nobody sends it
    changed = await write(bench, model, keys[0], {"cost": "3.20"}, who="boss")
    assert json.loads(changed.custom_fields.json)["twice"] == "6.40"
    await write(bench, model, keys[0], {"cost": "3.10"}, who="boss")
    history = await keeper.ListHistory(document_type=document_type, document_id=str(keys[0]))
    changes = [(c.field, c.before, c.after) for entry in history.entries for c in entry.changes]
    assert ("custom_fields.grade", '"a"', "null") in changes
    assert ("custom_fields.cost", "null", '"3.10"') in changes
    announced = [event for subject, event in await bench.events() if subject.startswith(f"evt.{document_type}.")]
    for event in announced[-1:]:
        snapshot = getattr(event, contract.snake(model.__message__.DESCRIPTOR.name))
        assert json.loads(snapshot.custom_fields.json)["cost"] == "3.10"

    # ---- conditions of flows, and what an approver agrees to
    async with bench.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        row = (await session.execute(sa.select(model).where(model.id == keys[0]))).scalar_one()
        call = bench.runtime.call_for_event(session, Actor(None, service=bench.service.name), COMPANY, "")
        assert custom_fields.facts(call, row) == {
            "custom_fields": {"grade": "a", "weight": 9.5, "cost": 3.1, "twice": 6.2}
        }
        whole = mapping.plan_for(model).to_message(row, with_parts=False)
        # ---- on paper
        assert custom_fields.printed(call, row, "zh-CN") == [("等级", "甲"), ("重量", "9.5 kg")]
        assert custom_fields.printed(call, row, "en") == [("Grade", "First"), ("Weight", "9.5 kg")]
    assert {"custom_fields.grade", "custom_fields.weight"} <= seeing.basis(whole).keys()
    # hidden from an approver: the field, what is computed from it, and the fact that tells of it
    fields = bench.runtime.custom.of(document_type, COMPANY)
    assert custom_fields.told_by(fields, {"custom_fields.cost"}) == {"cost", "twice"}
    assert "facts.custom_fields" in seeing.spread(document_type, {"custom_fields.cost"})
    seeing.conceal(whole, {"custom_fields.grade"}, whole=False)
    assert "grade" not in json.loads(whole.custom_fields.json)

    # ---- listed, filtered, sorted page by page, exported; what a role does not show is nowhere
    binding = listing(bench, model)
    assert binding is not None
    rows, names = binding.rows.name, [str(key) for key in keys]

    async def listed(who: str, **asked: Any) -> list[str]:
        found, token = [], ""
        while True:
            request = binding.method.request(page_size=1, page_token=token, **asked)
            reply = (await bench.invoke(binding.method, request, bench.issuer.person(stable(who)))).message
            found += [one.id for one in getattr(reply, rows)]
            if not (token := reply.next_page_token):
                # some types have rows from the start
                return [one for one in found if one in names]

    assert set(await listed("boss")) == set(names)
    assert set(await listed("boss", filter='custom_fields.grade = "a"')) == {names[0], names[2]}
    assert await listed("boss", filter="custom_fields.weight > 9.6") == [names[1]]
    assert await listed("boss", filter='custom_fields.grade != "a"') == [names[1]]
    assert await listed("boss", order_by="custom_fields.weight") == [names[2], names[0], names[1]]
    assert await listed("boss", order_by="custom_fields.grade desc, custom_fields.weight") == [
        names[1],
        names[2],
        names[0],
    ]
    assert len(await listed("boss", filter='custom_fields.cost = "3.1"')) == 3
    with refused("FILTER_FIELD"):
        await listed("buyer", filter='custom_fields.cost = "3.1"')
    with refused("ORDER_FIELD"):
        await listed("buyer", order_by="custom_fields.twice")

    asking = "boss"

    async def ask(what: routes.Binding, message: Any) -> Any:
        return (await bench.invoke(what.method, message, bench.issuer.person(stable(asking)))).message

    exports = Exports(contract.load(), routes.bindings(contract.load()), 100, 1)
    for one, head in (("boss", ["等级", "重量 (kg)", "成本"]), ("buyer", ["等级", "重量 (kg)"])):
        asking = one
        columns = ",".join(["customFields.grade", "customFields.weight", "customFields.cost"][: len(head)])
        asked = [("columns", columns), ("orderBy", "custom_fields.weight")]
        content, _ = await exports.write(binding, [], asked, labels.load("zh-CN"), "Asia/Shanghai", ask)
        cells = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()
        assert list(cells[0]) == head
        assert [row[:2] for row in cells[1:] if row[0]] == [["甲", 2], ["甲", 9.5], ["乙", 10.25]]
    with refused("FIELD_UNKNOWN", field="columns"):
        await exports.write(binding, [], [("columns", "customFields.cost")], labels.load("en"), "Asia/Shanghai", ask)


@pytest.mark.parametrize("document_type", [name for name in TYPES if name in importable()])
async def test_a_file_brings_values_of_it(bench: Bench, document_type: str) -> None:
    """In the template, the guess of columns, the check and the document, by the words of either language; and only for
    whoever fills it in.
    """
    admin, buyer = bench.as_("admin"), bench.as_("buyer")
    bench.grant("buyer", ["*"], "ALL", role="clerk")
    when = {"key": "stay", "kind": "DATE_RANGE", "label": {"zh-CN": "期间", "en": "Stay"}}
    keeper = {"key": "keeper", "kind": "PERSON", "label": {"zh-CN": "保管人", "en": "Keeper"}}
    for field in (GRADE, WEIGHT, when, keeper, TWICE | {"formula": "weight * 2"}):
        await admin.CreateCustomField(custom_field={"document_type": document_type, "field": field})
    await admin.CreateCustomField(
        custom_field={"document_type": document_type, "field": COST, "write_roles": ["keeper"]}
    )

    async def ask(_: str, method: Any, message: Any, __: str) -> Any:
        return (await bench.invoke(method, message, bench.issuer.person(stable("buyer")))).message

    imports = Imports(contract.load(), routes.bindings(contract.load()))
    must = {"key": "must", "kind": "TEXT", "required": True, "label": WORDS}
    made = await admin.CreateCustomField(custom_field={"document_type": document_type, "field": must})
    asked = [column.required for column in await imports.columns(document_type, ask) if column.path.endswith(".must")]
    assert asked == [not bench.service.model_of(document_type).__ends_draft__]
    await admin.DeleteCustomField(id=made.id)
    columns = await imports.columns(document_type, ask)
    added = [column.path for column in columns if column.added is not None]
    assert added == [f"custom_fields.{key}" for key in ("grade", "weight", "stay", "keeper")]
    for locale, heads in (("zh-CN", ("等级", "重量 (kg)")), ("en", ("Grade", "Weight (kg)"))):
        book, _ = await imports.template(document_type, labels.load(locale), ask)
        head = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()[0]
        assert set(heads) < set(head)
        assert len(head) == len(columns)
        assert [guess(columns)[folded(one)] for one in heads] == ["custom_fields.grade", "custom_fields.weight"]

    # ---- read
    words = {one.field: dict(one.values) for one in _words(columns) if one.locale == "en"}
    reading = Reading(dict(enumerate(columns, 1)), words, {}, zone("Asia/Shanghai"), lambda *_: None)
    said = {"grade": "first", "weight": "1,009.5", "stay": "2026/1/5 ~ 2026-02-01", "keeper": str(stable("buyer"))}
    cells = [said.get(column.added.key, "") if column.added is not None else "" for column in columns]
    message = contract.load().documents[document_type].message()
    assert not draft([Row(2, cells)], reading, message).problems
    assert json.loads(message.custom_fields.json) == {
        "grade": "a", "weight": "1009.5", "stay": {"start": "2026-01-05", "end": "2026-02-01"},
        "keeper": str(stable("buyer")),
    }  # fmt: skip

    # ---- checked, cell by cell, whatever else is wrong with the row
    wrong = {"grade": "丙", "weight": "1.2345", "stay": "2026-01-05", "keeper": str(stable("nobody"))}
    batch = await buyer.CreateImportBatch(
        document_type=document_type, file_name="rows.xlsx", file_hash="f00d", words=_words(columns),
        columns=[{"position": n, "header": str(n), "field": column.path} for n, column in enumerate(columns, 1)],
    )  # fmt: skip
    assert added == [field.path for field in batch.fields if field.path.startswith("custom_fields.")]
    rows = [{"row_number": 2, "cells": cells}, {"row_number": 3, "cells": [
        wrong.get(column.added.key, "") if column.added is not None else "" for column in columns
    ]}]  # fmt: skip
    await buyer.AddRowsImportBatch(id=batch.id, rows=rows, complete=True)
    await buyer.CheckImportBatch(id=batch.id)
    while await import_work.Worker(bench.runtime).work():
        pass
    problems = (await buyer.ListImportProblems(id=batch.id)).problems
    assert {(one.row_number, one.field, one.reason) for one in problems if one.field in added} == {
        (3, "custom_fields.grade", "IMPORT_VALUE_UNKNOWN"), (3, "custom_fields.weight", "FIELD_DECIMAL"),
        (3, "custom_fields.stay", "FIELD_FORMAT"), (3, "custom_fields.keeper", "FIELD_NO_SUCH_DOCUMENT"),
    }  # fmt: skip


async def references(bench: Bench, document_type: str, *ids: str) -> dict[str, str]:
    """Which documents a service says that its own name, and by what: as the service of an import asks it."""
    method = contract.load().methods["heyi.platform.v1.Imports/FindReferences"]
    request = method.request(document_type=document_type, ids=ids)
    found = (await bench.invoke(method, request, bench.issuer.service("inventory"))).message.documents
    return {one.document_id: one.by_document_type for one in found}


async def test_what_an_added_field_names_is_not_taken_back(benches: dict[str, Bench]) -> None:
    """Of any kind that names something, in a table too; what nothing names goes."""
    bench = await bench_of(benches, "inventory")
    bench.grant("boss", ["*"], "ALL", role="keeper")
    boss, kind = bench.as_("boss"), {"kind": "REFERENCE", "document_type": "inventory.unit", "label": WORDS}
    table = {"key": "parts", "kind": "TABLE", "label": WORDS, "columns": [{"key": "packed", **kind}]}
    person = {"key": "keeper", "kind": "PERSON", "label": WORDS}
    document_type = "inventory.item_category"
    for field in ({"key": "packed", **kind}, table, person):
        await bench.as_("admin").CreateCustomField(custom_field={"document_type": document_type, "field": field})
    batch = await bench.bring_in(boss, "inventory.unit", ("code", "name"), ("PCS", "个"), ("BOX", "箱"), ("BAG", "袋"))
    pcs, box, _ = sorted((await boss.ListUnits()).units, key=lambda one: one.create_time.ToDatetime())
    model = bench.service.model_of(document_type)
    values = {"packed": pcs.id, "parts": [{"packed": box.id}], "keeper": str(stable("boss"))}
    await write(bench, model, await row_of(bench, model, 0), values, who="boss")
    with bench.statements() as seen:
        named = await references(bench, "inventory.unit", pcs.id, box.id)
    assert named == dict.fromkeys([pcs.id, box.id], document_type)
    assert sum("item_category.custom_fields" in one for one in seen) == 1
    assert await references(bench, "identity.employee", str(stable("boss"))) == {str(stable("boss")): document_type}

    assert await bench.take_back(boss, batch) == (1, 2, ["IMPORT_IN_USE", "IMPORT_IN_USE"])
    assert {one.id for one in (await boss.ListUnits()).units} == {pcs.id, box.id}


async def test_a_value_names_documents_of_another_service_that_are_there(benches: dict[str, Bench]) -> None:
    """Asked of the service that keeps them, as the person who typed it; a service that is away is no answer."""
    keeper = await bench_of(benches, "inventory")
    bench = await bench_of(benches, "procurement")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(tuple(generic_handlers(keeper.runtime)))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    before = bench.runtime.clients
    bench.runtime.clients = Clients({"inventory": f"127.0.0.1:{port}"}, Account(bench))  # type: ignore[arg-type]
    try:
        for one in (keeper, bench):
            one.grant("boss", ["*"], "ALL", role="keeper")
        unit = await keeper.as_("boss").CreateUnit(unit={"code": "PCS", "name": "个"})
        field = {"key": "packed", "kind": "REFERENCE", "document_type": "inventory.unit", "label": WORDS}
        document_type = "procurement.supplier"
        await bench.as_("admin").CreateCustomField(custom_field={"document_type": document_type, "field": field})
        model = bench.service.model_of(document_type)
        key = await row_of(bench, model, 0)
        await write(bench, model, key, {"packed": unit.id}, who="boss")
        with refused("FIELD_NO_SUCH_DOCUMENT", field="custom_fields.packed"):
            await write(bench, model, key, {"packed": str(stable("nothing"))}, who="boss")
        # what a value names is in use, though its field is retired; where nothing names it any more it is not
        defined = (await bench.as_("admin").ListCustomFields()).custom_fields
        await bench.as_("admin").RetireCustomField(id=defined[0].id)
        assert await references(bench, "inventory.unit", unit.id) == {unit.id: document_type}
        assert await references(bench, "inventory.unit", str(stable("nothing"))) == {}
        await bench.as_("admin").RestoreCustomField(id=defined[0].id)
        # who may not list them names none; what stands there stays
        keeper.revoke("boss")
        await write(bench, model, key, {"packed": unit.id}, who="boss")
        other = await row_of(bench, model, 1)
        with refused("FIELD_NO_SUCH_DOCUMENT", field="custom_fields.packed"):
            await write(bench, model, other, {"packed": unit.id}, who="boss")
        await server.stop(0)
        with refused("SERVICE_UNAVAILABLE"):
            await write(bench, model, other, {"packed": unit.id}, who="boss")
    finally:
        await server.stop(0)
        await bench.runtime.clients.close()
        bench.runtime.clients = before


@pytest.mark.parametrize("document_type", TYPES[:1])
async def test_a_flow_may_ask_for_a_field_that_is_retired(bench: Bench, document_type: str) -> None:
    """It says its value, or the empty one of its kind: a condition has an answer."""
    model, admin = bench.service.model_of(document_type), bench.as_("admin")
    ids = [
        (await admin.CreateCustomField(custom_field={"document_type": document_type, "field": field})).id
        for field in (GRADE, WEIGHT)
    ]
    keys = [await row_of(bench, model, number) for number in range(2)]
    await write(bench, model, keys[0], {"grade": "a", "weight": "9.5"})
    for key in ids:
        await admin.RetireCustomField(id=key)
    assert await facts_of(bench, model, *keys) == [{"grade": "a", "weight": 9.5}, {"grade": "", "weight": 0}]


async def facts_of(bench: Bench, model: Any, *keys: uuid.UUID) -> list[dict[str, Any]]:
    """What the conditions of a flow are told of the added fields of documents."""
    async with bench.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        call = bench.runtime.call_for_event(session, Actor(None, service=bench.service.name), COMPANY, "")
        rows = [await session.get_one(model, key) for key in keys]
        return [custom_fields.facts(call, row)["custom_fields"] for row in rows]
