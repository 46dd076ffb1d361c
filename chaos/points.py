"""The sweep: each fault point once, its service dying there during the flow that passes it, and what is left of it.

Points of different services are tried in the same round, each with a flow of its own. Those of identity are tried one
after the other in one round: after each of them an account stays leased for 40 s.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from itertools import zip_longest
from pathlib import Path

from chaos.client import Client, GaveUp, IntentLog, People, RefusedError
from chaos.flows import REQUISITIONS, Scene, decide, import_items, item, requisition
from chaos.nemesis import Nemesis
from chaos.verdict import converge
from infra.local.instance import SERVICES
from infra.local.report import CannotContinueError

CALLS = ("before_tx", "after_first_write", "before_commit", "after_commit", "before_reply")
EVENTS = ("event_after_inbox", "event_before_commit", "event_after_commit", "before_acknowledge")
RELAY = ("before_publish", "after_publish")
# point -> what makes somebody come by: the flow, or a start
POINTS: dict[str, str] = {
    **{f"{service}.{point}": "flow" for service in ("procurement", "approval") for point in (*CALLS, *EVENTS, *RELAY)},
    **{f"inventory.{point}": "item" for point in ("before_commit", "after_commit", "after_publish")},
    "inventory.import_before_commit": "import",
    **{f"approval.timer_{point}": "timer" for point in ("after_lock", "before_commit", "after_commit")},
    "procurement.replay": "flow",
    "procurement.housekeeping": "start",
    "procurement.sweep_before_mark": "start",
    "identity.keycloak_claimed": "employee",
    "identity.keycloak_written": "employee",
}
FLOWS, FLOWS_KEEPER = "/v1/approval/flow-definitions", "yaowenbo"
SHORT = ("procurement.after_commit", "approval.event_before_commit", "procurement.after_publish")


async def sweep(nemesis: Nemesis, people: People, folder: Path, *, short: bool) -> list[str]:
    """Crash at each point once; returns the points at which something was left."""
    bad = []
    chance = random.Random(7)
    log = IntentLog(folder / "points.jsonl")
    client = Client(people, log, chance)
    client.impatience = 0
    scene = await Scene.of(client, nemesis.instance.logins())
    chosen = SHORT if short else tuple(POINTS)
    lanes = [[[p] for p in chosen if p.startswith(f"{service}.")] for service in SERVICES if service != "identity"]
    rounds = zip_longest([[p for p in chosen if p.startswith("identity.")]], *lanes, fillvalue=[])

    async def one_after_the_other(points: list[str]) -> list[str]:
        return [word for point in points if (word := await _die_at(point, nemesis, client, scene))]

    for taken in rounds:
        points, began = [point for lane in taken for point in lane], time.monotonic()
        said = [word for words in await asyncio.gather(*map(one_after_the_other, taken)) for word in words]
        outcomes, took = await converge(nemesis.instance, folder)
        found = [f"{o.name}: {f.what}" for o in outcomes for f in o.findings]
        verdict = "; ".join([*said, *found[:3]])
        print(f"  {' + '.join(points):<66}{time.monotonic() - began:5.1f} s  {verdict or 'converged'}", flush=True)
        nemesis.note("points", names=points, said=said, converge_seconds=round(took, 2), found=found[:10])
        bad += points if verdict else []
    return bad


async def _die_at(point: str, nemesis: Nemesis, client: Client, scene: Scene) -> str:
    """Arm a point, do what passes it, and start its service again; what went wrong, or nothing."""
    instance, service = nemesis.instance, point.split(".")[0]
    (nemesis.faults / point).write_text("crash")
    reviving = asyncio.create_task(_revive(nemesis, point))
    said = ""
    try:
        match POINTS[point]:
            case "flow":
                await requisition(client, scene, random.Random(point))
            case "item":
                await item(client, scene, random.Random(point))
            case "import":
                await import_items(client, scene, random.Random(point))
            case "employee":
                await _employee(client)
            case "timer":
                await _timer(client, scene)
            case "start":
                await asyncio.to_thread(instance.stop, service)
                try:
                    await nemesis.start(service)
                except CannotContinueError as problem:  # it dies while it starts: that is the point
                    nemesis.note("died at its start", problem=str(problem)[:100])
    except (GaveUp, RefusedError) as problem:
        said = f"{point}: the flow did not go on: {problem}"
    return said if await reviving else f"{point}: nobody came by"


async def _revive(nemesis: Nemesis, point: str) -> bool:
    """Wait until the service died at the point, and start it again. False where nobody came by."""
    instance, service, deadline = nemesis.instance, point.split(".")[0], time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(nemesis.faults.glob(f"{point}@*")):
            break
        await asyncio.sleep(0.05)
    else:
        (nemesis.faults / point).unlink(missing_ok=True)
        return False
    while instance.pid(service) is not None:
        await asyncio.sleep(0.02)
        if time.monotonic() > deadline:
            return False
    nemesis.killed[service] += 1
    for file in nemesis.faults.glob(f"{point}@*"):
        file.unlink()
    await nemesis.start(service)
    return True


async def _timer(client: Client, scene: Scene) -> None:
    """A requisition whose flow waits for the day that it is needed, which has come; then the head is asked."""
    code = f"CH{secrets.token_hex(4).upper()}"
    tree = {
        "id": "start", "kind": "sequence",
        "children": [
            {"id": "wait", "kind": "delay", "name": "等待", "until_field": "need_date"},
            {"id": "head", "kind": "approve", "name": "负责人", "approvers": [{"kind": "department_head"}]},
        ],
    }  # fmt: skip
    flow = await client.write(
        FLOWS_KEEPER, FLOWS,
        {
            "code": code, "name": code, "documentType": "procurement.purchase_requisition", "priority": 1,
            "condition": f"'{code}' in facts.project_codes", "tree": tree,
        },
        database="approval", method="CreateFlowDefinition", effect=("flow", code),
    )  # fmt: skip
    asked = await client.write(
        FLOWS_KEEPER, f"{FLOWS}/{flow['id']}:publish", {"etag": flow["etag"], "note": code},
        database="approval", method="PublishFlowDefinition", effect=("publication", flow["id"]),
    )  # fmt: skip
    await client.write(
        "admin", f"/v1/approval/flow-publications/{asked['publicationId']}:approve", {},
        database="approval", method="ApproveFlowPublication", effect=("published", flow["id"]),
    )  # fmt: skip
    today = (await client.get(scene.requester, "/v1/identity/me"))["todayDate"]
    body = {
        "title": code, "currency": "CNY", "needDate": today, "deliveryPlace": "1 号库",
        "lines": [{**scene.lines[0], "quantity": "1", "projectCode": code}],
    }  # fmt: skip
    made = await client.write(
        scene.requester, REQUISITIONS, body,
        database="procurement", method="CreatePurchaseRequisition", effect=("requisition", code),
    )  # fmt: skip
    await client.write(
        scene.requester, f"{REQUISITIONS}/{made['id']}:submit", {"etag": made["etag"]},
        database="procurement", method="SubmitPurchaseRequisition", effect=("submission", made["id"]),
    )  # fmt: skip
    await decide(client, scene.head, made["id"], "approve")


async def _employee(client: Client) -> None:
    code = f"CH{secrets.token_hex(5).upper()}"
    some = (await client.get("admin", "/v1/identity/employees", filter='username = "shenjiayi"'))["employees"][0]
    body = {name: some[name] for name in ("homeCompanyId", "departmentId", "postId", "locale") if some.get(name)}
    await client.write(
        "admin", "/v1/identity/employees", body | {"code": code, "name": "混沌", "username": code.lower()},
        database="identity", method="CreateEmployee", effect=("employee", code),
    )  # fmt: skip
