"""Serves heyi.documents.v1.Attachments: files come in pieces; every right is asked of the document's own service."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from google.api import httpbody_pb2

from chassis import ids, mapping, telemetry
from chassis.call import Call, Refused
from chassis.states import advance
from documents.attachment import parents, rules, usage
from documents.attachment.model import Attachment
from documents.attachment.parents import Parent
from documents.settings import Settings, settings_of
from heyi.documents.v1 import attachments_pb2 as pb

log = telemetry.logger("documents.attachment")

_SHA256 = re.compile(r"[0-9a-f]{64}")
# pages that are asked for until one is filled with what the caller may read
MOST_PAGES = 5
KEPT = ("READY", "REMOVED", "PURGED")


class Attachments:
    # rows follow the rights of their documents, of whatever company those are
    every_company = True

    async def CreateAttachment(self, request: Any, call: Call) -> Any:
        row = Attachment(**mapping.read_new(mapping.plan_for(Attachment), request.attachment))
        row.name = rules.named(row.name)
        limits = _settings(call).limits
        rules.check_size(row.size_bytes, limits.of(row.document_type))
        parent = await parents.changeable(call, row.document_type, str(row.document_id))
        row.added_by_id, row.charged_company_id = call.actor.employee_id, call.company_id
        row.document_title, row.blob, row.touched_at = parent.title, uuid.uuid4(), call.now()
        call.add(row)
        row.company_id = parent.company_id
        await usage.charge(call, row, limits)
        return _offering(row, parent)

    async def UploadAttachment(self, request: Any, call: Call) -> Any:
        row = await _own(call, request.id, lock=True)
        if row.state != "UPLOADING":
            raise Refused("ATTACHMENT_NOT_READY", name=row.name, state=row.state)
        data = request.content.data
        if len(data) > rules.PIECE_BYTES:
            raise Refused("REQUEST_TOO_LARGE", limit_bytes=rules.PIECE_BYTES)
        new = data[rules.wanted(row.received_bytes, row.size_bytes, request.offset, len(data))]
        received = row.received_bytes + len(new)
        if new:
            await _settings(call).store.write(row.blob, row.received_bytes, new)
            # past the session: an upload has one version, however many pieces it comes in
            written = sa.update(Attachment.__table__).where(Attachment.id == row.id)
            await call.db.execute(written.values(received_bytes=received, touched_at=call.now()))
        return pb.UploadAttachmentResponse(received_bytes=received)

    async def FinishAttachment(self, request: Any, call: Call) -> Any:
        row = await _own(call, request.id, lock=True, etag=request.etag)
        if _SHA256.fullmatch(request.sha256) is None:
            expected = {"value": request.sha256[:70], "expected": "SHA-256, 64 × 0-9 a-f"}
            raise Refused.fields([("sha256", "FIELD_FORMAT", expected)])
        if row.state == "UPLOADING" and row.received_bytes < row.size_bytes:
            raise Refused("ATTACHMENT_INCOMPLETE", received_bytes=row.received_bytes, size=row.size_bytes)
        # it may have been sent for approval meanwhile
        parent = await parents.changeable(call, row.document_type, str(row.document_id))
        advance(row, "finish")
        row.sha256, row.touched_at = request.sha256, call.now()
        return _offering(row, parent)

    async def GetAttachment(self, request: Any, call: Call) -> Any:
        row, parent = await _seen(call, request.id)
        return _offering(row, parent)

    async def ListAttachments(self, request: Any, call: Call) -> Any:
        call.fields = ""
        if bool(request.document_type) != bool(request.document_id):
            missing = "document_id" if request.document_type else "document_type"
            raise Refused.fields([(missing, "FIELD_REQUIRED", {})])
        if request.document_id:
            return await _of_one(request, call)
        within = sa.or_(Attachment.company_id == call.company_id, Attachment.company_id.is_(None))
        where = [Attachment.state == "READY", within]
        request.summarize = False
        found = None
        for _ in range(MOST_PAGES):
            page = await call.page(Attachment, request, where=where, scope=False)
            await _leave_readable(call, page)
            found = page if found is None else _joined(found, page)
            missing = (request.page_size or 50) - len(found.attachments)
            if not found.next_page_token or missing <= 0:
                break
            request.page_token = found.next_page_token
        assert found is not None
        found.total_size, found.total_size_capped = len(found.attachments), bool(found.next_page_token)
        return found

    async def BatchGetAttachments(self, request: Any, call: Call) -> Any:
        reply = await call.batch(Attachment, request, scope=False)
        await _leave_readable(call, reply)
        return reply

    async def AdmitAttachment(self, request: Any, call: Call) -> Any:
        parent = await parents.readable(call, request.document_type, request.document_id)
        settings = _settings(call)
        limit = settings.limits.of(request.document_type)
        return pb.AdmitAttachmentResponse(
            may_add=parent.may_change, limit_bytes=limit, extensions=rules.KINDS, scanned=bool(settings.clamd)
        )

    async def DownloadAttachment(self, request: Any, call: Call) -> AsyncIterator[Any]:
        row, _ = await _seen(call, request.id)
        if row.state != "READY":
            raise Refused("ATTACHMENT_NOT_READY", name=row.name, state=row.state)
        try:
            pieces = await _settings(call).store.pieces(row.blob)
        except FileNotFoundError:
            # the check of the books finds it too
            log.error("a file is not in the store", attachment=str(row.id))
            telemetry.count("heyi.documents.missing")
            raise Refused("ATTACHMENT_NOT_READY", name=row.name, state="missing") from None
        kind = row.media_type if row.media_type in rules.SAID else "application/octet-stream"
        inline = "; inline" if request.inline and row.view == "PDF" else ""
        said = f'{kind}; name="{quote(row.name)}"; size={row.size_bytes}{inline}'

        async def file() -> AsyncIterator[Any]:
            nonlocal said
            async for piece in pieces:
                yield httpbody_pb2.HttpBody(content_type=said, data=piece)
                said = ""

        return file()

    async def PreviewAttachment(self, request: Any, call: Call) -> Any:
        row, _ = await _seen(call, request.id)
        path = _settings(call).store.preview(row.blob)
        if row.state != "READY" or row.view != "PICTURE" or not path.exists():
            raise Refused("ATTACHMENT_NO_PREVIEW", name=row.name)
        return httpbody_pb2.HttpBody(
            content_type=f'image/jpeg; name="{quote(Path(row.name).stem)}.jpg"', data=path.read_bytes()
        )

    async def UpdateAttachment(self, request: Any, call: Call) -> Any:
        sent = request.attachment
        row, parent = await _changing(call, sent.id, sent.etag)
        advance(row, "update")
        before = row.name
        call.update(row, sent, request.update_mask)
        row.name = rules.renamed(before, row.name)
        return _offering(call.announce(pb.AttachmentUpdated, row), parent)

    async def RemoveAttachment(self, request: Any, call: Call) -> Any:
        row, parent = await _changing(call, request.id, request.etag)
        advance(row, "remove")
        row.removed_by_id, row.remove_time, row.touched_at = call.actor.employee_id, call.now(), call.now()
        return _offering(call.announce(pb.AttachmentRemoved, row, {row.added_by_id}), parent)

    async def RestoreAttachment(self, request: Any, call: Call) -> Any:
        row, parent = await _changing(call, request.id, request.etag)
        if row.state == "REMOVED" and row.removed_by_id != call.actor.employee_id:
            raise Refused("ATTACHMENT_NOT_REMOVER", name=row.name)
        advance(row, "restore")
        row.removed_by_id, row.remove_time, row.touched_at = None, None, call.now()
        return _offering(call.announce(pb.AttachmentRestored, row, {row.added_by_id}), parent)

    async def DeleteAttachment(self, request: Any, call: Call) -> Any:
        row = await _own(call, request.id, lock=True, etag=request.etag)
        if row.state == "UPLOADING":
            await usage.release(call, row)
        # what refuses it has to come before the bytes go
        advance(row, "delete")
        await _settings(call).store.forget(row.blob)
        return await call.delete(row)


def _settings(call: Call) -> Settings:
    return settings_of(call.runtime)


def _offering(row: Any, parent: Parent | None) -> Any:
    """A file with what its reader may do: that follows from the document, and is said when the reply is made."""
    row.changes_document = parent is not None and parent.may_change
    return row


def _listing(call: Call, message: Any, parent: Parent | None) -> Any:
    """The same of a file in a list."""
    changes = parent is not None and parent.may_change
    message.allowed_actions.extend(rules.allowed_to(_Named(message), call.actor.employee_id, changes=changes))
    return message


class _Named:
    """A message as the rules read a row: its state by name."""

    def __init__(self, message: Any) -> None:
        self.state = pb.Attachment.State.Name(message.state)
        self.added_by_id, self.removed_by_id = message.added_by_id, message.removed_by_id


async def _seen(call: Call, key: str, **how: Any) -> tuple[Any, Parent | None]:
    """A file that the caller may read, with its document. What is not finished only its owner knows of, and no document
    is asked for it. Raises DOCUMENT_NOT_FOUND for everything else, whether it is there or not.
    """
    row = await call.load(Attachment, key, scope=False, **how)
    if row.state in rules.UNFINISHED:
        if row.added_by_id != call.actor.employee_id:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Attachment", id=key[:50])
        return row, None
    try:
        parent = await parents.readable(call, row.document_type, str(row.document_id))
        if not parent.shows(row.part_id, str(row.id)) and row.added_by_id != call.actor.employee_id:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Attachment", id=key[:50])
        return row, parent
    except Refused as refusal:
        if refusal.reason in ("DOCUMENT_NOT_FOUND", "PERMISSION_MISSING", "COMPANY_NOT_ALLOWED"):
            raise Refused("DOCUMENT_NOT_FOUND", document_type="Attachment", id=key[:50]) from refusal
        raise


async def _own(call: Call, key: str, **how: Any) -> Any:
    """An upload of the caller's own; a file of somebody else's is found as `_seen` says, and refused."""
    row = await call.load(Attachment, key, scope=False, **how)
    if row.added_by_id == call.actor.employee_id:
        return row
    await _seen(call, key, lock=False)
    raise Refused("ATTACHMENT_NOT_OWNER", name=row.name)


async def _changing(call: Call, key: str, etag: str) -> tuple[Any, Parent]:
    """A file whose document the caller may change, locked."""
    row, parent = await _seen(call, key, etag=etag)
    if parent is None:
        raise Refused("ATTACHMENT_NOT_READY", name=row.name, state=row.state)
    if not parent.may_change:
        raise Refused("ATTACHMENT_DOCUMENT_FIXED", document=parent.title or row.document_type)
    return row, parent


async def _of_one(request: Any, call: Call) -> Any:
    """The files of one document, whose right is asked once: all that were ever added, and the caller's unfinished."""
    document_id = _uuid(request.document_id)
    parent = await parents.readable(call, request.document_type, request.document_id)
    mine = sa.and_(Attachment.added_by_id == call.actor.employee_id, Attachment.state.in_(sorted(rules.UNFINISHED)))
    where = [
        Attachment.document_type == request.document_type,
        Attachment.document_id == document_id,
        sa.or_(Attachment.state.in_(KEPT), mine),
    ]
    page = await call.page(Attachment, request, where=where, scope=False)
    shown = [m for m in page.attachments if parent.shows(m.part_id, m.id) or _mine(call, m)]
    _keep(page, [_listing(call, message, parent) for message in shown])
    return page


async def _leave_readable(call: Call, reply: Any) -> None:
    """Take out what the caller may not read, and say what they may do with the rest."""
    wanted: Iterable[Any] = [m for m in reply.attachments if pb.Attachment.State.Name(m.state) in KEPT]
    known = await parents.those_readable(call, {(m.document_type, m.document_id) for m in wanted})
    left = [
        _listing(call, message, known.get((message.document_type, message.document_id)))
        for message in reply.attachments
        if _shown(call, message, known.get((message.document_type, message.document_id)))
        or (pb.Attachment.State.Name(message.state) in rules.UNFINISHED and _mine(call, message))
    ]
    _keep(reply, left)


def _keep(reply: Any, left: Iterable[Any]) -> None:
    """Leave these in a reply, and count no others."""
    kept = [pb.Attachment.FromString(message.SerializeToString()) for message in left]
    gone = len(reply.attachments) - len(kept)
    reply.ClearField("attachments")
    reply.attachments.extend(kept)
    if gone and getattr(reply, "total_size", 0):
        reply.total_size -= gone


def _shown(call: Call, message: Any, parent: Parent | None) -> bool:
    """Whether the caller may know of a file, whose document they may read or not."""
    return parent is not None and (parent.shows(message.part_id, message.id) or _mine(call, message))


def _mine(call: Call, message: Any) -> bool:
    return bool(message.added_by_id == str(call.actor.employee_id))


def _joined(first: Any, second: Any) -> Any:
    first.attachments.extend(second.attachments)
    first.next_page_token = second.next_page_token
    return first


def _uuid(text: str) -> uuid.UUID:
    try:
        return ids.parse(text)
    except ValueError:
        raise Refused.fields([("document_id", "FIELD_FORMAT", {"value": text[:50], "expected": "UUID"})]) from None
