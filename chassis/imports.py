"""What every service serves of imports: batches of its own documents, their rows, and questions of the others.

A handler here only writes down what was asked for; `import_work` does it, row after row, as the person who asked.
"""

from __future__ import annotations

import datetime
import uuid
from typing import Any

import sqlalchemy as sa

from chassis import contract, custom_fields, ids, import_lookup, query
from chassis.call import Call
from chassis.errors import Refused
from chassis.import_cells import folded
from chassis.importable import Column, maker_of, way_back_of, with_added
from heyi.platform.v1 import imports_pb2 as pb

LIST = "platform.import_batch.list"
ROWS_KEPT = datetime.timedelta(days=30)
MOST_ROWS = 50_000
MOST_KEPT_STEPS = 40
COUNTS = ("row", "document", "problem", "skipped", "imported", "undone", "kept", "done", "total")
# what an act leads from and to, by the person's wish
FROM = {
    "CHECKING": ("UPLOADED", "CHECKED"),
    "IMPORTING": ("CHECKED", "IMPORTED"),
    "UNDOING": ("IMPORTED", "UNDONE"),
}
GIVEN_UP = {"UPLOADING": "CANCELLED", "UPLOADED": "CANCELLED", "CHECKED": "CANCELLED",
            "CHECKING": "UPLOADED", "IMPORTING": "IMPORTED"}  # fmt: skip


class Imports:
    """Serves heyi.platform.v1.Imports."""

    # ---- the file comes in

    async def CreateImportBatch(self, request: Any, call: Call) -> Any:
        document = request.document_type
        known = {column.path for column in columns_for(call, document)}
        _may(call, maker_of(document))
        columns = [
            {"position": c.position, "header": c.header, "field": c.field, "examples": list(c.examples)}
            for c in request.columns
        ]
        _remembered(columns, await _last_columns(call, document), known)
        batch = {
            "id": ids.uuid7(),
            "company_id": call.company_id,
            "document_type": document,
            "actor_id": call.actor.employee_id,
            "asked_by": call.actor.employee_id,
            "locale": call.locale,
            "file_name": request.file_name,
            "file_hash": request.file_hash,
            "state": "UPLOADING",
            "columns": columns,
            "words": [{"field": w.field, "locale": w.locale, "values": dict(w.values)} for w in request.words],
            "steps": [step(call, "UPLOAD")],
            "updated_at": call.now(),
        }
        table = call.runtime.tables.import_batch
        return message_of(call, (await call.db.execute(sa.insert(table).values(batch).returning(table))).one())

    async def AddRowsImportBatch(self, request: Any, call: Call) -> Any:
        batch, tables = await _own(call, request.id, lock=True), call.runtime.tables
        _state(batch, "UPLOADING")
        count = batch.row_count + len(request.rows)
        if count > MOST_ROWS:
            raise Refused("IMPORT_TOO_MANY_ROWS", limit=MOST_ROWS)
        rows = [
            {
                "batch_id": batch.id,
                "row_number": row.row_number,
                "company_id": batch.company_id,
                "cells": list(row.cells),
                "faults": [_fault(problem) for problem in row.problems] or None,
                "file_key": f"{batch.document_type}/{batch.file_hash}/{row.row_number}",
            }
            for row in request.rows
        ]
        if rows:
            await call.db.execute(sa.insert(tables.import_row), rows)
        if request.complete and not count:
            raise Refused("IMPORT_FILE_EMPTY")
        return await _change(call, batch, row_count=count, state="UPLOADED" if request.complete else "UPLOADING")

    # ---- what became of it

    async def ListImportBatches(self, request: Any, call: Call) -> Any:
        own = call.runtime.tables.import_batch.c.actor_id == call.actor.employee_id
        return await _page(call, request, *(() if _sees_all(call) else (own,)))

    async def ListOwnImportBatches(self, request: Any, call: Call) -> Any:
        return await _page(call, request, call.runtime.tables.import_batch.c.actor_id == call.actor.employee_id)

    async def GetImportBatch(self, request: Any, call: Call) -> Any:
        return message_of(call, await _seen(call, request.id))

    async def ListImportProblems(self, request: Any, call: Call) -> Any:
        batch, reply = await _seen(call, request.id), pb.ListImportProblemsResponse()
        row = call.runtime.tables.import_row
        conditions = [row.c.batch_id == batch.id, row.c.problems.is_not(None)]
        if batch.state == "CHECKING":
            conditions.append(row.c.row_number <= batch.cursor)
        headers = {column["position"]: column["header"] for column in batch.columns}
        rows, reply.next_page_token = await _rows(call, request, conditions)
        for one in rows:
            reply.problems.extend(_problem(problem, headers) for problem in one.problems)
        return reply

    async def ListImportRows(self, request: Any, call: Call) -> Any:
        batch, reply = await _seen(call, request.id), pb.ListImportRowsResponse()
        if batch.expired:
            raise Refused("IMPORT_EXPIRED")
        row = call.runtime.tables.import_row
        bad = sa.select(row.c.row_number).where(row.c.batch_id == batch.id, row.c.state == "BAD")
        conditions = [row.c.batch_id == batch.id, row.c.head.in_(bad)]
        headers = {column["position"]: column["header"] for column in batch.columns}
        rows, reply.next_page_token = await _rows(call, request, conditions)
        for one in rows:
            problems = [_problem(problem, headers) for problem in one.problems or ()]
            reply.rows.add(row_number=one.row_number, cells=one.cells, problems=problems)
        return reply

    # ---- what shall be done

    async def CheckImportBatch(self, request: Any, call: Call) -> Any:
        batch = await _own(call, request.id, lock=True)
        _state(batch, *FROM["CHECKING"])
        columns = _chosen(call, batch, request.columns)
        return await _begin(call, batch, "CHECKING", columns=columns, total_count=batch.row_count)

    async def StartImportBatch(self, request: Any, call: Call) -> Any:
        batch = await _own(call, request.id, lock=True)
        _may(call, maker_of(batch.document_type))
        left = batch.document_count - batch.problem_count - batch.skipped_count - batch.imported_count
        return await _begin(call, batch, "IMPORTING", total_count=max(0, left))

    async def CancelImportBatch(self, request: Any, call: Call) -> Any:
        batch = await _own(call, request.id, lock=True)
        _state(batch, *GIVEN_UP)
        state = GIVEN_UP[batch.state]
        if state == "CANCELLED":
            row = call.runtime.tables.import_row
            await call.db.execute(sa.delete(row).where(row.c.batch_id == batch.id))
        steps = [*batch.steps, step(call, "CANCEL", batch.imported_count, batch.problem_count)][-MOST_KEPT_STEPS:]
        gone = {"expired": True} if state == "CANCELLED" else {}
        return await _change(call, batch, state=state, steps=steps, leased_until=None, **gone)

    async def UndoImportBatch(self, request: Any, call: Call) -> Any:
        batch = await _seen(call, request.id, lock=True)
        method, row = way_back_of(batch.document_type), call.runtime.tables.import_row
        if method is None:
            raise Refused("IMPORT_NO_WAY_BACK", document_type=batch.document_type)
        _may(call, method)
        kept = sa.update(row).where(row.c.batch_id == batch.id, row.c.state == "KEPT")
        await call.db.execute(kept.values(state="IMPORTED", problems=None))
        total = batch.imported_count - batch.undone_count
        return await _begin(call, batch, "UNDOING", reason=request.reason, total_count=total, kept_count=0)

    # ---- questions of other services

    async def FindNamed(self, request: Any, call: Call) -> Any:
        import_lookup.check_type(call.runtime.service, request.document_type)
        found = await import_lookup.named_here(call, request.document_type, list(request.names))
        return import_lookup.reply_named(found)

    async def FindReferences(self, request: Any, call: Call) -> Any:
        keys = [ids.parse(key) for key in request.ids]
        found = await import_lookup.used_here(call, request.document_type, keys)
        documents = [pb.ReferredDocument(document_id=key, by_document_type=by) for key, by in found.items()]
        return pb.FindReferencesResponse(documents=documents)


def message_of(call: Call, batch: Any) -> Any:
    """A batch as it is shown."""
    message = pb.ImportBatch(
        id=str(batch.id),
        service=call.service,
        document_type=batch.document_type,
        file_name=batch.file_name,
        state=batch.state,
        actor_id=str(batch.actor_id),
        trouble=batch.trouble,
        no_way_back=_no_way_back(call, batch.document_type),
        **{f"{name}_count": getattr(batch, f"{name}_count") for name in COUNTS},
    )
    message.create_time.FromDatetime(batch.created_at)
    message.update_time.FromDatetime(batch.updated_at)
    if not batch.expired:
        message.expire_time.FromDatetime(batch.updated_at + ROWS_KEPT)
    message.columns.extend(pb.ImportColumn(**column) for column in batch.columns)
    offered = columns_for(call, batch.document_type)
    message.fields.extend(pb.ImportField(path=column.path, required=column.required) for column in offered)
    for one in batch.steps:
        made = message.steps.add(**{name: one[name] for name in one if name != "at"})
        made.create_time.FromJsonString(one["at"])
    return message


def step(call: Call, kind: str, documents: int = 0, problems: int = 0, reason: str = "") -> dict[str, Any]:
    """One thing that happened, as it is kept with the batch."""
    return {
        "kind": kind,
        "at": call.now().isoformat(),
        "actor_id": str(call.actor.person or ""),
        "document_count": documents,
        "problem_count": problems,
        "reason": reason,
    }


def columns_for(call: Call, document: str) -> tuple[Column, ...]:
    """What a file of a type can hold for the caller: the contract's fields and those that administrators added."""
    maker_of(document)
    import_lookup.check_type(call.runtime.service, document)
    return with_added(document, custom_fields.form_of(call, call.runtime.service.model_of(document)).fields)


def mapped(call: Call, batch: Any) -> dict[int, Column]:
    """Position -> the field that the column fills."""
    known = {column.path: column for column in columns_for(call, batch.document_type)}
    return {c["position"]: known[c["field"]] for c in batch.columns if c["field"] in known}


async def _begin(call: Call, batch: Any, state: str, **values: Any) -> Any:
    _state(batch, *FROM[state])
    if batch.expired:
        raise Refused("IMPORT_EXPIRED")
    fresh = {"asked_by": call.actor.employee_id, "locale": call.locale, "trouble": "", "attempts": 0}
    fresh |= {"cursor": 0, "done_count": 0, "leased_until": None}
    return await _change(call, batch, state=state, **fresh, **values)


async def _change(call: Call, batch: Any, **values: Any) -> Any:
    table = call.runtime.tables.import_batch
    changed = sa.update(table).where(table.c.id == batch.id).values(updated_at=call.now(), **values)
    return message_of(call, (await call.db.execute(changed.returning(table))).one())


async def _seen(call: Call, key: str, *, lock: bool = False) -> Any:
    """The caller's own batch, or any of the company for whoever may list those."""
    table = call.runtime.tables.import_batch
    try:
        wanted = sa.select(table).where(table.c.id == ids.parse(key), table.c.company_id == call.company_id)
    except ValueError:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="ImportBatch", id=key[:50]) from None
    if not _sees_all(call):
        wanted = wanted.where(table.c.actor_id == call.actor.employee_id)
    found = (await call.db.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    if found is None:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="ImportBatch", id=key[:50])
    return found


def _sees_all(call: Call) -> bool:
    """Whether the caller may list the batches of the whole company, not only the own."""
    reach = (
        call.runtime.rights().reach(call.actor.employee_id, LIST, call.company_id) if call.actor.employee_id else None
    )
    return reach is not None and (reach.all or call.company_id in reach.companies)


async def _own(call: Call, key: str, *, lock: bool = False) -> Any:
    batch = await _seen(call, key, lock=lock)
    if batch.actor_id != call.actor.employee_id:
        raise Refused("DOCUMENT_NOT_FOUND", document_type="ImportBatch", id=key[:50])
    return batch


def _state(batch: Any, *allowed: str) -> None:
    if batch.state not in allowed:
        raise Refused("IMPORT_STATE", state=batch.state)


def _may(call: Call, method: contract.Method) -> None:
    if not call.can(method.policy.permission):
        raise Refused("PERMISSION_MISSING", permission=method.policy.permission)


def _no_way_back(call: Call, document: str) -> str:
    """Name of the refusal that would answer the wish to take documents of this type back; "" where none would."""
    method = way_back_of(document)
    if method is None:
        return "IMPORT_NO_WAY_BACK"
    return "" if call.can(method.policy.permission) else "PERMISSION_MISSING"


async def _last_columns(call: Call, document: str) -> dict[str, str]:
    """How the caller took the columns of a file of this type the last time: header -> field."""
    table = call.runtime.tables.import_batch
    mine = sa.select(table.c.columns).where(
        table.c.actor_id == call.actor.employee_id,
        table.c.document_type == document,
        # it came to a check
        table.c.total_count > 0,
    )
    columns = (await call.db.execute(mine.order_by(table.c.id.desc()).limit(1))).scalar_one_or_none()
    return {folded(column["header"]): column["field"] for column in columns or ()}


def _remembered(columns: list[dict[str, Any]], before: dict[str, str], known: set[str]) -> None:
    """Columns are taken as the last time where their heads are the same and the field is there; no field twice."""
    before = {head: field for head, field in before.items() if field in known or not field}
    kept = {id(column): before[folded(column["header"])] for column in columns if folded(column["header"]) in before}
    taken = {field for field in kept.values() if field}
    for column in columns:
        if id(column) in kept:
            column["field"] = kept[id(column)]
        elif column["field"] in taken:
            column["field"] = ""


def _chosen(call: Call, batch: Any, sent: Any) -> list[dict[str, Any]]:
    """The columns as they are to be taken. Refuses a field that is filled twice, and a required one that is not."""
    known = {column.path: column for column in columns_for(call, batch.document_type)}
    wanted = {one.position: one.field for one in sent}
    columns = [{**c, "field": wanted.get(c["position"], "" if wanted else c["field"])} for c in batch.columns]
    taken: dict[str, str] = {}
    violations: list[tuple[str, str, dict[str, object]]] = []
    for column in columns:
        path, header = column["field"], column["header"]
        if path and path not in known:
            violations.append((path[:100], "FIELD_UNKNOWN", {"name": path[:100]}))
        elif path in taken:
            violations.append((path, "IMPORT_FIELD_TWICE", {"first": taken[path], "second": header}))
        elif path:
            taken[path] = header
    parts = {path.split(".")[0] for path in taken if "." in path}
    for path, one in known.items():
        if one.required and path not in taken and (one.part is None or one.part.name in parts):
            violations.append((path, "IMPORT_FIELD_MISSING", {}))
    if violations:
        raise Refused.fields(violations)
    return columns


def _fault(problem: Any) -> dict[str, Any]:
    return {
        "position": problem.position,
        "value": problem.value,
        "reason": problem.reason,
        "facts": dict(problem.facts),
    }


def _problem(kept: dict[str, Any], headers: dict[int, str]) -> Any:
    return pb.ImportProblem(
        row_number=kept["row"],
        position=kept["position"],
        header=headers.get(kept["position"], ""),
        field=kept["field"],
        value=kept["value"],
        reason=kept["reason"],
        facts=kept["facts"],
    )


async def _page(call: Call, request: Any, *conditions: Any) -> Any:
    table, size = call.runtime.tables.import_batch, query.page_size(request.page_size)
    wanted = sa.select(table).where(table.c.company_id == call.company_id, *conditions)
    if request.document_type:
        wanted = wanted.where(table.c.document_type == request.document_type)
    if request.page_token:
        wanted = wanted.where(table.c.id < _token(request.page_token))
    rows = (await call.db.execute(wanted.order_by(table.c.id.desc()).limit(size + 1))).all()
    reply = pb.ListImportBatchesResponse(next_page_token=str(rows[size - 1].id) if len(rows) > size else "")
    reply.import_batches.extend(message_of(call, row) for row in rows[:size])
    return reply


async def _rows(call: Call, request: Any, conditions: list[Any]) -> tuple[Any, str]:
    """One page of a batch's rows in the order of the sheet, and where the next begins."""
    row, size = call.runtime.tables.import_row, query.page_size(request.page_size)
    if request.page_token:
        if not (request.page_token.isascii() and request.page_token.isdigit() and len(request.page_token) < 8):
            raise Refused("PAGE_TOKEN")
        conditions = [*conditions, row.c.row_number > int(request.page_token)]
    asked = sa.select(row).where(*conditions).order_by(row.c.row_number).limit(size + 1)
    rows = (await call.db.execute(asked)).all()
    return rows[:size], str(rows[size - 1].row_number) if len(rows) > size else ""


def _token(text: str) -> uuid.UUID:
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused("PAGE_TOKEN") from None
