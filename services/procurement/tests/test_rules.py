"""Rules by tables of cases, and by random ones."""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections import Counter
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procurement.catalog import Catalog, Category, Item, Unit, has_more_decimals, raised
from procurement.purchase_order import rules as order_rules
from procurement.purchase_order.bundle import Want, as_sold, bundle
from procurement.purchase_requisition import rules as requisition_rules
from procurement.sourcing_task.rules import TRANSITIONS as TASK_TRANSITIONS
from procurement.sourcing_task.rules import reason_to_wait
from procurement.supplier import rules as supplier_rules
from procurement.supplier_item.rules import Break, LastPrice, Terms, choose, overlap, price_of, suggested_price

D = Decimal
PIECE, BOX, KILO, GRAM, METRE = (uuid.UUID(int=n) for n in range(1, 6))
BEARING, WIRE = uuid.UUID(int=100), uuid.UUID(int=101)
HONGDA, MINGRUI, THIRD = (uuid.UUID(int=n) for n in range(200, 203))
COMPANY, OTHER = uuid.UUID(int=300), uuid.UUID(int=301)
PARTS, CABLES = uuid.UUID(int=400), uuid.UUID(int=401)
TODAY = datetime.date(2026, 11, 23)
CATALOG = Catalog(
    items={
        BEARING: Item(
            BEARING, "B1", "轴承", "6204", PARTS, PIECE, active=True, standard_price=D(9), factors={BOX: D(12)}
        ),
        WIRE: Item(WIRE, "W1", "焊丝", "", CABLES, KILO, active=True),
    },
    units={
        PIECE: Unit(PIECE, "", D(1), 0),
        BOX: Unit(BOX, "", D(1), 0),
        KILO: Unit(KILO, "mass", D(1), 3),
        GRAM: Unit(GRAM, "mass", D("0.001"), 0),
        METRE: Unit(METRE, "length", D(1), 2),
    },
    categories={
        PARTS: Category(PARTS, "PARTS", automatic=True, tax_rate=D("0.13"), buyer_id=None),
        CABLES: Category(CABLES, "CABLES", automatic=False, tax_rate=D("0.13"), buyer_id=None),
    },
)


def day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


# ---- suppliers


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("上海宏达轴承有限公司", "上海宏达轴承"),
        ("上海宏达轴承股份有限公司", "上海宏达轴承"),
        ("上海宏达轴承（集团）有限公司", "上海宏达轴承"),
        ("上海宏达轴承(集团)有限责任公司", "上海宏达轴承"),
        (" 上海 宏达 轴承 有限公司 ", "上海宏达轴承"),
        ("Ｈｏｎｇｄａ Ｂｅａｒｉｎｇ Co., Ltd.", "hongdabearing"),
        ("HONGDA BEARING CO LTD", "hongdabearing"),
        ("公司", "公司"),
    ],
)
def test_spellings_of_one_company_have_the_same_core(name: str, core: str) -> None:
    assert supplier_rules.name_core(name) == core


def test_the_exact_name_keeps_its_legal_form() -> None:
    key = supplier_rules.name_key
    assert key("上海宏达有限公司") == key("上海 宏达 有限公司")
    assert key("上海宏达有限公司") != key("上海宏达股份有限公司")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("91110000600037341L", "91110000600037341L"),
        (" 91110000600037341l ", "91110000600037341L"),
        ("９１１１００００６０００３７３４１Ｌ", "91110000600037341L"),
        ("91110000600037341M", None),
        ("9111000060003734", None),
        ("", None),
        ("I1110000600037341L", None),
    ],
)
def test_a_credit_code_has_the_right_check_character(written: str, kept: str | None) -> None:
    assert supplier_rules.credit_code_of(written) == kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("6222 0212 3456 7890 123", "6222021234567890123"),
        ("DE89-3704-0044-0532-0130-00", "DE89370400440532013000"),
        ("12345", None),
        ("62220212345六7890", None),
        ("****0123", None),
    ],
)
def test_an_account_number_is_kept_plain(written: str, kept: str | None) -> None:
    assert supplier_rules.account_number_of(written) == kept


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("021-5555 1234", "02155551234"),
        ("+86 138 1234 5678", "13812345678"),
        ("0086-13812345678", "13812345678"),
        ("138-1234-5678", "13812345678"),
        ("", ""),
    ],
)
def test_a_phone_is_compared_by_its_digits(written: str, key: str) -> None:
    assert supplier_rules.phone_key(written) == key


@pytest.mark.parametrize(
    "table",
    [supplier_rules.TRANSITIONS, requisition_rules.TRANSITIONS, order_rules.TRANSITIONS, TASK_TRANSITIONS],
)
def test_every_transition_leads_to_a_state_that_exists(table: dict[tuple[str, str], str]) -> None:
    states = {state for state, _ in table}
    ends = {"CANCELLED", "CLOSED", "SHORT_CLOSED", "ORDERED", "DROPPED", "SUBMITTED"}
    assert set(table.values()) <= states | ends


def test_who_was_blocked_is_a_candidate_again() -> None:
    table = supplier_rules.TRANSITIONS
    assert table[("BLOCKED", "reinstate")] == "CANDIDATE"
    assert table[("SUSPENDED", "reinstate")] == "QUALIFIED"
    assert ("BLOCKED", "qualify") not in table


# ---- prices


def terms(supplier: uuid.UUID = HONGDA, price: str = "12.5", **fields: Any) -> Terms:
    values = {"unit_id": PIECE, "currency": "CNY", "breaks": (Break(D(0), D(price), day("2026-01-01")),), **fields}
    return Terms(supplier_id=supplier, item_id=BEARING, **values)


BREAKS = (
    Break(D(1), D(10), day("2026-01-01"), day("2026-12-31")),
    Break(D(100), D(9), day("2026-01-01"), day("2026-12-31")),
    Break(D(100), D("8.5"), day("2027-01-01")),
)


@pytest.mark.parametrize(
    ("quantity", "unit", "on", "price"),
    [
        ("1", PIECE, "2026-11-23", "10"),
        ("99.999", PIECE, "2026-11-23", "10"),
        ("100", PIECE, "2026-11-23", "9"),
        ("100", PIECE, "2026-12-31", "9"),
        ("100", PIECE, "2027-01-01", "8.5"),
        ("99", PIECE, "2027-01-01", None),
        ("0.5", PIECE, "2026-11-23", None),
        ("9", BOX, "2026-11-23", "9"),  # 108 pieces
        ("8", BOX, "2026-11-23", "10"),  # 96 pieces
        ("1", KILO, "2026-11-23", None),
        ("1", PIECE, "2025-12-31", None),
    ],
)
def test_the_price_follows_quantity_unit_and_day(quantity: str, unit: uuid.UUID, on: str, price: str | None) -> None:
    found = price_of(terms(breaks=BREAKS), CATALOG, quantity=D(quantity), unit_id=unit, on=day(on), currency="CNY")
    assert found == (D(price) if price else None)


def test_a_price_in_another_currency_is_none() -> None:
    assert price_of(terms(), CATALOG, quantity=D(1), unit_id=PIECE, on=TODAY, currency="USD") is None


@pytest.mark.parametrize(
    ("breaks", "found"),
    [
        (BREAKS, None),
        ((), None),
        ((Break(D(1), D(1), day("2026-01-01")), Break(D(1), D(2), day("2026-06-01"))), (D(1), day("2026-06-01"))),
        (
            (Break(D(1), D(1), day("2026-01-01"), day("2026-06-01")), Break(D(1), D(2), day("2026-06-01"))),
            (D(1), day("2026-06-01")),
        ),
        ((Break(D(1), D(1), day("2026-01-01"), day("2026-05-31")), Break(D(1), D(2), day("2026-06-01"))), None),
    ],
)
def test_two_prices_never_hold_at_once(breaks: Any, found: Any) -> None:
    assert overlap(breaks) == found


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 10) | st.none()), min_size=0, max_size=6)
)
def test_where_no_overlap_is_found_every_day_has_one_price(rows: list[tuple[int, int, int | None]]) -> None:
    start = day("2026-01-01")
    span = datetime.timedelta
    breaks = [
        Break(D(q), D(1), start + span(days=f), None if n is None else start + span(days=f + n)) for q, f, n in rows
    ]
    days = [start + span(days=n) for n in range(40)]
    twice = any(
        sum(b.from_quantity == D(q) and b.valid_from <= d <= b.until for b in breaks) > 1
        for q in range(4)
        for d in days
    )
    assert (overlap(breaks) is not None) == twice


def pick(offers: list[Terms], **fields: Any) -> Any:
    values = {
        "item": CATALOG.items[BEARING], "company_id": COMPANY, "quantity": D(10), "unit_id": PIECE, "on": TODAY,
        "currency": "CNY", **fields,
    }  # fmt: skip
    return choose(offers, CATALOG, **values)


LAST = LastPrice(THIRD, PIECE, D(11), day("2026-10-01"))


@pytest.mark.parametrize(
    ("offers", "fields", "expected"),
    [
        ([], {}, None),
        ([terms()], {}, (HONGDA, "12.5", "AGREEMENT")),
        # the preferred one, though another is cheaper
        ([terms(preferred=True), terms(MINGRUI, "10")], {}, (HONGDA, "12.5", "AGREEMENT")),
        # nobody preferred: the cheapest that may be ordered from
        ([terms(), terms(MINGRUI, "10")], {}, (MINGRUI, "10", "AGREEMENT")),
        ([terms(), terms(MINGRUI, "10", qualified=False)], {}, (HONGDA, "12.5", "AGREEMENT")),
        # by base unit: 140 a box is 11.67 a piece
        ([terms(), terms(MINGRUI, "140", unit_id=BOX)], {}, (MINGRUI, "140", "AGREEMENT")),
        # the requester's wish
        ([terms(preferred=True), terms(MINGRUI, "20")], {"wished": MINGRUI}, (MINGRUI, "20", "AGREEMENT")),
        ([terms(preferred=True)], {"wished": THIRD}, (THIRD, None, "LAST_PRICE")),
        (
            [terms(preferred=True)],
            {"wished": THIRD, "last": LAST, "qualified": frozenset({THIRD})},
            (THIRD, "11", "LAST_PRICE"),
        ),
        # a company's own terms before those for all; another company's never
        (
            [terms(), terms(price="11", company_id=COMPANY), terms(price="1", company_id=OTHER)],
            {},
            (HONGDA, "11", "AGREEMENT"),
        ),
        # no agreement: the last price, if its supplier may still be ordered from
        ([], {"last": LAST, "qualified": frozenset({THIRD})}, (THIRD, "11", "LAST_PRICE")),
        ([], {"last": LAST}, None),
        # terms without a price that holds: known supplier, no price
        ([terms(breaks=())], {}, (HONGDA, None, "AGREEMENT")),
    ],
)
def test_whom_to_buy_from(offers: list[Terms], fields: Any, expected: Any) -> None:
    found = pick(offers, **fields)
    shown = None if found is None else (found.supplier_id, found.unit_price, found.source)
    assert shown == (None if expected is None else (expected[0], D(expected[1]) if expected[1] else None, expected[2]))


@pytest.mark.parametrize(
    ("offers", "last", "planned", "price"),
    [
        ([terms()], LAST, True, "12.5"),
        ([], LAST, True, "11"),
        ([], None, True, "9"),
        ([], None, False, None),
    ],
)
def test_a_price_is_suggested_from_what_is_known(offers: Any, last: Any, planned: bool, price: str | None) -> None:
    item = CATALOG.items[BEARING]
    found = suggested_price(pick(offers), CATALOG, item=item, unit_id=PIECE, last=last, planned=planned)
    assert found == (D(price) if price else None)


def test_a_suggested_price_is_for_the_unit_asked() -> None:
    item = CATALOG.items[BEARING]
    offer = pick([terms()], unit_id=BOX)
    assert suggested_price(offer, CATALOG, item=item, unit_id=BOX, last=None, planned=True) == D(150)


# ---- quantities


@pytest.mark.parametrize(
    ("quantity", "minimum", "multiple", "decimals", "expected"),
    [
        ("10", None, None, 0, "10"),
        ("10", "25", None, 0, "25"),
        ("10", None, "12", 0, "12"),
        ("12", None, "12", 0, "12"),
        ("13", "20", "12", 0, "24"),
        ("0.3", None, None, 0, "1"),
        ("0.3", None, None, 2, "0.3"),
        ("2.505", None, "0.5", 2, "3"),
    ],
)
def test_a_quantity_is_raised_to_what_is_sold(
    quantity: str, minimum: str | None, multiple: str | None, decimals: int, expected: str
) -> None:
    found = raised(
        D(quantity),
        minimum=D(minimum) if minimum else None,
        multiple=D(multiple) if multiple else None,
        decimals=decimals,
    )
    assert found == D(expected)


QUANTITY = st.decimals("0.001", 100_000, places=3)


@given(QUANTITY, QUANTITY | st.none(), st.decimals("0.01", 500, places=2) | st.none(), st.integers(0, 6))
def test_a_raised_quantity_is_never_less_and_raised_only_once(
    quantity: Decimal, minimum: Decimal | None, multiple: Decimal | None, decimals: int
) -> None:
    once = raised(quantity, minimum=minimum, multiple=multiple, decimals=decimals)
    assert once >= max(quantity, minimum or quantity)
    assert not has_more_decimals(once, decimals)
    if multiple is not None and not has_more_decimals(multiple, decimals):
        assert once % multiple == 0
        assert raised(once, minimum=minimum, multiple=multiple, decimals=decimals) == once


@pytest.mark.parametrize(
    ("item", "asked", "sold", "ratio"),
    [
        (BEARING, PIECE, PIECE, D(1)),
        (BEARING, BOX, PIECE, D(12)),
        (WIRE, KILO, GRAM, D(1000)),
        (BEARING, METRE, PIECE, None),
        (None, PIECE, PIECE, D(1)),
        (None, PIECE, BOX, None),
    ],
)
def test_units_of_an_item_convert(item: Any, asked: uuid.UUID, sold: uuid.UUID, ratio: Decimal | None) -> None:
    assert CATALOG.ratio(CATALOG.items[item] if item else None, asked, sold) == ratio


# ---- grouping


def want(number: int, **fields: Any) -> Want:
    values = {
        "requisition_id": uuid.UUID(int=1000 + number // 3), "requisition_number": "PR-1",
        "requisition_line_id": uuid.UUID(int=2000 + number), "requisition_line_number": number,
        "requester_id": uuid.UUID(int=7), "supplier_id": HONGDA, "currency": "CNY", "delivery_place": "1 号库",
        "description": "轴承", "quantity": D(1), "unit_price": D(10), "tax_rate": D("0.13"), "item_id": BEARING,
        "unit_id": PIECE, "decimals": 0, **fields,
    }  # fmt: skip
    return Want(**values)


WANTS = st.lists(
    st.builds(
        lambda supplier, currency, place, item, price, quantity, minimum, multiple: {
            "supplier_id": supplier, "currency": currency, "delivery_place": place, "item_id": item,
            "unit_price": price, "quantity": quantity, "minimum": minimum, "multiple": multiple, "decimals": 3,
        },
        st.sampled_from([HONGDA, MINGRUI]),
        st.sampled_from(["CNY", "USD"]),
        st.sampled_from(["1 号库", "2 号库"]),
        st.sampled_from([BEARING, WIRE, None]),
        st.sampled_from([D(10), D(11)]),
        QUANTITY,
        st.none() | st.just(D(50)),
        st.none() | st.just(D(12)),
    ),
    max_size=25,
)  # fmt: skip


@given(WANTS, st.booleans())
def test_grouping_conserves_quantities_and_loses_nobody(rows: list[dict[str, Any]], merge: bool) -> None:
    wants = [want(number, **row) for number, row in enumerate(rows)]

    orders = bundle(wants, merge=merge)

    placed = [w for order in orders for line in order.lines for w in line.wants]
    assert Counter(w.requisition_line_id for w in placed) == Counter(w.requisition_line_id for w in wants)
    assert len({(o.supplier_id, o.currency, o.delivery_place) for o in orders}) == len(orders)
    for order in orders:
        for line in order.lines:
            assert {w.order_key for w in line.wants} == {(order.supplier_id, order.currency, order.delivery_place)}
            assert line.quantity >= line.wanted == sum((w.quantity for w in line.wants), D(0))
            assert len({(w.item_id, w.unit_id, w.unit_price) for w in line.wants}) == 1
        if merge:
            keys = [line.wants[0].line_key for line in order.lines]
            assert len(keys) == len(set(keys))
        else:
            assert all(len(line.wants) == 1 for line in order.lines)


def test_a_bundled_line_keeps_a_cost_centre_only_where_all_agree() -> None:
    finance, works = uuid.UUID(int=1), uuid.UUID(int=2)
    same = bundle([want(1, cost_department_id=works), want(2, cost_department_id=works)], merge=True)
    mixed = bundle([want(1, cost_department_id=works), want(2, cost_department_id=finance)], merge=True)
    assert same[0].lines[0].cost_department_id == works
    assert mixed[0].lines[0].cost_department_id is None


def test_a_want_is_counted_as_the_supplier_sells() -> None:
    asked = want(1, quantity=D(30), unit_price=D(12))
    sold = as_sold(asked, CATALOG, CATALOG.items[BEARING], unit_id=BOX, minimum=D(2), multiple=D(1))
    assert (sold.quantity, sold.unit_price, sold.unit_id) == (D("2.5"), D(144), BOX)
    (order,) = bundle([sold], merge=True)
    assert order.lines[0].quantity == D(3)


def test_the_newest_agreed_rate_is_the_orders() -> None:
    old = want(1, currency="USD", exchange_rate=D("7.1"), exchange_rate_date=day("2026-10-01"))
    new = want(2, currency="USD", exchange_rate=D("7.2"), exchange_rate_date=day("2026-11-01"))
    assert bundle([old, new], merge=True)[0].rate == (D("7.2"), day("2026-11-01"))


# ---- requisitions


def wished(**fields: Any) -> Any:
    values = {"kind": "ITEM", "item_id": BEARING, "supplier_id": None, "category_id": PARTS, "quantity": D(1)}
    return SimpleNamespace(**{**values, **fields})


@pytest.mark.parametrize(
    ("line", "offers", "reason"),
    [
        (wished(), [terms()], None),
        (wished(), [], "NO_SUPPLIER"),
        (wished(), [terms(breaks=())], "NO_PRICE"),
        (wished(), [terms(qualified=False)], "SUPPLIER_NOT_QUALIFIED"),
        (wished(item_id=WIRE), [terms()], "POLICY"),
        (wished(kind="FREE_TEXT", item_id=None), [], "NOT_CODED"),
        (wished(kind="SERVICE", item_id=None), [], "NO_SUPPLIER"),
        (wished(kind="SERVICE", item_id=None, supplier_id=HONGDA), [], "NO_PRICE"),
    ],
)
def test_why_a_line_waits(line: Any, offers: Any, reason: str | None) -> None:
    offer = pick(offers) if line.item_id else None
    assert reason_to_wait(line, CATALOG, offer) == reason


@pytest.mark.parametrize(
    ("before", "lines", "after", "percent"),
    [
        ("APPROVED", ["ORDERED", "IN_POOL"], "APPROVED", "50"),
        ("APPROVED", ["ORDERED", "ORDERED", "DROPPED"], "ORDERED", "66.67"),
        ("APPROVED", ["DROPPED"], "CLOSED", "0"),
        ("ORDERED", ["ORDERED", "IN_POOL", "ORDERED"], "APPROVED", "66.67"),
        ("CLOSED", ["DROPPED", "ORDERED"], "CLOSED", "50"),
        ("SUBMITTED", ["OPEN"], "SUBMITTED", "0"),
    ],
)
def test_a_requisition_follows_its_lines(before: str, lines: list[str], after: str, percent: str) -> None:
    requisition: Any = SimpleNamespace(state=before, ordered_percent=None)
    requisition_rules.progress(requisition, Counter(lines))
    assert (requisition.state, requisition.ordered_percent) == (after, D(percent))


def priced(quantity: str, price: str | None, rate: str) -> Any:
    terms = {"unit_price": D(price) if price else None, "tax_rate": D(rate)}
    return SimpleNamespace(quantity=D(quantity), refused=False, **terms)


@pytest.mark.parametrize(
    ("lines", "net", "amount"),
    [
        ([("3", "0.335", "0.13")], "1.01", "1.14"),  # 1.005 -> 1.01; 0.1313 -> 0.13
        ([("1", "0.005", "0")] * 3, "0.03", "0.03"),  # each line is rounded, then summed
        ([("10", None, "0.13")], "0", "0"),
        ([("7", "14.285714", "0.06")], "100.00", "106.00"),
    ],
)
def test_amounts_are_rounded_by_line(lines: Any, net: str, amount: str) -> None:
    rows = [priced(*line) for line in lines]
    requisition: Any = SimpleNamespace(lines=rows, currency="CNY", exchange_rate=D(1))
    requisition_rules.price(requisition)
    assert (requisition.net_amount, requisition.amount) == (D(net), D(amount))
    assert requisition.amount == sum(row.net_amount + row.tax_amount for row in rows)
    assert requisition.base_amount == D(amount)


@pytest.mark.parametrize(("rate", "base"), [(None, None), ("7.123456789", "7123.46")])
def test_another_currency_needs_a_rate(rate: str | None, base: str | None) -> None:
    requisition: Any = SimpleNamespace(
        lines=[priced("1", "1000", "0")], currency="USD", exchange_rate=D(rate) if rate else None
    )
    requisition_rules.price(requisition)
    assert requisition.base_amount == (D(base) if base else None)


EARLIER = day("2026-11-02")
USD = ("USD", "CNY", D("7.1"), EARLIER)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # new documents
        (None, ("CNY", "CNY", None), (D(1), None)),
        (None, ("CNY", "CNY", D(7)), (D(1), None)),
        (None, ("USD", "CNY", None), (None, None)),
        (None, ("USD", "CNY", D("7.1")), (D("7.1"), TODAY)),
        (None, ("USD", "CNY", D(0)), (None, None)),
        # an edit that leaves the rate alone, changes it, takes it away
        (USD, ("USD", "CNY", D("7.100000000")), (D("7.1"), EARLIER)),
        (USD, ("USD", "CNY", D("7.2")), (D("7.2"), TODAY)),
        (USD, ("USD", "CNY", None), (None, None)),
        (("USD", "CNY", None, None), ("USD", "CNY", D("7.1")), (D("7.1"), TODAY)),
        # another currency: with a rate of its own, without, and with the old number sent along
        (("CNY", "CNY", D(1), None), ("USD", "CNY", D(1)), (None, None)),
        (("CNY", "CNY", D(1), None), ("USD", "CNY", D("7.1")), (D("7.1"), TODAY)),
        (USD, ("EUR", "CNY", D("7.1")), (None, None)),
        (USD, ("EUR", "CNY", D("8.2")), (D("8.2"), TODAY)),
        (USD, ("CNY", "CNY", D("7.1")), (D(1), None)),
        # the company counts in another currency now
        (USD, ("USD", "EUR", D("7.1")), (None, None)),
        (USD, ("USD", "USD", D("7.1")), (D(1), None)),
    ],
)
def test_a_rate_counts_for_the_currencies_that_it_was_typed_for(before: Any, now: Any, expected: Any) -> None:
    rate = requisition_rules.Rate
    found = requisition_rules.rate_after(rate(*before) if before else None, rate(*now), today=TODAY)
    assert found[:2] == now[:2]
    assert found[2:] == expected


# ---- orders


@pytest.mark.parametrize(
    ("before", "after", "rate", "expected"),
    [
        ("1000", "1000", "1", False),
        ("1000", "900", "1", False),
        ("1000", "1050", "1", False),
        ("1000", "1050.01", "1", True),
        ("100000", "105000", "1", False),
        ("200000", "205000", "1", False),
        ("200000", "205000.01", "1", True),
        ("20000", "20700", "7", False),  # 4,900 in base currency
        ("20000", "20800", "7", True),  # 5,600 in base currency
        ("0", "0.01", "1", True),
    ],
)
def test_a_rise_above_the_threshold_needs_agreement(before: str, after: str, rate: str, expected: bool) -> None:
    assert order_rules.needs_agreement(before=D(before), after=D(after), rate=D(rate)) == expected


@pytest.mark.parametrize(
    ("agreed", "amount", "asked", "expected"),
    [
        ("1000", "1040", False, "1000"),
        ("1000", "900", False, "900"),
        ("1000", "2000", True, "2000"),
        ("1000", "800", True, "800"),
    ],
)
def test_rises_are_counted_from_what_was_agreed_or_less(agreed: str, amount: str, asked: bool, expected: str) -> None:
    assert order_rules.agreed_after(D(agreed), D(amount), asked=asked) == D(expected)


@pytest.mark.parametrize(
    ("state", "due", "late"),
    [
        ("RELEASED", "2026-11-22", True),
        ("CONFIRMED", "2026-11-22", True),
        ("CHANGE_PENDING", "2026-11-22", True),
        ("RELEASED", "2026-11-23", False),
        ("DRAFT", "2026-11-22", False),
        ("CLOSED", "2026-11-22", False),
        ("RELEASED", None, False),
    ],
)
def test_only_what_is_with_the_supplier_is_overdue(state: str, due: str | None, late: bool) -> None:
    assert order_rules.overdue(state, day(due) if due else None, TODAY) == late


def test_who_may_do_what_in_which_state_of_an_order() -> None:
    """Exhaustive: every pair that is not listed is refused."""
    states = ["DRAFT", "RELEASED", "CONFIRMED", "CHANGE_PENDING", "CLOSED", "SHORT_CLOSED", "CANCELLED"]
    actions = ["update", "release", "confirm", "change", "close", "short_close", "cancel"]
    allowed = {
        "DRAFT": {"update", "release", "cancel"},
        "RELEASED": {"confirm", "change", "close", "short_close", "cancel"},
        "CONFIRMED": {"confirm", "change", "close", "short_close", "cancel"},
    }
    for state, action in itertools.product(states, actions):
        assert ((state, action) in order_rules.TRANSITIONS) == (action in allowed.get(state, set())), (state, action)
