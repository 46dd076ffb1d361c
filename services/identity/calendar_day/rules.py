"""The working calendar as a file: one line a day, and every line that cannot be read named with its number."""

from __future__ import annotations

import csv
import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from chassis.errors import Refused

MOST_LINES = 1000
LONGEST_NAME = 60
# as the contract says, and as Chinese calendars print it: 休 a day off, 班 a day of work
KINDS = {"HOLIDAY": "HOLIDAY", "WORKDAY": "WORKDAY", "休": "HOLIDAY", "班": "WORKDAY"}
COLUMNS = ("date", "kind", "name")


@dataclass(frozen=True)
class Line:
    """A line of the file. `company_id` is None where the day is everybody's."""

    number: int
    day: datetime.date
    kind: str
    name: str
    company_id: uuid.UUID | None


def read(text: str, companies: Mapping[str, uuid.UUID]) -> list[Line]:
    """The lines of a file; companies by their codes. Raises Refused with every line at fault, `lines[3].date`."""
    rows = csv.DictReader(text.splitlines(), restval="")
    missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if missing:
        raise Refused.fields([("text", "CALENDAR_DAY_COLUMNS", {"missing": ", ".join(missing)})])
    lines: list[Line] = []
    wrong: list[tuple[str, str, dict[str, object]]] = []
    seen: dict[tuple[datetime.date, uuid.UUID | None], int] = {}
    for row in rows:
        number, words = rows.line_num, {name: (row.get(name) or "").strip() for name in (*COLUMNS, "company")}
        if len(lines) + len(wrong) >= MOST_LINES:
            raise Refused.fields([("text", "CALENDAR_DAY_TOO_MANY", {"count": number - 1, "limit": MOST_LINES})])
        try:
            day = datetime.date.fromisoformat(words["date"])
        except ValueError:
            day = None
        kind, company_id = KINDS.get(words["kind"].upper()), companies.get(words["company"])
        problems = {
            "date": "" if day else "YYYY-MM-DD",
            "kind": "" if kind else ", ".join(KINDS),
            "name": "" if 0 < len(words["name"]) <= LONGEST_NAME else f"1-{LONGEST_NAME}",
            "company": "" if company_id or not words["company"] else ", ".join(sorted(companies)),
        }
        if day is not None and (before := seen.setdefault((day, company_id), number)) != number:
            problems["date"] = f"≠ {before}"
        bad = {column: expected for column, expected in problems.items() if expected}
        wrong += [
            (
                f"lines[{number}].{column}",
                "CALENDAR_DAY_LINE",
                {"line": number, "column": column, "value": words[column][:50], "expected": expected},
            )
            for column, expected in bad.items()
        ]
        if not bad and day is not None and kind is not None:
            lines.append(Line(number, day, kind, words["name"], company_id))
    if wrong:
        raise Refused.fields(wrong)
    return lines
