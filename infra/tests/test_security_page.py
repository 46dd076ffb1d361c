"""docs/security.md: every test it names exists, and no line claims to be met by nothing."""

from __future__ import annotations

import re

from infra.local import machine

PAGE = (machine.ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if re.match(r"\|[^|]+\| \d+\.\d+\.\d+", line)
]
FOLDERS = ("proto", "chassis", "gateway", "services", "infra", "e2e-tests", "attacks")
# what a reader checks by reading: the page says where
BY_READING = {"13.1.1", "15.2.3"}


def known_tests() -> set[str]:
    """Names of every test there is."""
    found: set[str] = set()
    for folder in FOLDERS:
        for file in (machine.ROOT / folder).rglob("test_*.py"):
            found |= {file.name, *re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.M)}
    return found


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", PAGE))
    assert len(named) > 60
    assert named - known_tests() == set()


def test_every_attack_has_its_line_in_the_page() -> None:
    files = {file.name for file in (machine.ROOT / "attacks").glob("test_attack_*.py")}
    assert {name for name in files if name not in PAGE} <= {"test_attack_schemathesis.py"}


def test_a_requirement_stands_once_and_is_met_by_something() -> None:
    numbers = [number for row in ROWS for number in row[1].split(", ")]
    assert len(numbers) > 200
    assert len(numbers) == len(set(numbers))
    for _, number, state, how, by in ROWS:
        assert state in ("met", "in part", "not met", "n/a"), number
        assert how, number
        assert state != "met" or "`test_" in by or number in BY_READING, f"{number} is met by no test"
