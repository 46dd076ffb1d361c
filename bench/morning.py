"""Monday, eight o'clock: five hundred people sign in through Keycloak within ten minutes and do the day's first work.

Teams of ten: nine ask for three things each, their head agrees, buyers release the orders that follow. Every request
that a page makes is timed (`screens`), and everybody holds an event stream. People are a further part of the demo
company, made once through the gateway and kept. They come at even distances, whatever the suite is doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx2
import uvloop

from bench.record import Result, distribution
from bench.screens import ORDER, REQUISITION, Refusal, Samples, Window
from bench.suite import LIMITS, suite
from bench.wire import Wire
from infra.local.demo.cast import Cast
from infra.local.demo.door import CannotGoOnError, Door
from infra.local.demo.load import Loader
from infra.local.demo.records import Record, employees, id_of
from infra.local.instance import DEMO_PASSWORD

TEAMS, TEAM, BUYERS = 49, 10, 10
PEOPLE = TEAMS * TEAM + BUYERS
# they come within seven minutes, so that all of them have worked when ten are over
WINDOW_SECONDS, THINK_SECONDS, LOOK_SECONDS, LAST_SECONDS = 420.0, (1.0, 5.0), 5.0, 90.0
# without a word from the stream, the requester looks again
PATIENCE_SECONDS = 30.0
ACCOUNTS_SECONDS = 600.0
# beside the morning: how many sign-ins an otherwise idle suite carries
BURST, BURST_AT_ONCE = 40, 4
GOAL_MS, SIGN_INS_PER_MINUTE = 300.0, 50.0
COMPANY, PARENT = "SH", "SH10"
SCREENS = (
    "open", "portal", "requisition list", "requisition form", "item picker", "save draft", "path preview", "submit",
    "inbox", "task page", "approve", "requisition page", "orders list", "order page", "release", "live refresh",
)  # fmt: skip


def run() -> list[Result]:
    """One result for each screen, one for the door, one for what was refused."""
    with suite() as instance:
        uvloop.run(_people(instance.url))
        morning = Morning(instance.url)
        uvloop.run(morning.run())
        burst = uvloop.run(_burst(instance.url))
    signed, took = morning.signed_in
    settings = {
        "limits": LIMITS, "people": PEOPLE, "window_seconds": WINDOW_SECONDS, "think_seconds": THINK_SECONDS,
        "requisitions": morning.submitted, "approved": morning.approved, "released": morning.released,
        "signed_in": signed, "signed_in_within_seconds": round(took), "first_errors": morning.errors[:20],
    }  # fmt: skip
    whole = (signed, morning.submitted) == (PEOPLE, TEAMS * (TEAM - 1)) and morning.approved == morning.submitted
    checked = "everybody signed in, every requisition was approved by its head" if whole else "the work was not done"
    found = [
        Result(
            metric=15, scenario=f"morning, {screen}", unit="ms", better="lower", limit=None,
            ours=distribution(morning.samples[screen]), target={"p95": GOAL_MS}, settings=settings, checked=checked,
        ).judged()
        for screen in SCREENS if morning.samples[screen]
    ]  # fmt: skip
    door = Result(
        metric=15, scenario="morning, sign-ins", unit="per min", better="higher", limit=None,
        ours={"p50": burst, "samples": [burst], "in_the_morning_ms": distribution(morning.samples["sign in"])},
        target={"value": SIGN_INS_PER_MINUTE}, settings=settings | {"at_once": BURST_AT_ONCE},
        checked=f"{BURST} sessions begun after the morning, {BURST_AT_ONCE} at once",
    ).judged()  # fmt: skip
    refused = Result(
        metric=15, scenario="morning, refused or undone", unit="count", better="lower", limit=None,
        ours={"p50": len(morning.errors), "samples": [len(morning.errors)]}, target={"value": 0}, settings=settings,
        checked=checked,
    ).judged()  # fmt: skip
    return [*found, door, refused]


def username(kind: str, number: int) -> str:
    """Of the further people: `requester`, `head` or `buyer`."""
    return f"morning{kind}{number:03d}"


class Morning:
    """Everybody's windows, and what became of the work."""

    def __init__(self, address: str) -> None:
        self.address, self.wire = address, Wire(address)
        self.samples: Samples = defaultdict(list)
        self.errors: list[str] = []
        self.chance = random.Random(1)
        self.meta: dict[str, Any] = {}
        self.codes: list[str] = []
        self.submitted = self.approved = self.released = 0
        self.signed_in = (0, 0.0)
        self.claimed: set[str] = set()
        self.began = 0.0
        self.asking, self.over = TEAMS * (TEAM - 1), asyncio.Event()

    async def run(self) -> None:
        """Everybody comes, works and stays until the work is done."""
        self.codes = await self._cheap_items()
        roles = [("requester", n) for n in range(TEAMS * (TEAM - 1))]
        roles += [("head", n) for n in range(TEAMS)] + [("buyer", n) for n in range(BUYERS)]
        self.chance.shuffle(roles)
        self.began = time.perf_counter()
        try:
            async with asyncio.timeout(WINDOW_SECONDS + LAST_SECONDS), asyncio.TaskGroup() as group:
                for place, (kind, number) in enumerate(roles):
                    group.create_task(self._person(kind, number, place * WINDOW_SECONDS / PEOPLE))
        except TimeoutError:
            self.errors.append(f"{self.asking} requesters still wait {LAST_SECONDS:.0f} s after the last one came")
        self.wire.close()

    async def _cheap_items(self) -> list[str]:
        """Codes of items that are ordered by themselves, three of which stay below the second approver's amount."""
        cookie = await _signed_in(self.address, username("requester", 0))
        asked = "/v1/inventory/items?pageSize=200&filter=state%20%3D%20%22ACTIVE%22"
        items = (await self.wire.ask("GET", asked, cookie)).json()["items"]
        categories = (await self.wire.ask("GET", "/v1/inventory/item-categories?pageSize=200", cookie)).json()
        automatic = {c["id"] for c in categories["itemCategories"] if c["sourcingPolicy"] == "AUTOMATIC"}
        kinds = ("PART", "CONSUMABLE", "MATERIAL")
        return [
            item["code"] for item in items
            if item["categoryId"] in automatic and item["kind"] in kinds and 0 < float(item["standardPrice"]) < 400
        ]  # fmt: skip

    async def _person(self, kind: str, number: int, after: float) -> None:
        await asyncio.sleep(after)
        began = time.perf_counter()
        try:
            cookie = await _signed_in(self.address, username(kind, number))
        except (CannotGoOnError, httpx2.HTTPError) as problem:
            self.errors.append(f"sign in: {type(problem).__name__} {problem}")
            return self._asked(kind)
        self.samples["sign in"].append((time.perf_counter() - began) * 1e3)
        self.signed_in = (self.signed_in[0] + 1, time.perf_counter() - self.began)
        window = Window(self.wire, cookie, self.samples, self.errors)
        work = {"requester": self._ask_for, "head": self._decide, "buyer": self._buy}[kind]
        following = None
        try:
            self.meta = await window.open(self.meta)
            following = asyncio.create_task(window.follow())
            await window.portal()
            await work(window, number)
        except Refusal:
            pass  # it stands among the errors
        self._asked(kind)
        await self.over.wait()
        if following is not None:
            following.cancel()
            await asyncio.wait([following])
            if not following.cancelled():
                self.errors.append(f"the event stream ended: {following.exception()!r}")

    def _asked(self, kind: str) -> None:
        """One person fewer will submit something."""
        self.asking -= kind == "requester"
        if not self.asking:
            self.over.set()

    async def _think(self) -> None:
        await asyncio.sleep(self.chance.uniform(*THINK_SECONDS))

    async def _ask_for(self, window: Window, number: int) -> None:
        """A requisition of three things; its page again when it is decided."""
        await self._think()
        await window.table("requisition list", REQUISITION)
        await self._think()
        items = await window.form(self.chance.sample(self.codes, 3))
        await self._think()
        lines = [
            {
                "kind": "ITEM", "itemId": item["id"], "description": item["name"], "categoryId": item["categoryId"],
                "specification": item["specification"], "unitId": item["baseUnitId"], "quantity": "2",
                "unitPrice": item["standardPrice"], "taxRate": item["taxRate"] or "0.13",
            }
            for item in items
        ]  # fmt: skip
        made = await window.save(
            {"title": f"晨间申请 {number}", "currency": "CNY", "needDate": "2099-12-31", "urgency": "NORMAL",
             "deliveryPlace": "1 号库", "lines": lines}
        )  # fmt: skip
        await self._think()
        made = await window.submit(made)
        self.submitted += 1
        while made["state"] == "SUBMITTED":
            window.notified.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(window.notified.wait(), PATIENCE_SECONDS)
            made = await window.detail("requisition page", REQUISITION, made["id"])

    async def _decide(self, window: Window, number: int) -> None:
        """What is asked of the team's head, as the bell rings."""
        done = 0
        while done < TEAM - 1 and self.asking:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(window.notified.wait(), LOOK_SECONDS)
            if not window.notified.is_set() and done:
                continue
            window.notified.clear()
            for listed in await window.inbox():
                task, record = await window.task(listed["id"])
                await self._think()
                await window.approve(task, record)
                self.approved += 1
                done += 1

    async def _buy(self, window: Window, number: int) -> None:
        """Orders that nobody has sent yet, one after the other."""
        while self.asking:
            await self._think()
            rows = await window.table("orders list", ORDER, filter='state = "DRAFT"')
            free = [row["id"] for row in rows if row["id"] not in self.claimed]
            if not free:
                continue
            self.claimed.add(free[0])
            order = await window.detail("order page", ORDER, free[0])
            await self._think()
            await window.release(order)
            self.released += 1


async def _signed_in(address: str, name: str) -> str:
    door = Door(address)
    try:
        await door.sign_in(name, DEMO_PASSWORD)
        return door.cookie
    finally:
        await door.close()


async def _burst(address: str) -> float:
    """Sign-ins per minute that an otherwise idle suite carries."""
    gate = asyncio.Semaphore(BURST_AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await _signed_in(address, username("requester", number))

    began = time.perf_counter()
    await asyncio.gather(*map(one, range(BURST)))
    return round(BURST / (time.perf_counter() - began) * 60, 1)


# ---- the further people


async def _people(address: str) -> None:
    """Make those who are missing, through the gateway as the demo company's loader does; wait for their accounts."""
    cast = Cast(address)
    try:
        loader, door = Loader(cast), await cast.door()
        people = list(_employees())
        await loader.ensure("Teams", [_team(n) for n in range(TEAMS)])
        await loader.ensure("Further employees", people)
        teams = await loader.present([_team(n) for n in range(TEAMS)])
        for number in range(TEAMS):
            team, head = _team(number), id_of("identity.employee", username("head", number))
            if teams[team.id].get("headId") != head:
                path = f"/v1/identity/departments/{team.id}"
                await door.call("PATCH", path, {"head_id": head}, company=id_of("identity.company", COMPANY))
        roles = await door.get("/v1/identity/roles", page_size=200)
        buyer = next(role["id"] for role in roles["roles"] if role["code"] == "buyer")
        await loader.ensure("Buyers", [_grant(n, buyer) for n in range(BUYERS)])
        deadline = time.monotonic() + ACCOUNTS_SECONDS
        while late := [e for e in (await loader.present(people)).values() if e["accountState"] != "IN_STEP"]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{len(late)} accounts are not in step: {json.dumps(late[0])[:300]}")
            await asyncio.sleep(2)
    finally:
        await cast.leave()


def _team(number: int) -> Record:
    code = f"M{number:02d}"
    fields = {
        "code": code, "name": f"晨班 {number + 1} 组", "sort_order": 100 + number,
        "parent_id": id_of("identity.department", PARENT),
    }  # fmt: skip
    return Record("identity.department", code, fields, company=COMPANY)


def _employees() -> Iterator[Record]:
    pattern = employees()[0].fields
    placed = [("requester", n, f"M{n // (TEAM - 1):02d}", "OP") for n in range(TEAMS * (TEAM - 1))]
    placed += [("head", n, f"M{n:02d}", "TL") for n in range(TEAMS)]
    placed += [("buyer", n, "SH20", "BUY") for n in range(BUYERS)]
    for place, (kind, number, department, post) in enumerate(placed, 1):
        name = username(kind, number)
        fields = dict(pattern) | {
            "code": f"M{place:04d}", "name": f"晨间{place:03d}", "username": name, "email": f"{name}@heyi.example",
            "phone": f"021-5551{place:04d}", "home_company_id": id_of("identity.company", COMPANY),
            "department_id": id_of("identity.department", department), "post_id": id_of("identity.post", post),
        }  # fmt: skip
        yield Record("identity.employee", name, fields, company=COMPANY)


def _grant(number: int, role: str) -> Record:
    name = username("buyer", number)
    fields = {
        "employee_id": id_of("identity.employee", name), "role_id": role, "scope": "COMPANY",
        "grant_company_id": id_of("identity.company", COMPANY),
    }  # fmt: skip
    return Record("identity.grant", f"{name}/buyer/{COMPANY}", fields)
