"""`python -m chassis <services...>`: host services; also migrate, republish, reencrypt, revision and released."""

from __future__ import annotations

import asyncio
import datetime
import sys

USAGE = """python -m chassis SERVICE...                      host these services in one process
python -m chassis migrate SERVICE...              bring their databases and consumers up to date
python -m chassis republish SERVICE --since T     publish the events since an instant again
python -m chassis reencrypt SERVICE...            bring their sealed values under their first key
python -m chassis revision SERVICE MESSAGE        write the next migration from the models
python -m chassis released SERVICE...             keep the shape of their tables: this is a release"""

COMMANDS = ("migrate", "republish", "reencrypt", "revision", "released")


def command(arguments: list[str]) -> None:
    """What one command line asks for."""
    from chassis import crypto, migrate, outbox, server
    from chassis.db import engine_for
    from chassis.service import find
    from chassis.settings import ServiceSettings

    match arguments:
        case ["migrate", *names] if names:
            for name in names:
                migrate.run(find(name))
        case ["republish", name, "--since", instant]:
            since = datetime.datetime.fromisoformat(instant)
            engine = engine_for(ServiceSettings.read(name).database_url)
            count = asyncio.run(outbox.republish(find(name), engine, since))
            print(f"{name}: {count} events since {since.isoformat()} will be published again")
        case ["reencrypt", *names] if names:
            for name in names:
                service, settings = find(name), ServiceSettings.read(name)
                engine, keyring = engine_for(settings.database_url), crypto.Keyring.parse(settings.keys)
                crypto.use_keyring(engine, keyring)
                count, left = asyncio.run(crypto.reencrypt_all(engine, service.base))
                print(f"{name}: {count} sealed values brought under key {keyring.current}")
                if left:
                    raise SystemExit(f"{name}: some of {', '.join(left)} were in use: keep the old key, run it again")
        case ["revision", name, message]:
            from chassis import testing

            asyncio.run(testing.revise(find(name), message))
        case ["released", *names] if names:
            from chassis import testing

            for name in names:
                asyncio.run(testing.keep_released(find(name)))
        case [first, *rest] if not first.startswith("-") and first not in COMMANDS:
            server.run([first, *rest])
        case _:
            raise SystemExit(USAGE)


if __name__ == "__main__":
    command(sys.argv[1:])
