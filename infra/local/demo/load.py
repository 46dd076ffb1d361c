"""Make the documents that are not there yet; what stands is left alone: somebody may have gone on working with it."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from chassis import contract
from infra.local.demo import records
from infra.local.demo.door import CannotGoOnError, Door
from infra.local.demo.records import Record

AT_ONCE = 8
BATCH = 100
ACCOUNT_SECONDS = 90
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Place:
    """Where documents of a type live in the REST interface."""

    path: str
    plural: str  # field of a list that holds them
    resource: str  # field of the request that holds one
    whole_request: bool  # the body is the request, not the document


def place_of(document: str) -> Place:
    """Read out of the contract, so that nothing is said twice."""
    known = contract.load().documents[document]
    descriptor = known.message.DESCRIPTOR
    create = next(
        method
        for service in descriptor.file.services_by_name.values()
        for method in service.methods
        if method.name == f"Create{descriptor.name}"
    )
    rule = contract.http_rule(create)  # type: ignore[arg-type]  # two names of one class
    lists = (m.output_type for m in create.containing_service.methods if m.name.startswith("List"))
    plural = next(f for reply in lists for f in reply.fields if f.message_type is descriptor)
    resource = next(f for f in create.input_type.fields if f.message_type is descriptor)
    return Place(rule.post, plural.json_name, resource.name, rule.body == "*")


class Loader:
    """Works as the administrator."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def run(self) -> None:
        """Everything but the requisitions, in the order in which things refer to each other."""
        await self.ensure("Companies", records.companies())
        await self.ensure("Posts", records.posts())
        await self.ensure("Departments", records.departments(), in_order=True)
        await self.ensure("Employees", records.employees())
        await self._heads()
        await self.ensure("Roles", records.roles())
        await self.ensure("Grants", records.grants(await self._built_in_roles()))
        await self.ensure("Units", records.units())
        await self.ensure("Item categories", records.categories(), in_order=True)
        await self.ensure("Items", records.items())
        await self.ensure("Suppliers", records.suppliers())
        await self._supplier_states()
        await self.ensure("Price agreements", records.supplier_items())
        await self.ensure("Authority limits", records.limits())
        await self._flows()
        await self._accounts()

    async def ensure(self, title: str, wanted: Sequence[Record], *, in_order: bool = False) -> None:
        """Make what is missing; one after another where later ones refer to earlier ones."""
        began = time.monotonic()
        present = await self.present(wanted)
        missing = [record for record in wanted if record.id not in present]
        if in_order:
            for record in missing:
                await self._create(record)
        else:
            await side_by_side(self._create(record) for record in missing)
        say(title, len(wanted), len(missing), began)

    async def present(self, wanted: Sequence[Record]) -> dict[str, Any]:
        """Those of the documents that stand already, by id."""
        found: dict[str, Any] = {}
        for (document, company), group in itertools.groupby(wanted, lambda record: (record.document, record.company)):
            place = place_of(document)
            for some in _batches(list(group)):
                answer = await self._batch(place, [record.id for record in some], _company(company))
                found |= {each["id"]: each for each in answer}
        return found

    async def _batch(self, place: Place, ids: list[str], company: str) -> list[Any]:
        if place.plural == "authorityLimits":  # small, so the contract has no batchGet for it
            answer = await self.door.get(place.path, company=company, page_size=200)
        else:
            answer = await self.door.get(f"{place.path}:batchGet", company=company, ids=ids)
        return list(answer[place.plural])

    async def _create(self, record: Record) -> None:
        place = place_of(record.document)
        document = {"id": record.id, **{name: value for name, value in record.fields.items() if value != ""}}
        company = _company(record.company)
        if place.whole_request:
            body = {place.resource: document, **record.beside}
            await self.door.call("POST", place.path, body, company=company)
        else:
            await self.door.call("POST", place.path, document, company=company, query=record.beside)

    async def _heads(self) -> None:
        """Departments get their heads, who had to be hired first."""
        began, heads = time.monotonic(), records.heads()
        wanted = records.departments()
        present = await self.present(wanted)
        headless = [record for record in wanted if not present[record.id].get("headId")]
        await side_by_side(
            self.door.call(
                "PATCH",
                f"{place_of(record.document).path}/{record.id}",
                {"head_id": heads[record.key]},
                company=_company(record.company),
            )
            for record in headless
        )
        say("Heads of departments", len(wanted), len(headless), began)

    async def _built_in_roles(self) -> dict[str, str]:
        answer = await self.door.get("/v1/identity/roles", page_size=200)
        return {role["code"]: role["id"] for role in answer["roles"] if role["builtIn"]}

    async def _supplier_states(self) -> None:
        """Candidates become what they shall be: qualified, or suspended after that."""
        began = time.monotonic()
        path = place_of("procurement.supplier").path
        present = await self.present(records.suppliers())
        states = records.supplier_states()
        waiting = [i for i, state in states.items() if state != present[i]["state"] == "CANDIDATE"]
        await side_by_side(self.door.call("POST", f"{path}/{i}:qualify", {"reason": "现场审核合格"}) for i in waiting)
        held = [i for i in waiting if states[i] == "SUSPENDED"]
        reason = {"reason": "连续两批来料不合格"}
        await side_by_side(self.door.call("POST", f"{path}/{i}:suspend", reason) for i in held)
        say("Qualified suppliers", sum(s == "QUALIFIED" for s in states.values()), len(waiting), began)

    async def _flows(self) -> None:
        began, wanted = time.monotonic(), records.flows()
        await self.ensure("Approval flows", wanted)
        present = await self.present(wanted)
        drafts = [record for record in wanted if present[record.id]["state"] == "DRAFT"]
        for record in drafts:
            path = f"{place_of(record.document).path}/{record.id}"
            note = {"note": "演示公司初始版本"}
            await self.door.call("POST", f"{path}:publish", note, company=_company(record.company))
        say("Published flows", len(wanted), len(drafts), began)

    async def _accounts(self) -> None:
        """Accounts in Keycloak follow in the background; go on when everybody may sign in."""
        began, wanted = time.monotonic(), records.employees()
        while True:
            present = await self.present(wanted)
            states = [present[record.id]["accountState"] for record in wanted]
            if all(state == "IN_STEP" for state in states):
                return say("Accounts", len(wanted), 0, began)
            if "FAILED" in states or time.monotonic() - began > ACCOUNT_SECONDS:
                problems = {e["accountProblem"] for e in present.values() if e["accountState"] != "IN_STEP"}
                why = "; ".join(sorted(problems)) or "still pending"
                raise CannotGoOnError(f"not every account is in step with Keycloak: {why}")
            await asyncio.sleep(0.5)


def say(title: str, total: int, made: int | str, began: float) -> None:
    """One line of progress."""
    news = made if isinstance(made, str) else f"{made} new" if made else "all there"
    print(f"    {title:<22}{total:>5}   {news:<12}{time.monotonic() - began:6.1f} s", flush=True)


async def side_by_side(work: Iterable[Awaitable[Answer]]) -> list[Answer]:
    """Do it all, a few at once; the first failure ends it."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(task: Awaitable[Answer]) -> Answer:
        async with gate:
            return await task

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(task)) for task in work]
    return [task.result() for task in tasks]


def _batches(wanted: list[Record]) -> list[list[Record]]:
    return [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]


def _company(code: str) -> str:
    return records.reference("identity.company", code)
