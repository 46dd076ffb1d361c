"""Drafts of forms and requests that a file brought are gone after its undo; what was published or sent stays."""

from __future__ import annotations

from typing import Any

from approval.tests.desk import Desk, claim
from chassis import contract
from chassis.testing import refused, stable


async def test_a_draft_of_a_form_goes_and_a_published_one_stays(service: Any) -> None:
    admin = Desk(service).admin
    rows = [(code, f"表单 {code}", prefix) for code, prefix in (("one", "FA"), ("two", "FB"))]
    batch = await service.bring_in(admin, "approval.form_definition", ("code", "name", "number_prefix"), *rows)
    forms = {one.code: one for one in (await admin.ListFormDefinitions()).form_definitions}
    assert set(forms) == {"one", "two"}
    field = {"key": "note", "label": {"zh-CN": "说明", "en": "Note"}, "kind": "TEXT"}
    await admin.UpdateFormDefinition(form_definition={"id": forms["two"].id, "fields": [field]}, update_mask="fields")
    await admin.PublishFormDefinition(id=forms["two"].id, note="first")

    assert await service.take_back(admin, batch) == (1, 1, ["IMPORT_CHANGED_SINCE"])
    assert [one.code for one in (await admin.ListFormDefinitions()).form_definitions] == ["two"]


async def test_drafts_of_requests_go(service: Any) -> None:
    desk = Desk(service)
    form = await desk.form()
    batch = await service.bring_in(desk.requester, "approval.office_request", ("form_id",), (form.code,))
    assert len((await desk.requester.ListOfficeRequests()).office_requests) == 1

    assert await service.take_back(desk.requester, batch) == (1, 0, [])
    assert not (await desk.requester.ListOfficeRequests()).office_requests


async def test_what_a_request_names_is_in_use(service: Any) -> None:
    desk = Desk(service)
    who, other = str(stable("boss")), str(stable("head"))
    await desk.filled(await desk.form(), claim(partner=who))
    method = contract.load().methods["heyi.platform.v1.Imports/FindReferences"]
    request = method.request(document_type="identity.employee", ids=[who, other])
    found = (await service.invoke(method, request, service.issuer.service("identity"))).message.documents
    assert [(one.document_id, one.by_document_type) for one in found] == [(who, "approval.office_request")]


async def test_a_robot_is_not_brought_in_by_a_file_since_no_cell_holds_its_address(service: Any) -> None:
    with refused("IMPORT_NOT_POSSIBLE"):
        await service.bring_in(Desk(service).admin, "approval.notice_robot", ("name", "product"), ("群", "WECOM"))
