"""All kept records as one page: the newest value of each scenario against its target, its samples, and how it moved.

The page needs nothing else: its pictures are inline SVG, and no script, font or style comes from elsewhere.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Result = Mapping[str, Any]
WIDTH, ROW, LABEL, VALUE, BINS = 680, 26, 210, 130, 60
PLOT = WIDTH - LABEL - VALUE  # what the label and the number beside it leave
# how each key of a target is called, and where its value is found
MEASURES = {
    "value": ("median", lambda r: r["ours"]["p50"]),
    "p99": ("99th percentile", lambda r: r["ours"].get("p99")),
    "ratio_to_limit": ("ratio to the limit", lambda r: r["ratio_to_limit"]),
    "p99_ratio_to_limit": ("99th percentile to the limit's", lambda r: r.get("p99_ratio_to_limit")),
    "ratio_to_peer": ("ratio to the peer", lambda r: r["ratio_to_peer"]),
}
VERDICTS = {True: "met", False: "missed", None: "not judged"}
STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #6b7785; --line: #d9dee4; --page: #fff; --ours: #2563eb;
  --limit: #8b95a1; --peer: #c2710c; --met: #15803d; --missed: #c62828 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #97a3b0; --line: #333c47; --page: #14181d;
  --ours: #6ea0ff; --limit: #76818d; --peer: #e59a45; --met: #4ec27c; --missed: #ff7b72 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 62rem; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .3rem } h3 { font-size: .85rem; margin: 1rem 0 0 }
h3, p.note, th, figcaption { color: var(--soft); font-weight: 500 } p { margin: .3rem 0 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: right; padding: .3rem .5rem; border-bottom: 1px solid var(--line) }
th:first-child, td:first-child, th:last-child, td.verdict { text-align: left } a { color: inherit }
.met { color: var(--met) } .missed { color: var(--missed) } .wide { overflow-x: auto }
svg { display: block; width: 100%; max-width: 680px; height: auto; font: 12px system-ui, sans-serif }
svg text { fill: var(--ink) } svg .soft { fill: var(--soft) } svg .axis { stroke: var(--line) }
svg .target { stroke: var(--ink); stroke-dasharray: 3 3 }
.f-ours { fill: var(--ours) } .f-limit { fill: var(--limit) } .f-peer { fill: var(--peer) }
.f-met { fill: var(--met) } .f-missed { fill: var(--missed) } .f-none { fill: var(--limit) }
.s-ours { stroke: var(--ours) } .s-limit { stroke: var(--limit) } .s-peer { stroke: var(--peer) }
polyline { fill: none; stroke-width: 2 }
"""


@dataclass(frozen=True)
class Record:
    """A kept run: when (the beginning of its file's name, `20261126T174000Z`), on what, with which results."""

    when: str
    machine: Mapping[str, Any]
    results: Sequence[Result]


def records(*folders: Path) -> list[Record]:
    """Every record in these folders, the oldest first; the same file in two of them is one record."""
    files = {file.name: file for folder in folders for file in folder.glob("[0-9]*Z-*.json")}
    read = ((name, json.loads(file.read_text())) for name, file in sorted(files.items()))
    return [Record(name.split("-")[0], r["machine"], r["results"]) for name, r in read]


def page(kept: Sequence[Record]) -> str:
    """The page. Raises ValueError where there is nothing to show."""
    if not kept:
        raise ValueError("there are no records yet: measure first, with make bench")
    newest: dict[str, tuple[Record, Result]] = {}
    for record in kept:
        newest |= {result["scenario"]: (record, result) for result in record.results}
    shown = sorted(newest.values(), key=lambda found: (found[1]["metric"], found[1]["scenario"]))
    sections = "".join(_section(record, result, kept) for record, result in shown)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Heyi: measured</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><h1>What was measured</h1>"
        f"<p>{len(kept)} records, the newest of {_day(kept[-1].when)}. A ratio is ours over the other, for times and "
        "for rates; limit and peer were measured in turn with ours, on the same machine.</p>"
        f"{_overview(shown)}{sections}</body></html>\n"
    )


def _overview(shown: Iterable[tuple[Record, Result]]) -> str:
    head = "".join(
        f"<th>{name}</th>" for name in ("scenario", "ours", "p99", "", "limit", "ratio", "peer", "ratio", "targets")
    )
    rows = ""
    for _, r in shown:
        limit, peer = r["limit"] or {}, r["peer"] or {}
        slowest = r["ours"].get("p99") if r["better"] == "lower" else None
        cells = (slowest, r["unit"], limit.get("p50"), r["ratio_to_limit"], peer.get("p50"))
        numbers = "".join(f"<td>{_number(cell)}</td>" for cell in (r["ours"]["p50"], *cells, r["ratio_to_peer"]))
        verdict = VERDICTS[r["met"]]
        name = f'<a href="#{_anchor(r)}">{html.escape(r["scenario"])}</a>'
        rows += f'<tr><td>{name}</td>{numbers}<td class="verdict {verdict}">{verdict}</td></tr>'
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _section(record: Record, result: Result, kept: Sequence[Record]) -> str:
    machine, said = record.machine, html.escape
    size = f"{machine['cores']} cores, {machine['memory_mib']:,} MiB"
    facts = f"{size}, {said(machine['system'])}, Python {machine['python']}"
    others = [(kind, result[kind]) for kind in ("limit", "peer") if result[kind] is not None]
    names = "; ".join(f"{kind}: {said(str(bar.get('name', '')))}" for kind, bar in others)
    return (
        f'<section id="{_anchor(result)}"><h2>{said(result["scenario"])}: {_number(result["ours"]["p50"])} '
        f"{said(result['unit'])}</h2>"
        f'<p class="note">{_day(record.when)}, commit {said(result["commit"])}, {facts}</p>'
        f"<p>{names}{'. ' if names else ''}Checked: {said(result['checked'])}.</p>"
        f"{_targets(result)}{_samples(result)}{_history(result, kept)}</section>"
    )


def _targets(result: Result) -> str:
    """A bar for each bound, from a tenth of it to ten times; the dashed line is the bound."""
    if not result["target"]:
        return ""
    rows, middle = [], LABEL + PLOT / 2
    for at, (key, bound) in enumerate(result["target"].items()):
        name, find = MEASURES[key]
        value = find(result)
        y = at * ROW
        rows.append(_text(0, y, f"{name}, target {'≤' if _less(result, key) else '≥'} {_number(bound)}"))
        if value is None:
            rows.append(_text(WIDTH - VALUE + 8, y, "not measured", "soft"))
            continue
        good = value <= bound if _less(result, key) else value >= bound
        end = LABEL + PLOT * (1 + max(-1.0, min(1.0, math.log10(max(value / bound, 1e-9))))) / 2
        left, width = min(middle, end), abs(end - middle)
        rows.append(_box(left, y + 6, max(width, 1), 14, f"f-{VERDICTS[good]}"))
        rows.append(_text(WIDTH - VALUE + 8, y, f"{_number(value)} ({value / bound:.2g}×)"))
    height = len(result["target"]) * ROW
    line = f'<line class="target" x1="{middle}" x2="{middle}" y1="0" y2="{height}"/>'
    return _figure("Against its targets (each bar ends at a tenth or ten times at most)", height, "".join(rows) + line)


def _samples(result: Result) -> str:
    """A histogram of ours, the limit's and the peer's samples on one logarithmic axis; the mark is the median."""
    bars = [(kind, result[kind]) for kind in ("ours", "limit", "peer") if result[kind] is not None]
    every = [s for _, bar in bars for s in (*bar.get("samples", ()), bar["p50"]) if s > 0]
    low, high = math.log10(min(every)), math.log10(max(every))
    low, span = low - 0.02, max(high - low, 0.05) + 0.04

    def place(value: float) -> float:
        return (math.log10(value) - low) / span

    drawn = []
    for at, (kind, bar) in enumerate(bars):
        samples, base = [s for s in bar.get("samples", ()) if s > 0], (at + 1) * 2 * ROW - 4
        counts = [0] * (BINS + 1)
        for sample in samples:
            counts[int(place(sample) * BINS)] += 1
        for number, count in enumerate(counts):
            if count:
                height = max(2.0, 40 * count / max(counts))
                drawn.append(_box(LABEL + PLOT * number / BINS, base - height, PLOT / BINS - 1, height, f"f-{kind}"))
        middle = LABEL + PLOT * place(bar["p50"])
        drawn.append(f'<line class="s-{kind}" x1="{middle:.1f}" x2="{middle:.1f}" y1="{base - 44}" y2="{base + 3}"/>')
        drawn.append(f'<line class="axis" x1="{LABEL}" x2="{LABEL + PLOT}" y1="{base}" y2="{base}"/>')
        drawn.append(_text(0, base - ROW, f"{kind} ({len(samples) or 'no'} samples)"))
        drawn.append(_text(WIDTH - VALUE + 8, base - ROW, f"{_number(bar['p50'])} {result['unit']}"))
    height = len(bars) * 2 * ROW + 20
    ends = ((LABEL, 10**low, "start"), (LABEL + PLOT, 10 ** (low + span), "end"))
    for x, value, anchor in ends:
        drawn.append(_text(x, height - 24, _number(float(f"{value:.3g}")), "soft", anchor))
    return _figure("Raw samples", height, "".join(drawn))


def _history(result: Result, kept: Sequence[Record]) -> str:
    """Medians of ours, limit and peer over the records, on a logarithmic axis."""
    past = [(record.when, r) for record in kept for r in record.results if r["scenario"] == result["scenario"]]
    if len(past) < 2:
        return ""
    kinds = [kind for kind in ("ours", "limit", "peer") if any(r[kind] for _, r in past)]
    every = [max(r[kind]["p50"], 1e-9) for _, r in past for kind in kinds if r[kind]]
    low, top = min(every), max(every)
    span = max(math.log10(top / low), 0.05)
    height, drawn = 126, [f'<line class="axis" x1="{LABEL}" x2="{LABEL + PLOT}" y1="104" y2="104"/>']

    def place(value: float) -> float:
        return 98 - 90 * math.log10(max(value, 1e-9) / low) / span

    for at, kind in enumerate(kinds):
        points = [
            (LABEL + PLOT * number / (len(past) - 1), r[kind]["p50"], f"{_day(when)}, {html.escape(r['commit'])}")
            for number, (when, r) in enumerate(past)
            if r[kind]
        ]
        line = " ".join(f"{x:.1f},{place(value):.1f}" for x, value, _ in points)
        drawn.append(f'<polyline class="s-{kind}" points="{line}"/>')
        drawn += [
            f'<circle class="f-{kind}" cx="{x:.1f}" cy="{place(value):.1f}" r="3">'
            f"<title>{kind} {_number(value)} {html.escape(result['unit'])}, {what}</title></circle>"
            for x, value, what in points
        ]
        drawn.append(_box(0, at * 20 + 7, 10, 10, f"f-{kind}") + _text(16, at * 20 - 1, kind))
    for y, value in ((-5, top), (86, low)):
        drawn.append(_text(WIDTH - VALUE + 8, y, f"{_number(value)} {result['unit']}", "soft"))
    for x, when, anchor in ((LABEL, past[0][0], "start"), (LABEL + PLOT, past[-1][0], "end")):
        drawn.append(_text(x, 104, _day(when), "soft", anchor))
    return _figure(f"History, {len(past)} records", height, "".join(drawn))


def _less(result: Result, key: str) -> bool:
    """Whether less is better; the 99th percentile is a time."""
    return result["better"] == "lower" or key.startswith("p99")


def _figure(title: str, height: int, inside: str) -> str:
    box = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{html.escape(title)}">{inside}</svg>'
    return f"<h3>{html.escape(title)}</h3>{box}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y + 17:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def _box(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return "–" if value is None else html.escape(str(value))
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def _anchor(result: Result) -> str:
    return "".join(c if c.isalnum() else "-" for c in result["scenario"])


def _day(when: str) -> str:
    """`20261126T174000Z` as people read it; another name as it is."""
    if len(when) == 16 and when[8] == "T":
        return f"{when[:4]}-{when[4:6]}-{when[6:8]} {when[9:11]}:{when[11:13]} UTC"
    return html.escape(when)
