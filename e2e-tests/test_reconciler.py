"""The reconciler finds nothing in sound books, and each kind of damage that it says it looks for."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from factory import Factory
from test_exactly_once import ordered
from wire import wire

from chassis import audit_seals, contract, migrate
from chassis.service import find
from chassis.testing import eventually
from heyi.identity.v1 import consistency_runs_pb2 as pb
from reconciler.across import HEARS
from reconciler.record import as_result
from reconciler.report import DATABASES, TITLES
from reconciler.run import NAMES, reconcile
from reconciler.serve import Watched, hour_of, last_due

# invariant -> where and how the books are damaged, as their owner
DAMAGE = {
    # to nobody's subject: what could be published the relay mends within half a second
    "every_event_is_published": (
        "approval",
        "INSERT INTO outbox (event_id, aggregate_type, aggregate_id, version, subject, payload, headers, created_at) "
        "SELECT gen_random_uuid(), aggregate_type, aggregate_id, version, 'lost.' || subject, payload, headers, "
        "created_at FROM outbox LIMIT 1",
    ),
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
    "a_sealed_entry_is_as_it_was": ("procurement", "UPDATE audit_entry SET actor_id = NULL"),
    "the_seals_are_one_chain": ("approval", "UPDATE audit_seal SET hash = sha256('')"),
    "an_old_entry_is_sealed": (
        "identity",
        "INSERT INTO audit_entry (id, method, outcome, recorded_at) SELECT gen_random_uuid(), 'x', 'done', "
        "now() - interval '1 hour'",
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
    "a_timer_runs_when_it_is_due": (
        "approval",
        "INSERT INTO timer (id, company_id, due_time, handler, subject_id, part_id, facts) "
        "SELECT gen_random_uuid(), company_id, '2026-11-23', 'turn', id, id, '{}' FROM approval_case "
        "WHERE state = 'RUNNING'",
    ),
    "a_timer_belongs_to_a_live_case": (
        "approval",
        "INSERT INTO timer (id, company_id, due_time, handler, subject_id, part_id, facts) "
        "SELECT gen_random_uuid(), company_id, '2126-11-23', 'turn', id, id, '{}' FROM approval_case "
        "WHERE state = 'APPROVED'",
    ),
    "a_parked_case_says_why": ("approval", "UPDATE approval_case SET state = 'PARKED'"),
    "an_open_task_belongs_to_a_live_case": ("approval", "UPDATE approval_case SET state = 'APPROVED'"),
    "a_task_is_decided_once": (
        "approval",
        "INSERT INTO audit_change SELECT gen_random_uuid(), entry_id, document_type, document_id, version, changes "
        "FROM audit_change",
    ),
    "an_office_request_is_as_its_case_says": (
        "approval",
        "WITH form AS (INSERT INTO form_definition (id, version, company_id, state, code, name, name_en, group_name, "
        "description, fields, sections, department_ids, role_codes, amount_key, summary_keys, approver_keys, "
        "number_prefix, published_version, draft_differs, published_kinds) SELECT gen_random_uuid(), 1, company_id, "
        "'PUBLISHED', 'lost', '丢失', '', '', '', '[]', '[]', '{}', '{}', '', '{}', '{}', 'DS', 1, false, '{}' "
        "FROM approval_case LIMIT 1 RETURNING id, company_id) INSERT INTO office_request (id, version, company_id, "
        "number, state, owner_id, department_id, form_id, form_version, form_code, form_name, title, values, amount, "
        "currency, content_hash, submission, waiting_on_ids, case_id, case_version, amendment_id, outcome_note) "
        "SELECT id, 1, company_id, 'DS-1', 'SUBMITTED', id, id, id, 1, 'lost', '丢失', '丢失', '{}', 0, '', '', 1, "
        "'{}', '', 0, '', '' FROM form",
    ),
    "an_account_is_in_step": ("identity", "UPDATE account SET wanted = done + 1"),
    "every_event_was_heard": ("procurement", "DELETE FROM inbox"),
    "nothing_was_heard_that_nobody_said": ("approval", "DELETE FROM outbox"),
    "case_and_requisition_agree": ("procurement", "UPDATE purchase_requisition SET state = 'REJECTED'"),
    "copies_equal_their_originals": ("inventory", "UPDATE item SET version = version + 1"),
    "what_is_used_is_the_sum_of_its_files": ("documents", "UPDATE store_usage SET used_bytes = 1"),
    "every_file_is_in_the_store": ("documents", "UPDATE attachment SET size_bytes = 6"),
}


@pytest.fixture(scope="module")
async def books(tmp_path_factory):
    """One requisition that became an order, one that waits for its first approver."""
    with pytest.MonkeyPatch.context() as environment:
        async with wire("identity", "inventory", "procurement", "approval", "documents") as line:
            factory = await Factory(line).build()
            requisition = await factory.submitted()
            await factory.approve(requisition, "head")
            await factory.approve(requisition, "boss")
            await eventually(lambda: ordered(factory, requisition))
            waiting = await factory.submitted()
            await eventually(lambda: has_case(line, waiting))
            for name in DATABASES:
                await audit_seals.seal(line.benches[name].runtime, settles_seconds=0)
            # nobody keeps Keycloak in step on this bench
            identity = migrate.owner_engine(line.identity.owner_url)
            async with identity.begin() as connection:
                await connection.execute(sa.text("UPDATE account SET done = wanted"))
            await identity.dispose()
            await attached(line.benches["documents"].owner_url, tmp_path_factory.mktemp("store"), environment)
            for name in DATABASES:
                owner = line.benches[name].owner_url
                environment.setenv(f"HEYI_{name.upper()}_RO_DATABASE_URL", owner.replace("_owner@", "_ro@"))
            yield line


async def attached(owner_url, store, environment):
    """A file of five bytes in the store, its row, its outbox entry and a stored reply."""
    environment.setenv("HEYI_DOCUMENTS_STORE", str(store))
    blob = uuid.uuid4()
    path = store / "blobs" / blob.hex[:2] / blob.hex
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")
    owner = migrate.owner_engine(owner_url)
    async with owner.begin() as connection:
        ids = {"id": uuid.uuid4(), "blob": blob, "who": uuid.uuid4(), "company": uuid.uuid4()}
        await connection.execute(
            sa.text(
                "INSERT INTO attachment (id, version, state, added_by_id, name, description, document_type, "
                "document_id, document_title, part_id, size_bytes, received_bytes, media_type, sha256, refusal, blob, "
                "charged_company_id, touched_at) VALUES (:id, 1, 'READY', :who, 'plan.pdf', '', 'inventory.unit', "
                ":id, '', '', 5, 5, 'application/pdf', '', '', :blob, :company, '2026-11-23')"
            ),
            ids,
        )
        for who in ("who", "company"):
            await connection.execute(sa.text(f"INSERT INTO store_usage VALUES (:{who}, 5)"), ids)
    await owner.dispose()


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
    assert set(NAMES) == DAMAGE.keys()


def test_what_a_service_acts_on_is_looked_for_among_what_it_heard():
    """The list of who must have heard what is kept apart from what the services declare: here the two are compared."""
    for name in DATABASES:
        acts_on = {s for reaction in find(name).reactions_list for s in reaction.subjects}
        patterns = HEARS.get(name, {})
        every = contract.load().events
        heard = {s for s in every if s.split(".")[1] in patterns and re.search(patterns[s.split(".")[1]], s)}
        assert heard == acts_on


def test_the_contract_names_each_invariant():
    assert [name.lower() for name in pb.ConsistencyRun.Invariant.keys()[1:]] == list(NAMES)


# one rule looks at several things, each with a sentence of its own
OF_THE_CASES = {
    "no_such_requisition", "case_disagrees", "another_case", "not_what_was_agreed", "not_what_is_shown", "no_case",
}  # fmt: skip


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_each_finding_cause_and_next_step_has_its_sentence(locale):
    catalog = Path(__file__).parent.parent / "proto" / "labels" / locale / "identity.yaml"
    messages = yaml.safe_load(catalog.read_text("utf-8"))["messages"]
    causes = {"waits", "parked", "written", "unknown"}

    whats = {key.removeprefix("consistency.what.") for key in messages if key.startswith("consistency.what.")}
    assert whats == set(NAMES) - {"case_and_requisition_agree"} | OF_THE_CASES | {"intent"}
    assert {f"consistency.cause.{cause}" for cause in causes} <= messages.keys()
    assert {f"consistency.next.{cause}" for cause in causes} <= messages.keys()


NIGHT = datetime.datetime(2026, 11, 26, 18, 30, tzinfo=datetime.UTC)  # 02:30 of the 27th in Shanghai
MINUTE, DAY = datetime.timedelta(minutes=1), datetime.timedelta(days=1)


@pytest.mark.parametrize(("now", "due"), [(NIGHT, NIGHT), (NIGHT - MINUTE, NIGHT - DAY), (NIGHT + DAY - MINUTE, NIGHT)])
def test_a_night_s_run_is_due_at_its_hour_in_shanghai(now, due):
    assert last_due(now, hour_of("02:30")) == due


@pytest.mark.parametrize("text", ["2:30", "25:00", "02:60", "night", "02:30:00", ""])
def test_an_hour_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="HEYI_RECONCILER_AT"):
        hour_of(text)


async def test_sound_books_have_no_findings(books):
    async def sound():
        outcomes = await reconcile(settled_seconds=0)
        assert {o.name for o in outcomes} == DAMAGE.keys()
        assert {o.name: [str(f.what) for f in o.findings] for o in outcomes if o.findings} == {}
        return outcomes

    # what was published is marked a moment later
    outcomes = await eventually(sound)
    assert [o.name for o in outcomes if o.rows == 0] == [
        "a_line_in_the_pool_has_its_task",
        "an_office_request_is_as_its_case_says",
    ]


@pytest.mark.parametrize("invariant", DAMAGE)
async def test_damage_is_found(books, damaged, invariant):
    name, statement = DAMAGE[invariant]
    assert await damaged(name, statement) > 0

    found = {outcome.name: outcome.findings for outcome in await reconcile(settled_seconds=0)}

    assert found[invariant], [name for name, findings in found.items() if findings]
    first = found[invariant][0]
    assert first.cause
    assert "{" not in f"{first.what} {first.cause}", "a fact is missing"
    # what is a document has its name for people
    assert bool(first.title) == (first.document in TITLES), first


async def while_lost(books, look):
    """Look while the outcome of the approval is not published: the relay mends that within half a second."""
    owner = migrate.owner_engine(books.approval.owner_url)
    lose = sa.text("UPDATE outbox SET published_at = NULL WHERE subject = 'evt.approval.case.approved'")

    async def once():
        async with owner.begin() as connection:
            await connection.execute(lose)
        look({outcome.name: outcome.findings for outcome in await reconcile(settled_seconds=0)})

    await eventually(once)
    await owner.dispose()


async def test_the_first_cause_is_the_event_that_stopped(books, damaged):
    await damaged("approval", "UPDATE outbox SET published_at = NULL WHERE subject = 'evt.approval.case.approved'")

    def look(found):
        assert found["every_event_is_published"]
        cause = found["every_event_is_published"][0].cause
        facts = (cause.key, cause.facts["subject"], cause.facts["service"])
        assert facts == ("waits", "evt.approval.case.approved", "approval")

    await while_lost(books, look)


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


async def test_a_finding_is_recorded_with_what_a_page_needs(books, damaged):
    await damaged("procurement", "UPDATE purchase_order_line SET tax_amount = 0")
    outcomes = await reconcile(settled_seconds=0)

    reconciler = books.identity.as_service("reconciler", company=None)
    begun = await reconciler.StartConsistencyRun(invariant_count=len(NAMES))
    ended = await reconciler.RecordConsistencyRun(pb.RecordConsistencyRunRequest(id=begun.id, **as_result(outcomes)))

    assert (ended.state, len(ended.results)) == (pb.ConsistencyRun.FINDINGS, len(NAMES))
    [finding] = ended.findings
    assert (finding.document_type, finding.service) == ("procurement.purchase_order", "procurement")
    assert finding.document_title.startswith("PO-")
    assert finding.document_company_id
    assert finding.what_facts["stored"] != finding.what_facts["sum"]
    assert finding.cause_key == "written"
    assert finding.cause_facts["method"] == "evt.approval.case.approved"


async def test_a_lost_event_is_the_first_cause_of_what_it_left_behind(books, damaged):
    """The requisition's own events were all heard: its case's was not."""
    await damaged("procurement", "UPDATE purchase_requisition SET state = 'SUBMITTED' WHERE state = 'ORDERED'")

    def look(found):
        [finding] = found["case_and_requisition_agree"]
        assert (finding.what.key, finding.cause.key) == ("case_disagrees", "waits")
        assert finding.cause.facts["subject"] == "evt.approval.case.approved"

    await while_lost(books, look)


async def test_a_key_that_only_looks_like_an_id_breaks_nothing(books, damaged):
    """Clients choose their keys: 36 characters were taken for an id, and the run ended there."""
    key = "key = repeat('x', 32) || substr(md5(key), 1, 4)"
    await damaged("procurement", f"UPDATE idempotency SET response = NULL, created_at = '2026-11-23', {key}")

    found = {outcome.name: outcome.findings for outcome in await reconcile(settled_seconds=0)}
    assert found["every_committed_key_has_its_reply"][0].cause.key == "unknown"


async def test_the_waiting_process_sees_who_asks_and_which_night_is_owed(books):
    owner = migrate.owner_engine(books.identity.owner_url)

    async def change(statement):
        async with owner.begin() as connection:
            await connection.execute(sa.text(statement))

    now = datetime.datetime.now(datetime.UTC)
    passed = (now - MINUTE).astimezone(datetime.timezone(datetime.timedelta(hours=8))).time().replace(second=0)
    watched = Watched(books.identity.owner_url.replace("_owner@", "_ro@"))
    await change("DELETE FROM consistency_run")
    await change("UPDATE employee SET created_at = now()")
    assert not await watched.due(passed), "made after this night's hour"
    await change("UPDATE employee SET created_at = now() - interval '2 days'")
    assert await watched.due(passed), "no night was looked at yet"
    reconciler = books.identity.as_service("reconciler", company=None)
    await reconciler.StartConsistencyRun(invariant_count=1)
    await change("UPDATE consistency_run SET start_time = now(), state = 'AGREED'")
    assert not await watched.due(passed), "looked at since"
    await reconciler.StartConsistencyRun(invariant_count=1)
    await change("UPDATE consistency_run SET state = 'REQUESTED' WHERE state = 'RUNNING'")
    assert await watched.due(passed), "somebody asks"
    await change("DELETE FROM consistency_run")
    await watched.close()
    await owner.dispose()
