"""The questions of the gateway, the pages and the other services: who is asking, what may they do, who is who."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format
from sqlalchemy.dialects import postgresql as pg

from chassis.call import Call
from chassis.policy import Rights
from heyi.identity.v1 import access_pb2
from heyi.identity.v1 import directory_pb2 as pb
from identity import catalogue, epoch
from identity.access.explain import explanation
from identity.company.model import Company
from identity.directory import snapshot
from identity.employee.model import Employee
from identity.preference import rules as preference_rules
from identity.preference.model import Preference


class Directory:
    async def GetAuthorization(self, request: pb.GetAuthorizationRequest, call: Call) -> pb.Authorization:
        # the epoch first: what is read after it is at least as new
        now = await epoch.current(call)
        if request.known_epoch == now:
            return pb.Authorization(epoch=now, unchanged=True)
        await call.every_company()
        return await snapshot.authorization(call.db, now)

    async def GetMe(self, request: pb.GetMeRequest, call: Call) -> pb.Me:
        assert call.actor.employee_id is not None
        organisation, me = call.organisation, call.actor.employee_id
        employee = await call.load(Employee, me)
        rights = Rights(organisation)
        allowed = rights.companies_of(me)
        if call.company_id not in allowed and rights.acts_for(me, call.company_id):
            # a link led to what they were asked about there
            allowed = [*allowed, call.company_id]
        companies = await call.db.scalars(sa.select(Company).where(Company.id.in_(allowed), Company.state == "ACTIVE"))
        by_id = {company.id: company for company in companies}
        chosen = _chosen(call.company_id, [company_id for company_id in allowed if company_id in by_id])
        unit, post = organisation.departments.get(employee.department_id), organisation.posts.get(employee.post_id)
        return pb.Me(
            employee=call.reply(employee),
            companies=[call.reply(by_id[company_id]) for company_id in allowed if company_id in by_id],
            permissions=[
                pb.Permission(name=name, scope=scope) for name, scope in rights.permissions_of(me, chosen).items()
            ],
            company_id=str(chosen) if chosen in by_id else "",
            today_date=call.today().isoformat(),
            department_name=unit.name if unit else "",
            post_name=post.name if post else "",
        )

    async def ExplainMyAccess(self, request: pb.ExplainMyAccessRequest, call: Call) -> access_pb2.AccessExplanation:
        assert call.actor.employee_id is not None
        return await explanation(call, await call.load(Employee, call.actor.employee_id), request.permission)

    async def ListPermissions(self, request: pb.ListPermissionsRequest, call: Call) -> pb.ListPermissionsResponse:
        known = catalogue.descriptions().items()
        return pb.ListPermissionsResponse(permissions=[pb.Permission(name=n, description=words) for n, words in known])

    async def GetPreference(self, request: pb.GetPreferenceRequest, call: Call) -> pb.Preference:
        mine = sa.select(Preference.value).where(_mine(call), Preference.key == request.key)
        return _preference(request.key, await call.db.scalar(mine) or {})

    async def SetPreference(self, request: pb.SetPreferenceRequest, call: Call) -> pb.Preference:
        others = sa.select(sa.func.count()).where(_mine(call), Preference.key != request.key)
        preference_rules.check(length=request.value.ByteSize(), others=await call.db.scalar(others) or 0)
        value = json_format.MessageToDict(request.value)
        put = pg.insert(Preference).values(employee_id=call.actor.employee_id, key=request.key, value=value)
        await call.db.execute(put.on_conflict_do_update(index_elements=["employee_id", "key"], set_={"value": value}))
        return _preference(request.key, value)


def _chosen(company_id: uuid.UUID, allowed: list[uuid.UUID]) -> uuid.UUID:
    """The call's company, else the first that the caller may act for."""
    return company_id if company_id in allowed else next(iter(allowed), company_id)


def _mine(call: Call) -> Any:
    return Preference.employee_id == call.actor.employee_id


def _preference(key: str, value: dict[str, Any]) -> pb.Preference:
    preference = pb.Preference(key=key)
    json_format.ParseDict(value, preference.value)
    return preference
