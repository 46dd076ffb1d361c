"""An order to a supplier: prices and days stand from its release on, and change only by a change with a revision.

A change that costs little takes effect at once; above the threshold it waits for agreement, and the order stays as it
is meanwhile. Cancelled lines stay in the order, count nothing, and give their requisition lines back.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from chassis import money
from chassis.errors import Refused
from procurement.catalog import Catalog, has_more_decimals, raised
from procurement.purchase_requisition.rules import ZERO, convert
from procurement.refusals import Violation

if TYPE_CHECKING:
    from procurement.purchase_order.model import PurchaseOrder, PurchaseOrderLine

TRANSITIONS: dict[tuple[str, str], str] = {
    ("DRAFT", "update"): "DRAFT",
    ("DRAFT", "release"): "RELEASED",
    ("DRAFT", "cancel"): "CANCELLED",
    ("RELEASED", "confirm"): "CONFIRMED",
    ("RELEASED", "change"): "RELEASED",
    ("RELEASED", "close"): "CLOSED",
    ("RELEASED", "short_close"): "SHORT_CLOSED",
    ("RELEASED", "cancel"): "CANCELLED",
    ("CONFIRMED", "confirm"): "CONFIRMED",
    # the supplier has to confirm what was changed
    ("CONFIRMED", "change"): "RELEASED",
    ("CONFIRMED", "close"): "CLOSED",
    ("CONFIRMED", "short_close"): "SHORT_CLOSED",
    ("CONFIRMED", "cancel"): "CANCELLED",
}
PENDING = "CHANGE_PENDING"
WITH_SUPPLIER = ("RELEASED", "CONFIRMED", PENDING)
# sent and not cancelled since: what stands in them was paid, or will be
PLACED = (*WITH_SUPPLIER, "CLOSED", "SHORT_CLOSED")
# A change that raises the amount by no more than both takes effect without agreement; the second in base currency.
FREE_RISE_PERCENT = Decimal(5)
FREE_RISE_AMOUNT = Decimal(5000)


def standing(order: PurchaseOrder) -> list[PurchaseOrderLine]:
    """Lines that were not cancelled."""
    return [line for line in order.lines if not line.cancelled]


def wanted(line: PurchaseOrderLine) -> Decimal:
    """What the requisitions in a line ask for."""
    return sum((source.quantity for source in line.sources if source.active), ZERO)


def price(order: PurchaseOrder) -> None:
    """Compute amounts, sums and the day by which something is due next."""
    for line in order.lines:
        unit_price = ZERO if line.cancelled else line.unit_price or ZERO
        amounts = money.line_amounts(line.quantity, unit_price, line.tax_rate or ZERO)
        line.net_amount, line.tax_amount, line.amount = amounts.net, amounts.tax, amounts.gross
        line.unit_price_with_tax = money.line_amounts(Decimal(1), line.unit_price or ZERO, line.tax_rate or ZERO)[3]
    order.net_amount = money.quantize(sum((line.net_amount for line in order.lines), ZERO))
    order.tax_amount = money.quantize(sum((line.tax_amount for line in order.lines), ZERO))
    order.amount = order.net_amount + order.tax_amount
    convert(order)
    schedule(order)


def schedule(order: PurchaseOrder) -> None:
    """Header days from the lines: the last promise, the first wish, and what is due first."""
    lines = standing(order)
    promised = [line.promised_date for line in lines if line.promised_date]
    needed = [line.need_date for line in lines if line.need_date]
    order.promised_date = max(promised, default=None)
    order.need_date = min(needed, default=order.need_date)
    due = [day for line in lines if (day := line.promised_date or line.need_date or order.need_date)]
    order.due_date = min(due, default=None)


def overdue(state: str, due_date: datetime.date | None, today: datetime.date) -> bool:
    """Whether something that is with the supplier should have come before today."""
    return state in WITH_SUPPLIER and due_date is not None and due_date < today


@dataclass(frozen=True)
class Bound:
    """What an edit may not take away from a line that was made from requisitions."""

    line_number: int
    item_id: UUID | None
    unit_id: UUID | None
    wanted: Decimal


def bindings(order: PurchaseOrder) -> dict[UUID, Bound]:
    """The lines that requisitions stand behind, as they are before an edit."""
    return {
        line.id: Bound(line.line_number, line.item_id, line.unit_id, wanted(line))
        for line in order.lines
        if any(source.active for source in line.sources)
    }


def faults(
    order: PurchaseOrder, catalog: Catalog, bound: Mapping[UUID, Bound], departments: Iterable[UUID]
) -> list[Violation]:
    """What is wrong with a draft as it was edited."""
    found: list[Violation] = []
    present = {line.id for line in order.lines}
    for line_id, binding in bound.items():
        if line_id not in present:
            found.append(("lines", "PURCHASE_ORDER_LINE_BOUND", {"line": binding.line_number}))
    for index, line in enumerate(order.lines):
        path = f"lines[{index}]"
        if line.quantity <= 0:
            found.append((f"{path}.quantity", "FIELD_NOT_POSITIVE", {"value": line.quantity}))
        if not line.description:
            found.append((f"{path}.description", "FIELD_REQUIRED", {}))
        if line.cost_department_id is not None and line.cost_department_id not in departments:
            found.append((f"{path}.cost_department_id", "FIELD_NO_SUCH_DOCUMENT", {"value": line.cost_department_id}))
        if line.item_id is not None:
            found.extend(_item_faults(line, catalog, path))
        if (tied := bound.get(line.id)) is not None:
            if line.unit_id != tied.unit_id:
                found.append((f"{path}.unit_id", "FIELD_IMMUTABLE", {}))
            if tied.item_id is not None and line.item_id != tied.item_id:
                found.append((f"{path}.item_id", "FIELD_IMMUTABLE", {}))
            found.extend(below_requisitions(line, line.quantity, tied.wanted, f"{path}.quantity"))
    return found


def _item_faults(line: PurchaseOrderLine, catalog: Catalog, path: str) -> list[Violation]:
    item = catalog.items.get(line.item_id) if line.item_id else None
    if item is None:
        return [(f"{path}.item_id", "FIELD_NO_SUCH_DOCUMENT", {"value": line.item_id})]
    if catalog.factor(item, line.unit_id) is None:
        return [(f"{path}.unit_id", "PURCHASE_ORDER_UNIT", {"line": line.line_number, "item": item.code})]
    return decimals_fault(line, line.quantity, catalog, path)


def decimals_fault(line: PurchaseOrderLine, quantity: Decimal, catalog: Catalog, path: str) -> list[Violation]:
    """A quantity with more digits than its unit has."""
    decimals = catalog.decimals_of(line.unit_id)
    if not has_more_decimals(quantity, decimals):
        return []
    facts: dict[str, object] = {"line": line.line_number, "decimals": decimals}
    return [(f"{path}.quantity", "PURCHASE_ORDER_QUANTITY_DECIMALS", facts)]


def below_requisitions(line: PurchaseOrderLine, quantity: Decimal, least: Decimal, path: str) -> list[Violation]:
    """A quantity that does not cover what the requisitions ask for."""
    if quantity >= least:
        return []
    facts: dict[str, object] = {"line": line.line_number, "quantity": quantity, "wanted": least}
    return [(path, "PURCHASE_ORDER_BELOW_REQUISITIONS", facts)]


@dataclass(frozen=True)
class Limits:
    """The supplier's minimum and multiple, counted in the line's unit."""

    minimum: Decimal | None
    multiple: Decimal | None


def ready(order: PurchaseOrder, limits: Mapping[UUID, Limits]) -> list[Violation]:
    """What stands in the way of a release; `limits` by line id."""
    if not standing(order):
        return [("lines", "PURCHASE_ORDER_NO_LINES", {})]
    found: list[Violation] = []
    if order.exchange_rate is None:
        facts: dict[str, object] = {"currency": order.currency, "base_currency": order.base_currency}
        found.append(("exchange_rate", "PURCHASE_ORDER_EXCHANGE_RATE", facts))
    for index, line in enumerate(order.lines):
        if line.cancelled:
            continue
        if line.unit_price is None:
            found.append((f"lines[{index}].unit_price", "PURCHASE_ORDER_LINE_PRICE", {"line": line.line_number}))
        found.extend(below_limits(line, line.quantity, limits.get(line.id), f"lines[{index}].quantity"))
    return found


def below_limits(line: PurchaseOrderLine, quantity: Decimal, limits: Limits | None, path: str) -> list[Violation]:
    """A quantity that the supplier does not sell."""
    if limits is None or raised(quantity, minimum=limits.minimum, multiple=limits.multiple) == quantity:
        return []
    facts: dict[str, object] = {
        "line": line.line_number,
        "quantity": quantity,
        "minimum": limits.minimum or 0,
        "multiple": limits.multiple or 0,
    }
    return [(path, "PURCHASE_ORDER_MINIMUM", facts)]


def promise(order: PurchaseOrder, promises: Mapping[UUID, datetime.date]) -> None:
    """Put the supplier's days into the lines."""
    lines = {line.id: line for line in standing(order)}
    for index, (line_id, day) in enumerate(promises.items()):
        if line_id not in lines:
            raise Refused("PURCHASE_ORDER_NO_SUCH_LINE", f"promises[{index}].line_id", line_id=line_id)
        if order.order_date is not None and day < order.order_date:
            raise Refused("PURCHASE_ORDER_PROMISE_PAST", f"promises[{index}].promised_date", date=day)
        lines[line_id].promised_date = day
    schedule(order)


@dataclass(frozen=True)
class LineEdit:
    """What changes in one line; what is None stays."""

    line_id: UUID
    quantity: Decimal | None = None
    unit_price: Decimal | None = None
    need_date: datetime.date | None = None
    cancel: bool = False


@dataclass(frozen=True)
class Change:
    """What changes in a released order."""

    reason: str
    lines: tuple[LineEdit, ...] = ()
    payment_terms: str = ""
    need_date: datetime.date | None = None


@dataclass(frozen=True)
class LineAfter:
    """A line as it would be; the amount is with tax."""

    item_id: UUID | None
    unit_id: UUID | None
    unit_price: Decimal | None
    amount: Decimal


def change_faults(
    order: PurchaseOrder, change: Change, catalog: Catalog, limits: Mapping[UUID, Limits]
) -> list[Violation]:
    """What is wrong with a change that somebody asks for."""
    lines = {line.id: line for line in standing(order)}
    found: list[Violation] = []
    for index, edit in enumerate(change.lines):
        path = f"change.lines[{index}]"
        line = lines.get(edit.line_id)
        if line is None:
            found.append((f"{path}.line_id", "PURCHASE_ORDER_NO_SUCH_LINE", {"line_id": edit.line_id}))
        elif edit.quantity is not None and not edit.cancel:
            if edit.quantity <= 0:
                found.append((f"{path}.quantity", "FIELD_NOT_POSITIVE", {"value": edit.quantity}))
            found.extend(below_requisitions(line, edit.quantity, wanted(line), f"{path}.quantity"))
            found.extend(below_limits(line, edit.quantity, limits.get(line.id), f"{path}.quantity"))
            found.extend(decimals_fault(line, edit.quantity, catalog, path))
    if not found and not differs(order, change):
        found.append(("change", "PURCHASE_ORDER_CHANGE_EMPTY", {}))
    if len({edit.line_id for edit in change.lines if edit.cancel} & set(lines)) == len(lines):
        found.append(("change.lines", "PURCHASE_ORDER_NO_LINES", {}))
    return found


def differs(order: PurchaseOrder, change: Change) -> bool:
    """Whether a change leaves anything other than it is. It speaks of lines that stand."""
    lines = {line.id: line for line in standing(order)}
    if change.payment_terms not in ("", order.payment_terms) or change.need_date not in (None, order.need_date):
        return True
    return any(
        edit.cancel
        or edit.quantity not in (None, lines[edit.line_id].quantity)
        or edit.unit_price not in (None, lines[edit.line_id].unit_price)
        or edit.need_date not in (None, lines[edit.line_id].need_date)
        for edit in change.lines
    )


def raises(order: PurchaseOrder, change: Change) -> bool:
    """Whether a change takes more from the supplier, or pays more for it, in any line."""
    lines = {line.id: line for line in standing(order)}
    return any(
        (edit.quantity or ZERO) > lines[edit.line_id].quantity
        or (edit.unit_price or ZERO) > (lines[edit.line_id].unit_price or ZERO)
        for edit in change.lines
        if not edit.cancel
    )


def lines_after(order: PurchaseOrder, change: Change) -> list[LineAfter]:
    """The lines that the order would have."""
    edits = {edit.line_id: edit for edit in change.lines}
    found = []
    for line in standing(order):
        edit = edits.get(line.id, LineEdit(line.id))
        if edit.cancel:
            continue
        quantity = line.quantity if edit.quantity is None else edit.quantity
        unit_price = line.unit_price if edit.unit_price is None else edit.unit_price
        amount = money.line_amounts(quantity, unit_price or ZERO, line.tax_rate or ZERO).gross
        found.append(LineAfter(line.item_id, line.unit_id, unit_price, amount))
    return found


def amount_after(order: PurchaseOrder, change: Change) -> Decimal:
    """What the order would come to, with tax."""
    return sum((line.amount for line in lines_after(order, change)), ZERO)


def needs_agreement(*, before: Decimal, after: Decimal, rate: Decimal) -> bool:
    """Whether a change raises the amount beyond what a buyer may decide alone.

    `before` is the order's `agreed_amount`, so that many small rises are added up.
    """
    rise = after - before
    return rise > 0 and (rise * 100 > before * FREE_RISE_PERCENT or money.quantize(rise * rate) > FREE_RISE_AMOUNT)


def agreed_after(agreed: Decimal, amount: Decimal, *, asked: bool) -> Decimal:
    """The amount from which rises are counted after a change: what was agreed to, else the lowest since then.

    The lowest: what a buyer took away, another order may have in the meantime.
    """
    return amount if asked else min(agreed, amount)


def apply(order: PurchaseOrder, change: Change) -> list[PurchaseOrderLine]:
    """Put a change into the order. Returns the lines that it cancelled."""
    lines = {line.id: line for line in standing(order)}
    cancelled = []
    for edit in change.lines:
        line = lines[edit.line_id]
        if edit.cancel:
            line.cancelled = True
            cancelled.append(line)
            continue
        if edit.quantity is not None:
            line.quantity = edit.quantity
        if edit.unit_price is not None:
            line.unit_price, line.price_source = edit.unit_price, "BUYER"
        if edit.need_date is not None:
            line.need_date = edit.need_date
    if change.need_date is not None:
        order.need_date = change.need_date
        for line in standing(order):
            if line.id not in {edit.line_id for edit in change.lines if edit.need_date is not None}:
                line.need_date = change.need_date
    order.payment_terms = change.payment_terms or order.payment_terms
    order.revision += 1
    return cancelled
