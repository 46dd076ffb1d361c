"""`make images`: an image for each service, for the gateway and for all of them, by whichever builder works here.

    make images                            # docker, podman or buildah
    make images ARGS="identity gateway"    # only these
    make images WHEELS=dir BASE=name       # without a network: wheels of this folder (build/wheels of another machine)
    make images ARGS=prepare               # only what is copied into them, for Tilt, which builds them itself
    make images LOAD="ctr -n k8s.io images import -"    # hand each archive to a command as its standard input

What goes into them is prepared here, by this machine's own pip and npm; the build itself asks no package index.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra import sbom
from infra.local import machine
from infra.local.instance import SERVICES
from infra.local.report import CannotContinueError, Report

NAMES = (*SERVICES, "gateway", "all")
REQUIREMENTS = machine.ROOT / "requirements"
# what is copied into images: the locks of each, lists of parts, and the wheel house
BUILD = machine.ROOT / "build"
WHEELS = BUILD / "wheels"
DOCKERFILE = machine.ROOT / "infra" / "docker" / "Dockerfile"
# Megabytes above the base: of a service; more where libraries of its own come to it, the realm's and mail's, or the
# pages and spreadsheets of the door; and of all of it. Measured on 28 November 2026: 120,
# procurement 121, identity 129, approval 123, gateway 135, all 151.
LIMITS = dict.fromkeys(NAMES, 120) | {"procurement": 122, "identity": 131, "approval": 125, "gateway": 138, "all": 155}
BUILDERS = ("docker", "podman", "buildah")


def files_of(name: str) -> list[Path]:
    """The files that name what an image needs."""
    own = (*SERVICES, "gateway") if name == "all" else (name,)
    return [REQUIREMENTS / f"{each}.in" for each in ("chassis", *own)]


def needed(files: list[Path]) -> set[str]:
    """Names of all packages that these files ask for, with what those need, as this environment has them."""
    lines = [line.split(" #")[0].strip() for file in files for line in file.read_text().splitlines()]
    waiting = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    seen: dict[str, set[str]] = {}
    while waiting:
        one = waiting.pop()
        name, extras = canonicalize_name(one.name), {"", *one.extras}
        if extras <= seen.setdefault(name, set()):
            continue
        seen[name] |= extras
        for text in importlib.metadata.requires(name) or ():
            part = Requirement(text)
            if part.marker is None or any(part.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(part)
    return set(seen)


def locks(names: set[str]) -> str:
    """The lines of the lock that pin these packages, hashes and all."""
    blocks = re.findall(r"^([a-z0-9._-]+)(==.*\n(?: +--hash.*\n)+)", (REQUIREMENTS / "all.txt").read_text(), re.M)
    kept = {name: name + text for name, text in blocks if canonicalize_name(name) in names}
    if missing := names - {canonicalize_name(name) for name in kept}:
        raise CannotContinueError(f"requirements/all.txt does not pin {', '.join(sorted(missing))}: make lock")
    return "".join(kept.values())


def prepare(report: Report, given: str | None) -> None:
    """Everything that the Dockerfile copies and git does not hold."""
    machine.web_pages(report)
    sources = [*REQUIREMENTS.iterdir(), machine.ROOT / "web" / "package-lock.json", Path(sbom.__file__), Path(__file__)]
    wanted, stamp = machine.digest(sources, given or ""), BUILD / "prepared.from"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    with report.step("Wheels, locks and lists of parts (build/)"):
        WHEELS.mkdir(parents=True, exist_ok=True)
        common = needed(files_of("chassis"))
        parts = {name: needed(files_of(name)) for name in NAMES}
        (BUILD / "chassis.txt").write_text(locks(common))
        for name, packages in parts.items():
            (BUILD / f"{name}.txt").write_text(locks(packages - common))
        _lists(parts)
        _wheels(locks(set().union(*parts.values())), given)
        stamp.write_text(wanted)


def _lists(parts: dict[str, set[str]]) -> None:
    """What each image is made of, in CycloneDX: Python's packages, and those of the pages where it carries them."""
    installed, pages = sbom.installed(), sbom.pages("--omit=dev")["components"]
    head = {key: installed[key] for key in ("$schema", "bomFormat", "specVersion", "version")}
    for name, packages in parts.items():
        listed = [one for one in installed["components"] if canonicalize_name(one["name"]) in packages]
        listed += pages if name in ("gateway", "all") else []
        if bad := sbom.problems(listed):
            raise CannotContinueError("\n".join(bad))
        (BUILD / f"{name}.cdx.json").write_text(json.dumps(head | {"components": listed}, indent=1))


def _wheels(lock: str, given: str | None) -> None:
    """Fill the wheel house: from a folder, else by pip. What an older lock left there is harmless: the build holds each
    wheel against its hash.
    """
    if given is None:
        (BUILD / "wheels.txt").write_text(lock)
        command = ["download", "-q", "--no-deps", "--only-binary=:all:", "--require-hashes", "-d", str(WHEELS)]
        machine.run(
            [str(machine.PYTHON), "-m", "pip", *command, "-r", str(BUILD / "wheels.txt")],
            saying="The wheels could not be fetched; WHEELS=dir takes them from a folder",
        )
        return
    if not (found := sorted(Path(given).glob("*.whl"))):
        raise CannotContinueError(f"WHEELS={given} holds no wheel: copy build/wheels of a machine that built.")
    for wheel in found if Path(given).resolve() != WHEELS else ():
        shutil.copy2(wheel, WHEELS)


def builder() -> str:
    """The first program that does build here: one may be installed and have nobody to talk to."""
    wanted = [os.environ["BUILDER"]] if os.environ.get("BUILDER") else BUILDERS
    for program in wanted:
        if shutil.which(program) and subprocess.run([program, "info"], capture_output=True).returncode == 0:
            return program
    raise CannotContinueError(
        f"None of {', '.join(wanted)} works here (`{wanted[-1]} info` must end with 0). "
        "Install one of them, for example: apt-get install -y --no-install-recommends buildah"
    )


def commit() -> str:
    """The commit that is built; its name says when there is more than it in the folder."""
    head = machine.run(["git", "rev-parse", "--short=12", "HEAD"], saying="The commit is not known").strip()
    more = machine.run(["git", "status", "--porcelain"], saying="The state of the folder is not known").strip()
    return f"{head}-dirty" if more else head


def build(program: str, image: str, *options: str) -> None:
    """Build one image; the builder's words are shown only where it fails."""
    name, _, version = image.rpartition("/")[2].partition(":")
    labels = {"title": f"heyi {name}", "description": f"Heyi (合一): {name}", "version": version}
    labels |= {"revision": machine.run(["git", "rev-parse", "HEAD"], saying="The commit is not known").strip()}
    told = [word for key, value in labels.items() for word in ("--label", f"org.opencontainers.image.{key}={value}")]
    ours = [] if program == "docker" else ["--layers", "--ignorefile", f"{DOCKERFILE}.dockerignore"]
    machine.run(
        [program, "build", *ours, *told, *options, "-t", image, "-f", str(DOCKERFILE), str(machine.ROOT)],
        env=os.environ | {"DOCKER_BUILDKIT": "1"},
        saying=f"The image {image} could not be built",
    )


def size(program: str, image: str) -> float:
    """Megabytes of all its layers, unpacked."""
    ask = {"buildah": ["images", "--format", "{{.Size}}", image]}
    words = ask.get(program, ["image", "inspect", "--format", "{{.Size}} B", image])
    # one line for each name that the same image has
    number, unit = machine.run([program, *words], saying=f"There is no image {image}").splitlines()[0].split()
    return float(number) * {"B": 1e-6, "KB": 1e-3, "MB": 1.0, "GB": 1e3}[unit.upper()]


def load(program: str, image: str, command: str) -> None:
    """Hand the image as one archive to a command, on its standard input."""
    with tempfile.TemporaryDirectory(prefix="heyi-image-") as folder:
        file = Path(folder) / "image.tar"
        save = {"buildah": ["push", "-q", image, f"docker-archive:{file}:{image}"]}
        machine.run([program, *save.get(program, ["save", "-o", str(file), image])], saying=f"{image} cannot be saved")
        with file.open("rb") as archive:
            if (code := subprocess.run(["/bin/sh", "-c", command], stdin=archive).returncode) != 0:
                raise CannotContinueError(f"{image} could not be loaded: `{command}` ended with {code}")


def base_of(program: str, given: str | None) -> str:
    """The base asked for, else the one that the Dockerfile names; fetched where it is not here."""
    (named,) = re.findall(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(), re.M)
    base = given or named
    if subprocess.run([program, "inspect", "--type", "image", base], capture_output=True).returncode != 0:
        machine.run([program, "pull", base], saying="The base cannot be fetched; BASE=name takes another")
    return base


def over(name: str, above: float) -> str:
    """What to say of an image that is larger than it may be; nothing of any other."""
    return f"; over its limit of {LIMITS[name]} MB" if above > LIMITS[name] else ""


def images(arguments: list[str]) -> Iterator[tuple[str, bool]]:
    """Build what is asked for; tell one line of each, and whether it is too large."""
    report, setting = Report(), os.environ.get
    if strange := set(arguments) - set(NAMES):
        raise CannotContinueError(f"There is no image {', '.join(sorted(strange))}; there are {', '.join(NAMES)}.")
    program, prefix, tag = builder(), setting("IMAGES") or "localhost/heyi", setting("TAG") or commit()
    base = base_of(program, setting("BASE"))
    prepare(report, setting("WHEELS") or None)
    shared, below = ["--build-arg", f"BASE={base}"], size(program, base)
    if program != "docker":
        # docker keeps what stages share by itself; the others would go through all of it for each image
        with report.step("What all images share"):
            build(program, f"{prefix}/common:{tag}", *shared, "--target", "common")
        shared += ["--build-arg", f"COMMON={prefix}/common:{tag}"]

    def one(name: str) -> tuple[str, bool]:
        began, image = time.monotonic(), f"{prefix}/{name}:{tag}"
        build(program, image, *shared, "--build-arg", f"SERVICE={name}")
        if command := setting("LOAD"):
            load(program, image, command)
        above = size(program, image) - below
        told = f"{image:<48} {above:6.0f} MB above the base {time.monotonic() - began:7.1f} s"
        return told + (trouble := over(name, above)), bool(trouble)

    with ThreadPoolExecutor(2) as pool:
        yield from pool.map(one, arguments or NAMES)


def main() -> int:
    """Build the images named, or every one."""
    built = large = 0
    try:
        if sys.argv[1:] == ["prepare"]:
            prepare(Report(), os.environ.get("WHEELS") or None)
            return 0
        for line, trouble in images(sys.argv[1:]):
            print(line, flush=True)
            built, large = built + 1, large + trouble
    except CannotContinueError as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1
    print(f"images: {built} built" + (f", {large} over the limit" if large else ""))
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main())
