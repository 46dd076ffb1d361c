"""Who sells what at which price, looked up for many lines at once: one statement, whatever their number."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from chassis.bundled import Rows
from chassis.call import Call
from procurement import copies
from procurement.catalog import Catalog, price_in
from procurement.purchase_order.model import ItemLastPrice
from procurement.supplier.model import Supplier
from procurement.supplier_item.model import SupplierItem, SupplierItemPrice
from procurement.supplier_item.rules import Break, LastPrice, Offer, Terms, choose, suggested_price

_COMPANY = sa.bindparam("company", type_=sa.Uuid())
_LAST = (ItemLastPrice.company_id == _COMPANY, copies.among(ItemLastPrice.item_id, "items"))
LAST_PRICES = Rows(
    ItemLastPrice.item_id,
    ItemLastPrice.currency,
    ItemLastPrice.supplier_id,
    ItemLastPrice.unit_id,
    ItemLastPrice.unit_price,
    ItemLastPrice.order_date,
    where=_LAST,
)
TERMS = Rows(
    SupplierItem.supplier_id,
    SupplierItem.item_id,
    SupplierItem.unit_id,
    SupplierItem.currency,
    Rows(
        SupplierItemPrice.from_quantity,
        SupplierItemPrice.unit_price,
        SupplierItemPrice.valid_from_date,
        SupplierItemPrice.valid_until_date,
        where=[SupplierItemPrice.parent_id == SupplierItem.id],
        order_by=SupplierItemPrice.line_number,
    ),
    Supplier.state == "QUALIFIED",
    SupplierItem.supplier_company_id,
    SupplierItem.preferred,
    SupplierItem.tax_rate,
    SupplierItem.minimum_quantity,
    SupplierItem.multiple_quantity,
    where=[
        Supplier.id == SupplierItem.supplier_id,
        copies.among(SupplierItem.item_id, "items"),
        SupplierItem.state == "ACTIVE",
        sa.or_(SupplierItem.supplier_company_id.is_(None), SupplierItem.supplier_company_id == _COMPANY),
    ],
)
# of those that somebody named, and of those that something was bought from
SUPPLIER_STATES = Rows(
    Supplier.id,
    Supplier.state,
    where=[
        sa.or_(
            copies.among(Supplier.id, "suppliers"), Supplier.id.in_(sa.select(ItemLastPrice.supplier_id).where(*_LAST))
        )
    ],
)
_QUESTION = sa.select(*copies.CATALOG, TERMS.value, LAST_PRICES.value, SUPPLIER_STATES.value)


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
        values = copies.wanted(items, categories) | {"company": call.company_id, "suppliers": copies.known(suppliers)}
        *known, terms, last, states = (await call.db.execute(_QUESTION, values)).one()
        return cls(
            copies.catalog_of(*known),
            _terms_of(terms),
            {(item, currency): LastPrice(*rest) for item, currency, *rest in LAST_PRICES.read(last)},
            dict(SUPPLIER_STATES.read(states)),
            call.company_id,
            call.company.base_currency,
            call.today(),
        )

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


def _terms_of(value: object) -> dict[uuid.UUID, list[Terms]]:
    found: dict[uuid.UUID, list[Terms]] = {}
    for supplier, item, unit, currency, breaks, qualified, company, preferred, rate, least, multiple in TERMS.read(
        value
    ):
        prices = tuple(Break(*price) for price in breaks)
        terms = Terms(
            supplier, item, unit, currency, prices, qualified, company, preferred, rate, least or None, multiple or None
        )
        found.setdefault(item, []).append(terms)
    return found


def breaks_of(row: SupplierItem) -> list[Break]:
    """The prices of a supplier item as the rules see them."""
    return [Break(p.from_quantity, p.unit_price, p.valid_from_date, p.valid_until_date) for p in row.prices]
