"""Pieces in any order and twice, quotas, the scanner, the sweep: nothing wrong, nothing left over."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gzip
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from chassis.testing import COMPANY, refused, stable
from documents.attachment.checking import MOST_ATTEMPTS, check_next
from documents.attachment.model import Attachment, StoreUsage
from documents.attachment.rules import KEPT_REMOVED
from documents.attachment.sweeping import _clear, _purge, sweep
from documents.tests import hostile
from documents.tests.test_attachment_rpc import PDF


async def used(files: Any) -> dict[uuid.UUID, int]:
    async with files.service.runtime.read_sessions() as session:
        return {row.id: row.used_bytes for row in await session.scalars(sa.select(StoreUsage))}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 200)), max_size=12))
@example([(0, 200), (100, 200), (0, 200)])
async def test_pieces_in_any_order_and_twice_make_the_same_file(files: Any, pieces: list[tuple[int, int]]) -> None:
    data = b"%PDF-1.7\n" + bytes(n % 251 for n in range(391))
    begun = await files.begin("requester", "a.pdf", len(data))
    received = 0
    for offset, length in pieces:
        part = data[offset : offset + length]
        if offset > received:
            with refused("ATTACHMENT_OFFSET"):
                await files.send("requester", begun.id, part, offset)
        elif part:
            received = max(received, offset + len(part))
            assert await files.send("requester", begun.id, part, offset) == received
    await files.send("requester", begun.id, data[received:], received)
    requester = files.service.as_("requester")
    await requester.FinishAttachment(id=begun.id, sha256=hashlib.sha256(data).hexdigest())
    assert await check_next(files.service.runtime)
    assert (await files.download("requester", begun.id))[1] == data


async def test_more_than_was_said_and_less_are_refused(files: Any) -> None:
    begun = await files.begin("requester", "a.pdf", len(PDF))
    with refused("ATTACHMENT_BEYOND"):
        await files.send("requester", begun.id, PDF + b"x")
    await files.send("requester", begun.id, PDF[:10])
    with refused("ATTACHMENT_INCOMPLETE") as found:
        await files.service.as_("requester").FinishAttachment(id=begun.id, sha256="0" * 64)
    assert found.value.facts == {"received_bytes": "10", "size": str(len(PDF))}
    with refused("FIELD_FORMAT", field="sha256"):
        await files.service.as_("requester").FinishAttachment(id=begun.id, sha256="nonsense")


async def test_a_piece_leaves_no_audit_entry_and_no_new_version(files: Any) -> None:
    begun = await files.begin("requester", "a.pdf", len(PDF))
    await files.send("requester", begun.id, PDF, step=16)
    now = await files.service.as_("requester").GetAttachment(id=begun.id)
    assert (now.etag, now.received_bytes) == (begun.etag, len(PDF))
    assert [entry.method.split("/")[1] for entry in await files.service.audit()] == ["CreateAttachment"]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"GIF89a" + bytes(30), "ATTACHMENT_CONTENT"),
        ("a.png", b"<html><script>alert(1)</script></html>", "ATTACHMENT_CONTENT"),
        ("a.docx", b"PK\x03\x04" + bytes(60), "ATTACHMENT_DAMAGED"),
        ("a.zip", hostile.large_dictionary(), "ATTACHMENT_BOMB"),
        ("a.svg", hostile.svg("<script/>").encode(), "ATTACHMENT_ACTIVE"),
        ("a.svg", gzip.compress(hostile.svg("<script/>").encode(), mtime=0), "ATTACHMENT_CONTENT"),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_and_nothing_of_it_is_kept(
    files: Any, name: str, data: bytes, reason: str
) -> None:
    file = await files.add("requester", name, data)
    assert (file.state, file.refusal) == (file.REFUSED, reason)
    assert list(file.allowed_actions) == ["delete"]
    assert files.lying() == []
    assert set((await used(files)).values()) == {0}
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("colleague").GetAttachment(id=file.id)


async def test_what_came_must_be_what_was_sent(files: Any) -> None:
    begun = await files.begin("requester", "a.pdf", len(PDF))
    await files.send("requester", begun.id, PDF)
    await files.service.as_("requester").FinishAttachment(id=begun.id, sha256=hashlib.sha256(b"other").hexdigest())
    await check_next(files.service.runtime)
    file = await files.service.as_("requester").GetAttachment(id=begun.id)
    assert (file.refusal, file.refusal_facts["found"]) == ("ATTACHMENT_HASH", hashlib.sha256(PDF).hexdigest()[:12])


async def test_quotas_count_what_is_there_and_free_what_goes(files: Any) -> None:
    files.limits(LIMITS="file=1KiB,person=2KiB,company=3KiB")
    with refused("ATTACHMENT_TOO_LARGE") as large:
        await files.begin("requester", "a.pdf", 1536)
    assert large.value.facts == {"size": "1.5 KiB", "limit": "1 KiB"}
    with refused("ATTACHMENT_EMPTY"):
        await files.begin("requester", "a.pdf", 0)
    first = await files.begin("requester", "a.pdf", 1024)
    await files.begin("requester", "b.pdf", 1024)
    with refused("ATTACHMENT_PERSON_QUOTA"):
        await files.begin("requester", "c.pdf", 1)
    await files.begin("colleague", "d.pdf", 1024)
    with refused("ATTACHMENT_COMPANY_QUOTA"):
        await files.begin("head", "e.pdf", 1)
    await files.service.as_("requester").DeleteAttachment(id=first.id)
    await files.begin("head", "e.pdf", 1)
    assert (await used(files))[COMPANY] == 2049
    assert (await used(files))[stable("requester")] == 1024


async def test_the_sweep_takes_what_was_given_up_and_what_no_row_names_and_nothing_else(files: Any) -> None:
    kept = await files.add("requester", "kept.pdf", PDF)
    begun = await files.begin("requester", "given up.pdf", len(PDF))
    await files.send("requester", begun.id, PDF[:20])
    fresh, old = files.store.upload(uuid.uuid4()), files.store.blob(uuid.uuid4())
    old.parent.mkdir(parents=True)
    for path in (fresh, old):
        path.write_bytes(b"x")
    day_ago = datetime.datetime.now().timestamp() - 25 * 3600  # noqa: DTZ005
    blob = files.store.blob(await files.blob(kept.id))
    for path in (old, blob):
        os.utime(path, (day_ago, day_ago))

    assert (await sweep(files.service.runtime))["strays"] == 1
    files.later(hours=25)
    assert (await sweep(files.service.runtime))["abandoned"] == 1
    assert sorted(files.lying()) == sorted([blob, fresh])
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("requester").GetAttachment(id=begun.id)
    assert (await used(files))[stable("requester")] == len(PDF)


async def test_a_file_that_is_brought_back_while_the_sweep_goes_on_keeps_its_bytes(files: Any) -> None:
    """It was listed with the one that goes first, and comes back before its own turn."""
    first, second = [await files.add("requester", name, PDF) for name in ("first.pdf", "second.pdf")]
    for file in (first, second):
        await files.service.as_("requester").RemoveAttachment(id=file.id)
        files.later(seconds=1)
    files.later(days=31)

    async def purge(call: Any, row: Any) -> None:
        await files.service.as_("requester").RestoreAttachment(id=second.id)
        await _purge(call, row)

    assert await _clear(files.service.runtime, "REMOVED", KEPT_REMOVED, purge) == 1
    assert (await files.download("requester", second.id))[1] == PDF
    assert files.lying() == [files.store.blob(await files.blob(second.id))]


async def test_an_inspection_that_ends_without_a_word_holds_up_nobody_and_is_not_made_for_ever(
    files: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python without its library ends with 1 before it has looked at anything."""
    file = await files.add("requester", "a.pdf", PDF, check=False)
    for attempt in range(MOST_ATTEMPTS):
        monkeypatch.setenv("PYTHONHOME", str(files.store.folder))
        assert await check_next(files.service.runtime)
        monkeypatch.delenv("PYTHONHOME")
        assert (await files.add("requester", f"{attempt}.pdf", PDF)).state == file.READY
        files.later(seconds=31)
    refusal = await files.service.as_("requester").GetAttachment(id=file.id)
    assert (refusal.state, refusal.refusal) == (file.REFUSED, "ATTACHMENT_UNCHECKED")
    assert dict(refusal.refusal_facts) == {"name": "a.pdf", "attempts": str(MOST_ATTEMPTS)}
    assert (await used(files))[stable("requester")] == MOST_ATTEMPTS * len(PDF)


async def test_a_check_that_died_is_made_again_whole(files: Any) -> None:
    """The file was kept, and the process ended before the row said so; another takes it once the lease is over."""
    file = await files.add("requester", "a.pdf", PDF, check=False)
    await files.store.keep(await files.blob(file.id), len(PDF))
    async with files.service.runtime.sessions() as session, session.begin():
        until = files.service.clock.now() + datetime.timedelta(seconds=30)
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        await session.execute(sa.update(Attachment).values(leased_until=until))
    assert not await check_next(files.service.runtime)
    files.later(seconds=31)
    assert await check_next(files.service.runtime)
    assert (await files.download("requester", file.id))[1] == PDF


async def test_a_file_that_is_not_in_the_store_is_refused_and_not_half_sent(files: Any) -> None:
    file = await files.add("requester", "a.pdf", PDF)
    files.store.blob(await files.blob(file.id)).unlink()
    with refused("ATTACHMENT_NOT_READY"):
        await files.download("requester", file.id)


@contextlib.asynccontextmanager
async def clamd(most_bytes: int = 10**6) -> AsyncIterator[str]:
    """Something that speaks clamd's protocol and finds EICAR's test word; it takes so many bytes and no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readuntil(b"\0") == b"zINSTREAM\0"
        data = b""
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            data += await reader.readexactly(size)
        if len(data) > most_bytes:
            writer.write(b"INSTREAM size limit exceeded. ERROR\0")
        else:
            writer.write(b"stream: Eicar-Test-Signature FOUND\0" if b"EICAR" in data else b"stream: OK\0")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_the_scanner_s_word_counts(files: Any) -> None:
    async with clamd() as address:
        files.limits(CLAMD=address)
        clean = await files.add("requester", "a.pdf", PDF)
        infected = await files.add("requester", "b.txt", b"EICAR")
        large = await files.add("requester", "c.pdf", PDF + bytes(10**6))
    assert (clean.state, clean.scan) == (clean.READY, clean.CLEAN)
    assert (infected.refusal, dict(infected.refusal_facts)) == (
        "ATTACHMENT_INFECTED",
        {"signature": "Eicar-Test-Signature"},
    )
    assert (large.state, large.scan) == (large.READY, large.NOT_SCANNED)


async def test_while_the_scanner_is_away_files_wait_for_it(files: Any) -> None:
    files.limits(CLAMD="127.0.0.1:1")
    file = await files.add("requester", "a.pdf", PDF)
    assert file.state == file.CHECKING
    async with clamd() as address:
        files.limits(CLAMD=address)
        files.later(seconds=31)
        assert await check_next(files.service.runtime)
    assert (await files.service.as_("requester").GetAttachment(id=file.id)).scan == file.CLEAN
