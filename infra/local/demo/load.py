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
from infra.local.demo.cast import ADMINISTRATOR, Cast
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
    return Place(rule.post, plural.json_name)


class Loader:
    """Works as the administrator, and as whoever keeps the items and the suppliers."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    async def run(self) -> None:
        """Everything but the requisitions, in the order in which things refer to each other."""
        await self._organisation()
        await self._accounts()
        await self._forms()
        await self._flows()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._item_master())
            group.create_task(self._suppliers())
        await self.ensure("Price agreements", records.supplier_items())

    async def _organisation(self) -> None:
        await self.ensure("Companies", records.companies())
        await self.ensure("Calendar", records.calendar())
        await self.ensure("Number formats", records.numbers())
        await self.ensure("Posts", records.posts())
        await self.ensure("Departments", records.departments(), in_order=True)
        await self.ensure("Employees", records.employees())
        await self._heads()
        await self.ensure("Concurrent posts", records.placements())
        await self.ensure("Acting heads", records.headships())
        await self._reorganisations()
        await self.ensure("Roles", records.roles())
        built_in = await self._built_in_roles()
        await self.ensure("Separated duties", records.duties(built_in))
        await self.ensure("Grants", records.grants(built_in))
        await self.ensure("Delegations", records.delegations())

    async def _item_master(self) -> None:
        await self.ensure("Units", records.units())
        await self.ensure("Item categories", records.categories(), in_order=True)
        await self.ensure("Items", records.items())

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
        door = await self.cast.door()
        for (document, company), group in itertools.groupby(wanted, lambda record: (record.document, record.company)):
            place = place_of(document)
            for some in _batches(list(group)):
                keys = [record.id for record in some]
                if document == "approval.authority_limit":  # few, so the contract has no batchGet for them
                    answer = await door.get(place.path, company=_company(company), page_size=200)
                else:
                    answer = await door.get(f"{place.path}:batchGet", company=_company(company), ids=keys)
                found |= {each["id"]: each for each in answer[place.plural]}
        return found

    async def _create(self, record: Record) -> None:
        place, door = place_of(record.document), await self._keeper(record.document)
        document = {"id": record.id, **{name: value for name, value in record.fields.items() if value != ""}}
        await door.call("POST", place.path, document, company=_company(record.company))

    async def _keeper(self, document: str) -> Door:
        """The session of whoever keeps documents of this type."""
        return await self.cast.door(records.tables("rights")["keepers"].get(document.split(".")[0], ADMINISTRATOR))

    async def _heads(self) -> None:
        """Departments get their heads, who had to be hired first."""
        began, heads, door = time.monotonic(), records.heads(), await self.cast.door()
        wanted = records.departments()
        present = await self.present(wanted)
        headless = [record for record in wanted if not present[record.id].get("headId")]
        await side_by_side(
            door.call(
                "PATCH",
                f"{place_of(record.document).path}/{record.id}",
                {"head_id": heads[record.key]},
                company=_company(record.company),
            )
            for record in headless
        )
        say("Heads of departments", len(wanted), len(headless), began)

    async def _reorganisations(self) -> None:
        """They are scheduled once they are there."""
        began, wanted, door = time.monotonic(), records.reorganisations(), await self.cast.door()
        await self.ensure("Reorganisations", wanted)
        present = await self.present(wanted)
        drafts = [record for record in wanted if present[record.id]["state"] == "DRAFT"]
        for record in drafts:
            path = f"{place_of(record.document).path}/{record.id}:schedule"
            await door.call("POST", path, {}, company=_company(record.company))
        say("Scheduled", len(wanted), len(drafts), began)

    async def _built_in_roles(self) -> dict[str, str]:
        answer = await (await self.cast.door()).get("/v1/identity/roles", page_size=200)
        return {role["code"]: role["id"] for role in answer["roles"] if role["builtIn"]}

    async def _suppliers(self) -> None:
        """Suppliers become what they shall be: qualified, or suspended after that; some stay candidates."""
        await self.ensure("Suppliers", records.suppliers())
        began, path = time.monotonic(), place_of("procurement.supplier").path
        present = await self.present(records.suppliers())
        states = records.supplier_states()
        waiting = [i for i, state in states.items() if state != present[i]["state"] == "CANDIDATE"]
        if waiting:
            door, held = await self._keeper("procurement.supplier"), [i for i in waiting if states[i] == "SUSPENDED"]
            await side_by_side(door.call("POST", f"{path}/{i}:qualify", {"reason": "现场审核合格"}) for i in waiting)
            reason = {"reason": "连续两批来料不合格"}
            await side_by_side(door.call("POST", f"{path}/{i}:suspend", reason) for i in held)
        say("Supplier states", sum(s != "CANDIDATE" for s in states.values()), len(waiting), began)

    async def _forms(self) -> None:
        """They are published once they are there; flows name their fields."""
        began, wanted, door = time.monotonic(), records.forms(), await self.cast.door()
        await self.ensure("Office forms", wanted)
        present = await self.present(wanted)
        drafts = [record for record in wanted if present[record.id]["state"] == "DRAFT"]
        for record in drafts:
            path = f"{place_of(record.document).path}/{record.id}:publish"
            await door.call("POST", path, {"note": "演示公司初始版本"}, company=_company(record.company))
        say("Published forms", len(wanted), len(drafts), began)

    async def _flows(self) -> None:
        await self.ensure("Authority limits", records.limits())
        began, wanted, door = time.monotonic(), records.flows(), await self.cast.door()
        await self.ensure("Approval flows", wanted)
        present = await self.present(wanted)
        drafts = [record for record in wanted if present[record.id]["state"] == "DRAFT"]
        owner = await self.cast.door(records.tables("rights")["flow_owner"])
        for record in drafts:
            path = f"{place_of(record.document).path}/{record.id}"
            note = {"note": "演示公司初始版本"}
            asked = await door.call("POST", f"{path}:publish", note, company=_company(record.company))
            await owner.call("POST", f"/v1/approval/flow-publications/{asked['publicationId']}:approve", {})
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
