"""Approval cases of six decisions per second, through the approval service's gRPC, at 1 and at 16 clients.

Three people one after another, a condition, three more side by side of whom all must agree. The clock covers: the
submission's event put to the stream as procurement's outbox does it, the case that approval opens for it, six calls of
ApproveTask by six people with their own tokens, until the last is answered. Procurement follows each case meanwhile
and the gateway tells it live, as always. Which turns are open a client reads from the table, since the peer and the
limit know theirs for nothing. Drafts of requisitions, tokens and connections are made before.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg
import grpc.aio

from bench import limits, peers
from bench.flagship import REQUISITIONS, lines_of
from bench.record import ROUNDS, Result, distribution, interleaved
from bench.suite import LIMITS, Person, heard, suite, tokens
from chassis import contract, stream
from chassis.ids import uuid7
from heyi.approval.v1 import cases_pb2, tasks_pb2
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_requisitions_pb2
from infra.local.instance import Instance

PEOPLE = ("luzhenhua", "suhuimin", "gumingyuan", "nisuzhen", "hongmeiling", "tangweimin")
DECISIONS, MANY = len(PEOPLE), 16
CASES = {1: 15, MANY: 96}  # ours, in each round
LIMIT_CASES, PEER_CASES = {1: 200, MANY: 1_500}, 60
TYPE, HASH = "procurement.purchase_requisition", "b" * 64
# the code of currencies for tests: no other flow meets it, and this one meets nothing else
CURRENCY, FLOW = "XTS", "BENCH"
CHECK = f"""
SELECT count(*) FROM approval_case c WHERE document_id = ANY($1) AND state = 'APPROVED'
  AND {DECISIONS} = (SELECT count(DISTINCT assignee_id) FROM task WHERE case_id = c.id AND state = 'APPROVED')
  AND {DECISIONS} = (SELECT count(*) FROM opinion WHERE case_id = c.id AND kind = 'APPROVE')
"""  # noqa: S608  (a constant of ours)
# what a finished case leaves behind, beside the document's own words
SIZE = """
SELECT coalesce(sum(pg_column_size(c) - coalesce(pg_column_size(c.facts), 0)), 0)
  + (SELECT sum(pg_column_size(v)) FROM node_visit v WHERE case_id = c.id)
  + (SELECT sum(pg_column_size(t)) FROM task t WHERE case_id = c.id)
  + (SELECT sum(pg_column_size(o)) FROM opinion o WHERE case_id = c.id)
FROM approval_case c WHERE document_id = $1 GROUP BY c.id
"""


def run() -> list[Result]:
    """Ours, the limit and the peer in turn."""
    with suite() as instance, peers.spiff(instance) as spiff:
        people = {p["what"].split(":")[0]: p["username"] for p in instance.logins()}
        requester = Person(instance.url, people["requester"])
        me = requester.get("/v1/identity/me")
        keepers = Person(instance.url, "yaowenbo"), Person(instance.url, "admin")
        _publish_flow(*keepers, me["companyId"], asyncio.run(tokens(instance, PEOPLE)))
        warm, needed = CASES[MANY] // 4, ROUNDS * sum(CASES.values())
        drafts = _drafts(requester, warm + needed)
        dsn = peers.database(instance, "bench")
        decisions: dict[str, list[float]] = {}
        size = 0

        def ours(clients: int) -> list[float]:
            nonlocal size
            rate, samples, size = asyncio.run(_play(instance, [next(drafts) for _ in range(CASES[clients])], clients))
            decisions.setdefault(f"ours {clients}", []).extend(samples)
            return [rate]

        def limit(clients: int) -> list[float]:
            rate, samples = asyncio.run(limits.workflow(dsn, clients, LIMIT_CASES[clients]))
            decisions.setdefault(f"limit {clients}", []).extend(samples)
            return [rate]

        def peer() -> list[float]:
            answer = spiff.ask(cases=PEER_CASES)
            decisions.setdefault("peer", []).extend(answer["samples"])
            return [answer["rate"]]

        asyncio.run(_play(instance, [next(drafts) for _ in range(warm)], MANY))
        spiff.ask(cases=5)
        bars: dict[str, Any] = {}
        for clients in CASES:
            bars[f"ours, {clients} clients"] = lambda c=clients: ours(c)
            bars[f"tokens in PostgreSQL, {clients} clients"] = lambda c=clients: limit(c)
        found = interleaved(bars | {f"{spiff.version}, 1 process": peer})
    settings = {"limits": LIMITS, "cases": CASES, "state_bytes": size, "peer": f"{PEER_CASES} cases a round"}
    checked = "every case ended APPROVED with six decisions of six people; none is missing"
    *pairs, against = found.values()
    common: dict[str, Any] = {"metric": 9, "settings": settings, "checked": checked}
    results = [
        Result(
            scenario=f"approval, {clients} clients" if clients > 1 else "approval, 1 client", unit="cases/s",
            better="higher", ours=pairs[2 * at], limit=pairs[2 * at + 1], peer=against,
            target={"ratio_to_limit": 0.5, "ratio_to_peer": 5.0} if clients == MANY else {}, **common,
        ).judged()
        for at, clients in enumerate(CASES)
    ]  # fmt: skip
    latency = Result(
        scenario="approval, one decision", unit="ms", better="lower", ours=distribution(decisions["ours 1"]),
        limit=distribution(decisions["limit 1"], pairs[1]["name"]), target={},
        peer=distribution(decisions["peer"], against["name"]), **common,
    ).judged()  # fmt: skip
    return [*results, latency]


def _publish_flow(administrator: Person, second: Person, company: str, known: dict[str, str]) -> None:
    """The flow of six decisions, for documents in the test currency alone."""
    path = "/v1/approval/flow-definitions"
    headers = {"x-company": company}
    listed = administrator.get(path, headers, filter=f'code = "{FLOW}" AND state = "PUBLISHED"')
    if listed["flowDefinitions"]:
        return
    first, second, third, *voters = [{"kind": "user", "employee_id": _employee(token)} for token in known.values()]

    def asks(node: str, *rules: dict[str, str]) -> dict[str, Any]:
        return {"id": node, "kind": "approve", "name": node, "vote": "all", "approvers": rules}

    large = {"id": "large", "name": "large", "when": "amount > 100", "children": [asks("vote", *voters)]}
    branches = [large, {"id": "small", "name": "small", "children": []}]
    by_amount = {"id": "by_amount", "kind": "condition", "name": "by amount", "branches": branches}
    one_by_one = [asks(name, rule) for name, rule in (("first", first), ("second", second), ("third", third))]
    body = {
        "code": FLOW, "name": "Six decisions", "documentType": TYPE, "priority": 1,
        "condition": f'currency == "{CURRENCY}"',
        "tree": {"id": "start", "kind": "sequence", "children": [*one_by_one, by_amount]},
    }  # fmt: skip
    made = administrator.call("POST", path, body, headers)
    asked = administrator.call("POST", f"{path}/{made['id']}:publish", {"etag": made["etag"]}, headers)
    second.call("POST", f"/v1/approval/flow-publications/{asked['publicationId']}:approve", {}, headers)


def _drafts(requester: Person, count: int) -> Iterator[dict[str, Any]]:
    """Requisitions of one line that are not submitted: what procurement finds when it follows a case."""
    lines = lines_of(requester)[:1]
    body = {"title": "Measured", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库", "lines": lines}
    return iter([requester.call("POST", REQUISITIONS, body) for _ in range(count)])


async def _play(instance: Instance, drafts: list[dict[str, Any]], clients: int) -> tuple[float, list[float], int]:
    """Cases per second of so many clients, the milliseconds of each decision, the bytes that a case leaves."""
    env = instance.env()
    tokens_by_person = {uuid.UUID(_employee(token)): token for token in (await tokens(instance, PEOPLE)).values()}
    method = contract.load().methods["heyi.approval.v1.Tasks/ApproveTask"]
    told: dict[str, asyncio.Future[None]] = {d["id"]: asyncio.get_running_loop().create_future() for d in drafts}
    samples: list[float] = []
    waiting = iter(drafts)

    def opened(message: Any) -> None:
        document = cases_pb2.CaseOpened.FromString(message.data).case.document_id
        if document in told:
            told[document].set_result(None)

    # as procurement, which publishes submissions
    nats = await stream.connect(env["HEYI_PROCUREMENT_NATS_URL"], "procurement")
    pool = await asyncpg.create_pool(env["HEYI_APPROVAL_RO_DATABASE_URL"], min_size=clients, max_size=clients)
    channel = grpc.aio.insecure_channel(env["HEYI_APPROVAL_LISTEN"])
    approve = channel.unary_unary(
        f"/{method.full_name}", request_serializer=method.request.SerializeToString,
        response_deserializer=method.reply.FromString,
    )  # fmt: skip
    subject = contract.subject_of(cases_pb2.CaseOpened)

    async def client() -> None:
        for draft in waiting:
            await _submit(nats.jetstream(), draft)
            await asyncio.wait_for(told[draft["id"]], 20)
            decided = 0
            while decided < DECISIONS:
                turns = await pool.fetch(
                    "SELECT id, assignee_id FROM task WHERE document_id = $1 AND state = 'OPEN' ORDER BY id",
                    uuid.UUID(draft["id"]),
                )
                if not turns:
                    raise RuntimeError(f"{draft['number']}: nobody is asked after {decided} decisions")
                for turn in turns:
                    began = time.perf_counter()
                    token = tokens_by_person[turn["assignee_id"]]
                    metadata = (("authorization", f"Bearer {token}"), ("idempotency-key", str(uuid7())))
                    request = tasks_pb2.ApproveTaskRequest(id=str(turn["id"]), content_hash=HASH)
                    await approve(request, metadata=metadata, timeout=20)
                    samples.append((time.perf_counter() - began) * 1e3)
                    decided += 1

    async with heard(instance, subject, opened):
        began = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(clients)))
        took = time.perf_counter() - began
    documents = [uuid.UUID(draft["id"]) for draft in drafts]
    whole, size = await pool.fetchval(CHECK, documents), await pool.fetchval(SIZE, documents[0])
    await asyncio.gather(pool.close(), channel.close(), nats.close())
    if whole != len(drafts):
        raise RuntimeError(f"{whole} of {len(drafts)} cases ended approved by six people")
    return len(drafts) / took, samples, int(size)


async def _submit(jetstream: Any, draft: dict[str, Any]) -> None:
    """The words of a submission, as procurement's outbox brings them."""
    approval = common_pb2.ApprovalRequest(
        document_type=TYPE, document_id=draft["id"], company_id=draft["companyId"], document_number=draft["number"],
        title=draft["title"], requester_id=draft["ownerId"], department_id=draft["departmentId"], amount="500.00",
        currency=CURRENCY, content_hash=HASH, submission=1,
    )  # fmt: skip
    approval.facts.update({"reason": "notebook for the new colleague", "lines": 10})
    event = purchase_requisitions_pb2.PurchaseRequisitionSubmitted(approval=approval)
    key, subject = str(uuid7()), contract.subject_of(type(event))
    headers = {
        "Nats-Msg-Id": key, "ce-specversion": "1.0", "ce-id": key, "ce-type": subject, "ce-source": "procurement",
        "heyi-actor": draft["ownerId"], "heyi-company": draft["companyId"], "heyi-document": TYPE,
        "heyi-document-id": draft["id"], "heyi-version": "1", "heyi-owner": draft["ownerId"],
        "heyi-department": draft["departmentId"],
    }  # fmt: skip
    await jetstream.publish(subject, event.SerializeToString(), headers=headers)


def _employee(token: str) -> str:
    """Whose token it is."""
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["employee_id"])
