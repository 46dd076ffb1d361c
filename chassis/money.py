"""Amounts: rounding, sharing out, the amounts of a line, and the Chinese capitals of a printed order.

Rounding is HALF_UP (四舍五入, as invoices do it; below zero it goes away from zero), named here and nowhere else.
Totals are sums of rounded lines, never roundings of a sum.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import NamedTuple

HALF_UP = ROUND_HALF_UP
PRICE_SCALE = 6

# Wide enough for a product of two NUMERIC(18, 6) before it is rounded.
_EXACT = Context(prec=60, rounding=HALF_UP)

_DIGITS = "零壹贰叁肆伍陆柒捌玖"
_PLACES = ("", "拾", "佰", "仟")
_LARGEST = Decimal(10) ** 16


class LineAmounts(NamedTuple):
    """The amounts of one line; `gross` is what the supplier is paid."""

    net: Decimal
    tax: Decimal
    gross: Decimal
    price_with_tax: Decimal


def quantize(amount: Decimal, scale: int = 2) -> Decimal:
    """Round to `scale` places."""
    return amount.quantize(Decimal(1).scaleb(-scale), context=_EXACT)


def exact(
    first: Decimal = Decimal(0),
    *others: Decimal,
    by: Callable[[Decimal, Decimal], Decimal] = operator.add,
    scale: int | None = None,
) -> Decimal:
    """Numbers put together one after the other, with sixty digits, without zeros at the end; rounded where a scale is
    said. Raises decimal.DivisionByZero and InvalidOperation as the operation does.
    """
    with localcontext(_EXACT):
        found = functools.reduce(by, others, first)
        found = found if scale is None else quantize(found, scale)
        return found.normalize() + 0 if found else Decimal(0)


def line_amounts(quantity: Decimal, unit_price_net: Decimal, tax_rate: Decimal) -> LineAmounts:
    """The amounts of a line: net = round(quantity x price, 2), tax = round(net x rate, 2), gross = net + tax.

    The price with tax is for display; no amount is computed from it.
    """
    net = quantize(_EXACT.multiply(quantity, unit_price_net))
    tax = quantize(_EXACT.multiply(net, tax_rate))
    return LineAmounts(net, tax, net + tax, quantize(_EXACT.multiply(unit_price_net, 1 + tax_rate), PRICE_SCALE))


def allocate(total: Decimal, weights: Sequence[Decimal], scale: int = 2) -> list[Decimal]:
    """Share `total` out by `weights`: the shares sum to it exactly, and each is less than one unit off its due.

    The units that rounding down leaves over go to the largest remainders, the earlier share first. Weights of which
    all are zero count as equal.
    """
    if any(weight < 0 for weight in weights):
        raise ValueError("a weight is below zero")
    if quantize(total, scale) != total:
        raise ValueError(f"{total} has more than {scale} decimals")
    if not weights:
        if total:
            raise ValueError("nobody to share with")
        return []
    if not any(weights):
        weights = [Decimal(1)] * len(weights)
    # In whole numbers: units of the last decimal, and weights without their decimals.
    units = int(abs(total).scaleb(scale, context=_EXACT))
    shift = max(0, *(-int(weight.as_tuple().exponent) for weight in weights))
    whole = [int(weight.scaleb(shift, context=_EXACT)) for weight in weights]
    dues = [divmod(units * weight, sum(whole)) for weight in whole]
    shares = [due for due, _ in dues]
    by_remainder = sorted(range(len(dues)), key=lambda index: -dues[index][1])
    for index in by_remainder[: units - sum(shares)]:
        shares[index] += 1
    sign = -1 if total < 0 else 1
    return [Decimal(sign * share).scaleb(-scale) for share in shares]


def in_capitals(amount: Decimal) -> str:
    """The amount as a Chinese document writes it: 壹拾贰元叁角整, 负壹元零伍分, 零元整.

    整 closes an amount without 分; 零 stands once for any run of zeros between digits, and before 分 where 角 is zero.
    """
    rounded = quantize(amount)
    if abs(rounded) >= _LARGEST:
        raise ValueError(f"{amount} is too large to be written out")
    cents = int(abs(rounded) * 100)
    yuan, jiao, fen = cents // 100, cents // 10 % 10, cents % 10
    text = f"{_whole(yuan)}元" if yuan else ""
    if jiao:
        text += f"{_DIGITS[jiao]}角"
    elif fen and yuan:
        text += "零"
    if fen:
        text += f"{_DIGITS[fen]}分"
    else:
        text = f"{text or '零元'}整"
    return f"负{text}" if rounded < 0 else text


def _whole(number: int) -> str:
    """Write out a whole number above zero; 亿 and 万 split it, and what lacks its leading digit begins with 零."""
    for size, name in ((10**8, "亿"), (10**4, "万")):
        high, low = divmod(number, size)
        if high:
            gap = "零" if low and low < size // 10 else ""
            return f"{_whole(high)}{name}{gap}{_whole(low) if low else ''}"
    text, zero = "", False
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            text += ("零" if zero and text else "") + _DIGITS[digit] + _PLACES[place]
        zero = not digit
    return text
