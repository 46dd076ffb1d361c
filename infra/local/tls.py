"""TLS between the parts of an instance (`HEYI_TLS=on` at its first start): where the files lie, who is told of them.

The certificates are made by a program of the suite's own environment (`infra.local.certificates`): this module is the
runner's and needs the standard library alone.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path

from infra.local import machine
from infra.local.report import CannotContinueError

RUNNER = "runner"  # asks parts for their health; no account of it may do anything


def wanted() -> bool | None:
    """What HEYI_TLS says; None where it says nothing."""
    said = os.environ.get("HEYI_TLS", "")
    if said not in ("", "on", "off"):
        raise CannotContinueError(f"HEYI_TLS is on or off, not {said!r}.")
    return said == "on" if said else None


class TlsFiles:
    """The authority and the certificates of an instance, in `folder`."""

    def __init__(self, folder: Path, parts: Sequence[str]) -> None:
        self.folder = folder
        self.parts = (*parts, RUNNER)
        self.authority = folder / "ca.pem"

    def certificate(self, part: str) -> Path:
        return self.folder / f"{part}.pem"

    def key(self, part: str) -> Path:
        return self.folder / f"{part}.key.pem"

    def env(self, *owners: str) -> dict[str, str]:
        """What these processes must be told."""
        env = {"HEYI_TLS_CA": str(self.authority)}
        for owner in owners:
            env[f"HEYI_{owner.upper()}_TLS_CERT"] = str(self.certificate(owner))
            env[f"HEYI_{owner.upper()}_TLS_KEY"] = str(self.key(owner))
        return env

    def context(self) -> ssl.SSLContext:
        """For what the runner asks itself: trusts this authority alone."""
        context = ssl.create_default_context(cafile=self.authority)
        context.load_cert_chain(self.certificate(RUNNER), self.key(RUNNER))
        return context

    def renew(self) -> None:
        """Make what is missing or near its end; a part reads its files when it starts."""
        command = [str(machine.PYTHON), "-m", "infra.local.certificates", str(self.folder), *self.parts]
        machine.run(command, saying="The certificates could not be made")
