"""The reconciler finds nothing in sound books, and each kind of damage that it says it looks for."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from factory import Factory
from test_exactly_once import ordered
from wire import wire

from chassis import migrate
from chassis.testing import eventually
from reconciler.report import DATABASES
from reconciler.run import reconcile
from reconciler.within import INVARIANTS

# invariant -> where and how the books are damaged, as their owner
DAMAGE = {
    "every_event_is_published": ("approval", "UPDATE outbox SET published_at = NULL"),
    "no_event_is_parked": (
        "procurement",
        "INSERT INTO parked_event (id, consumer, event_id, subject, aggregate_id, payload, headers, error, attempts, "
        "first_at) SELECT gen_random_uuid(), 'procurement', event_id, 'evt.x', '', '', '{}', 'ValueError: no', 1, "
        "'2026-11-23' FROM inbox LIMIT 1",
    ),
    "every_committed_key_has_its_reply": (
        "procurement",
        "UPDATE idempotency SET response = NULL, created_at = '2026-11-23'",
    ),
    "purchase_requisition_totals_are_the_sums_of_its_lines": (
        "procurement",
        "UPDATE purchase_requisition SET amount = 1",
    ),
    "purchase_order_totals_are_the_sums_of_its_lines": ("procurement", "UPDATE purchase_order_line SET tax_amount = 0"),
    "ordered_percent_is_the_share_of_ordered_lines": (
        "procurement",
        "UPDATE purchase_requisition SET ordered_percent = 99",
    ),
    "an_ordered_line_stands_in_exactly_one_order_line": (
        "procurement",
        "UPDATE purchase_order_line_source SET active = false",
    ),
    "an_order_line_and_its_requisition_line_name_each_other": (
        "procurement",
        "UPDATE purchase_requisition_line SET order_line_id = NULL",
    ),
    "a_line_in_the_pool_has_its_task": ("procurement", "UPDATE purchase_requisition_line SET state = 'IN_POOL'"),
    "an_agreed_requisition_is_settled": ("procurement", "UPDATE purchase_requisition_line SET state = 'OPEN'"),
    "numbers_are_unique": (
        "procurement",
        "UPDATE purchase_order o SET number = r.number FROM purchase_requisition r WHERE r.state = 'ORDERED'",
    ),
    "no_number_is_beyond_its_counter": ("procurement", "UPDATE number_series SET last = 0"),
    "a_running_case_has_an_open_task": ("approval", "UPDATE task SET state = 'SKIPPED' WHERE state = 'OPEN'"),
    "a_parked_case_says_why": ("approval", "UPDATE approval_case SET state = 'PARKED'"),
    "an_open_task_belongs_to_a_live_case": ("approval", "UPDATE approval_case SET state = 'APPROVED'"),
    "a_task_is_decided_once": (
        "approval",
        "INSERT INTO audit_change SELECT gen_random_uuid(), entry_id, document_type, document_id, version, changes "
        "FROM audit_change",
    ),
    "an_account_is_in_step": ("identity", "UPDATE account SET wanted = done + 1"),
    "every_event_was_heard": ("procurement", "DELETE FROM inbox"),
    "nothing_was_heard_that_nobody_said": ("approval", "DELETE FROM outbox"),
    "case_and_requisition_agree": ("procurement", "UPDATE purchase_requisition SET state = 'REJECTED'"),
    "copies_equal_their_originals": ("inventory", "UPDATE item SET version = version + 1"),
}


@pytest.fixture(scope="module")
async def books():
    """One requisition that became an order, one that waits for its first approver."""
    with pytest.MonkeyPatch.context() as environment:
        async with wire("identity", "inventory", "procurement", "approval") as line:
            factory = await Factory(line).build()
            requisition = await factory.submitted()
            await factory.approve(requisition, "head")
            await factory.approve(requisition, "boss")
            await eventually(lambda: ordered(factory, requisition))
            waiting = await factory.submitted()
            await eventually(lambda: has_case(line, waiting))
            # nobody keeps Keycloak in step on this bench
            identity = migrate.owner_engine(line.identity.owner_url)
            async with identity.begin() as connection:
                await connection.execute(sa.text("UPDATE account SET done = wanted"))
            await identity.dispose()
            for name in DATABASES:
                owner = line.benches[name].owner_url
                environment.setenv(f"HEYI_{name.upper()}_RO_DATABASE_URL", owner.replace("_owner@", "_ro@"))
            yield line


async def has_case(line, requisition):
    assert (
        await line.approval.as_("head").ListTasks(filter=f'state = "OPEN" AND document_id = "{requisition.id}"')
    ).tasks


@pytest.fixture
async def damaged(books):
    """Do something to a database, and take it back: every row of it is written down before."""
    undo = []

    async def damage(name, statement):
        owner = migrate.owner_engine(books.benches[name].owner_url)
        undo.append(owner)
        async with owner.begin() as connection:
            await connection.execute(sa.text("CREATE SCHEMA kept"))
            tables = books.benches[name].service.base.metadata.sorted_tables
            for table in tables:
                await connection.execute(sa.text(f"CREATE TABLE kept.{table.name} AS TABLE public.{table.name}"))
            return (await connection.execute(sa.text(statement))).rowcount

    yield damage
    for owner in undo:
        async with owner.begin() as connection:
            tables = [
                t.name
                for t in books.benches[owner.url.username.removesuffix("_owner")].service.base.metadata.sorted_tables
            ]
            await connection.execute(sa.text(f"TRUNCATE {', '.join(tables)} CASCADE"))
            for name in tables:
                await connection.execute(sa.text(f"INSERT INTO public.{name} SELECT * FROM kept.{name}"))
            await connection.execute(sa.text("DROP SCHEMA kept CASCADE"))
        await owner.dispose()


def test_each_invariant_has_a_damage_that_it_finds():
    assert {invariant.name for invariant in INVARIANTS} <= DAMAGE.keys()


async def test_sound_books_have_no_findings(books):
    async def sound():
        outcomes = await reconcile(settled_seconds=0)
        assert {o.name for o in outcomes} == DAMAGE.keys()
        assert {o.name: [f.what for f in o.findings] for o in outcomes if o.findings} == {}
        return outcomes

    # what was published is marked a moment later
    outcomes = await eventually(sound)
    assert [o.name for o in outcomes if o.rows == 0] == ["a_line_in_the_pool_has_its_task"]


@pytest.mark.parametrize("invariant", DAMAGE)
async def test_damage_is_found(books, damaged, invariant):
    name, statement = DAMAGE[invariant]
    assert await damaged(name, statement) > 0

    found = {outcome.name: outcome.findings for outcome in await reconcile(settled_seconds=0)}

    assert found[invariant], [name for name, findings in found.items() if findings]
    assert found[invariant][0].cause or len(found[invariant][0].document_id) != 36


async def test_the_first_cause_is_the_event_that_stopped(books, damaged):
    await damaged(
        "approval",
        "UPDATE outbox SET published_at = NULL WHERE subject = 'evt.approval.case.approved'",
    )
    found = {outcome.name: outcome.findings for outcome in await reconcile(settled_seconds=0)}
    assert found["every_event_is_published"][0].cause == "evt.approval.case.approved waits in the outbox of approval"


async def test_intents_are_held_against_the_books(books):
    title = "轴承补货"
    begun = [
        {"key": key, "database": "procurement", "method": "CreatePurchaseRequisition", "effect": ["requisition", value]}
        for key, value in (("never-arrived", "nowhere"), ("says-it-was-done", "nowhere else"), ("refused", title))
    ]
    ended = [{"key": "says-it-was-done", "outcome": "ok"}, {"key": "refused", "outcome": "refused"}]

    found = {
        outcome.name: outcome for outcome in await reconcile(settled_seconds=0, log=[*map(json.dumps, begun + ended)])
    }

    assert [f.document_id for f in found["an_acknowledged_intent_is_there_once"].findings] == ["says-it-was-done"]
    assert [f.document_id for f in found["a_refused_intent_left_nothing"].findings] == ["refused"]
    assert (
        found["an_unknown_intent_is_there_at_most_once"].rows,
        found["an_unknown_intent_is_there_at_most_once"].findings,
    ) == (1, [])
