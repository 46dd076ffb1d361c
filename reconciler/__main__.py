"""`python -m reconciler [--settled SECONDS] [--json]`: print what was looked at; 1 on findings."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

from reconciler.run import reconcile


def main() -> int:
    """Print a table, or JSON for a program."""
    parser = argparse.ArgumentParser(prog="python -m reconciler", description="Do the books of all services agree?")
    parser.add_argument(
        "--settled", type=float, default=60, help="rows younger than this many seconds may be on their way"
    )
    parser.add_argument("--json", action="store_true", help="for a program")
    chosen = parser.parse_args()
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
