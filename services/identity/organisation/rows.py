"""The organisation of a day as rows: one for each place that somebody has, one for a department without people."""

from __future__ import annotations

import datetime
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from chassis import query
from chassis.call import Call, Refused
from heyi.identity.v1 import departments_pb2 as pb
from identity.organisation import chart, tree

Key = tuple[str, int, str]


async def page(call: Call, request: pb.ListSeatsDepartmentsRequest, day: datetime.date) -> Any:
    """One page, by department, kind of place and employee number."""
    reply, size = pb.ListSeatsDepartmentsResponse(), query.page_size(request.page_size)
    behind = _key_of(request.page_token) if request.page_token else None
    found = sorted(rows(await chart.on(call, day)), key=lambda row: row[0])
    wanted = [row for row in found if behind is None or row[0] > behind]
    reply.seats.extend(message for _, message in wanted[:size])
    if len(wanted) > size:
        reply.next_page_token = json.dumps(wanted[size - 1][0])
    return reply


def rows(found: tree.Tree) -> Iterator[tuple[Key, pb.OrganisationSeat]]:
    """The rows of a day with what they are sorted by."""
    held: defaultdict[Any, list[tree.Seat]] = defaultdict(list)
    for seat in found.seats:
        if not seat.later:
            held[seat.department_id].append(seat)
    for unit in found.units.values():
        above = found.units.get(unit.parent_id) if unit.parent_id else None
        unit_says = {
            "department_code": unit.code,
            "department_name": unit.name,
            "parent_code": above.code if above else "",
            "parent_name": above.name if above else "",
            "head_name": _name(found.people, unit.head_id),
            "acting_name": _name(found.people, unit.acting_id),
        }
        for seat in held[unit.id]:
            code = found.people[seat.employee_id].code
            yield (
                (unit.code, chart.ORDER.index(seat.kind), code),
                pb.OrganisationSeat(
                    **unit_says,
                    employee_code=code,
                    employee_name=_name(found.people, seat.employee_id),
                    post_name=_name(found.posts, seat.post_id),
                    kind=seat.kind,
                    reports_to_name=_name(found.people, seat.reports_to_id),
                    from_date=seat.from_date.isoformat() if seat.from_date > datetime.date.min else "",
                ),
            )
        if not held[unit.id]:
            yield (unit.code, -1, ""), pb.OrganisationSeat(**unit_says)


def _name(known: dict[Any, tree.Known], key: Any) -> str:
    return known[key].name if key in known else ""


def _key_of(token: str) -> Key:
    try:
        code, order, employee = json.loads(token)
        return str(code), int(order), str(employee)
    except (ValueError, TypeError):
        raise Refused("PAGE_TOKEN") from None
