"""One record per metric, with every raw sample, the limit and the peer measured in the same run, and the commit."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
# what a target may bound, and where the measured value of it is found
_BOUNDS: dict[str, Callable[[Result], float | None]] = {
    "value": lambda r: r.ours["p50"],
    "p95": lambda r: r.ours["p95"],
    "p99": lambda r: r.ours["p99"],
    "ratio_to_limit": lambda r: r.ratio_to_limit,
    "p99_ratio_to_limit": lambda r: r.p99_ratio_to_limit,
    "ratio_to_peer": lambda r: r.ratio_to_peer,
}


@dataclass
class Result:
    """What was measured of ours, against what limit and peer, with what target. What was not run is None.

    A ratio is ours over the other, for times and for rates. A target's bound is the highest value that is still good
    where less is better, the lowest where more is better; a percentile is a time, so less is always better.
    """

    metric: int
    scenario: str
    unit: str
    better: str
    ours: dict[str, Any]
    limit: dict[str, Any] | None
    target: dict[str, float]
    checked: str
    peer: dict[str, Any] | None = None
    ratio_to_limit: float | None = None
    p99_ratio_to_limit: float | None = None
    ratio_to_peer: float | None = None
    met: bool | None = None
    commit: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def judged(self) -> Result:
        """The ratios of medians, and whether the target is met; None where a part of it was not measured."""
        self.ratio_to_limit = _ratio(self.ours, self.limit, "p50")
        self.p99_ratio_to_limit = _ratio(self.ours, self.limit, "p99")
        self.ratio_to_peer = _ratio(self.ours, self.peer, "p50")
        self.commit = commit()
        verdicts = []
        for name, bound in self.target.items():
            found = _BOUNDS[name](self)
            less = self.better == "lower" or name.startswith("p9")
            verdicts.append(None if found is None else found <= bound if less else found >= bound)
        self.met = False if False in verdicts else None if None in verdicts or not verdicts else True
        return self


def interleaved(
    bars: Mapping[str, Callable[[], Sequence[float]]], *, rounds: int = ROUNDS
) -> dict[str, dict[str, Any]]:
    """Play every bar once, then again: what the machine does meanwhile meets all of them. One distribution for each."""
    played: dict[str, list[Sequence[float]]] = {name: [] for name in bars}
    for number in range(rounds):
        for name, bar in bars.items():
            played[name].append(bar())
            middle = statistics.median(played[name][-1])
            print(f"  round {number + 1} of {rounds}  {name:<34}{middle:>12.3f}", flush=True)
    return {name: distribution([s for samples in found for s in samples], name) | {
        "rounds": [round(statistics.median(samples), 3) for samples in found]
    } for name, found in played.items()}  # fmt: skip


def distribution(samples: Sequence[float], name: str = "") -> dict[str, Any]:
    """p50, p95 and p99 with the raw samples."""
    ordered = sorted(samples)
    found: dict[str, Any] = {
        "p50": round(statistics.median(ordered), 3),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 3),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "samples": [round(sample, 3) for sample in samples],
    }
    return {"name": name, **found} if name else found


def table(results: Sequence[Result]) -> str:
    """A line per metric: ours, limit, peer, the ratios and what was wanted."""
    lines = [
        f"{'scenario':<30}{'unit':<9}{'ours':>10}{'p99':>10}{'limit':>10}{'ratio':>8}{'peer':>10}{'ratio':>9}  target"
    ]
    for r in results:
        cells = (r.ours["p50"], r.ours.get("p99"), r.limit and r.limit["p50"], r.ratio_to_limit)
        shown = "".join(
            f"{'–' if cell is None else f'{cell:g}':>{width}}"
            for cell, width in zip(
                (*cells, r.peer and r.peer["p50"], r.ratio_to_peer), (10, 10, 10, 8, 10, 9), strict=True
            )
        )
        bounds = ", ".join(f"{name} {bound:g}" for name, bound in r.target.items()) or "none"
        verdict = {True: "met", False: "MISSED", None: "not judged"}[r.met]
        lines.append(f"{r.scenario:<30}{r.unit:<9}{shown}  {bounds}: {verdict}")
    return "\n".join(lines)


def commit() -> str:
    """The commit that was measured; `+` where the tree differs from it."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if _git("status", "--porcelain") else "")


def machine() -> dict[str, Any]:
    """What it was measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return {
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """The whole record of a run."""
    return {"machine": machine(), "results": [asdict(result) for result in results]}


def _ratio(ours: Mapping[str, Any], other: Mapping[str, Any] | None, of: str) -> float | None:
    if other is None or of not in ours or not other.get(of):
        return None
    return float(round(ours[of] / other[of], 4))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()
