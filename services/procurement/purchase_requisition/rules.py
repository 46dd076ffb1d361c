"""What somebody wants bought: from a draft that only its owner sees to lines that all stand in orders.

A line that an approver refused stays, counts for nothing and is not ordered.

Amounts: net = round(quantity x price, 2), tax = round(net x rate, 2), with tax = net + tax; the document's amounts are
sums of rounded lines, HALF_UP. What was submitted changes only after it came back.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from chassis import money
from procurement.catalog import Catalog, has_more_decimals
from procurement.refusals import Violation

if TYPE_CHECKING:
    from procurement.purchase_requisition.model import PurchaseRequisition, PurchaseRequisitionLine

STATES = ("DRAFT", "SUBMITTED", "APPROVED", "ORDERED", "REJECTED", "CLOSED", "CANCELLED")
TRANSITIONS: dict[tuple[str, str], str] = {
    ("DRAFT", "update"): "DRAFT",
    ("DRAFT", "submit"): "SUBMITTED",
    ("DRAFT", "delete"): "DRAFT",
    ("DRAFT", "cancel"): "CANCELLED",
    ("APPROVED", "close"): "CLOSED",
    **{(state, "copy"): state for state in STATES},
}
# What the approval service decided about a submitted requisition -> its next state.
OUTCOMES = {"APPROVED": "APPROVED", "REJECTED": "REJECTED", "RETURNED": "DRAFT", "WITHDRAWN": "DRAFT"}
OWNERS_ALONE = frozenset({"update", "submit", "delete", "cancel"})
NOT_YET = frozenset({"OPEN", "IN_POOL"})
ZERO = Decimal(0)


def fill(requisition: PurchaseRequisition, catalog: Catalog) -> None:
    """Complete the lines from the item master: an item line says what the item says."""
    for line in requisition.lines:
        if line.kind != "ITEM":
            line.item_id = None
        item = catalog.items.get(line.item_id) if line.item_id else None
        if item is not None:
            line.description, line.specification = item.name, item.specification
            line.category_id = item.category_id
            line.unit_id = line.unit_id or item.base_unit_id
            line.unit_text = ""
            if line.tax_rate is None:
                line.tax_rate = catalog.tax_rate_of(item)
        if line.tax_rate is None:
            category = catalog.categories.get(line.category_id) if line.category_id else None
            line.tax_rate = (category.tax_rate if category else None) or ZERO
    requisition.urgency = requisition.urgency or "NORMAL"


def price(requisition: PurchaseRequisition) -> None:
    """Compute the amounts of the lines and their sums. A line without a price counts as zero."""
    for line in requisition.lines:
        counted = ZERO if line.refused else line.quantity
        amounts = money.line_amounts(counted, line.unit_price or ZERO, line.tax_rate or ZERO)
        line.net_amount, line.tax_amount, line.amount, line.unit_price_with_tax = amounts
    requisition.net_amount = money.quantize(sum((line.net_amount for line in requisition.lines), ZERO))
    requisition.amount = money.quantize(sum((line.amount for line in requisition.lines), ZERO))
    convert(requisition)


def cut(line: PurchaseRequisitionLine, quantity: Decimal | None, reason: str, by: UUID | None) -> None:
    """An approver agrees to less of a line, or to none of it."""
    line.asked_quantity = line.asked_quantity or line.quantity
    line.cut_reason, line.cut_by_id = reason, by
    if quantity is None:
        line.refused, line.state = True, "DROPPED"
    else:
        line.quantity = quantity


def restore(requisition: PurchaseRequisition) -> None:
    """It comes back to its owner: with what the owner asked for, since a cut was part of a decision that fell."""
    for line in requisition.lines:
        line.quantity = line.asked_quantity or line.quantity
        line.asked_quantity, line.cut_reason, line.cut_by_id = None, "", None
        if line.refused:
            line.refused, line.state = False, "OPEN"
    price(requisition)


class Rate(NamedTuple):
    """How many of the base currency one of the currency is, and the day on which somebody said so."""

    currency: str
    base_currency: str
    value: Decimal | None = None
    date: datetime.date | None = None


def rate_of(document: Any) -> Rate:
    """The rate that a document holds."""
    return Rate(document.currency, document.base_currency, document.exchange_rate, document.exchange_rate_date)


def rate_after(before: Rate | None, now: Rate, *, today: datetime.date) -> Rate:
    """The rate that counts after an edit; `before` is None in a new document.

    A rate counts only for the two currencies that it was typed for: where one of them changes, it has to be typed anew,
    and the number that stood there before, sent along, is none. Its day is the day on which the number was typed.
    """
    if now.currency == now.base_currency:
        return now._replace(value=money.quantize(Decimal(1), 9), date=None)
    if not now.value:
        return now._replace(value=None, date=None)
    if before is None or now.value != before.value:
        return now._replace(date=today)
    if now[:2] != before[:2]:
        return now._replace(value=None, date=None)
    return now._replace(date=before.date)


def take_rate(document: Any, before: Rate | None, *, base_currency: str, today: datetime.date) -> None:
    """Keep the rate that counts in a document that was edited."""
    document.base_currency = base_currency
    rate = rate_after(before, rate_of(document), today=today)
    document.exchange_rate, document.exchange_rate_date = rate.value, rate.date


def convert(document: Any) -> None:
    """The amount in the company's currency. Another currency needs a rate; until it is there the amount is unknown."""
    rate = document.exchange_rate
    document.base_amount = money.quantize(document.amount * rate) if rate else None


def faults(
    requisition: PurchaseRequisition,
    catalog: Catalog,
    *,
    departments: Collection[UUID],
    suppliers: Collection[UUID],
) -> list[Violation]:
    """What is wrong with a draft as it stands; what is merely missing may still come."""
    found: list[Violation] = []
    for index, line in enumerate(requisition.lines):
        path = f"lines[{index}]"
        if line.quantity <= 0:
            found.append((f"{path}.quantity", "FIELD_NOT_POSITIVE", {"value": line.quantity}))
        if line.item_id is not None:
            found.extend(_item_faults(line, catalog, path))
        elif line.category_id is not None and line.category_id not in catalog.categories:
            found.append(_unknown(f"{path}.category_id", line.category_id))
        if line.cost_department_id is not None and line.cost_department_id not in departments:
            found.append(_unknown(f"{path}.cost_department_id", line.cost_department_id))
        if line.supplier_id is not None and line.supplier_id not in suppliers:
            found.append(_unknown(f"{path}.supplier_id", line.supplier_id))
    return found


def _item_faults(line: PurchaseRequisitionLine, catalog: Catalog, path: str) -> list[Violation]:
    item = catalog.items.get(line.item_id) if line.item_id else None
    if item is None:
        return [_unknown(f"{path}.item_id", line.item_id)]
    if catalog.factor(item, line.unit_id) is None:
        return [(f"{path}.unit_id", "PURCHASE_REQUISITION_UNIT", {"line": line.line_number, "item": item.code})]
    decimals = catalog.decimals_of(line.unit_id)
    if has_more_decimals(line.quantity, decimals):
        facts: dict[str, object] = {"line": line.line_number, "decimals": decimals}
        return [(f"{path}.quantity", "PURCHASE_REQUISITION_QUANTITY_DECIMALS", facts)]
    return []


def _unknown(path: str, value: object) -> Violation:
    return path, "FIELD_NO_SUCH_DOCUMENT", {"value": value}


def missing(requisition: PurchaseRequisition, catalog: Catalog, *, today: datetime.date) -> list[Violation]:
    """What has to be put right before the requisition can be sent for agreement."""
    if not requisition.lines:
        return [("lines", "PURCHASE_REQUISITION_NO_LINES", {})]
    found: list[Violation] = []
    if not requisition.delivery_place:
        found.append(("delivery_place", "FIELD_REQUIRED", {}))
    if requisition.exchange_rate is None:
        facts: dict[str, object] = {"currency": requisition.currency, "base_currency": requisition.base_currency}
        found.append(("exchange_rate", "PURCHASE_REQUISITION_EXCHANGE_RATE", facts))
    if requisition.need_date is not None and requisition.need_date < today:
        found.append(_past("need_date", requisition.need_date, today))
    for index, line in enumerate(requisition.lines):
        path, here = f"lines[{index}]", {"line": line.line_number}
        item = catalog.items.get(line.item_id) if line.item_id else None
        if line.kind == "ITEM" and (item is None or line.unit_id is None):
            found.append((f"{path}.item_id", "PURCHASE_REQUISITION_LINE_ITEM", {**here}))
        elif item is not None and not item.active:
            found.append((f"{path}.item_id", "PURCHASE_REQUISITION_ITEM_INACTIVE", {**here, "item": item.code}))
        if line.kind != "ITEM" and not line.description:
            found.append((f"{path}.description", "FIELD_REQUIRED", {}))
        if not line.unit_price or line.unit_price <= 0:
            found.append((f"{path}.unit_price", "PURCHASE_REQUISITION_LINE_ESTIMATE", {**here}))
        if line.need_date is not None and line.need_date < today:
            found.append(_past(f"{path}.need_date", line.need_date, today))
        elif line.need_date is None and requisition.need_date is None:
            found.append((f"{path}.need_date", "FIELD_REQUIRED", {}))
    return found


def missing_after(
    requisition: PurchaseRequisition, catalog: Catalog, written: Collection[str], *, today: datetime.date
) -> list[Violation]:
    """What an approver's change leaves wrong. Days that passed since it was sent are none of it, unless they were
    written (paths such as `lines.need_date`).
    """
    return [
        (path, reason, facts)
        for path, reason, facts in missing(requisition, catalog, today=today)
        if reason != "PURCHASE_REQUISITION_NEED_DATE_PAST" or re.sub(r"\[\d+\]", "", path) in written
    ]


def _past(path: str, date: datetime.date, today: datetime.date) -> Violation:
    return path, "PURCHASE_REQUISITION_NEED_DATE_PAST", {"date": date, "today": today}


def facts(requisition: PurchaseRequisition, catalog: Catalog) -> dict[str, Any]:
    """Typed values that the conditions of a flow may use beside the amount. A line that was refused is none."""
    lines = [line for line in requisition.lines if not line.refused]
    named = {line.category_id for line in lines}
    codes = {category.code for category in catalog.categories.values() if category.id in named}
    return {
        "urgency": requisition.urgency,
        "need_date": requisition.need_date.isoformat() if requisition.need_date else "",
        "categories": sorted(codes),
        "line_count": len(lines),
        "max_line_amount": float(max((line.amount for line in lines), default=ZERO)),
        "supplier_ids": sorted({str(line.supplier_id) for line in lines if line.supplier_id}),
        "kinds": sorted({line.kind for line in lines}),
        "cost_department_ids": sorted({str(line.cost_department_id) for line in lines if line.cost_department_id}),
        "project_codes": sorted({line.project_code for line in lines if line.project_code}),
        "document_amount": float(requisition.amount),
        "document_currency": requisition.currency,
    }


def progress(requisition: PurchaseRequisition, states: Mapping[str, int]) -> None:
    """Let the requisition follow its lines: `states` counts them by state.

    Derived, never set by hand: nothing waits any more -> ordered, or closed where nothing was ordered at all; a line
    that came back out of a cancelled order makes it wait again.
    """
    count = Counter(states)
    total = count.total()
    percent = Decimal(100) * count["ORDERED"] / total if total else ZERO
    requisition.ordered_percent = money.quantize(percent)
    if requisition.state in ("APPROVED", "ORDERED"):
        if any(count[state] for state in NOT_YET):
            requisition.state = "APPROVED"
        else:
            requisition.state = "ORDERED" if count["ORDERED"] else "CLOSED"
