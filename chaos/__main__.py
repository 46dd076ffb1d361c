"""`python -m chaos [short] [--seed N] [--seconds S] [--hours H]`: break the suite, then count what is missing.

The last line is the verdict. Everything that a run wrote lies in .heyi/chaos/runs/<seed>: the timeline, and what each
client wrote down before it sent it. `--seed` plays the same schedule again; threads and processes still race.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import secrets
import shutil
import sys
import time
from pathlib import Path

from chaos import points
from chaos.client import Client, GaveUp, IntentLog, People, RefusedError
from chaos.flows import MIX, Scene
from chaos.nemesis import Nemesis, more, schedule
from chaos.proxy import Proxy
from chaos.verdict import converge, tell
from infra.local.instance import SERVICES, Instance

LIMITS = "rate=100000,burst=100000,anonymous_rate=1000,anonymous_burst=1000,export_rate=1000,export_burst=1000"
PAUSE_SECONDS = (0.5, 2.0)
# the full form goes on, without faults, until so many intents were acknowledged in its load
ENOUGH, CALM_SECONDS = 1500, 120


def main() -> int:
    """Run once, with one seed."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description="Break the suite and count what is missing.")
    parser.add_argument("form", nargs="?", choices=["full", "short"], default="full")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, help="length of the load at least")
    parser.add_argument("--hours", type=float, help="go on for hours")
    parser.add_argument("--no-points", action="store_true", help="without the sweep over the fault points")
    chosen = parser.parse_args()
    seconds = chosen.hours * 3600 if chosen.hours else chosen.seconds or (30 if chosen.form == "short" else 200)
    os.environ["HEYI_PROCESSES"] = "each"
    instance = Instance("chaos")
    faults, folder = instance.folder / "faults", instance.folder / "runs" / str(chosen.seed)
    for each in (faults, folder):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir(parents=True)
    os.environ |= {"HEYI_FAULTS": str(faults), "HEYI_GATEWAY_LIMITS": LIMITS}
    instance.down()
    print(f"seed {chosen.seed}; what happens is written to {folder}", flush=True)
    return asyncio.run(_run(instance, faults, folder, chosen, seconds))


async def _run(instance: Instance, faults: Path, folder: Path, chosen: argparse.Namespace, seconds: float) -> int:
    chance = random.Random(chosen.seed)
    proxy = Proxy(instance.facts["ports"]["gateway"], random.Random(chosen.seed + 1))
    nemesis = Nemesis(instance, proxy, faults, folder / "timeline.json", chance)
    can_fill = nemesis.mount()
    try:
        await asyncio.to_thread(instance.up)
        nemesis.began = time.monotonic()
        people = People(instance.url, await proxy.open())
        bad = [] if chosen.no_points else await points.sweep(nemesis, people, folder, short=chosen.form == "short")
        plan = schedule(chance, form=chosen.form, can_fill=can_fill)
        log = await _load(nemesis, people, folder, chosen, plan, seconds)
        await nemesis.repair()
        outcomes, took = await converge(instance, folder)
        killed = {f"killed {part}": nemesis.killed[part] for part in (*SERVICES, "gateway", "nats", "postgres")}
        told = await _told(Client(people, log, chance))
        coverage = {**nemesis.done, **killed, **told, "retries": log.retried, "connections cut": proxy.cuts}
        violations = tell(outcomes, coverage) + len(bad)
        acknowledged = next(o.rows for o in outcomes if o.name == "an_acknowledged_intent_is_there_once")
        print(
            f"  converged in {took:.1f} s" if not violations else f"  not well after {took:.1f} s: seed {chosen.seed}"
        )
        print(f"violations: {violations} of {acknowledged} acknowledged ({nemesis.kills} kills, 1 seeds)", flush=True)
        return 1 if violations else 0
    finally:
        await proxy.close()
        await asyncio.to_thread(instance.down)
        nemesis.unmount()


async def _load(
    nemesis: Nemesis, people: People, folder: Path, chosen: argparse.Namespace, plan: list[str], seconds: float
) -> IntentLog:
    log, stopping = IntentLog(folder / "load.jsonl"), asyncio.Event()
    clients = [Client(people, log, random.Random(f"{chosen.seed}/{n}")) for n in range(chosen.clients)]
    scene = await Scene.of(clients[0], nemesis.instance.logins())
    flows, weights = list(MIX), list(MIX.values())

    async def work(client: Client) -> None:
        while not stopping.is_set():
            (flow,) = client.chance.choices(flows, weights)
            try:
                await flow(client, scene, client.chance)
            except (GaveUp, RefusedError) as problem:
                nemesis.note("gave up", flow=flow.__name__, why=str(problem)[:300])

    working, beside = [asyncio.create_task(work(client)) for client in clients], list[asyncio.Task[None]]()
    began = time.monotonic()
    while plan or time.monotonic() - began < seconds:
        await asyncio.sleep(nemesis.chance.uniform(*PAUSE_SECONDS))
        name = plan.pop() if plan else more(nemesis.chance)
        print(f"  {time.monotonic() - began:6.1f} s  {log.acknowledged:>6} acknowledged  {name}", flush=True)
        if name.endswith("&"):
            beside.append(asyncio.create_task(nemesis.act(name.removesuffix(" &"))))
            continue
        await nemesis.act(name)
        await nemesis.repair()
    await asyncio.gather(*beside)
    for _ in range(CALM_SECONDS if chosen.form == "full" else 0):
        if log.acknowledged < ENOUGH:
            await asyncio.sleep(1)
    stopping.set()
    await asyncio.gather(*working)
    print(f"  {log.acknowledged} acknowledged, {log.unknown} unknown, {log.refused} refused, {log.retried} retries")
    return log


async def _told(client: Client) -> dict[str, int]:
    """How often Operations name a process of each kind, after all of that."""
    report = await client.get("admin", "/v1/identity/operations/report")
    names = [process["name"] for process in report["processes"]]
    return {f"operations name {kind}": names.count(kind) for kind in (*SERVICES, "gateway")}


if __name__ == "__main__":
    sys.exit(main())
