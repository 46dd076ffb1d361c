"""Items out of a file, through the whole runtime: columns, check, import, undo; nothing twice, nothing half done."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import import_work
from chassis.testing import refused, stable
from heyi.inventory.v1 import items_pb2
from heyi.platform.v1 import imports_pb2 as pb
from inventory.item.model import Item
from inventory.tests.conftest import Master

HEADERS = {"Code": "code", "Name": "name", "Category": "category_id", "Base unit": "base_unit_id", "Kind": "kind"}
KINDS = {"Part": "PART", "零件": "PART", "Material": "MATERIAL", "材料": "MATERIAL"}
State = pb.ImportBatch.State


async def upload(
    who: Any, rows: Sequence[Sequence[str]], *, file: str = "f00d", headers: Any = None, kind: str = "inventory.item"
) -> Any:
    """Bring a file in, as the gateway does after it has read it."""
    columns = [
        {"position": at, "header": header, "field": field}
        for at, (header, field) in enumerate((headers or HEADERS).items(), 1)
    ]
    batch = await who.CreateImportBatch(
        document_type=kind, file_name="items.xlsx", file_hash=file, columns=columns,
        words=[{"field": "kind", "values": KINDS}],
    )  # fmt: skip
    sent = [{"row_number": number, "cells": list(row)} for number, row in enumerate(rows, 2)]
    return await who.AddRowsImportBatch(id=batch.id, rows=sent, complete=True)


async def work(service: Any) -> int:
    """Let whatever waits be done to its end."""
    worker, turns = import_work.Worker(service.runtime), 0
    while await worker.work():
        turns += 1
        assert turns < 200
    return turns


async def checked(who: Any, service: Any, rows: Sequence[Sequence[str]], **more: Any) -> Any:
    batch = await upload(who, rows, **more)
    await who.CheckImportBatch(id=batch.id)
    await work(service)
    return await who.GetImportBatch(id=batch.id)


async def imported(who: Any, service: Any, rows: Sequence[Sequence[str]], **more: Any) -> Any:
    batch = await checked(who, service, rows, **more)
    await who.StartImportBatch(id=batch.id)
    await work(service)
    return await who.GetImportBatch(id=batch.id)


async def problems(who: Any, batch: Any) -> list[tuple[int, str, str, str]]:
    found = (await who.ListImportProblems(id=batch.id)).problems
    return [(one.row_number, one.header, one.value, one.reason) for one in found]


async def items(service: Any) -> list[Any]:
    async with service.runtime.engine.connect() as connection:
        return list((await connection.execute(sa.select(Item.code, Item.state).order_by(Item.code))).all())


GOOD = [["A-1", "轴承 6204", "2002", "PCS", "Part"], ["A-2", "轴承 6205", "2002 轴承", "个", "零件"]]


async def test_a_file_of_items_is_checked_imported_and_taken_back(master: Master, service: Any) -> None:
    batch = await checked(master.clerk, service, GOOD)
    assert (batch.state, batch.document_count, batch.problem_count) == (State.CHECKED, 2, 0)
    assert await items(service) == []

    await master.clerk.StartImportBatch(id=batch.id)
    await work(service)
    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.state, batch.imported_count, batch.done_count, batch.total_count) == (State.IMPORTED, 2, 2, 2)
    assert await items(service) == [("A-1", "ACTIVE"), ("A-2", "ACTIVE")]
    assert [event.item.code for _, event in await service.events("item.created")] == ["A-1", "A-2"]

    await master.clerk.UndoImportBatch(id=batch.id, reason="wrong list")
    await work(service)
    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.state, batch.undone_count, batch.kept_count) == (State.UNDONE, 2, 0)
    assert await items(service) == []
    # who keeps a copy hears that they are out of use
    assert {event.item.state for _, event in await service.events("item.updated")} == {items_pb2.Item.INACTIVE}
    kinds = [pb.ImportStep.Kind.Name(one.kind) for one in batch.steps]
    assert kinds == ["UPLOAD", "CHECK", "IMPORT", "UNDO"]
    assert batch.steps[-1].reason == "wrong list"


TREE = {"Code": "code", "Name": "name", "Above": "parent_id", "Policy": "sourcing_policy"}
POLICY = "BUYER"


async def test_a_row_may_name_what_a_row_above_it_makes(master: Master, service: Any) -> None:
    """A tree out of one file, by code or name, and gone again from its leaves on; below a bad row nothing is good."""
    rows = [
        ["T1", "树干", "", POLICY], ["T2", "树枝", "T1", POLICY], ["T3", "树叶", "树枝", POLICY],
        ["X1", "坏行", "nothing", POLICY], ["X2", "坏行之下", "X1", POLICY], ["X3", "更下", "X2", POLICY],
        ["L1", "在下一行之下", "L2", POLICY], ["L2", "下一行", "", POLICY],
    ]  # fmt: skip
    batch = await imported(master.clerk, service, rows, headers=TREE, kind="inventory.item_category")

    unknown = "IMPORT_REFERENCE_UNKNOWN"
    assert await problems(master.clerk, batch) == [
        (5, "Above", "nothing", unknown), (6, "Above", "X1", unknown), (7, "Above", "X2", unknown),
        (8, "Above", "L2", unknown),
    ]  # fmt: skip
    made = {one.code: one for one in (await master.clerk.ListItemCategories(search="T")).item_categories}
    assert [made[code].parent_id for code in ("T2", "T3")] == [made["T1"].id, made["T2"].id]

    await master.clerk.UndoImportBatch(id=batch.id, reason="wrong list")
    await work(service)
    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.state, batch.undone_count, batch.kept_count) == (State.UNDONE, 4, 0)
    assert {"T1", "T2", "T3"}.isdisjoint(one.code for one in (await master.clerk.ListItemCategories()).item_categories)


async def test_values_of_added_fields_come_in_with_the_file(master: Master, service: Any) -> None:
    field = {
        "key": "base",
        "kind": "REFERENCE",
        "document_type": "inventory.unit",
        "label": {"en": "Base", "zh-CN": "基"},
    }
    await service.as_("admin").CreateCustomField(
        custom_field={"document_type": "inventory.item", "field": {**field, "required": True}}
    )
    headers = {**HEADERS, "Base": "custom_fields.base"}
    rows = [[*GOOD[0], "PCS"], [*GOOD[1], "nothing"], ["A-3", "轴承 6207", "2002", "PCS", "Part", ""]]

    batch = await imported(master.clerk, service, rows, headers=headers)

    assert await problems(master.clerk, batch) == [
        (3, "Base", "nothing", "IMPORT_REFERENCE_UNKNOWN"), (4, "Base", "", "FIELD_REQUIRED"),
    ]  # fmt: skip
    (item,) = (await master.clerk.ListItems()).items
    assert json.loads(item.custom_fields.json) == {"base": master.piece.id}
    # a required one needs a column
    batch = await upload(master.clerk, GOOD)
    with refused("IMPORT_FIELD_MISSING", field="custom_fields.base"):
        await master.clerk.CheckImportBatch(id=batch.id)


BAD = {
    "no code": (["", "轴承 6206", "2002", "PCS", "Part"], "Code", "", "FIELD_REQUIRED"),
    "a code of no shape": (["A B", "轴承 6206", "2002", "PCS", "Part"], "Code", "A B", "FIELD_FORMAT"),
    "a category that is none": (
        ["A-3", "轴承 6206", "9999", "PCS", "Part"],
        "Category",
        "9999",
        "IMPORT_REFERENCE_UNKNOWN",
    ),
    "a word that is none": (["A-3", "轴承 6206", "2002", "PCS", "Parts"], "Kind", "Parts", "IMPORT_VALUE_UNKNOWN"),
    "a code that stands": (["OLD", "轴承 6206", "2002", "PCS", "Part"], "Code", "OLD", "ALREADY_EXISTS"),
    "a thing that stands": (["A-3", "轴承 ６２０９", "2002", "PCS", "Part"], "Name", "轴承 ６２０９", "ITEM_DUPLICATE"),
    "a code twice in the file": (["A-1", "轴承 6206", "2002", "PCS", "Part"], "Code", "A-1", "IMPORT_ROW_TWICE"),
    "a name too long": (["A-3", "x" * 121, "2002", "PCS", "Part"], "Name", "x" * 121, "FIELD_TOO_LONG"),
}


@pytest.mark.parametrize(("row", "header", "value", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_row_is_said_with_its_place_and_the_others_come_in(
    master: Master, service: Any, row: list[str], header: str, value: str, reason: str
) -> None:
    await master.clerk.CreateItem(item=master.item(code="OLD", name="轴承 6209", specification=""))

    batch = await imported(master.clerk, service, [*GOOD, row])

    assert await problems(master.clerk, batch) == [(4, header, value, reason)]
    assert (batch.imported_count, batch.problem_count) == (2, 1)
    assert [code for code, _ in await items(service)] == ["A-1", "A-2", "OLD"]


async def test_every_cell_of_a_row_that_is_wrong_is_said_at_once(master: Master, service: Any) -> None:
    batch = await checked(master.clerk, service, [["", "x" * 121, "9999", "PCS", "?"]])
    assert [(header, reason) for _, header, _, reason in await problems(master.clerk, batch)] == [
        ("Category", "IMPORT_REFERENCE_UNKNOWN"), ("Kind", "IMPORT_VALUE_UNKNOWN"),
        ("Code", "FIELD_REQUIRED"), ("Name", "FIELD_TOO_LONG"),
    ]  # fmt: skip


WITH_UNITS = HEADERS | {"Unit": "units.unit_id", "Factor": "units.factor"}


async def test_rows_that_leave_the_document_empty_are_further_lines_of_it(master: Master, service: Any) -> None:
    await master.clerk.CreateUnit(unit={"code": "CTN", "name": "箱"})
    rows = [
        ["A-1", "轴承 6204", "2002", "PCS", "Part", "BOX", "20"],
        ["", "", "", "", "", "CTN", "400"],
        ["A-2", "轴承 6205", "2002", "PCS", "Part"],
        ["A-3", "轴承 6206", "2002", "PCS", "Part", "BOX", "12"],
        ["A-3", "轴承 6206", "2002", "PCS", "Part", "CTN", "-1"],
    ]
    batch = await imported(master.clerk, service, rows, headers=WITH_UNITS)

    # the line that is wrong is found in its own row, and takes its document along
    assert await problems(master.clerk, batch) == [(6, "Factor", "-1", "FIELD_DECIMAL")]
    to_correct = (await master.clerk.ListImportRows(id=batch.id)).rows
    assert [row.row_number for row in to_correct] == [5, 6]
    assert (batch.document_count, batch.imported_count) == (3, 2)
    made = (await master.clerk.ListItems(order_by="code")).items
    first = await master.clerk.GetItem(id=made[0].id)
    assert [line.factor for line in first.units] == ["20", "400"]


async def test_the_same_file_makes_nothing_twice(master: Master, service: Any) -> None:
    await imported(master.clerk, service, GOOD)
    again = await imported(master.clerk, service, GOOD)
    assert (again.skipped_count, again.problem_count, again.imported_count) == (2, 0, 0)
    assert len(await items(service)) == 2
    # taken back by nobody but the batch that made them
    with refused("IMPORT_STATE"):
        await master.clerk.StartImportBatch(id=(await upload(master.clerk, GOOD)).id)


async def test_after_an_undo_the_same_file_comes_in_again(master: Master, service: Any) -> None:
    batch = await imported(master.clerk, service, GOOD)
    await master.clerk.UndoImportBatch(id=batch.id, reason="again")
    await work(service)
    assert (await imported(master.clerk, service, GOOD)).imported_count == 2


async def test_whoever_dies_in_the_middle_leaves_nothing_half_done(
    master: Master, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second chunk fails before its commit, as often as it is tried; then somebody else goes on."""
    monkeypatch.setattr(import_work, "CHUNK", 10)
    rows = [[f"A-{n:03d}", f"轴承 {n}", "2002", "PCS", "Part"] for n in range(25)]
    batch = await checked(master.clerk, service, rows)
    await master.clerk.StartImportBatch(id=batch.id)
    commits = 0

    def fail(name: str) -> None:
        nonlocal commits
        commits += name == "import_before_commit"
        if commits == 2:
            raise RuntimeError("the power went")

    with monkeypatch.context() as patched:
        patched.setattr(import_work.faults, "point", fail)
        await import_work.Worker(service.runtime).work()
    assert len(await items(service)) == 10
    table = service.runtime.tables.import_batch
    async with service.runtime.engine.begin() as connection:
        await connection.execute(sa.text("SET LOCAL heyi.company = '*'"))
        await connection.execute(sa.update(table).values(leased_until=None))
    await work(service)

    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.imported_count, batch.problem_count) == (25, 0)
    assert [code for code, _ in await items(service)] == [row[0] for row in rows]
    assert len(await service.events("item.created")) == 25


async def test_what_was_good_and_is_not_any_more_is_found_when_it_is_made(master: Master, service: Any) -> None:
    batch = await checked(master.clerk, service, GOOD)
    await master.clerk.CreateItem(item=master.item(code="A-2", name="滑块"))
    await master.clerk.StartImportBatch(id=batch.id)
    await work(service)
    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.imported_count, batch.problem_count) == (1, 1)
    assert await problems(master.clerk, batch) == [(3, "Code", "A-2", "ALREADY_EXISTS")]


async def test_what_somebody_changed_or_used_is_not_taken_back(master: Master, service: Any) -> None:
    headers = {"Code": "code", "Name": "name"}
    rows = [["X1", "一"], ["X2", "二"], ["X3", "三"]]
    batch = await imported(master.clerk, service, rows, headers=headers, kind="inventory.unit")
    units = {unit.code: unit for unit in (await master.clerk.ListUnits()).units}
    await master.clerk.CreateItem(item=master.item(base_unit_id=units["X1"].id))
    await master.clerk.UpdateUnit(
        unit={"id": units["X2"].id, "etag": units["X2"].etag, "name": "贰"}, update_mask="name"
    )

    await master.clerk.UndoImportBatch(id=batch.id, reason="wrong list")
    await work(service)

    batch = await master.clerk.GetImportBatch(id=batch.id)
    assert (batch.undone_count, batch.kept_count) == (1, 2)
    kept = (await master.clerk.ListImportProblems(id=batch.id)).problems
    assert [(one.row_number, one.reason, dict(one.facts)) for one in kept] == [
        (2, "IMPORT_IN_USE", {"by": "inventory.item"}), (3, "IMPORT_CHANGED_SINCE", {}),
    ]  # fmt: skip
    assert {unit.code for unit in (await master.clerk.ListUnits()).units} == {"BOX", "PCS", "X1", "X2"}


async def test_columns_are_taken_as_the_last_time(master: Master, service: Any) -> None:
    headers = {"编号": "", "品名": "", "类": "", "单位": "", "种": ""}
    batch = await upload(master.clerk, GOOD, headers=headers)
    with refused("IMPORT_FIELD_MISSING", field="code"):
        await master.clerk.CheckImportBatch(id=batch.id)
    chosen = [{"position": at, "field": field} for at, field in enumerate(HEADERS.values(), 1)]
    with refused("IMPORT_FIELD_TWICE", field="code"):
        await master.clerk.CheckImportBatch(id=batch.id, columns=[*chosen[:-1], {"position": 5, "field": "code"}])
    with refused("FIELD_UNKNOWN"):
        await master.clerk.CheckImportBatch(id=batch.id, columns=[*chosen[:-1], {"position": 5, "field": "id"}])
    await master.clerk.CheckImportBatch(id=batch.id, columns=chosen)

    again = await upload(master.clerk, GOOD, headers=headers)
    assert [column.field for column in again.columns] == list(HEADERS.values())
    # of another person's files nothing is known
    service.grant("finance_head", ["inventory.*"], "ALL")
    others = await upload(service.as_("finance_head"), GOOD, headers=headers)
    assert {column.field for column in others.columns} == {""}


async def test_only_who_may_make_them_may_import_and_others_see_nothing_of_it(master: Master, service: Any) -> None:
    with refused("PERMISSION_MISSING"):
        await upload(service.as_("stranger"), GOOD)
    batch = await checked(master.clerk, service, GOOD)
    service.grant("finance_head", ["inventory.*"], "ALL")
    other = service.as_("finance_head")
    for ask in (other.GetImportBatch, other.ListImportProblems, other.StartImportBatch, other.ListImportRows):
        with refused("DOCUMENT_NOT_FOUND"):
            await ask(id=batch.id)
    assert not (await other.ListImportBatches()).import_batches
    assert not (await other.ListOwnImportBatches()).import_batches
    assert [one.id for one in (await master.clerk.ListOwnImportBatches()).import_batches] == [batch.id]
    assert [one.id for one in (await service.as_("admin").ListImportBatches()).import_batches] == [batch.id]


async def test_a_right_that_ends_ends_the_import(master: Master, service: Any) -> None:
    batch = await checked(master.clerk, service, GOOD)
    await master.clerk.StartImportBatch(id=batch.id)
    service.revoke("buyer")
    await work(service)
    batch = (await service.as_("admin").ListImportBatches()).import_batches[0]
    assert (batch.state, batch.trouble, batch.imported_count) == (State.IMPORTED, "PERMISSION_MISSING", 0)
    assert await items(service) == []


async def test_an_import_is_stopped_and_goes_on_later(
    master: Master, service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_work, "CHUNK", 1)
    monkeypatch.setattr(import_work, "TURN_SECONDS", 0)
    batch = await checked(master.clerk, service, GOOD)
    await master.clerk.StartImportBatch(id=batch.id)
    await import_work.Worker(service.runtime).work()
    batch = await master.clerk.CancelImportBatch(id=batch.id)
    assert (batch.state, batch.imported_count) == (State.IMPORTED, 1)
    await work(service)
    assert len(await items(service)) == 1

    await master.clerk.StartImportBatch(id=batch.id)
    await work(service)
    assert len(await items(service)) == 2


async def test_a_file_that_is_given_up_is_thrown_away_and_one_that_rests_too(master: Master, service: Any) -> None:
    given_up, resting = await checked(master.clerk, service, GOOD), await checked(master.clerk, service, GOOD)
    await master.clerk.CancelImportBatch(id=given_up.id)
    service.clock.set(service.clock.now() + import_work.ROWS_KEPT + datetime.timedelta(days=1))
    assert await import_work.expire(service.runtime) == 1
    later = service.as_("buyer")
    for batch in (given_up, resting):
        with refused("IMPORT_EXPIRED"):
            await later.ListImportRows(id=batch.id)
    with refused("IMPORT_EXPIRED"):
        await later.CheckImportBatch(id=resting.id)


async def test_statements_of_a_chunk_do_not_grow_with_its_rows(master: Master, service: Any) -> None:
    """Units, whose own rules ask nothing: what is left is the import's own."""

    async def counted(prefix: str, count: int) -> int:
        rows = [[f"{prefix}{n}", f"{prefix}{n}"] for n in range(count)]
        with service.statements() as seen:
            batch = await imported(
                master.clerk,
                service,
                rows,
                headers={"Code": "code", "Name": "name"},
                kind="inventory.unit",
                file=prefix,
            )
        assert batch.imported_count == count
        return len(seen)

    await counted("A", 2)
    assert await counted("B", 150) == await counted("C", 10)


async def test_the_trail_names_the_person_and_the_document_s_own_method(master: Master, service: Any) -> None:
    await imported(master.clerk, service, GOOD)
    made = [entry for entry in await service.audit() if entry.method.endswith("/CreateItem")]
    assert {(entry.actor_id, entry.outcome) for entry in made} == {(stable("buyer"), "done")}
    item = (await master.clerk.ListItems()).items[0]
    history = await master.clerk.ListHistory(document_type="inventory.item", document_id=item.id)
    assert [entry.method for entry in history.entries] == ["CreateItem"]
