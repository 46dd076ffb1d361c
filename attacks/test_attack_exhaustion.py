"""Requests that cost the sender little and the suite much: refused or answered at once, while others go on working."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from typing import Any

import grpc
import grpc.aio
import httpx2
import pytest
from api import Direct, Session, direct, reason_of
from attackers import described, own

from chassis import contract
from chassis.contract import Method
from gateway.settings import Limits
from infra.local.demo.story import company_of
from infra.local.instance import SERVICES

REQUISITIONS, FLOWS = "/v1/procurement/purchase-requisitions", "/v1/approval/flow-definitions"
LISTS = [
    method for method in contract.load().methods.values()
    if method.service in SERVICES and "page_token" in method.request.DESCRIPTOR.fields_by_name
]  # fmt: skip
AT_MOST_SECONDS = 2.0


def token_of(*keys: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def word(method: Method) -> str:
    """A field of the list's document that a filter may name."""
    rows: Any = next(f.message_type for f in method.reply.DESCRIPTOR.fields if f.message_type and contract.repeated(f))
    names = [f.name for f in rows.fields if contract.spec_of(f).filter and f.type == f.TYPE_STRING]
    return next((name for name in names if not name.endswith(("_id", "_date"))), "create_time")


HOSTILE = {
    "brackets": lambda f: {"filter": "(" * 3900},
    "negations": lambda f: {"filter": "NOT " * 990 + f'{f} = "x"'},
    "negations in brackets": lambda f: {"filter": "NOT (" * 700 + f'{f} = "x"' + ")" * 400},
    "conditions": lambda f: {"filter": " OR ".join([f'{f} : "x"'] * 250)},
    "conditions at the limit": lambda f: {"filter": " OR ".join([f'{f} : "%_%"'] * 60)},
    "words": lambda f: {"filter": "a " * 1900},
    "blanks": lambda f: {"filter": " " * 3999 + "("},
    "an open text": lambda f: {"filter": f'{f} = "' + '\\"' * 1900},
    "a statement": lambda f: {"filter": f'{f} = "x\' OR 1=1; --"'},
    "a null": lambda f: {"filter": f'{f} = "\x00"'},
    "a private field": lambda f: {"filter": '__class__ = "x"'},
    "custom fields": lambda f: {"filter": 'custom_fields.x = "1"'},
    "a custom field without a name": lambda f: {"filter": 'custom_fields. = "1"'},
    "orders": lambda f: {"order_by": ",".join(["create_time desc", "create_time asc"] * 6)},
    "an order by a statement": lambda f: {"order_by": "create_time; DROP TABLE x"},
    "rows": lambda f: {"page_size": 2**31 - 1},
    "less than no rows": lambda f: {"page_size": -1},
    "a search of many words": lambda f: {"search": "轴承 " * 60},
    "a search of operators": lambda f: {"search": "a & b | !c <-> d:* ' \\ ()"},
    "a search of signs": lambda f: {"search": "%_\\'\"|&!():*<>" * 10},
    "a page that was forged": lambda f: {"page_token": token_of("0" * 16, "9" * 500, "x")},
    "a page of nothing": lambda f: {"page_token": token_of()},
    "a page of depth": lambda f: {"page_token": base64.urlsafe_b64encode(b"[" * 1400).decode()},
    "ids without end": lambda f: {"ids": [str(uuid.UUID(int=n)) for n in range(1500)]},
}
FINE = {"OK", "INVALID_ARGUMENT"}


class Asking:
    """Lists asked past the gateway, where nothing shortens what is sent."""

    def __init__(self, services: Direct, session: Session) -> None:
        self.services, self.session, self.token, self.until = services, session, "", 0.0

    async def send(self, method: Method, fields: dict[str, Any]) -> tuple[str, float, Any]:
        if time.monotonic() > self.until:
            self.token, self.until = await self.session.token(), time.monotonic() + 60
        request: Any = method.request()
        for name, value in fields.items():
            if isinstance(value, list):
                getattr(request, name).extend(value)
            else:
                setattr(request, name, value)
        unary: Any = self.services.channels[method.service].unary_unary(
            f"/{method.full_name}", request_serializer=method.request.SerializeToString,
            response_deserializer=method.reply.FromString,
        )  # fmt: skip
        began, reply = time.monotonic(), None
        try:
            reply = await unary(request, timeout=20, metadata=[("authorization", f"Bearer {self.token}")])
            status = "OK"
        except grpc.aio.AioRpcError as problem:
            status = problem.code().name
        return status, time.monotonic() - began, reply


@pytest.fixture(scope="module")
async def asking(instance: Any, admin: Session) -> Any:
    async with direct(instance) as services:
        yield Asking(services, admin)


@pytest.mark.parametrize("kind", HOSTILE)
async def test_attack_unbounded_list(asking: Asking, kind: str) -> None:
    """Every list of every service: no filter, order, search, page or number of ids is a fault, and none takes long."""
    tried = 0
    for method in [*LISTS, *(m for m in contract.load().methods.values() if m.name.startswith("BatchGet"))]:
        names = method.request.DESCRIPTOR.fields_by_name
        fields = HOSTILE[kind](word(method))
        if not set(fields) <= set(names):
            continue
        tried += 1
        status, seconds, reply = await asking.send(method, fields)
        assert status in FINE, (method.full_name, status)
        assert seconds < AT_MOST_SECONDS, (method.full_name, seconds)
        if reply is not None and "page_size" in fields:
            rows = next(f for f in reply.DESCRIPTOR.fields if contract.repeated(f))
            assert len(getattr(reply, rows.name)) <= 200
    assert tried > 3


async def test_attack_forged_page_of_a_real_query(asking: Asking) -> None:
    """A page token is no authority: with its hash kept and its keys changed it is refused, or pages on harmlessly."""
    for method in LISTS:
        if "order_by" not in method.request.DESCRIPTOR.fields_by_name:
            continue
        status, _, reply = await asking.send(method, {"page_size": 1})
        assert status == "OK", method.full_name
        if not reply.next_page_token:
            continue
        token = reply.next_page_token
        real = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        for forged in (
            "\x00",
            "9" * 300,
            "-infinity",
            "infinity",
            "0001-01-01T00:00:00",
            "9999-12-31",
            "NaN",
            "\ud800",
            "",
            None,
            [],
            1,
        ):
            changed = token_of(real[0], *[forged] * (len(real) - 1))
            status, seconds, _ = await asking.send(method, {"page_size": 1, "page_token": changed})
            assert status in FINE, (method.full_name, forged, status)
            assert seconds < AT_MOST_SECONDS


VALUES = [
    "\x00",
    "9" * 300,
    "-1",
    "1e999999999",
    "NaN",
    "99999999999999",
    "0001-01-01",
    "9999-12-31T23:59:59+14:00",
    "infinity",
    "\ufffe",
]


async def test_attack_values_of_filters(asking: Asking) -> None:
    """Every field that a filter may name, compared with values of no kind at all."""
    for method in LISTS:
        if "filter" not in method.request.DESCRIPTOR.fields_by_name:
            continue
        rows: Any = next(
            f.message_type for f in method.reply.DESCRIPTOR.fields if f.message_type and contract.repeated(f)
        )
        for field in rows.fields:
            if not contract.spec_of(field).filter:
                continue
            for value in VALUES:
                for operator in ("=", "<", ":"):
                    status, _, _ = await asking.send(method, {"filter": f'{field.name} {operator} "{value}"'})
                    assert status in FINE, (method.full_name, field.name, operator, value, status)


def comprehension(levels: int, numbers: int) -> str:
    some = f"[{','.join('1' * 1 for _ in range(numbers))}]"
    return "".join(f"{some}.all({chr(97 + n)}, " for n in range(levels)) + "true" + ")" * levels


COSTLY = {
    "loops in loops": comprehension(8, 60),
    "many loops in loops": comprehension(24, 20),
    "a list that doubles": "[1]" + ".map(a, a)" * 180 + " == [1]",
    "a text that doubles": "facts.map(a, a + a + a + a).map(a, a + a + a + a + a + a + a + a) == ['x']",
    "a pattern": f"'{'a' * 500}!'.matches('(a+)+$')",
    "a pattern of alternatives": f"'{'a' * 500}!'.matches('(a|a|aa)+$')",
    "brackets": "(" * 900 + "true" + ")" * 900,
    "negations": "!" * 1900 + "true",
    "choices": "true ? " * 250 + "true" + " : false" * 250,
    "sums": "+".join("1" * 1 for _ in range(900)) + " > 0",
}


@pytest.mark.parametrize("kind", COSTLY)
async def test_attack_cost_of_a_condition(admin: Session, requester: Session, kind: str) -> None:
    """An administrator's condition cannot stop the service: it is refused, or tried within a moment."""
    company = company_of("shenjiayi")
    head = {
        "id": "head",
        "kind": "approve",
        "name": "负责人",
        "vote": "any",
        "approvers": [{"kind": "department_head"}],
    }
    flow = {
        "code": f"C-{uuid.uuid4().hex[:8]}".upper(),
        "name": "昂贵",
        "document_type": "procurement.purchase_requisition",
    }
    flow |= {"tree": {"id": "start", "kind": "sequence", "children": [head]}, "condition": COSTLY[kind]}
    began = time.monotonic()
    answer = await admin.raw("POST", FLOWS, json.dumps(flow), company=company)
    assert answer.status_code in (201, 400), described(answer)
    assert time.monotonic() - began < AT_MOST_SECONDS
    if answer.status_code == 201:
        tried = {"amount": "1", "currency": "CNY"}
        path = f"{FLOWS}/{answer.json()['id']}:try"
        for body in ({}, tried):
            began = time.monotonic()
            answer = await admin.raw("POST", path, json.dumps(body), company=company)
            assert answer.status_code in (200, 400), described(answer)
            assert time.monotonic() - began < AT_MOST_SECONDS


LONG = {
    "email": "a" * 118 + "@", "phone": "1-" * 99, "code": "A" * 10 + "!" * 9, "name": " " * 59 + "\u3000",
    "username": "a." * 29 + "!",
}  # fmt: skip


async def test_attack_patterns_of_fields(admin: Session) -> None:
    """Texts that make a careless pattern try every way are judged at once."""
    for name, text in LONG.items():
        began = time.monotonic()
        answer = await admin.raw("POST", "/v1/identity/employees", json.dumps({name: text}))
        assert answer.status_code == 400, (name, described(answer))
        assert time.monotonic() - began < 1


BODIES = {
    "brackets": "[" * 500_000,
    "objects": '{"a":' * 150_000,
    "numbers": '{"title": ' + "9" * 900_000 + "}",
    "names": "{" + ",".join(f'"{n}":1' for n in range(60_000)) + "}",
    "the same name": "{" + ",".join('"title":"a"' for _ in range(60_000)) + "}",
    "escapes": '{"title": "' + "\\u0041" * 150_000 + '"}',
    "lines": '{"lines": [' + ",".join(["{}"] * 300_000) + "]}",
    "a lone surrogate": '{"title": "\\ud800"}',
}


@pytest.mark.parametrize("kind", BODIES)
async def test_attack_json_that_grows(requester: Session, kind: str) -> None:
    """Deep, wide and long JSON is refused by a limit, and quickly."""
    began = time.monotonic()
    answer = await requester.raw("POST", REQUISITIONS, BODIES[kind])
    assert answer.status_code in (400, 413), described(answer)
    assert time.monotonic() - began < AT_MOST_SECONDS
    assert len(answer.content) < 64_000


async def test_attack_flood_of_streams(requester: Session) -> None:
    """One person holds few streams; the others are told to wait, and requests go on being answered."""
    limits = Limits()
    timeout = httpx2.Timeout(10, read=60)
    held: list[Any] = []
    statuses = []
    headers = own(requester) | {"accept": "text/event-stream"}
    pool = httpx2.Limits(max_connections=100)
    async with httpx2.AsyncClient(timeout=timeout, trust_env=False, limits=pool) as http:
        try:
            for _ in range(40):
                request = http.build_request("GET", f"{requester.address}/v1/events", headers=headers)
                answer = await http.send(request, stream=True)
                statuses.append(answer.status_code)
                held.append(answer)
            assert statuses.count(200) == limits.streams_per_person
            assert set(statuses) == {200, 429}
            assert (await requester.raw("GET", "/v1/identity/me")).status_code == 200
        finally:
            for answer in held:
                await answer.aclose()


async def test_attack_flood_of_requests(outsider: Session, requester: Session) -> None:
    """One person's flood is told to wait, says for how long, and leaves the others their answers."""

    async def one() -> Any:
        # `raw` would wait as it is told
        return await outsider._send("GET", f"{outsider.address}/v1/identity/me")

    flood = asyncio.gather(*(one() for _ in range(600)))
    slowest = 0.0
    while not flood.done():
        began = time.monotonic()
        answer = await requester.raw("GET", "/v1/identity/me")
        assert answer.status_code == 200, described(answer)
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.wait([flood], timeout=0.2)
    answers = flood.result()
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert {answer.status_code for answer in answers} <= {200, 429, 503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {reason_of(answer) for answer in refused} == {"TOO_MANY_REQUESTS"}
    assert slowest < 5
