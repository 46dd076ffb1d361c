"""`python -m identity.emergency REASON [--minutes N]`: open the sealed administrator's account, at the machine.

Needs what the identity service itself has in its environment (its database and its keys). The account's name and a
password for one sign-in are printed once; everybody who looks after rights sees the opening, its reason and its end.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import socket
import sys
import time

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from chassis import crypto, ids
from chassis.call import NO_COMPANY
from chassis.db import engine_for, fenced_to
from chassis.service import find
from chassis.settings import ServiceSettings
from identity.emergency import rules
from identity.emergency.model import Emergency
from identity.emergency.opening import USERNAME

WAIT_SECONDS = 30.0


async def ask(engine: AsyncEngine, reason: str, minutes: int, password: str) -> str:
    """Write the request and wait until the service has opened it; the instant at which it ends, "" where none did."""
    key, sessions = ids.uuid7(), async_sessionmaker(engine, expire_on_commit=False)
    who = f"{getpass.getuser()}@{socket.gethostname()}"
    with fenced_to(NO_COMPANY):
        async with sessions() as session, session.begin():
            session.add(
                Emergency(id=key, version=1, reason=reason, opened_by=who[:200], minutes=minutes, password=password)
            )
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until:
            async with sessions() as session, session.begin():
                opened = sa.select(Emergency.until_time).where(Emergency.id == key, Emergency.state == "OPEN")
                found = (await session.execute(opened)).scalar_one_or_none()
            if found is not None:
                return found.astimezone().isoformat(timespec="minutes")
            await asyncio.sleep(0.5)
    return ""


def main(arguments: list[str]) -> int:
    """One opening."""
    parser = argparse.ArgumentParser(prog="python -m identity.emergency", description=str(__doc__).splitlines()[0])
    parser.add_argument("reason", help="why the usual administrators cannot do it")
    parser.add_argument("--minutes", type=int, default=rules.MINUTES)
    chosen = parser.parse_args(arguments)
    if wrong := rules.check(chosen.reason, chosen.minutes):
        print(wrong, file=sys.stderr)
        return 2
    find("identity")
    password = rules.password()
    settings = ServiceSettings.read("identity")
    engine = engine_for(settings.database_url)
    crypto.use_keyring(engine, crypto.Keyring.parse(settings.keys))
    until = asyncio.run(ask(engine, chosen.reason.strip(), chosen.minutes, password))
    if not until:
        print("Nobody opened it: does the identity service run? It is not opened later by itself.", file=sys.stderr)
        return 1
    print(f"{USERNAME} may sign in until {until} with {password}  (changed at the sign-in)")
    print("Administrators and auditors see it at the top of every page. Close it as soon as it is done.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
