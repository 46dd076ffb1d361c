"""What search and sealed columns rely on, in a real PostgreSQL."""

import os
import uuid
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import ids, testing_postgres, text
from chassis.crypto import Encrypted, Keyring, SealBroken, reencrypt, use_keyring

OLD, NEW = os.urandom(32), os.urandom(32)
ACCOUNTS = [f"6222 0212 3456 {number:04}" for number in range(7)]


class Base(DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "sealed_account"

    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=ids.uuid7)
    version: Mapped[int] = mapped_column(default=1)
    number: Mapped[str | None] = mapped_column(Encrypted("sealed_account", "number"))


async def rotate(engine: AsyncEngine, batch: int = 3) -> list[int]:
    """As an operator does it: a transaction for each batch, until nothing is left."""
    turns = []
    while not turns or turns[-1]:
        async with AsyncSession(engine) as session, session.begin():
            turns.append(await reencrypt(session, Account, "number", batch))
    return turns


def url() -> str:
    return os.environ[testing_postgres.VARIABLE].replace("postgresql://", "postgresql+asyncpg://", 1)


@pytest.fixture
async def engine() -> AsyncIterator[AsyncEngine]:
    """An engine with the old key, in a schema of its own with some accounts."""
    schema = f"t{uuid.uuid4().hex}"
    made = create_async_engine(url(), connect_args={"server_settings": {"search_path": schema}})
    use_keyring(made, Keyring({"k1": OLD}))
    async with made.begin() as connection:
        await connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(made) as session, session.begin():
        session.add_all([Account(number=number) for number in [*ACCOUNTS, None]])
    yield made
    async with made.begin() as connection:
        await connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    await made.dispose()


async def numbers(engine: AsyncEngine) -> list[str | None]:
    async with AsyncSession(engine) as session:
        return list(await session.scalars(sa.select(Account.number).order_by(Account.account_id)))


async def test_the_table_holds_no_clear_text(engine):
    async with engine.connect() as connection:
        stored = (await connection.execute(sa.text("SELECT number FROM sealed_account"))).scalars().all()
    assert stored.count(None) == 1
    assert not any(account.encode() in sealed for account in ACCOUNTS for sealed in stored if sealed)
    assert await numbers(engine) == [*ACCOUNTS, None]


async def test_after_rotation_only_the_new_key_is_needed(engine):
    use_keyring(engine, Keyring({"k2": NEW, "k1": OLD}))
    assert await numbers(engine) == [*ACCOUNTS, None]
    assert await rotate(engine) == [3, 3, 1, 0]
    use_keyring(engine, Keyring({"k2": NEW}))
    assert await numbers(engine) == [*ACCOUNTS, None]
    async with AsyncSession(engine) as session:
        assert set(await session.scalars(sa.select(Account.version))) == {1}
    use_keyring(engine, Keyring({"k1": OLD}))
    with pytest.raises(SealBroken):
        await numbers(engine)


async def test_a_row_that_a_call_holds_is_left_to_the_next_turn(engine):
    use_keyring(engine, Keyring({"k2": NEW, "k1": OLD}))
    async with AsyncSession(engine) as busy, busy.begin():
        await busy.scalars(sa.select(Account.account_id).order_by(Account.account_id).limit(2).with_for_update())
        assert await rotate(engine, 100) == [5, 0]
    assert await rotate(engine, 100) == [2, 0]


async def test_a_byte_changed_in_the_table_is_noticed(engine):
    async with engine.begin() as connection:
        await connection.execute(
            sa.text("UPDATE sealed_account SET number = set_byte(number, 100, 255 # get_byte(number, 100))")
        )
    with pytest.raises(SealBroken):
        await numbers(engine)


STORED = ["固定资产采购申请", "重庆银行 定期存单", "M8x20 不锈钢螺栓", "PO-2026-000001", "固定 资产"]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("固定资产", [0]),
        ("资产", [0, 4]),
        ("定资", [0]),
        ("产", [0, 4]),
        ("银行存单", []),
        ("银行 存单", [1]),
        ("gdzc", [0]),
        ("cqyh", [1]),
        ("yinhang", [1]),
        ("luoshuan", [2]),
        ("M8", [2]),
        ("m8 螺栓", [2]),
        ("20", [2, 3]),
        ("PO-2026", [3]),
        ("po-2026-000002", []),
        ("'; drop table x; --", []),
    ],
)
async def test_search_finds_what_people_type(typed, found):
    engine = create_async_engine(url())
    statement = sa.text(
        "SELECT n FROM unnest(CAST(:documents AS text[])) WITH ORDINALITY AS d(document, n)"
        " WHERE to_tsvector('simple', document) @@ to_tsquery('simple', :query) ORDER BY n"
    )
    documents = [text.search_document(stored) for stored in STORED]
    async with engine.connect() as connection:
        rows = await connection.execute(statement, {"documents": documents, "query": text.search_query(typed)})
        assert [row.n - 1 for row in rows] == found
    await engine.dispose()
