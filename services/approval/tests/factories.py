"""Trees, and documents that ask to be agreed to: each test names the one detail that it is about."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from chassis.testing import COMPANY, Bench, refused, stable
from heyi.common.v1 import common_pb2
from heyi.procurement.v1 import purchase_requisitions_pb2

REQUISITION = "procurement.purchase_requisition"
ORDER = "procurement.purchase_order"
HASH = "a" * 64
# of the flows: somebody who is asked by none
OWNER = str(stable("other_company"))


def user(key: str) -> dict[str, Any]:
    return {"kind": "user", "employee_id": str(stable(key))}


def approve(node_id: str, *approvers: Any, **more: Any) -> dict[str, Any]:
    """An approval node; texts are keys of people."""
    rules = [user(rule) if isinstance(rule, str) else rule for rule in approvers]
    return {"id": node_id, "kind": "approve", "name": node_id.upper(), "approvers": rules, **more}


def handle(node_id: str, *approvers: Any, fields: Any = (), **more: Any) -> dict[str, Any]:
    """A node where something is done and filled in."""
    listed = list(fields) if isinstance(fields, tuple) else fields
    return {**approve(node_id, *approvers, **more), "kind": "handle", "fields": listed}


def copy(node_id: str, *approvers: Any) -> dict[str, Any]:
    return {**approve(node_id, *approvers), "kind": "copy"}


def delay(node_id: str, **wait: Any) -> dict[str, Any]:
    return {"id": node_id, "kind": "delay", "name": node_id.upper(), **wait}


def sequence(*children: dict[str, Any], node_id: str = "root") -> dict[str, Any]:
    return {"id": node_id, "kind": "sequence", "children": list(children)}


def branch(node_id: str, *children: dict[str, Any], when: str | None = None) -> dict[str, Any]:
    condition = {} if when is None else {"when": when}
    return {"id": node_id, "name": node_id, "children": list(children), **condition}


def parallel(node_id: str, *branches: dict[str, Any]) -> dict[str, Any]:
    return {"id": node_id, "kind": "parallel", "branches": list(branches)}


def condition(node_id: str, *branches: dict[str, Any]) -> dict[str, Any]:
    return {"id": node_id, "kind": "condition", "name": node_id, "branches": list(branches)}


def request(document: str = "one", **changes: Any) -> common_pb2.ApprovalRequest:
    """A requisition of the requester over 8,000 CNY, as it asks."""
    words = {
        "document_type": REQUISITION,
        "document_id": str(stable(document)),
        "company_id": str(COMPANY),
        "document_number": f"PR-{document}",
        "title": "轴承 6204 等 3 项",
        "requester_id": str(stable("requester")),
        "department_id": str(stable("workshop")),
        "amount": "8000.00",
        "currency": "CNY",
        "content_hash": HASH,
        "submission": 1,
        **changes,
    }
    facts = words.pop("facts", {})
    made = common_pb2.ApprovalRequest(**words)
    made.facts.update(facts)
    return made


class Office:
    """A company with its flows, and people at work in it."""

    def __init__(self, service: Bench) -> None:
        self.service = service
        self.admin = service.as_("admin")

    async def flow(self, tree: dict[str, Any], code: str = "PR", **more: Any) -> Any:
        """A published flow for requisitions."""
        return await self.publish((await self.draft(tree, code, **more)).id)

    async def publish(self, flow_id: str, **more: Any) -> Any:
        """The administrator asks, the owner lets it be published; the flow after that."""
        asked = await self.admin.PublishFlowDefinition(id=flow_id, **more)
        if asked.business_owner_id != OWNER:
            await self.admin.AssignOwnerFlowDefinition(id=flow_id, employee_id=OWNER, reason="takes over")
        await self.service.as_("other_company").ApproveFlowPublication(id=asked.publication_id)
        return await self.admin.GetFlowDefinition(id=flow_id)

    async def draft(self, tree: dict[str, Any], code: str = "PR", **more: Any) -> Any:
        fields = {"code": code, "name": f"flow {code}", "document_type": REQUISITION, "tree": tree, **more}
        fields.setdefault("business_owner_id", OWNER)
        return await self.admin.CreateFlowDefinition(flow_definition=fields)

    async def submit(self, document: str = "one", *, times: int = 1, **changes: Any) -> Any:
        """Bring a document's event to the service; the case as the administrator sees it."""
        await self.deliver(document, times=times, **changes)
        return await self.case(document)

    async def deliver(self, document: str = "one", *, times: int = 1, **changes: Any) -> list[bool]:
        asked = request(document, **changes)
        event = purchase_requisitions_pb2.PurchaseRequisitionSubmitted(approval=asked)
        return await self.service.deliver(event, times=times, actor="requester")

    async def case(self, document: str = "one", submission: int = 0) -> Any:
        """The newest case of a document, with turns and opinions."""
        cases = (await self.admin.ListCases(filter=f'document_id = "{stable(document)}"')).cases
        chosen = max(cases, key=lambda case: case.submission if not submission else case.submission == submission)
        return await self.admin.GetCase(id=chosen.id)

    async def todo(self, key: str) -> list[Any]:
        """The open turns of a person."""
        return list((await self.service.as_(key).ListTasks(filter='state = "OPEN"')).tasks)

    async def decide(self, key: str, action: str = "Approve", text: str = "", content_hash: str = HASH) -> Any:
        """A person decides the one turn that waits."""
        (task,) = await self.todo(key)
        caller = self.service.as_(key)
        return await getattr(caller, f"{action}Task")(id=task.id, content_hash=content_hash, text=text or action)


def waiting(case: Any) -> set[str]:
    """Ids of the people whose decision is open."""
    return {task.assignee_id for task in case.tasks if task.state == 1}


def ids_of(*keys: str) -> set[str]:
    return {str(stable(key)) for key in keys}


def state(case: Any) -> str:
    return case.State.Name(case.state)


async def no(reason: str, act: Awaitable[Any]) -> Any:
    """The refusal of an act that is refused for this reason."""
    with refused(reason) as caught:
        await act
    return caught.value
