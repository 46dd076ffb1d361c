"""Cases that rules decide: the log, the samples that people decide without knowing, the switch, the table's limit."""

from __future__ import annotations

from google.protobuf import json_format

from approval.tests.factories import HASH, REQUISITION, approve, ids_of, no, sequence, state, waiting
from chassis.testing import stable

SMALL = {"name": "small", "when": "amount <= 10000", "then": "approve", "text": "within the budget"}
LARGE = {"name": "large", "when": "amount > 90000", "then": "reject", "text": "too much"}


def ruled(percent=0, *rules, who="head", **more):
    return approve("a", who, automatic=list(rules or (SMALL, LARGE)), automatic_sample_percent=percent, **more)


async def log(office, **request):
    return list((await office.admin.ListAutomaticDecisions(**request)).automatic_decisions)


async def statistics(office, flow):
    return list((await office.admin.AnalyzeAutomaticDecisions(flow_definition_id=flow.id)).rules)


async def test_a_rule_agrees_in_nobodys_name_and_the_log_says_why(office):
    flow = await office.flow(sequence(ruled(), approve("b", "boss")))
    case = await office.submit(facts={"category": "OFFICE"}, times=2)
    assert (state(case), waiting(case), case.flow_version) == ("RUNNING", ids_of("boss"), 1)
    (said,) = [one for one in case.opinions if one.kind == 2]
    assert (said.author_id, said.reason, said.text) == ("", "opinion.automatic", "within the budget")
    assert dict(said.reason_facts) == {"rule": "small", "flow": "flow PR", "version": "1"}
    (line,) = await log(office, filter=f'flow_definition_id = "{flow.id}" AND outcome = "AGREED" AND sampled = false')
    assert (line.rule_name, dict(line.inputs), line.expression) == ("small", {"amount": 8000.0}, SMALL["when"])
    assert (await office.admin.GetAutomaticDecision(id=line.id)).document_number == "PR-one"
    await office.decide("boss")
    assert state(await office.case()) == "APPROVED"


async def test_a_rule_refuses_and_the_requester_is_told_by_which(office):
    await office.flow(sequence(ruled(), approve("b", "boss")))
    case = await office.submit(amount="90000.01")
    assert (state(case), case.note, case.tasks[:]) == ("REJECTED", "too much", [])
    told = (await office.service.as_("requester").ListNotices()).notices
    assert [(one.text_key, one.text_facts["rule"]) for one in told] == [("notice.rejected_by_rule", "large")]
    assert [one.kind for one in case.opinions] == [1, 3]


async def test_a_sample_goes_to_people_and_is_unknown_until_they_decided(office):
    flow = await office.flow(ruled(100))
    for document in ("agree", "refuse", "back", "gone"):
        case = await office.submit(document)
        assert (waiting(case), [one.kind for one in case.opinions]) == (ids_of("head"), [1])
    assert await log(office) == [], "whoever is asked could read it there"
    turns = {task.document_number: task.id for task in await office.todo("head")}
    head = office.service.as_("head")
    await head.ApproveTask(id=turns["PR-agree"], content_hash=HASH)
    await head.RejectTask(id=turns["PR-refuse"], content_hash=HASH, text="no")
    await head.ReturnTask(id=turns["PR-back"], content_hash=HASH, text="why?")
    await office.service.as_("requester").WithdrawCase(id=(await office.case("gone")).id)
    answers = {line.document_number: line.Answer.Name(line.answer) for line in await log(office)}
    assert answers == {"PR-agree": "AGREE", "PR-refuse": "REFUSE", "PR-back": "SEND_BACK", "PR-gone": "NONE"}
    office.service.clock.advance(minutes=1)
    (rule,) = await statistics(office, flow)
    assert (rule.agreed_count, rule.sampled_count, rule.answered_count, rule.otherwise_count) == (0, 4, 3, 2)
    assert (rule.error_percent, rule.error_from_percent, rule.error_to_percent) == ("66.67", "20.77", "93.85")


async def test_an_answer_that_is_taken_back_is_not_known_any_more(office):
    await office.flow(sequence(ruled(100), approve("b", "boss")))
    await office.submit()
    task = await office.decide("head")
    assert [line.answer for line in await log(office)] == [1]
    await office.service.as_("head").TakeBackTask(id=task.id)
    assert await log(office) == []
    await office.decide("head", "Reject")
    assert [line.answer for line in await log(office)] == [2]


async def test_the_switch_is_off_at_once_also_for_running_cases(office):
    flow = await office.flow(sequence(approve("first", "boss"), ruled()))
    await office.submit("running")
    assert "stop_automatic" in flow.allowed_actions
    stopped = await office.admin.StopAutomaticFlowDefinition(id=flow.id, reason="the rule is too generous")
    assert (stopped.automatic_off, "stop_automatic" in stopped.allowed_actions) == (True, False)
    assert stopped.switch_reason == "the rule is too generous"
    await office.decide("boss")
    assert waiting(await office.case("running")) == ids_of("head")
    await office.admin.StartAutomaticFlowDefinition(id=flow.id, reason="looked at")
    await office.submit("later")
    await office.decide("boss")
    assert state(await office.case("later")) == "APPROVED"
    refusal = await no(
        "PERMISSION_MISSING", office.service.as_("stranger").StopAutomaticFlowDefinition(id=flow.id, reason="x")
    )
    assert refusal.facts["permission"] == "approval.flow_definition.stop_automatic"


async def test_people_decide_above_the_tables_limit_and_where_a_rule_has_no_answer(office):
    strange = {"name": "strange", "when": "facts.quota > 5.0", "then": "approve"}
    await office.flow(ruled(0, strange, SMALL))
    await office.submit("strange")
    await office.admin.CreateAuthorityLimit(
        authority_limit={"automatic": True, "limit_amount": "7999.99", "currency": "CNY", "document_type": REQUISITION}
    )
    await office.submit("over", facts={"quota": 1.0})
    lines = [(line.document_number, line.Outcome.Name(line.outcome), bool(line.problem)) for line in await log(office)]
    assert lines == [("PR-over", "OVER_LIMIT", True), ("PR-strange", "FAILED", True)]
    assert len(await office.todo("head")) == 2
    both = {"automatic": True, "post_id": str(stable("manager")), "limit_amount": "1", "currency": "CNY"}
    await no("AUTHORITY_LIMIT_WHOSE", office.admin.CreateAuthorityLimit(authority_limit=both))


async def test_who_is_led_back_to_a_node_is_asked(office):
    await office.flow(sequence(approve("first", "boss"), ruled(), approve("b", "buyer")))
    case = await office.submit()
    await office.decide("boss")
    assert waiting(await office.case()) == ids_of("buyer")
    await office.admin.JumpCase(id=case.id, node_id="a", reason="look at it")
    assert waiting(await office.case()) == ids_of("head")


async def test_the_log_is_for_those_who_look_after_it(office):
    await no("PERMISSION_MISSING", office.service.as_("stranger").ListAutomaticDecisions())
    await no("PERMISSION_MISSING", office.service.as_("stranger").AnalyzeAutomaticDecisions())


async def test_the_log_says_no_value_of_a_field_that_was_added_to_the_document(office):
    """Who may see it is known to the document's service alone."""
    told = {"name": "cost", "when": "facts.custom_fields.cost > 100.0 && amount > 1.0", "then": "approve"}
    whole = {"name": "whole", "when": "size(facts) > 0", "then": "approve"}
    await office.flow(sequence(ruled(0, told), approve("b", "boss"), ruled(0, whole) | {"id": "c"}))
    await office.submit(facts={"rise": 1.0, "custom_fields": {"cost": 200.0}})
    await office.decide("boss")

    lines = {line.rule_name: json_format.MessageToDict(line.inputs) for line in await log(office)}
    assert lines == {"cost": {"amount": 8000.0}, "whole": {"facts": {"rise": 1.0}}}
