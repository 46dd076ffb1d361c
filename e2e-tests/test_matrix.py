"""Who may call what: every RPC of the contract for the people of the demo company, in their own company and in another.

What must be is written by hand in matrix.csv, from what the roles are for. A column is a person, a row an RPC, a cell
where the person may call it: `+` in the own company and in another, `h` at home alone, `e` elsewhere alone, `-`
nowhere. Whoever is bound to the own company cannot choose another one, whatever is called there.

A call says nothing: no field is filled in, no document named, and what changes something has no idempotency key. The
permission is judged first, so whoever may is told what is missing, and nothing happens.

matrix_documents.csv says it of documents: a draft of shenjiayi's in Shanghai's workshop, a requisition of hers that was
ordered, and an order of Shanghai's, for herself, somebody in her department, in another department, in another company,
the head of her department, and those with a right of their own. `+` reaches the document, for `0` there is none, `-`
may not do such a thing to any. A change comes with an etag that is nobody's: whoever reaches the document is told so,
and nothing happens.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api import Direct, Session, direct
from papers import title_of, written
from screen import ORDERS, REQUISITIONS
from test_api_cutoff import switch

from chassis import contract
from chassis.contract import Method
from chassis.testing import eventually
from infra.local.demo.records import id_of
from infra.local.instance import SERVICES

METHODS = {name.removeprefix("heyi.").replace(".v1.", "."): m for name, m in contract.load().methods.items()}


def by_hand(name: str, *keys: str) -> dict[tuple[str, ...], dict[str, str]]:
    """A table: cells by what stands in front and by person."""
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return {tuple(row.pop(key) for key in keys): row for row in csv.DictReader(file)}


TABLE = {name: row for (name,), row in by_hand("matrix.csv", "rpc").items()}
DOCUMENTS = by_hand("matrix_documents.csv", "document", "rpc")
# what each column stands for
PEOPLE = {
    "admin": "administrator",
    "shenjiayi": "requester, no role beside everybody's",
    "majianguo": "department head",
    "suhuimin": "finance manager of Shanghai",
    "luzhenhua": "general manager of the group",
    "dingxiaoyan": "buyer of the group",
    "gumingyuan": "purchasing manager of the group",
    "shiguoping": "procurement reader of Shanghai",
    "fangjing": "auditor of the group",
    "tianxiaolin": "identity administrator of the group",
    "yaowenbo": "flow administrator of the group",
    "shaojianhua": "master data of the group",
    "heyutong": "requester of Suzhou",
    "nisuzhen": "finance manager of Suzhou",
    "fuxiaoyi": "buyer of Suzhou",
}
BOUND = {"shenjiayi", "suhuimin", "shiguoping", "heyutong", "nisuzhen", "fuxiaoyi"}
SUZHOU = {"heyutong", "nisuzhen", "fuxiaoyi"}
LEAVER = "qianyongfu"
DENIED, SIGNED_OUT = ("PERMISSION_DENIED", "PERMISSION_MISSING"), ("UNAUTHENTICATED", "NOT_SIGNED_IN")
NOT_HERE, FOR_SERVICES = ("PERMISSION_DENIED", "COMPANY_NOT_ALLOWED"), ("PERMISSION_DENIED", "SERVICES_ONLY")
AT_ONCE = 16


def hosts(method: Method) -> tuple[str, ...]:
    """The services that answer an RPC."""
    return (method.service,) if method.service in SERVICES else SERVICES


async def answers(services: Direct, token: str, company: str = "") -> dict[tuple[str, str], tuple[str, str]]:
    """What everything in the contract says to somebody, by RPC and service."""
    free = asyncio.Semaphore(AT_ONCE)

    async def ask(method: Method, target: str) -> tuple[str, str]:
        async with free:
            return await services.ask(method, token, target=target, company=company, keyed=False)

    cells = [(name, target) for name in TABLE for target in hosts(METHODS[name])]
    found = await asyncio.gather(*(ask(METHODS[name], target) for name, target in cells))
    return dict(zip(cells, found, strict=True))


def outcome(method: Method, answer: tuple[str, str]) -> str:
    """Whether somebody was let through to the work itself, else the refusal."""
    if answer in (DENIED, SIGNED_OUT, NOT_HERE, FOR_SERVICES):
        return answer[1]
    if method.policy.idempotency_key:
        return "allowed" if answer[1] in ("IDEMPOTENCY_KEY_MISSING", "INVALID_REQUEST") else f"unexpected: {answer}"
    # a question about nothing: answered, or refused for what it does not say
    return f"unexpected: {answer}" if answer[0] in ("INTERNAL", "UNKNOWN", "UNAVAILABLE") else "allowed"


def wanted(name: str, who: str, *, home: bool) -> str:
    if not home and who in BOUND:
        return "COMPANY_NOT_ALLOWED"
    rule = METHODS[name].policy
    if rule.services and not (rule.permission or rule.signed_in):
        return "SERVICES_ONLY"
    return "allowed" if TABLE[name][who] in ("+h" if home else "+e") else "PERMISSION_MISSING"


def count(record: Callable[[str, object], None], cells: int, wrong: list[str]) -> None:
    """Put into the report what `make matrix` adds up."""
    record("cells", cells)
    record("wrong", len(wrong))
    assert not wrong, "\n".join(wrong)


def test_matrix_has_a_row_for_every_rpc_and_a_column_for_everybody() -> None:
    assert list(TABLE) == sorted(METHODS)
    assert {tuple(row) for row in TABLE.values()} == {tuple(PEOPLE)}
    assert {cell for row in TABLE.values() for cell in row.values()} <= {"+", "h", "e", "-"}
    bound = {(who, row[who]) for row in TABLE.values() for who in BOUND}
    assert {cell for _, cell in bound} == {"h", "-"}


@pytest.mark.parametrize("who", PEOPLE)
async def test_matrix(instance: Any, door: Any, who: str, record_property: Callable[[str, object], None]) -> None:
    session: Session = await door(who)
    token = await session.token()
    away = id_of("identity.company", "SH" if who in SUZHOU else "SZ")
    wrong, cells = [], 0
    async with direct(instance) as services:
        for company in ("", away):
            found = await answers(services, token, company)
            cells += len(found)
            for (name, target), answer in found.items():
                is_, must = outcome(METHODS[name], answer), wanted(name, who, home=not company)
                if is_ != must:
                    place = "elsewhere" if company else "at home"
                    wrong.append(f"{target}: {name} by {who}, {PEOPLE[who]}, {place}: {is_}, not {must}")
    count(record_property, cells, wrong)


async def test_matrix_of_a_leaver(instance: Any, door: Any, record_property: Callable[[str, object], None]) -> None:
    """Whoever is disabled is nobody, with a token that would still count."""
    admin, token = await door("administrator"), await (await Session.of(instance, LEAVER)).token()
    await switch(admin, LEAVER, "disable")
    try:
        async with direct(instance) as services:

            async def out() -> None:
                for target in SERVICES:
                    history = METHODS["platform.Records/ListHistory"]
                    assert await services.ask(history, token, target=target) == SIGNED_OUT

            await eventually(out)
            found = await answers(services, token)
    finally:
        await switch(admin, LEAVER, "enable")
    wrong = [f"{target}: {name}: {answer}" for (name, target), answer in found.items() if answer != SIGNED_OUT]
    count(record_property, len(found), wrong)


def about(method: Method, document_id: str) -> Any:
    """A request about a document, of a version that it never had."""
    request = method.request()
    named = request
    if "id" not in request.DESCRIPTOR.fields_by_name:  # an update carries the document itself
        named = getattr(request, next(f.name for f in request.DESCRIPTOR.fields if f.name != "update_mask"))
        request.update_mask.paths.append("title" if "title" in named.DESCRIPTOR.fields_by_name else "notes")
    fields = {"id": document_id, "etag": "never", "reason": "核对"}
    for name in fields.keys() & set(named.DESCRIPTOR.fields_by_name):
        setattr(named, name, fields[name])
    return request


async def test_matrix_of_documents(instance: Any, door: Any, record_property: Callable[[str, object], None]) -> None:
    shanghai = id_of("identity.company", "SH")
    draft = await written(door, title_of("轴承补货"), {"item": "2002-0004", "quantity": "10"})
    mine, buyer = await door("shenjiayi"), await door("dingxiaoyan")
    [old] = (await mine.get(REQUISITIONS, filter='state = "ORDERED"', pageSize=1))["purchaseRequisitions"]
    [order] = (await buyer.get(ORDERS, company=shanghai, pageSize=1))["purchaseOrders"]
    ids = {"draft": draft["id"], "ordered": old["id"], "order": order["id"]}
    people = next(iter(DOCUMENTS.values()))
    tokens = {who: await (await door(who)).token() for who in people}
    wrong = []
    async with direct(instance) as services:
        for (document, name), row in DOCUMENTS.items():
            method = METHODS[name]
            request = about(method, ids[document])
            reached = ("OK", "") if method.read_only else ("ABORTED", "STALE_ETAG")
            must = {"+": reached, "0": ("NOT_FOUND", "DOCUMENT_NOT_FOUND"), "-": DENIED}
            for who, cell in row.items():
                company = "" if who in SUZHOU else shanghai
                answer = await services.ask(method, tokens[who], request=request, company=company)
                if answer != must[cell]:
                    wrong.append(f"{name} of {document} by {who}: {answer}, not {must[cell]}")
    await mine.call("DELETE", f"{REQUISITIONS}/{draft['id']}")
    count(record_property, len(DOCUMENTS) * len(people), wrong)
