"""What a supplier asks for an item, and who an item is bought from.

A price holds from a quantity on and within days; both ends are inclusive. The lookups take everything as arguments,
so the same answer is given to a requester, to the buyer and to the order that makes itself.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from procurement.catalog import Catalog, Item, price_in

TRANSITIONS: dict[tuple[str, str], str] = {
    ("ACTIVE", "update"): "ACTIVE",
    ("ACTIVE", "deactivate"): "INACTIVE",
    ("INACTIVE", "activate"): "ACTIVE",
}
LAST_DAY = datetime.date.max


@dataclass(frozen=True)
class Break:
    """A price from a quantity on, within days."""

    from_quantity: Decimal
    unit_price: Decimal
    valid_from: datetime.date
    valid_until: datetime.date | None = None

    @property
    def until(self) -> datetime.date:
        return self.valid_until or LAST_DAY


@dataclass(frozen=True)
class Terms:
    """A supplier's terms for one item, with what a choice between suppliers needs."""

    supplier_id: UUID
    item_id: UUID
    unit_id: UUID
    currency: str
    breaks: tuple[Break, ...]
    qualified: bool = True
    company_id: UUID | None = None
    preferred: bool = False
    tax_rate: Decimal | None = None
    minimum: Decimal | None = None
    multiple: Decimal | None = None


@dataclass(frozen=True)
class LastPrice:
    """What was paid last for an item in one currency."""

    supplier_id: UUID
    unit_id: UUID | None
    unit_price: Decimal
    on: datetime.date


def price_of(
    terms: Terms, catalog: Catalog, *, quantity: Decimal, unit_id: UUID | None, on: datetime.date, currency: str
) -> Decimal | None:
    """The agreed price for a quantity in the terms' own unit, on a day; None where the terms hold none.

    The quantity may be counted in another unit of the item. The break with the highest quantity that is reached wins.
    """
    ratio = catalog.ratio(catalog.items.get(terms.item_id), unit_id, terms.unit_id)
    if ratio is None or terms.currency != currency:
        return None
    sold = quantity * ratio
    reached = [b for b in terms.breaks if b.from_quantity <= sold and b.valid_from <= on <= b.until]
    return max(reached, key=lambda b: (b.from_quantity, b.valid_from)).unit_price if reached else None


def overlap(breaks: Sequence[Break]) -> tuple[Decimal, datetime.date] | None:
    """The first quantity and day for which two prices hold; None where every day has at most one."""
    ordered = sorted(breaks, key=lambda b: (b.from_quantity, b.valid_from))
    for earlier, later in itertools.pairwise(ordered):
        if earlier.from_quantity == later.from_quantity and later.valid_from <= earlier.until:
            return later.from_quantity, later.valid_from
    return None


def offered(terms: Iterable[Terms], company_id: UUID) -> list[Terms]:
    """Of each supplier the terms that hold for a company: its own before those for all."""
    chosen: dict[UUID, Terms] = {}
    for each in terms:
        if each.company_id in (None, company_id) and (each.supplier_id not in chosen or each.company_id is not None):
            chosen[each.supplier_id] = each
    return sorted(chosen.values(), key=lambda t: (not t.preferred, str(t.supplier_id)))


@dataclass(frozen=True)
class Offer:
    """From whom an item would be bought, in which unit and at what price. No price: somebody has to find one."""

    supplier_id: UUID
    qualified: bool
    unit_id: UUID | None
    unit_price: Decimal | None
    source: str = "AGREEMENT"
    terms: Terms | None = None


def choose(
    terms: Iterable[Terms],
    catalog: Catalog,
    *,
    item: Item,
    company_id: UUID,
    quantity: Decimal,
    unit_id: UUID | None,
    on: datetime.date,
    currency: str,
    wished: UUID | None = None,
    last: LastPrice | None = None,
    qualified: frozenset[UUID] = frozenset(),
) -> Offer | None:
    """Whom to buy from: the wished supplier, else the preferred one, else the cheapest agreement, else the last one.

    A wished or preferred supplier that may not be ordered from is answered all the same: it is for a person to choose
    another. `qualified` says which suppliers without terms may be ordered from.
    """

    def offer_of(each: Terms) -> Offer:
        price = price_of(each, catalog, quantity=quantity, unit_id=unit_id, on=on, currency=currency)
        return Offer(each.supplier_id, each.qualified, each.unit_id, price, terms=each)

    def last_offer(supplier_id: UUID) -> Offer:
        known = last if last is not None and last.supplier_id == supplier_id else None
        in_unit = known is not None and catalog.ratio(item, unit_id, known.unit_id) is not None
        price = known.unit_price if known is not None and in_unit else None
        unit = known.unit_id if known is not None and in_unit else unit_id
        return Offer(supplier_id, supplier_id in qualified, unit, price, source="LAST_PRICE")

    offers = [offer_of(each) for each in offered(terms, company_id)]
    if wished is not None:
        mine = next((o for o in offers if o.supplier_id == wished), None)
        return mine if mine is not None and mine.unit_price is not None else _with_terms(last_offer(wished), mine)
    if offers and offers[0].terms is not None and offers[0].terms.preferred:
        first = offers[0]
        return first if first.unit_price is not None else _with_terms(last_offer(first.supplier_id), first)
    priced = [o for o in offers if o.unit_price is not None]
    if usable := [o for o in priced if o.qualified]:
        return min(usable, key=lambda o: (_base_price(o, item, catalog), str(o.supplier_id)))
    if last is not None and last.supplier_id in qualified:
        return last_offer(last.supplier_id)
    return next(iter(priced or offers), None)


def _with_terms(offer: Offer, mine: Offer | None) -> Offer:
    """The last price, under the minimum and multiple of the supplier's terms where it has some."""
    if mine is None:
        return offer
    if offer.unit_price is None or offer.unit_id != mine.unit_id:
        return mine
    return Offer(offer.supplier_id, mine.qualified, offer.unit_id, offer.unit_price, "LAST_PRICE", mine.terms)


def _base_price(offer: Offer, item: Item, catalog: Catalog) -> Decimal:
    factor = catalog.factor(item, offer.unit_id) or Decimal(1)
    assert offer.unit_price is not None
    return offer.unit_price / factor


def suggested_price(
    offer: Offer | None, catalog: Catalog, *, item: Item, unit_id: UUID | None, last: LastPrice | None, planned: bool
) -> Decimal | None:
    """A price for the unit asked: the agreed one, else the last one, else (in the group's currency) the planned one."""
    for price, unit in (
        (offer.unit_price, offer.unit_id) if offer else (None, None),
        (last.unit_price, last.unit_id) if last else (None, None),
        (item.standard_price, item.base_unit_id) if planned else (None, None),
    ):
        ratio = catalog.ratio(item, unit_id, unit)
        if price is not None and ratio is not None:
            return price_in(price, ratio)
    return None
