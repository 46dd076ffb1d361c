"""Formats of numbers: they travel with the organisation, so every service numbers by them."""

from __future__ import annotations

import itertools
from typing import Any

import sqlalchemy as sa

from chassis import contract, numbering
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.identity.v1 import number_formats_pb2 as pb
from identity import epoch
from identity.company.keeping import keeps
from identity.number_format.model import NumberFormat


class NumberFormats:
    """heyi.identity.v1.NumberFormats"""

    async def CreateNumberFormat(self, request: pb.CreateNumberFormatRequest, call: Call) -> Any:
        await epoch.bump(call)
        row = await call.create(NumberFormat, request.number_format)
        await _check(row, call)
        return call.announce(pb.NumberFormatCreated, row)

    async def GetNumberFormat(self, request: pb.GetNumberFormatRequest, call: Call) -> Any:
        return await call.load(NumberFormat, request.id)

    async def ListNumberFormats(self, request: pb.ListNumberFormatsRequest, call: Call) -> Any:
        return await call.page(NumberFormat, request)

    async def BatchGetNumberFormats(self, request: pb.BatchGetNumberFormatsRequest, call: Call) -> Any:
        return await call.batch(NumberFormat, request)

    async def UpdateNumberFormat(self, request: pb.UpdateNumberFormatRequest, call: Call) -> Any:
        await epoch.bump(call)
        row = await call.load(NumberFormat, request.number_format.id, etag=request.number_format.etag)
        advance(row, "update")
        call.update(row, request.number_format, request.update_mask)
        await _check(row, call)
        return call.announce(pb.NumberFormatUpdated, row)

    async def DeactivateNumberFormat(self, request: pb.DeactivateNumberFormatRequest, call: Call) -> Any:
        return await _move(request, call, "deactivate")

    async def ActivateNumberFormat(self, request: pb.ActivateNumberFormatRequest, call: Call) -> Any:
        return await _move(request, call, "activate")


async def _move(request: Any, call: Call, action: str) -> Any:
    await epoch.bump(call)
    row = await call.load(NumberFormat, request.id, etag=request.etag)
    advance(row, action)
    await _check(row, call)
    return call.announce(pb.NumberFormatUpdated, row)


async def _check(row: NumberFormat, call: Call) -> None:
    """The caller keeps it, it is a format, and no other type of the company is numbered alike."""
    keeps(call, row.format_company_id, "NUMBER_FORMAT_REACH")
    numbered = {name: one.numbering for name, one in contract.load().documents.items() if one.numbering}
    if row.document_type not in numbered:
        raise Refused.fields([("document_type", "NUMBER_FORMAT_TYPE", {"value": row.document_type[:100]})])
    if numbering.problem(row.pattern):
        facts = {"value": row.pattern, "expected": numbered[row.document_type]}
        raise Refused.fields([("pattern", "NUMBER_FORMAT_PATTERN", facts)])
    kept = sa.select(NumberFormat).where(
        NumberFormat.state == "ACTIVE", NumberFormat.document_type != row.document_type
    )
    with call.db.no_autoflush:
        others = (await call.db.scalars(kept)).all()
    formats = {(other.format_company_id, other.document_type): other.pattern for other in others}
    companies = {row.format_company_id} if row.format_company_id else {None, *(company for company, _ in formats)}
    for company, other in itertools.product(companies, numbered.keys() - {row.document_type}):
        if numbering.skeleton(numbering.format_of(formats, company, other)) == numbering.skeleton(row.pattern):
            facts = {"value": row.pattern, "document_type": other}
            raise Refused.fields([("pattern", "NUMBER_FORMAT_TAKEN", facts)])
