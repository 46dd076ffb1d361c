"""A small factory on the wire: items, a supplier with prices, a flow with two approvers."""

from __future__ import annotations

from typing import Any

from stdnum.cn import uscc
from wire import Wire

from chassis.errors import Refused
from chassis.testing import eventually, stable

TREE = {
    "id": "root",
    "kind": "sequence",
    "children": [
        {"id": "head", "kind": "approve", "name": "部门负责人", "approvers": [{"kind": "department_head"}]},
        {
            "id": "boss",
            "kind": "approve",
            "name": "厂长",
            "approvers": [{"kind": "user", "employee_id": str(stable("boss"))}],
        },
    ],
}


def credit_code(number: int) -> str:
    """A credit code with the right check character."""
    body = f"91310114{number:09d}"
    return body + uscc.calc_check_digit(body)


class Factory:
    """What a requisition needs around it, made through the services' own calls."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    async def build(self, items: int = 3) -> Factory:
        admin = self.wire.inventory.as_("admin")
        unit = await admin.CreateUnit(unit={"code": "PCS", "name": "个"})
        category = await admin.CreateItemCategory(
            item_category={"code": "BRG", "name": "轴承", "sourcing_policy": "AUTOMATIC", "tax_rate": "0.13"}
        )
        self.items = [
            await admin.CreateItem(
                item={
                    "code": f"BRG-{n:04d}", "name": f"轴承 {6200 + n}", "category_id": category.id,
                    "base_unit_id": unit.id, "kind": "PART",
                }
            )
            for n in range(items)
        ]  # fmt: skip
        buyer = self.wire.procurement.as_("buyer")
        supplier = await buyer.CreateSupplier(
            supplier={"name": "苏州顺达轴承有限公司", "credit_code": credit_code(1), "currency": "CNY"}
        )
        self.supplier = await buyer.QualifySupplier(id=supplier.id)
        for item in self.items:
            await eventually(lambda item=item: self.known(item))
            await buyer.CreateSupplierItem(
                supplier_item={
                    "supplier_id": supplier.id, "item_id": item.id, "currency": "CNY", "unit_id": unit.id,
                    "prices": [{"from_quantity": "0", "unit_price": "8.5", "valid_from_date": "2026-01-01"}],
                }
            )  # fmt: skip
        flows = self.wire.approval.as_("admin")
        flow = await flows.CreateFlowDefinition(
            flow_definition={
                "code": "PR", "name": "采购申请", "document_type": "procurement.purchase_requisition", "tree": TREE,
                "business_owner_id": str(stable("boss")),
            }
        )  # fmt: skip
        asked = await flows.PublishFlowDefinition(id=flow.id)
        await self.wire.approval.as_("boss").ApproveFlowPublication(id=asked.publication_id)
        self.unit = unit
        return self

    async def known(self, item: Any) -> None:
        """Procurement has its copy of the item."""
        try:
            await self.wire.procurement.as_("buyer").CreatePurchaseRequisition(
                purchase_requisition=self.requisition([item])
            )
        except Refused as unknown:
            raise AssertionError(f"{item.code} is not known yet") from unknown

    def requisition(self, items: list[Any] | None = None) -> dict[str, Any]:
        """A requisition with one line for each item."""
        return {
            "title": "轴承补货",
            "currency": "CNY",
            "need_date": "2026-12-15",
            "delivery_place": "上海市嘉定区园国路 388 号 1 号库",
            "lines": [
                {
                    "kind": "ITEM", "item_id": item.id, "description": item.name, "unit_id": item.base_unit_id,
                    "quantity": "10", "unit_price": "8.5", "tax_rate": "0.13",
                }
                for item in (self.items if items is None else items)
            ],
        }  # fmt: skip

    async def submitted(self) -> Any:
        """A requisition that waits for its approvers."""
        requester = self.wire.procurement.as_("requester")
        draft = await requester.CreatePurchaseRequisition(purchase_requisition=self.requisition())
        return await requester.SubmitPurchaseRequisition(id=draft.id)

    async def approve(self, requisition: Any, person: str) -> None:
        """One person agrees, as soon as it is their turn."""
        caller = self.wire.approval.as_(person)

        async def turn() -> Any:
            tasks = (await caller.ListTasks(filter=f'state = "OPEN" AND document_id = "{requisition.id}"')).tasks
            assert tasks, f"{person} has no open task"
            return tasks[0]

        task = await eventually(turn)
        await caller.ApproveTask(id=task.id, content_hash=task.content_hash)

    async def orders(self, requisition: Any) -> list[Any]:
        """Orders in which the requisition's lines stand."""
        buyer = self.wire.procurement.as_("buyer")
        found = await buyer.ListPurchaseOrders()
        full = [await buyer.GetPurchaseOrder(id=order.id) for order in found.purchase_orders]
        return [o for o in full if any(s.requisition_id == requisition.id for x in o.lines for s in x.sources)]
