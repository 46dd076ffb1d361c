"""The forms that the product brings keep the rules of every form, and work with a flow of one step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from approval.form_definition import exchange, rules, templates
from approval.tests.desk import Desk, state
from approval.tests.factories import approve
from chassis import contract
from chassis.runtime import Envelope
from chassis.testing import refused, stable
from chassis.typed_fields import LANGUAGES
from heyi.approval.v1 import form_definitions_pb2 as pb

CODES = ["general", "leave", "overtime", "seal", "trip", "vehicle"]
ALL = pytest.mark.parametrize("file", templates.files(), ids=lambda file: file["form"]["code"])
PERIOD = {"start": "2026-11-02", "end": "2026-11-04"}
FILLED: Mapping[str, Mapping[str, Any]] = {
    "general": {"subject": "门禁", "content": "换锁"},
    "leave": {"kind": "annual", "period": PERIOD, "leave_days": "2.5", "proxy": str(stable("boss"))},
    "overtime": {"day": "2026-11-02", "day_kind": "workday", "hours": "2", "reason": "赶货"},
    "seal": {"seal": "company", "document_name": "证明", "copies": "1", "reason": "投标"},
    "trip": {"destination": "苏州", "period": PERIOD, "transport": ["train"], "purpose": "验收", "budget": "800"},
    "vehicle": {
        "start": "2026-11-02T08:00:00+08:00", "until": "2026-11-02T18:00:00+08:00", "destination": "机场",
        "people": "2", "purpose": "接客户",
    },
}  # fmt: skip


@pytest.fixture
async def desk(service: Any) -> Desk:
    return Desk(service)


async def listed(desk: Desk, who: str = "admin", locale: str = "zh-CN") -> Any:
    method = next(m for m in contract.load().methods.values() if m.name == "ListTemplatesFormDefinitions")
    envelope = Envelope(token=desk.service.issuer.person(stable(who)), locale=locale)
    return (await desk.service.runtime.invoke(method, method.request(), envelope)).message.templates


def labels_in(part: Any) -> Iterator[Mapping[str, str]]:
    """What fields, columns, options and sections are called, and how they are explained."""
    if isinstance(part, list):
        for each in part:
            yield from labels_in(each)
    elif isinstance(part, dict):
        yield from (part[name] for name in ("label", "help") if name in part)
        for each in part.values():
            yield from labels_in(each)


@ALL
def test_each_is_a_form_that_can_be_brought_in_as_a_file(file: dict[str, Any]) -> None:
    form = exchange.read(json.dumps(file), "", "")
    assert set(file["form"]) <= {*rules.KEPT, *exchange.HEAD}
    assert list(rules.problems(rules.version_of(file["form"]), form.number_prefix, {})) == []


@ALL
def test_each_is_said_in_both_languages(file: dict[str, Any]) -> None:
    form = file["form"]
    assert form["name"] != form["name_en"]
    assert {*file["words"]} == {*LANGUAGES} - {"zh-CN"}
    for words in (form, *file["words"].values()):
        assert words["group_name"]
        assert words["description"]
    labels = list(labels_in(form))
    assert len(labels) >= len(form["fields"])
    for label in labels:
        assert {*label} == {*LANGUAGES}
        assert all(label.values())


def test_codes_and_letters_of_numbers_are_their_own() -> None:
    forms = [file["form"] for file in templates.files()]
    assert [form["code"] for form in forms] == CODES
    assert len({form["number_prefix"] for form in forms}) == len(forms)


@pytest.mark.parametrize("code", CODES)
async def test_a_template_becomes_a_form_that_works_with_a_flow_of_one_step(desk: Desk, code: str) -> None:
    offered = {one.form.code: one for one in await listed(desk)}
    assert list(offered) == CODES
    assert offered[code].form_id == ""
    made = await desk.admin.CreateFormDefinition(form_definition=offered[code].form)
    assert made.state == made.DRAFT
    assert {one.form.code: one.form_id for one in await listed(desk) if one.form_id} == {code: made.id}

    form = await desk.admin.PublishFormDefinition(id=made.id)
    await desk.flow_for(approve("a", "boss"), form=code)
    request = await desk.sent(form, dict(FILLED[code]))
    await desk.agree("boss")
    assert state(await desk.get(request)) == "APPROVED"
    if code == "vehicle":
        assert "2026-11-02 08:00" in request.title, "by the clocks of the company"


async def test_templates_speak_the_caller_s_language_to_whoever_sees_forms(desk: Desk) -> None:
    (chinese, english) = [(await listed(desk, locale=locale))[1].form for locale in ("zh-CN", "en")]
    assert (chinese.group_name, english.group_name) == ("人事", "People")
    assert chinese.description != english.description
    assert (chinese.fields, chinese.name) == (english.fields, english.name)
    assert chinese.icon == pb.FormDefinition.CALENDAR
    with refused("PERMISSION_MISSING"):
        await listed(desk, "stranger")
