"""A flow is published by four eyes: its business owner's, or another's who may publish."""

from __future__ import annotations

import asyncio

from approval.flow_publication import publishing
from approval.tests.factories import approve, no, sequence
from approval.tests.test_succession_rpc import leaves
from chassis.testing import stable

TREE = sequence(approve("a", "head"))


async def asked(office, owner="boss", **more):
    draft = await office.draft(TREE, business_owner_id=str(stable(owner)), **more)
    return await office.admin.PublishFlowDefinition(id=draft.id, note="first")


def actions(message):
    return list(message.allowed_actions)


async def test_the_owner_reads_what_changes_and_approves_what_was_asked_for(office):
    flow = await asked(office)
    assert (flow.state, flow.published_version, "publish" in flow.allowed_actions) == (1, 0, False)
    boss = office.service.as_("boss")
    (waits,) = (await boss.ListFlowPublications(filter='state = "WAITING"')).flow_publications
    assert (waits.note, actions(waits), waits.before.version) == ("first", ["approve", "refuse"], 0)
    (notice,) = (await boss.ListNotices()).notices
    assert (notice.text_key, notice.document_id) == ("notice.publication", waits.id)
    changed = sequence(approve("a", "buyer"))
    await office.admin.UpdateFlowDefinition(flow_definition={"id": flow.id, "tree": changed})

    approved = await boss.ApproveFlowPublication(id=waits.id, etag=waits.etag)

    assert (approved.state, approved.published_version, actions(approved)) == (2, 1, [])
    flow = await office.admin.GetFlowDefinition(id=flow.id)
    assert (flow.published_version, flow.draft_differs, flow.publication_id) == (1, True, "")
    (version,) = (await office.admin.ListVersionsFlowDefinition(id=flow.id)).versions
    assert (version.published_by_id, version.approved_by_id) == (str(stable("admin")), str(stable("boss")))
    assert version.tree["children"][0]["approvers"][0]["employee_id"] == str(stable("head"))
    await no("ACTION_NOT_ALLOWED", boss.ApproveFlowPublication(id=waits.id))
    again = await office.admin.PublishFlowDefinition(id=flow.id)
    shown = await boss.GetFlowPublication(id=again.publication_id)
    assert (shown.before.version, shown.before.note) == (1, "first")


async def test_nobody_else_answers_and_nobody_for_themselves(office):
    flow = await asked(office)
    await no("FLOW_PUBLICATION_WAITING", office.admin.PublishFlowDefinition(id=flow.id))
    key = flow.publication_id
    await no("FLOW_PUBLICATION_OWN", office.admin.ApproveFlowPublication(id=key))
    refusal = await no("FLOW_PUBLICATION_NOT_OWNER", office.service.as_("buyer").ApproveFlowPublication(id=key))
    assert refusal.facts["name"] == "Boss"
    await no("DOCUMENT_NOT_FOUND", office.service.as_("stranger").ApproveFlowPublication(id=key))
    await no("FLOW_PUBLICATION_NOT_REQUESTER", office.service.as_("boss").WithdrawFlowPublication(id=key))
    refusing = await office.service.as_("boss").RefuseFlowPublication(id=key, reason="not yet")
    assert (refusing.state, refusing.reason) == (3, "not yet")
    assert (await office.admin.GetFlowDefinition(id=flow.id)).publication_id == ""
    again = await office.admin.PublishFlowDefinition(id=flow.id)
    withdrawn = await office.admin.WithdrawFlowPublication(id=again.publication_id)
    assert withdrawn.State.Name(withdrawn.state) == "WITHDRAWN"


async def test_where_the_owner_asks_another_who_may_publish_answers(office):
    flow = await asked(office, owner="admin")
    await no("DOCUMENT_NOT_FOUND", office.service.as_("stranger").ApproveFlowPublication(id=flow.publication_id))
    await no("FLOW_PUBLICATION_OWN", office.admin.ApproveFlowPublication(id=flow.publication_id))
    boss = office.service.as_("boss")
    assert (await boss.ApproveFlowPublication(id=flow.publication_id)).published_version == 1
    gone = str(stable("disabled"))
    await no("FLOW_OWNER_INACTIVE", office.draft(TREE, code="GONE", business_owner_id=gone))


async def test_the_flows_of_who_left_go_to_who_takes_over_with_what_waits(office):
    flow = await asked(office)
    held = await office.service.as_service("identity").ListHeld(
        employee_id=str(stable("boss")), since_time="2026-11-23T00:00:00Z"
    )
    assert [(group.kind, list(group.names)) for group in held.groups] == [("documents", ["PR"])]
    leaves(office, boss="buyer")
    await asyncio.gather(*(publishing.once(office.service.runtime) for _ in range(2)))
    assert (await office.admin.GetFlowDefinition(id=flow.id)).business_owner_id == str(stable("buyer"))
    buyer = office.service.as_("buyer")
    assert [one.text_key for one in (await buyer.ListNotices()).notices] == ["notice.publication"]
    assert (await buyer.ApproveFlowPublication(id=flow.publication_id)).published_version == 1
