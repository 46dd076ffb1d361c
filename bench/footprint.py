"""Memory of the suite at rest: proportional set size of services and gateway, 60 seconds after both are ready."""

from __future__ import annotations

import time

import psutil

from bench.record import Result
from bench.suite import LIMITS, suite

REST_SECONDS = 60


def run() -> list[Result]:
    """Start the suite, let it rest, read what its two processes hold."""
    with suite() as instance:
        # a start with nothing to load: what `make up` leaves behind on every later day
        instance.stop("gateway")
        instance.stop("services")
        instance.start("services")
        instance.start("gateway")
        time.sleep(REST_SECONDS)
        held = {part: _pss(instance.pid(part)) for part in ("services", "gateway")}
    total = round(sum(held.values()), 1)
    return [
        Result(
            metric=14,
            scenario="footprint",
            unit="MiB PSS",
            better="lower",
            ours={"p50": total, "samples": [total], "parts": held},
            limit=None,
            target={"value": 450.0},
            settings={"limits": LIMITS, "rest_seconds": REST_SECONDS},
            checked="both processes were healthy and are named",
        ).judged()
    ]


def _pss(pid: int | None) -> float:
    """MiB that a process and its children hold."""
    if pid is None:
        raise RuntimeError("a process of the suite is not running")
    process = psutil.Process(pid)
    return round(sum(p.memory_full_info().pss for p in [process, *process.children(recursive=True)]) / 2**20, 1)
