"""The Tiltfile, run by Starlark with stand-ins that record what it asks of Tilt; by Tilt itself where there is one."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import starlark
import yaml

from infra import chart
from infra.local import machine
from infra.local.report import Report

ROOT = machine.ROOT
# where the suite lies in an image
HEYI = "/heyi"


class Tilt:
    """Runs a Tiltfile; `root` holds files that stand before the repository's."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.read: list[str] = []
        self.calls: dict[str, list[dict[str, Any]]] = {}
        module = starlark.Module()
        for name, does in {
            "read_file": self.text,
            "read_yaml": lambda path: yaml.safe_load(self.text(path)),
            "encode_yaml": yaml.safe_dump,
            "encode_yaml_stream": yaml.safe_dump_all,
            "decode_yaml_stream": lambda text: [one for one in yaml.safe_load_all(text) if one],
            "helm": self.helm,
            "sync": lambda here, there: {"sync": here, "to": there},
            "run": lambda command, trigger: {"run": command, "trigger": trigger},
            "link": lambda url, name: {"url": url, "name": name},
            "port_forward": lambda here, there, name: {"local": here, "container": there, "name": name},
        }.items():
            module.add_callable(name, does)
        for name, first in {
            "docker_build": ("ref", "context"),
            "k8s_resource": ("workload",),
            "k8s_yaml": ("yaml",),
            "local_resource": ("name", "cmd"),
        }.items():
            module.add_callable(name, self.recorded(name, first))
        module["TRIGGER_MODE_MANUAL"] = "manual"
        text = self.text("Tiltfile")
        starlark.eval(
            module, starlark.parse("Tiltfile", text, starlark.Dialect.extended()), starlark.Globals.standard()
        )

    def recorded(self, name: str, first: tuple[str, ...]) -> Any:
        def call(*words: Any, **named: Any) -> None:
            self.calls.setdefault(name, []).append(dict(zip(first, words, strict=False)) | named)

        return call

    def text(self, path: str) -> str:
        self.read.append(path)
        return next(file for file in (self.root / path, ROOT / path) if file.exists()).read_text("utf-8")

    def helm(self, path: str, *, name: str, namespace: str, values: list[str], set: list[str]) -> str:
        """The chart's own rendering, by the real Helm."""
        words = [word for file in values for word in ("--values", str(self.root / file))]
        words += [word for one in set for word in ("--set", one)]
        assert (name, namespace) == ("heyi", "heyi"), "what chart.template renders"
        self.read += [path, *values]
        return chart.template(*words, chart=self.root / path)

    @property
    def builds(self) -> dict[str, dict[str, Any]]:
        """Each build by its image; fails where an image is built twice."""
        refs = [one["ref"] for one in self.calls["docker_build"]]
        assert len(refs) == len(set(refs)), refs
        return dict(zip(refs, self.calls["docker_build"], strict=True))

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [one for call in self.calls["k8s_yaml"] for one in yaml.safe_load_all(call["yaml"])]

    def pods(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Kind and name of each workload, and what its pods are made of."""
        found = [one for one in self.objects if "template" in one.get("spec", {})]
        return [(one["kind"], one["metadata"]["name"], one["spec"]["template"]["spec"]) for one in found]


@pytest.fixture(scope="module")
def tilt() -> Tilt:
    return Tilt()


VALUES = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
SERVICES = VALUES["services"]


def image_of(name: str) -> str:
    return "heyi/" + (SERVICES[name].get("image", {}).get("name") or name)


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_one_build_and_one_resource(tilt: Tilt, name: str) -> None:
    assert tilt.builds[image_of(name)]["build_args"] == {"SERVICE": image_of(name).removeprefix("heyi/")}
    resources = [one for one in tilt.calls["k8s_resource"] if one.get("new_name") == name]
    assert [one["workload"] for one in resources] == [f"heyi-{name}"]
    forwards, door = resources[0]["port_forwards"], VALUES["serviceDefaults"] | SERVICES[name]
    assert [one["container"] for one in forwards] == ([] if door["protocol"] == "none" else [door["port"]])
    assert resources[0]["links"]


def test_nothing_is_built_that_no_service_runs(tilt: Tilt) -> None:
    assert set(tilt.builds) == {image_of(name) for name in SERVICES}


def test_every_image_of_ours_that_the_chart_renders_is_built(tilt: Tilt) -> None:
    used = {
        container["image"]
        for _, _, pod in tilt.pods()
        for container in [*pod.get("initContainers", []), *pod["containers"]]
    }
    ours = {image.partition(":")[0] for image in used if image.startswith("heyi/")}

    assert ours == set(tilt.builds)
    # another maker's: by a registry
    assert {image.partition("/")[0] for image in used if not image.startswith("heyi/")} == {"docker.io", "quay.io"}


def test_every_workload_is_a_resource_with_a_name_and_a_port_of_its_own(tilt: Tilt) -> None:
    resources = tilt.calls["k8s_resource"]
    names = [one["new_name"] for one in resources] + [one["name"] for one in tilt.calls["local_resource"]]
    taken = [forward["local"] for one in resources for forward in one.get("port_forwards", [])]

    assert sorted(one["workload"] for one in resources) == sorted(name for _, name, _ in tilt.pods())
    assert len(names) == len(set(names))
    assert len(taken) == len(set(taken))
    assert {need for one in resources for need in one.get("resource_deps", [])} <= set(names)


def test_only_services_may_write_to_their_root_and_begin_anew(tilt: Tilt) -> None:
    for kind, name, pod in tilt.pods():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            service = kind == "Deployment" and container["name"] in SERVICES
            assert container["securityContext"]["readOnlyRootFilesystem"] is not service, name
            assert (container.get("command", [""])[0] == "sh") is service, name
            if service:
                entry = SERVICES[container["name"]]
                asked = entry.get("command") or ["python", "-m", "chassis", container["name"]]
                assert container["command"][-len(asked) :] == asked
    assert "migrate" in json.dumps([one for one in tilt.objects if one["kind"] == "Job"])


def test_the_test_of_the_release_is_not_run_at_once(tilt: Tilt) -> None:
    assert not [one for one in tilt.objects if "test" in one["metadata"].get("annotations", {}).values()]
    (namespace,) = (one for one in tilt.objects if one["kind"] == "Namespace")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}


def test_every_path_is_there_and_inside_the_repository(tilt: Tilt) -> None:
    local = [path for one in tilt.calls["local_resource"] for path in one.get("deps", [])]
    for build in tilt.calls["docker_build"]:
        synced = [step["sync"] for step in build["live_update"] if "sync" in step]
        assert set(synced) <= set(build["only"]), "what is not in the context is not watched"
        assert {step["to"] for step in build["live_update"] if "sync" in step} == {f"{HEYI}/{one}" for one in synced}
        local += [build["context"], *build["only"]]
    for path in {*local, *tilt.read}:
        assert (ROOT / path).resolve().is_relative_to(ROOT), path
        # made by `make gen` and `make images ARGS=prepare`
        assert (ROOT / path).exists() or path.split("/")[0] in ("gen", "build") or path.startswith("web/dist"), path
    assert (ROOT / "web/public/favicon.svg").exists(), "what web/dist/favicon.svg is a copy of"


def test_a_service_is_updated_by_its_own_code_and_by_no_other_services(tilt: Tilt) -> None:
    for name in SERVICES:
        build = tilt.builds[image_of(name)]
        synced = {step["sync"] for step in build["live_update"] if "sync" in step}
        restarts = [step for step in build["live_update"] if "run" in step]
        assert {"chassis", "gen", "proto/labels"} < synced
        if image_of(name) == f"heyi/{name}" and name != "gateway":
            assert synced == {"chassis", "gen", "proto/labels", f"services/{name}"}
            assert [path for path in build["only"] if path.startswith("services/")] == sorted(
                {f"services/{name}", "services/identity/__init__.py"},
                key=lambda path: path != f"services/{name}",
            )
        # pages are read anew as they change: nothing has to begin again for them
        assert [set(step["trigger"]) for step in restarts] == [synced - {"web/dist"}]
        assert ("web/dist" in synced) == (name in ("gateway", "reconciler"))


def test_the_image_is_that_of_the_dockerfile_and_its_code_can_be_written_to(tilt: Tilt) -> None:
    dockerfile = (ROOT / "infra/docker/Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.M)
    for build in tilt.calls["docker_build"]:
        assert build["dockerfile_contents"].startswith(dockerfile)
        lines = build["dockerfile_contents"].removeprefix(dockerfile).split("\n")
        assert lines[1] == "FROM runtime AS development"
        assert lines[-2] == "USER 10001:10001"
        # the context holds all that it copies: each folder as a whole, or a file that keeps it there
        for path in copied:
            name = path.replace("${SERVICE}", build["build_args"]["SERVICE"])
            assert [one for one in build["only"] if one == name or one.startswith(name + "/")], name
        assert {"**/tests", "**/__pycache__"} < set(build["ignore"])


def test_every_service_with_tests_has_a_button_and_none_presses_itself(tilt: Tilt) -> None:
    buttons = {one["name"]: one for one in tilt.calls["local_resource"] if one["labels"] == ["tests"]}

    assert {"lint", "e2e", "test-web", "test-gateway"} < set(buttons)
    assert {f"test-{folder.name}" for folder in (ROOT / "services").iterdir() if (folder / "tests").exists()} < set(
        buttons
    )
    assert {(one["auto_init"], one["trigger_mode"]) for one in buttons.values()} == {(False, "manual")}
    for one in buttons.values():
        if folder := re.search(r"pytest -q (\S+)", one["cmd"]):
            assert list((ROOT / folder[1]).rglob("test_*.py")), folder[1]
        if verb := re.fullmatch(r"make (\w+)", one["cmd"]):
            assert re.search(rf"^{verb[1]}:", (ROOT / "Makefile").read_text(), re.M)


def test_a_new_entry_of_the_values_is_all_it_takes(tmp_path: Path) -> None:
    shutil.copytree(chart.CHART, tmp_path / "charts" / "heyi")
    values = tmp_path / "charts" / "heyi" / "values.yaml"
    values.write_text(values.read_text("utf-8").replace("\n  inventory: {}\n", "\n  inventory: {}\n  expenses: {}\n"))

    there = Tilt(tmp_path)

    assert there.builds["heyi/expenses"]["build_args"] == {"SERVICE": "expenses"}
    assert {"sync": "services/expenses", "to": "/heyi/services/expenses"} in there.builds["heyi/expenses"][
        "live_update"
    ]
    assert [one["workload"] for one in there.calls["k8s_resource"] if one["new_name"] == "expenses"] == [
        "heyi-expenses"
    ]
    assert "heyi-expenses" in {name for kind, name, _ in there.pods() if kind == "Deployment"}


def test_a_pod_begins_its_service_anew_at_hup_and_ends_with_it(tilt: Tilt) -> None:
    command = next(pod["containers"][0]["command"] for _, name, pod in tilt.pods() if name == "heyi-identity")
    # blocked before it says so, else a stop between that and the wait for it were lost
    service = (
        "import os, signal, sys; stop = [signal.SIGTERM]; signal.pthread_sigmask(signal.SIG_BLOCK, stop); "
        "print(os.getpid(), flush=True); signal.sigwait(stop); sys.exit(7)"
    )
    # in a session of its own, so that nothing is left behind; a shell under `nohup` could not hear HUP, a pod's does
    started = subprocess.Popen(
        [*command[:4], sys.executable, "-c", service], stdout=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    try:
        assert started.stdout
        pids = []
        for sent in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            assert select.select([started.stdout], [], [], 30)[0], "it did not begin"
            pids.append(started.stdout.readline())
            started.send_signal(sent)
        assert started.wait(30) == 7
        assert len(set(pids)) == 3
        assert started.stdout.read() == ""
    finally:
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)


def tilt_itself_reads_it(tmp_path: Path) -> None:
    # names that Tilt takes for a cluster of this machine; nobody is asked
    context = {"name": "kind-none", "context": {"cluster": "kind-none", "user": "none"}}
    (tmp_path / "config").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1", "kind": "Config", "current-context": "kind-none", "contexts": [context],
                "clusters": [{"name": "kind-none", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "none", "user": {}}],
            }
        )
    )  # fmt: skip
    path = f"{machine.helm(Report()).parent}:{os.environ['PATH']}"
    own = {"PATH": path, "HOME": str(tmp_path), "KUBECONFIG": str(tmp_path / "config"), "DO_NOT_TRACK": "1"}

    said = subprocess.run([TILT, "alpha", "tiltfile-result"], cwd=ROOT, env=own, capture_output=True, text=True)

    assert said.returncode == 0, said.stderr[-2000:]
    result = json.loads(said.stdout)
    assert not result["Error"]
    assert {*SERVICES, "keycloak", "postgresql", "nats", "gen", "prepare", "e2e"} <= {
        one["Name"] for one in result["Manifests"]
    }


# no test that is skipped: a run is good where none is
if TILT := shutil.which("tilt"):
    test_tilt_itself_reads_it = tilt_itself_reads_it
else:
    warnings.warn("No `tilt` on the PATH: the Tiltfile was run by Starlark with stand-ins alone.", stacklevel=1)
