"""The sweep: the flagship flow once for each fault point, the services dying there, and what is left of it."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from pathlib import Path

from chaos.client import Client, GaveUp, IntentLog, People, RefusedError
from chaos.flows import Scene, item, requisition
from chaos.nemesis import Nemesis
from chaos.verdict import converge

CALLS = ("before_tx", "after_first_write", "before_commit", "after_commit", "before_reply")
EVENTS = ("event_after_inbox", "event_before_commit", "event_after_commit", "before_acknowledge")
RELAY = ("before_publish", "after_publish")
# point -> what makes somebody come by: the flow, or a start
POINTS: dict[str, str] = {
    **{f"{service}.{point}": "flow" for service in ("procurement", "approval") for point in (*CALLS, *EVENTS, *RELAY)},
    **{f"inventory.{point}": "item" for point in ("before_commit", "after_commit", "after_publish")},
    "procurement.replay": "flow",
    "housekeeping": "start",
    "procurement.sweep_before_mark": "start",
    "identity.keycloak_claimed": "employee",
    "identity.keycloak_written": "employee",
}
SHORT = ("procurement.after_commit", "approval.event_before_commit", "procurement.after_publish")


async def sweep(nemesis: Nemesis, people: People, folder: Path, *, short: bool) -> list[str]:
    """Crash at each point once; returns the points at which something was left."""
    instance, faults, bad = nemesis.instance, nemesis.faults, []
    chance = random.Random(7)
    log = IntentLog(folder / "points.jsonl")
    client = Client(people, log, chance)
    client.impatience = 0
    scene = await Scene.of(client, instance.logins())
    for point, occasion in POINTS.items():
        if short and point not in SHORT:
            continue
        began = time.monotonic()
        (faults / point).write_text("crash")
        reviving = asyncio.create_task(_revive(nemesis, point))
        try:
            match occasion:
                case "flow":
                    await requisition(client, scene, random.Random(point))
                case "item":
                    await item(client, scene, random.Random(point))
                case "employee":
                    await _employee(client)
                case "start":
                    await asyncio.to_thread(instance.stop, "services")
                    try:
                        await asyncio.to_thread(instance.start, "services")
                    except Exception as problem:  # noqa: BLE001  (it dies while it starts: that is the point)
                        nemesis.note("died at its start", problem=str(problem)[:100])
            said = ""
        except (GaveUp, RefusedError) as problem:
            said = f"the flow did not go on: {problem}"
        fired = await reviving
        outcomes, took = await converge(instance, folder)
        found = [f"{o.name}: {f.what}" for o in outcomes for f in o.findings]
        if not fired:
            said = "nobody came by"
        verdict = said or "; ".join(found[:3])
        print(f"  {point:<34}{time.monotonic() - began:5.1f} s  {verdict or 'converged'}", flush=True)
        nemesis.note("point", name=point, fired=fired, converge_seconds=round(took, 2), found=found[:10])
        if verdict:
            bad.append(point)
    return bad


async def _revive(nemesis: Nemesis, point: str) -> bool:
    """Wait until the services died at the point, and start them again. False where nobody came by."""
    instance, deadline = nemesis.instance, time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(nemesis.faults.glob(f"{point}@*")):
            break
        await asyncio.sleep(0.05)
    else:
        (nemesis.faults / point).unlink(missing_ok=True)
        return False
    while instance.pid("services") is not None:
        await asyncio.sleep(0.02)
        if time.monotonic() > deadline:
            return False
    nemesis.kills += 1
    for file in nemesis.faults.glob(f"{point}@*"):
        file.unlink()
    await asyncio.to_thread(instance.start, "services")
    return True


async def _employee(client: Client) -> None:
    code = f"CH{secrets.token_hex(5).upper()}"
    some = (await client.get("admin", "/v1/identity/employees", filter='username = "shenjiayi"'))["employees"][0]
    body = {name: some[name] for name in ("homeCompanyId", "departmentId", "postId", "locale") if some.get(name)}
    await client.write(
        "admin", "/v1/identity/employees", body | {"code": code, "name": "混沌", "username": code.lower()},
        database="identity", method="CreateEmployee", effect=("employee", code),
    )  # fmt: skip
