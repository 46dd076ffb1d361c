"""The programs that the chart brings along: what makes Secrets, what waits, what migrates the first time."""

from __future__ import annotations

import copy
import json
import os
import re
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import asyncpg
import pytest

from chassis import testing_postgres
from infra import chart
from infra.tests.test_chart import Objects, at


@pytest.fixture(scope="module")
def demo() -> Objects:
    return chart.objects(chart.template("--values", str(chart.CHART / "values-demo.yaml")))


class Cluster(BaseHTTPRequestHandler):
    """As much of the cluster's API as the Job asks."""

    kept: dict[str, dict[str, str]]
    refuse = False

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[1]
        self._say(200, {"data": self.kept[name]}) if name in self.kept else self._say(404, {})

    def do_POST(self) -> None:
        body = self._body()
        self.kept[body["metadata"]["name"]] = dict(body["stringData"])
        self._say(403 if self.refuse else 201, {})

    def do_PATCH(self) -> None:
        self.kept[self.path.rsplit("/", 1)[1]] |= self._body()["stringData"]
        self._say(200, {})

    def _body(self) -> dict[str, Any]:
        return dict(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _say(self, status: int, body: Any) -> None:
        assert self.headers["Authorization"] == "Bearer word"
        assert self.path.startswith("/api/v1/namespaces/heyi/secrets")
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[type[Cluster]]:
    kind = type("One", (Cluster,), {"kept": {}})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kind.url = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    yield kind
    server.shutdown()
    server.server_close()


def make_secrets(cluster: Any, objects: Objects, folder: Path) -> subprocess.CompletedProcess[str]:
    """The Job's own script, as the chart carries it."""
    data = at(objects, "ConfigMap/setup-hook")["data"]
    for name in ("make_secrets.py", "secrets.json"):
        (folder / name).write_text(data[name])
    (folder / "token").write_text("word")
    env = {"API": cluster.url, "NAMESPACE": "heyi", "SERVICE_ACCOUNT": str(folder)}
    command = [sys.executable, str(folder / "make_secrets.py"), str(folder / "secrets.json")]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_missing_secrets_are_made_and_none_is_changed(demo: Objects, cluster: type[Cluster], tmp_path: Path) -> None:
    cluster.kept["heyi-identity"] = {"client-secret": "mine"}

    first = make_secrets(cluster, demo, tmp_path)

    assert first.returncode == 0, first.stderr
    kept = copy.deepcopy(cluster.kept)
    assert kept["heyi-identity"]["client-secret"] == "mine"
    assert re.fullmatch(r"k1:[A-Za-z0-9+/]{43}=", kept["heyi-identity"]["keys"])
    assert kept["heyi-postgresql"]["username"] == "heyi"
    made = [value for one in kept.values() for value in one.values()]
    assert len(set(made)) == len(made)
    assert not [value for value in made if value in first.stdout + first.stderr and value not in ("heyi", "mine")]

    second = make_secrets(cluster, demo, tmp_path)

    assert second.returncode == 0, second.stderr
    assert cluster.kept == kept


def test_a_refusal_of_the_cluster_fails_the_job(demo: Objects, cluster: type[Cluster], tmp_path: Path) -> None:
    cluster.refuse = True

    done = make_secrets(cluster, demo, tmp_path)

    assert done.returncode == 1
    assert "403" in done.stderr


def test_what_the_job_may_is_what_it_needs(demo: Objects) -> None:
    wanted = json.loads(at(demo, "ConfigMap/setup-hook")["data"]["secrets.json"])["secrets"]

    assert at(demo, "Role/secrets")["rules"] == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "patch"], "resourceNames": sorted(wanted)},
    ]


# ---- the first migration, and who waits for it


@pytest.fixture
async def database() -> AsyncIterator[tuple[str, asyncpg.Connection]]:
    """A new database's address, and a connection to it."""
    url, name = os.environ[testing_postgres.VARIABLE], f"t{uuid.uuid4().hex}"
    above = await asyncpg.connect(url)
    await above.execute(f"CREATE DATABASE {name}")
    own = testing_postgres.at(url, name)
    inside = await asyncpg.connect(own)
    yield own, inside
    await inside.close()
    await above.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await above.close()


def script(name: str, url: str, *arguments: str) -> subprocess.Popen[str]:
    """One of the chart's programs, its database's address in the environment."""
    command = [sys.executable, str(chart.CHART / "files" / name), "DATABASE_URL", *arguments]
    return subprocess.Popen(command, env={"DATABASE_URL": url}, stdout=subprocess.PIPE, text=True)


async def test_a_pod_waits_for_its_tables_and_no_longer(database: tuple[str, asyncpg.Connection]) -> None:
    url, inside = database
    waiting = script("wait.py", url, "alembic_version")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "waits: no table alembic_version yet\n"
    assert waiting.poll() is None

    await inside.execute("CREATE TABLE alembic_version ()")

    assert waiting.wait(20) == 0


def test_a_migration_waits_for_the_event_server_too() -> None:
    url = os.environ[testing_postgres.VARIABLE]
    waiting = script("wait.py", url, "", "127.0.0.1:1")
    assert waiting.stdout is not None
    assert waiting.stdout.readline() == "waits: ConnectionRefusedError\n"
    waiting.kill()
    waiting.wait()

    assert script("wait.py", url, "", url.rsplit("@", 1)[1].split("/")[0]).wait(20) == 0


def test_the_reconciler_lives_while_the_database_is_away() -> None:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        port, nobody = one.getsockname()[1], other.getsockname()[1]
    told = {
        "HEYI_PROBE_PORT": str(port),
        "HEYI_IDENTITY_RO_DATABASE_URL": f"postgresql://ro@127.0.0.1:{nobody}/identity",
    }
    command = [sys.executable, "-m", "reconciler", "serve"]
    with subprocess.Popen(command, env=os.environ | told, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["event"] == "ready"
            assert json.loads(process.stdout.readline())["event"] == "waits for the database"
            with urlopen(f"http://127.0.0.1:{port}/live", timeout=5) as answer:
                assert (answer.status, answer.read()) == (200, b"live")
        finally:
            process.terminate()
        assert process.wait(10) == 0
