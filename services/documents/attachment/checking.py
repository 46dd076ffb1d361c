"""What came is checked before anybody else sees it: that it is what was sent, what it is by its bytes, that it can be
opened safely, and by the virus scanner where one is set up. Then it is added to its document, or refused and told why.

One pass takes one file with a lease and renews it while it works; who dies with a file leaves it to the next.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import subprocess
import sys
import uuid
from typing import Any

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor, Refused
from chassis.db import fenced_to
from chassis.passes import over_and_over
from chassis.runtime import Runtime
from documents import inspection
from documents.attachment import rules, usage
from documents.attachment.model import Attachment
from documents.scanner import ScannerAway, scan
from documents.settings import Settings, settings_of
from heyi.documents.v1 import attachments_pb2 as pb

log = telemetry.logger("documents.checking")

METHOD = "CheckAttachment"
LOOK_SECONDS, LEASE, RENEW_SECONDS = 0.5, datetime.timedelta(seconds=30), 10.0
# a scanner that is away is asked again, and the others go on meanwhile
SCANNER_AGAIN = datetime.timedelta(seconds=30)
WORKERS = 2
INSPECTION_SECONDS = 120
# An inspection that ends without a word may be the machine's fault: it is made again, but not for ever.
MOST_ATTEMPTS = 3
MOST_UNPACKED, MOST_UNPACKED_ZIP = 200 * 1024**2, 2 * 1024**3


class InspectionFailed(Exception):
    """The process that looks into a file ended by itself and said nothing of the file."""


async def check_what_came(runtime: Runtime) -> None:
    """Work until cancelled."""

    async def once() -> None:
        while await check_next(runtime):
            pass

    async with asyncio.TaskGroup() as workers:
        for _ in range(WORKERS):
            workers.create_task(over_and_over(once, seconds=LOOK_SECONDS, log=log, waiting="files wait to be checked"))


async def check_next(runtime: Runtime) -> bool:
    """Check the file that waits longest; False where none does."""
    row = await _take(runtime)
    if row is None:
        return False
    work = asyncio.create_task(_check(settings_of(runtime), row))
    try:
        while not (await asyncio.wait({work}, timeout=RENEW_SECONDS))[0]:
            await _lease(runtime, row.id, LEASE)
        found: dict[str, Any] = await work
    except Refused as refusal:
        if refusal.reason == "ATTACHMENT_STORE_FULL":
            await _lease(runtime, row.id, SCANNER_AGAIN)
            return True
        found = {"refusal": refusal.reason, "refusal_facts": dict(refusal.facts)}
    except ScannerAway as away:
        log.warning("the scanner is away", error=str(away)[:200])
        telemetry.count("heyi.documents.scanner.away")
        await _lease(runtime, row.id, SCANNER_AGAIN)
        return True
    except InspectionFailed as failed:
        log.error("an inspection failed", file=str(row.id), attempt=row.attempts + 1, error=str(failed))
        if row.attempts + 1 < MOST_ATTEMPTS:
            await _lease(runtime, row.id, LEASE, attempts=row.attempts + 1)
            return True
        found = {"refusal": "ATTACHMENT_UNCHECKED", "refusal_facts": {"name": row.name, "attempts": str(MOST_ATTEMPTS)}}
    finally:
        work.cancel()
    await _settle(runtime, row, found)
    return True


async def _check(settings: Settings, row: Any) -> dict[str, Any]:
    """What a file is, once it lies among the files. Raises Refused with what is wrong with it."""
    store = settings.store
    path = store.upload(row.blob)
    if not await asyncio.to_thread(path.exists):
        # kept by a pass that died before it could say so
        path = store.blob(row.blob)
    try:
        found = await store.digest(path, row.size_bytes)
    except FileNotFoundError:
        found = None
    if found != row.sha256:
        raise Refused("ATTACHMENT_HASH", sent=row.sha256[:12], found=(found or "–")[:12])
    extension = rules.extension_of(row.name)
    said = await _inspect(path, store.preview(row.blob), extension)
    media_type = rules.check_kind(extension, said["media_type"], text=said["text"])
    if said.get("refusal"):
        raise Refused(said["refusal"], **{"name": row.name, **said["facts"]})
    signature = await scan(settings.clamd, path) if settings.clamd else None
    if signature:
        raise Refused("ATTACHMENT_INFECTED", signature=signature[:100])
    await store.keep(row.blob, row.size_bytes)
    return {
        "media_type": media_type,
        "view": rules.view_of(media_type, pictured=said["pictured"]),
        "scan": "NOT_SCANNED" if signature is None else "CLEAN",
    }


async def _inspect(path: Any, preview: Any, extension: str) -> dict[str, Any]:
    most = (MOST_UNPACKED_ZIP if extension == "zip" else MOST_UNPACKED) if extension in rules.PACKED else 0
    command = [sys.executable, "-m", inspection.__name__, str(path), str(preview), str(most), extension]
    try:
        # a thread waits for it: the loop's own pipes to children were seen closing under gRPC's threads
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, timeout=INSPECTION_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise Refused("ATTACHMENT_BOMB", limit=rules.size_text(most or MOST_UNPACKED)) from None
    if done.returncode < 0:
        # ended for what it used of time or memory: whoever opens the file would fare no better
        raise Refused("ATTACHMENT_BOMB", limit=rules.size_text(most or MOST_UNPACKED))
    if done.returncode:
        raise InspectionFailed(f"it ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return dict(json.loads(done.stdout))


async def _take(runtime: Runtime) -> Any:
    """The file that waits longest and that nobody holds, leased."""
    now, table = runtime.clock.now(), Attachment.__table__
    free = sa.or_(Attachment.leased_until.is_(None), Attachment.leased_until <= now)
    first = (
        sa.select(Attachment.id)
        .where(Attachment.state == "CHECKING", free)
        .order_by(Attachment.touched_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    wanted = ("id", "name", "size_bytes", "sha256", "blob", "added_by_id", "attempts")
    taken = sa.update(table).where(table.c.id.in_(first.scalar_subquery())).values(leased_until=now + LEASE)
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            return (await session.execute(taken.returning(*(table.c[name] for name in wanted)))).one_or_none()


async def _lease(runtime: Runtime, key: uuid.UUID, until: datetime.timedelta, **more: int) -> None:
    held = sa.update(Attachment.__table__).where(Attachment.id == key)
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            await session.execute(held.values(leased_until=runtime.clock.now() + until, **more))


async def _settle(runtime: Runtime, taken: Any, found: dict[str, Any]) -> None:
    """Add it to its document, or say why not. Nothing of what was refused is kept."""
    refused = "refusal" in found
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            actor = Actor(None, service=runtime.service.name, caused_by=taken.added_by_id)
            call = runtime.call_for_event(session, actor, NO_COMPANY, "")
            row = await call.load(Attachment, taken.id, scope=False)
            if row.state != "CHECKING":
                return
            call.company_id = row.company_id or row.charged_company_id
            for name, value in found.items():
                setattr(row, name, value)
            row.leased_until, row.touched_at = None, call.now()
            if refused:
                row.state = "REFUSED"
                await usage.release(call, row)
            else:
                row.state, row.add_time = "READY", call.now()
            call.announce(pb.AttachmentRefused if refused else pb.AttachmentAdded, row, {row.added_by_id})
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    if refused:
        await settings_of(runtime).store.forget(taken.blob)
    telemetry.count("heyi.documents.checked", outcome="refused" if refused else "added")
