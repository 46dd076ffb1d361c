"""`make sbom`: every package that the suite is built of, in CycloneDX with its licence; GPL and AGPL are refused.

Python's packages are those of the lock, as the environment has them installed; the web's come from its lock.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from packaging.markers import Marker

from infra.local import machine

FOLDER = machine.HOME / "sbom"
LOCK = machine.ROOT / "requirements" / "all.txt"
# The lesser licence lets a program that is not under it use the library; the others do not.
REFUSED = re.compile(r"(?<![Ll])\bA?GPL|GNU (Affero )?General Public|Server Side Public|SSPL|BUSL|Business Source")
# Packages whose metadata says nothing, or lists a choice as if it were a sum: as their own licence files state it.
KNOWN = {
    "mypy-protobuf": "Apache-2.0",
    "protobuf": "BSD-3-Clause",
    "pyphen": "GPL-2.0-or-later OR LGPL-2.1-or-later OR MPL-1.1",
}


def licences(component: dict[str, Any]) -> list[str]:
    """What a component says of its licence: ids, names, expressions."""
    if component["name"] in KNOWN:
        return [KNOWN[component["name"]]]
    found = []
    for one in component.get("licenses", []):
        licence = one.get("license", {})
        found += [one.get("expression") or licence.get("id") or licence.get("name") or ""]
    return [text for text in found if text]


def refused(said: str) -> bool:
    """Whether no way to use it is left: of several licences to choose from, one is enough."""
    return all(REFUSED.search(choice) for choice in re.split(r"\s+OR\s+", said))


def problems(components: list[dict[str, Any]]) -> list[str]:
    """What may not be among our parts."""
    out = []
    for component in components:
        said = licences(component)
        if not said:
            out.append(f"{component['name']} {component['version']} says nothing about its licence")
        # a longer text beside an id is the licence itself, which may mention others
        out += [f"{component['name']} {component['version']}: {one}" for one in said if len(one) < 200 and refused(one)]
    return out


def locked() -> set[str]:
    """Names in the lock that this machine installs."""
    lines = re.findall(r"^([a-z0-9._-]+)==[^ ]+ *(;[^\\]*)?", LOCK.read_text(), re.M)
    return {name.replace("_", "-") for name, when in lines if not when or Marker(when.strip(" ;")).evaluate()}


def installed() -> dict[str, Any]:
    """Everything of the lock, and nothing else, as this environment has it."""
    tool = Path(sys.executable).parent / "cyclonedx-py"
    options = ["--output-reproducible", "--of", "JSON", "-o", "-"]
    done = subprocess.run([str(tool), "environment", *options, sys.executable], check=True, stdout=subprocess.PIPE)
    document: dict[str, Any] = json.loads(done.stdout)
    wanted = locked()
    kept = [one for one in document["components"] if one["name"].lower().replace("_", "-").replace(".", "-") in wanted]
    missing = wanted - {one["name"].lower().replace("_", "-").replace(".", "-") for one in kept}
    if missing:
        raise SystemExit(f"in the lock and not installed: {', '.join(sorted(missing))}")
    return document | {"components": kept}


def python(file: Path) -> list[dict[str, Any]]:
    """Write the list of Python's packages."""
    document = installed()
    file.write_text(json.dumps(document, indent=1))
    kept: list[dict[str, Any]] = document["components"]
    return kept


def web(file: Path) -> list[dict[str, Any]]:
    """Write the list of the web's packages."""
    document = pages()
    file.write_text(json.dumps(document, indent=1))
    found: list[dict[str, Any]] = document["components"]
    return found


def pages(*options: str) -> dict[str, Any]:
    """The web's packages, from its lock; `--omit=dev` are those that pages are made of."""
    command = ["npm", "sbom", "--sbom-format", "cyclonedx", "--package-lock-only", *options]
    done = subprocess.run(command, cwd=machine.ROOT / "web", check=True, capture_output=True, text=True)
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def main() -> int:
    """Write both lists and say what is in them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    bad: list[str] = []
    for name, write in (("python", python), ("web", web)):
        file = FOLDER / f"{name}.cdx.json"
        components = write(file)
        bad += problems(components)
        print(f"{file}: {len(components)} packages")
    print("\n".join(bad) if bad else "No GPL and no AGPL among them.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
