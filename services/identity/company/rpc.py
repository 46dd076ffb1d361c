"""Legal entities: kept by the group's administrators, read by everybody."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis.call import Call
from chassis.states import advance
from heyi.identity.v1 import companies_pb2 as pb
from identity import epoch
from identity.company import rules
from identity.company.model import Company
from identity.employee.model import Employee


class Companies:
    async def CreateCompany(self, request: pb.CreateCompanyRequest, call: Call) -> Any:
        await epoch.bump(call)
        company = await call.create(Company, request.company)
        rules.check(company)
        return call.announce(pb.CompanyCreated, company)

    async def GetCompany(self, request: pb.GetCompanyRequest, call: Call) -> Any:
        return await call.load(Company, request.id)

    async def ListCompanies(self, request: pb.ListCompaniesRequest, call: Call) -> Any:
        return await call.page(Company, request)

    async def BatchGetCompanies(self, request: pb.BatchGetCompaniesRequest, call: Call) -> Any:
        return await call.batch(Company, request)

    async def UpdateCompany(self, request: pb.UpdateCompanyRequest, call: Call) -> Any:
        await epoch.bump(call)
        company = await call.load(Company, request.company.id, etag=request.company.etag)
        advance(company, "update")
        call.update(company, request.company, request.update_mask)
        rules.check(company)
        return call.announce(pb.CompanyUpdated, company)

    async def DeactivateCompany(self, request: pb.DeactivateCompanyRequest, call: Call) -> Any:
        await epoch.bump(call)
        company = await call.load(Company, request.id, etag=request.etag)
        advance(company, "deactivate")
        people = sa.select(sa.func.count()).where(Employee.home_company_id == company.id, Employee.state == "ACTIVE")
        rules.leave(company, people=await call.db.scalar(people) or 0)
        return call.announce(pb.CompanyUpdated, company)

    async def ActivateCompany(self, request: pb.ActivateCompanyRequest, call: Call) -> Any:
        await epoch.bump(call)
        company = await call.load(Company, request.id, etag=request.etag)
        advance(company, "activate")
        return call.announce(pb.CompanyUpdated, company)
