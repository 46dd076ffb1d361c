"""A small factory: units, categories and items as inventory announces them, suppliers with terms, requisitions."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

from stdnum.cn import uscc

from chassis import ids
from chassis.testing import COMPANY, Bench, stable
from heyi.approval.v1 import cases_pb2, flow_definitions_pb2
from heyi.inventory.v1 import item_categories_pb2, items_pb2, units_pb2

YARD = "上海市嘉定区安亭镇园国路 388 号 1 号库"


def credit_code(number: int) -> str:
    """A credit code with the right check character."""
    body = f"91310114{number:09d}"
    return body + uscc.calc_check_digit(body)


class Shop:
    """What the tests of procurement buy, and from whom."""

    def __init__(self, service: Bench) -> None:
        self.service = service
        self.buyer, self.requester = service.as_("buyer"), service.as_("requester")
        self.numbers = itertools.count(1)

    async def unit(self, code: str, *, decimals: int = 0, dimension: str = "", factor: str = "1") -> str:
        unit = units_pb2.Unit(
            id=str(stable(f"unit {code}")), etag='"1"', code=code, name=code, decimals=decimals, dimension=dimension,
            factor=factor, state="ACTIVE",
        )  # fmt: skip
        await self.service.deliver(units_pb2.UnitCreated(unit=unit), company=None)
        return unit.id

    async def category(self, code: str, *, policy: str = "AUTOMATIC", tax_rate: str = "0.13", buyer: str = "") -> str:
        category = item_categories_pb2.ItemCategory(
            id=str(stable(f"category {code}")), etag='"1"', code=code, name=code, sourcing_policy=policy,
            tax_rate=tax_rate, buyer_id=str(stable(buyer)) if buyer else "", state="ACTIVE",
        )  # fmt: skip
        await self.service.deliver(item_categories_pb2.ItemCategoryCreated(item_category=category), company=None)
        return category.id

    async def item(self, code: str, unit: str, category: str, *, version: int = 1, **fields: Any) -> str:
        values = {
            "name": f"轴承 {code}",
            "specification": "6204-2RS",
            "state": "ACTIVE",
            "standard_price": "9",
            **fields,
        }
        item = items_pb2.Item(
            id=str(stable(f"item {code}")), etag=ids.etag_of(version), code=code, base_unit_id=unit,
            category_id=category, kind="PART", **values,
        )  # fmt: skip
        kind = items_pb2.ItemCreated if version == 1 else items_pb2.ItemUpdated
        await self.service.deliver(kind(item=item), company=None)
        return item.id

    async def supplier(self, name: str, *, qualified: bool = True, **fields: Any) -> Any:
        supplier = await self.buyer.CreateSupplier(
            supplier={"name": name, "credit_code": credit_code(next(self.numbers)), "currency": "CNY", **fields}
        )
        return await self.buyer.QualifySupplier(id=supplier.id) if qualified else supplier

    async def terms(self, supplier: Any, item: str, unit: str, price: str, **fields: Any) -> Any:
        prices = fields.pop("prices", None) or [
            {"from_quantity": "0", "unit_price": price, "valid_from_date": "2026-01-01"}
        ]
        values = {"supplier_id": supplier.id, "item_id": item, "unit_id": unit, "currency": "CNY", "prices": prices}
        return await self.buyer.CreateSupplierItem(supplier_item={**values, **fields})

    async def stock(self) -> Shop:
        """Pieces; bearings that order themselves from the preferred 宏达; bolts that nobody sells; cables that wait."""
        self.piece, self.box = await self.unit("PCS"), await self.unit("BOX")
        self.metre = await self.unit("M", decimals=2)
        self.parts = await self.category("PARTS")
        self.cables = await self.category("CABLES", policy="BUYER", buyer="buyer")
        box = items_pb2.ItemUnit(unit_id=self.box, factor="12")
        self.bearing = await self.item("2001", self.piece, self.parts, units=[box])
        self.bolt = await self.item("2002", self.piece, self.parts, name="六角螺栓", standard_price="")
        self.cable = await self.item("2003", self.metre, self.cables, name="电缆")
        self.hongda = await self.supplier("上海宏达轴承有限公司", payment_days=30, invoice_kind="VAT_SPECIAL")
        self.terms_of_hongda = await self.terms(self.hongda, self.bearing, self.piece, "12.5", preferred=True)
        return self

    def line(self, item: str | None = None, quantity: str = "10", **fields: Any) -> dict[str, Any]:
        """A line of a requisition: an item's, or with a description a free text."""
        if item is None:
            return {"kind": "FREE_TEXT", "description": "定制工装", "unit_text": "套", "quantity": quantity,
                    "unit_price": "1000", "tax_rate": "0.13", **fields}  # fmt: skip
        return {"kind": "ITEM", "item_id": item, "quantity": quantity, **fields}

    async def draft(self, *lines: dict[str, Any], by: Any = None, **fields: Any) -> Any:
        values = {"title": "产线备件", "currency": "CNY", "need_date": "2026-12-15", "delivery_place": YARD, **fields}
        chosen = list(lines) or [self.line(self.bearing)]
        return await (by or self.requester).CreatePurchaseRequisition(purchase_requisition={**values, "lines": chosen})

    async def submitted(self, *lines: dict[str, Any], by: Any = None, **fields: Any) -> Any:
        draft = await self.draft(*lines, by=by, **fields)
        return await (by or self.requester).SubmitPurchaseRequisition(id=draft.id, etag=draft.etag)

    async def approved(self, *lines: dict[str, Any], by: Any = None, **fields: Any) -> Any:
        requisition = await self.submitted(*lines, by=by, **fields)
        await self.service.deliver(approved(requisition), actor="head")
        return await (by or self.requester).GetPurchaseRequisition(id=requisition.id)

    async def released(self, *lines: dict[str, Any], **fields: Any) -> Any:
        """An order that the buyer typed and sent."""
        order = await self.order(*lines, **fields)
        return await self.buyer.ReleasePurchaseOrder(id=order.id, etag=order.etag)

    async def order(self, *lines: dict[str, Any], **fields: Any) -> Any:
        chosen = list(lines) or [{"item_id": self.bearing, "quantity": "100"}]
        values = {"supplier_id": self.hongda.id, "currency": "CNY", "delivery_place": YARD, "need_date": "2026-12-15"}
        return await self.buyer.CreatePurchaseOrder(purchase_order={**values, **fields, "lines": chosen})


def case_of(requisition: Any, *, version: int = 1, state: str = "RUNNING", **fields: Any) -> cases_pb2.Case:
    """The case of a submitted requisition, as approval tells of it."""
    values = {
        "document_type": "procurement.purchase_requisition",
        "submission": requisition.submission,
        "content_hash": requisition.content_hash,
        "participant_ids": [str(stable("head"))],
        **fields,
    }
    return cases_pb2.Case(
        id=str(stable(f"case {requisition.id}")), etag=ids.etag_of(version), company_id=str(COMPANY), state=state,
        document_id=requisition.id, **values,
    )  # fmt: skip


def opened(requisition: Any, *waiting_on: str, version: int = 1, **fields: Any) -> cases_pb2.CaseOpened:
    people = [str(stable(key)) for key in waiting_on or ("head",)]
    return cases_pb2.CaseOpened(case=case_of(requisition, version=version, waiting_on_ids=people, **fields))


def approved(requisition: Any, *, version: int = 3, **fields: Any) -> cases_pb2.CaseApproved:
    return cases_pb2.CaseApproved(case=case_of(requisition, version=version, state="APPROVED", **fields))


def sum_of(values: Any) -> Decimal:
    return sum((Decimal(value) for value in values), Decimal(0))


def a_flow(document_type: str, kind: str, state: str, version: int) -> Any:
    """A flow of one step, which asks by one rule."""
    tree = {"id": "a", "kind": "approve", "name": "A", "approvers": [{"kind": kind}]}
    fields = {"id": str(stable("flow")), "etag": f'"{version}"', "company_id": str(COMPANY), "state": state}
    made = flow_definitions_pb2.FlowDefinition(document_type=document_type, **fields)
    made.tree.update(tree)
    return made
