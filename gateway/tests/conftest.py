import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.tests.bench import Bench, running

INDEX = """<!doctype html><html><head><meta property="csp-nonce" content="__CSP_NONCE__" nonce="__CSP_NONCE__" />
<script type="module" src="/assets/app-1.js"></script></head><body></body></html>"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def started(tmp_path_factory: Any, worker_id: str) -> AsyncIterator[Bench]:
    root: Path = tmp_path_factory.mktemp("web")
    (root / "assets").mkdir()
    (root / "index.html").write_text(INDEX)
    (root / "assets" / "app-1.js").write_text("console.log('heyi')\n" * 100)
    (root.parent / "secret.txt").write_text("not for the web")
    async with running(worker_id, root) as bench:
        yield bench


@pytest_asyncio.fixture(loop_scope="session")
async def bench(started: Bench) -> AsyncIterator[Bench]:
    """A bench as on the first day."""
    started.services.reset()
    started.realm.reset()
    await started.gateway.snapshot.refresh()
    yield started


@pytest.fixture(scope="session")
def worker_id() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "main")
