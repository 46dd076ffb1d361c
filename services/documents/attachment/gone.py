"""Files of documents that are gone: a draft that was deleted, an import that was taken back. Nobody sees them any more,
so nobody could remove them, and their room would be used up for ever. A pass asks the owners of the next documents
which are gone, and removes their files: as one that a person removed, they are purged after 30 days.

It is a question and no event: an owner need not announce what it deletes, and what was missed the next round finds.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence

import sqlalchemy as sa

from chassis import telemetry
from chassis.call import NO_COMPANY, Actor, Refused
from chassis.db import fenced_to
from chassis.passes import over_and_over
from chassis.records import LIST_GONE
from chassis.runtime import Runtime
from chassis.states import advance
from documents.attachment.model import Attachment
from documents.attachment.rules import ABANDONED
from heyi.documents.v1 import attachments_pb2 as pb
from heyi.platform.v1 import records_pb2

log = telemetry.logger("documents.gone")

METHOD = "RemoveGoneAttachment"
EVERY_SECONDS = 600.0
# files that a pass looks at: one question for each type among their documents
BATCH = 1000
FIRST = uuid.UUID(int=0)


async def follow_documents(runtime: Runtime) -> None:
    """Work until cancelled."""
    rounds = Rounds()
    await over_and_over(
        lambda: rounds.go_on(runtime), seconds=EVERY_SECONDS, log=log, waiting="files of gone documents stay"
    )


class Rounds:
    """Passes that go round over all files, by their names in the store: those are random, so that a process that begins
    anywhere leaves nothing out for long, and where it was need not be kept.
    """

    def __init__(self, after: uuid.UUID | None = None) -> None:
        self.after = after or uuid.uuid4()

    async def go_on(self, runtime: Runtime, size: int = BATCH) -> int:
        """The next files; how many of them were removed. Young ones wait: their documents are just being made."""
        before = runtime.clock.now() - ABANDONED
        mine = (Attachment.state == "READY", Attachment.touched_at < before, Attachment.blob > self.after)
        wanted = sa.select(Attachment.id, Attachment.blob, Attachment.document_type, Attachment.document_id)
        with fenced_to(None):
            async with runtime.read_sessions() as session:
                rows = (await session.execute(wanted.where(*mine).order_by(Attachment.blob).limit(size))).all()
        by_type: dict[str, set[uuid.UUID]] = defaultdict(set)
        for row in rows:
            by_type[row.document_type].add(row.document_id)
        gone = {(name, key) for name, keys in by_type.items() for key in await _gone(runtime, name, sorted(keys))}
        number = 0
        for row in rows:
            if (row.document_type, row.document_id) in gone:
                number += await _remove(runtime, row.id)
        self.after = rows[-1].blob if len(rows) == size else FIRST
        telemetry.count("heyi.documents.swept", number, what="gone")
        if number:
            log.info("files of documents that are gone were removed", files=number)
        return number


async def _gone(runtime: Runtime, document_type: str, keys: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Those that their owner says do not exist. One that cannot say it now is asked in the next round."""
    request = records_pb2.ListGoneRequest(document_type=document_type, ids=map(str, keys))
    try:
        reply = await runtime.clients.ask(document_type.split(".")[0], LIST_GONE, request)
    except Refused as refusal:
        log.warning("a service cannot say which documents are gone", document=document_type, reason=refusal.reason)
        return []
    return [uuid.UUID(key) for key in reply.ids]


async def _remove(runtime: Runtime, key: uuid.UUID) -> bool:
    """Whether it was removed: somebody else may have done it meanwhile."""
    with fenced_to(None):
        async with runtime.sessions() as session, session.begin():
            call = runtime.call_for_event(session, Actor(None, service=runtime.service.name), NO_COMPANY, "")
            row = await call.load(Attachment, key, scope=False)
            if row.state != "READY":
                return False
            call.company_id = row.company_id or row.charged_company_id
            advance(row, "remove")
            row.remove_time = row.touched_at = call.now()
            call.announce(pb.AttachmentRemoved, row, {row.added_by_id})
            await runtime.finish(call, METHOD)
    runtime.hand_over(call.outgoing)
    return True
