"""`make test`, `make e2e`, `make matrix`, `make attack` and `make lint`: every check of the suite, each prepared from
nothing, with names, times and one verdict.

The stories of e2e-tests run against the instance "test", which is set up anew for each run and stopped at its end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree  # reads only reports that pytest wrote here
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.local import machine
from infra.local.instance import Instance
from infra.local.report import CannotContinueError, Report

REPORTS = machine.HOME / "reports"
UNIT_FOLDERS = ("proto", "chassis", "gateway", "services", "infra", "bench", "chaos")
# the reports of the stories: of those that play on the instance, and of those beside them
STORIES = ("e2e", "beside")
# of how many failures the end of the output says why, and in how many lines
TOLD, LAST_LINES = 12, 25
# what pytest ends with where all passed, or where none was asked for by name
OR_NONE = (0, 5)
STRICT = ("chassis", "gateway", "reconciler")
MAXIMUM_LINES = 600
# stories and unit tests that are attacks too
ATTACKS_ELSEWHERE = [
    *(f"e2e-tests/test_api_{name}.py" for name in ("who", "direct_grpc", "bad_input", "cutoff")),
    "chassis/tests/test_authn.py",
    "gateway/tests/test_sessions.py",
]


def test(report: Report, arguments: Sequence[str]) -> bool:
    """Run every test; arguments go to pytest (a path or -k shortens the run while working)."""
    began = time.monotonic()
    machine.debian_packages(report, browser=True)
    machine.python_packages(report)
    machine.generated_code(report)
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    instance = Instance("test", report)
    instance.reset()  # some unit tests want a Keycloak: they start this instance's, and must not find an older run's
    with ThreadPoolExecutor(1) as beside:
        ready = beside.submit(instance.up, demo=False, only_infrastructure=True)
        results = [_pytest(report, "unit", [*_existing(UNIT_FOLDERS), "-n", "2", *arguments])]
        ready.result()
    machine.web_pages(report)
    noting = ["--reporter=default", "--reporter=junit", f"--outputFile.junit={REPORTS / 'web.xml'}"]
    vitest = ["npm", "run", "--silent", "test", "--", *noting]
    instance.reset()
    try:
        with ThreadPoolExecutor(1) as beside:
            ready = beside.submit(_up_for_stories, instance)
            results.append(_command(report, "web", vitest, cwd=machine.ROOT / "web"))
            ready.result()
        results.append(_stories(report, instance, arguments))
    finally:
        instance.down()
    counted = [_counts(file) for file in sorted(REPORTS.glob("*.xml"))]
    ran, failed, skipped = (sum(column) for column in zip(*counted, strict=True))
    print("\nBrowser stories played in Chromium:")
    stories = [story for part in STORIES for story in _browser_stories(REPORTS / f"{part}.xml")]
    print("\n".join(f"  {'passed' if passed else 'FAILED'}  {name}" for name, passed in stories) or "  none")
    print(_why("unit", "web", *STORIES))
    seconds = time.monotonic() - began
    print(f"\n{ran} tests, {failed} failed, {skipped} skipped, {seconds // 60:.0f} min {seconds % 60:.0f} s")
    return all(results) and failed == 0 and skipped == 0


def e2e(report: Report, arguments: Sequence[str]) -> bool:
    """Run only the stories; the instance keeps running, so that the next round begins at once."""
    machine.debian_packages(report, browser=True)
    instance = Instance("test", report)
    _up_for_stories(instance)
    passed = _stories(report, instance, arguments)
    print(_why(*STORIES))
    return passed


def pictures(report: Report, arguments: Sequence[str]) -> bool:
    """Take the pictures of the user guide anew, from the demo of the instance "test"."""
    machine.debian_packages(report, browser=True)
    instance = Instance("test", report)
    _up_for_stories(instance)
    return _stories(report, instance, arguments, paths=("e2e-tests/take_pictures.py",))


def matrix(report: Report, arguments: Sequence[str]) -> bool:
    """Ask everything in the contract as everybody; ends with how many answers are not as the table says."""
    machine.debian_packages(report, browser=True)
    instance = Instance("test", report)
    instance.up()
    REPORTS.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, **instance.env(), "INSTANCE": instance.name}
    passed = _pytest(report, "matrix", ["e2e-tests/test_matrix.py", *arguments], env=env)
    noted = [
        (one.get("name"), int(one.get("value", 0)))
        for one in ElementTree.parse(REPORTS / "matrix.xml").getroot().iter("property")
    ]
    cells, wrong = (sum(value for name, value in noted if name == of) for of in ("cells", "wrong"))
    wrong = max(wrong, _counts(REPORTS / "matrix.xml")[1])  # a test that broke off counted nothing
    print(f"\nmatrix: {wrong} wrong of {cells} cells")
    return passed and cells > 0


def uploads(report: Report, arguments: Sequence[str]) -> bool:
    """Send 2 GiB on an instance of its own while sender and services die; ends with how many bytes are wrong."""
    machine.debian_packages(report, browser=True)
    os.environ["HEYI_DOCUMENTS_LIMITS"] = "file=4GiB,person=8GiB"
    instance = Instance("uploads", report)
    REPORTS.mkdir(parents=True, exist_ok=True)
    try:
        instance.up()
        size = str(int(arguments[0]) if arguments else 2 * 1024**3)
        env = {**os.environ, **instance.env(), "INSTANCE": instance.name, "HEYI_UPLOADS_BYTES": size}
        passed = _pytest(report, "uploads", ["e2e-tests/test_uploads.py", "--timeout=3000"], env=env)
    finally:
        instance.down()
    properties = ElementTree.parse(REPORTS / "uploads.xml").getroot().iter("property")
    noted = {one.get("name"): one.get("value") for one in properties}
    print(f"\nuploads: {noted.get('wrong', 'unknown')} wrong of {noted.get('bytes', '0')} bytes")
    return passed


def attack(report: Report, arguments: Sequence[str]) -> bool:
    """Attack a fresh instance in every way that is known; ends with how many attacks got through."""
    machine.debian_packages(report, browser=True)
    instance = Instance("attack", report)
    instance.reset()
    REPORTS.mkdir(parents=True, exist_ok=True)
    (REPORTS / "attack.xml").unlink(missing_ok=True)
    # a full scan leaves the demo company as the administrator's fuzzing left it, and the logs are read at the end
    last = ["attacks/test_attack_schemathesis.py", "attacks/test_no_secret_was_written.py"]
    first = sorted(str(file.relative_to(machine.ROOT)) for file in (machine.ROOT / "attacks").glob("test_*.py"))
    paths = [*(file for file in first if file not in last), *ATTACKS_ELSEWHERE, *last]
    try:
        instance.up()
        env = {**os.environ, **instance.env(), "INSTANCE": instance.name, "HEYI_CHROMIUM": machine.chromium() or ""}
        _pytest(report, "attack", [*paths, *arguments], env=env)
    finally:
        instance.down()
    ran, failed, skipped = _counts(REPORTS / "attack.xml") if (REPORTS / "attack.xml").exists() else (0, 0, 0)
    print(_why("attack"))
    print(f"\nattacks: {failed + skipped} got through of {ran}")
    return ran > 0 and failed + skipped == 0


def prepare(report: Report) -> bool:
    """Get ready what a program of ours needs to run: packages and generated code."""
    machine.debian_packages(report)
    machine.python_packages(report)
    machine.generated_code(report)
    return True


def lint(report: Report) -> bool:
    """Run every check that reads the code without running it."""
    prepare(report)
    machine.web_packages(report)
    tool = str(machine.PYTHON.parent) + "/"
    rules = sorted(str(file.relative_to(machine.ROOT)) for file in (machine.ROOT / "services").rglob("rules.py"))
    buf = str(machine.ROOT / "web" / "node_modules" / ".bin" / "buf")
    checks: dict[str, list[str]] = {
        "ruff check": [tool + "ruff", "check", "."],
        "ruff format": [tool + "ruff", "format", "--check", "."],
        "mypy": [tool + "mypy", *_existing(STRICT), *rules],
        "import-linter": [tool + "lint-imports"],
        "buf lint": [buf, "lint", "gen/heyi.binpb", "--config", "proto/buf.yaml"],
        "buf breaking": [
            buf,
            "breaking",
            "gen/heyi.binpb",
            "--against",
            "proto/baseline.binpb",
            "--config",
            "proto/buf.yaml",
        ],
        "web": ["npm", "run", "--silent", "--prefix", "web", "lint"],
    }
    results = [_command(report, name, command) for name, command in checks.items()]
    results.append(_no_long_files(report))
    print("\nAll checks passed." if all(results) else "\nSome checks failed: the lines above say which.")
    return all(results)


def _up_for_stories(instance: Instance) -> None:
    """A story puts the clock of this instance forward, so that time that would have to be waited for passes."""
    os.environ["HEYI_FAULTS"] = str(instance.folder / "faults")
    try:
        instance.up()
    finally:
        del os.environ["HEYI_FAULTS"]


def _stories(
    report: Report, instance: Instance, arguments: Sequence[str], *, paths: Sequence[str] = ("e2e-tests",)
) -> bool:
    """Those that play on the instance, one after the other; beside them those that set up parts of their own."""
    browsers = {"HEYI_CHROMIUM": machine.chromium() or "", "HEYI_FIREFOX": machine.firefox() or ""}
    env = {**os.environ, **instance.env(), "INSTANCE": instance.name, **browsers}
    REPORTS.mkdir(parents=True, exist_ok=True)
    for part in STORIES:
        (REPORTS / f"{part}.xml").unlink(missing_ok=True)
    with (REPORTS / "beside.log").open("w+") as said:
        beside = subprocess.Popen(
            _pytest_command("beside", [*paths, "-m", "beside", *arguments]),
            cwd=machine.ROOT, env=env, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            command = _pytest_command("e2e", [*paths, "-m", "not beside", *arguments])
            passed = _command(report, "e2e tests", command, env=env, fine=OR_NONE)
        finally:
            code = beside.wait()
        said.seek(0)
        print(said.read())
    report.line(f"e2e tests beside them: {'passed' if code in OR_NONE else f'FAILED ({code})'}")
    ran = sum(_counts(REPORTS / f"{part}.xml")[0] for part in STORIES if (REPORTS / f"{part}.xml").exists())
    return passed and code in OR_NONE and ran > 0


def _pytest(report: Report, name: str, arguments: Sequence[str], *, env: dict[str, str] | None = None) -> bool:
    return _command(report, f"{name} tests", _pytest_command(name, arguments), env=env)


def _pytest_command(name: str, arguments: Sequence[str]) -> list[str]:
    quiet = "-q" if name == "unit" else "-v"
    return [str(machine.PYTHON), "-m", "pytest", quiet, f"--junitxml={REPORTS / name}.xml", *arguments]


def _command(
    report: Report,
    name: str,
    command: Sequence[str],
    *,
    cwd: Path = machine.ROOT,
    env: dict[str, str] | None = None,
    fine: Sequence[int] = (0,),
) -> bool:
    began = time.monotonic()
    report.line(f"{name} ...")
    code = subprocess.run(list(command), cwd=cwd, env=env).returncode
    passed = code in fine
    report.line(f"{name}: {'passed' if passed else f'FAILED ({code})'} in {time.monotonic() - began:.1f} s")
    return passed


def _counts(file: Path) -> tuple[int, int, int]:
    suites = list(ElementTree.parse(file).getroot().iter("testsuite"))
    number = {
        name: sum(int(suite.get(name, 0)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
    }
    return number["tests"], number["failures"] + number["errors"], number["skipped"]


def _why(*parts: str) -> str:
    """Each failed test with its file and the end of what it said: the last screen is all that some people see."""
    told = []
    for part in parts:
        if not (file := REPORTS / f"{part}.xml").exists():
            told.append(f"{part}: ended before it could report; its own output says why")
            continue
        for case in ElementTree.parse(file).getroot().iter("testcase"):
            for child in case:
                if child.tag in ("failure", "error"):
                    lines = (child.text or child.get("message") or "").rstrip().splitlines()[-LAST_LINES:]
                    where = case.get("file") or case.get("classname") or part
                    told.append("\n    ".join([f"{where}: {case.get('name')}", *lines]))
    further = [one.splitlines()[0] for one in told[TOLD:]]
    return "".join(f"\nFAILED  {one}\n" for one in told[:TOLD]) + "".join(f"FAILED  {one}\n" for one in further)


def _browser_stories(file: Path) -> list[tuple[str, bool]]:
    """Return the stories whose file or folder is called after the browser, and whether each passed."""
    if not file.exists():
        return []
    cases = [
        case for case in ElementTree.parse(file).getroot().iter("testcase") if "browser" in case.get("classname", "")
    ]
    bad = {"failure", "error", "skipped"}
    return [
        (f"{(case.get('name') or '').removeprefix('test_').replace('_', ' ')}", not bad & {child.tag for child in case})
        for case in cases
    ]


def _no_long_files(report: Report) -> bool:
    """Refuse source files over 600 lines whose first lines do not say why (in words that contain "600 lines")."""
    found = []
    for folder in (*UNIT_FOLDERS, "e2e-tests", "attacks", "chaos", "reconciler", "web/src", "web/tests"):
        for file in (machine.ROOT / folder).rglob("*"):
            if file.suffix in {".py", ".ts", ".tsx", ".proto", ".css"} and "node_modules" not in file.parts:
                lines = file.read_text("utf-8").splitlines()
                if len(lines) > MAXIMUM_LINES and "600 lines" not in "\n".join(lines[:20]):
                    found.append(f"    {file.relative_to(machine.ROOT)}: {len(lines)} lines")
    report.line("file length: passed" if not found else "file length: FAILED\n" + "\n".join(found))
    return not found


def _existing(folders: Sequence[str]) -> list[str]:
    return [folder for folder in folders if (machine.ROOT / folder).exists()]


def main() -> int:
    """Run the named check and end with 0 only when all of it passed."""
    report, arguments = Report(), sys.argv[2:]
    checks: dict[str, Callable[[], bool]] = {
        "test": lambda: test(report, arguments),
        "e2e": lambda: e2e(report, arguments),
        "pictures": lambda: pictures(report, arguments),
        "lint": lambda: lint(report),
        "attack": lambda: attack(report, arguments),
        "matrix": lambda: matrix(report, arguments),
        "uploads": lambda: uploads(report, arguments),
        "prepare": lambda: prepare(report),
    }
    try:
        return 0 if checks[sys.argv[1]]() else 1
    except CannotContinueError as trouble:
        print(f"\n{trouble}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
