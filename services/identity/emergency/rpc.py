"""Serves heyi.identity.v1.Emergencies: what was opened is seen, and closed sooner. Nothing here opens anything."""

from __future__ import annotations

from typing import Any

from chassis.call import Call
from heyi.identity.v1 import emergencies_pb2 as pb
from identity import epoch
from identity.emergency.model import Emergency
from identity.emergency.opening import close


class Emergencies:
    async def GetEmergency(self, request: pb.GetEmergencyRequest, call: Call) -> Any:
        return await call.load(Emergency, request.id)

    async def ListEmergencies(self, request: pb.ListEmergenciesRequest, call: Call) -> Any:
        return await call.page(Emergency, request)

    async def BatchGetEmergencies(self, request: pb.BatchGetEmergenciesRequest, call: Call) -> Any:
        return await call.batch(Emergency, request)

    async def CloseEmergency(self, request: pb.CloseEmergencyRequest, call: Call) -> Any:
        await epoch.bump(call)
        row = await call.load(Emergency, request.id, etag=request.etag)
        await close(call, row, request.note)
        return row
