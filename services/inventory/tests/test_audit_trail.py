"""The trail, told by the service that keeps it: who changed, was shown, exported, was refused; and who may know."""

from __future__ import annotations

import datetime

import pytest
import sqlalchemy as sa

from chassis import audit_retention, audit_seals, contract, migrate
from chassis.runtime import Envelope
from chassis.testing import COMPANY, OTHER_COMPANY, build, refused, stable
from heyi.platform.v1 import audit_pb2 as pb
from reconciler.within import INVARIANTS

ADDRESS = "203.0.113.7"
KINDS = pb.AuditEntry.Kind
CREATE, LIST = "heyi.inventory.v1.Units/CreateUnit", "heyi.inventory.v1.Units/ListUnits"


@pytest.fixture(autouse=True)
def _auditor(service):
    service.revoke("stranger")
    service.grant("stranger", ["platform.audit_entry.*"], "COMPANY", company=COMPANY, role="auditor")


async def call(service, who, method_name, *, exporting=False, company="", **fields):
    """A call as it comes through the door: with an address, perhaps for a file."""
    method = contract.load().methods[method_name]
    envelope = Envelope(
        token=service.issuer.person(stable(who)), key=f"key-{next(service.keys):08d}", company=str(company),
        ip_address=ADDRESS, exporting=exporting,
    )  # fmt: skip
    return (await service.runtime.invoke(method, build(method.request, fields), envelope)).message


async def unit(service, code="KG", who="admin", **more):
    return await call(service, who, CREATE, unit={"code": code, "name": "千克", **more})


async def trail(service, who="stranger", **fields):
    reply = await service.as_(who).ListAuditEntries(**fields)
    return list(reply.entries)


async def test_a_change_says_who_when_from_where_and_what_was_before(service, as_):
    made = await unit(service)
    await as_("admin").UpdateUnit(unit={"id": made.id, "etag": made.etag, "name": "公斤"}, update_mask="name")

    changed, created = await trail(service, kinds=[KINDS.CHANGED])

    assert (created.actor_id, created.ip_address) == (str(stable("admin")), ADDRESS)
    assert (created.document_type, created.document_id) == ("inventory.unit", made.id)
    assert created.document_title == changed.document_title == "KG 公斤"
    assert created.outcome == pb.AuditEntry.DONE
    opened = await as_("stranger").GetAuditEntry(id=changed.id)
    (document,) = opened.documents
    assert [(one.field, one.before, one.after) for one in document.changes] == [("name", '"千克"', '"公斤"')]


async def test_a_refusal_stands_there_with_its_reason(service, as_):
    with refused("PERMISSION_MISSING"):
        await unit(service, who="stranger")

    (entry,) = await trail(service, outcome=pb.AuditEntry.REFUSED)

    assert (entry.actor_id, entry.reason) == (str(stable("stranger")), "PERMISSION_MISSING")
    opened = await as_("stranger").GetAuditEntry(id=entry.id)
    assert opened.facts["permission"] == "inventory.unit.create"


async def test_an_export_names_what_it_took_out_and_a_look_leaves_nothing(service):
    made = [await unit(service, code) for code in ("KG", "PC")]
    await call(service, "admin", LIST, filter='code = "KG"')
    await call(service, "admin", LIST, exporting=True)

    (entry,) = await trail(service, document_type="inventory.unit", kinds=[KINDS.EXPORTED, KINDS.READ])

    assert (entry.kind, entry.document_count, entry.method) == (KINDS.EXPORTED, 2, LIST)
    assert [one.id for one in await trail(service, document=made[1].id, kinds=[KINDS.EXPORTED])] == [entry.id]
    assert await trail(service, document="pc", kinds=[KINDS.EXPORTED]) == [entry]


async def test_looking_at_the_trail_is_in_the_trail(service):
    await trail(service, trace_id="0" * 32)
    await trail(service, ip_address=ADDRESS)
    await unit(service)
    await trail(service)

    first, *_ = await trail(service, kinds=[KINDS.READ])

    assert (first.actor_id, first.document_type) == (str(stable("stranger")), "platform.audit_entry")
    assert first.method.endswith("Audit/ListAuditEntries")


FILTERS = [
    {"actor_id": str(stable("admin"))},
    {"company_id": str(COMPANY)},
    {"kinds": [KINDS.CHANGED]},
    {"outcome": pb.AuditEntry.DONE},
    {"document_type": "inventory.unit"},
    {"document": "kg"},
    {"ip_address": ADDRESS},
    {"start_time": "2026-11-23T00:59:59Z", "end_time": "2026-11-23T01:00:01Z"},
]
NOBODY = [
    {"actor_id": str(stable("buyer"))},
    {"on_behalf_id": str(stable("buyer"))},
    {"company_id": str(OTHER_COMPANY)},
    {"kinds": [KINDS.PRINTED]},
    {"outcome": pb.AuditEntry.REFUSED},
    {"document_type": "inventory.item"},
    {"document": "PC"},
    {"ip_address": "203.0.113.8"},
    {"acting_service": "approval"},
    {"trace_id": "f" * 32},
    {"end_time": "2026-11-23T01:00:00Z"},
]


@pytest.mark.parametrize("asked", FILTERS, ids=str)
async def test_a_filter_finds(service, asked):
    await unit(service)
    assert len(await trail(service, **asked)) == 1


@pytest.mark.parametrize("asked", NOBODY, ids=str)
async def test_a_filter_leaves_out(service, asked):
    await unit(service)
    assert await trail(service, **asked) == []


async def test_pages_follow_each_other_though_all_stand_at_one_instant(service, as_):
    for number in range(7):
        await unit(service, f"U{number}")
    seen, token = [], ""
    for _ in range(4):
        page = await as_("stranger").ListAuditEntries(page_size=2, page_token=token, kinds=[KINDS.CHANGED])
        seen += [entry.id for entry in page.entries]
        token = page.next_page_token
    assert (len(seen), len(set(seen)), token) == (7, 7, "")
    assert seen == sorted(seen, reverse=True)


async def test_a_kind_or_an_outcome_that_there_is_none_of_is_refused(as_):
    for asked in ({"kinds": [8191]}, {"outcome": 99}):
        with refused("FIELD_TYPE", field=next(iter(asked))):
            await as_("stranger").ListAuditEntries(**asked)


@pytest.mark.parametrize("token", ["x", "2026-11-23_" + "0" * 36, "_", "2026-11-23T00:00:00+00:00_x' OR 1=1 --"])
async def test_a_token_that_is_none_is_refused(as_, token):
    with refused("PAGE_TOKEN"):
        await as_("stranger").ListAuditEntries(page_token=token)


HOSTILE = ["' OR '1'='1", "%", "_", "\\", "); DROP TABLE audit_entry; --", "=HYPERLINK(1)", "𝒦"]


@pytest.mark.parametrize("words", HOSTILE)
async def test_words_of_an_attacker_are_only_words(service, words):
    await unit(service)
    for name in ("document", "ip_address", "trace_id", "acting_service", "document_type"):
        assert await trail(service, **{name: words[:30]}) == []
    for name in ("actor_id", "on_behalf_id", "company_id"):
        with refused("FIELD_FORMAT", field=name):
            await trail(service, **{name: words})


async def test_an_auditor_of_a_company_sees_its_entries_and_no_other_company_s(service):
    await unit(service)
    await call(service, "admin", CREATE, company=OTHER_COMPANY, unit={"code": "L", "name": "升"})

    assert [entry.company_id for entry in await trail(service, kinds=[KINDS.CHANGED])] == [str(COMPANY)]
    assert await trail(service, company_id=str(OTHER_COMPANY)) == []
    everywhere = await trail(service, who="admin", kinds=[KINDS.CHANGED])
    assert {entry.company_id for entry in everywhere} == {str(COMPANY), str(OTHER_COMPANY)}


async def test_an_auditor_of_a_company_opens_no_other_company_s_entry(service, as_):
    await call(service, "admin", CREATE, company=OTHER_COMPANY, unit={"code": "L", "name": "升"})
    (entry,) = await trail(service, who="admin", kinds=[KINDS.CHANGED])
    with refused("DOCUMENT_NOT_FOUND"):
        await as_("stranger").GetAuditEntry(id=entry.id)


async def test_with_a_narrow_grant_one_sees_what_one_did(service):
    service.revoke("stranger")
    service.grant("stranger", ["platform.audit_entry.list", "inventory.unit.*"], "OWN")
    await unit(service)
    mine = await unit(service, "PC", who="stranger")
    assert [entry.document_id for entry in await trail(service, kinds=[KINDS.CHANGED])] == [mine.id]


async def test_who_holds_no_such_right_sees_nothing(service):
    service.revoke("stranger")
    with refused("PERMISSION_MISSING"):
        await trail(service)


async def test_a_page_costs_the_same_whatever_it_holds(service):
    await unit(service, "U0")
    with service.statements() as few:
        await trail(service)
    for number in range(1, 20):
        await unit(service, f"U{number}")
    with service.statements() as many:
        await trail(service)
    assert len(many) == len(few)


async def test_the_page_says_how_long_entries_are_kept(as_):
    reply = await as_("stranger").ListAuditEntries()
    days = {KINDS.Name(one.kind): one.days for one in reply.retentions}
    assert days == dict(audit_retention.DEFAULT_DAYS)


# ---- kept, and kept as it was


async def as_owner(service, statement, **values):
    owner = migrate.owner_engine(service.owner_url)
    async with owner.begin() as connection:
        await connection.execute(sa.text(statement), values)
    await owner.dispose()


@pytest.mark.parametrize("table", ["audit_entry", "audit_change", "audit_seal", "audit_expiry"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
async def test_the_service_s_own_role_cannot_change_the_trail(service, table, verb):
    column = {"audit_seal": "number", "audit_expiry": "kind"}.get(table, "id")
    with pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        async with service.runtime.sessions() as session, session.begin():
            await session.execute(sa.text(verb.format(table, column, column)))


async def age(service, days):
    """Let the database believe that its entries are so old; as the owner, and before they are sealed."""
    moved = "at = at - make_interval(days => :d), recorded_at = recorded_at - make_interval(days => :d)"
    await as_owner(service, f"UPDATE audit_entry SET {moved}", d=days)


async def test_what_is_over_goes_and_nothing_that_the_law_keeps(service):
    await unit(service)
    await call(service, "admin", LIST, exporting=True)
    await trail(service)
    await age(service, 200)
    asked = {"now": service.clock.now()}
    async with service.runtime.sessions() as session, session.begin():
        gone = [
            (await session.execute(sa.text(f"SELECT audit_expire('{kind}', :now, 100)"), asked)).scalar_one()
            for kind in audit_retention.DEFAULT_DAYS
        ]
    # only who was shown what: half a year is over; the rest is kept for ten years, whoever asks
    assert dict(zip(audit_retention.DEFAULT_DAYS, gone, strict=True)) == {
        kind: int(kind == "READ") for kind in audit_retention.DEFAULT_DAYS
    }
    assert {entry.kind for entry in await service.audit()} == {"CHANGED", "EXPORTED"}


async def test_by_the_settings_entries_go_when_their_time_is_over(service):
    await unit(service)
    await trail(service)
    await age(service, 1_000)
    assert await audit_retention.expire(service.runtime) == 0
    await age(service, 103)
    assert await audit_retention.expire(service.runtime) == 1
    assert await audit_retention.expire(service.runtime) == 0


def test_settings_cannot_say_less_than_the_law():
    assert audit_retention.days_of("READ=183, CHANGED=3653")["READ"] == 183
    for text in ("READ=182", "CHANGED=3652", "RIGHTS_CHANGED=1", "NEVER=1000", "READ=ever"):
        with pytest.raises(ValueError, match=r"\w"):
            audit_retention.days_of(text)


async def findings(service):
    """What the nightly check would find in the seals."""
    found = {}
    async with service.runtime.engine.connect() as connection:
        for invariant in INVARIANTS:
            if invariant.name.startswith(("a_sealed_", "the_seals_", "an_old_")):
                rows = (await connection.exec_driver_sql(invariant.broken)).all()
                found[invariant.name] = [str(row.id) for row in rows]
    return {name: rows for name, rows in found.items() if rows}


async def sealed(service, count=3):
    for number in range(count):
        await unit(service, f"U{number}")
    assert await audit_seals.seal(service.runtime, settles_seconds=0) == count
    return [str(entry.id) for entry in await service.audit()]


async def test_a_sound_trail_has_no_findings_and_is_sealed_once(service):
    await sealed(service)
    assert await audit_seals.seal(service.runtime, settles_seconds=0) == 0
    await unit(service, "LATER")
    assert await audit_seals.seal(service.runtime, settles_seconds=0) == 1
    assert await findings(service) == {}


async def test_what_may_still_be_committed_beside_is_not_sealed(service):
    await unit(service)
    assert await audit_seals.seal(service.runtime) == 0


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit_entry SET actor_id = NULL WHERE id = '{}'",
        "UPDATE audit_entry SET at = at + interval '1 second' WHERE id = '{}'",
        "UPDATE audit_change SET changes = '[]' WHERE entry_id = '{}'",
        "DELETE FROM audit_change WHERE entry_id = '{}'",
        "DELETE FROM audit_change WHERE entry_id = '{0}'; DELETE FROM audit_entry WHERE id = '{0}'",
    ],
)
async def test_an_entry_that_was_altered_or_removed_is_found(service, harm):
    _, victim, _ = await sealed(service)
    for statement in harm.format(victim).split(";"):
        await as_owner(service, statement)
    assert await findings(service) == {"a_sealed_entry_is_as_it_was": [victim]}


async def test_an_entry_that_was_put_in_afterwards_is_found(service):
    await sealed(service)
    forged = "INSERT INTO audit_entry (id, method, outcome, recorded_at) VALUES (gen_random_uuid(), 'x', 'done', :at)"
    await as_owner(service, forged, at=datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1))
    assert await audit_seals.seal(service.runtime, settles_seconds=0) == 0
    assert list(await findings(service)) == ["an_old_entry_is_sealed"]


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE audit_seal SET hash = sha256('x') WHERE number = 2",
        "UPDATE audit_seal SET entry_hashes[1] = sha256('x') WHERE number = 2",
        "UPDATE audit_seal SET kinds[1] = 'READ' WHERE number = 2",
        "UPDATE audit_seal SET day = day - 1 WHERE number = 2",
        "DELETE FROM audit_seal WHERE number = 2",
    ],
)
async def test_a_seal_that_was_altered_or_removed_is_found(service, harm):
    for number in range(3):
        await unit(service, f"V{number}")
        await audit_seals.seal(service.runtime, settles_seconds=0)
    await as_owner(service, harm)
    assert "the_seals_are_one_chain" in await findings(service)


async def test_what_went_when_its_time_was_over_is_no_finding(service):
    await trail(service, who="admin")
    await unit(service)
    await trail(service)
    await age(service, 1_200)
    assert await audit_seals.seal(service.runtime, settles_seconds=0) == 2
    assert await audit_retention.expire(service.runtime) == 1
    assert await findings(service) == {}


# ---- among many

MANY = """
INSERT INTO audit_entry (id, at, recorded_at, company_id, actor_id, service, method, outcome, trace_id, kind,
  ip_address, document_types, document_ids, on_behalf_id)
SELECT gen_random_uuid(), t.at, t.at, CAST(:company AS uuid), md5((n % 500)::text)::uuid,
  CASE WHEN n % 500 = 0 THEN 'approval' END, 'heyi.inventory.v1.Units/UpdateUnit',
  CASE WHEN n % 500 = 0 THEN 'refused' ELSE 'done' END, md5(n::text),
  (ARRAY['CHANGED', 'READ', 'PRINTED'])[1 + (n % 100 > 60)::int + (n % 1000 > 997)::int],
  '10.0.' || n % 40 || '.' || n % 200, ARRAY[(ARRAY['inventory.item', 'inventory.unit'])[1 + (n % 1000 = 7)::int]],
  CASE WHEN n % 100 > 60 THEN ARRAY[md5('d' || n % 2000)::uuid] END,
  CASE WHEN n % 3000 = 1 THEN md5((n % 500)::text)::uuid END
FROM generate_series(1, 30000) n, LATERAL (SELECT now() - make_interval(secs => n * 30) AS at) t
"""
ASKED = [
    {},
    {"actor_id": str(stable("admin"))},
    {"on_behalf_id": str(stable("admin"))},
    {"acting_service": "approval"},
    {"kinds": [KINDS.PRINTED]},
    {"kinds": [KINDS.SIGNED_IN, KINDS.SIGNED_OUT]},
    {"outcome": pb.AuditEntry.REFUSED},
    {"document_type": "inventory.unit"},
    {"document_type": "inventory.item_category"},
    {"document": str(stable("admin"))},
    {"document": "NOSUCH-1"},
    {"company_id": str(OTHER_COMPANY)},
    {"ip_address": "192.0.2.1"},
    {"trace_id": "f" * 32},
    {"start_time": "2020-01-01T00:00:00Z", "end_time": "2020-01-02T00:00:00Z"},
]


async def test_each_filter_has_its_index(service):
    """A million entries are measured by the bench (`trail`); here no filter may walk through all of them."""
    await as_owner(service, MANY, company=COMPANY)
    await as_owner(service, "ANALYZE audit_entry")
    engine, asked_of = service.runtime.engine, []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "FROM audit_entry" in statement and "ORDER BY" in statement:
            asked_of.append((statement, parameters))

    sa.event.listen(engine.sync_engine, "before_cursor_execute", note)
    try:
        for asked in ASKED:
            await trail(service, who="admin", **asked)
    finally:
        sa.event.remove(engine.sync_engine, "before_cursor_execute", note)

    walking = []
    async with engine.connect() as connection:
        await connection.execute(sa.text("SET LOCAL plan_cache_mode = force_custom_plan"))
        for asked, (statement, parameters) in zip(ASKED, asked_of, strict=True):
            plan = [row[0] for row in await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]
            walking += [(asked, line) for line in plan if "Seq Scan on audit_entry" in line]
    assert walking == []
