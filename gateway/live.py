"""Live notices: what changed, told to those who may know it. Never the content: `{type, document, id, version}`.

One ephemeral consumer for each replica reads the headers of every event into a bounded window; each stream is a reader
of that window with its own filter. A reader that comes back within the window goes on where it was; else it is told to
load afresh. Nothing here is a promise: the database is the truth, this only saves people from reloading.
"""

from __future__ import annotations

import asyncio
import bisect
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import nats.errors
import nats.js.api
import nats.js.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.client import JetStreamContext

from chassis import telemetry
from chassis.errors import Refused
from chassis.outbox import STREAM
from chassis.policy import Rights, Snapshot
from chassis.stream import connect
from chassis.tls import Tls
from gateway.settings import Limits

log = telemetry.logger("gateway.live")

SUBJECTS = "evt.>"
BATCH = 200
_QUEUED = 500
_RETRY_MS = 2000


@dataclass(frozen=True, slots=True)
class Event:
    """What the headers of an event say."""

    sequence: int
    subject: str
    document: str
    document_id: str
    version: int
    company: uuid.UUID | None
    department: uuid.UUID | None
    owner: uuid.UUID | None
    audience: frozenset[uuid.UUID]
    # the span that brought it here: what a page loads because of it belongs to the same trace
    trace: str = ""

    @classmethod
    def of(cls, sequence: int, subject: str, headers: Mapping[str, str]) -> Event:
        """Read the headers that the outbox writes; raises ValueError where they are not what it writes."""
        return cls(
            sequence=sequence,
            subject=headers.get("ce-type", subject),
            document=headers.get("heyi-document", ""),
            document_id=headers.get("heyi-document-id", ""),
            version=int(headers.get("heyi-version") or 0),
            company=_id(headers.get("heyi-company")),
            department=_id(headers.get("heyi-department")),
            owner=_id(headers.get("heyi-owner")),
            audience=frozenset(uuid.UUID(one) for one in headers.get("heyi-audience", "").split(",") if one),
            trace=telemetry.traceparent() if telemetry.extract(headers) else "",
        )

    def frame(self) -> bytes:
        """The event as a stream sends it."""
        data = {"type": self.subject, "document": self.document, "id": self.document_id, "version": self.version}
        if self.trace:
            data["trace"] = self.trace
        return b"event: change\nid: %d\ndata: %s\n\n" % (self.sequence, orjson.dumps(data))


def may_see(event: Event, employee_id: uuid.UUID, company: uuid.UUID, rights: Rights) -> bool:
    """Whether a person may know of an event: it is addressed to them, it is theirs, or they may read the document."""
    if employee_id in event.audience or event.owner == employee_id:
        return True
    if event.company not in (None, company):
        return False
    reach = rights.reach(employee_id, f"{event.document}.get", company)
    return reach is not None and reach.covers(event.company, event.department, event.owner)


@dataclass(eq=False)
class Reader:
    """One open stream."""

    employee_id: uuid.UUID
    company: uuid.UUID
    session: bytes | None
    # Asked now and then: whether whoever opened the stream is still signed in.
    admitted: Callable[[], bool]
    queue: asyncio.Queue[bytes | None] = field(default_factory=lambda: asyncio.Queue(_QUEUED))
    sent: int = 0

    def put(self, frame: bytes | None) -> None:
        """Queue a frame; None ends the stream. A reader that does not keep up is cut off, and asks again."""
        try:
            self.queue.put_nowait(frame)
        except asyncio.QueueFull:
            self._drain(None)

    def sign_out(self) -> None:
        """The last words: the person is cut off."""
        self._drain(b"event: signed_out\ndata: {}\n\n")
        self.queue.put_nowait(None)

    def _drain(self, last: bytes | None) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(last)


class Hub:
    """Reads events once and hands them to every open stream."""

    def __init__(self, url: str, snapshot: Snapshot, limits: Limits, wakes: str, tls: Tls | None = None) -> None:
        self._tls = tls
        self._url, self._snapshot, self._limits, self._wakes = url, snapshot, limits, wakes
        self._window: deque[Event] = deque(maxlen=limits.window_events)
        self._last = 0
        self._caught_up = asyncio.Event()
        self._stopping = False
        self._readers: set[Reader] = set()
        self._connection: Client | None = None
        self._task: asyncio.Task[None] | None = None
        snapshot.listeners.append(lambda _: self.check_readers())

    @property
    def sessions(self) -> set[bytes]:
        """The sessions that hold streams."""
        return {reader.session for reader in self._readers if reader.session is not None}

    def streams(self, employee_id: uuid.UUID | None = None) -> int:
        """How many streams are open: of all, or of one person."""
        return sum(employee_id in (None, reader.employee_id) for reader in self._readers)

    def start(self) -> None:
        """Begin to read; goes on until `close`."""
        self._task = asyncio.create_task(self._run(), name="gateway-live")

    def end_streams(self) -> None:
        """End every stream at once: a stop must not wait for them. They come back spread over some seconds."""
        self._stopping = True
        for reader in self._readers:
            reader.put(b"retry: %d\n\n" % random.randint(_RETRY_MS // 2, 2 * _RETRY_MS))  # noqa: S311
            reader.put(None)

    async def close(self) -> None:
        """Read no more."""
        self.end_streams()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._connection is not None:
            await self._connection.close()

    def sessions_ended(self, ended: set[bytes]) -> None:
        """End the streams of sessions that are over."""
        for reader in [reader for reader in self._readers if reader.session in ended]:
            reader.sign_out()

    def check_readers(self) -> None:
        """End the streams of people who were cut off. Called with every change of the organisation."""
        for reader in list(self._readers):
            if not reader.admitted():
                reader.sign_out()

    async def stream(self, reader: Reader, after: int | None) -> AsyncIterator[bytes]:
        """Frames for one reader: what it missed, then what happens."""
        if self._stopping:
            raise Refused("SERVICE_UNAVAILABLE", service="gateway")
        if after is not None and not self._caught_up.is_set():
            async with asyncio.timeout(self._limits.heartbeat):
                await self._caught_up.wait()
        missed = self._since(after)
        self._readers.add(reader)
        try:
            yield b"retry: %d\nid: %d\n\n" % (_RETRY_MS, self._last)
            if missed is None:
                yield b"event: reset\nid: %d\ndata: {}\n\n" % self._last
            for event in missed or ():
                if self._lets_pass(event, reader):
                    yield event.frame()
            while True:
                try:
                    async with asyncio.timeout(self._limits.heartbeat):
                        frame = await reader.queue.get()
                except TimeoutError:
                    if not reader.admitted():
                        reader.sign_out()
                        continue
                    # The position moves with the heartbeat, so that a quiet stream does not fall out of the window.
                    frame = b": \nid: %d\n\n" % self._last
                if frame is None:
                    return
                yield frame
        finally:
            self._readers.discard(reader)

    def _since(self, after: int | None) -> list[Event] | None:
        """Events after a position; None where some of them are gone."""
        if after is None or after == self._last:
            return []
        first = self._window[0].sequence if self._window else self._last + 1
        if after > self._last or after < first - 1:
            return None
        return list(self._window)[bisect.bisect_right(self._window, after, key=lambda event: event.sequence) :]

    def _lets_pass(self, event: Event, reader: Reader) -> bool:
        try:
            return may_see(event, reader.employee_id, reader.company, self._snapshot.rights)
        except Refused:
            # Who may know it is not known at the moment: it is not told, and the reader asks again.
            reader.put(None)
            return False

    def _take(self, message: Msg, sequence: int) -> None:
        self._last = sequence
        headers = message.headers or {}
        with telemetry.span(f"live {message.subject}", traceparent=telemetry.extract(headers), begins=False):
            self._tell(message, sequence)

    def _tell(self, message: Msg, sequence: int) -> None:
        try:
            event = Event.of(sequence, message.subject, message.headers or {})
        except ValueError as problem:
            log.warning("event_without_sense", subject=message.subject, sequence=sequence, problem=str(problem)[:100])
            return
        self._window.append(event)
        if event.subject.startswith(self._wakes):
            self._snapshot.wake()
        for reader in list(self._readers):
            if self._lets_pass(event, reader):
                reader.put(event.frame())

    # ---- the wire

    async def _run(self) -> None:
        while True:
            try:
                await self._read()
            except (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError) as problem:
                log.warning("live_interrupted", problem=repr(problem)[:200])
            await asyncio.sleep(1)

    async def _read(self) -> None:
        """Read until something breaks; a consumer that is lost is made anew from the last event taken."""
        if self._connection is None:
            self._connection = await connect(self._url, "gateway", self._tls, error_cb=_note)
        stream = self._connection.jetstream(timeout=5)
        state = (await stream.stream_info(STREAM)).state
        if state.last_seq < self._last:
            # The stream was made anew: positions mean nothing any more.
            self._window.clear()
            self._last = 0
            for reader in list(self._readers):
                reader.put(b"event: reset\nid: 0\ndata: {}\n\n")
        oldest = max(1, state.first_seq, state.last_seq - self._limits.window_events + 1)
        start = self._last + 1 if self._last else oldest
        self._last = max(self._last, start - 1)
        subscription = await stream.pull_subscribe(SUBJECTS, stream=STREAM, config=_consumer(start))
        try:
            await self._pull(subscription, state.last_seq)
        finally:
            await subscription.unsubscribe()

    async def _pull(self, subscription: JetStreamContext.PullSubscription, behind: int) -> None:
        delivered = 0
        while True:
            if self._last >= behind:
                self._caught_up.set()
            try:
                messages = await subscription.fetch(BATCH, timeout=2)
            except (nats.errors.TimeoutError, TimeoutError):
                # Quiet, or the consumer is gone with its server: asking tells which.
                await subscription.consumer_info()
                continue
            for message in messages:
                metadata = message.metadata
                if metadata.sequence.consumer != delivered + 1:
                    log.warning("live_gap", at=metadata.sequence.stream)
                    return
                delivered += 1
                self._take(message, metadata.sequence.stream)


def _consumer(start: int) -> nats.js.api.ConsumerConfig:
    return nats.js.api.ConsumerConfig(
        deliver_policy=nats.js.api.DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=start,
        ack_policy=nats.js.api.AckPolicy.NONE,
        inactive_threshold=60,
        headers_only=True,
        mem_storage=True,
        num_replicas=1,
    )


async def _note(problem: Exception) -> None:
    log.warning("live_connection", problem=repr(problem)[:200])


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
