"""`python -m infra.local.demo`: fill in the fictional company through the gateway.

Safe to run again, also after a break-off. Reads HEYI_GATEWAY_PUBLIC_URL and INSTANCE (the runner sets both) and
writes <instance>/demo.json below HEYI_HOME (.heyi/): whom to sign in as.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

import httpx2

from infra.local import machine
from infra.local.demo import records, story
from infra.local.demo.cast import Cast
from infra.local.demo.door import CannotGoOnError, RefusedHereError
from infra.local.demo.load import Loader

# said in a line; anything else is a fault of ours and shows where it is
EXPECTED = (RefusedHereError, CannotGoOnError, httpx2.HTTPError)


async def fill(address: str) -> None:
    """Everything, in order."""
    cast = Cast(address, os.environ.get("HEYI_TLS_CA", ""))
    try:
        await Loader(cast).run()
        await story.tell(cast)
    finally:
        await cast.leave()


def main() -> int:
    """Fill in the company; what stands in the way is said in plain words."""
    address = os.environ.get("HEYI_GATEWAY_PUBLIC_URL")
    if not address:
        print("HEYI_GATEWAY_PUBLIC_URL is not set: run `make demo`, which knows the address.", file=sys.stderr)
        return 2
    began = time.monotonic()
    try:
        asyncio.run(fill(address))
    except (*EXPECTED, BaseExceptionGroup) as trouble:
        causes = _causes(trouble)
        if not all(isinstance(cause, EXPECTED) for cause in causes):
            raise
        print("\n".join(f"\n  {cause or type(cause).__name__}" for cause in causes[:5]), file=sys.stderr)
        return 1
    folder = machine.HOME / os.environ.get("INSTANCE", "up")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "demo.json").write_text(json.dumps(records.logins(), ensure_ascii=False, indent=2), encoding="utf-8")
    print(f"    The demo company stands ({time.monotonic() - began:.0f} s).", flush=True)
    return 0


def _causes(trouble: BaseException) -> list[BaseException]:
    if not isinstance(trouble, BaseExceptionGroup):
        return [trouble]
    return [cause for each in trouble.exceptions for cause in _causes(each)]


if __name__ == "__main__":
    sys.exit(main())
