"""What makes a legal entity: a credit code whose check digit is right and a time zone that gives its business days."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from stdnum.cn import uscc
from stdnum.exceptions import ValidationError

from chassis import workdays
from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.company.model import Company


def check(company: Company) -> None:
    """Refuse a wrong credit code, time zone or working day; the credit code is kept in its compact form."""
    try:
        company.credit_code = uscc.validate(company.credit_code)
    except ValidationError:
        raise Refused("COMPANY_CREDIT_CODE", field="credit_code", value=company.credit_code) from None
    try:
        zoneinfo.ZoneInfo(company.time_zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise Refused("COMPANY_TIME_ZONE", field="time_zone", value=company.time_zone) from None
    try:
        workdays.hours_of(company.working_hours or "")
    except ValueError:
        value = company.working_hours
        raise Refused("FIELD_FORMAT", field="working_hours", value=value, expected=workdays.USUAL_HOURS) from None


def leave(company: Company, *, people: int) -> None:
    """A company goes out of use when nobody belongs to it any more."""
    if people:
        raise Refused("COMPANY_HAS_PEOPLE", name=company.name, count=people)
