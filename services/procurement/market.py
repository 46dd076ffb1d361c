"""Who sells what at which price, looked up for many lines at once: seven statements, whatever their number."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from chassis.call import Call
from procurement.catalog import Catalog, price_in
from procurement.copies import catalog
from procurement.purchase_order.model import ItemLastPrice
from procurement.supplier.model import Supplier
from procurement.supplier_item.model import SupplierItem
from procurement.supplier_item.rules import Break, LastPrice, Offer, Terms, choose, suggested_price


@dataclass(frozen=True)
class Market:
    """What is known about some items, for one company on one day."""

    catalog: Catalog
    terms: Mapping[uuid.UUID, list[Terms]]
    last: Mapping[tuple[uuid.UUID, str], LastPrice]
    supplier_states: Mapping[uuid.UUID, str]
    company_id: uuid.UUID
    base_currency: str
    on: datetime.date

    @classmethod
    async def of(
        cls,
        call: Call,
        items: Iterable[uuid.UUID | None],
        *,
        categories: Iterable[uuid.UUID | None] = (),
        suppliers: Iterable[uuid.UUID | None] = (),
    ) -> Market:
        """Look everything up. `suppliers` are those that somebody named."""
        wanted = sorted({item for item in items if item is not None})
        known = await catalog(call, wanted, categories)
        terms = await _terms(call, wanted)
        last = await _last_prices(call, wanted)
        named = {s for s in suppliers if s is not None} | {price.supplier_id for price in last.values()}
        states = sa.select(Supplier.id, Supplier.state).where(Supplier.id.in_(named))
        found = {row.id: row.state for row in await call.db.execute(states)}
        return cls(known, terms, last, found, call.company_id, call.company.base_currency, call.today())

    def offer(
        self,
        item_id: uuid.UUID | None,
        *,
        quantity: Decimal,
        unit_id: uuid.UUID | None,
        currency: str,
        wished: uuid.UUID | None = None,
    ) -> Offer | None:
        """From whom an item would be bought today."""
        item = self.catalog.items.get(item_id) if item_id else None
        if item is None:
            return None
        return choose(
            self.terms.get(item.id, ()),
            self.catalog,
            item=item,
            company_id=self.company_id,
            quantity=quantity,
            unit_id=unit_id,
            on=self.on,
            currency=currency,
            wished=wished,
            last=self.last.get((item.id, currency)),
            qualified=frozenset(s for s, state in self.supplier_states.items() if state == "QUALIFIED"),
        )

    def terms_with(self, supplier_id: uuid.UUID, item_id: uuid.UUID | None) -> Terms | None:
        """A supplier's terms for an item, this company's before those for all."""
        mine = [t for t in self.terms.get(item_id, ()) if t.supplier_id == supplier_id] if item_id else []
        return max(mine, key=lambda t: t.company_id is not None, default=None)

    def price(
        self, offer: Offer | None, item_id: uuid.UUID | None, unit_id: uuid.UUID | None, currency: str
    ) -> Decimal | None:
        """What one of the unit asked would cost: agreed, else paid last, else planned."""
        item = self.catalog.items.get(item_id) if item_id else None
        if item is None:
            return None
        planned = currency == self.base_currency
        last = self.last.get((item.id, currency))
        return suggested_price(offer, self.catalog, item=item, unit_id=unit_id, last=last, planned=planned)

    def paid_last(
        self, item_id: uuid.UUID | None, unit_id: uuid.UUID | None, currency: str
    ) -> tuple[Decimal, LastPrice] | None:
        """The last price for the unit asked, with when and to whom it was paid."""
        last = self.last.get((item_id, currency)) if item_id else None
        item = self.catalog.items.get(item_id) if item_id else None
        ratio = self.catalog.ratio(item, unit_id, last.unit_id) if last else None
        return (price_in(last.unit_price, ratio), last) if last and ratio else None


async def _terms(call: Call, items: list[uuid.UUID]) -> dict[uuid.UUID, list[Terms]]:
    statement = (
        sa.select(SupplierItem, Supplier.state)
        .join(Supplier, Supplier.id == SupplierItem.supplier_id)
        .where(
            SupplierItem.item_id.in_(items),
            SupplierItem.state == "ACTIVE",
            sa.or_(SupplierItem.supplier_company_id.is_(None), SupplierItem.supplier_company_id == call.company_id),
        )
        .options(selectinload(SupplierItem.prices, chunksize=5000))
    )
    found: dict[uuid.UUID, list[Terms]] = {}
    for row, state in await call.db.execute(statement):
        found.setdefault(row.item_id, []).append(terms_of(row, qualified=state == "QUALIFIED"))
    return found


def terms_of(row: SupplierItem, *, qualified: bool) -> Terms:
    """A supplier item as the rules see it."""
    return Terms(
        supplier_id=row.supplier_id,
        item_id=row.item_id,
        unit_id=row.unit_id,
        currency=row.currency,
        breaks=tuple(breaks_of(row)),
        qualified=qualified,
        company_id=row.supplier_company_id,
        preferred=row.preferred,
        tax_rate=row.tax_rate,
        minimum=row.minimum_quantity or None,
        multiple=row.multiple_quantity or None,
    )


def breaks_of(row: SupplierItem) -> list[Break]:
    """The prices of a supplier item as the rules see them."""
    return [Break(p.from_quantity, p.unit_price, p.valid_from_date, p.valid_until_date) for p in row.prices]


async def _last_prices(call: Call, items: list[uuid.UUID]) -> dict[tuple[uuid.UUID, str], LastPrice]:
    statement = sa.select(ItemLastPrice).where(
        ItemLastPrice.company_id == call.company_id, ItemLastPrice.item_id.in_(items)
    )
    return {
        (row.item_id, row.currency): LastPrice(row.supplier_id, row.unit_id, row.unit_price, row.order_date)
        for row in await call.db.scalars(statement)
    }
