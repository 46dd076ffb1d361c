"""The event servers as the chart sets them up, three of them as processes of this machine: they take the configuration,
keep one stream together, and give each account what one machine gives it.
"""

import os
import re
import socket
import subprocess
from pathlib import Path

import nats.errors
import pytest

from chassis import stream
from chassis.outbox import STREAM
from chassis.testing import eventually
from infra import chart
from infra.local import machine
from infra.local.instance import OWNERS
from infra.local.nats import Nats
from infra.tests.test_chart import at, environment

SERVERS = range(3)
# words that would be numbers without their quotes
PASSWORD, ROUTE = "12e45", "67e89"


@pytest.fixture(scope="module")
def objects():
    return chart.objects(chart.template())


def test_each_account_may_do_what_it_may_on_one_machine(objects):
    conf = at(objects, "ConfigMap/nats")["data"]["nats.conf"]
    there = Nats(None, Path(), port=0, name="", passwords=dict.fromkeys(OWNERS, "x"))
    for owner in OWNERS:
        block = conf.split(f'user: "{owner}", password: ${owner.upper()}_PASSWORD', 1)[1].split("user: ")[0]
        wanted = there._user(owner, "x").split('password: "x"', 1)[1]
        assert sorted(re.findall(r'"[^"]+"', block)) == sorted(re.findall(r'"[^"]+"', wanted))
    assert len(re.findall("user: ", conf)) == len(OWNERS) + 1  # and the servers among each other


def start(objects, folder, number, ports, *, route=ROUTE):
    """One server with the chart's configuration and environment; only its addresses and folders are this machine's."""
    conf = at(objects, "ConfigMap/nats")["data"]["nats.conf"]
    for port, kind in zip((4222, 8222, 6222), ("clients", "monitor", "routes"), strict=True):
        conf = conf.replace(f"0.0.0.0:{port}", f"127.0.0.1:{ports[kind][number]}")
    own = folder / str(number)
    own.mkdir(exist_ok=True)
    (own / "nats.conf").write_text(conf.replace("/data/", f"{own}/").replace("/run/nats/", f"{own}/"))
    told = {}
    for name, value in environment(objects, "StatefulSet/nats", POD=f"heyi-nats-{number}").items():
        value = value.replace("word", route if "ROUTE" in name else PASSWORD)
        told[name] = re.sub(
            r"heyi-nats-(\d)\.heyi-nats:6222", lambda n: f"127.0.0.1:{ports['routes'][int(n[1])]}", value
        )
    command = [str(machine.PYTHON.parent / "nats-server"), "-c", str(own / "nats.conf")]
    with (own / "log").open("w") as log:
        return subprocess.Popen(command, env={**told, "PATH": os.environ["PATH"]}, stdout=log, stderr=log)


async def sure(asked):
    """What is answered; that it was not yet is for `eventually`."""
    try:
        return await asked
    except (OSError, nats.errors.Error) as problem:
        raise AssertionError(repr(problem)) from problem


async def test_three_servers_keep_the_stream_together(objects, tmp_path, monkeypatch):
    monkeypatch.setenv("HEYI_STREAM_REPLICAS", environment(objects, "Deployment/identity")["HEYI_STREAM_REPLICAS"])
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(9)]
    free = [probe.getsockname()[1] for probe in probes]
    ports = {"clients": free[:3], "monitor": free[3:6], "routes": free[6:]}
    for probe in probes:
        probe.close()
    running = [start(objects, tmp_path, number, ports) for number in SERVERS]
    try:
        addresses = [f"nats://identity:{PASSWORD}@127.0.0.1:{port}" for port in ports["clients"]]

        wire = await eventually(lambda: sure(stream.connect(addresses[0], "identity", max_reconnect_attempts=1)))
        events = wire.jetstream()
        # there is no leader in the first seconds
        await eventually(lambda: sure(stream.ensure_stream(events)), seconds=60)
        assert (await events.stream_info(STREAM)).config.num_replicas == 3
        await eventually(lambda: sure(events.publish("evt.identity.employee.hired", b"{}")))

        # one goes: the others keep what was said and take more
        running[2].kill()
        running[2].wait()
        taken = await eventually(lambda: sure(events.publish("evt.identity.employee.hired", b"{}")))
        assert taken.seq >= 2

        # and whoever does not know the servers' password is no server
        running[2] = start(objects, tmp_path, 2, ports, route="another")

        async def is_refused():
            assert "Authorization Violation" in (tmp_path / "2" / "log").read_text()

        await eventually(is_refused)
        await wire.close()
    finally:
        for one in running:
            one.kill()
            one.wait()
