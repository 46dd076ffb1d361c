"""Amounts: rounding, sharing out, lines, Chinese capitals."""

from decimal import Decimal

import cn2an
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import money

AMOUNTS = st.decimals("-9999999999999.99", "9999999999999.99", places=2)
WEIGHTS = st.lists(st.decimals(0, 1_000_000, places=6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("amount", "scale", "rounded"),
    [
        ("0.005", 2, "0.01"),
        ("0.0049", 2, "0.00"),
        ("-0.005", 2, "-0.01"),
        ("2.675", 2, "2.68"),
        ("1", 6, "1.000000"),
        ("0.125", 2, "0.13"),
    ],
)
def test_halves_go_away_from_zero(amount, scale, rounded):
    assert str(money.quantize(Decimal(amount), scale)) == rounded


def test_large_products_are_not_cut_before_they_are_rounded():
    assert money.quantize(Decimal("123456789012345678.125")) == Decimal("123456789012345678.13")


@pytest.mark.parametrize(
    ("quantity", "price", "rate", "amounts"),
    [
        ("3", "0.335", "0.13", ("1.01", "0.13", "1.14", "0.378550")),
        ("10", "12.5", "0.06", ("125.00", "7.50", "132.50", "13.250000")),
        ("0.333333", "3", "0", ("1.00", "0.00", "1.00", "3.000000")),
        ("1000000", "0.000001", "0.13", ("1.00", "0.13", "1.13", "0.000001")),
    ],
)
def test_a_line_is_rounded_net_then_tax_and_gross_is_their_sum(quantity, price, rate, amounts):
    assert money.line_amounts(Decimal(quantity), Decimal(price), Decimal(rate)) == tuple(map(Decimal, amounts))


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        ("100", "1 1 1", "33.34 33.33 33.33"),
        ("-100", "1 1 1", "-33.34 -33.33 -33.33"),
        ("0.02", "1 1 1", "0.01 0.01 0.00"),
        ("10", "1 2 7", "1.00 2.00 7.00"),
        ("0.05", "0 1 0", "0.00 0.05 0.00"),
        ("1", "0 0", "0.50 0.50"),
        ("1", "0.1 0.25", "0.29 0.71"),
        ("0", "1 2", "0.00 0.00"),
    ],
)
def test_a_total_is_shared_out_by_largest_remainder(total, weights, shares):
    shared = money.allocate(Decimal(total), [Decimal(weight) for weight in weights.split()])
    assert " ".join(map(str, shared)).replace("-0.00", "0.00") == shares


@given(AMOUNTS, WEIGHTS)
def test_shares_sum_to_the_total_and_none_is_a_unit_off(total, weights):
    shares = money.allocate(total, weights)
    assert sum(shares) == total
    whole = sum(weights)
    for share, weight in zip(shares, weights, strict=True):
        due = total * weight / whole if whole else total / len(weights)
        assert abs(share - due) < Decimal("0.01001")


@pytest.mark.parametrize(("total", "weights"), [("1.001", [Decimal(1)]), ("1", []), ("1", [Decimal(-1), Decimal(2)])])
def test_what_cannot_be_shared_is_refused(total, weights):
    with pytest.raises(ValueError, match=r"decimals|nobody|below zero"):
        money.allocate(Decimal(total), weights)


@pytest.mark.parametrize(
    ("amount", "capitals"),
    [
        ("0", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("1", "壹元整"),
        ("12.30", "壹拾贰元叁角整"),
        ("12.34", "壹拾贰元叁角肆分"),
        ("6409.02", "陆仟肆佰零玖元零贰分"),
        ("1010.50", "壹仟零壹拾元伍角整"),
        ("10001", "壹万零壹元整"),
        ("110000", "壹拾壹万元整"),
        ("20030", "贰万零叁拾元整"),
        ("100100000", "壹亿零壹拾万元整"),
        ("100005000", "壹亿零伍仟元整"),
        ("1000000000000", "壹万亿元整"),
        ("9999999999999999.99", "玖仟玖佰玖拾玖万玖仟玖佰玖拾玖亿玖仟玖佰玖拾玖万玖仟玖佰玖拾玖元玖角玖分"),
        ("-1.05", "负壹元零伍分"),
        ("-0.001", "零元整"),
        ("0.125", "壹角叁分"),
    ],
)
def test_amounts_in_capitals(amount, capitals):
    assert money.in_capitals(Decimal(amount)) == capitals


@given(st.decimals(0, "9999999999999999.99", places=2))
def test_capitals_agree_with_another_implementation(amount):
    # The other one leaves out the 零 where the whole 万 group is zero; cn2an writes no 整 after 角.
    ours, theirs = money.in_capitals(amount), cn2an.an2cn(str(amount), "rmb")
    assert ours.replace("整", "").replace("零", "") == theirs.replace("整", "").replace("零", "")


@given(st.decimals("-9999999999999999.99", "9999999999999999.99", places=2))
def test_capitals_hold_no_doubled_or_dangling_zero(amount):
    written = money.in_capitals(amount)
    assert "零零" not in written
    assert written == "零元整" or not any(bad in written for bad in ("零元", "零万", "零亿", "零角", "零整"))
    assert written.endswith(("整", "分"))


def test_an_amount_beyond_the_columns_is_refused():
    with pytest.raises(ValueError, match="too large"):
        money.in_capitals(Decimal(10) ** 16)
