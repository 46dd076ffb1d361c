"""Master data of the group, or of one of its companies: who keeps which."""

from __future__ import annotations

import uuid

from chassis.call import Call, Refused


def keeps(call: Call, company_id: uuid.UUID | None, refusal: str) -> None:
    """Refuse whoever keeps one company's entries and changes the group's (None) or another's."""
    assert call.reach is not None
    if not (call.reach.all or (company_id is not None and call.reach.covers(company_id))):
        place = call.organisation.companies.get(company_id) if company_id else None
        raise Refused(refusal, company=place.name if place else "*")
