"""One person's window: what each page of the web application asks the gateway for, in the same waves.

Read off web/src: the pages, `api/documents.ts` (lists, records, saving), `api/references.ts` (names behind ids, asked
for every five minutes), `documents/GenericList.tsx`, `documents/GenericDetail.tsx` with its state line,
`documents/ReferencePicker.tsx`, and `api/live.ts`.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

from bench.wire import Answer, Wire, with_query

LOCALE = "zh-CN"
REQUISITION, ORDER = "procurement.purchase_requisition", "procurement.purchase_order"
TASK, CASE, NOTICE, EMPLOYEE, ITEM = (
    "approval.task", "approval.case", "approval.notice", "identity.employee", "inventory.item",
)  # fmt: skip
# as web/src/api/live.ts: records that change with another, and for how long changes are gathered
FOLLOWERS = {CASE: (TASK, "approval.opinion"), NOTICE: (TASK,), ORDER: ("procurement.sourcing_task",)}
GATHER_SECONDS = 0.12
# for how long the pages keep the names behind ids and short lists, and what a picker found
NAMES_SECONDS, PICKER_SECONDS = 300.0, 60.0
BOOKKEEPING = {"id", "etag", "allowedActions", "customFields", "contentHash", "sortKey", "pinyinInitials"}
_FILE = re.compile(r'(?:src|href)="(/[^"]+\.(?:js|css|svg))"')
# screen -> when each request was answered (`time.perf_counter`), and after how many milliseconds
Samples = defaultdict[str, list[tuple[float, float]]]


class Window:
    """A signed-in person; every request's time goes to the samples of its screen, every refusal is noted."""

    def __init__(self, wire: Wire, cookie: str, samples: Samples, refused: Callable[[str], None]) -> None:
        self.wire, self.cookie, self.samples, self.refused = wire, cookie, samples, refused
        self.meta: dict[str, Any] = {}
        self.me: dict[str, Any] = {}
        self.company = self.employee_id = ""
        # until when an answer is kept
        self._kept: dict[object, float] = {}
        # what the page shows, by document, and of which record ("": of any): asked for again when it changes
        self._shown: dict[str, dict[str, str]] = {}
        self.notified = asyncio.Event()

    async def ask(self, screen: str, verb: str, path: str, body: Any = None, *, missing: bool = False) -> Answer:
        """One request of a screen. A preference that nobody has set may be missing."""
        try:
            answer = await self.wire.ask(verb, path, self.cookie, body=body, company=self.company)
        except (ConnectionError, TimeoutError, asyncio.IncompleteReadError) as problem:
            error = f"{screen}: {verb} {path}: {problem!r}"
            self.refused(error)
            raise Refusal(error) from problem
        self.samples[screen].append((time.perf_counter(), answer.ms))
        if answer.status >= 400 and not (missing and answer.status == 404):
            error = f"{screen}: {verb} {path}: {answer.text}"
            self.refused(error)
            raise Refusal(error)
        return answer

    async def show(self, screen: str, document: str, path: str, record: str = "", **query: Any) -> Any:
        """Read what a page shows of a document, or of one record of it."""
        whole = with_query(path, **query)
        self._shown.setdefault(document, {})[whole] = record
        return (await self.ask(screen, "GET", whole)).json()

    def _keep(self, what: object, seconds: float) -> bool:
        """Whether it has to be asked for; it is kept from now on."""
        now = time.perf_counter()
        if self._kept.get(what, 0.0) > now:
            return False
        self._kept[what] = now + seconds
        return True

    # ---- the frame

    async def open(self, known_meta: dict[str, Any]) -> dict[str, Any]:
        """The page, its files, the contract and the person. The contract is unpacked once for all."""
        page = (await self.ask("open", "GET", "/")).body.decode()
        await asyncio.gather(*(self.ask("open", "GET", file) for file in _FILE.findall(page)))
        meta, me = await asyncio.gather(
            self.ask("open", "GET", f"/v1/meta?locale={LOCALE}"), self.ask("open", "GET", "/v1/identity/me")
        )
        self.meta, self.me = known_meta or meta.json(), me.json()
        self.company, self.employee_id = self.me["companyId"], self.me["employee"]["id"]
        return self.meta

    async def follow(self) -> None:
        """Hold the event stream; what a change touches is asked for again, as long as the window is open."""
        changed: set[tuple[str, str]] = set()
        refreshing: set[asyncio.Task[None]] = set()
        async for name, data in self.wire.events(f"/v1/events?company={self.company}", self.cookie):
            if name != "change":
                continue
            change = json.loads(data)
            document = change["document"]
            if not changed:
                refreshing.add(task := asyncio.create_task(self._refresh(changed)))
                task.add_done_callback(refreshing.discard)
            changed.update([(document, change["id"]), *((follower, "") for follower in FOLLOWERS.get(document, ()))])
            if document in (NOTICE, TASK):
                self.notified.set()

    async def _refresh(self, changed: set[tuple[str, str]]) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        paths = {
            path
            for document, record in changed
            for path, of in self._shown.get(document, {}).items()
            if not record or not of or of == record
        }
        changed.clear()
        try:
            await asyncio.gather(*(self.ask("live refresh", "GET", path) for path in paths))
        except Refusal:
            return  # noted among the errors

    # ---- pages

    async def portal(self) -> None:
        """What waits for me, what I wait for, what I should know."""
        self._leave()
        mine = f'assignee_id = "{self.employee_id}" AND state = "OPEN"'
        own = f'owner_id = "{self.employee_id}"'
        tasks, requisitions, _ = await asyncio.gather(
            self.show("portal", TASK, self._path(TASK), filter=mine, orderBy="open_time desc", summarize="true",
                      pageSize=8),
            self.show("portal", REQUISITION, self._path(REQUISITION), filter=own, orderBy="update_time desc",
                      summarize="true", pageSize=8),
            self._notices("portal"),
        )  # fmt: skip
        people = [task["requesterId"] for task in tasks["tasks"]]
        people += [key for row in requisitions["purchaseRequisitions"] for key in row["waitingOnIds"]]
        await self._names("portal", {EMPLOYEE: people})

    async def table(self, screen: str, document: str, **asked: Any) -> list[dict[str, Any]]:
        """A generic list: own columns, a page of rows, count and sums beside it, then the names behind ids."""
        self._leave()
        about = self.meta["documents"][document]
        columns = [field for field in _shown(about["fields"]) if field.get("column")]
        wanted = ["id", "etag", "companyId", "state", "allowedActions", *about["titleFields"]]
        wanted += [field["name"] for field in columns]
        existing = {field["name"] for field in about["fields"]}
        fields = ",".join(dict.fromkeys(name for name in wanted if name in existing))
        page, _, _ = await asyncio.gather(
            self.show(screen, document, about["path"], **asked, pageSize=50, fields=fields),
            self.show(screen, document, about["path"], **asked, summarize="true", pageSize=1),
            self._preference(screen, f"list.{document}"),
        )
        rows: list[dict[str, Any]] = page[about["listField"]]
        await self._names(screen, _references(columns, rows))
        return rows

    async def form(self) -> None:
        """An empty requisition."""
        self._leave()
        path = self._path("inventory.item_category")
        if self._keep(path, NAMES_SECONDS):
            await self.show("requisition form", "inventory.item_category", path, pageSize=200)

    async def pick(self, text: str) -> dict[str, Any]:
        """The item picker of a line: opened, half of the code typed, all of it; the item that was found."""
        rows: list[dict[str, Any]] = []
        for typed in ("", text[: len(text) // 2], text):
            query = {"search": typed, "filter": 'state = "ACTIVE"', "pageSize": 20}
            if typed == text or self._keep((ITEM, typed), PICKER_SECONDS):
                rows = (await self.ask("item picker", "GET", with_query(self._path(ITEM), **query))).json()["items"]
        await self._names("requisition form", {"inventory.unit": [rows[0]["baseUnitId"]]})
        return rows[0]

    async def save(self, body: dict[str, Any], kept: dict[str, Any] | None = None) -> dict[str, Any]:
        """Keep the draft as the form does by itself after every line, then show who would be asked."""
        path = self._path(REQUISITION)
        asked = ("PATCH", f"{path}/{kept['id']}", body | {"etag": kept["etag"]}) if kept else ("POST", path, body)
        made: dict[str, Any] = (await self.ask("save draft", *asked)).json()
        path = f"{self._path(REQUISITION)}/{made['id']}:preview"
        preview = (await self.ask("path preview", "GET", path)).json()
        await self._names("path preview", {EMPLOYEE: [key for step in preview["steps"] for key in step["employeeIds"]]})
        return made

    async def submit(self, made: dict[str, Any]) -> dict[str, Any]:
        """Submit, then the requisition's page, which knows the record already."""
        path = f"{self._path(REQUISITION)}/{made['id']}:submit"
        answer: dict[str, Any] = (await self.ask("submit", "POST", path, {"etag": made["etag"]})).json()
        await self.detail("requisition page", REQUISITION, answer["id"], answer)
        return answer

    async def detail(self, screen: str, document: str, key: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """A record's page: the record, its life, its case, what belongs to it, the names behind its ids."""
        self._leave()
        about = self.meta["documents"][document]
        path = f"{about['path']}/{key}"
        if known:
            self._shown.setdefault(document, {})[path] = key
        row: dict[str, Any] = known or await self.show(screen, document, path, key)
        history = f"/v1/{about['service']}/records/{about['name']}/{key}/history"
        parts = [self.show(screen, document, history, key, pageSize=50)]
        parts += [self.show(screen, document, f"{path}:listLinks", key)] if "listLinks" in about["methods"] else []
        parts += self._case_of(screen, row)
        members = [field for field in about["fields"] if field["type"] == "message" and field.get("repeated")]
        ids = _references(_shown(about["fields"]), [row])
        for field in members:
            inner = self.meta["messages"].get(field.get("message"), {"fields": []})["fields"]
            for name, keys in _references(_shown(inner), row.get(field["name"]) or []).items():
                ids.setdefault(name, []).extend(keys)
        found, *_ = await asyncio.gather(*parts, self._names(screen, ids))
        await self._names(screen, {EMPLOYEE: [entry.get("actorId") for entry in found["entries"]]})
        return row

    async def inbox(self) -> list[dict[str, Any]]:
        """Open turns, oldest first."""
        self._leave()
        mine = f'assignee_id = "{self.employee_id}" AND state = "OPEN"'
        query: dict[str, Any] = {"filter": mine, "orderBy": "open_time", "pageSize": 100, "summarize": "true"}
        tasks: list[dict[str, Any]] = (await self.show("inbox", TASK, self._path(TASK), **query))["tasks"]
        await self._names("inbox", {EMPLOYEE: [task["requesterId"] for task in tasks]})
        return tasks

    async def task(self, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """One turn: the turn, what it is about, its case."""
        task = await self.show("task page", TASK, f"{self._path(TASK)}/{key}", key)
        about = self.meta["documents"][task["documentType"]]
        key = task["documentId"]
        record, _ = await asyncio.gather(
            self.show("task page", task["documentType"], f"{about['path']}/{key}", key),
            self._case("task page", task["caseId"]),
        )
        lines = self.meta["messages"]["PurchaseRequisitionLine"]["fields"]
        ids = _references(_shown(lines), record.get("lines") or [])
        ids |= _references(_shown(about["fields"]), [record])
        await self._names("task page", ids)
        return task, record

    async def approve(self, task: dict[str, Any], record: dict[str, Any]) -> None:
        """Agree to what was shown; the list of turns is asked for again, and the page of this one is left."""
        path = f"{self._path(TASK)}/{task['id']}:approve"
        await self.ask("approve", "POST", path, {"contentHash": record["contentHash"], "text": ""})
        lists: dict[str, str] = {path: of for path, of in self._shown.get(TASK, {}).items() if not of}
        self._leave()
        self._shown[TASK] = lists
        await asyncio.gather(*(self.ask("approve", "GET", path) for path in lists))

    async def release(self, order: dict[str, Any]) -> None:
        """Send an order to its supplier; its life and links are asked for again."""
        path = f"{self._path(ORDER)}/{order['id']}"
        await self.ask("release", "POST", f"{path}:release", {"etag": order["etag"]})
        history = f"/v1/procurement/records/purchase_order/{order['id']}/history?pageSize=50"
        await asyncio.gather(self.ask("release", "GET", history), self.ask("release", "GET", f"{path}:listLinks"))

    # ---- parts of pages

    def _path(self, document: str) -> str:
        return str(self.meta["documents"][document]["path"])

    def _leave(self) -> None:
        """Another page: only the bell stays."""
        self._shown = {name: paths for name, paths in self._shown.items() if name == NOTICE}

    async def _notices(self, screen: str) -> Any:
        return await self.show(screen, NOTICE, self._path(NOTICE), pageSize=30)

    async def _preference(self, screen: str, name: str) -> None:
        if self._keep(name, math.inf):
            await self.ask(screen, "GET", f"/v1/identity/preferences/{name}", missing=True)

    def _case_of(self, screen: str, row: dict[str, Any]) -> list[Coroutine[Any, Any, None]]:
        """The case of a record: the owner's record names it, others look for it."""
        if "caseId" in row and row.get("ownerId") == self.employee_id:
            return [self._case(screen, row["caseId"])] if row["caseId"] else []
        return [self._case_sought(screen, row["id"])] if int(row.get("submission") or 0) > 0 else []

    async def _case_sought(self, screen: str, key: str) -> None:
        query: dict[str, Any] = {"filter": f'document_id = "{key}"', "orderBy": "create_time desc", "pageSize": 1}
        cases = (await self.show(screen, CASE, self._path(CASE), **query))["cases"]
        if cases:
            await self._case(screen, cases[0]["id"])

    async def _case(self, screen: str, key: str) -> None:
        case = await self.show(screen, CASE, f"{self._path(CASE)}/{key}", key)
        people = [opinion["authorId"] for opinion in case["opinions"]]
        people += [task["assigneeId"] for task in case["tasks"] if task["state"] == "OPEN"]
        people += [key for step in case["upcoming"] for key in step["employeeIds"]]
        await self._names(screen, {EMPLOYEE: people})

    async def _names(self, screen: str, ids: dict[str, list[str]]) -> None:
        """Names behind ids that are not known yet, one question for each kind, where the person may ask."""
        wanted = []
        for document, keys in ids.items():
            method = self.meta["documents"].get(document, {"methods": {}})["methods"].get("batchGet")
            if not method or not self._can(method.get("permission")):
                continue
            new = [key for key in dict.fromkeys(keys) if key and self._keep((document, key), NAMES_SECONDS)]
            if new:
                wanted.append(self.ask(screen, "GET", with_query(method["path"], ids=new[:200])))
        await asyncio.gather(*wanted)

    def _can(self, permission: str | None) -> bool:
        held = (right["name"] for right in self.me["permissions"])
        return not permission or any(
            name == permission or (name.endswith("*") and permission.startswith(name[:-1])) for name in held
        )


class Refusal(Exception):
    """A request of a page was refused; it stands among the errors."""


def _shown(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        field
        for field in fields
        if field["name"] not in BOOKKEEPING and not (re.search(r"Ids?$", field["name"]) and not field.get("references"))
    ]


def _references(fields: list[dict[str, Any]], rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Ids in the rows, by the document that they name."""
    found: dict[str, list[str]] = {}
    for field in fields:
        if not (document := field.get("references")):
            continue
        for row in rows:
            value = row.get(field["name"]) or []
            found.setdefault(document, []).extend([value] if isinstance(value, str) else value)
    return found
