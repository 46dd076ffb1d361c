"""Serves heyi.identity.v1.ApiKeys: a key counts with its commit and is refused within seconds of its revocation."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis import contract
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import api_keys_pb2 as pb
from identity import epoch
from identity.api_key import rules
from identity.api_key.model import ApiKey
from identity.company.model import Company


class ApiKeys:
    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, call: Call) -> Any:
        await epoch.bump(call)
        row = await call.create(ApiKey, request.api_key)
        if await call.db.get(Company, row.key_company_id) is None:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="key_company_id", value=row.key_company_id)
        rights, me = call.runtime.rights(), call.actor.employee_id
        assert me is not None
        rules.dates(row.valid_until_date, call.organisation.today(row.key_company_id))
        row.permissions = rules.permissions(
            row.permissions,
            contract.load().permissions(),
            lambda permission: rights.holds_whole(me, permission, row.key_company_id),
        )
        key = rules.new_key()
        row.maker_id, row.key_hash, row.shown_key = me, rules.hashed(key), f"{key[: rules.SHOWN]}…"
        row.shown_once = key  # type: ignore[attr-defined]
        return call.announce(pb.ApiKeyCreated, row)

    async def GetApiKey(self, request: pb.GetApiKeyRequest, call: Call) -> Any:
        return await call.load(ApiKey, request.id)

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, call: Call) -> Any:
        return await call.page(ApiKey, request)

    async def BatchGetApiKeys(self, request: pb.BatchGetApiKeysRequest, call: Call) -> Any:
        return await call.batch(ApiKey, request)

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, call: Call) -> Any:
        await epoch.bump(call)
        row = await call.load(ApiKey, request.id, etag=request.etag)
        advance(row, "revoke")
        row.revoke_reason = request.reason
        return call.announce(pb.ApiKeyRevoked, row)

    async def UseApiKey(self, request: pb.UseApiKeyRequest, call: Call) -> Any:
        # beside the version: whoever revokes it meanwhile is not held up
        row = await call.load(ApiKey, request.id, lock=False)
        await call.db.execute(sa.update(ApiKey).where(ApiKey.id == row.id).values(last_use_time=call.now()))
        return pb.ApiKey(id=request.id)
