"""Fixtures of documents' tests: the service beside inventory as the owner of documents, and a store of its own.

Inventory is asked over gRPC with the caller's token, as it is in operation: nothing of it is replaced.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.api import httpbody_pb2

from chassis import testing_postgres
from chassis.clients import Clients
from chassis.server import generic_handlers
from chassis.service import find
from chassis.testing import Account, Bench, bench_for, service_fixtures
from documents.attachment.checking import check_next
from documents.attachment.model import Attachment
from documents.settings import settings_of
from documents.store import Store

globals().update(service_fixtures("documents"))


@pytest.fixture(scope="session", name="_inventory")
async def _inventory() -> AsyncIterator[tuple[Bench, str]]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    bench = await bench_for(os.environ[testing_postgres.VARIABLE], find("inventory"), f"owner_{worker}")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(tuple(generic_handlers(bench.runtime)))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield bench, f"127.0.0.1:{port}"
    await server.stop(0)
    await bench.close()


@dataclasses.dataclass
class Files:
    """The service with a document to attach to: a unit, which everybody who may read units sees."""

    service: Bench
    inventory: Bench
    unit: Any
    store: Store

    @property
    def parent(self) -> dict[str, str]:
        """The document that files of these tests belong to."""
        return {"document_type": "inventory.unit", "document_id": self.unit.id}

    def limits(self, **extras: str) -> None:
        """Other settings for this test."""
        now = self.service.runtime.settings
        self.service.runtime.settings = dataclasses.replace(now, extras={**now.extras, **extras})

    def later(self, **span: float) -> None:
        """Time goes on, for both services."""
        self.service.clock.advance(**span)
        self.inventory.clock.advance(**span)

    async def begin(self, who: str, name: str, size: int, **more: Any) -> Any:
        """An upload that was begun."""
        body = {"name": name, "size_bytes": size, **self.parent, **more}
        return await self.service.as_(who).CreateAttachment(attachment=body)

    async def send(self, who: str, key: str, data: bytes, offset: int = 0, step: int = 64 * 1024) -> int:
        """Bytes from an offset on, in pieces; how much the service has then."""
        received = offset
        for start in range(0, len(data), step):
            piece = httpbody_pb2.HttpBody(data=data[start : start + step])
            reply = await self.service.as_(who).UploadAttachment(id=key, offset=offset + start, content=piece)
            received = reply.received_bytes
        return received

    async def add(self, who: str, name: str, data: bytes, *, check: bool = True, **more: Any) -> Any:
        """A whole file, checked; as its owner sees it then."""
        begun = await self.begin(who, name, len(data), **more)
        await self.send(who, begun.id, data)
        await self.service.as_(who).FinishAttachment(id=begun.id, sha256=hashlib.sha256(data).hexdigest())
        if check:
            while await check_next(self.service.runtime):
                pass
        return await self.service.as_(who).GetAttachment(id=begun.id)

    async def download(self, who: str, key: str, **how: Any) -> tuple[str, bytes]:
        """What a download says of itself, and its bytes."""
        pieces = [piece async for piece in await self.service.as_(who).DownloadAttachment(id=key, **how)]
        return pieces[0].content_type, b"".join(piece.data for piece in pieces)

    async def blob(self, key: str) -> uuid.UUID:
        """A file's name in the store."""
        async with self.service.runtime.read_sessions() as session:
            row = await session.get(Attachment, uuid.UUID(key))
            assert row is not None
            return row.blob

    def lying(self) -> list[Path]:
        """Everything that lies in the store."""
        return sorted(path for path in self.store.folder.rglob("*") if path.is_file())


@pytest.fixture
async def files(service: Bench, _inventory: tuple[Bench, str], tmp_path: Path) -> AsyncIterator[Files]:
    inventory, address = _inventory
    await inventory.clear()
    before = service.runtime.settings, service.runtime.clients
    service.runtime.settings = dataclasses.replace(before[0], extras={"STORE": str(tmp_path / "store")})
    service.runtime.clients = Clients({"inventory": address}, Account(service))  # type: ignore[arg-type]
    unit = await inventory.as_("admin").CreateUnit(unit={"code": "PCS", "name": "个"})
    store = settings_of(service.runtime).store
    store.prepare()
    yield Files(service, inventory, unit, store)
    await service.runtime.clients.close()
    service.runtime.settings, service.runtime.clients = before
