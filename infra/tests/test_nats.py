"""The event server of an instance: each account hears what is its own, and announces what is its own."""

import asyncio
import contextlib
import socket

import nats.errors
import pytest

from chassis import migrate, stream
from chassis.outbox import STREAM
from chassis.service import find
from chassis.testing import eventually
from infra.local.nats import Nats
from infra.local.processes import Processes

OWNERS = ("identity", "procurement", "gateway")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nats")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Nats(Processes(folder), folder, port=port, name="heyi-test", passwords={o: f"{o}-secret" for o in OWNERS})
    made.start()
    yield made
    made.stop()


class Account:
    """A connection as a service makes it, and what the server forbade it."""

    def __init__(self, server, owner):
        self.url, self.owner, self.told = f"nats://{owner}:{owner}-secret@127.0.0.1:{server.port}", owner, []

    async def __aenter__(self):
        self.wire = await stream.connect(self.url, self.owner, error_cb=self._note)
        return self

    async def __aexit__(self, *_):
        await self.wire.close()

    async def _note(self, error):
        self.told.append(str(error).lower())

    async def forbidden(self):
        """What the server said up to now: it answers in order."""
        with contextlib.suppress(nats.errors.Error):
            await self.wire.flush()
        return [words for words in self.told if "permissions violation" in words]

    async def was_forbidden(self, what):
        """The client hands on what the server said when it finds the time."""
        assert any(what.lower() in words for words in await self.forbidden())


@pytest.fixture
async def accounts(server):
    async with contextlib.AsyncExitStack() as stack:
        made = {owner: await stack.enter_async_context(Account(server, owner)) for owner in OWNERS}
        await stream.ensure_stream(made["identity"].wire.jetstream())
        yield made


async def test_a_service_announces_asks_and_gets_its_answers(accounts):
    for owner in OWNERS:
        wire = accounts[owner].wire.jetstream()
        assert (await wire.stream_info(STREAM)).config.name == STREAM
        if owner != "gateway":
            assert (await wire.publish(f"evt.{owner}.thing.done", b"")).stream == STREAM
        assert await accounts[owner].forbidden() == []


async def test_a_migration_before_the_account_is_there_leaves_the_consumer_to_the_service(server, accounts):
    """An upgrade that brings a service migrates it before the event server is told of it."""
    inventory = find("inventory")

    assert await migrate.migrate_stream(inventory, f"nats://inventory:x@127.0.0.1:{server.port}") is False
    assert await migrate.migrate_stream(find("procurement"), accounts["procurement"].url) is True
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(nats.errors.NoServersError):
            await migrate.migrate_stream(inventory, f"nats://inventory:x@127.0.0.1:{probe.getsockname()[1]}")


async def test_what_identity_announces_is_heard_at_once_past_the_stream(accounts):
    heard = asyncio.Event()

    async def woken(message):
        heard.set()

    await accounts["procurement"].wire.subscribe("evt.identity.>", cb=woken)
    # the client's first question goes out before what still waits to be sent, its second after it
    await accounts["procurement"].wire.flush()
    await accounts["procurement"].wire.flush()
    await accounts["identity"].wire.jetstream().publish("evt.identity.grant.created", b"")

    async with asyncio.timeout(5):
        await heard.wait()


@pytest.mark.parametrize("owner", ["identity", "gateway"])
@pytest.mark.parametrize("subject", ["_INBOX_procurement.>", "_INBOX.>", "*.>", ">", "evt.>", "$JS.>"])
async def test_nobody_listens_to_the_answers_of_others(accounts, owner, subject):
    await accounts[owner].wire.subscribe(subject)

    await eventually(lambda: accounts[owner].was_forbidden(f'subscription to "{subject}"'))


@pytest.mark.parametrize("owner", ["identity", "gateway"])
@pytest.mark.parametrize(
    "subject",
    [
        "evt.procurement.purchase_order.released",
        "_INBOX_procurement.x",
        "$JS.API.CONSUMER.MSG.NEXT.EVT.procurement",
        "$JS.API.CONSUMER.DELETE.EVT.procurement",
        "$JS.API.CONSUMER.DURABLE.CREATE.EVT.procurement",
        "$JS.API.CONSUMER.CREATE.EVT",
        "$JS.API.STREAM.PURGE.EVT",
        "$JS.API.STREAM.DELETE.EVT",
        "$JS.API.STREAM.UPDATE.EVT",
        "$JS.ACK.EVT.procurement.1.1.1.1.1",
    ],
)
async def test_nobody_speaks_for_others(accounts, owner, subject):
    await accounts[owner].wire.publish(subject, b"{}")

    await eventually(lambda: accounts[owner].was_forbidden(f'publish to "{subject}"'))


async def test_a_wrong_password_is_refused(server):
    with pytest.raises(nats.errors.Error):
        await stream.connect(f"nats://identity:guess@127.0.0.1:{server.port}", "identity", max_reconnect_attempts=1)
