"""Images: the rules that the Dockerfile keeps, and that each image holds what its code asks for."""

from __future__ import annotations

import ast
import fnmatch
import importlib.metadata
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from infra import images
from infra.local import machine
from infra.local.instance import SERVICES

INSTRUCTIONS = re.findall(
    r"^([A-Z]+) +(.+)$",
    re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", images.DOCKERFILE.read_text(), flags=re.M)),
    re.M,
)
IGNORED = [
    line
    for line in images.DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    if line and not line.startswith("#")
]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage, by its name; the last has none."""
    found: dict[str, list[tuple[str, str]]] = {}
    for word, rest in INSTRUCTIONS:
        if word == "FROM":
            found[rest.partition(" AS ")[2]] = current = [(word, rest)]
        elif found:
            current.append((word, rest))
    return found


def test_every_service_of_the_project_has_an_image_with_a_command_of_its_own() -> None:
    there = {file.parent.name for file in (machine.ROOT / "services").glob("*/__main__.py")}
    assert there == set(SERVICES)
    for name in (*there, "gateway", "all"):
        assert name in images.NAMES
        ((_, parent), (word, command)) = stages()[name]
        assert parent == f"runtime AS {name}"
        assert word == "CMD"
        assert json.loads(command)[-1] == name if name != "all" else set(json.loads(command)) == {"chassis", *there}


@pytest.mark.parametrize("name", images.NAMES)
def test_every_requirements_file_is_there_and_pinned_with_hashes(name: str) -> None:
    files = images.files_of(name)
    assert files[0].name == "chassis.in"
    assert all(file.exists() for file in files)
    names = images.needed(files)
    lines = images.locks(names)
    assert len(re.findall(r"^\S+==", lines, re.M)) == len(names)
    assert re.match(r"(\S+==\S+.*\n( +--hash=sha256:[0-9a-f]{64}.*\n)+)+$", lines)


def test_it_runs_as_nobody_known_without_a_shell() -> None:
    assert ("USER", "10001:10001") in stages()["common"]
    entry = [rest for word, rest in INSTRUCTIONS if word in ("ENTRYPOINT", "CMD")]
    assert all(isinstance(json.loads(one), list) for one in entry)
    # what comes after the user is set runs nothing and takes the user back nowhere
    after = INSTRUCTIONS[INSTRUCTIONS.index(("USER", "10001:10001")) + 1 :]
    assert {word for word, _ in after} == {"ENTRYPOINT", "CMD", "FROM", "ARG", "COPY"}


def test_bases_have_a_name_and_a_tag_and_can_be_given() -> None:
    (base,) = [rest for word, rest in INSTRUCTIONS if word == "ARG" and rest.startswith("BASE=")]
    python = re.search(r'requires-python = ">=(\d+\.\d+)', (machine.ROOT / "pyproject.toml").read_text())
    assert python
    assert re.fullmatch(rf"BASE=[a-z./]+/python:{re.escape(python[1])}-slim-[a-z]+", base)
    known = {"${BASE}", "${SERVICE}", "${COMMON}", *stages()}
    assert {rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"} <= known


def test_no_compiler_reaches_the_final_image_and_nothing_comes_from_an_index() -> None:
    final = [*stages()["printing"], *stages()["common"], *stages()["runtime"]]
    assert not re.search(r"\b(gcc|g\+\+|build-essential|binutils|-dev|make)\b", " ".join(rest for _, rest in final))
    libraries = " ".join(rest for _, rest in stages()["libraries"])
    assert "PIP_NO_INDEX=1" in libraries
    assert "PIP_REQUIRE_HASHES=1" in libraries
    assert not any("://" in rest for _, rest in INSTRUCTIONS)


def test_no_secret_is_told_to_a_build_or_can_be_copied() -> None:
    told = [rest for word, rest in INSTRUCTIONS if word in ("ARG", "ENV")]
    assert not [one for one in told if re.search(r"PASSWORD|SECRET|TOKEN|(?<!PYTHON)KEY|_URL", one, re.I)]
    # everything is left out, then what images are made of is let in
    assert IGNORED[0] == "*"
    assert not [line for line in IGNORED if line.startswith("!") and re.search(r"heyi|venv|git|env", line)]
    copied = {r.split()[0] for w, r in INSTRUCTIONS if w == "COPY" and not r.startswith("--from")}
    assert copied == {"build/chassis.txt", "build/${SERVICE}.txt", "build/${SERVICE}.cdx.json", "infra/docker/slim.sh",
                      "gen", "proto/labels", "chassis", "web/dist", "infra", "reconciler", "gateway",
                      "services"}  # fmt: skip


def ignored(path: str) -> bool:
    """Whether the build does not see a file: the last line that speaks of it decides."""
    seen = False
    for line in IGNORED:
        pattern = line.removeprefix("!")
        parts = path.split("/")
        if pattern.startswith("**/"):
            hit = any(fnmatch.fnmatch(part, pattern[3:]) for part in parts)
        else:
            hit = pattern == "*" or f"{path}/".startswith(f"{pattern}/")
        seen = not line.startswith("!") if hit else seen
    return seen


def test_what_is_read_at_run_time_can_be_copied_and_tests_cannot() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=machine.ROOT, check=True, capture_output=True, text=True).stdout
    left = {path for path in listed.splitlines() if ignored(path)}
    for path in listed.splitlines():
        if path.startswith(("chassis/", "gateway/", "services/", "reconciler/", "infra/", "proto/labels/")):
            test = "/tests/" in path or Path(path).name.startswith("test_") or path.endswith(".md")
            assert (path in left) == test, path
    assert {"conftest.py", "Makefile", ".ci/run", "web/package.json"} <= left
    assert ignored(".heyi/up/instance.json")
    assert ignored(".git/config")
    assert not ignored("gen/heyi.binpb")
    assert not ignored("web/dist/index.html")


def imported(folder: Path) -> set[str]:
    """The first names of all modules that code asks for, tests left out."""
    found = set()
    for file in folder.rglob("*.py"):
        if "tests" in file.parts or file.name.startswith(("test_", "testing")):
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        *((service, ("chassis", f"services/{service}")) for service in SERVICES),
        ("gateway", ("chassis", "gateway")),
        ("all", ("chassis", "gateway", "services", "reconciler", "infra/keycloak", "infra/local/demo")),
    ],
)
def test_each_image_holds_what_its_code_imports(name: str, folders: tuple[str, ...]) -> None:
    asked = set().union(*(imported(machine.ROOT / folder) for folder in folders))
    assert not [module for module in asked if module.startswith("cel_expr_python.ext")], "slim.sh takes them away"
    ours = {"chassis", "gateway", "reconciler", "infra", "heyi", *SERVICES}
    first = {module.partition(".")[0] for module in asked} - ours - sys.stdlib_module_names - {"__future__"}
    made_by = importlib.metadata.packages_distributions()
    there = images.needed(images.files_of(name))
    # several packages share the name `google`: one that is there stands for it
    missing = {m for m in first if not {canonicalize_name(one) for one in made_by.get(m, ())} & there}
    assert missing == set()


def test_an_image_says_what_it_is_and_of_which_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []
    head = machine.run(["git", "rev-parse", "HEAD"], saying="").strip()
    monkeypatch.setattr(images.machine, "run", lambda command, **_: ran.append(command) or head)
    images.build("buildah", f"localhost/heyi/identity:{head[:12]}-dirty")
    command = ran[-1]
    said = dict(command[i + 1].split("=", 1) for i, word in enumerate(command) if word == "--label")
    assert said["org.opencontainers.image.revision"] == head
    assert said["org.opencontainers.image.version"] == f"{head[:12]}-dirty"
    assert said["org.opencontainers.image.title"] == "heyi identity"


def test_a_builder_that_has_nobody_to_talk_to_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program, code in (("docker", 1), ("buildah", 0)):
        (tmp_path / program).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("BUILDER", raising=False)
    assert images.builder() == "buildah"
    monkeypatch.setenv("BUILDER", "docker")
    with pytest.raises(images.CannotContinueError, match="docker info"):
        images.builder()


@pytest.mark.parametrize("name", images.NAMES)
def test_an_image_over_its_limit_is_told(name: str) -> None:
    assert images.over(name, images.LIMITS[name]) == ""
    assert str(images.LIMITS[name]) in images.over(name, images.LIMITS[name] + 0.5)
