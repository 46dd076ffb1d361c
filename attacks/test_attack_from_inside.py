"""One service that was taken over: what its accounts at the stream and the database give away.

What its account opens at the other services: `test_attack_service_account_asks_for_more`.
"""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import nats
import nats.errors
import pytest

from chassis.testing import eventually
from infra.local.instance import OWNERS, SERVICES, Instance


@pytest.mark.parametrize("owner", OWNERS)
async def test_attack_forged_event(instance: Instance, owner: str) -> None:
    """No account at the stream can speak as another service, take its messages, or change the stream."""
    denials: list[str] = []

    async def refused(error: Exception) -> None:
        denials.append(str(error).lower())

    connection = await nats.connect(
        instance.env()[f"HEYI_{owner.upper()}_NATS_URL"], error_cb=refused, allow_reconnect=False,
        inbox_prefix=f"_INBOX_{owner}",
    )  # fmt: skip
    try:
        others = [service for service in SERVICES if service != owner]
        subjects = [f"evt.{other}.case.approved" for other in others] + [
            "evt.forged",
            "evt.gateway2.x.y",
            "$SYS.REQ.SERVER.PING",
        ]
        subjects += ["$JS.API.STREAM.DELETE.EVT", "$JS.API.STREAM.PURGE.EVT", "$JS.API.STREAM.UPDATE.EVT"]
        subjects += ["$JS.API.STREAM.MSG.DELETE.EVT", "$JS.API.STREAM.MSG.GET.EVT", "$JS.API.STREAM.CREATE.OTHER"]
        subjects += ["$JS.API.DIRECT.GET.EVT", "$JS.API.STREAM.SNAPSHOT.EVT", "$JS.API.STREAM.RESTORE.EVT"]
        # a consumer that has no name in the subject could be given any in the request, also one that nobody has yet
        subjects += ["$JS.API.CONSUMER.CREATE.EVT"]
        for other in {*OWNERS} - {owner}:
            subjects += [
                f"$JS.API.CONSUMER.{what}.EVT.{other}" for what in ("MSG.NEXT", "CREATE", "DURABLE.CREATE", "DELETE")
            ]
            subjects += [f"$JS.API.CONSUMER.CREATE.EVT.{other}.evt.>", f"$JS.ACK.EVT.{other}.1.1.1.1.0"]
        for subject in subjects:
            await connection.publish(subject, b"{}")
        await connection.flush()
        patterns = ("evt.>", ">", "$JS.API.>", "$SYS.>")
        for pattern in patterns:
            await connection.subscribe(pattern)
        await connection.flush()

        async def all_denied() -> None:
            denied = "\n".join(denials)
            missing = [subject for subject in subjects if f'publish to "{subject.lower()}"' not in denied]
            missing += [pattern for pattern in patterns if f'subscription to "{pattern.lower()}"' not in denied]
            assert not missing, f"{missing} got through:\n{denied}"

        await eventually(all_denied)
        for other in {*OWNERS} - {owner}:
            await _forged_by_a_consumer(connection, owner, other)
    finally:
        await connection.close()


async def _forged_by_a_consumer(connection: Any, owner: str, other: str) -> None:
    """Asked for at one's own subject, no consumer is made that speaks for another or has another's name."""
    for config in (
        {"name": owner, "deliver_subject": f"evt.{other}.case.approved", "ack_policy": "none"},
        {"durable_name": other, "ack_policy": "explicit"},
        {"name": other, "ack_policy": "none"},
    ):
        request = json.dumps({"stream_name": "EVT", "config": {"deliver_policy": "new", **config}}).encode()
        answer = await connection.request(f"$JS.API.CONSUMER.CREATE.EVT.{owner}", request, timeout=5)
        reply = json.loads(answer.data)
        assert "error" in reply or (reply["name"] == owner and "deliver_subject" not in config), (config, reply)


async def test_attack_stream_without_an_account(instance: Instance) -> None:
    """Nobody is let in without a name, or with another's."""
    host = instance.env()["HEYI_IDENTITY_NATS_URL"].rpartition("@")[2]
    for who in ("", "identity:wrong@", f"approval:{instance.facts['secrets']['nats_identity']}@", "admin:admin@"):
        with pytest.raises(nats.errors.Error):
            await nats.connect(f"nats://{who}{host}", allow_reconnect=False, connect_timeout=2)


@pytest.fixture(scope="module")
def databases(instance: Instance) -> dict[tuple[str, str], str]:
    """Addresses by owner and role."""
    names = {"app": "DATABASE_URL", "ro": "RO_DATABASE_URL", "owner": "OWNER_DATABASE_URL"}
    return {(o, role): instance.env()[f"HEYI_{o.upper()}_{name}"] for o in OWNERS for role, name in names.items()}


async def test_attack_another_services_database(databases: dict[tuple[str, str], str]) -> None:
    """No role of a service gets into another's database, into Keycloak's, or into the server's own."""
    for (owner, _), url in databases.items():
        for other in (*OWNERS, "keycloak", "postgres", "template1"):
            if other != owner:
                with pytest.raises(
                    (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidAuthorizationSpecificationError)
                ):
                    await asyncpg.connect(f"{url.rpartition('/')[0]}/{other}", timeout=5)
    host = databases["identity", "app"].rpartition("@")[2].rpartition("/")[0]
    for who in ("postgres", "identity_app", "identity_owner"):
        for password in ("", ":wrong", ":postgres"):
            with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
                await asyncpg.connect(f"postgresql://{who}{password}@{host}/identity", timeout=5)


BEYOND_THE_APP = [
    "DROP TABLE outbox", "ALTER TABLE outbox ADD x text", "TRUNCATE outbox", "CREATE TABLE mine (x int)",
    "CREATE EXTENSION dblink", "SET ROLE {owner}_owner", "SET session_replication_role = replica",
    "ALTER ROLE {owner}_app SUPERUSER", "SELECT pg_read_file('/etc/passwd')", "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY outbox FROM '/etc/passwd'", "SELECT * FROM pg_authid", "CREATE DATABASE mine",
    "SELECT lo_import('/etc/passwd')", "ALTER TABLE outbox DISABLE ROW LEVEL SECURITY",
    "ALTER SYSTEM SET log_statement = 'all'", "UPDATE audit_entry SET outcome = 'ok'", "DELETE FROM audit_entry",
    "TRUNCATE audit_entry", "UPDATE audit_seal SET hash = ''", "DELETE FROM audit_change", "DELETE FROM audit_seal",
    "INSERT INTO audit_expiry (kind, before, count) VALUES ('CHANGED', now(), 0)",
    "CREATE OR REPLACE FUNCTION audit_expire(of_kind text, older_than timestamptz, batch int) RETURNS int "
    "LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
]  # fmt: skip


@pytest.mark.parametrize("statement", BEYOND_THE_APP)
async def test_attack_database_by_a_services_own_role(databases: dict[tuple[str, str], str], statement: str) -> None:
    """The role that serves changes rows; it neither changes tables nor reads the machine, nor rewrites the record."""
    for owner in SERVICES:
        connection = await asyncpg.connect(databases[owner, "app"])
        try:
            with pytest.raises(asyncpg.PostgresError) as refusal:
                await connection.execute(statement.format(owner=owner))
            assert isinstance(refusal.value, asyncpg.InsufficientPrivilegeError | asyncpg.FeatureNotSupportedError), (
                refusal.value
            )
        finally:
            await connection.close()


async def test_attack_database_by_the_role_that_reads(databases: dict[tuple[str, str], str]) -> None:
    """Whoever reports cannot write, also after saying that it may."""
    for owner in SERVICES:
        connection = await asyncpg.connect(databases[owner, "ro"])
        try:
            await connection.execute("SET default_transaction_read_only = off")
            for statement in (
                "DELETE FROM outbox",
                "INSERT INTO audit_entry DEFAULT VALUES",
                "CREATE TEMP TABLE x (y int)",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
        finally:
            await connection.close()


async def test_attack_rows_of_another_company_in_the_database(databases: dict[tuple[str, str], str], demo: Any) -> None:
    """A query that forgot the company sees none; one that names a company sees and writes that one's alone."""
    connection = await asyncpg.connect(databases["procurement", "app"])
    try:
        count = "SELECT count(*) FROM purchase_requisition"
        assert await connection.fetchval(count) == 0
        here, there = demo("identity.company", "SH"), demo("identity.company", "SZ")
        for company, other in ((here, there), (there, here)):
            async with connection.transaction():
                await connection.execute("SELECT set_config('heyi.company', $1, true)", company)
                assert await connection.fetchval(count) > 0
                assert await connection.fetchval(f"{count} WHERE company_id <> $1", company) == 0
                assert (
                    await connection.execute(
                        "UPDATE purchase_requisition SET title = title WHERE company_id = $1", other
                    )
                    == "UPDATE 0"
                )
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with connection.transaction():
                        await connection.execute("UPDATE purchase_requisition SET company_id = $1", other)
    finally:
        await connection.close()
