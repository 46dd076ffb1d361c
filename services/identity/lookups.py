"""Questions to other services, each by its name."""

from __future__ import annotations

from chassis import telemetry
from chassis.call import Call, Refused
from heyi.approval.v1 import case_views_pb2
from identity.organisation.tree import Seat, Tree, changed_units

FORESEE = "heyi.approval.v1.Cases/ForeseeCases"

log = telemetry.logger("identity.lookups")


def change_of(before: Tree, after: Tree) -> case_views_pb2.ForeseeCasesRequest:
    """What is different after a reorganisation: departments, and where people stand in the first place."""
    request = case_views_pb2.ForeseeCasesRequest()
    for key in sorted(changed_units(before, after)):
        unit = after.units.get(key) or before.units[key]
        request.units.add(
            department_id=str(key), name=unit.name, parent_id=str(unit.parent_id or ""),
            head_id=str(unit.acting_id or unit.head_id or ""), dissolved=key not in after.units,
        )  # fmt: skip
    were = {seat.employee_id: _place(seat) for seat in before.principals()}
    for seat in after.principals():
        if were.get(seat.employee_id) != _place(seat):
            request.people.add(
                employee_id=str(seat.employee_id), department_id=str(seat.department_id),
                post_id=str(seat.post_id or ""), reports_to_id=str(seat.reports_to_id or ""),
            )  # fmt: skip
    return request


def _place(seat: Seat) -> tuple[object, ...]:
    return seat.department_id, seat.post_id, seat.reports_to_id


async def approvals_met(before: Tree, after: Tree, call: Call) -> case_views_pb2.ForeseeCasesResponse | None:
    """Steps of running approvals that would ask others after a reorganisation; None where approval cannot say it now:
    that is no reason to show nothing.
    """
    request = change_of(before, after)
    if not request.units and not request.people:
        return case_views_pb2.ForeseeCasesResponse()
    request.company_id = str(call.company_id)
    try:
        return await call.ask("approval", FORESEE, request)  # type: ignore[no-any-return]
    except Refused as refusal:
        log.warning("approval cannot say what a reorganisation meets", reason=refusal.reason)
        return None
