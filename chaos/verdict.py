"""After the faults: wait until the books agree, at most a minute, and say what is left."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra.local.instance import Instance
from reconciler.report import Outcome
from reconciler.run import reconcile

CONVERGED_WITHIN_SECONDS = 60.0


async def converge(instance: Instance, folder: Path | None = None) -> tuple[list[Outcome], float]:
    """Reconcile until nothing is left or the minute is over."""
    reads = {name: value for name, value in instance.env().items() if "_RO_DATABASE_URL" in name}
    os.environ.update(reads | {"HEYI_DOCUMENTS_STORE": instance.env()["HEYI_DOCUMENTS_STORE"]})
    began = time.monotonic()
    while True:
        log = await asyncio.to_thread(_lines, folder) if folder else None
        outcomes = await reconcile(settled_seconds=0, log=log)
        took = time.monotonic() - began
        if not any(outcome.findings for outcome in outcomes) or took > CONVERGED_WITHIN_SECONDS:
            return outcomes, took
        await asyncio.sleep(1)


def _lines(folder: Path) -> list[str]:
    return [line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()]


def tell(outcomes: Sequence[Outcome], coverage: Mapping[str, int]) -> int:
    """Print what was looked at; returns the violations, what was not exercised among them."""
    violations = 0
    for outcome in outcomes:
        print(f"  {outcome.name:<58}{outcome.rows:>8} rows {len(outcome.findings):>5} violations")
        for finding in outcome.findings[:10]:
            print(f"      {finding.document_id}: {finding.what}\n          {finding.cause}")
        violations += len(outcome.findings)
    # a refusal is not to be expected of people who do everything right
    exercised = {o.name: o.rows for o in outcomes if o.name != "a_refused_intent_left_nothing"} | dict(coverage)
    for name, count in exercised.items():
        if count == 0:
            print(f"  not exercised: {name}")
            violations += 1
    print("  " + ", ".join(f"{name} {count}" for name, count in coverage.items()))
    return violations
