"""Markup in every free text of every document that the REST door lets somebody write, looked at in Chromium.

Nothing here names a document: which can be written, and which of their fields are free text, is read from the contract,
so a new document type joins by being there. Each field gets a text of its own, and what it held comes back at the end.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from api import Session, fields_of, reason_of, sessions
from attackers import FILED, LISTED, MADE, OWNED, address_of, described, made_for, rows_in, typed_field
from playwright.async_api import expect
from test_browser_every_page import settled

from chassis import contract
from chassis.testing import eventually
from gateway import routes
from infra.local.demo.records import id_of
from infra.local.demo.story import day_in, line_of
from infra.local.instance import Instance

pytestmark = pytest.mark.browser
OUTPUT_ONLY = 3
# unspecified and of several lines; every other format has a rule of its own
FREE_FORMATS = (0, 2)
# R notes that something ran, see `WATCHED`; the longest that fits is taken, so they stand in a circle of their own
SCRIPTS = [
    "<img src=x onerror=R()>", "<script>R()</script>", "<svg/onload=R()>", "javascript:R()",
    '"><iframe srcdoc="<script>parent.R()</script>">', "{{constructor.constructor('R()')()}}",
    "<a href=javascript:R()>x</a>", "<math><mtext></mtext><script>R()</script>", "<style>*{display:none}</style>",
    "'-R()-'",
]  # fmt: skip
WATCHED = """window.R = () => { window.__ran = (window.__ran || 0) + 1; };
window.alert = window.confirm = window.prompt = window.R;
document.addEventListener('securitypolicyviolation', event => {
    (window.__stopped ??= []).push(event.effectiveDirective);
});"""
ALIVE = "[onerror], [onload], [srcdoc], a[href^='javascript:' i], main script, main iframe[srcdoc], main math"
# whoever may change something of the demo company, one after the other
LOOKING_SECONDS = 240
# length of what makes each text one of its own
MARK = 6
WRITERS = ("administrator", "requester", "purchasing manager")


def is_free(one: Any) -> bool:
    """Whether a field holds any text that a person writes."""
    spec = contract.spec_of(one)
    ruled = spec.format not in FREE_FORMATS or spec.references or spec.HasField("decimal") or spec.sensitive
    told = one.name in ("id", "etag") or one.name.endswith("_id") or contract.repeated(one)
    return one.type == one.TYPE_STRING and not ruled and not told and OUTPUT_ONLY not in contract.behaviours_of(one)


def has_text(descriptor: Any) -> bool:
    """Whether a document, or a line of it, has a free text."""
    nested = (one.message_type for one in descriptor.fields if OUTPUT_ONLY not in contract.behaviours_of(one))
    inner = (kind for kind in nested if kind is not None and kind.full_name.startswith("heyi."))
    return any(map(is_free, descriptor.fields)) or any(map(has_text, inner))


# what several documents' rows share one page for
OWN_PAGES = {"platform.custom_field": f"/platform/custom-fields?type={FILED['document_type']}"}
CUSTOM, ADDED = "heyi.common.v1.CustomFields", "drill"
# refusals that name no field because they are about one alone
RULES_ABOUT = {"ATTACHMENT_NAME": "name"}
UPDATES = [
    binding
    for binding in routes.bindings(contract.load())
    if binding.verb == "PATCH" and has_text(binding.method.request.DESCRIPTOR.fields_by_name[binding.body].message_type)
]


def made_up() -> str:
    """A number for a field that hides its own."""
    return f"62{uuid.uuid4().int % 10**17:017d}"


@dataclass
class Texts:
    """Texts that are not like any other, by the path of their field."""

    made: dict[str, str] = field(default_factory=dict)

    def fitting(self, path: str, limit: int) -> str:
        """Markup for a field, with a mark by which it is found again."""
        mark = f"z{uuid.uuid4().hex[: MARK - 1]}"
        for turn in range(len(SCRIPTS)):
            script = SCRIPTS[(len(self.made) + turn) % len(SCRIPTS)] + mark
            if len(script) <= (limit or 200):
                break
        else:
            script = f"<b>{mark}"[: limit or 200]
        self.made[path] = script
        return script

    def into(self, descriptor: Any, value: dict[str, Any], at: str, without: set[str]) -> dict[str, Any]:
        """The writable part of a document, or of a line, with markup where there is free text."""
        out: dict[str, Any] = {"id": value["id"]} if at and value.get("id") else {}
        for one in descriptor.fields:
            name, path = one.json_name, f"{at}{one.json_name}"
            if OUTPUT_ONLY in contract.behaviours_of(one):
                continue
            if path in without:
                # a line's field with a rule of its own stays as it is, a document's is not sent
                out |= {name: value[name]} if at and name in value else {}
                continue
            if is_free(one):
                out[name] = self.fitting(path, contract.spec_of(one).max_length)
            elif contract.spec_of(one).sensitive and at:
                out[name] = made_up()
            elif one.message_type is not None and one.message_type.full_name == CUSTOM:
                out[name] = {ADDED: self.fitting(f"{path}.{ADDED}", 200)}
            elif value.get(name) in (None, "", [], {}):
                continue
            elif one.message_type is not None and one.message_type.GetOptions().map_entry:
                # words by language
                out[name] = {key: self.fitting(f"{path}.{key}", 60) for key in value[name]}
            elif one.message_type is not None and one.message_type.full_name.startswith("heyi."):
                old = value[name]
                if contract.repeated(one):
                    inner = [self.into(one.message_type, v, f"{path}[{n}].", without) for n, v in enumerate(old)]
                    out[name] = inner
                else:
                    out[name] = self.into(one.message_type, old, f"{path}.", without)
            elif not contract.spec_of(one).sensitive:
                out[name] = self.named(value[name], path) if one.message_type is not None else value[name]
        return out

    def named(self, value: Any, path: str) -> Any:
        """The names inside a value of no fixed form, as a flow's steps."""
        if isinstance(value, list):
            return [self.named(v, f"{path}[{n}]") for n, v in enumerate(value)]
        if isinstance(value, dict):
            return {
                k: self.fitting(f"{path}.{k}", 60)
                if k == "name" and isinstance(v, str)
                else self.named(v, f"{path}.{k}")
                for k, v in value.items()
            }
        return value


@dataclass
class Planted:
    """One document full of markup."""

    document: str
    path: str
    company: str
    who: str
    texts: dict[str, str]
    refused: set[str]
    before: dict[str, Any]
    # texts of the field written last that the server put its own in the place of
    replaced: set[str] = field(default_factory=set)

    @property
    def fields(self) -> list[Any]:
        """The document's fields in the contract."""
        return list(contract.load().documents[self.document].message.DESCRIPTOR.fields)


async def rows_of(session: Session, binding: routes.Binding, company: str) -> list[tuple[str, str]]:
    """Ids of documents of this kind with what the person may do: change them, and after those make a copy."""
    path = address_of(binding).rpartition("/")[0]
    answer = await session.raw(
        "GET", path, company=company, query={"page_size": "200", **LISTED.get(binding.method.name, {})}
    )
    if answer.status_code != 200:
        return []
    rows = rows_in(path, answer.json())
    return [(row["id"], do) for do in ("update", "copy") for row in rows if do in row.get("allowedActions", [])]


async def plant(session: Session, who: str, binding: routes.Binding, company: str) -> list[Planted]:
    """Write markup into every free text, field by field: refused by a rule of the field, or written and kept.

    Where something about a document is in the way, or puts another text in its place, another document is tried.
    """
    descriptor: Any = binding.method.request.DESCRIPTOR.fields_by_name[binding.body].message_type
    path, found = address_of(binding).rpartition("/")[0], dict[str, Planted]()
    rows = await rows_of(session, binding, company)
    for one in descriptor.fields if rows else ():
        in_the_way, decided, open_still = [], set[str](), set[str]()
        for number, (row_id, action) in enumerate(rows):
            if action == "copy":
                copied = await session.raw("POST", f"{path}/{row_id}:copy", "{}", company=company)
                if copied.status_code not in (200, 201):
                    in_the_way.append(described(copied))
                    continue
                row_id = copied.json()["id"]
                rows[number] = (row_id, "update")
            # a list shows no lines
            row = (await session.raw("GET", f"{path}/{row_id}", company=company)).json()
            made = found.get(row["id"]) or Planted(
                str(binding.method.document), f"{path}/{row['id']}", company, who, {}, set(), {}
            )
            answer = await write(session, made, descriptor, one, row)
            if answer.status_code not in (200, 204):
                in_the_way.append(f"{answer.status_code} {reason_of(answer)} {fields_of(answer)}")
                continue
            if made.texts or made.refused:
                found[row["id"]] = made
            decided |= {without_numbers(each) for each in {*made.texts, *made.refused}}
            open_still = (open_still | {without_numbers(each) for each in made.replaced}) - decided
            if not open_still:
                break
        else:
            if not found and not open_still:
                return []  # somebody else may
            raise AssertionError((binding.method.name, one.name, open_still, in_the_way))
    return list(found.values())


def without_numbers(path: str) -> str:
    return re.sub(r"\[\d+\]", "[]", path)


async def write(session: Session, made: Planted, descriptor: Any, one: Any, row: dict[str, Any]) -> Any:
    """Markup into one field: the answer that it was taken, or of what is in the way and no rule of the field."""
    without: set[str] = {other.json_name for other in descriptor.fields if other is not one}
    made.replaced = set()
    while True:
        draft = Texts(dict(made.texts))
        body = draft.into(descriptor, row, "", without)
        planted = {path: text for path, text in draft.made.items() if path not in made.texts}
        if not planted:
            return httpx2.Response(204)
        answer = await session.raw("PATCH", made.path, json.dumps(body), company=made.company)
        if answer.status_code == 200:
            kept = {path: text for path, text in planted.items() if text[-MARK:] in answer.text}
            made.texts |= kept
            made.replaced = set(planted) - set(kept)
            made.before[one.json_name] = restored(one, row)
            return answer
        faulty = {*fields_of(answer), RULES_ABOUT.get(reason_of(answer), "")} & set(planted)
        if answer.status_code != 400 or not faulty:
            return answer
        made.refused |= faulty
        without |= faulty


def restored(one: Any, row: dict[str, Any]) -> Any:
    """What a field held, without what the server alone writes; what it hides is not known and made up."""

    def writable(descriptor: Any, value: dict[str, Any]) -> dict[str, Any]:
        out = {"id": value["id"]} if "id" in value else {}
        for inner in descriptor.fields:
            name = inner.json_name
            if OUTPUT_ONLY in contract.behaviours_of(inner) or name not in value:
                continue
            if contract.spec_of(inner).sensitive:
                out[name] = made_up()
                continue
            kind = inner.message_type
            nested = kind is not None and kind.full_name.startswith("heyi.") and not kind.GetOptions().map_entry
            if nested and contract.repeated(inner):
                out[name] = [writable(inner.message_type, v) for v in value[name]]
            else:
                out[name] = value[name]
        return out

    value = row.get(one.json_name)
    if one.message_type is not None and one.message_type.full_name == CUSTOM:
        return {ADDED: None}
    if one.message_type is not None and one.message_type.full_name.startswith("heyi.") and contract.repeated(one):
        return [writable(one.message_type, v) for v in value or []]
    return "" if value is None and one.type == one.TYPE_STRING else value


@pytest.fixture(scope="module")
async def planted(instance: Instance, people: dict[str, str]) -> AsyncIterator[list[Planted]]:
    """Every document type with markup in every free text; put right again afterwards."""
    company, found = id_of("identity.company", "SH"), list[Planted]()
    async with sessions(instance, *(people[who] for who in WRITERS)) as writers:
        try:
            for binding in UPDATES:
                body: Any = binding.method.request.DESCRIPTOR.fields_by_name[binding.body].message_type
                if any(one.message_type is not None and one.message_type.full_name == CUSTOM for one in body.fields):
                    kind = str(binding.method.document)
                    field = {**typed_field()["field"], "key": ADDED}
                    where = f"/v1/{kind.split('.')[0]}/custom-fields"
                    await writers[0].call("POST", where, {"documentType": kind, "field": field}, company=company)
                if binding.method.name in MADE:
                    await made_for(binding, writers[binding.method.name in OWNED], company)
                for who, session in zip(WRITERS, writers, strict=True):
                    if made := await plant(session, who, binding, company):
                        found += made
                        break
                else:
                    raise AssertionError(f"nobody can write {binding.method.name}: the demo company needs one")
            yield found
        finally:
            for made in (one for one in found if one.before):
                session = writers[WRITERS.index(made.who)]
                answer = await session.raw("PATCH", made.path, json.dumps(made.before), company=made.company)
                assert answer.status_code == 200, (made.document, described(answer))


async def watched(window: Any, who: str, **more: Any) -> Any:
    """A window that notes what runs, what the policy stops, and every dialog."""
    made = await window(who, **more)
    await made.context.add_init_script(WATCHED)
    return made


async def harmless(made: Any, where: str) -> str:
    """Nothing ran, nothing had to be stopped, nothing is alive; the texts that the page shows."""
    found = await made.page.evaluate("({ran: window.__ran ?? 0, stopped: window.__stopped ?? []})")
    assert found == {"ran": 0, "stopped": []}, (where, found)
    assert await made.page.locator(ALIVE).count() == 0, where
    shown: str = await made.page.evaluate(
        "document.body.innerText + [...document.querySelectorAll('input, textarea')].map(e => '\\n' + e.value).join('')"
    )
    return shown


async def looked_at(made: Any, address: str) -> str:
    """A page, with the history where it has one."""
    await made.go(address)
    await settled(made.page)
    history = made.page.get_by_role("button", name=made.screen.t("history.title"), exact=True)
    if await history.count():
        await history.first.click()
        await expect(made.page.locator(".history-list").first).to_be_visible()
    return re.sub(r"\s+", "", await harmless(made, address))


async def test_attack_markup_in_every_text_of_every_document(
    window: Any, planted: list[Planted], record_property: Any
) -> None:
    """Page, history, form and list of every document type: each text is shown as written, and none of it runs."""
    count = sum(len(made.texts) for made in planted)
    record_property("attempts", count)
    assert {made.document for made in planted} == {str(binding.method.document) for binding in UPDATES}
    # the walk finds more than names, and lines: were it to find less than this, it would be the walk that is broken
    walked = [(made.document, sorted(made.texts), sorted(made.refused)) for made in planted]
    assert count > 30, walked
    assert any("[0]." in path for made in planted for path in made.texts), walked
    waiting, lost, listed = list(planted), list[str](), set[str]()

    async def pages(made: Planted, mine: Any) -> str:
        company = f"?company={made.company}"
        if made.document in OWN_PAGES:
            return await looked_at(mine, f"{OWN_PAGES[made.document]}&{company[1:]}")
        route = mine.screen.meta["documents"][made.document]["route"]
        place = f"{route}/{made.path.rpartition('/')[2]}"
        shown = await looked_at(mine, place + company) + await looked_at(mine, f"{place}/edit{company}")
        if route not in listed:
            listed.add(route)
            shown += await looked_at(mine, route + company)
        return shown

    async def part(who: str, mine: Any) -> None:
        while made := next((one for one in waiting if one.who == who), None):
            waiting.remove(made)
            shown = await pages(made, mine)
            if any(path.endswith(".en") for path in made.texts):
                async with alone:
                    shown += await pages(made, english)
            for path, text in made.texts.items():
                if re.sub(r"\s+", "", text) not in shown:
                    lost.append(f"{made.document} {path}: {text}")

    # signed in one after the other: all at once they wait for each other
    windows = [(who, await watched(window, who)) for who in (WRITERS[0], *WRITERS)]
    english = await watched(window, WRITERS[0], locale="en")
    # one window for all parts
    alone = asyncio.Lock()
    async with asyncio.timeout(LOOKING_SECONDS), asyncio.TaskGroup() as parts:
        for who, mine in windows:
            parts.create_task(part(who, mine))
    assert not lost, "\n".join(lost)


async def test_attack_markup_in_what_is_printed(instance: Instance, planted: list[Planted], people: Any) -> None:
    """A printed document holds no action and no link, and fetches nothing for itself."""
    printed = [b for b in routes.bindings(contract.load()) if b.action == "print"]
    assert printed
    fetched: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fetched.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        async with sessions(instance, *(people[who] for who in WRITERS)) as writers:
            for binding in printed:
                markup = f"<img src={address}><link rel=stylesheet href={address}>"
                if binding.method.document == "approval.office_request":
                    # all its texts are the values of its form
                    session, company = writers[1], id_of("identity.company", "SH")
                    sent = {"formId": id_of("approval.form_definition", "SH/general"), "values": {"subject": markup}}
                    place = str(binding.template).rpartition("/")[0]
                    path = f"{place}/{(await session.call('POST', place, sent, company=company))['id']}"
                else:
                    made = next(one for one in planted if one.document == binding.method.document)
                    session, company, path = writers[WRITERS.index(made.who)], made.company, made.path
                    roomy = {f.json_name for f in made.fields if contract.spec_of(f).max_length >= len(markup)}
                    body = json.dumps(dict.fromkeys(roomy & set(made.texts), markup))
                    answer = await session.raw("PATCH", path, body, company=company)
                    assert answer.status_code == 200, described(answer)
                answer = await session.raw("GET", f"{path}:print", company=company)
                assert answer.content.startswith(b"%PDF"), described(answer)
                for active in (b"/JavaScript", b"/Launch", b"/EmbeddedFile", b"/URI", b"/OpenAction"):
                    assert active not in answer.content, active
        assert not fetched
    finally:
        server.close()


async def test_attack_markup_in_what_people_say(window: Any, instance: Instance, people: dict[str, str]) -> None:
    """Comments, reminders, decisions and reasons: at the approver's, in notices, on the timeline, in the history."""
    company = id_of("identity.company", "SH")
    requisitions, cases, tasks = (
        f"/v1/{place}" for place in ("procurement/purchase-requisitions", "approval/cases", "approval/tasks")
    )
    texts = Texts()
    who = (people[name] for name in ("requester", "first approver", "administrator"))
    async with sessions(instance, *who) as (requester, approver, administrator):
        draft = {
            "title": texts.fitting("title", 120), "purpose": "\n".join(SCRIPTS), "currency": "CNY",
            "deliveryPlace": texts.fitting("place", 200), "needDate": day_in(20),
            "lines": [line_of({"item": "2002-0004", "quantity": "10"}) | {"note": texts.fitting("note", 300)}],
        }  # fmt: skip
        made = await requester.call("POST", requisitions, draft, company=company)
        path = f"{requisitions}/{made['id']}"
        await requester.call("POST", f"{path}:submit", {}, company=company)

        task: dict[str, Any] = {}

        async def is_asked() -> None:
            query = f'document_id = "{made["id"]}" AND state = "OPEN"'
            found = (await approver.get(tasks, filter=query, company=company))["tasks"]
            assert found
            task.update(found[0])

        await eventually(is_asked, seconds=30)
        case = f"{cases}/{task['caseId']}"
        for verb, name in (("urge", "urge"), ("comment", "comment")):
            said = await requester.raw(
                "POST", f"{case}:{verb}", json.dumps({"text": texts.fitting(name, 200)}), company=company
            )
            assert said.status_code == 200, described(said)
        for verb in ("suspend", "resume"):
            await administrator.call("POST", f"{case}:{verb}", {"reason": texts.fitting(verb, 200)}, company=company)
        seen = await watched(window, "first approver")
        shown = ""
        for address in ("/", "/approval/tasks", f"/approval/tasks/{task['id']}", f"/approval/cases/{task['caseId']}"):
            await seen.go(f"{address}?company={company}")
            await settled(seen.page)
            shown += await harmless(seen, address)
        await (
            seen.page.get_by_role("banner")
            .get_by_role("button", name=re.compile(seen.screen.t("notices.title")))
            .click()
        )
        await expect(seen.page.locator(".ant-popover").last).to_be_visible()
        shown += await harmless(seen, "notices")
        body = {"contentHash": task["contentHash"], "text": texts.fitting("return", 200)}
        await approver.call("POST", f"{tasks}/{task['id']}:return", body, company=company)

        async def returned() -> None:
            assert (await requester.get(path, company=company))["state"] != "SUBMITTED"

        await eventually(returned, seconds=30)
        body = {"reason": texts.fitting("reason", 200)}
        theirs = await watched(window, "requester")
        pages = ["/", "/procurement/purchase-requisitions", f"/procurement/purchase-requisitions/{made['id']}"]
        for cancelled in (False, True):
            if cancelled:
                await requester.call("POST", f"{path}:cancel", body, company=company)
            for address in pages:
                await theirs.go(f"{address}?company={company}")
                await settled(theirs.page)
                history = theirs.page.get_by_role("button", name=theirs.screen.t("history.title"), exact=True)
                if await history.count():
                    await history.first.click()
                    await expect(theirs.page.locator(".history-list").first).to_be_visible()
                shown += await harmless(theirs, address)
        await (
            theirs.page.get_by_role("banner")
            .get_by_role("button", name=re.compile(theirs.screen.t("notices.title")))
            .click()
        )
        await expect(theirs.page.locator(".ant-popover").last).to_be_visible()
        shown += await harmless(theirs, "notices")
    lost = [name for name, text in texts.made.items() if text not in shown]
    assert not lost, lost
