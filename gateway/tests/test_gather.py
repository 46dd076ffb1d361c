"""One list out of those of all services: in one order, gone on with by one token, whoever does not answer named."""

from __future__ import annotations

import csv
import datetime
import io
import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis import contract, gathering
from chassis.errors import Refused
from gateway.gather import Gather
from gateway.tests.bench import Bench, reason_of
from heyi.platform.v1 import audit_pb2 as pb

METHOD = contract.load().methods["heyi.platform.v1.Audit/ListAuditEntries"]
START = datetime.datetime(2026, 11, 23, 1, tzinfo=datetime.UTC)
SERVICES = ("approval", "identity", "procurement")
PATH = "/v1/all/audit-entries"


def entry(service: str, second: int, number: int = 0) -> Any:
    made = pb.AuditEntry(id=str(uuid.UUID(int=number or second + 1)), service=service, kind=pb.AuditEntry.READ)
    made.create_time.FromDatetime(START + datetime.timedelta(seconds=second))
    return made


def place(one: Any) -> tuple[datetime.datetime, uuid.UUID]:
    return one.create_time.ToDatetime(datetime.UTC), uuid.UUID(one.id)


def listing(trails: dict[str, list[Any]]) -> Any:
    """Services with these entries, that answer as the contract says."""

    async def ask(service: str, request: Any) -> Any:
        rows = sorted(trails[service], key=place, reverse=True)
        if request.page_token:
            rows = [one for one in rows if place(one) < gathering.place_of(request.page_token)]
        page = rows[: request.page_size]
        token = gathering.token_of(*place(page[-1])) if len(rows) > len(page) else ""
        return pb.ListAuditEntriesResponse(entries=page, next_page_token=token)

    return ask


@given(st.lists(st.tuples(st.sampled_from(SERVICES), st.integers(0, 5)), max_size=40), st.integers(1, 7))
async def test_pages_hold_every_entry_once_in_one_order(made: list[tuple[str, int]], size: int) -> None:
    every = [entry(service, second, number + 1) for number, (service, second) in enumerate(made)]
    trails = {name: [one for one in every if one.service == name] for name in SERVICES}
    gather, token, seen = Gather(SERVICES), "", []
    while True:
        request = pb.ListAuditEntriesRequest(service="all", page_size=size, page_token=token)
        page = await gather.page(METHOD, request, listing(trails))
        seen += page.entries
        token = page.next_page_token
        assert len(page.entries) <= size
        if not token:
            break
    assert [one.id for one in seen] == [one.id for one in sorted(every, key=place, reverse=True)]


def answers(bench: Bench, **away: Refused) -> None:
    """A server for every service, that answers each with one entry of its own."""

    def page(request: Any, _: dict[str, str]) -> Any:
        if request.service in away:
            raise away[request.service]
        second = sorted(bench.gateway.settings.shared.targets).index(request.service)
        return pb.ListAuditEntriesResponse(entries=[entry(request.service, second)])

    bench.services.answers["ListAuditEntries"] = page


async def test_the_door_asks_all_and_names_who_is_silent(bench: Bench) -> None:
    answers(bench, approval=Refused("SERVICE_UNAVAILABLE", service="approval"))
    reply = (await bench.http.get(PATH, headers=bench.bearer())).json()
    names = sorted(bench.gateway.settings.shared.targets)
    assert [one["service"] for one in reply["entries"]] == [name for name in reversed(names) if name != "approval"]
    assert reply["unansweredServices"] == ["approval"]
    asked = [metadata for name, _, metadata in bench.services.calls if name.endswith("/ListAuditEntries")]
    assert {one["heyi-address"] for one in asked} == {"127.0.0.1"}


async def test_a_refusal_is_the_answer(bench: Bench) -> None:
    answers(bench, identity=Refused("PERMISSION_MISSING", permission="platform.audit_entry.list"))
    reply = await bench.http.get(PATH, headers=bench.bearer())
    assert (reply.status_code, reason_of(reply)) == (403, "PERMISSION_MISSING")


async def test_where_nobody_answers_that_is_said(bench: Bench) -> None:
    names = bench.gateway.settings.shared.targets
    answers(bench, **{name: Refused("SERVICE_UNAVAILABLE", service=name) for name in names})
    reply = await bench.http.get(PATH, headers=bench.bearer())
    assert (reply.status_code, reason_of(reply)) == (503, "SERVICE_UNAVAILABLE")


async def test_all_stands_for_no_other_call(bench: Bench) -> None:
    reply = await bench.http.get("/v1/all/parked-events", headers=bench.bearer())
    assert (reply.status_code, reason_of(reply)) == (404, "NO_SUCH_ADDRESS")


async def test_a_csv_file_of_exactly_this_filter(bench: Bench) -> None:
    answers(bench)
    query = {"kinds": "READ", "columns": "service,kind,createTime,documentTitle", "format": "csv", "locale": "zh-CN"}
    reply = await bench.http.get(f"{PATH}:export", params=query, headers=bench.bearer())
    assert reply.headers["content-type"].startswith("text/csv")
    assert reply.headers["content-disposition"].endswith(".csv")
    head, *rows = csv.reader(io.StringIO(reply.content.decode("utf-8-sig")))
    assert head[0] == "服务"
    assert rows[-1] == [min(bench.gateway.settings.shared.targets), "查看敏感内容", "2026-11-23 09:00:00", ""]
    asked = [call for call in bench.services.calls if call[0].endswith("/ListAuditEntries")]
    assert {call[2]["heyi-purpose"] for call in asked} == {"export"}
    assert {tuple(call[1].kinds) for call in asked} == {(pb.AuditEntry.READ,)}


async def test_a_cell_is_no_formula_and_a_refused_file_has_no_first_byte(bench: Bench) -> None:
    hostile = entry("identity", 1)
    hostile.document_title = "=cmd|' /C calc'!A0"
    bench.services.answers["ListAuditEntries"] = lambda *_: pb.ListAuditEntriesResponse(entries=[hostile])
    query = {"columns": "documentTitle", "format": "csv"}
    reply = await bench.http.get("/v1/identity/audit-entries:export", params=query, headers=bench.bearer())
    assert "'=cmd|" in reply.text
    answers(bench, identity=Refused("PERMISSION_MISSING", permission="platform.audit_entry.list"))
    reply = await bench.http.get("/v1/identity/audit-entries:export", params=query, headers=bench.bearer())
    assert (reply.status_code, reason_of(reply)) == (403, "PERMISSION_MISSING")
