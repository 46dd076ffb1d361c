"""One record per metric, with every raw sample, the limit measured in the same run, and the commit."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Result:
    """What was measured of ours, against what limit, with what target. What was not run is None, never a guess."""

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
    ratio_to_peer: float | None = None
    met: bool | None = None
    commit: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def judged(self) -> Result:
        """The ratio of medians, and whether the target is met."""
        if self.limit is not None and "p50" in self.limit:
            self.ratio_to_limit = round(self.ours["p50"] / self.limit["p50"], 3)
        highest, wanted = self.target.get("value"), self.target.get("ratio_to_limit")
        checks = [self.ours["p50"] <= highest] if highest is not None else []
        if wanted is not None and self.ratio_to_limit is not None:
            checks.append(self.ratio_to_limit <= wanted if self.better == "lower" else self.ratio_to_limit >= wanted)
        self.met = all(checks) if checks else None
        self.commit = commit()
        return self


def distribution(samples: Sequence[float], name: str = "") -> dict[str, Any]:
    """p50 and p99 with the raw samples."""
    ordered = sorted(samples)
    found: dict[str, Any] = {
        "p50": round(statistics.median(ordered), 3),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 3),
        "samples": [round(sample, 3) for sample in samples],
    }
    return {"name": name, **found} if name else found


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


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True).stdout.strip()
