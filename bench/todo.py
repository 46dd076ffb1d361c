"""The to-do page with 10,000 open cases in the store, through the gateway: each of its views, as the page asks for it.

Who is asked for much has some 1,100 open turns, 10,000 decided ones, 1,000 copies and a delegation of all of it; who is
asked for little has what the delegation brings and nothing else. A view is a page of 100, the next page by its token.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import urlencode

from bench import flagship, rows
from bench.limits import timed_requests
from bench.record import Result, interleaved
from bench.suite import LIMITS, Person, suite
from infra.local.demo.records import id_of
from infra.local.instance import Instance

CASES, DECIDED, COPIES, REQUESTS, PAGE = 10_000, 10_000, 1_000, 60, 100
P95_MS = 50.0
TASKS, ALL_CASES = "/v1/approval/tasks", "/v1/approval/cases"
OPEN = 'state = "OPEN"'
URGENT, SETTLED_SECONDS = "due_time,open_time", 60.0
# what a card of the page shows, or sends with a decision
CARD = (
    "id,etag,companyId,state,allowedActions,title,documentNumber,documentType,documentId,amount,currency,requesterId,"
    "assigneeId,delegateId,decidedById,openTime,dueTime,urgeTime,contentHash,again,superviseDueDate"
)
CASE_CARD = (
    "id,etag,companyId,state,allowedActions,title,documentNumber,amount,currency,flowName,waitingOnIds,"
    "waitingSinceTime,decideTime,updateTime"
)


def run() -> list[Result]:
    """Each view in turn, for somebody with much and for somebody with little to do."""
    with suite() as instance:
        who = {login["what"].split(":")[0]: login["username"] for login in instance.logins()}
        much, little, requester = (who[role] for role in ("first approver", "second approver", "requester"))
        people = {name: Person(instance.url, name) for name in (much, little, requester)}
        title = _fill(instance, people, much, little, requester)
        views = _views(people, much, little, requester, title)
        port = int(people[much].site.rsplit(":", 1)[1])
        bars = {}
        for name, (person, path, least) in views.items():
            found = person.call("GET", path)
            listed = next(value for key, value in found.items() if key in ("tasks", "cases"))
            if len(listed) < least:
                raise RuntimeError(f"{name}: {len(listed)} rows, {least} expected")
            headers = person.headers()
            bars[name] = lambda path=path, headers=headers: timed_requests(port, path, REQUESTS, headers)
        found = interleaved(bars)
    return [
        Result(
            metric=17, scenario=f"todo, {name}", unit="ms", better="lower", ours=samples, limit=None,
            target={"p95": P95_MS}, settings={"limits": LIMITS, "open cases": CASES, "page": PAGE},
            checked=f"the view holds at least {views[name][2]} rows",
        ).judged()
        for name, samples in found.items()
    ]  # fmt: skip


def _views(
    people: dict[str, Person], much: str, little: str, requester: str, title: str
) -> dict[str, tuple[Person, str, int]]:
    """What the page asks for, by view: of whom, and how many rows there must be at least."""
    me = {name: id_of("identity.employee", name) for name in people}

    def tasks(who: str, least: int, asked: str, order: str, **more: Any) -> tuple[Person, str, int]:
        query = {"pageSize": PAGE, "filter": asked, "orderBy": order, "fields": CARD, **more}
        return people[who], f"{TASKS}?{urlencode(query)}", least

    done = 'state != "OPEN" AND state != "WAITING" AND state != "COPIED"'
    mine = {
        "pageSize": PAGE,
        "fields": CASE_CARD,
        "filter": f'requester_id = "{me[requester]}"',
        "orderBy": "create_time desc",
    }
    narrow = f'{OPEN} AND document_type = "procurement.purchase_requisition"'
    first = tasks(much, PAGE, OPEN, URGENT)
    token = people[much].call("GET", first[1])["nextPageToken"]
    return {
        "open, many": first,
        "open, few": tasks(little, 1, OPEN, URGENT),
        "open, second page": tasks(much, PAGE, OPEN, URGENT, pageToken=token),
        "open, count": (people[much], f"{TASKS}?{urlencode({'pageSize': 1, 'summarize': 'true', 'filter': OPEN})}", 1),
        "open, search": tasks(much, 1, OPEN, URGENT, search=title),
        "open, search of one": tasks(much, 1, OPEN, URGENT, search="PR-2020-00"),
        "open, filter and order": tasks(much, PAGE, narrow, "amount desc"),
        "overdue": tasks(much, PAGE, OPEN, URGENT, overdue="true"),
        "done, many": tasks(much, PAGE, done, "done_time desc"),
        "done, few": tasks(little, 0, done, "done_time desc"),
        "copied": tasks(much, PAGE, f'state = "COPIED" AND assignee_id = "{me[much]}"', "open_time desc"),
        "delegated to me": tasks(little, PAGE, f'{OPEN} AND delegate_id = "{me[little]}"', URGENT),
        "delegated by me": tasks(much, PAGE, f'{OPEN} AND assignee_id = "{me[much]}" AND delegate_id != ""', URGENT),
        "requested": (people[requester], f"{ALL_CASES}?{urlencode(mine)}", PAGE),
    }


def _fill(instance: Instance, people: dict[str, Person], much: str, little: str, requester: str) -> str:
    """The rows, and a delegation that the service has worked in; returns a title that many turns have."""
    lines = flagship.lines_of(people[requester])
    body = {
        "title": "Pattern", "currency": "CNY", "needDate": "2099-12-31", "deliveryPlace": "1 号库",
        "lines": [lines[0] | {"quantity": "1"}],
    }  # fmt: skip
    made = people[requester].call("POST", flagship.REQUISITIONS, body)
    people[requester].call("POST", f"{flagship.REQUISITIONS}/{made['id']}:submit", {"etag": made["etag"]})
    flagship.turn_of(people[much], made["id"])
    them, asking = id_of("identity.employee", much), id_of("identity.employee", requester)
    late = f"UPDATE task SET due_time = open_time + interval '8 hours' WHERE assignee_id = '{them}' AND state = 'OPEN'"  # noqa: S608
    owned = "SELECT id FROM approval_case WHERE document_number LIKE 'PR-2020-%5'"
    asyncio.run(
        rows.fill_cases(
            instance, CASES, made["id"],
            f"{late} AND right(document_number, 1) < '4'",
            f"UPDATE approval_case SET requester_id = '{asking}', owner_id = '{asking}' WHERE id IN ({owned})",  # noqa: S608
            f"UPDATE task SET requester_id = '{asking}' WHERE case_id IN ({owned})",  # noqa: S608
            _others(them, "APPROVED", DECIDED), _others(them, "COPIED", COPIES),
        )
    )  # fmt: skip
    _delegate(people[much], id_of("identity.employee", little))
    oldest = people[much].get(TASKS, filter=OPEN, orderBy="open_time", pageSize=1)["tasks"][0]
    return str(oldest["title"])


def _others(person: str, state: str, count: int) -> str:
    """Others' open turns once more, as turns of this person in another state."""
    return f"""
INSERT INTO task SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), 'state', '{state}',
  'assignee_id', '{person}', 'done_time', t.open_time + interval '2 hours', 'due_time', NULL))).*
FROM task t WHERE t.state = 'OPEN' AND t.assignee_id <> '{person}' AND t.requester_id <> '{person}'
ORDER BY t.document_number LIMIT {count}
"""  # noqa: S608  (constants and ids of ours)


def _delegate(person: Person, delegate: str) -> None:
    """The person's turns go to another too, from now on."""
    path = "/v1/identity/delegations"
    if not person.get(path, filter='state = "ACTIVE"')["delegations"]:
        today = person.get("/v1/identity/me")["todayDate"]
        body = {"delegateId": delegate, "fromDate": today, "untilDate": "2099-12-31", "reason": "measured"}
        person.call("POST", path, body)
    delegated = {"filter": f'{OPEN} AND delegate_id = "{delegate}"', "pageSize": PAGE}
    deadline = time.monotonic() + SETTLED_SECONDS
    while len(person.get(TASKS, **delegated)["tasks"]) < PAGE:
        if time.monotonic() > deadline:
            raise RuntimeError("the delegation was not worked in")
        time.sleep(0.5)
