"""Imports at work: check, import and undo, chunk after chunk, as whoever asked and by the documents' own handlers.

A batch is taken under a lease. Each chunk is one transaction in which documents, audit, events and the state of the
file's rows commit together: who dies in the middle leaves nothing half done, and whoever goes on makes nothing twice.
A check runs the same handlers and rolls back. A row that is refused is taken out and the chunk done again without it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
import sqlalchemy as sa
from google.protobuf import empty_pb2
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis import contract, custom_fields, faults, import_above, import_lookup, mapping, telemetry
from chassis.call import Actor, Call
from chassis.clock import zone
from chassis.db import fenced_to
from chassis.errors import UNAVAILABLE, Refused
from chassis.import_cells import Draft, Named, Problem, Reading, Row, check_shape, draft, grouped, names_in
from chassis.import_rows import (
    ABORTED,
    IN_ALREADY,
    SETTLE,
    TWICE,
    Bad,
    by_rule,
    checked,
    in_already,
    in_seconds,
    kept_row,
    keys_of,
    refused_row,
    request_of,
    row_of,
    why_kept,
)
from chassis.importable import REMOVES, maker_of, way_back_of
from chassis.imports import MOST_KEPT_STEPS, ROWS_KEPT, mapped, step

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("chassis.import_work")

POLL_SECONDS, LEASE_SECONDS, TURN_SECONDS = 1.0, 60, 5.0
DELAYS_SECONDS = (1, 5, 30, 120)
CHUNK, MOST_LINES = 200, 2_000
# handlers hold locks until their chunk is done: others must not wait for long
CHUNK_SECONDS = 0.5
REMOVAL = "heyi.platform.v1.Imports/UndoImportBatch"
_REMEMBERED_BATCHES, _REMEMBERED_NAMES = 4, 100_000


@dataclass
class _Turn:
    """One batch while it is worked on."""

    batch: Any
    names: dict[tuple[str, str], Named | None]
    # so many documents are done one by one: one of them could not be saved
    alone: int = 0


@dataclass
class Worker:
    """What takes the batches of one service, one after another, a few seconds each."""

    runtime: Runtime
    names: OrderedDict[uuid.UUID, dict[tuple[str, str], Named | None]] = field(default_factory=OrderedDict)

    async def work(self) -> bool:
        """Take a batch and go on with it for a while; False where none waits."""
        batch = await self._claim()
        if batch is None:
            return False
        self.names[batch.id] = names = self.names.pop(batch.id, {})
        while len(self.names) > _REMEMBERED_BATCHES:
            self.names.popitem(last=False)
        turn, act = _Turn(batch, names), {"CHECKING": self._check, "IMPORTING": self._import, "UNDOING": self._undo}
        until = time.monotonic() + TURN_SECONDS
        with telemetry.span(f"import {batch.state.lower()}", kind="consumer"):
            telemetry.note(company_id=batch.company_id)
            try:
                while await act[batch.state](turn) and time.monotonic() < until:
                    pass
                await self._let_go(batch)
            except Refused as refusal:
                await self._stumbled(batch, refusal, passing=refusal.code in (UNAVAILABLE, ABORTED))
            except Exception as error:
                log.exception("import fails", batch=str(batch.id))
                await self._stumbled(batch, Refused("INTERNAL_FAULT", trace_id=telemetry.trace_id()), error)
        return True

    # ---- leases

    async def _claim(self) -> Any:
        table = self.runtime.tables.import_batch
        free = sa.or_(table.c.leased_until.is_(None), table.c.leased_until < sa.func.clock_timestamp())
        waiting = (
            sa.select(table.c.id)
            .where(table.c.state.in_(["CHECKING", "IMPORTING", "UNDOING"]), free)
            .order_by(table.c.updated_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        taken = (
            sa.update(table)
            .where(table.c.id.in_(waiting))
            .values(leased_until=in_seconds(LEASE_SECONDS), attempts=table.c.attempts + 1)
            .returning(table)
        )
        with fenced_to(None):
            async with self.runtime.sessions() as session, session.begin():
                return (await session.execute(taken)).one_or_none()

    async def _let_go(self, batch: Any) -> None:
        await self._set(batch, leased_until=None, attempts=0)

    async def _stumbled(self, batch: Any, refusal: Refused, error: object = None, *, passing: bool = True) -> None:
        """A passing fault: again, later and later. What says no to the whole act, or fails for ever, ends it."""
        if passing and batch.attempts <= len(DELAYS_SECONDS):
            log.warning("import waits", batch=str(batch.id), reason=refusal.reason, error=str(error or "")[:200])
            await self._set(batch, leased_until=in_seconds(DELAYS_SECONDS[batch.attempts - 1]))
            return
        before = {"CHECKING": "UPLOADED", "IMPORTING": "IMPORTED", "UNDOING": "IMPORTED"}[batch.state]
        await self._set(batch, state=before, trouble=refusal.reason, leased_until=None, attempts=0)

    async def _set(self, batch: Any, **values: Any) -> None:
        table = self.runtime.tables.import_batch
        same = sa.and_(table.c.id == batch.id, table.c.state == batch.state)
        with fenced_to(batch.company_id):
            async with self.runtime.sessions() as session, session.begin():
                await session.execute(sa.update(table).where(same).values(**values))

    # ---- around a chunk

    def _call(self, session: Any, batch: Any, method: contract.Method) -> Call:
        """A call of the person who asked, with the rights that they have now."""
        runtime = self.runtime
        rights, person = runtime.rights(), batch.asked_by
        known = rights.organisation.people.get(person)
        reach = rights.reach(person, method.policy.permission, batch.company_id) if known and known.active else None
        if reach is None:
            raise Refused("PERMISSION_MISSING", permission=method.policy.permission)
        return Call(runtime, session, method, Actor(person), batch.company_id, reach, batch.locale)

    async def _write(self, batch: Any, method: contract.Method, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Run `work(session)` in one transaction with the batch locked; None where it was stopped meanwhile."""
        runtime, table = self.runtime, self.runtime.tables.import_batch

        async def attempt() -> Any:
            with fenced_to(runtime._fence(method, batch.company_id)):
                async with runtime.sessions() as session, session.begin():
                    mine = sa.select(table.c.id).where(table.c.id == batch.id, table.c.state == batch.state)
                    if (await session.execute(mine.with_for_update())).first() is None:
                        return None
                    done = await work(session)
                    faults.point("import_before_commit")
                    return done

        return await runtime._retrying(attempt)

    async def _read(self, batch: Any, statement: Any) -> Sequence[Any]:
        with fenced_to(batch.company_id):
            async with self.runtime.read_sessions() as session, session.begin():
                return list((await session.execute(statement)).all())

    async def _progress(self, session: Any, batch: Any, **values: Any) -> None:
        table = self.runtime.tables.import_batch
        fresh = {"updated_at": self.runtime.clock.now(), "leased_until": in_seconds(LEASE_SECONDS), **values}
        await session.execute(sa.update(table).where(table.c.id == batch.id).values(fresh))

    async def _settle_rows(self, session: Any, batch: Any, rows: Sequence[dict[str, Any]]) -> None:
        """What became of rows, in one statement."""
        if rows:
            await session.execute(SETTLE, {"batch": batch.id, "rows": orjson.dumps(rows).decode()})

    async def _end(self, session: Any, batch: Any, kind: str, state: str) -> None:
        """The act is at its end: counts anew, a step more, and the state that follows."""
        table, row = self.runtime.tables.import_batch, self.runtime.tables.import_row
        states = ("READY", "BAD", "SKIPPED", "IMPORTED", "RETIRED", "UNDONE", "KEPT")
        counted = sa.select(*(sa.func.count().filter(row.c.state == one).label(one) for one in states))
        c = (await session.execute(counted.where(row.c.batch_id == batch.id))).one()
        imported = c.IMPORTED + c.RETIRED + c.UNDONE + c.KEPT
        told = {"CHECK": c.READY + c.BAD + c.SKIPPED + imported, "IMPORT": imported, "UNDO": c.UNDONE}[kind]
        call = Call(self.runtime, session, None, Actor(batch.asked_by), batch.company_id, None)
        made = step(call, kind, told, c.KEPT if kind == "UNDO" else c.BAD, batch.reason if kind == "UNDO" else "")
        steps = (await session.execute(sa.select(table.c.steps).where(table.c.id == batch.id))).scalar_one()
        await self._progress(
            session, batch,
            state=state, steps=[*steps, made][-MOST_KEPT_STEPS:], trouble="", settled_at=self.runtime.clock.now(),
            document_count=sum(c), problem_count=c.BAD, skipped_count=c.SKIPPED, imported_count=imported,
            undone_count=c.UNDONE, kept_count=c.KEPT, leased_until=None,
        )  # fmt: skip

    # ---- check

    async def _check(self, turn: _Turn) -> bool:
        """The next rows: read, put together, looked at by shape and by the document's rules; nothing of it is saved."""
        batch, runtime = turn.batch, self.runtime
        method = maker_of(batch.document_type)
        reading = self._reading(turn, method)
        cursor = await self._cursor(batch)
        if cursor is None:
            return False
        rows = await self._next_rows(batch, cursor, reading)
        if not rows:
            await self._write(batch, method, functools.partial(self._end_check, batch))
            return False
        groups = grouped(rows, reading)
        await self._resolve(turn, names_in(rows, reading), method)
        table = runtime.tables.import_row
        above = await import_above.named_above(self._read, table, batch, reading, rows, turn.names)
        reading = dataclasses.replace(reading, above=above)
        asker = self._call(None, batch, method)
        made = [self._draft(group, reading, method, asker) for group in groups]
        with fenced_to(runtime._fence(method, batch.company_id)):
            async with runtime.sessions() as session:
                seen = await self._look(session, batch, method, made, reading)
                await session.rollback()
        await import_above.orphaned(self._read, table, batch, made[:seen], reading)
        last = rows[-1].number if seen == len(made) else made[seen].number - 1
        settled = checked(rows, made[:seen], last)

        async def keep(session: Any) -> bool:
            await self._settle_rows(session, batch, settled)
            counted = self.runtime.tables.import_batch.c.done_count + len(settled)
            await self._progress(session, batch, cursor=last, done_count=counted)
            return True

        return bool(await self._write(batch, method, keep))

    async def _cursor(self, batch: Any) -> int | None:
        table = self.runtime.tables.import_batch
        mine = sa.select(table.c.cursor).where(table.c.id == batch.id, table.c.state == batch.state)
        found = await self._read(batch, mine)
        return found[0].cursor if found else None

    async def _next_rows(self, batch: Any, cursor: int, reading: Reading) -> list[Row]:
        """The rows behind the cursor, as many as make whole documents."""
        table = self.runtime.tables.import_row
        lines = any(column.part is not None for column in reading.columns.values())
        for limit in (CHUNK, MOST_LINES):
            asked = sa.select(table.c.row_number, table.c.cells, table.c.faults)
            asked = asked.where(table.c.batch_id == batch.id, table.c.row_number > cursor)
            found = [row_of(one) for one in await self._read(batch, asked.order_by(table.c.row_number).limit(limit))]
            if len(found) < limit or not lines:
                return found
            groups = grouped(found, reading)
            if len(groups) > 1:
                cut = groups[-1][0].number
                return [row for row in found if row.number < cut]
        return found

    def _reading(self, turn: _Turn, method: contract.Method) -> Reading:
        batch = turn.batch
        place = self.runtime.rights().organisation.companies[batch.company_id]
        words: dict[str, dict[str, str]] = {}
        for one in batch.words:
            words.setdefault(one["field"], {}).update(one["values"])
        offered = {one["field"]: sorted(one["values"]) for one in batch.words if one["locale"] == batch.locale}
        known = zone(place.time_zone)
        columns = mapped(self._call(None, batch, method), batch)
        return Reading(columns, words, offered, known, lambda kind, name: turn.names.get((kind, name)))

    async def _resolve(self, turn: _Turn, wanted: dict[str, set[str]], method: contract.Method) -> None:
        """Ask for the names that are not known yet: each type once, before anything is locked."""
        if len(turn.names) > _REMEMBERED_NAMES:
            turn.names.clear()
        for document, names in wanted.items():
            missing = sorted(name for name in names if (document, name) not in turn.names)
            if not missing:
                continue
            with fenced_to(turn.batch.company_id):
                async with self.runtime.read_sessions() as session, session.begin():
                    call = self._call(session, turn.batch, method)
                    found = await import_lookup.named(call, document, missing)
            turn.names.update({(document, name): found.get(name) for name in missing})

    def _draft(self, group: Sequence[Row], reading: Reading, method: contract.Method, asker: Call) -> Draft:
        request = method.request()
        (resource,) = method.request.DESCRIPTOR.fields
        part = getattr(request, resource.name)
        part.SetInParent()
        made = draft(group, reading, part)
        made.request = request
        model = self._model(method)
        check_shape(made, mapping.plan_for(model), reading)
        if custom_fields.fields_of(asker, model).defined:
            try:
                custom_fields.taken(asker, model, orjson.loads(part.custom_fields.json or "{}"))
            except Refused as refusal:
                made.blame(refusal, reading)
        return made

    def _model(self, method: contract.Method) -> Any:
        return self.runtime.service.model_of(method.document or "")

    async def _look(
        self, session: Any, batch: Any, method: contract.Method, made: list[Draft], reading: Reading
    ) -> int:
        """Ask the rules about each draft by itself; how many were looked at within the time of a chunk."""
        handler, until = self.runtime.service.handlers[method.full_name], time.monotonic() + CHUNK_SECONDS
        seen = 0
        for one in made:
            if seen and time.monotonic() > until:
                break
            seen += 1
            if one.problems:
                continue
            call = self._call(session, batch, method)
            try:
                mapping.check_shape(one.request)
                await handler(one.request, call)
                await import_lookup.look_up(call)
                one.keys = [key for row in session.new for key in keys_of(row)]
            except Refused as refusal:
                if refusal.code in (UNAVAILABLE, ABORTED):
                    raise
                one.blame(refusal, reading)
            session.expunge_all()
        await self._taken(session, made[:seen], reading)
        return seen

    async def _taken(self, session: Any, made: Iterable[Draft], reading: Reading) -> None:
        """Refuse drafts whose key a document has already: one statement for each constraint of the chunk."""
        by_rule: dict[Any, dict[tuple[Any, ...], Draft]] = {}
        for one in made:
            for key in one.keys if not one.problems else ():
                by_rule.setdefault((key.name, key.columns, key.where), {})[key.values] = one
        for (_, columns, where), wanted in by_rule.items():
            asked = sa.select(*columns).where(sa.tuple_(*columns).in_(list(wanted)), *where)
            for found in (await session.execute(asked)).all():
                owner = wanted.get(tuple(found))
                if owner is not None and not owner.problems:
                    name = columns[-1].name
                    owner.blame(Refused("ALREADY_EXISTS", field=name, value=str(found[-1])[:200]), reading)

    async def _end_check(self, batch: Any, session: Any) -> bool:
        twice = (await session.execute(TWICE, {"batch": batch.id})).all()
        positions = {column["field"]: column["position"] for column in batch.columns if column["field"]}
        settled = []
        for number, key, first in {found.row_number: found for found in twice}.values():
            _, name, value, _ = key.split("\x1f", 3)
            problem = Problem(
                number, positions.get(name, 0), name, value, "IMPORT_ROW_TWICE", {"value": value, "row": str(first)}
            )
            settled.append({"row_number": number, "state": "BAD", "head": number, "problems": [problem.kept()]})
        await self._settle_rows(session, batch, settled)
        await session.execute(IN_ALREADY, {"batch": batch.id})
        await self._end(session, batch, "CHECK", "CHECKED")
        return True

    # ---- import

    async def _import(self, turn: _Turn) -> bool:
        """The next documents, all in one transaction; one by one where one of them cannot be saved."""
        method, bad = maker_of(turn.batch.document_type), dict[int, Refused]()
        while True:
            size = 1 if turn.alone else CHUNK
            try:
                done = await self._write(
                    turn.batch, method, functools.partial(self._make, turn.batch, method, size, bad)
                )
            except Bad as one:
                bad[one.row] = one.refusal
                turn.alone = CHUNK if len(bad) > 3 else turn.alone
                continue
            except Refused as refusal:
                if refusal.code in (UNAVAILABLE, ABORTED) or refusal.reason == "PERMISSION_MISSING":
                    raise
                # a constraint spoke when all were saved: one by one it says which
                turn.alone = CHUNK
                if size == 1:
                    bad[await self._first_ready(turn.batch, bad)] = refusal
                continue
            turn.alone = max(0, turn.alone - 1)
            if done is None:
                return False
            outgoing, more = done
            self.runtime.hand_over(outgoing)
            return bool(more)

    async def _first_ready(self, batch: Any, bad: dict[int, Refused]) -> int:
        row = self.runtime.tables.import_row
        ready = sa.select(sa.func.min(row.c.row_number)).where(row.c.batch_id == batch.id, row.c.state == "READY")
        return int((await self._read(batch, ready.where(row.c.row_number.not_in(list(bad)))))[0][0])

    async def _make(self, batch: Any, method: contract.Method, size: int, bad: dict[int, Refused], session: Any) -> Any:
        row, runtime = self.runtime.tables.import_row, self.runtime
        ready = sa.select(row.c.row_number, row.c.request, row.c.cells)
        ready = ready.where(row.c.batch_id == batch.id, row.c.state == "READY").order_by(row.c.row_number)
        found = (await session.execute(ready.limit(size + len(bad)).with_for_update())).all()
        others = in_already(runtime.tables, batch, [one.row_number for one in found])
        known = set((await session.execute(others)).scalars()) if found else set()
        call, handler = self._call(session, batch, method), runtime.service.handlers[method.full_name]
        made, settled, until = list[tuple[int, Any]](), list[dict[str, Any]](), time.monotonic() + CHUNK_SECONDS
        reading = self._reading(_Turn(batch, {}), method)
        requests = {one.row_number: method.request.FromString(one.request) for one in found}
        held = await import_above.filled(session, row, batch, requests, bad)
        for one in found:
            if (why := held.get(one.row_number, "")) is None:
                break  # what it names is made first
            if isinstance(why, Refused):
                settled.append(refused_row(one.row_number, why, reading, one.cells))
            elif one.row_number in bad:
                settled.append(refused_row(one.row_number, bad[one.row_number], reading, one.cells))
            elif one.row_number in known:
                settled.append({"row_number": one.row_number, "state": "SKIPPED", "head": one.row_number})
            elif len(made) < size and (not made or time.monotonic() < until):
                made.append(
                    (
                        one.row_number,
                        await by_rule(one.row_number, handler, requests[one.row_number], call),
                    )
                )
        keys = [(number, result.id) for number, result in made]
        if made:
            await runtime.finish(call, method.full_name)
        settled += [
            {
                "row_number": n,
                "state": "IMPORTED",
                "head": n,
                "document_id": str(key),
                "document_version": result.version or 1,
            }
            for (n, key), (_, result) in zip(keys, made, strict=True)
        ]
        await self._settle_rows(session, batch, settled)
        if not found:
            await self._end(session, batch, "IMPORT", "IMPORTED")
            return [], False
        table = runtime.tables.import_batch
        await self._progress(
            session, batch,
            done_count=table.c.done_count + len(settled), imported_count=table.c.imported_count + len(made),
            problem_count=table.c.problem_count + sum(one["state"] == "BAD" for one in settled),
        )  # fmt: skip
        return call.outgoing, True

    # ---- undo

    async def _undo(self, turn: _Turn) -> bool:
        """The next documents out of use, the newest first; then, where the contract says so, they are removed."""
        batch, row = turn.batch, self.runtime.tables.import_row
        method = way_back_of(batch.document_type)
        assert method is not None
        bad = dict[int, Refused]()
        for state in ("IMPORTED", "RETIRED"):
            asked = sa.select(row.c.row_number, row.c.document_id, row.c.document_version)
            asked = asked.where(row.c.batch_id == batch.id, row.c.state == state).order_by(row.c.row_number.desc())
            if found := await self._read(
                batch, asked.limit(1 if turn.alone or import_above.depends(method) else CHUNK)
            ):
                break
        else:
            await self._write(batch, method, functools.partial(self._end_undo, batch))
            return False
        act = self._retire if state == "IMPORTED" else self._remove
        with fenced_to(batch.company_id):
            async with self.runtime.read_sessions() as session, session.begin():
                keys = [one.document_id for one in found]
                used = await import_lookup.used(self._call(session, batch, method), batch.document_type, keys, batch.id)
        while True:
            try:
                done = await self._write(batch, method, functools.partial(act, batch, method, found, used, bad))
            except Bad as one:
                bad[one.row] = one.refusal
                continue
            except Refused as refusal:
                if refusal.code in (UNAVAILABLE, ABORTED) or refusal.reason == "PERMISSION_MISSING":
                    raise
                turn.alone = CHUNK
                if len(found) > 1:
                    return True
                bad[found[0].row_number] = refusal
                continue
            turn.alone = max(0, turn.alone - 1)
            if done is None:
                return False
            self.runtime.hand_over(done)
            return True

    async def _retire(
        self, batch: Any, method: contract.Method, found: Sequence[Any], used: dict[str, str],
        bad: dict[int, Refused], session: Any,
    ) -> Any:  # fmt: skip
        """Call what the contract names for it; changed or used documents stay, and say why."""
        model, call = self._model(method), self._call(session, batch, method)
        asked = sa.select(model.id, model.version).where(model.id.in_([one.document_id for one in found]))
        versions = {one.id: one.version for one in (await session.execute(asked)).all()}
        # what the suite does by itself, as bringing accounts in step, is nobody's change
        change, entry = self.runtime.tables.audit_change, self.runtime.tables.audit_entry
        by_people = (
            sa.select(change.c.document_id, sa.func.max(change.c.version))
            .join(entry, entry.c.id == change.c.entry_id)
            .where(change.c.document_id.in_(list(versions)), entry.c.actor_id.is_not(None))
            .group_by(change.c.document_id)
        )
        touched: dict[Any, int] = {one[0]: one[1] for one in await session.execute(by_people)}
        handler, settled, moved = self.runtime.service.handlers[method.full_name], list[dict[str, Any]](), list[Any]()
        until = time.monotonic() + CHUNK_SECONDS
        for one in found:
            number, version = one.row_number, versions.get(one.document_id)
            if (why := bad.get(number) or why_kept(one, touched.get(one.document_id, 0), used)) is not None:
                settled.append(kept_row(number, why))
            elif version is None:
                settled.append({"row_number": number, "state": "UNDONE", "head": number})
            elif not moved or time.monotonic() < until:
                moved.append((one, await by_rule(number, handler, request_of(method, one, version, batch), call)))
        if moved:
            await self.runtime.finish(call, method.full_name)
        gone = {"state": "UNDONE"}
        for one, result in moved:
            after = (
                gone
                if isinstance(result, empty_pb2.Empty)
                else {"state": "RETIRED", "document_version": result.version}
            )
            settled.append(
                {"row_number": one.row_number, "head": one.row_number, "document_id": str(one.document_id), **after}
            )
        await self._settle_rows(session, batch, settled)
        table = self.runtime.tables.import_batch
        await self._progress(session, batch, done_count=table.c.done_count + len(settled))
        return call.outgoing

    async def _remove(
        self, batch: Any, method: contract.Method, found: Sequence[Any], used: dict[str, str],
        bad: dict[int, Refused], session: Any,
    ) -> Any:  # fmt: skip
        """What is out of use since, and what still nothing refers to, goes: its code is free again."""
        model, call = self._model(method), self._call(session, batch, method)
        free = [one for one in found if str(one.document_id) not in used and one.row_number not in bad]
        until, left = time.monotonic() + CHUNK_SECONDS, set[int]()
        if method.policy.take_back == REMOVES:
            for one in free:
                if time.monotonic() > until:
                    left.add(one.row_number)
                    continue
                document = await call.load(model, one.document_id, scope=False)
                if document.version == one.document_version:
                    await call.delete(document)
            await self.runtime.finish(call, REMOVAL)
        rows = [{"row_number": one.row_number, "state": "UNDONE", "head": one.row_number} for one in found]
        await self._settle_rows(session, batch, [one for one in rows if one["row_number"] not in left])
        await self._progress(session, batch)
        return call.outgoing

    async def _end_undo(self, batch: Any, session: Any) -> bool:
        await self._end(session, batch, "UNDO", "UNDONE")
        return True


async def run(runtime: Runtime) -> None:
    """Work on whatever waits, until cancelled."""
    worker = Worker(runtime)
    while True:
        worked = False
        try:
            worked = await worker.work()
        except (DBAPIError, PoolTimeout, OSError) as error:
            log.warning("imports wait", service=runtime.service.name, error=telemetry.plain(error))
        else:
            runtime.due["imports"] = time.monotonic() + 2 * LEASE_SECONDS
        if not worked:
            await asyncio.sleep(POLL_SECONDS)


async def expire(runtime: Runtime) -> int:
    """Throw away the rows of batches that nothing happened to for thirty days; how many batches."""
    batch, row = runtime.tables.import_batch, runtime.tables.import_row
    idle = batch.c.state.not_in(["CHECKING", "IMPORTING", "UNDOING"])
    old = sa.and_(batch.c.updated_at < runtime.clock.now() - ROWS_KEPT, batch.c.expired.is_(False), idle)
    with fenced_to(None):
        async with runtime.sessions() as session:
            async with session.begin():
                keys = list((await session.execute(sa.select(batch.c.id).where(old).limit(20))).scalars())
            for key in keys:
                async with session.begin():
                    await session.execute(sa.delete(row).where(row.c.batch_id == key))
                    await session.execute(sa.update(batch).where(batch.c.id == key).values(expired=True))
    return len(keys)
