"""Forms are drafted, published in versions, compared, copied, taken elsewhere as files, retired; each for some."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from google.protobuf import field_mask_pb2

from approval.tests.desk import CLAIM, Desk, claim, field, label
from approval.tests.factories import approve, branch, condition, sequence
from chassis.testing import refused, stable


@pytest.fixture
async def desk(service: Any) -> Desk:
    return Desk(service)


async def test_a_draft_is_changed_beside_what_is_published(desk: Desk) -> None:
    form = await desk.form()
    assert (form.state, form.published_version, form.draft_differs) == (form.PUBLISHED, 1, False)
    assert sorted(form.allowed_actions) == ["copy", "retire", "update"]

    changed = await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "name": "报销"})
    assert (changed.draft_differs, changed.published_version) == (True, 1)
    (offered,) = (await desk.requester.ListFormsOfficeRequest()).forms
    assert (offered.name, offered.version) == ("报销", 1)
    back = await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "name": "费用申请"})
    assert back.draft_differs is False
    fields = [*CLAIM, field("city")]
    await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "fields": fields})
    (difference,) = (await desk.admin.CompareFormDefinition(id=form.id)).differences
    assert (difference.path, difference.before) == ("city", "")
    assert (await desk.admin.PublishFormDefinition(id=form.id, note="加城市")).published_version == 2

    newer, older = (await desk.admin.ListVersionsFormDefinition(id=form.id)).versions
    assert [(v.version, v.note, len(v.fields)) for v in (newer, older)] == [(2, "加城市", 7), (1, "first", 6)]
    assert newer.published_by_id == str(stable("admin"))
    found = await desk.admin.CompareFormDefinition(id=form.id, before=2, after=1)
    assert [(one.path, one.after) for one in found.differences] == [("city", "")]
    with refused("FORM_VERSION_UNKNOWN"):
        await desk.admin.CompareFormDefinition(id=form.id, before=3)
    assert [s for s, _ in await desk.service.events("form_definition")] == [
        "evt.approval.form_definition.published"
    ] * 2


async def test_what_can_never_work_is_not_saved_and_what_is_empty_not_published(desk: Desk) -> None:
    with refused("FORMULA_INVALID", field="fields[0].visible_when"):
        await desk.form([field("a", visible_when="open('/etc/passwd')")])
    empty = await desk.form([], publish=False)
    with refused("FORM_NO_FIELDS"):
        await desk.admin.PublishFormDefinition(id=empty.id)
    assert list((await desk.requester.ListFormsOfficeRequest()).forms) == []
    await desk.admin.DeleteFormDefinition(id=empty.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await desk.admin.GetFormDefinition(id=empty.id)


async def test_what_was_published_keeps_its_kind_and_is_not_deleted(desk: Desk) -> None:
    form = await desk.form([field("a", "NUMBER"), field("b")])

    await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "fields": [field("b")]})
    await desk.admin.PublishFormDefinition(id=form.id)
    with refused("FORM_KIND_CHANGED", field="fields[0].kind"):
        await desk.admin.UpdateFormDefinition(form_definition={"id": form.id, "fields": [field("a", "DATE")]})
    with refused("ACTION_NOT_ALLOWED"):
        await desk.admin.DeleteFormDefinition(id=form.id)


async def test_a_form_and_its_flow_stay_in_step(desk: Desk) -> None:
    form = await desk.form()
    tree = sequence(approve("a", "boss", rights={"values.account": "required"}))
    for wrong in ("values.colour", "values.total", "values.items"):
        with refused("FLOW_FIELD_RIGHT"):
            await desk.flow_for(sequence(approve("a", "boss", rights={wrong: "write"})), code="W")
    await desk.flow_for(tree)

    lost = {"id": form.id, "fields": CLAIM[:-1]}
    mask = field_mask_pb2.FieldMask(paths=["fields", "approver_keys"])
    await desk.admin.UpdateFormDefinition(form_definition=lost, update_mask=mask)

    with refused("FORM_FIELD_IN_FLOW", field="fields"):
        await desk.admin.PublishFormDefinition(id=form.id)


def asks(when: str) -> dict[str, Any]:
    """A flow that asks the boss where something is so."""
    return sequence(condition("c", branch("yes", approve("a", "boss"), when=when), branch("no", approve("b", "head"))))


@pytest.mark.parametrize(
    ("tree", "and_where"),
    [
        (asks("facts.partner != ''"), ""),
        (asks('facts["partner"] != ""'), ""),
        (sequence(approve("a", {"kind": "field_user", "field": "partner"})), ""),
        (sequence(approve("a", "boss")), " && facts.partner != ''"),
    ],
)
async def test_what_a_flow_asks_for_a_form_keeps(desk: Desk, tree: Any, and_where: str) -> None:
    form = await desk.form()
    await desk.flow_for(tree, condition=f"facts.form == 'claim'{and_where}")
    lost = {"id": form.id, "fields": [one for one in CLAIM if one["key"] != "partner"]}
    await desk.admin.UpdateFormDefinition(form_definition=lost, update_mask=field_mask_pb2.FieldMask(paths=["fields"]))

    with refused("FORM_FIELD_IN_FLOW", field="fields") as refusal:
        await desk.admin.PublishFormDefinition(id=form.id)
    assert [facts["key"] for *_, facts in refusal.value.violations] == ["partner"]


@pytest.mark.parametrize(
    ("users", "may"),
    [
        ({}, True),
        ({"department_ids": [str(stable("workshop"))]}, True),
        ({"department_ids": [str(stable("works"))]}, True),
        ({"department_ids": [str(stable("finance"))]}, False),
        ({"role_codes": ["employee"]}, True),
        ({"role_codes": ["buyer"]}, False),
    ],
)
async def test_a_form_is_for_some(desk: Desk, users: dict[str, Any], may: bool) -> None:
    form = await desk.form(**users)

    assert len((await desk.requester.ListFormsOfficeRequest()).forms) == may
    if not may:
        with refused("OFFICE_REQUEST_FORM", field="form_id"):
            await desk.filled(form)


async def test_a_retired_form_takes_no_new_requests_and_old_ones_go_on(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(approve("a", "boss"))
    row, draft = await desk.sent(form), await desk.filled(form)

    await desk.admin.RetireFormDefinition(id=form.id, reason="旧")

    for act in (desk.filled(form), desk.requester.SubmitOfficeRequest(id=draft.id)):
        with refused("OFFICE_REQUEST_FORM"):
            await act
    await desk.agree("boss")
    done = await desk.get(row)
    assert done.state == done.APPROVED
    again = await desk.admin.PublishFormDefinition(id=form.id)
    assert (again.state, again.published_version) == (again.PUBLISHED, 2)


async def test_a_file_makes_the_same_form_elsewhere_and_tells_other_programs_its_schema(desk: Desk) -> None:
    form = await desk.form(sections=[{"label": label("钱"), "field_keys": ["items", "total"]}])
    file = (await desk.admin.DownloadFormDefinition(id=form.id, version=1)).data.decode()
    schema = json.loads(file)["json_schema"]["zh-CN"]
    jsonschema.validate(claim("1"), {**schema, "required": []})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"kind": "rent"}, {**schema, "required": []})

    twin = await desk.admin.ImportFormDefinition(content=file, code="twin", name="二")

    for name in ("fields", "sections", "amount_key", "summary_keys", "approver_keys", "number_prefix"):
        assert getattr(twin, name) == getattr(form, name), name
    assert (twin.code, twin.name, twin.state) == ("twin", "二", twin.DRAFT)
    with refused("ALREADY_EXISTS"):
        await desk.admin.ImportFormDefinition(content=file)
    copy = await desk.admin.CopyFormDefinition(id=form.id, code="copy", name="三")
    assert (copy.fields, copy.published_version, copy.draft_differs) == (form.fields, 0, True)


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", '{"format": "heyi.form.1"}', '{"format": "heyi.form.1", "form": {"fields": 3}}', "[" * 9000],
)
async def test_what_is_no_form_is_not_brought_in(desk: Desk, text: str) -> None:
    with refused("FORM_FILE_UNKNOWN" if text else "FIELD_REQUIRED", field="content"):
        await desk.admin.ImportFormDefinition(content=text)


async def test_an_example_shows_what_the_draft_does_and_who_would_be_asked(desk: Desk) -> None:
    form = await desk.form()
    await desk.flow_for(approve("a", {"kind": "department_head"}))

    found = await desk.admin.TryFormDefinition(id=form.id, values=claim("2000"), requester_id=str(stable("requester")))
    assert [(v.field, v.reason) for v in found.violations] == [("why", "FIELD_REQUIRED")]
    assert not found.HasField("preview")
    good = await desk.admin.TryFormDefinition(
        id=form.id, values=claim("2000", why="x"), requester_id=str(stable("requester"))
    )
    assert [list(step.employee_ids) for step in good.preview.steps] == [[str(stable("head"))]]
    assert list((await desk.admin.ListOfficeRequests()).office_requests) == []


async def test_forms_are_the_company_s_and_their_keepers(desk: Desk) -> None:
    form = await desk.form()
    other = desk.service.as_("other_company")

    with refused("DOCUMENT_NOT_FOUND"):
        await other.GetFormDefinition(id=form.id)
    with refused("OFFICE_REQUEST_FORM"):
        await desk.filled(form, by=other)
    with refused("PERMISSION_MISSING"):
        await desk.service.as_("stranger").ListFormDefinitions()
