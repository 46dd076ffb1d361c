"""The organisation dated in time: placements, heads, reorganisations and the chart of any day."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import sqlalchemy as sa

from chassis import contract
from chassis.clients import Clients
from chassis.testing import COMPANY, Bench, refused, stable
from heyi.approval.v1 import case_views_pb2
from heyi.common.v1 import common_pb2
from identity.department.model import Department
from identity.employee.model import Employee
from identity.lookups import FORESEE
from identity.organisation import days
from identity.tests import factories as make

TODAY = datetime.date(2026, 11, 23)


def day(number: int) -> str:
    return (TODAY + datetime.timedelta(days=number)).isoformat()


def later(house: Bench, number: int) -> Any:
    """The clock shows a quarter past midnight of another day in Shanghai; the administrator signs in anew."""
    house.clock.set(f"{day(number)}T00:15:00+08:00")
    return house.as_("admin")


async def employee(house: Bench, key: str) -> Employee:
    async with house.runtime.sessions() as session:
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        return (await session.execute(sa.select(Employee).where(Employee.id == stable(key)))).scalar_one()


async def head_of(house: Bench, key: str | uuid.UUID) -> uuid.UUID | None:
    wanted = key if isinstance(key, uuid.UUID) else stable(key)
    async with house.runtime.sessions() as session:
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        return (await session.execute(sa.select(Department.head_id).where(Department.id == wanted))).scalar_one()


def placement(person: str, department: str, **changes: Any) -> dict[str, Any]:
    return {
        "employee_id": stable(person), "department_id": stable(department), "kind": "PRINCIPAL",
        "from_date": day(0), **changes,
    }  # fmt: skip


def headship(department: str, person: str, **changes: Any) -> dict[str, Any]:
    return {
        "employee_id": stable(person), "department_id": stable(department), "kind": "HEAD",
        "from_date": day(0), **changes,
    }  # fmt: skip


async def test_a_move_on_the_record_is_a_placement_from_today(house: Bench, admin: Any) -> None:
    await admin.UpdateEmployee(employee={"id": stable("requester"), "department_id": stable("finance")})

    mine = await admin.ListPlacements(filter=f'employee_id = "{stable("requester")}"', order_by="from_date")
    first, second = mine.placements
    assert (first.until_date, first.state) == (day(-1), first.ENDED)
    assert (second.department_id, second.from_date, second.state) == (str(stable("finance")), day(0), second.ACTIVE)


async def test_a_planned_transfer_takes_place_with_its_day_and_only_once(house: Bench, admin: Any) -> None:
    made = await admin.CreatePlacement(placement=placement("requester", "finance", from_date=day(7)))
    assert made.state == made.PLANNED
    assert await days.once(house.runtime) == 0

    later(house, 7)
    epoch = await make.epoch(house)
    assert await days.once(house.runtime) == 2
    assert await days.once(house.runtime) == 0

    assert (await employee(house, "requester")).department_id == stable("finance")
    assert await make.epoch(house) == epoch + 1
    subjects = [subject for subject, _ in await house.events("identity.employee")]
    assert subjects == ["evt.identity.employee.updated"]


async def test_a_transfer_that_is_withdrawn_leaves_everything_as_it_was(house: Bench, admin: Any) -> None:
    made = await admin.CreatePlacement(placement=placement("requester", "finance", from_date=day(7)))
    await admin.CancelPlacement(id=made.id, etag=made.etag)

    admin = later(house, 7)
    assert await days.once(house.runtime) == 0
    assert (await employee(house, "requester")).department_id == stable("workshop")
    chart = await admin.ChartDepartments(chart_date=day(10), department_id=str(stable("workshop")))
    assert "requester" in {person.name.lower() for person in chart.people}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"until_date": day(9)}, "PLACEMENT_PRINCIPAL_UNTIL"),
        ({"from_date": "2026-01-01"}, "PLACEMENT_EXISTS"),
        ({"from_date": "1066-10-14"}, "FIELD_DATE"),
        ({"employee_id": stable("disabled")}, "PLACEMENT_OUT_OF_USE"),
        ({"employee_id": stable("nobody")}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"employee_id": stable("other_company")}, "PLACEMENT_COMPANY"),
        ({"department_id": stable("elsewhere")}, "FIELD_NO_SUCH_DOCUMENT"),
        ({"kind": "MATRIX", "post_id": stable("worker")}, "PLACEMENT_MATRIX_POST"),
        ({"kind": "CONCURRENT", "until_date": day(-1)}, "PLACEMENT_DATES"),
        ({"reports_to_id": stable("requester")}, "PLACEMENT_REPORTS_IN_CIRCLE"),
    ],
)
async def test_what_cannot_be_a_placement(house: Bench, admin: Any, changes: dict[str, Any], reason: str) -> None:
    with refused(reason):
        await admin.CreatePlacement(placement=placement("requester", "finance", **changes))


async def test_a_concurrent_post_counts_and_a_dotted_line_does_not(house: Bench, admin: Any) -> None:
    beside = placement("requester", "finance", kind="CONCURRENT", post_id=stable("manager"), until_date=day(30))
    await admin.CreatePlacement(placement=beside)
    await admin.CreatePlacement(placement=placement("requester", "works", kind="MATRIX", reports_to_id=stable("boss")))
    with refused("PLACEMENT_EXISTS"):
        await admin.CreatePlacement(placement={**beside, "from_date": day(10)})

    answer = await house.as_service("approval").GetAuthorization()
    person = next(p for p in answer.people if p.employee_id == str(stable("requester")))
    assert [(s.department_id, s.post_id, s.dotted) for s in person.seats] == [
        (str(stable("finance")), str(stable("manager")), False),
        (str(stable("works")), "", True),
    ]
    later(house, 31)
    await days.once(house.runtime)
    answer = await house.as_service("approval").GetAuthorization()
    person = next(p for p in answer.people if p.employee_id == str(stable("requester")))
    assert [s.dotted for s in person.seats] == [True]


async def test_what_has_begun_is_history(house: Bench, admin: Any) -> None:
    (old,) = (await admin.ListPlacements(filter=f'employee_id = "{stable("requester")}"')).placements
    with refused("PLACEMENT_BEGUN"):
        await admin.UpdatePlacement(placement={"id": old.id, "post_id": stable("manager")})


async def test_somebody_stands_in_and_the_head_comes_back(house: Bench, admin: Any) -> None:
    await admin.CreateHeadship(
        headship=headship("workshop", "colleague", kind="ACTING", from_date=day(1), until_date=day(5))
    )
    assert await head_of(house, "workshop") == stable("head")

    later(house, 1)
    await days.once(house.runtime)
    assert await head_of(house, "workshop") == stable("colleague")

    later(house, 6)
    await days.once(house.runtime)
    assert await head_of(house, "workshop") == stable("head")


async def test_who_stands_in_and_is_disabled_stands_in_no_longer(house: Bench, admin: Any) -> None:
    await admin.CreateHeadship(headship=headship("workshop", "colleague", kind="ACTING", until_date=day(5)))
    assert await head_of(house, "workshop") == stable("colleague")

    await admin.DisableEmployee(id=str(stable("colleague")), reason="离职")
    assert await head_of(house, "workshop") == stable("head")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": "ACTING"}, "HEADSHIP_ACTING_UNTIL"),
        ({"kind": "ACTING", "employee_id": stable("head"), "until_date": day(3)}, "HEADSHIP_IS_HEAD"),
        ({"employee_id": stable("disabled")}, "HEADSHIP_OUT_OF_USE"),
        ({"until_date": day(-3)}, "HEADSHIP_DATES"),
        ({"from_date": "2026-01-01"}, "HEADSHIP_EXISTS"),
        ({"department_id": stable("elsewhere")}, "FIELD_NO_SUCH_DOCUMENT"),
    ],
)
async def test_what_cannot_be_a_headship(house: Bench, admin: Any, changes: dict[str, Any], reason: str) -> None:
    with refused(reason):
        await admin.CreateHeadship(headship=headship("workshop", "colleague", **changes))


async def test_who_was_head_on_a_day_stays_known(house: Bench, admin: Any) -> None:
    await admin.UpdateDepartment(
        department={"id": stable("workshop"), "head_id": stable("colleague"), "name": "一车间"}
    )

    then = {unit.name: unit for unit in (await admin.ChartDepartments(chart_date="2026-03-03")).units}
    now = {unit.name: unit for unit in (await admin.ChartDepartments()).units}
    assert then["Workshop"].head_name == "Head"
    assert then["Workshop"].name_now == "一车间"
    assert now["一车间"].head_name == "Colleague"
    read = await admin.GetDepartment(id=str(stable("workshop")))
    assert [(p.name, p.until_date) for p in read.periods] == [("Workshop", day(-1)), ("一车间", "")]


async def test_the_chart_asks_the_same_number_of_statements_whatever_the_size(house: Bench, admin: Any) -> None:
    with house.statements() as few:
        await admin.ChartDepartments(people=True)
    for _ in range(3):
        made = await admin.CreateDepartment(department=make.department(parent_id=stable("works")))
        await admin.CreateEmployee(employee=make.employee(department_id=made.id))
    with house.statements() as many:
        chart = await admin.ChartDepartments(people=True)
    assert len(many) == len(few)
    assert sum(unit.people_count for unit in chart.units) == len([p for p in chart.people if p.kind == 1])


async def test_the_chart_as_rows_says_everybody_once_page_by_page(house: Bench, admin: Any) -> None:
    empty = await admin.CreateDepartment(department=make.department(code="ZZ", parent_id=stable("works")))
    await admin.CreatePlacement(
        placement=placement("requester", "finance", kind="MATRIX", reports_to_id=stable("finance_head"))
    )
    seats, token = [], ""
    while True:
        answer = await admin.ListSeatsDepartments(page_size=3, page_token=token)
        seats, token = [*seats, *answer.seats], answer.next_page_token
        if not token:
            break

    chart = await admin.ChartDepartments(people=True)
    names = {unit.department_id: unit.code for unit in chart.units}
    said = [(seat.department_code, seat.employee_code, seat.kind) for seat in seats if seat.employee_code]
    assert sorted(said) == sorted((names[one.department_id], one.code, one.kind) for one in chart.people)
    assert [seat.department_code for seat in seats if not seat.employee_code] == [empty.code]
    (dotted,) = [seat for seat in seats if seat.reports_to_name]
    assert (dotted.department_name, dotted.head_name, dotted.employee_name) == ("Finance", "Finance Head", "Requester")
    (below,) = [seat for seat in seats if seat.employee_name == "Colleague"]
    assert (below.department_name, below.parent_code, below.post_name) == ("Workshop", "WORKS", "Worker")
    with refused("PAGE_TOKEN"):
        await admin.ListSeatsDepartments(page_token="x")


async def test_who_headed_a_department_travels_with_the_organisation(house: Bench, admin: Any) -> None:
    await admin.UpdateDepartment(department={"id": str(stable("workshop")), "head_id": stable("colleague")})
    await admin.CreateHeadship(headship=headship("workshop", "boss", from_date=day(9)))

    answer = await house.as_service("approval").GetAuthorization()
    unit = next(one for one in answer.departments if one.department_id == str(stable("workshop")))
    assert [(one.employee_id, one.from_date, one.until_date, one.acting) for one in unit.heads] == [
        (str(stable("head")), "2026-01-01", day(-1), False),
        (str(stable("colleague")), day(0), day(8), False),
    ]


# ---- reorganisations


def reorganisation(*lines: dict[str, Any], at: int = 7, **changes: Any) -> dict[str, Any]:
    return {"title": "年度调整", "effective_date": day(at), "lines": list(lines), **changes}


NEW_LAB = {
    "kind": "NEW_DEPARTMENT", "department_code": "LAB", "name": "实验室", "parent_id": str(stable("works")),
}  # fmt: skip
STAFFED = [
    NEW_LAB,
    {"kind": "MOVE_EMPLOYEE", "employee_id": str(stable("colleague")), "department_code": "LAB"},
    {"kind": "SET_HEAD", "employee_id": str(stable("colleague")), "department_code": "LAB"},
    {"kind": "RENAME", "department_id": str(stable("workshop")), "name": "总装车间"},
]


async def scheduled(admin: Any, *lines: dict[str, Any], at: int = 7) -> Any:
    made = await admin.CreateReorganisation(reorganisation=reorganisation(*lines, at=at))
    return await admin.ScheduleReorganisation(id=made.id, etag=made.etag)


async def test_a_reorganisation_takes_effect_by_itself_whole_and_once(house: Bench, admin: Any) -> None:
    made = await scheduled(admin, *STAFFED)
    assert await house.run_timers() == 0
    foreseen = {unit.code: unit for unit in (await admin.ChartDepartments(chart_date=day(7))).units}
    assert foreseen["LAB"].head_name == "Colleague"
    assert "LAB" not in {unit.code for unit in (await admin.ChartDepartments(chart_date=day(6))).units}

    admin = later(house, 7)
    assert await house.run_timers() == 1
    assert await house.run_timers() == 0

    after = await admin.GetReorganisation(id=made.id)
    assert after.state == after.EFFECTIVE
    lab = next(line for line in after.lines if line.kind == line.NEW_DEPARTMENT).id
    assert await head_of(house, uuid.UUID(lab)) == stable("colleague")
    assert (await employee(house, "colleague")).department_id == uuid.UUID(lab)
    answer = await house.as_service("approval").GetAuthorization()
    workshop = next(unit for unit in answer.departments if unit.department_id == str(stable("workshop")))
    assert (workshop.name, [(f.name, f.until_date) for f in workshop.former]) == ("总装车间", [("Workshop", day(6))])
    said = [subject for subject, _ in await house.events("reorganisation")]
    assert [s.rsplit(".", 1)[1] for s in said] == ["created", "updated", "finished"]


async def test_what_stands_against_it_on_its_day_leaves_everything_as_it_was(house: Bench, admin: Any) -> None:
    made = await scheduled(admin, *STAFFED)
    await admin.CreateDepartment(department=make.department(code="LAB"))

    admin = later(house, 7)
    await house.run_timers()

    after = await admin.GetReorganisation(id=made.id)
    assert after.state == after.BLOCKED
    assert "code_taken" in [one.what_key for one in after.findings if one.blocking]
    assert (await employee(house, "colleague")).department_id == stable("workshop")
    assert (await admin.GetDepartment(id=str(stable("workshop")))).name == "Workshop"
    draft = await admin.ReopenReorganisation(id=made.id, etag=after.etag)
    assert (draft.state, list(draft.findings)) == (draft.DRAFT, [])


async def test_one_that_is_cancelled_does_not_take_effect(house: Bench, admin: Any) -> None:
    made = await scheduled(admin, *STAFFED)
    await admin.CancelReorganisation(id=made.id, etag=made.etag, reason="改期")

    later(house, 7)
    assert await house.run_timers() == 0


async def test_one_of_today_takes_effect_at_once(house: Bench, admin: Any) -> None:
    moved = {"kind": "MOVE_EMPLOYEE", "employee_id": str(stable("requester")), "department_id": str(stable("finance"))}
    made = await scheduled(admin, moved, at=0)

    assert await house.run_timers() == 1
    assert (await admin.GetReorganisation(id=made.id)).state == made.EFFECTIVE
    assert (await employee(house, "requester")).department_id == stable("finance")


async def test_the_preview_marks_what_changes_and_names_what_stands_against_it(
    house: Bench, admin: Any, approval: list[Any]
) -> None:
    dissolve = {"kind": "DISSOLVE", "department_id": str(stable("finance"))}
    made = await admin.CreateReorganisation(reorganisation=reorganisation(NEW_LAB, dissolve))

    seen = await admin.PreviewReorganisation(id=made.id)
    changes = {unit.code: unit.change for unit in seen.units}
    assert (changes["LAB"], changes["FINANCE"], changes["WORKS"]) == (seen.NEW, seen.DISSOLVED, 0)
    assert [(f.what_key, f.about_line) for f in seen.findings if f.blocking] == [("has_people", 2)]
    with refused("REORGANISATION_STOPPED"):
        await admin.ScheduleReorganisation(id=made.id, etag=made.etag)


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"effective_date": day(-1)}, "REORGANISATION_DATE", "effective_date"),
        ({"lines": [{"kind": "RENAME"}]}, "FIELD_REQUIRED", "lines[0].department_id"),
        ({"lines": [{**NEW_LAB, "post_id": str(stable("worker"))}]}, "REORGANISATION_LINE_SURPLUS", "lines[0].post_id"),
        ({"lines": [{**NEW_LAB, "parent_code": "Q"}]}, "REORGANISATION_LINE_BOTH", "lines[0].parent_code"),
        ({"title": ""}, "FIELD_REQUIRED", "title"),
    ],
)
async def test_what_cannot_be_a_reorganisation(
    house: Bench, admin: Any, changes: dict[str, Any], reason: str, field: str
) -> None:
    with refused(reason, field=field):
        await admin.CreateReorganisation(reorganisation=reorganisation(**changes))


async def test_one_that_says_nothing_is_not_scheduled(house: Bench, admin: Any) -> None:
    made = await admin.CreateReorganisation(reorganisation=reorganisation())
    with refused("REORGANISATION_EMPTY"):
        await admin.ScheduleReorganisation(id=made.id)


async def test_one_that_lacks_what_administrators_ask_for_is_drafted_and_not_scheduled(
    house: Bench, admin: Any
) -> None:
    field = {"key": "why", "kind": "TEXT", "required": True, "label": {"en": "Why", "zh-CN": "原因"}}
    await admin.CreateCustomField(custom_field={"document_type": "identity.reorganisation", "field": field})
    made = await admin.CreateReorganisation(reorganisation=reorganisation(NEW_LAB))
    with refused("CUSTOM_FIELD_MISSING", field="custom_fields.why"):
        await admin.ScheduleReorganisation(id=made.id)
    await admin.UpdateReorganisation(reorganisation={"id": made.id, "custom_fields": {"json": '{"why": "x"}'}})
    assert (await admin.ScheduleReorganisation(id=made.id)).state == made.SCHEDULED


async def test_only_who_may_reorganises(house: Bench, admin: Any) -> None:
    house.revoke("requester")
    house.grant("requester", ["identity.placement.list", "identity.department.list"], "COMPANY", company=COMPANY)
    with refused("PERMISSION_MISSING"):
        await house.as_("requester").CreateReorganisation(reorganisation=reorganisation())
    assert (await house.as_("requester").ListPlacements()).placements


async def test_it_takes_as_many_statements_for_many_lines_as_for_few(house: Bench, admin: Any) -> None:
    def lines(count: int, code: str) -> list[dict[str, Any]]:
        return [{"kind": "NEW_DEPARTMENT", "department_code": f"{code}{n}", "name": f"部门{n}"} for n in range(count)]

    seen = []
    for count, code in ((2, "A"), (40, "B")):
        await scheduled(admin, *lines(count, code), at=0)
        with house.statements() as statements:
            await house.run_timers()
        seen.append(len(statements))
    assert seen[0] == seen[1]


async def test_two_of_one_day_take_effect_one_after_the_other(house: Bench, admin: Any) -> None:
    workshop = {"department_id": str(stable("workshop"))}
    first = await scheduled(admin, {"kind": "RENAME", "name": "一车间", **workshop})
    second = await scheduled(admin, {"kind": "MOVE_DEPARTMENT", **workshop})

    admin = later(house, 7)
    assert await house.run_timers() == 2

    states = [(await admin.GetReorganisation(id=one.id)).state for one in (first, second)]
    assert states == [first.EFFECTIVE, first.EFFECTIVE]
    made = await admin.GetDepartment(id=str(stable("workshop")))
    assert (made.name, made.parent_id) == ("一车间", "")


# ---- approvals that a reorganisation meets


@pytest.fixture
async def approval(house: Bench, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Any]]:
    """Another process answers for approval, over the wire; what it was asked."""
    asked: list[Any] = []
    method = contract.load().methods[FORESEE]

    async def answer(request: Any, _context: Any) -> Any:
        asked.append(request)
        effect = common_pb2.ApprovalEffect(document_number="PR-1", node_name="部门负责人", effect="REDIRECTED")
        return case_views_pb2.ForeseeCasesResponse(effects=[effect], looked_at=7, more=True)

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=method.request.FromString, response_serializer=method.reply.SerializeToString
    )
    service, name = FORESEE.split("/")
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {name: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    clients = Clients({"approval": f"127.0.0.1:{port}"}, None)
    monkeypatch.setattr(house.runtime, "clients", clients)
    yield asked
    await clients.close()
    await server.stop(None)


async def test_the_preview_asks_approval_once_what_the_change_meets(
    house: Bench, admin: Any, approval: list[Any]
) -> None:
    lines = [
        *STAFFED,
        {"kind": "SET_POST", "employee_id": str(stable("requester")), "post_id": str(stable("manager"))},
        {"kind": "SET_HEAD", "department_id": str(stable("workshop")), "employee_id": str(stable("boss"))},
    ]
    made = await admin.CreateReorganisation(reorganisation=reorganisation(*lines))

    seen = await admin.PreviewReorganisation(id=made.id)

    (request,) = approval
    lab = next(line.id for line in made.lines if line.kind == line.NEW_DEPARTMENT)
    units = {unit.department_id: (unit.name, unit.head_id, unit.dissolved) for unit in request.units}
    assert request.company_id == str(COMPANY)
    assert units == {
        lab: ("实验室", str(stable("colleague")), False),
        str(stable("workshop")): ("总装车间", str(stable("boss")), False),
    }
    assert {(one.employee_id, one.department_id, one.post_id) for one in request.people} == {
        (str(stable("colleague")), lab, str(stable("worker"))),
        (str(stable("requester")), str(stable("workshop")), str(stable("manager"))),
    }
    assert [(one.document_number, one.node_name) for one in seen.approvals] == [("PR-1", "部门负责人")]
    assert (seen.approvals_looked_at, seen.approvals_capped, seen.approvals_unknown) == (7, True, False)


async def test_a_reorganisation_that_moves_nobody_asks_nobody(house: Bench, admin: Any, approval: list[Any]) -> None:
    made = await admin.CreateReorganisation(reorganisation=reorganisation())
    assert not (await admin.PreviewReorganisation(id=made.id)).approvals
    assert approval == []


async def test_without_an_answer_of_approval_the_rest_of_the_preview_is_there(
    house: Bench, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(house.runtime, "clients", Clients({"approval": "127.0.0.1:1"}, None))
    made = await admin.CreateReorganisation(reorganisation=reorganisation(NEW_LAB))

    seen = await admin.PreviewReorganisation(id=made.id)
    assert seen.approvals_unknown
    assert "LAB" in {unit.code for unit in seen.units}
