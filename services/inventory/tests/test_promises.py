"""What the runtime promises for every service, shown on the item master: once, audited, refused precisely."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import uuid

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import Client as NATS
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from chassis import contract, faults, housekeeping, inbox, query
from chassis.call import Call
from chassis.errors import Refused, from_status, to_status
from chassis.mapping import plan_for
from chassis.runtime import Envelope
from chassis.service import on
from chassis.testing import refused, stable
from heyi.inventory.v1 import units_pb2 as pb
from inventory.item.model import Item
from inventory.unit.model import Unit

CREATED = "evt.inventory.unit.created"
UNIT = {"code": "PCS", "name": "个", "dimension": "count", "factor": "1"}


async def count(service, model) -> int:
    async with service.runtime.engine.connect() as connection:
        return (await connection.execute(sa.select(sa.func.count()).select_from(model))).scalar_one()


@contextlib.contextmanager
def reacting(service, react):
    """The service reacts to new units meanwhile."""
    service.service.reactions[CREATED] = [on(pb.UnitCreated, react)]
    try:
        yield
    finally:
        del service.service.reactions[CREATED]


async def came(service, *events):
    """The stream brings units, over a connection that is closed before it is told what became of them."""
    consumer = inbox.Consumer(service.runtime, NATS())
    for event in events or [pb.UnitCreated()]:
        message = Msg(NATS(), CREATED, f"$JS.ACK.s.{consumer.name}.1.1.1.1.0", event.SerializeToString())
        consumer.waiting.append(inbox.Event(CREATED, message.data, inbox.event_headers(uuid.uuid4()), message))
    consumer._start()
    while consumer.work:
        await asyncio.wait(consumer.work)
        await asyncio.sleep(0)
    assert not consumer.documents


async def parked(service):
    table = service.runtime.tables.parked_event
    async with service.runtime.engine.connect() as connection:
        unsolved = sa.select(table).where(table.c.resolved_at.is_(None)).order_by(table.c.id)
        return (await connection.execute(unsolved)).all()


async def test_fifty_calls_with_one_key_make_one_unit(service):
    admin = service.as_("admin")
    calls = [admin.CreateUnit(unit=UNIT, key="the-same-key") for _ in range(50)]

    answers = await asyncio.gather(*calls, return_exceptions=True)

    made = {answer.id for answer in answers if not isinstance(answer, Exception)}
    others = {answer.reason for answer in answers if isinstance(answer, Exception)}
    assert len(made) == 1
    # who finds the key taken, or no connection free, is told to ask again
    assert others <= {"IN_PROGRESS", "SERVICE_UNAVAILABLE"}
    assert await count(service, Unit) == 1
    assert len(await service.events("unit.created")) == 1


async def test_a_repeated_call_gets_the_first_answer_and_does_nothing(service):
    method = contract.load().methods["heyi.inventory.v1.Units/CreateUnit"]
    token = service.issuer.person(stable("admin"))
    request = method.request(unit=dict(UNIT))

    first = await service.runtime.invoke(method, request, Envelope(token=token, key="key-of-first"))
    again = await service.runtime.invoke(method, request, Envelope(token=token, key="key-of-first"))

    assert not first.replayed
    assert again.replayed
    assert again.message == first.message


async def test_a_list_is_planned_for_each_who_asks(service, as_):
    """PostgreSQL's plan for everybody, made after five executions, reads the whole table for somebody with no rows."""
    for _ in range(12):
        await as_("admin").ListUnits()

    lists = "SELECT sum(custom_plans), sum(generic_plans) FROM pg_prepared_statements WHERE statement LIKE "
    async with service.runtime.read_sessions() as session:
        planned, once_for_all = (
            await session.execute(sa.text(lists + "'SELECT unit.%ORDER BY%LIMIT%' AND statement NOT LIKE '%UPDATE%'"))
        ).one()
    assert planned >= 12
    assert once_for_all == 0


async def test_the_key_of_another_request_is_refused(service, as_):
    await as_("admin").CreateUnit(unit=UNIT, key="key-used-once")

    with refused("IDEMPOTENCY_KEY_REUSED"):
        await as_("admin").CreateUnit(unit={**UNIT, "name": "另一个"}, key="key-used-once")


async def test_two_people_may_use_the_same_key(service, as_):
    await as_("admin").CreateUnit(unit=UNIT, key="key-of-both")
    await as_("buyer").CreateUnit(unit={**UNIT, "code": "BOX"}, key="key-of-both")

    assert await count(service, Unit) == 2


async def test_a_refused_call_leaves_nothing_but_its_audit_entry(service, as_):
    with refused("FIELD_READ_ONLY", field="state"):
        await as_("admin").CreateUnit(unit={**UNIT, "state": "ACTIVE"}, key="key-refused")
    unit = await as_("admin").CreateUnit(unit=UNIT, key="key-refused")

    assert unit.code == "PCS"
    assert [(entry.outcome, entry.reason) for entry in await service.audit()] == [
        ("refused", "INVALID_REQUEST"),
        ("done", None),
    ]
    assert len(await service.events()) == 1


async def test_what_fails_before_its_commit_announces_nothing(service, as_, tmp_path):
    """Row, reply and announcement are one transaction: none of them is there without the others."""
    faults.arm(str(tmp_path))
    try:
        (tmp_path / "before_commit").write_text("error")
        with pytest.raises(faults.InjectedError):
            await as_("admin").CreateUnit(unit=UNIT, key="the-same-key")
        assert await service.events() == []
        assert (await as_("admin").CreateUnit(unit=UNIT, key="the-same-key")).code == UNIT["code"]
        assert len(await service.events()) == 1
    finally:
        faults.arm("")


async def test_a_write_without_a_key_is_refused(service):
    method = contract.load().methods["heyi.inventory.v1.Units/CreateUnit"]
    with refused("IDEMPOTENCY_KEY_MISSING"):
        await service.runtime.invoke(
            method, method.request(unit=dict(UNIT)), Envelope(token=service.issuer.person(stable("admin")))
        )


async def test_of_two_who_edit_the_same_version_the_second_is_told(service, as_):
    unit = await as_("admin").CreateUnit(unit=UNIT)
    await as_("admin").UpdateUnit(unit={"id": unit.id, "etag": unit.etag, "name": "件"}, update_mask="name")

    with refused("STALE_ETAG") as caught:
        await as_("buyer").UpdateUnit(unit={"id": unit.id, "etag": unit.etag, "name": "只"}, update_mask="name")

    assert caught.value.facts == {"current_etag": '"2"'}


async def test_what_was_saved_is_read_to_the_letter(service, as_):
    """Rows travel to the database as JSON: nothing in a value may be taken for a word of it or of SQL."""
    admin = as_("admin")
    names = [r'a"b\c \u0041 {"x": [null, 1]}', "'; DROP TABLE unit; -- :name $1 %s", "𠮷 ünï ½ ''"]
    made = await admin.CreateUnit(unit={**UNIT, "name": names[0], "factor": "123456789.123456789"})
    for name in names:
        changed = await admin.UpdateUnit(unit={"id": made.id, "name": name}, update_mask="name")
        read = await admin.GetUnit(id=made.id)
        assert (read.name, read.factor, read.etag) == (name, "123456789.123456789", changed.etag)


async def test_the_trail_says_who_changed_what(service, as_):
    unit = await as_("admin").CreateUnit(unit=UNIT)
    await as_("buyer").UpdateUnit(unit={"id": unit.id, "name": "件"}, update_mask="name")

    history = await as_("admin").ListHistory(service="inventory", document_type="unit", document_id=unit.id)

    newest = history.entries[0]
    assert newest.actor_id == str(stable("buyer"))
    assert [(c.field, c.before, c.after) for c in newest.changes] == [("name", '"个"', '"件"')]


async def test_nobody_without_the_permission_passes_and_the_refusal_is_on_record(service, as_):
    with refused("PERMISSION_MISSING"):
        await as_("stranger").ListUnits()

    (entry,) = await service.audit()
    assert (entry.reason, entry.facts) == ("PERMISSION_MISSING", {"permission": "inventory.unit.list"})


async def test_a_disabled_person_is_refused_while_the_token_still_lives(service, as_):
    caller = as_("requester")
    await caller.ListUnits()
    service.change_person("requester", active=False)

    with refused("NOT_SIGNED_IN"):
        await caller.ListUnits()


async def test_without_a_valid_token_nothing_answers(service):
    method = contract.load().methods["heyi.inventory.v1.Units/ListUnits"]
    for token in ("", "not-a-token", service.issuer.person(stable("admin"), aud="another")):
        with refused("NOT_SIGNED_IN"):
            await service.runtime.invoke(method, method.request(), Envelope(token=token))


async def test_a_caller_who_hangs_up_leaves_a_whole_transaction(service):
    method = contract.load().methods["heyi.inventory.v1.Units/CreateUnit"]
    token = service.issuer.person(stable("admin"))
    for number in range(100):
        request = method.request(unit={**UNIT, "code": f"U{number:03d}"})
        call = asyncio.create_task(
            service.runtime.invoke(method, request, Envelope(token=token, key=f"hang-up-{number:03d}"))
        )
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await service.runtime.settle()

    assert await count(service, Unit) == 100
    assert len(await service.events("unit.created")) == 100
    assert service.runtime.engine.pool.checkedout() == 0


async def test_a_call_that_fails_after_its_caller_hung_up_is_on_record(service, tmp_path):
    """Nobody is left to tell it to: a fault stands in the log, a refusal in the trail, nothing in asyncio's hands."""
    method = contract.load().methods["heyi.inventory.v1.Units/CreateUnit"]
    lost: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    stranger = service.issuer.person(stable("stranger"))
    (tmp_path / "before_tx").write_text("error")
    faults.arm(str(tmp_path))
    try:
        with capture_logs() as said:
            for token in (stranger, service.issuer.person(stable("admin"))):
                envelope = Envelope(token=token, key="hang-up-0001")
                call = asyncio.create_task(service.runtime.invoke(method, method.request(unit=UNIT), envelope))
                await asyncio.sleep(0)
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)
                await service.runtime.settle()
    finally:
        faults.arm("")
    gc.collect()

    assert lost == []
    (fault,) = (one for one in said if one["event"] == "call failed, its caller had hung up")
    assert (fault["method"], fault["log_level"]) == (method.full_name, "error")
    assert (await service.audit())[-1].reason == "PERMISSION_MISSING"


async def test_a_stream_that_goes_away_before_it_is_told_brings_its_events_again(service):
    """Acknowledging fails on a connection that is closed: said in the log, and the next event is worked on."""

    async def nothing(_event, _call: Call) -> None:
        pass

    with reacting(service, nothing), capture_logs() as said:
        await came(service)

    (told,) = said
    assert (told["event"], told["log_level"]) == ("events not acknowledged", "warning")


async def test_a_database_that_is_away_is_told_as_such_and_no_fault(service, as_):
    """A refusal of this kind is not written into the trail: where it would be written is what is away."""
    owner = await asyncpg.connect(service.owner_url)
    database = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE {database} CONNECTION LIMIT 0")
    await service.runtime.engine.dispose()
    try:
        with pytest.raises(Refused) as refusal:
            await as_("admin").CreateUnit(unit=UNIT)
        assert refusal.value.reason == "SERVICE_UNAVAILABLE"
    finally:
        await owner.execute(f"ALTER DATABASE {database} CONNECTION LIMIT -1")
        await owner.close()
    assert (await as_("admin").CreateUnit(unit=UNIT)).code == UNIT["code"]


async def test_a_statement_that_takes_too_long_is_asked_again_later(service):
    """A database under load is no fault of the call: nothing was done, and the same key may come again."""

    async def slow() -> None:
        async with service.runtime.sessions() as session, session.begin():
            await session.execute(sa.text("SET LOCAL statement_timeout = 20"))
            await session.execute(sa.text("SELECT pg_sleep(5)"))

    with pytest.raises(Refused) as refusal:
        await service.runtime._retrying(slow)
    assert refusal.value.reason == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize(
    ("sent", "reason", "field"),
    [
        ({"code": ""}, "FIELD_REQUIRED", "unit.code"),
        ({"name": "x" * 1_000_000}, "FIELD_TOO_LONG", "name"),
        ({"name": "个\u200b"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"name": "\u202e个"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"factor": "NaN"}, "FIELD_DECIMAL", "factor"),
        ({"factor": "1e400"}, "FIELD_DECIMAL", "factor"),
        ({"factor": "１２"}, "FIELD_DECIMAL", "factor"),
        ({"factor": "1.0000000001"}, "FIELD_DECIMAL", "factor"),
        ({"factor": "12345678901"}, "FIELD_DECIMAL", "factor"),
        ({"factor": "-1"}, "FIELD_DECIMAL", "factor"),
        ({"code": "a b"}, "FIELD_FORMAT", "code"),
        ({"etag": '"1"', "state": "INACTIVE"}, "FIELD_READ_ONLY", "state"),
        ({"id": "not-an-id"}, "FIELD_FORMAT", "id"),
    ],
)
async def test_bad_input_is_refused_at_its_field_and_changes_nothing(service, as_, sent, reason, field):
    with refused(reason, field=field.removeprefix("unit.")):
        await as_("admin").CreateUnit(unit={**UNIT, **sent})

    assert await count(service, Unit) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("state =", "FILTER_SYNTAX"),
        ('state = "NO_SUCH"', "FIELD_FORMAT"),
        ("nothing = 1", "FILTER_FIELD"),
        ("(state = ACTIVE", "FILTER_SYNTAX"),
        ("state = ACTIVE extra", "FILTER_SYNTAX"),
        ("factor = 1", "FILTER_FIELD"),
        ("create_time > yesterday", "FIELD_FORMAT"),
        ("(" * 40 + "state = ACTIVE" + ")" * 40, "FILTER_SYNTAX"),
        (" OR ".join(["state = ACTIVE"] * 100), "FILTER_SYNTAX"),
        ("'; DROP TABLE unit; --", "FILTER_SYNTAX"),
    ],
)
async def test_a_filter_that_cannot_be_read_is_refused(as_, text, reason):
    with refused(reason):
        await as_("admin").ListUnits(filter=text)


async def test_filters_search_order_and_pages_agree(as_):
    admin = as_("admin")
    for code, name in (("KG", "千克"), ("G", "克"), ("M", "米"), ("BOX", "盒")):
        await admin.CreateUnit(unit={"code": code, "name": name})

    async def codes(**query_of):
        return [unit.code for unit in (await admin.ListUnits(**query_of)).units]

    assert await codes(order_by="code desc") == ["M", "KG", "G", "BOX"]
    assert await codes(filter='code = "KG" OR name : "克"') == ["G", "KG"]
    assert await codes(filter='NOT code = "KG" AND code >= "G"') == ["G", "M"]
    assert await codes(search="qk") == ["KG"]
    first = await admin.ListUnits(page_size=3, summarize=True)
    assert (len(first.units), first.total_size) == (3, 4)
    second = await admin.ListUnits(page_size=3, page_token=first.next_page_token)
    assert [unit.code for unit in [*first.units, *second.units]] == ["BOX", "G", "KG", "M"]
    with refused("PAGE_TOKEN"):
        await admin.ListUnits(page_token=first.next_page_token, filter='code = "KG"')
    with refused("PAGE_TOKEN"):
        await admin.ListUnits(page_token="bm90aGluZw")


@given(st.text(max_size=60))
def test_any_text_is_a_filter_or_is_refused(text):
    try:
        query.where(plan_for(Item), text, lambda name, operator, raw: sa.true())
    except Refused as refusal:
        assert refusal.reason in {"FILTER_SYNTAX", "FILTER_FIELD", "FIELD_FORMAT"} | {"INVALID_REQUEST"}  # noqa: PT017


def test_a_refusal_travels_whole():
    refusal = Refused.fields([("lines[2].quantity", "FIELD_NOT_POSITIVE", {"value": "0"})])

    arrived = from_status(to_status(refusal))

    assert arrived is not None
    assert (arrived.reason, arrived.facts, arrived.violations) == (refusal.reason, refusal.facts, refusal.violations)


async def test_an_event_is_worked_on_once_however_often_it_comes(service):
    seen: list[str] = []

    async def react(event, call: Call) -> None:
        seen.append(event.unit.code)

    with reacting(service, react):
        event = pb.UnitCreated(unit={"code": "PCS"})
        key = uuid.uuid4()
        assert await service.deliver(event, times=5, event_id=key) == [True, False, False, False, False]
        again = uuid.uuid4()
        outcomes = await asyncio.gather(*(service.deliver(event, event_id=again) for _ in range(8)))

    assert sorted(worked for (worked,) in outcomes) == [False] * 7 + [True]
    assert seen == ["PCS", "PCS"]


async def test_an_event_that_only_a_later_release_reacts_to_waits_for_that_release(service):
    """Beside a later release, or rolled back from it: what this one does not know is not taken as done."""
    seen: list[str] = []

    async def react(event, call: Call) -> None:
        seen.append(event.unit.code)

    await came(service)
    await came(service, pb.UnitCreated(unit={"code": "PCS"}), pb.UnitCreated(unit={"code": "BOX"}))
    (first, *_) = waiting = await parked(service)
    assert len(waiting) == 3
    assert (first.subject, first.error) == (CREATED, f"NoReactionError: {CREATED}")
    assert await inbox.replay_requested(service.runtime) == 0

    with reacting(service, react):
        assert await inbox.replay_requested(service.runtime) == 3
        assert await inbox.replay_requested(service.runtime) == 0

    assert sorted(seen) == ["", "BOX", "PCS"]
    assert await parked(service) == []


@pytest.mark.parametrize(
    ("statement", "left"),
    [("SELECT 1/0", True), ("SELECT 'x'::int", True), ("SELECT FROM nowhere", True), ("SET heyi.x = 'y'", False)],
)
async def test_what_its_data_makes_impossible_is_parked_at_once(service, statement, left):
    async def react(_event, call: Call) -> None:
        await call.db.execute(sa.text(statement))

    with reacting(service, react):
        await came(service)

    assert [one.attempts for one in await parked(service)] == ([1] if left else [])


async def test_what_was_in_the_way_is_passing_and_not_parked(service):
    async def react(_event, call: Call) -> None:
        problem = sa.text("DO $$ BEGIN RAISE EXCEPTION 'in the way' USING ERRCODE = '40001'; END $$")
        await call.db.execute(problem)

    with reacting(service, react), pytest.raises(inbox.Passing):
        await service.deliver(pb.UnitCreated())


async def test_a_document_that_the_stream_would_never_take_is_refused_and_nothing_kept(service, as_):
    await as_("admin").CreateUnit(unit=UNIT)
    service.runtime.event_bytes, usual = 1_000, service.runtime.event_bytes
    try:
        with refused("DOCUMENT_TOO_LARGE") as refusal:
            await as_("admin").CreateUnit(unit={**UNIT, "code": "BOX", "name": "大箱" * 20})
    finally:
        service.runtime.event_bytes = usual

    assert int(refusal.value.facts["bytes"]) > int(refusal.value.facts["limit_bytes"]) == 1_000
    assert await count(service, Unit) == 1
    assert len(await service.events()) == 1


async def test_old_keys_and_events_are_thrown_away_but_nothing_that_is_still_to_be_published(service, as_):
    await as_("admin").CreateUnit(unit=UNIT)
    await as_("admin").CreateUnit(unit={**UNIT, "code": "BOX"})
    outbox = service.runtime.tables.outbox
    first = sa.select(outbox.c.event_id).order_by(outbox.c.event_id).limit(1).scalar_subquery()
    async with service.runtime.engine.begin() as connection:
        await connection.execute(outbox.update().where(outbox.c.event_id == first).values(published_at=sa.func.now()))

    service.clock.advance(days=31)
    gone = await housekeeping.tidy(service.runtime)

    assert gone == 3  # two keys, one event
    assert len(await service.events()) == 1
    assert await housekeeping.tidy(service.runtime) == 0


def test_what_failed_rests_longer_each_time():
    assert [inbox.seconds_before_retry(n) for n in (1, 2, 3, 4, 5, 6, 99)] == [1, 5, 30, 120, 600, 600, 600]
