"""`python -m bench [SCENARIO...] [--json FILE]`: measure, print a line per metric, write the record.

`python -m bench report` renders all kept records as one page.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
from pathlib import Path

from bench import report
from bench.record import ROOT, Result, as_json, commit, table
from infra.local import machine

# module of each scenario: its `run()` starts what it needs and returns its results
SCENARIOS = {
    "flagship": "flagship",
    "list": "listing",
    "approval": "approval",
    "todo": "todo",
    "trail": "trail",
    "footprint": "footprint",
    "lag": "lag",
    "gateway": "hop",
    "writepath": "writepath",
    "morning": "morning",
    "growth": "growth",
    "saturation": "saturation",
    "customfields": "customfields",
}
HISTORY, COMMITTED = machine.HOME / "bench", ROOT / "bench" / "records"


def main() -> None:
    """Run the scenarios one after another; every record is kept in .heyi/bench/ too."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument(
        "scenario", nargs="*", help=f"of {', '.join(SCENARIOS)}; all of them where none is named; or report"
    )
    parser.add_argument("--json", type=Path, help="file for the record with all raw samples")
    chosen = parser.parse_args()
    if chosen.scenario == ["report"]:
        file = HISTORY / "report.html"
        file.write_text(report.page(report.records(COMMITTED, HISTORY)))
        print(file)
        return
    names = [name for name in chosen.scenario if name != "run"] or list(SCENARIOS)
    if unknown := set(names) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(SCENARIOS)}")
    results: list[Result] = []
    for name in names:
        print(f"{name} ...", flush=True)
        results += importlib.import_module(f"bench.{SCENARIOS[name]}").run()
    print("\n" + table(results))
    record = json.dumps(as_json(results), ensure_ascii=False, indent=1) + "\n"
    HISTORY.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    for file in filter(None, (chosen.json, HISTORY / f"{now:%Y%m%dT%H%M%SZ}-{commit()}.json")):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(record)


if __name__ == "__main__":
    main()
