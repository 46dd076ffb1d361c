"""A house that is in use comes up to a later release with its rows."""

from __future__ import annotations

import json
import os
import uuid

import alembic.command
import sqlalchemy as sa

from approval.service import SERVICE
from chassis import migrate, testing_postgres

# of each type, what a column holds that must hold something
PLAIN = {
    "uuid": "gen_random_uuid()",
    "text": "''",
    "integer": "1",
    "bigint": "1",
    "boolean": "false",
    "ARRAY": "'{}'",
    "jsonb": "'{}'",
    "numeric": "1",
    "date": "current_date",
    "timestamp with time zone": "now()",
    "bytea": "''",
}


async def row(connection, table, **values):
    """A row with these values and something plain wherever the table asks for more."""
    asked = sa.text(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = :table "
        "AND is_nullable = 'NO' AND column_default IS NULL"
    )
    plain = {name: PLAIN[kind] for name, kind in (await connection.execute(asked, {"table": table})).all()}
    columns = {**plain, **{name: f":{name}" for name in values}}
    into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"
    await connection.execute(sa.text(into), values)


async def test_notices_of_before_there_were_channels_stay_and_are_sent_to_nobody_anew():
    url = os.environ[testing_postgres.VARIABLE]
    database = f"upgrade_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    await testing_postgres.make_database(url, SERVICE, database, scripts=False)
    owner = migrate.owner_engine(testing_postgres.at(url, database, "approval_owner"))
    case, told = uuid.uuid4(), uuid.uuid4()
    async with owner.begin() as connection:
        await connection.run_sync(lambda sync: alembic.command.upgrade(migrate._config(SERVICE, sync), "0013"))
    async with owner.begin() as connection:
        await row(connection, "approval_case", id=case)
        await row(connection, "notice", id=told, case_id=case, text_key="notice.todo")

    await migrate.migrate_database(SERVICE, owner)

    async with owner.connect() as connection:
        left = (await connection.execute(sa.text("SELECT id, case_id, routed FROM notice"))).all()
    await owner.dispose()
    assert [tuple(one) for one in left] == [(told, case, True)]


async def test_events_of_before_added_fields_had_readers_tell_none_of_them():
    url = os.environ[testing_postgres.VARIABLE]
    database = f"upgrade_outside_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    await testing_postgres.make_database(url, SERVICE, database, scripts=False)
    owner = migrate.owner_engine(testing_postgres.at(url, database, "approval_owner"))
    kept = {
        "approval.case.approved": {"case": {"id": "1", "facts": {"rise": 1, "custom_fields": {"cost": 3}}}},
        "procurement.purchase_order.released": {"purchaseOrder": {"id": "1", "customFields": {"json": "{}"}}},
    }
    async with owner.begin() as connection:
        await connection.run_sync(lambda sync: alembic.command.upgrade(migrate._config(SERVICE, sync), "0018"))
    async with owner.begin() as connection:
        for kind, data in kept.items():
            await row(connection, "outside_event", id=uuid.uuid4(), event_type=kind, data=json.dumps(data))

    await migrate.migrate_database(SERVICE, owner)

    async with owner.connect() as connection:
        told = dict((await connection.execute(sa.text("SELECT event_type, data FROM outside_event"))).all())
    await owner.dispose()
    assert told == {
        "approval.case.approved": {"case": {"id": "1", "facts": {"rise": 1}}},
        "procurement.purchase_order.released": {"purchaseOrder": {"id": "1"}},
    }
