"""The page over kept records: what is newest, what missed, what moved; and nothing in it that comes from elsewhere."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bench.record import Result, as_json, distribution, table
from bench.report import page, records


def record(value: float, **changes: Any) -> dict[str, Any]:
    """A run of one scenario, as `python -m bench` writes it."""
    words: dict[str, Any] = {
        "metric": 6, "scenario": "flagship <one>", "unit": "ms", "better": "lower", "checked": "every cycle",
        "ours": distribution([value, value + 1, value + 9]), "limit": distribution([5.0, 6.0], "hops & commits"),
        "peer": {"name": "Peer", "p50": 600.0, "samples": [590.0, 600.0, 700.0]},
        "target": {"value": 44.0, "ratio_to_limit": 6.0, "ratio_to_peer": 0.0667}, **changes,
    }  # fmt: skip
    return as_json([Result(**words).judged()])


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Two runs a day apart: the first missed its targets, the second meets all."""
    for name, value in (("20261125T080000Z-aaa.json", 140.0), ("20261126T080000Z-bbb.json", 30.0)):
        (tmp_path / name).write_text(json.dumps(record(value)))
    return tmp_path


class Shape(HTMLParser):
    """Tags that are open, and everything that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "line", "rect", "polyline"):
            self.open.append(tag)
        if tag in ("script", "link", "img", "iframe"):
            self.fetched.append(tag)
        self.fetched += [f"{name}={value}" for name, value in attrs if name in ("src", "href") and value[:1] != "#"]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("line", "rect", "polyline")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_newest_run_is_shown_with_its_verdict_and_history(kept: Path) -> None:
    made = page(records(kept))
    assert "flagship &lt;one&gt;: 31 ms" in made
    assert made.count('class="f-met"') == 3
    assert 'class="f-missed"' not in made
    assert "hops &amp; commits" in made
    assert "History, 2 records" in made
    assert "ours 141 ms, 2026-11-25 08:00 UTC" in made
    assert len(re.findall("<circle", made)) == 6


def test_a_missed_bound_is_said_and_drawn(kept: Path) -> None:
    (kept / "20261126T080000Z-bbb.json").unlink()
    made = page(records(kept))
    assert made.count('class="f-missed"') == 3
    assert '<td class="verdict missed">missed</td>' in made
    assert "141 (3.2×)" in made


def test_the_page_is_whole_and_asks_nobody(kept: Path) -> None:
    shape = Shape()
    shape.feed(page(records(kept)).replace("<!doctype html>", ""))
    assert shape.open == []
    assert shape.fetched == []


def test_what_was_not_measured_is_no_number(tmp_path: Path) -> None:
    run = record(30.0, limit=None, peer=None, target={"value": 44.0, "ratio_to_peer": 0.0667})
    (tmp_path / "20261126T080000Z-ccc.json").write_text(json.dumps(run))
    made = page(records(tmp_path))
    assert "not measured" in made
    assert '<td class="verdict not judged">not judged</td>' in made


def test_a_record_in_both_folders_counts_once(kept: Path, tmp_path: Path) -> None:
    committed = tmp_path / "committed"
    committed.mkdir()
    (committed / "20261125T080000Z-aaa.json").write_text((kept / "20261125T080000Z-aaa.json").read_text())
    assert [r.when for r in records(committed, kept)] == ["20261125T080000Z", "20261126T080000Z"]


def test_without_records_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="measure first"):
        page(records(tmp_path))


@pytest.mark.parametrize(
    ("better", "ours", "bound", "met"), [("lower", 30, 44, True), ("lower", 50, 44, False), ("higher", 50, 44, True)]
)
def test_a_bound_is_the_highest_or_the_lowest_that_is_good(better: str, ours: float, bound: float, met: bool) -> None:
    words: dict[str, Any] = {"metric": 1, "scenario": "s", "unit": "u", "limit": None, "checked": "", "better": better}
    judged = Result(ours={"p50": ours}, target={"value": bound}, **words).judged()
    assert judged.met is met
    assert ("met" if met else "MISSED") in table([judged])
