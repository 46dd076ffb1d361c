"""From wanted lines to orders: one order per supplier, currency and delivery place.

Quantities are conserved: what is asked for stands in the sources of the order lines, and an order line is never less
than the sum of its sources. Only the order line is raised, to the supplier's minimum and multiple.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from chassis import money
from procurement.catalog import SCALE, Catalog, Item, price_in, raised

T = TypeVar("T")


@dataclass(frozen=True)
class Want:
    """One agreed requisition line with supplier and price, counted in the unit it is ordered in."""

    requisition_id: UUID
    requisition_number: str
    requisition_line_id: UUID
    requisition_line_number: int
    requester_id: UUID
    supplier_id: UUID
    currency: str
    delivery_place: str
    description: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    specification: str = ""
    item_id: UUID | None = None
    unit_id: UUID | None = None
    unit_text: str = ""
    need_date: datetime.date | None = None
    cost_department_id: UUID | None = None
    project_code: str = ""
    note: str = ""
    price_source: str = "AGREEMENT"
    minimum: Decimal | None = None
    multiple: Decimal | None = None
    decimals: int = 6
    exchange_rate: Decimal | None = None
    exchange_rate_date: datetime.date | None = None

    @property
    def order_key(self) -> tuple[UUID, str, str]:
        return self.supplier_id, self.currency, self.delivery_place

    @property
    def line_key(self) -> tuple[object, ...]:
        """Wants with the same key become one order line; what has no item stays alone."""
        if self.item_id is None:
            return (self.requisition_line_id,)
        return self.item_id, self.unit_id, self.unit_price, self.tax_rate


@dataclass
class LineDraft:
    """An order line to be: the quantity that is ordered, and the wants behind it."""

    wants: list[Want]

    @property
    def wanted(self) -> Decimal:
        return sum((want.quantity for want in self.wants), Decimal(0))

    @property
    def quantity(self) -> Decimal:
        first = self.wants[0]
        return raised(self.wanted, minimum=first.minimum, multiple=first.multiple, decimals=first.decimals)

    @property
    def need_date(self) -> datetime.date | None:
        return min((want.need_date for want in self.wants if want.need_date), default=None)

    @property
    def cost_department_id(self) -> UUID | None:
        """Of one mind or none: a bundled line leaves the cost centre to its sources."""
        return _common([want.cost_department_id for want in self.wants])

    @property
    def project_code(self) -> str:
        return _common([want.project_code for want in self.wants]) or ""


@dataclass
class OrderDraft:
    """An order to be."""

    supplier_id: UUID
    currency: str
    delivery_place: str
    lines: list[LineDraft] = field(default_factory=list)

    @property
    def rate(self) -> tuple[Decimal | None, datetime.date | None]:
        """The newest exchange rate that the requisitions agreed on."""
        rated = [w for line in self.lines for w in line.wants if w.exchange_rate is not None]
        newest = max(rated, key=lambda w: w.exchange_rate_date or datetime.date.min, default=None)
        return (newest.exchange_rate, newest.exchange_rate_date) if newest else (None, None)


def bundle(wants: Iterable[Want], *, merge: bool) -> list[OrderDraft]:
    """Group wants into orders, in the order they come; `merge` makes one line of the same item, unit and price."""
    orders: dict[tuple[UUID, str, str], OrderDraft] = {}
    lines: dict[tuple[object, ...], LineDraft] = {}
    for want in wants:
        order = orders.setdefault(want.order_key, OrderDraft(*want.order_key))
        key = (want.order_key, *(want.line_key if merge else (want.requisition_line_id,)))
        if key in lines:
            lines[key].wants.append(want)
        else:
            lines[key] = LineDraft([want])
            order.lines.append(lines[key])
    return list(orders.values())


def as_sold(
    want: Want,
    catalog: Catalog,
    item: Item | None,
    *,
    unit_id: UUID | None,
    unit_price: Decimal | None = None,
    minimum: Decimal | None = None,
    multiple: Decimal | None = None,
) -> Want:
    """A want counted in the unit that the supplier sells, under the supplier's minimum and multiple.

    `unit_price` is the supplier's price for that unit; without it the want's own price is converted.
    """
    ratio = catalog.ratio(item, want.unit_id, unit_id)
    if ratio is None:
        return replace(want, decimals=catalog.decimals_of(want.unit_id))
    return replace(
        want,
        unit_id=unit_id,
        quantity=money.quantize(want.quantity * ratio, SCALE),
        unit_price=price_in(want.unit_price, 1 / ratio) if unit_price is None else unit_price,
        minimum=minimum,
        multiple=multiple,
        decimals=catalog.decimals_of(unit_id),
    )


def _common(values: list[T]) -> T | None:
    return values[0] if len(set(values)) == 1 else None
