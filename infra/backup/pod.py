"""`python -m infra.backup.pod backup | secrets | restore | resend`: the same where parts of a release are pods.

The chart says what is where: TO, KEEP and BACKUP_KEY, FROM and AT as elsewhere; HEYI_DOCUMENTS_STORE the store;
SECRETS  a folder with what the release knows in secret: kept by `backup`, filled by `secrets`
BASE     a folder with the pipe from which `backup` takes a base backup (charts/heyi/files/base.sh); without it, and in
         `restore` without PGDATA, somebody else keeps the databases
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from infra.backup import making
from infra.backup.__main__ import say
from infra.backup.folder import Backup, chosen, cover_of, instant
from infra.backup.resending import resend
from infra.backup.restoring import fill_store, gather_log, refuse_late, unpack
from infra.local.instance import SERVICES
from infra.local.report import CannotContinueError, Report

LOG = "wal-archive"


def main(verb: str, said: Mapping[str, str]) -> None:
    """Do it."""
    match verb:
        case "backup":
            to = Path(said["TO"])
            making.make(source(said), to, cover_of(said, inside=to), keep=int(said["KEEP"]))
        case "secrets":
            secrets(said)
        case "restore":
            restore(said)
        case "resend":
            say(resend(said, tuple(name for name in SERVICES if f"HEYI_{name.upper()}_OWNER_DATABASE_URL" in said)))
        case _:
            raise CannotContinueError(__doc__ or "")


def source(said: Mapping[str, str]) -> making.Source:
    """The release's server, store and Secrets."""
    held = Path(said["SECRETS"])
    # <Secret>/<key>; what begins with dots are the links by which the kubelet changes all of them at once
    files = [file for file in sorted(held.glob("[!.]*/[!.]*")) if file.is_file()]

    @contextlib.contextmanager
    def base(arguments: Sequence[str]) -> Iterator[IO[bytes]]:
        place = Path(said["BASE"])
        (place / "arguments").write_text("\n".join(arguments) + "\n")
        with (place / "pipe").open("rb") as stream:
            yield stream
        code, words = place / "code", place / "words"
        if not code.exists() or code.read_text().strip() != "0":
            raise CannotContinueError(f"PostgreSQL's base backup failed:\n{words.read_text()}")

    return making.Source(
        name=said["HEYI_INSTANCE"],
        store=Path(said["HEYI_DOCUMENTS_STORE"]),
        small=[(f"secrets/{file.relative_to(held)}", file) for file in files],
        base=base if said.get("BASE") else None,
    )


def _backup(said: Mapping[str, str]) -> Backup:
    folder = chosen(Path(said["FROM"]), instant(said.get("AT", "")))
    backup = Backup(folder, cover_of(said, inside=folder.parent))
    refuse_late(backup, instant(said.get("AT", "")))
    return backup


def secrets(said: Mapping[str, str]) -> None:
    """What the release knew in secret, for whoever makes its Secrets."""
    backup = _backup(said)
    for name in backup.names:
        if name.startswith("secrets/"):
            backup.take(name, Path(said["SECRETS"]) / name.removeprefix("secrets/"))
    print(f"secrets of {backup.folder.name}, which is of {backup.facts['at']}", flush=True)


def restore(said: Mapping[str, str]) -> None:
    """Files and, where PGDATA is said, the databases' data with the log to work through. Never over data that is
    there; broken off in the middle it begins anew.
    """
    data = Path(said["PGDATA"]) if said.get("PGDATA") else None
    if data and data.exists():
        print(f"{data} is there already: nothing is restored over it", flush=True)
        return
    backup, report = _backup(said), Report()
    with report.step(f"Comparing {len(backup.names)} files of {backup.folder.name} with the manifest"):
        backup.verify()
    with report.step("Files of documents"):
        fill_store(backup, Path(said["HEYI_DOCUMENTS_STORE"]), [])
    if not data:
        return
    if "base.tar.gz" not in backup.names:
        raise CannotContinueError(f"The backup {backup.folder} holds files alone: its databases are kept elsewhere.")
    draft = data.with_name(f".{data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    with report.step("All databases"):
        unpack(backup, draft, None)
        gather_log(backup, data, [backup.folder.parent / LOG], None)
    (draft / "recovery.signal").touch(mode=0o600)
    os.sync()
    draft.rename(data)


if __name__ == "__main__":
    try:
        main("".join(sys.argv[1:]), os.environ)
    except (CannotContinueError, OSError) as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        sys.exit(1)
