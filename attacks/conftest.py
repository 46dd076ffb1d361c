"""Attacks on one running instance: the people and doors of the stories, and strangers with addresses of their own."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx2
import pytest
from api import Session, sessions

from infra.local.instance import Instance

_spec = importlib.util.spec_from_file_location("stories", Path(__file__).parent.parent / "e2e-tests" / "conftest.py")
assert _spec is not None
assert _spec.loader is not None
stories = importlib.util.module_from_spec(_spec)
sys.modules["stories"] = stories
_spec.loader.exec_module(stories)
instance, people, door, browser, firefox, remembered, window, demo = (
    getattr(stories, name)
    for name in ("instance", "people", "door", "browser", "firefox", "remembered", "window", "demo")
)

# Requests of nobody are rationed for each address, and the whole of 127/8 is this machine: attackers do not share one.
_addresses = (f"127.{second}.{third}.7" for second, third in itertools.product(range(10, 250), range(1, 250)))


@pytest.fixture
async def stranger(instance: Instance) -> AsyncIterator[Callable[[], httpx2.AsyncClient]]:
    """`stranger()`: a client that follows nothing, keeps nothing and comes from an address nobody else uses."""
    async with contextlib.AsyncExitStack() as stack:

        def make() -> httpx2.AsyncClient:
            transport = httpx2.AsyncHTTPTransport(local_address=next(_addresses))
            client = httpx2.AsyncClient(base_url=instance.url, transport=transport, timeout=30, trust_env=False)
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture(scope="module")
async def requester(instance: Instance) -> AsyncIterator[Session]:
    """A session of a plain requester, of its own."""
    async with sessions(instance, "shenjiayi") as (session,):
        yield session


@pytest.fixture(scope="module")
async def admin(instance: Instance) -> AsyncIterator[Session]:
    """A session of the administrator, of its own."""
    async with sessions(instance, "admin") as (session,):
        yield session


@pytest.fixture(scope="module")
async def outsider(instance: Instance) -> AsyncIterator[Session]:
    """A session of somebody in another company."""
    async with sessions(instance, "heyutong") as (session,):
        yield session
