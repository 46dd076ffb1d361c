"""A form is filled in, sent, decided: what it computes and asks for, who sees and writes what, what becomes of it."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from google.protobuf import json_format

from approval.tests.desk import CLAIM, TYPE, Desk, claim, field, label, state
from approval.tests.factories import approve, branch, condition, sequence, user, waiting
from chassis import contract, ids, import_lookup, inbox
from chassis.call import Actor
from chassis.clients import Clients
from chassis.testing import COMPANY, refused, stable
from heyi.approval.v1 import cases_pb2
from heyi.approval.v1 import form_definitions_pb2 as pb
from heyi.common.v1 import common_pb2
from heyi.platform.v1 import imports_pb2, prints_pb2


@pytest.fixture
async def desk(service: Any) -> Desk:
    return Desk(service)


FLOW = sequence(approve("a", {"kind": "department_head"}), approve("b", "boss"))


def values_of(row: Any) -> dict[str, Any]:
    return json_format.MessageToDict(row.values)


async def test_a_request_goes_from_a_draft_to_an_agreement_and_says_so(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)

    row = await desk.sent(form)

    assert (state(row), row.number, row.title) == ("SUBMITTED", "FY-2026-000001", "费用申请：travel，123.40")
    assert (row.amount, row.currency, row.form_version) == ("123.40", "CNY", 1)
    assert values_of(row)["total"] == "123.40"
    assert list(row.waiting_on_ids) == [str(stable("head"))]
    await desk.agree("head")
    assert list((await desk.get(row)).waiting_on_ids) == [str(stable("boss"))]
    await desk.agree("boss")
    done = await desk.get(row)
    assert (state(done), list(done.waiting_on_ids), list(done.allowed_actions)) == ("APPROVED", [], ["copy"])
    assert [s for s, _ in await desk.service.events("office_request")] == [
        f"evt.approval.office_request.{what}" for what in ("submitted", "progressed", "progressed", "approved")
    ]


async def test_events_that_come_twice_or_late_change_nothing(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    draft = await desk.filled(form)
    await desk.requester.SubmitOfficeRequest(id=draft.id)
    await desk.settle(twice=True)
    (opened,) = [message for _, message in await desk.service.events("case.opened")]
    await desk.agree("head")
    await desk.agree("boss")
    await desk.settle(twice=True)
    done = await desk.get(draft)

    await desk.service.deliver(opened, event_id=ids.uuid7())
    (agreed,) = [message for _, message in await desk.service.events("case.approved")]
    await desk.service.deliver(agreed, event_id=ids.uuid7())

    assert await desk.get(draft) == done
    assert len((await desk.admin.ListCases()).cases) == 1
    assert len(await desk.service.events("office_request.approved")) == 1


@pytest.mark.parametrize("outcome", ["Reject", "Return"])
async def test_what_comes_back_says_why_and_is_sent_again_under_its_number(desk: Desk, outcome: str) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    row = await desk.sent(form)
    (task,) = await desk.todo("head")
    await getattr(desk.service.as_("head"), f"{outcome}Task")(
        id=task.id, content_hash=task.content_hash, text="发票不全"
    )
    await desk.settle()

    back = await desk.get(row)

    assert (state(back), back.outcome_note) == (outcome.upper() + "ED", "发票不全")
    if outcome == "Reject":
        with refused("ACTION_NOT_ALLOWED"):
            await desk.requester.SubmitOfficeRequest(id=row.id)
        copy = await desk.requester.CopyOfficeRequest(id=row.id)
        assert (values_of(copy), state(copy), copy.copied_from_id) == (values_of(row), "DRAFT", row.id)
        return
    await desk.requester.UpdateOfficeRequest(office_request={"id": row.id, "values": claim("7")})
    await desk.requester.SubmitOfficeRequest(id=row.id)
    await desk.settle()
    again = await desk.get(row)
    assert (state(again), again.submission, again.number, again.amount) == ("SUBMITTED", 2, row.number, "7.00")


async def test_the_requester_takes_it_back(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    row = await desk.sent(form)

    await desk.requester.WithdrawCase(id=row.case_id, reason="改日期")
    await desk.settle()

    back = await desk.get(row)
    assert (state(back), sorted(back.allowed_actions)) == ("WITHDRAWN", ["cancel", "copy", "submit", "update"])
    gone = await desk.requester.CancelOfficeRequest(id=row.id, reason="不去了")
    assert (state(gone), gone.outcome_note) == ("CANCELLED", "不去了")


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    # name: (values, field, refusal)
    "unknown field": (claim(colour="red"), "values.colour", "FIELD_UNKNOWN"),
    "no such option": (claim(kind="rent"), "values.kind", "FIELD_FORMAT"),
    "three decimals": (claim("1.234"), "values.items[0].cost", "FIELD_DECIMAL"),
    "a number with a point": (claim(items=[{"what": "x", "cost": 1.5}]), "values.items[0].cost", "FIELD_TYPE"),
    "what is computed": (claim(total="1.00"), "values.total", "FIELD_READ_ONLY"),
    "what approvers fill in": (claim(account="6602"), "values.account", "FIELD_READ_ONLY"),
    "nobody": (claim(partner=str(stable("nobody"))), "values.partner", "FIELD_NO_SUCH_DOCUMENT"),
    "too many rows": (claim(*["1"] * 201), "values.items", "FIELD_TOO_MANY"),
    "too large": (claim(items=[{"what": "界" * 500, "cost": "1"}] * 200), "values", "FIELD_TOO_LONG"),
    "turned text": (claim(items=[{"what": "a\u202eb", "cost": "1"}]), "values", "FIELD_HIDDEN_CHARACTERS"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
async def test_what_a_form_does_not_take_is_refused_at_its_field(desk: Desk, name: str) -> None:
    values, field_name, reason = WRONG[name]
    form = await desk.form()

    with refused(reason, field=field_name):
        await desk.filled(form, values)

    assert list((await desk.requester.ListOfficeRequests()).office_requests) == []


async def test_a_draft_may_be_unfinished_and_is_sent_complete(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    draft = await desk.filled(form, {})

    with refused("FIELD_REQUIRED", field="values.kind"):
        await desk.requester.SubmitOfficeRequest(id=draft.id)
    much = await desk.requester.UpdateOfficeRequest(office_request={"id": draft.id, "values": claim("1000.01")})
    with refused("FIELD_REQUIRED", field="values.why"):
        await desk.requester.SubmitOfficeRequest(id=much.id)

    # a reason for little is not there, and is not kept
    little = claim("400", why="多")
    kept = await desk.requester.UpdateOfficeRequest(office_request={"id": draft.id, "values": little})
    assert "why" not in values_of(kept)
    assert "why" in (await desk.get(draft)).hidden_keys


async def test_values_are_computed_while_they_are_typed_and_nothing_is_kept(desk: Desk) -> None:
    form = await desk.form()

    found = await desk.requester.FillOfficeRequest(
        form_id=form.id, content='{"items": [{"what": "a", "cost": "600"}, {"cost": "0.1"}], "kind": "x"}'
    )

    assert json_format.MessageToDict(found.values) == {"total": "0.00"}
    assert {(v.field, v.reason) for v in found.violations} == {
        ("items[1].what", "FIELD_REQUIRED"),
        ("kind", "FIELD_FORMAT"),
    }
    good = await desk.requester.FillOfficeRequest(form_id=form.id, content='{"items": [{"what": "a", "cost": "1600"}]}')
    assert json_format.MessageToDict(good.values)["total"] == "1600.00"
    assert (list(good.hidden_keys), sorted(good.required_keys)) == ([], ["items", "kind", "why"])
    # as long as a request may be
    rows = [{"what": "展位搭建" * 40, "cost": "10.01"}] * 80
    long = json.dumps({"kind": "travel", "items": rows})
    assert 70_000 < len(long) < 100_000
    much = await desk.requester.FillOfficeRequest(form_id=form.id, content=long)
    assert (json_format.MessageToDict(much.values)["total"], list(much.violations)) == ("800.80", [])
    with refused("FIELD_TYPE", field="content"):
        await desk.requester.FillOfficeRequest(form_id=form.id, content="[1]")
    assert list((await desk.requester.ListOfficeRequests()).office_requests) == []


async def test_a_request_stays_on_the_version_it_was_sent_with(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    sent, draft = await desk.sent(form), await desk.filled(form)
    fields = [*CLAIM[:-1], field("city", required=True), CLAIM[-1]]
    await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "fields": fields})
    await desk.admin.PublishFormDefinition(id=form.id)

    old = await desk.get(sent)
    assert (old.form_version, "city" in [one.key for one in old.form.fields]) == (1, False)
    with refused("FIELD_REQUIRED", field="values.city"):
        await desk.requester.SubmitOfficeRequest(id=draft.id)
    await desk.agree("head")
    await desk.agree("boss")
    assert state(await desk.get(sent)) == "APPROVED"


async def test_conditions_and_approver_rules_read_the_form(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(
        sequence(
            approve("p", {"kind": "field_user", "field": "partner"}),
            condition(
                "size",
                branch("much", approve("b", "boss"), when="facts.total > 1000 && facts.kind == 'travel'"),
                branch("rest"),
            ),
        )
    )

    small = await desk.sent(form, claim("10", partner=str(stable("colleague"))))
    await desk.agree("colleague")
    assert state(await desk.get(small)) == "APPROVED"
    large = await desk.sent(form, claim("5000", why="展会", partner=str(stable("colleague"))))
    await desk.agree("colleague")
    case = await desk.admin.GetCase(id=large.case_id)
    assert waiting(case) == {str(stable("boss"))}


async def test_the_flow_is_the_form_s_own(desk: Desk) -> None:
    form, other = await desk.form(), await desk.form([field("text")], code="other", number_prefix="QT")
    await desk.flow_for(approve("a", "boss"))
    await desk.flow_for(approve("a", "finance_head"), form="other", code="G")

    first, second = await desk.sent(form), await desk.sent(other, {"text": "x"})

    assert list(first.waiting_on_ids) == [str(stable("boss"))]
    assert (list(second.waiting_on_ids), second.number) == ([str(stable("finance_head"))], "QT-2026-000001")
    assert (await desk.requester.PreviewOfficeRequest(id=second.id)).flow_name == "flow G"


HIDING = sequence(
    approve("a", "colleague", rights={"values.items": "hidden"}),
    approve("b", "boss", rights={"values.account": "required"}),
)


async def test_a_step_hides_a_field_and_all_that_tells_of_it(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(HIDING)
    row = await desk.sent(form, claim("871.37"))

    (task,) = await desk.todo("colleague")
    seen = await desk.get(row, "colleague")

    assert values_of(seen) == {"kind": "travel"}
    assert (seen.title, seen.amount, task.title, task.amount) == ("", "", "", "")
    assert {"items", "total", "why"} <= set(seen.hidden_keys)
    case = await desk.service.as_("colleague").GetCase(id=row.case_id)
    told = json_format.MessageToDict(case.facts)
    assert not {"items", "total"} & told.keys()
    assert "871.37" not in str(case) + str(seen) + str(task)
    # the decision is bound to what was shown
    assert seen.content_hash == task.content_hash != row.content_hash
    # neither does a filter find it
    for terms in (["total>=871"], ["why:x"]):
        found = await desk.service.as_("colleague").ListOfficeRequests(form_id=form.id, terms=terms)
        assert list(found.office_requests) == []
    await desk.agree("colleague")
    assert state(await desk.get(row)) == "SUBMITTED"


async def test_an_approver_fills_in_what_only_approvers_fill_in(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(HIDING)
    row = await desk.sent(form, claim("1"))
    await desk.agree("colleague")
    (task,) = await desk.todo("boss")
    boss = desk.service.as_("boss")

    with refused("TASK_FIELD_MISSING"):
        await boss.ApproveTask(id=task.id, content_hash=task.content_hash)
    await desk.agree("boss", changes=[{"path": "values.account", "value": "6602"}])

    done = await desk.get(row)
    # whoever agreed before is not asked again: it is for approvers to fill in
    assert (state(done), values_of(done)["account"]) == ("APPROVED", "6602")
    (changed,) = [o for o in (await desk.admin.GetCase(id=row.case_id)).opinions if o.changes]
    assert [(d.path, d.before, d.after) for d in changed.changes] == [("values.account", "", "6602")]


CHANGES = {
    # name: (path, value, refusal)
    "no such field": ("values.colour", "x", "FIELD_UNKNOWN"),
    "of the request": ("title", "x", "FIELD_UNKNOWN"),
    "of no such kind": ("values.partner", "boss", "FIELD_FORMAT"),
    "what is computed": ("values.total", "5", "FIELD_READ_ONLY"),
    "what is needed": ("values.kind", "", "FIELD_REQUIRED"),
    "somebody who is not there": ("values.partner", str(stable("nobody")), "FIELD_NO_SUCH_DOCUMENT"),
}


def change_of(row: Any, path: str, value: str, **more: Any) -> cases_pb2.CaseChangeRequested:
    """An approver agrees with another value."""
    fields = {
        "id": str(ids.uuid7()), "document_type": TYPE, "document_id": row.id, "submission": 1,
        "author_id": str(stable("head")), "content_hash": row.content_hash,
        "changes": [common_pb2.FieldChange(path=path, value=value)], **more,
    }  # fmt: skip
    return cases_pb2.CaseChangeRequested(case=cases_pb2.Case(), amendment=common_pb2.Amendment(**fields))


async def answers(desk: Desk) -> list[Any]:
    return [message.answer for _, message in await desk.service.events("change_answered")]


@pytest.mark.parametrize("name", CHANGES)
async def test_what_the_form_does_not_take_no_approver_types(desk: Desk, name: str) -> None:
    path, value, reason = CHANGES[name]
    form = await desk.form()
    await desk.flow_for(FLOW)
    row = await desk.sent(form)
    event = change_of(row, path, value)

    await desk.service.deliver(event, times=2)
    await desk.service.deliver(event, event_id=ids.uuid7())

    (answer,) = await answers(desk)
    assert [one.reason for one in answer.violations] == [reason]
    now = await desk.get(row)
    assert (now.content_hash, values_of(now)) == (row.content_hash, values_of(row))


async def test_too_late_is_a_change_after_its_time_of_another_content_or_submission(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    row = await desk.sent(form)
    over = desk.service.clock.now() - datetime.timedelta(seconds=1)
    for more in ({"expire_time": over}, {"content_hash": "0" * 64}, {"submission": 7}):
        await desk.service.deliver(change_of(row, "values.account", "6602", **more))
        assert [one.reason for one in (await answers(desk))[-1].violations] == ["AMENDMENT_TOO_LATE"]
    now = await desk.get(row)
    assert (now.content_hash, values_of(now)) == (row.content_hash, values_of(row))

    await desk.agree("head")
    await desk.agree("boss")
    assert state(await desk.get(row)) == "APPROVED", "what was agreed to is what stands here"


async def test_while_another_service_is_away_a_change_waits_for_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    form = await desk.form([field("why"), field("item", "REFERENCE", document_type="inventory.item")])
    await desk.flow_for(FLOW)
    row = await desk.sent(form, {"why": "x"})
    item = str(stable("item"))
    event, event_id = change_of(row, "values.item", item), ids.uuid7()
    monkeypatch.setattr(desk.service.runtime, "clients", Clients({"inventory": "127.0.0.1:1"}, None))

    with pytest.raises(inbox.Passing, match="SERVICE_UNAVAILABLE"):
        await desk.service.deliver(event, actor="head", event_id=event_id)
    assert (await answers(desk), values_of(await desk.get(row))) == ([], values_of(row))

    async with inventory_of(item) as clients:
        monkeypatch.setattr(desk.service.runtime, "clients", clients)
        await desk.service.deliver(event, actor="head", event_id=event_id)
    (answer,) = await answers(desk)
    assert (list(answer.violations), [one.after for one in answer.differences]) == ([], [item])


@contextlib.asynccontextmanager
async def inventory_of(item_id: str) -> AsyncIterator[Clients]:
    """Another service, which has one item."""
    service, name = import_lookup.FIND_NAMED.split("/")
    method = contract.load().methods[import_lookup.FIND_NAMED]

    async def answer(_request: Any, _context: Any) -> Any:
        return method.reply(documents=[imports_pb2.NamedDocument(name=item_id, document_id=item_id, count=1)])

    handler = grpc.unary_unary_rpc_method_handler(
        answer, request_deserializer=method.request.FromString, response_serializer=method.reply.SerializeToString
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {name: handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    clients = Clients({"inventory": f"127.0.0.1:{port}"}, None)
    try:
        yield clients
    finally:
        await clients.close()
        await server.stop(None)


async def test_others_see_no_draft_and_act_for_nobody(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(FLOW)
    draft = await desk.filled(form)
    others = ("head", "colleague", "admin", "stranger", "other_company")

    for key in others:
        with refused("PERMISSION_MISSING" if key == "stranger" else "DOCUMENT_NOT_FOUND"):
            await desk.get(draft, key)
    assert list((await desk.admin.BatchGetOfficeRequests(ids=[draft.id])).office_requests) == []
    row = await desk.requester.SubmitOfficeRequest(id=draft.id)
    await desk.settle()
    for act in (desk.admin.CancelOfficeRequest(id=row.id, reason="x"), desk.admin.SubmitOfficeRequest(id=row.id)):
        with refused("OFFICE_REQUEST_NOT_OWNER"):
            await act
    assert list((await desk.get(row, "admin")).allowed_actions) == ["copy"]
    with refused("DOCUMENT_NOT_FOUND"):
        await desk.get(row, "colleague")
    with refused("ACTION_NOT_ALLOWED"):
        await desk.requester.DeleteOfficeRequest(id=row.id)


async def test_a_list_is_filtered_by_the_form_s_fields(desk: Desk) -> None:
    form = await desk.form()
    for cost in ("9.90", "10", "100"):
        await desk.filled(form, claim(cost))
    await desk.filled(form, {**claim("100"), "kind": "meal"})

    async def found(*terms: str) -> list[str]:
        listed = await desk.requester.ListOfficeRequests(form_id=form.id, terms=terms, order_by="amount")
        # what they hold is said with them: the columns of the list as a file
        assert {"kind", "items", "total"} < {field.key for field in listed.value_fields}
        return [f"{values_of(row)['kind']} {row.amount}" for row in listed.office_requests]

    assert await found("total>=10", "kind=travel") == ["travel 10.00", "travel 100.00"]
    assert await found("total<10") == ["travel 9.90"]
    assert await found("kind!=travel") == ["meal 100.00"]
    for term in ("kind>travel", "nothing=1", "total~1", "total=x", "items=1"):
        with refused("OFFICE_REQUEST_TERM", field="terms[0]"):
            await found(term)
    with refused("FIELD_REQUIRED", field="form_id"):
        await desk.requester.ListOfficeRequests(terms=["total=1"])


async def test_requests_of_a_form_that_nobody_fills_in_any_more_are_still_found(desk: Desk) -> None:
    form = await desk.form()
    draft = await desk.form([field("text")], code="draft", number_prefix="QT", publish=False)
    others = await desk.form([field("text")], code="others", number_prefix="QT", role_codes=["admin"])
    await desk.flow_for(FLOW)
    row = await desk.sent(form, claim("10"))
    await desk.filled(form, claim("7"))
    await desk.admin.RetireFormDefinition(id=form.id)

    listed = (await desk.requester.ListFormsOfficeRequest(every=True)).forms

    state_of = pb.FormDefinition.State.Name
    assert {one.form_id: state_of(one.state) for one in listed} == {form.id: "RETIRED", others.id: "PUBLISHED"}
    assert draft.id not in {one.form_id for one in listed}
    assert list((await desk.requester.ListFormsOfficeRequest()).forms) == []
    found = await desk.requester.ListOfficeRequests(form_id=form.id, terms=["total>=10"])
    assert [one.id for one in found.office_requests] == [row.id]
    assert "total" in {one.key for one in found.value_fields}
    assert list((await desk.service.as_("other_company").ListFormsOfficeRequest(every=True)).forms) == []


async def test_the_statements_of_a_call_do_not_grow_with_rows_or_requests(desk: Desk) -> None:
    form = await desk.form()

    async def counted(rows: int) -> int:
        draft = await desk.filled(form, claim(*["1"] * rows, partner=str(stable("boss"))))
        with desk.service.statements() as seen:
            await desk.requester.UpdateOfficeRequest(office_request={"id": draft.id, "values": claim(*["2"] * rows)})
            await desk.requester.GetOfficeRequest(id=draft.id)
            await desk.requester.ListOfficeRequests()
        return len(seen)

    assert await counted(1) == await counted(200)


async def on_paper(desk: Desk, row: Any, key: str = "requester") -> str:
    """The page of a request in the standard layout, before it becomes a PDF."""
    runtime = desk.service.runtime
    handler = runtime.service.handlers["heyi.platform.v1.Prints/PrintDocument"]
    asked = prints_pb2.PrintDocumentRequest(document_type=TYPE, id=row.id, standard=True)
    async with runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        return str((await handler(asked, runtime.call_for_event(session, Actor(stable(key)), COMPANY, ""))).html)


async def test_on_paper_stands_what_its_reader_sees_and_nothing_runs(desk: Desk) -> None:
    form = await desk.form(sections=[{"label": label("花费"), "field_keys": ["items", "total"]}])
    await desk.flow_for(HIDING)
    evil = "<script>alert(1)</script>"
    items, partner = [{"what": evil, "cost": "1871.37"}], str(stable("boss"))
    row = await desk.sent(form, claim(items=items, why="展会", partner=partner))

    printed = await desk.requester.PrintOfficeRequest(id=row.id)
    whole, part = await on_paper(desk, row), await on_paper(desk, row, "colleague")

    assert printed.content_type == f'application/pdf; name="{row.number}.pdf"'
    names = desk.service.organisation.people
    for said in (
        "上海测试有限公司", "<h1>费用申请</h1>", row.number, names[stable("requester")].name, "<h2>花费</h2>",
        "<th>kind</th><td>travel</td>", "<th>total</th><td>1,871.37</td>", '<td class="n">1,871.37</td>',
        "<td>展会</td>", f"<th>partner</th><td>{names[stable('boss')].name}</td>", "<th>account</th><td></td>",
        "人民币大写：<b>壹仟捌佰柒拾壹元叁角柒分</b>", "<h2>审批意见</h2>", "<td>提交</td>",
    ):  # fmt: skip
        assert said in whole, said
    assert evil not in whole
    assert "&lt;script&gt;" in whole
    assert "部分内容已隐藏" in part
    assert "<td>travel</td>" in part
    for unseen in ("871.37", "花费", "展会", "<th>why</th>", "<th>total</th>", "大写", "script"):
        assert unseen not in part, unseen


async def test_only_an_amount_of_money_is_written_out(desk: Desk) -> None:
    form = await desk.form([field("days", "NUMBER", unit="天")], amount_key="days")
    await desk.flow_for(approve("a", "boss"))

    whole = await on_paper(desk, await desk.sent(form, {"days": "12"}))

    assert "<td>12 天</td>" in whole
    assert "大写" not in whole


async def test_whom_the_requester_chooses_is_asked(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(approve("a", {"kind": "initiator_choice"}))
    draft = await desk.filled(form)

    with refused("OFFICE_REQUEST_CHOICE_MISSING"):
        await desk.requester.SubmitOfficeRequest(id=draft.id)
    me = {"node_id": "a", "employee_ids": [str(stable("requester"))]}
    with refused("OFFICE_REQUEST_CHOICE_PERSON"):
        await desk.requester.SubmitOfficeRequest(id=draft.id, choices=[me])
    chosen = {"node_id": "a", "employee_ids": [user("buyer")["employee_id"]]}
    await desk.requester.SubmitOfficeRequest(id=draft.id, choices=[chosen])
    await desk.settle()

    assert list((await desk.get(draft)).waiting_on_ids) == [str(stable("buyer"))]
