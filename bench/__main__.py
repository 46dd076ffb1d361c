"""`python -m bench run SCENARIO... [--json FILE]`: measure, print a line per metric, write the record."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from bench import flagship, footprint, listing
from bench.record import Result, as_json

SCENARIOS: dict[str, Callable[[], list[Result]]] = {
    "flagship": flagship.run,
    "list": listing.run,
    "footprint": footprint.run,
}


def main() -> None:
    """Run the scenarios one after another; each starts what it needs."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("scenario", nargs="+", choices=sorted(SCENARIOS))
    parser.add_argument("--json", type=Path, help="file for the record with all raw samples")
    chosen = parser.parse_args()
    results = [result for name in chosen.scenario for result in SCENARIOS[name]()]
    for r in results:
        limit = f", limit {r.limit['p50']} ({r.limit['name']}), ratio {r.ratio_to_limit}" if r.limit else ""
        tail = f", p99 {r.ours['p99']}" if "p99" in r.ours else ""
        verdict = {True: "met", False: "NOT met", None: "no target"}[r.met]
        print(f"{r.scenario}: p50 {r.ours['p50']} {r.unit}{tail}{limit}; target {r.target} {verdict}; {r.checked}")
    if chosen.json:
        chosen.json.parent.mkdir(parents=True, exist_ok=True)
        chosen.json.write_text(json.dumps(as_json(results), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
