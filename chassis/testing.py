"""What tests of a service stand on: the whole runtime on a real PostgreSQL, people with rights, a clock that obeys.

`service_fixtures("procurement")` in a conftest gives `service` and `as_`. A call goes the whole way: token, policy,
idempotency, transaction, audit, outbox. Nothing of ours is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import decimal
import itertools
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from google.protobuf import json_format, message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import (
    contract,
    crypto,
    custom_fields,
    ids,
    import_work,
    inbox,
    migrate,
    policy,
    testing_postgres,
    timers,
    upgrades,
)
from chassis.clients import Clients
from chassis.clock import FrozenClock
from chassis.db import engine_for, tables_of
from chassis.errors import Refused
from chassis.organisation import Organisation, Person, Place, Rank, Right, Unit
from chassis.runtime import Envelope, Runtime
from chassis.service import Service, find
from chassis.settings import ServiceSettings, SharedSettings
from chassis.testing_tokens import AUDIENCE, ISSUER, TestIssuer
from heyi.platform.v1 import imports_pb2

MORNING = "2026-11-23T09:00:00+08:00"
TEST_KEYS = "k1:" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def stable(name: str) -> uuid.UUID:
    """The same id for the same name, in every run."""
    made = uuid.uuid5(uuid.NAMESPACE_OID, name)
    return uuid.UUID(int=(made.int & ~(0xF << 76)) | (7 << 76))


COMPANY, OTHER_COMPANY = stable("company"), stable("other company")
# head of each department, and where it hangs
DEPARTMENTS = {
    "works": (COMPANY, None, "boss"),
    "workshop": (COMPANY, "works", "head"),
    "finance": (COMPANY, None, "finance_head"),
    "elsewhere": (OTHER_COMPANY, None, "other_company"),
}
# department and post of each person
PEOPLE = {
    "admin": ("works", "manager"),
    "requester": ("workshop", "worker"),
    "colleague": ("workshop", "worker"),
    "head": ("workshop", "manager"),
    "boss": ("works", "director"),
    "finance_head": ("finance", "manager"),
    "buyer": ("works", "buyer"),
    "other_department": ("finance", "worker"),
    "other_company": ("elsewhere", "manager"),
    "stranger": ("workshop", "worker"),
    "disabled": ("workshop", "worker"),
}
POSTS = {"director": 1, "manager": 2, "buyer": 3, "worker": 4}


def test_organisation(clock: FrozenClock) -> Organisation:
    """Two companies, four departments, eleven people; who holds what is said by `grant`."""
    people = {
        stable(key): Person(
            employee_id=stable(key),
            name=key.replace("_", " ").title(),
            username=key,
            code=f"E{number:03d}",
            company_id=DEPARTMENTS[department][0],
            department_id=stable(department),
            post_id=stable(post),
            active=key != "disabled",
        )
        for number, (key, (department, post)) in enumerate(PEOPLE.items(), 1)
    }
    departments = {
        stable(key): Unit(stable(key), company, stable(parent) if parent else None, stable(head), key.title(), True)
        for key, (company, parent, head) in DEPARTMENTS.items()
    }
    places = {
        COMPANY: Place(COMPANY, "C1", "上海测试有限公司", "测试", "CNY", "Asia/Shanghai", "91310000MA1FL0TQ1X"),
        OTHER_COMPANY: Place(OTHER_COMPANY, "C2", "苏州测试有限公司", "苏测", "CNY", "Asia/Shanghai"),
    }
    ranks = {stable(key): Rank(stable(key), key, key.title(), level) for key, level in POSTS.items()}
    return Organisation(1, people, departments, ranks, places, {}, clock)


test_organisation.__test__ = False  # type: ignore[attr-defined]


class Caller:
    """A person who calls: `await buyer.CreatePurchaseOrder(purchase_order={...})`."""

    def __init__(self, bench: Bench, token: str, company: str = "") -> None:
        self._bench, self._token, self._company = bench, token, company

    def __getattr__(self, name: str) -> Any:
        method = next((m for m in self._bench.service.methods() if m.name == name), None)
        if method is None:
            raise AttributeError(f"the contract has no method {name}")

        async def call(request: Any = None, *, key: str = "", **fields: Any) -> Any:
            reply = await self._bench.invoke(
                method, request or build(method.request, fields), self._token, self._company, key
            )
            return reply.message

        return call


class Bench:
    """One service on the bench."""

    def __init__(
        self, service: Service, runtime: Runtime, issuer: TestIssuer, clock: FrozenClock, owner_url: str
    ) -> None:
        self.service, self.runtime, self.issuer, self.clock, self.owner_url = service, runtime, issuer, clock, owner_url
        self.base_organisation = test_organisation(clock)
        self.rights: list[Right] = []
        self.keys = itertools.count(1)
        self._superuser = migrate.owner_engine(testing_postgres.at(owner_url, owner_url.rsplit("/", 1)[1]))
        self._afresh = ""
        self.default_rights()

    def default_rights(self) -> None:
        """Everybody may do everything with what is their own; a buyer with all of the company; a stranger nothing."""
        self.rights = []
        self.grant("admin", ["*"], "ALL")
        self.grant("buyer", ["procurement.*", "inventory.*"], "COMPANY", company=COMPANY)
        for key in PEOPLE:
            if key not in ("admin", "stranger"):
                self.grant(key, ["*"], "OWN", role="employee")

    def grant(
        self,
        key: str,
        permissions: list[str],
        scope: str,
        *,
        company: uuid.UUID | None = None,
        departments: list[str] | None = None,
        role: str = "test",
    ) -> None:
        """Give a person a role's permissions with a scope."""
        chosen = frozenset(stable(name) for name in departments or [])
        self.rights.append(Right(stable(key), role, company, scope, chosen, frozenset(permissions)))
        self._publish()

    def revoke(self, key: str) -> None:
        """Take everything from a person."""
        self.rights = [right for right in self.rights if right.employee_id != stable(key)]
        self._publish()

    def change_person(self, key: str, **changes: Any) -> None:
        """Another department, post or state for a person."""
        people = dict(self.base_organisation.people)
        people[stable(key)] = dataclasses.replace(people[stable(key)], **changes)
        self.base_organisation = dataclasses.replace(self.base_organisation, people=people)
        self._publish()

    def number(self, document: str, pattern: str, company: uuid.UUID | None = None) -> None:
        """A format of numbers, as identity tells it; an empty pattern is one out of use."""
        formats = {**self.base_organisation.number_formats, (company, document): pattern}
        self.base_organisation = dataclasses.replace(self.base_organisation, number_formats=formats)
        self._publish()

    def _publish(self) -> None:
        by_person: dict[uuid.UUID, list[Right]] = {}
        for right in self.rights:
            by_person.setdefault(right.employee_id, []).append(right)
        current = policy.Rights(dataclasses.replace(self.base_organisation, rights=by_person))
        self.runtime.rights = lambda: current

    @property
    def organisation(self) -> Organisation:
        return self.runtime.rights().organisation

    def as_(self, key: str, *, company: uuid.UUID | None = None) -> Caller:
        """A person of the test organisation."""
        return Caller(self, self.issuer.person(stable(key)), str(company or ""))

    def as_service(self, name: str, *, company: uuid.UUID | None = COMPANY) -> Caller:
        """Another service."""
        return Caller(self, self.issuer.service(name), str(company or ""))

    async def invoke(self, method: contract.Method, request: Any, token: str, company: str = "", key: str = "") -> Any:
        """One call; without a key it gets one of its own."""
        key = key or f"test-key-{next(self.keys):06d}"
        return await self.runtime.invoke(method, request, Envelope(token=token, company=company, key=key))

    async def events(self, subject: str = "") -> list[tuple[str, Any]]:
        """What was announced, in order: (subject, message)."""
        table = tables_of(self.service.base.metadata).outbox
        async with self.runtime.engine.connect() as connection:
            rows = (await connection.execute(sa.select(table).order_by(table.c.created_at, table.c.event_id))).all()
        kinds = contract.load().events
        return [(r.subject, kinds[r.subject].FromString(r.payload)) for r in rows if subject in r.subject]

    async def audit(self) -> list[Any]:
        """Audit entries, oldest first."""
        table = tables_of(self.service.base.metadata).audit_entry
        async with self.runtime.engine.connect() as connection:
            return list((await connection.execute(sa.select(table).order_by(table.c.id))).all())

    async def deliver(
        self,
        event: Any,
        *,
        times: int = 1,
        actor: str = "",
        company: uuid.UUID | None = COMPANY,
        event_id: uuid.UUID | None = None,
    ) -> list[bool]:
        """Bring an event to the reactions as the stream would; True for each time that it had an effect."""
        event_id = event_id or ids.uuid7()
        headers = inbox.event_headers(
            event_id,
            **{
                "heyi-company": company or "",
                "heyi-actor": stable(actor) if actor else "",
            },
        )
        subject = contract.subject_of(type(event))
        return [await inbox.work_on(self.runtime, subject, event.SerializeToString(), headers) for _ in range(times)]

    async def work_imports(self) -> None:
        """Let imports go on until nothing of them is left to do."""
        worker = import_work.Worker(self.runtime)
        while await worker.work():
            pass

    async def bring_in(
        self, who: Caller, document_type: str, fields: Sequence[str], *rows: Sequence[str], skipped: int = 0
    ) -> Any:
        """Import rows of cells as somebody; the batch, with all of them in but those that were in already."""
        columns = [{"position": at, "header": field, "field": field} for at, field in enumerate(fields, 1)]
        batch = await who.CreateImportBatch(
            document_type=document_type, file_name="list.xlsx", file_hash=document_type, columns=columns
        )
        sent = [{"row_number": number, "cells": list(row)} for number, row in enumerate(rows, 2)]
        await who.AddRowsImportBatch(id=batch.id, rows=sent, complete=True)
        await who.CheckImportBatch(id=batch.id)
        await self.work_imports()
        await who.StartImportBatch(id=batch.id)
        await self.work_imports()
        batch = await who.GetImportBatch(id=batch.id)
        problems = [(one.field, one.reason) for one in (await who.ListImportProblems(id=batch.id)).problems]
        assert (batch.imported_count, batch.skipped_count) == (len(rows) - skipped, skipped), problems
        return batch

    async def take_back(self, who: Caller, batch: Any) -> tuple[int, int, list[str]]:
        """Undo an import: how many of its documents went, how many stayed, and why."""
        await who.UndoImportBatch(id=batch.id, reason="清单有误")
        await self.work_imports()
        batch = await who.GetImportBatch(id=batch.id)
        assert batch.state == imports_pb2.ImportBatch.UNDONE
        problems = (await who.ListImportProblems(id=batch.id)).problems
        return batch.undone_count, batch.kept_count, [one.reason for one in problems]

    async def run_timers(self) -> int:
        """Run what is due by the clock; how many timers were taken."""
        return await timers.run_due(self.runtime)

    @contextlib.contextmanager
    def statements(self) -> Iterator[list[str]]:
        """The SQL statements that run inside."""
        seen: list[str] = []

        def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            seen.append(statement)

        engine = self.runtime.engine.sync_engine
        sa.event.listen(engine, "before_cursor_execute", note)
        try:
            yield seen
        finally:
            sa.event.remove(engine, "before_cursor_execute", note)

    async def clear(self) -> None:
        """Empty every table and put the seeds back, as they were the first time."""
        async with self._superuser.begin() as connection:
            if not self._afresh:
                self._afresh = await self._seeded(connection)
            await connection.exec_driver_sql(self._afresh)
        self.runtime.custom = custom_fields.Known(self.runtime.custom.model)
        self.base_organisation = test_organisation(self.clock)
        self.clock.set(MORNING)
        self.default_rights()

    async def _seeded(self, connection: AsyncConnection) -> str:
        """The statement that leaves nothing but the seeds: many times faster than TRUNCATE and the seeds themselves."""
        tables = [table.name for table in self.service.base.metadata.sorted_tables]
        # as a superuser, so that neither references nor triggers look at each row
        empty = "SET LOCAL session_replication_role = replica;"
        empty += f"LOCK TABLE {', '.join(tables)};"  # whoever still writes is waited for
        empty += "".join(f"DELETE FROM {name};" for name in tables)  # noqa: S608
        await connection.exec_driver_sql(f"DO $$ BEGIN {empty} SET LOCAL session_replication_role = origin; END $$")
        if self.service.seed is not None:
            await self.service.seed(connection)
        filled = ""
        for name in tables:
            rows = await connection.scalar(sa.text(f"SELECT json_agg({name})::text FROM {name}"))  # noqa: S608
            if rows is not None:
                made = f"json_populate_recordset(NULL::{name}, $rows${rows}$rows$)"
                filled += f"INSERT INTO {name} SELECT * FROM {made};"  # noqa: S608
        return f"DO $$ BEGIN {empty}{filled} END $$"

    async def close(self) -> None:
        """Let go of the database."""
        await self.runtime.engine.dispose()
        await self._superuser.dispose()


def build(kind: type[message.Message], fields: dict[str, Any]) -> Any:
    """A request out of keywords: dicts, lists, texts, ids, decimals, dates and messages."""
    request = kind()
    for name, value in fields.items():
        if isinstance(value, message.Message):
            getattr(request, name).CopyFrom(value)
        else:
            json_format.ParseDict({name: _plain(value)}, request)
    return request


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, message.Message):
        return json_format.MessageToDict(value, preserving_proto_field_name=True)
    if isinstance(value, uuid.UUID | decimal.Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime.date) else value


@contextlib.contextmanager
def refused(reason: str, *, field: str = "") -> Iterator[Any]:
    """What happens inside is refused with this reason, at this field."""
    with pytest.raises(Refused) as caught:
        yield caught
    found = caught.value
    reasons = {found.reason, *(r for _, r, _ in found.violations)}
    assert reason in reasons, f"refused, but with {found}"
    if field:
        assert field in [path for path, _, _ in found.violations], f"refused, but not at {field}: {found.violations}"


async def eventually(check: Any, *, seconds: float = 30) -> Any:
    """Wait until a coroutine function's assertion holds; its result."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        try:
            return await check()
        except AssertionError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.02)


async def bench_for(url: str, service: Service, worker: str) -> Bench:
    """A service with a database of its own."""
    database = await testing_postgres.prepare_service(url, service, worker)
    clock = FrozenClock(MORNING)
    issuer = TestIssuer(clock)
    app_url = testing_postgres.at(url, database, f"{service.name}_app")
    engine = engine_for(app_url)
    crypto.use_keyring(engine, crypto.Keyring.parse(TEST_KEYS))
    shared = SharedSettings("test", ISSUER, AUDIENCE, {})
    settings = ServiceSettings(service.name, shared, "", app_url, "", "", TEST_KEYS)
    runtime = Runtime(
        service=service,
        engine=engine,
        rights=lambda: policy.Rights(test_organisation(clock)),
        verify=issuer.verifier().verify,
        clients=Clients({}, None),
        clock=clock,
        settings=settings,
    )
    return Bench(service, runtime, issuer, clock, testing_postgres.at(url, database, f"{service.name}_owner"))


def service_fixtures(name: str) -> dict[str, Any]:
    """Fixtures of a service's tests: `service` (the bench, emptied for each test) and `as_`."""

    @pytest.fixture(scope="session", name="_bench")
    async def bench() -> AsyncIterator[Bench]:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        made = await bench_for(os.environ[testing_postgres.VARIABLE], find(name), worker)
        yield made
        await made.close()

    @pytest.fixture(name="service")
    async def service(_bench: Bench) -> Bench:
        await _bench.clear()
        return _bench

    @pytest.fixture(name="as_")
    async def as_(service: Bench) -> Any:
        return service.as_

    return {"_bench": bench, "service": service, "as_": as_}


async def keep_released(service: Service) -> None:
    """Keep the shape of a service's tables as its scripts make them now."""
    with testing_postgres.server() as url:
        database = f"released_{service.name}"
        await testing_postgres.make_database(url, service, database)
        owner = migrate.owner_engine(testing_postgres.at(url, database, f"{service.name}_owner"))
        async with owner.connect() as connection:
            upgrades.keep(migrate.folder_of(service), await connection.run_sync(upgrades.shape_of))
        await owner.dispose()


async def revise(service: Service, message_text: str) -> None:
    """Write the next migration script of a service from its models."""
    with testing_postgres.server() as url:
        await testing_postgres.make_database(url, service, f"revise_{service.name}", scripts=False)
        owner = migrate.owner_engine(testing_postgres.at(url, f"revise_{service.name}", f"{service.name}_owner"))
        await migrate.make_revision(service, owner, message_text)
        await owner.dispose()


class Account:
    """A service's own account at the issuer of these tests."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def token_now(self) -> str:
        return self._bench.issuer.service(self._bench.service.name)
