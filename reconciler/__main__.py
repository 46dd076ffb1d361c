"""`python -m reconciler [run] [--settled SECONDS] [--json] [--record]`: read the books once; 1 on findings.

`python -m reconciler serve`: wait for the hour of the night, or for somebody who asks, and have it done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys


def main() -> int:
    """Print a table, or JSON for a program. What only one of the verbs needs is loaded there."""
    parser = argparse.ArgumentParser(prog="python -m reconciler", description="Do the books of all services agree?")
    parser.add_argument("verb", nargs="?", choices=("run", "serve"), default="run")
    parser.add_argument(
        "--settled", type=float, default=60, help="rows younger than this many seconds may be on their way"
    )
    parser.add_argument("--json", action="store_true", help="for a program")
    parser.add_argument("--record", action="store_true", help="let identity keep the result, for the pages")
    chosen = parser.parse_args()
    if chosen.verb == "serve":
        from reconciler.serve import serve

        return asyncio.run(serve())
    if chosen.record:
        from reconciler.record import run_and_record

        return asyncio.run(run_and_record(settled_seconds=chosen.settled))
    from reconciler.run import reconcile

    outcomes = asyncio.run(reconcile(settled_seconds=chosen.settled))
    if chosen.json:
        print(json.dumps([outcome.as_json() for outcome in outcomes]))
    else:
        for outcome in outcomes:
            print(f"{outcome.name:<58}{outcome.rows:>9} rows {len(outcome.findings):>6} findings")
            for finding in outcome.findings[:20]:
                print(f"    {finding.document_id}: {finding.what}\n        {finding.cause}")
    return 1 if any(outcome.findings for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
