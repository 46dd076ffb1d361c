"""Print templates: kept by a company's administrators, asked for by whichever service prints."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis import contract, ids, prints
from chassis.call import Call, Refused
from chassis.service import crud
from heyi.identity.v1 import print_templates_pb2 as pb
from identity.print_template import rules
from identity.print_template.model import PrintTemplate


class PrintTemplates(crud(PrintTemplate)):  # type: ignore[misc]
    """heyi.identity.v1.PrintTemplates"""

    async def check(self, row: PrintTemplate, call: Call) -> None:
        if row.document_type not in contract.load().documents:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="document_type", value=row.document_type[:100])
        message = contract.load().documents[row.document_type].message.DESCRIPTOR
        rules.check(row, fields=prints.fields_of(message), columns=prints.columns_of(message))
        row.revision = (row.revision or 0) + 1
        if row.preferred:
            before = sa.select(PrintTemplate).where(
                PrintTemplate.company_id == call.company_id,
                PrintTemplate.document_type == row.document_type,
                PrintTemplate.preferred,
                PrintTemplate.id != row.id,
            )
            with call.db.no_autoflush:
                for other in (await call.db.scalars(before.with_for_update())).all():
                    other.preferred = False
                    call.touch(other)

    async def FindPrintTemplate(self, request: pb.FindPrintTemplateRequest, call: Call) -> Any:
        chosen = PrintTemplate.id == _key(request.id) if request.id else PrintTemplate.preferred
        wanted = sa.select(PrintTemplate).where(
            PrintTemplate.company_id == call.company_id,
            PrintTemplate.document_type == request.document_type,
            PrintTemplate.state == "ACTIVE",
            chosen,
        )
        found = (await call.db.scalars(wanted.order_by(PrintTemplate.id).limit(1))).one_or_none()
        if found is None and request.id:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="PrintTemplate", id=request.id[:50])
        return pb.FindPrintTemplateResponse(print_template=call.reply(found) if found is not None else None)


def _key(text: str) -> Any:
    try:
        return ids.parse(text)
    except ValueError:
        return None
