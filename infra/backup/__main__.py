"""`python -m infra.backup backup | restore | resend | drill`, INSTANCE in the environment; what else is said there too:

backup    TO=folder  KEEP=number                  restore   FROM=backup  AT=time  LOG=archive  FILES=store  YES=1
drill     FROM=backup                             each      BACKUP_KEY=file, or UNENCRYPTED=yes
drill     KUBECONFIG=file NAMESPACE=name SCRATCH=name: the release there (infra/backup/cluster.py)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from infra.backup import drill, making, restoring
from infra.backup.folder import chosen, cover_of, instant
from infra.backup.resending import Resent, resend
from infra.local import machine
from infra.local.instance import SERVICES, Instance
from infra.local.report import CannotContinueError


def main(verb: str, said: Mapping[str, str]) -> int:
    """Do it; a missing thing ends with its plain words and 1."""
    instance = Instance(said.get("INSTANCE", "up"))
    to = _folder(said, "TO") or machine.HOME / "backups" / instance.name
    match verb:
        case "backup":
            making.make(
                making.source_of(instance), to, cover_of(said, inside=to), keep=int(said.get("KEEP") or making.KEPT)
            )
        case "restore":
            _restore(instance, _from(said, to), said)
        case "resend":
            say(resend(instance.env(), SERVICES))
        case "drill" if said.get("KUBECONFIG") and said.get("NAMESPACE"):
            from infra.backup import cluster  # what asks clusters is not carried by every machine that keeps backups

            return cluster.drill(said)
        case "drill":
            return drill.begin(_from(said, to), said)
        case _:
            raise CannotContinueError(__doc__ or "")
    return 0


def _folder(said: Mapping[str, str], name: str) -> Path | None:
    return Path(said[name]).expanduser().resolve() if said.get(name) else None


def _from(said: Mapping[str, str], to: Path) -> Path:
    return chosen(_folder(said, "FROM") or to, instant(said.get("AT", "")))


def _restore(instance: Instance, folder: Path, said: Mapping[str, str]) -> None:
    def sure(there: Path) -> bool:
        if said.get("YES") == "1" or not sys.stdin.isatty():
            return said.get("YES") == "1"
        print(f"The instance {instance.name!r} is there already ({there}). It is moved aside, nothing of it is lost.")
        return input("Type its name to go on: ").strip() == instance.name

    done = restoring.restore(
        instance,
        folder,
        cover_of(said, inside=folder.parent),
        at=instant(said.get("AT", "")),
        log=_folder(said, "LOG"),
        files=_folder(said, "FILES"),
        sure=sure,
    )
    line = done.instance.report.line
    line(
        f"{done.checked} files compared; the last change that came back is of "
        f"{done.until or 'before the end of the backup'}"
    )
    say(done.resent)
    for place in done.aside:
        line(f"What was there before: {place}")
    line(
        f"Start it: INSTANCE={instance.name} make up; does all of it agree: make reconcile. "
        "Its log is kept from its next `make backup` on: make one now."
    )


def say(owed: list[Resent]) -> None:
    for one in owed:
        print(f"  {one.events} {one.subject} had not reached {one.consumer}: sent again")
    if not owed:
        print("  every event that was sent had reached all who listen: none is sent again")


if __name__ == "__main__":
    try:
        sys.exit(main("".join(sys.argv[1:]), os.environ))
    except (CannotContinueError, OSError) as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        sys.exit(1)
