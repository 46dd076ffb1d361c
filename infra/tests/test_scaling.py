"""docs/scaling.md: what it computes is what its formulas, the chart and the pages of measurements give."""

from __future__ import annotations

import inspect
import math
import re
from pathlib import Path

import pytest
import yaml

from chassis.db import engine_for
from infra import chart
from infra.local import machine

DOCS = machine.ROOT / "docs"
TEXT = (DOCS / "scaling.md").read_text("utf-8")
MEASURED = "".join(file.read_text("utf-8") for file in sorted(DOCS.glob("performance*.md")))


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose head begins so."""
    (found,) = re.findall(rf"^\| {re.escape(heading)}.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.M)
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in found.splitlines()]


def number(cell: str) -> float:
    return float(cell.replace(",", ""))


RELEASES = {
    "demo (`values-demo.yaml`)": ("--values", str(chart.CHART / "values-demo.yaml")),
    "defaults, four replicas at most": (),
    "`serviceDefaults.hpa.max=8`": ("--set", "serviceDefaults.hpa.max=8"),
    "a server for each service, defaults": (
        "--set",
        "postgresql.mode=cnpg",
        "--set",
        "postgresql.cnpg.perService=true",
    ),
}


@pytest.mark.parametrize("release", RELEASES)
def test_the_chart_counts_as_many_connections(release: str) -> None:
    (row,) = (row for row in table("release") if row[0] == release)
    services, each = map(int, row[1].split(" × "))
    counted, least = int(row[3]), int(row[4])

    def said(most: int, *, fails: bool) -> str:
        return chart.template(*RELEASES[release], "--set", f"postgresql.maxConnections={most}", fails=fails)

    assert f"could take {counted} connections" in said(least - 1, fails=True)
    assert said(least, fails=False)
    assert services * each + (0 if "its own" in row[2] else int(row[2])) == counted
    assert math.ceil(counted / 0.8) == least


def test_a_process_has_the_pool_that_the_text_names() -> None:
    size = inspect.signature(engine_for).parameters["pool_size"].default
    overflow = re.search(r"max_overflow=(\d+)", inspect.getsource(engine_for))
    assert overflow

    assert f"at most {size + int(overflow[1]) + 1}: a pool of {size}, {overflow[1]} more in a rush, one that" in TEXT


def test_what_people_take_is_what_the_formulas_give() -> None:
    *parts, together = table("cores of")
    people = (100, 350, 500, 1000, 2000, 5000)
    sums = [0.0] * len(people)
    for name, formula, *cells in parts:
        # P × 14/60 × 9.6 ms / 0.7
        steps = re.findall(r"(×|/) ([\d.]+(?:/\d+)?) ?(ms|s)?", formula)
        for index, (count, cell) in enumerate(zip(people, cells, strict=True)):
            value = float(count)
            for sign, text, unit in steps:
                above, _, below = text.partition("/")
                step = float(above) / float(below or 1) / (1000 if unit == "ms" else 1)
                value = value * step if sign == "×" else value / step
            assert f"{value:.1f}" == cell, (name, count)
            sums[index] += value
    assert [f"{one:.1f}" for one in sums] == together[2:]


def test_what_documents_leave_is_what_the_formulas_give() -> None:
    (chain,) = (row for row in table("bytes, with indexes") if row[0] == "the whole chain")
    kept, passing, keys = (float(cell.removesuffix(" kB")) for cell in chain[1:4])
    parts = [row for row in table("bytes, with indexes") if row is not chain and row[0] != "the whole chain"]
    for column, total in ((1, kept), (2, passing), (3, keys)):
        assert sum(float(one) for row in parts for one in re.findall(r"\d+\.\d+", row[column])) == pytest.approx(total)
    for row in table("chains a working day"):
        count = number(row[0])
        for cell, value in ((row[1], count * kept * 250), (row[2], count * (passing * 22 + keys * 5))):
            assert number(cell.removesuffix(" GB")) == pytest.approx(value / 1e6, rel=0.12), row


def test_memory_is_what_the_chart_asks_for() -> None:
    values = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
    asked = {
        "a service": values["serviceDefaults"],
        "gateway": values["services"]["gateway"],
        "Keycloak": values["keycloak"],
        "an event server": values["nats"],
    }
    rows = {row[0]: row for row in table("process")}
    for name, part in asked.items():
        sides = [part["resources"][side]["memory"] for side in ("requests", "limits")]
        assert [number(one) for one in re.findall(r"[\d,]*\d(?=,|$| )", rows[name][2])[:2]] == [
            float(one.removesuffix("Mi")) for one in sides
        ], name
    assert values["services"]["documents"]["resources"]["limits"]["memory"] == "1Gi"
    assert "(`documents`: 1,024)" in rows["a service"][2]
    # and the first numbers are those that stand beside the chart's own
    said = (chart.CHART / "values.yaml").read_text("utf-8")
    assert "a service takes 125-146 MiB, the gateway 140, Keycloak 468, an event server 21" in said
    assert [rows[name][1] for name in asked] == ["125 to 146 MiB", "140 MiB", "468 MiB", "21 MiB"]


def test_what_is_called_measured_and_missed_stands_in_the_pages_of_measurements() -> None:
    assert re.search(r"services 9\.6 ms, gateway 5\.5, PostgreSQL 2\.3", MEASURED)
    assert "a renewal,\nevery 90 s for whoever works, 26 ms" in MEASURED
    for what, found, target in table("what (m)"):
        for one in re.findall(r"[\d,.]*\d", found + " " + target):
            assert one in MEASURED, (what, one)


@pytest.mark.parametrize("page", ["README.md", "docs/runbook.md"])
def test_it_can_be_found(page: str) -> None:
    file = machine.ROOT / page
    assert [
        1
        for link in re.findall(r"\]\(([^)#]+\.md)\)", file.read_text("utf-8"))
        if (file.parent / link).resolve() == Path(DOCS / "scaling.md")
    ]
