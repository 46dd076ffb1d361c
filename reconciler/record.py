"""One run with its result kept by identity, for the pages: begun, told about while it lasts, recorded.

Identity is told by its contract, with an account that may do these three calls and nothing else. While the run lasts it
says every minute at least that it lives; a run that is silent longer is ended there.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import signal
import ssl
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from heyi.identity.v1 import consistency_runs_pb2 as pb
from reconciler.report import LONGEST_FACT, Finding, Outcome
from reconciler.run import EXPLAINED, NAMES, reconcile
from reconciler.serve import say

RULE = pb.ConsistencyRun.Invariant
SERVICE = "heyi.identity.v1.ConsistencyRuns"
CALL_SECONDS, TRIES, PAUSE_SECONDS = 10.0, 5, 2.0
TOLD_EVERY_SECONDS, ALIVE_EVERY_SECONDS = 2.0, 60.0
TOKEN_SECONDS = 60.0


class NotRecordedError(Exception):
    """Identity could not be told, or refused."""


class Identity:
    """The three calls, as the reconciler's own account."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        targets = dict(pair.strip().split("=") for pair in environment["HEYI_TARGETS"].split(","))
        self.channel, self.trusted = _reach(targets["identity"], environment)
        self.token_url = f"{environment['HEYI_ISSUER']}/protocol/openid-connect/token"
        form = {"grant_type": "client_credentials", "client_id": "heyi-reconciler"}
        self.form = urllib.parse.urlencode({**form, "client_secret": environment["HEYI_RECONCILER_CLIENT_SECRET"]})
        self.token, self.renew_at = "", 0.0

    async def ask(self, rpc: str, key: str, **fields: Any) -> pb.ConsistencyRun:
        """One call under a key: tried again while identity is away. Raises NotRecordedError."""
        request = getattr(pb, f"{rpc}ConsistencyRunRequest")(**fields)
        call = self.channel.unary_unary(
            f"/{SERVICE}/{rpc}ConsistencyRun",
            request_serializer=type(request).SerializeToString,
            response_deserializer=pb.ConsistencyRun.FromString,
        )
        for tries in range(1, TRIES + 1):
            try:
                metadata = [("authorization", f"Bearer {await self._token()}"), ("idempotency-key", key)]
                return await call(request, timeout=CALL_SECONDS, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                away = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                if not away or tries == TRIES:
                    raise NotRecordedError(f"{rpc}: {error.code().name} {error.details()}") from error
            except OSError as error:
                if tries == TRIES:
                    raise NotRecordedError(f"{rpc}: no token from the realm: {error}") from error
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError("the last try raises")

    async def _token(self) -> str:
        if time.monotonic() >= self.renew_at:
            self.token = await asyncio.to_thread(self._new_token)
            self.renew_at = time.monotonic() + TOKEN_SECONDS
        return self.token

    def _new_token(self) -> str:
        wanted = urllib.request.Request(self.token_url, self.form.encode())  # noqa: S310  (our own realm)
        with urllib.request.urlopen(wanted, timeout=CALL_SECONDS, context=self.trusted) as answer:  # noqa: S310
            return str(json.load(answer)["access_token"])


def _reach(address: str, environment: Mapping[str, str]) -> tuple[grpc.aio.Channel, ssl.SSLContext | None]:
    """A channel to identity, and what the realm's certificate is checked with; in clear only without certificates."""
    if not (authority := environment.get("HEYI_TLS_CA")):
        return grpc.aio.insecure_channel(address), None
    files = [Path(environment[f"HEYI_RECONCILER_TLS_{kind}"]) for kind in ("KEY", "CERT")]
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in (Path(authority), *files)))
    named = [("grpc.ssl_target_name_override", "identity.heyi.internal")]
    return grpc.aio.secure_channel(address, credentials, named), ssl.create_default_context(cafile=authority)


async def run_and_record(*, settled_seconds: float) -> int:
    """0: the books agree, 1: findings, 2: there is no result, or it could not be recorded."""
    identity = Identity(os.environ)
    try:
        run = await identity.ask("Start", str(uuid.uuid4()), invariant_count=len(NAMES))
        say("begins", run=run.number)
        outcomes, problem = await _reconcile(identity, run.id, settled_seconds)
        result = {"failure_detail": problem} if problem else as_result(outcomes)
        run = await identity.ask("Record", f"record-{run.id}", id=run.id, **result)
    except NotRecordedError as error:
        say("not recorded", error=str(error))
        return 2
    finally:
        await identity.channel.close()
    say("ended", run=run.number, state=pb.ConsistencyRun.State.Name(run.state), findings=run.finding_count)
    return 2 if problem else min(run.finding_count, 1)


async def _reconcile(identity: Identity, run_id: str, settled_seconds: float) -> tuple[list[Outcome], str]:
    """The outcomes, or what went wrong. SIGTERM ends it."""
    done = [0]
    reading = asyncio.ensure_future(
        reconcile(settled_seconds=settled_seconds, checked=lambda count: done.append(count))
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, reading.cancel)
    telling = asyncio.ensure_future(_tell(identity, run_id, done))
    try:
        return await reading, ""
    except asyncio.CancelledError:
        return [], "stopped"
    except Exception as error:  # noqa: BLE001  (whatever it was: the run ends with its name instead of falling silent)
        return [], " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_FACT]
    finally:
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling


async def _tell(identity: Identity, run_id: str, done: list[int]) -> None:
    """Say how far it is when it went on, and every minute that it lives."""
    told, told_at = 0, time.monotonic()
    while True:
        await asyncio.sleep(TOLD_EVERY_SECONDS)
        if done[-1] != told or time.monotonic() - told_at >= ALIVE_EVERY_SECONDS:
            told, told_at = done[-1], time.monotonic()
            try:
                await identity.ask("Report", str(uuid.uuid4()), id=run_id, checked_count=told)
            except NotRecordedError as error:
                # the reading goes on: if this run was given up meanwhile, the record will be refused
                say("not told", error=str(error))


def as_result(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """What identity keeps: every rule, and of each the findings whose cause was looked for."""
    outcomes = list(outcomes)
    return {
        "results": [
            pb.ConsistencyResult(invariant=RULE.Value(o.name.upper()), row_count=o.rows, finding_count=len(o.findings))
            for o in outcomes
        ],
        "findings": [_finding(o.name, finding) for o in outcomes for finding in o.findings[:EXPLAINED]],
    }


def _finding(invariant: str, finding: Finding) -> pb.ConsistencyFinding:
    made = pb.ConsistencyFinding(
        invariant=RULE.Value(invariant.upper()),
        service=finding.database,
        document_type=finding.document,
        document_id=finding.document_id,
        document_title=finding.title[:LONGEST_FACT],
        document_company_id=finding.company,
        what_key=finding.what.key,
        what_facts=finding.what.facts,
        cause_key=finding.cause.key if finding.cause else "",
        cause_facts=finding.cause.facts if finding.cause else {},
    )
    made.since_time.FromDatetime(finding.at.astimezone(datetime.UTC))
    return made
