"""Document numbers: `PO-{yyyy}-{000000}` counts per company, type and year. The format is the company's, else the
group's, else the contract's; a document may also say its own, where people choose it (`Call.next_number`).

The counter row is taken last in the transaction, so that its lock is held only while the call is saved and
committed. Gaps are allowed: a number belongs to a document that was committed, or to none. Formats may change at any
time: a number that was given by another format is never given again.
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from chassis import contract
from chassis.together import numbered, run

if TYPE_CHECKING:
    from chassis.call import Call

SERIAL = re.compile(r"\{(0+)\}")
PART = re.compile(r"\{(yyyy|yy|mm|dd|0+)\}")
# what stands between: words of any script, and no slash, for the number is a file's name too
WORDS = re.compile(r"[\w.-]*")


class Repeated:
    """Stands in for a row when its number is asked for: passes the number on to everything that repeats it."""

    def __init__(self, row: Any, *followers: Callable[[str], None]) -> None:
        self.row, self.followers = row, followers

    @property
    def company_id(self) -> uuid.UUID:
        return self.row.company_id  # type: ignore[no-any-return]

    @property
    def number(self) -> str | None:
        return self.row.number  # type: ignore[no-any-return]

    @number.setter
    def number(self, value: str) -> None:
        self.row.number = value
        for follow in self.followers:
            follow(value)


def render(pattern: str, on: datetime.date, serial: int) -> str:
    """A number of a series: {yyyy}, {yy}, {mm}, {dd} of the day and {000000} for the serial."""
    text = pattern.replace("{yyyy}", f"{on:%Y}").replace("{yy}", f"{on:%y}")
    text = text.replace("{mm}", f"{on:%m}").replace("{dd}", f"{on:%d}")
    return SERIAL.sub(lambda zeros: str(serial).zfill(len(zeros[1])), text)


def period(pattern: str, on: datetime.date) -> str:
    """What the serial starts anew with: the finest date part that the pattern names."""
    for part, format_ in (("{dd}", "%Y%m%d"), ("{mm}", "%Y%m"), ("{yy", "%Y")):
        if part in pattern:
            return on.strftime(format_)
    return ""


def problem(pattern: str) -> bool:
    """Whether this is no format: one serial of 3 to 9 zeros, parts of the day of which each coarser one is named too,
    and between them letters, `-`, `.`, `_` and at most three digits in a row. More digits would be a year that
    does not move on."""
    parts = PART.split(pattern)
    words, names = parts[::2], parts[1::2]
    serials = [name for name in names if name.startswith("0")]
    dates = [name for name in names if not name.startswith("0")]
    coarser = {"mm": {"yyyy", "yy"}, "dd": {"mm"}}
    return (
        len(serials) != 1
        or not 3 <= len(serials[0]) <= 9
        or len(dates) != len(set(dates))
        or any(not coarser[name] & set(dates) for name in dates if name in coarser)
        or any(not WORDS.fullmatch(word) or re.search(r"\d{4}", word) for word in words)
    )


def skeleton(pattern: str) -> str:
    """What two formats have in common whose numbers could be equal."""
    return SERIAL.sub("{0}", pattern).replace("{yyyy}", "{yy}")


Formats = Mapping[tuple[uuid.UUID | None, str], str]


def format_of(formats: Formats, company_id: uuid.UUID | None, document: str) -> str:
    """How documents of a type are numbered in a company; those of the whole group where there is none."""
    for key in (company_id, None):
        if pattern := formats.get((key, document)):
            return pattern
    return contract.load().documents[document].numbering


async def allocate(call: Call) -> None:
    """Number the rows that asked for one: one statement per series, whatever the number of rows, and one more where the
    type has been numbered in several ways."""
    from chassis.call import NO_COMPANY

    wishes: dict[tuple[Any, str, str, str], list[tuple[Any, str]]] = defaultdict(list)
    for row, own, attribute in call.numbers:
        document = contract.load().document_of(_model(row).__message__).name
        company = getattr(row, "company_id", None)
        pattern = own or format_of(call.organisation.number_formats, company, document)
        wishes[company or NO_COMPANY, document, own or document.partition(".")[2], pattern].append((row, attribute))
    on = call.today()
    for (company, document, series, pattern), rows in sorted(wishes.items(), key=lambda item: [*map(str, item[0])]):
        key, formats = (company, series, period(pattern, on)), call.organisation.number_formats
        last = await _advance(call, key, len(rows))
        if (company, document) in formats or (None, document) in formats:
            wanted = [render(pattern, on, serial) for serial in range(last - len(rows) + 1, last + 1)]
            if beyond := await _given(call, rows[0], company, pattern, on, wanted):
                last = await _advance(call, key, beyond + len(rows) - last)
        for serial, (row, attribute) in enumerate(rows, last - len(rows) + 1):
            setattr(row, attribute, render(pattern, on, serial))
    call.numbers.clear()


def _model(row: Any) -> Any:
    return type(row.row if isinstance(row, Repeated) else row)


async def _advance(call: Call, key: tuple[Any, str, str], count: int) -> int:
    """The counter's value, so many numbers later."""
    values = dict(zip(("company", "series", "period", "count"), (*key, count), strict=True))
    return int((await run(call.db, _NEXT, tuple(values[name] for name in _NAMES)))[0])


async def _given(
    call: Call, asked: tuple[Any, str], company: uuid.UUID, pattern: str, on: datetime.date, wanted: list[str]
) -> int | None:
    """The highest serial that another format gave to numbers of this look, if one of the wanted is among them."""
    model = _model(asked[0])
    number = getattr(model, asked[1])
    mine = [model.company_id == company] if hasattr(model, "company_id") else []
    serial = SERIAL.search(pattern)
    assert serial is not None
    head, tail = render(pattern[: serial.start()], on, 0), render(pattern[serial.end() :], on, 0)
    middle = sa.func.substr(number, len(head) + 1, sa.func.length(number) - len(head) - len(tail))
    highest = sa.func.max(sa.case((middle.regexp_match("^[0-9]{1,15}$"), sa.cast(middle, sa.BigInteger))))
    look = [sa.func.length(number) > len(head) + len(tail), number.startswith(head, autoescape=True)]
    taken = sa.exists().where(number.in_(wanted), *mine)
    with call.db.no_autoflush:
        found = await call.db.scalar(
            sa.select(highest).where(taken, *look, number.endswith(tail, autoescape=True), *mine)
        )
    return None if found is None else int(found)


_NEXT, _NAMES = numbered(
    "INSERT INTO number_series AS s (company_id, series, period, last) VALUES (:company, :series, :period, :count) "
    "ON CONFLICT (company_id, series, period) DO UPDATE SET last = s.last + EXCLUDED.last RETURNING last"
)
