"""Flows leave as files and come in again, in another company too; what is missing there is said by name."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from approval.tests.factories import REQUISITION, approve, branch, condition, copy, sequence, user
from chassis.testing import OTHER_COMPANY, refused, stable
from heyi.approval.v1 import flow_definitions_pb2 as pb

DOWNLOAD = pb.DownloadFlowDefinitionRequest
TREE = sequence(
    approve(
        "a",
        {"kind": "department_head"},
        vote="ratio",
        percent=60,
        cuts=True,
        changed="always",
        rights={"delivery_place": "required", "lines.unit_price": "hidden"},
    ),
    condition("c", branch("c1", approve("b", "boss"), when="amount > 5000"), branch("c2")),
    copy("k", {"kind": "post", "post": "buyer"}),
)


async def file_of(office, flow, format_=DOWNLOAD.JSON, version=0, **more):
    answer = await office.admin.DownloadFlowDefinition(id=flow.id, format=format_, version=version, **more)
    return answer.content_type, answer.data


async def import_(office, content, **more):
    return await office.admin.ImportFlowDefinition(content=content, **more)


@pytest.mark.parametrize("format_", [DOWNLOAD.JSON, DOWNLOAD.BPMN])
async def test_a_flow_goes_out_and_comes_in_as_the_same_draft(office, format_):
    flow = await office.draft(TREE, condition="amount > 1", priority=7)

    kind, data = await file_of(office, flow, format_)
    made = await import_(office, data.decode(), code="PR-2", name="another")

    assert kind.endswith(f'name="PR-draft.{"json" if format_ == DOWNLOAD.JSON else "bpmn"}"')
    assert (made.code, made.name, made.document_type, list(made.problems)) == ("PR-2", "another", REQUISITION, [])
    draft = await office.admin.GetFlowDefinition(id=made.flow_definition_id)
    assert (draft.tree, draft.condition, draft.priority, draft.state) == (flow.tree, "amount > 1", 7, flow.state)
    assert (await office.publish(draft.id)).published_version == 1


async def test_a_version_is_what_it_was_whatever_the_draft_says_now(office):
    flow = await office.flow(TREE, condition="amount > 1")
    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": sequence(approve("z", "boss"))})

    _, data = await file_of(office, flow, version=1)
    held = json.loads(data)

    assert held["flow"]["tree"] == TREE
    assert held["version"]["number"] == 1
    assert held["names"] == {str(stable("boss")): "Boss", "buyer": "Buyer"}
    with refused("FLOW_VERSION_UNKNOWN"):
        await file_of(office, flow, version=2)


async def test_a_dry_run_says_all_that_an_import_says_and_saves_nothing(office):
    _, data = await file_of(office, await office.draft(TREE))

    with refused("ALREADY_EXISTS"):
        await import_(office, data.decode(), dry_run=True)
    looked = await import_(office, data.decode(), code="PR-2", dry_run=True)

    assert looked.flow_definition_id == ""
    assert looked.code == "PR-2"
    assert [flow.code for flow in (await office.admin.ListFlowDefinitions()).flow_definitions] == ["PR"]


async def test_who_is_not_here_is_named_and_kept(office):
    stranger = "00000000-0000-4000-8000-0000000000aa"
    tree = sequence(approve("a", {"kind": "user", "employee_id": stranger}, {"kind": "role", "role": "nobody"}))
    held = {"format": "heyi.flow/1", "names": {stranger: "王小明"}}
    held["flow"] = {"code": "X", "name": "x", "document_type": REQUISITION, "tree": tree}

    made = await import_(office, json.dumps(held))

    found = {(p.path, p.reason, p.facts["value"], p.warning) for p in made.problems}
    assert found == {
        ("children[0].approvers[0]", "FLOW_APPROVER_UNKNOWN", "王小明", False),
        ("children[0].approvers[1]", "FLOW_APPROVER_NOBODY", "nobody", True),
    }
    draft = await office.admin.GetFlowDefinition(id=made.flow_definition_id)
    assert draft.tree["children"][0]["approvers"][0]["employee_id"] == stranger
    with refused("FLOW_INVALID"):
        await office.publish(draft.id)


async def test_a_file_names_everybody_of_a_group_and_who_takes_over(office):
    group = {"kind": "group", "name": "Cashiers", "employee_ids": [str(stable("boss")), str(stable("head"))]}
    timeout = {"hours": 8, "then": "transfer", "employee_id": str(stable("buyer"))}
    _, data = await file_of(office, await office.draft(sequence(approve("a", group, timeout=timeout))))
    assert json.loads(data)["names"] == {str(stable(who)): who.title() for who in ("boss", "head", "buyer")}


async def test_the_same_import_sent_twice_is_one_draft(office):
    _, data = await file_of(office, await office.draft(TREE))
    first = await import_(office, data.decode(), code="PR-2", key="again-key-1")
    second = await import_(office, data.decode(), code="PR-2", key="again-key-1")
    assert first == second
    assert len((await office.admin.ListFlowDefinitions()).flow_definitions) == 2


HEAD = {"code": "X", "name": "x", "document_type": REQUISITION}
WRONG = {
    # name: (text, field, reason)
    "no JSON": ("hello", "content", "FLOW_FILE_UNKNOWN"),
    "another JSON": ('{"flow": {}}', "content", "FLOW_FILE_UNKNOWN"),
    "no object": ("[1]", "content", "FLOW_FILE_UNKNOWN"),
    "deep": ("[" * 100_000, "content", "FLOW_FILE_UNKNOWN"),
    "no flow": ('{"format": "heyi.flow/1", "flow": 5}', "content", "FLOW_FILE_UNKNOWN"),
    "a number for a name": (
        json.dumps({"format": "heyi.flow/1", "flow": {**HEAD, "name": 5}}), "content", "FLOW_FILE_UNKNOWN"
    ),
    "a number that JSON does not have": (
        '{"format": "heyi.flow/1", "flow": {"tree": {"id": NaN}}}', "content", "FLOW_FILE_UNKNOWN"
    ),
    "a number without bounds": (
        '{"format": "heyi.flow/1", "flow": {"tree": {"id": 1%s}}}' % ("0" * 400), "content", "FLOW_FILE_UNKNOWN"
    ),
    "half a character": (
        '{"format": "heyi.flow/1", "flow": {"code": "\\ud800"}}', "content", "FLOW_FILE_UNKNOWN"
    ),
    "an unknown kind": (
        json.dumps({"format": "heyi.flow/1", "flow": {**HEAD, "tree": sequence({"id": "x", "kind": "script"})}}),
        "tree.children[0]", "FLOW_NODE_KIND",
    ),
    "no code": (json.dumps({"format": "heyi.flow/1", "flow": {"name": "x"}}), "code", "FIELD_REQUIRED"),
    "other XML": ("<a/>", "content", "FLOW_FILE_UNKNOWN"),
    "an XML bomb": ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "content", "FLOW_FILE_UNKNOWN"),
}  # fmt: skip


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("name", WRONG)
async def test_what_can_never_be_right_is_refused_at_its_field(office, name, dry_run):
    text, field, reason = WRONG[name]
    with refused(reason, field=field):
        await import_(office, text, dry_run=dry_run)
    assert list((await office.admin.ListFlowDefinitions()).flow_definitions) == []


async def test_a_bpmn_that_another_tool_changed_is_refused(office):
    _, data = await file_of(office, await office.draft(TREE), DOWNLOAD.BPMN)
    with refused("FLOW_FILE_CHANGED", field="content"):
        await import_(office, data.decode().replace("amount &gt; 5000<", "amount &gt; 6000<"), code="PR-2")


async def test_a_picture_is_in_the_readers_language(office):
    flow = await office.flow(TREE)
    kind, data = await file_of(office, flow, DOWNLOAD.SVG, version=1)
    said = [element.text for element in ET.fromstring(data).iter() if element.tag.endswith("}text")]
    assert kind == 'image/svg+xml; name="PR-v1.svg"'
    assert {"PR flow PR · 第 1 版", "部门负责人", "60% 同意", "amount > 5000", "提交"} <= set(said)


async def test_a_flow_is_printed_on_paper(office, monkeypatch):
    monkeypatch.setattr("chassis.paper.SECONDS", 60)  # what is printed is asked here, not how soon
    kind, data = await file_of(office, await office.draft(TREE), DOWNLOAD.PDF)
    assert kind == 'application/pdf; name="PR-draft.pdf"'
    assert data.startswith(b"%PDF-")


async def test_files_are_for_those_who_may_read_the_flow_and_imports_for_those_who_may_import(office):
    flow = await office.draft(TREE)
    office.service.revoke("boss")
    boss = office.service.as_("boss")
    with refused("PERMISSION_MISSING"):
        await boss.DownloadFlowDefinition(id=flow.id, format=DOWNLOAD.JSON)
    office.service.grant("boss", ["approval.flow_definition.get"], "COMPANY")
    answer = await boss.DownloadFlowDefinition(id=flow.id, format=DOWNLOAD.JSON)
    with refused("PERMISSION_MISSING"):
        await boss.ImportFlowDefinition(content=answer.data.decode(), code="PR-2")
    with refused("DOCUMENT_NOT_FOUND"):
        await office.service.as_("admin", company=OTHER_COMPANY).DownloadFlowDefinition(
            id=flow.id, format=DOWNLOAD.JSON
        )


async def test_a_flow_moves_to_another_company(office):
    _, data = await file_of(office, await office.draft(sequence(approve("a", "boss"))))
    there = office.service.as_("admin", company=OTHER_COMPANY)
    made = await there.ImportFlowDefinition(content=data.decode())
    draft = await there.GetFlowDefinition(id=made.flow_definition_id)
    assert (draft.code, draft.company_id) == ("PR", str(OTHER_COMPANY))
    assert draft.tree["children"][0]["approvers"][0] == user("boss")
