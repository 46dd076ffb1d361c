"""Helm, kubectl and the count of checks."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from infra.local import machine
from infra.local.report import CannotContinueError, Report, until

RELEASE = "heyi"
CHART = machine.ROOT / "charts" / "heyi"


class FailedError(Exception):
    """A check did not hold; the words say what was seen."""


def must(holds: object, words: object) -> None:
    """Fail the check where something does not hold."""
    if not holds:
        raise FailedError(str(words))


class Checks:
    """Each has a line: what held, and what was seen. One that fails does not keep the next from running."""

    def __init__(self) -> None:
        self.passed = self.failed = 0
        self.not_run: list[str] = []

    def run(self, name: str, check: Callable[[], object]) -> bool:
        """Do it; what it returns is shown beside it."""
        began = time.monotonic()
        try:
            seen = check()
        except (FailedError, CannotContinueError, subprocess.TimeoutExpired) as trouble:
            self.failed += 1
            print(f"{time.monotonic() - began:6.1f} s FAIL  {name}\n{_indented(str(trouble))}", flush=True)
            return False
        self.passed += 1
        print(f"{time.monotonic() - began:6.1f} s ok    {name}{f': {seen}' if seen else ''}", flush=True)
        return True

    def leave(self, name: str, why: str) -> None:
        """What was not run is said, here and at the end."""
        self.not_run.append(f"{name}: {why}")
        print(f"         not run  {name}: {why}", flush=True)

    def end(self) -> int:
        """The last lines."""
        for line in self.not_run:
            print(f"not run: {line}")
        print(f"cluster: {self.passed + self.failed} checks, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


def _indented(text: str) -> str:
    return "\n".join(f"                {line}" for line in text.strip().splitlines()[-25:])


class Cluster:
    """One namespace of the cluster that KUBECONFIG names, and the release in it."""

    def __init__(self, namespace: str) -> None:
        if not os.environ.get("KUBECONFIG"):
            raise CannotContinueError("KUBECONFIG is not set: it names the file of the cluster that this is run on.")
        self.namespace = namespace
        self._helm = machine.helm(Report())
        self._kubectl = self._helm.parent / "kubectl"
        self._kubectl = self._kubectl if self._kubectl.exists() else Path("kubectl")

    def _ask(self, command: list[str], *, seconds: float, given: str | None = None) -> str:
        done = subprocess.run(command, capture_output=True, text=True, input=given, timeout=seconds)
        must(done.returncode == 0, f"{' '.join(command[3:9])}: {done.stderr.strip()[-1500:]} {done.stdout[-1500:]}")
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """Words that ask kubectl, for whoever runs them on their own."""
        return [str(self._kubectl), "-n", self.namespace, *arguments]

    def kubectl(self, *arguments: str, seconds: float = 60, given: str | None = None) -> str:
        """What kubectl says; a refusal fails the check."""
        return self._ask(self.command(*arguments), seconds=seconds, given=given)

    def helm(self, *arguments: str, seconds: float = 900, given: str | None = None) -> str:
        """What Helm says."""
        return self._ask([str(self._helm), "-n", self.namespace, *arguments], seconds=seconds, given=given)

    def get(self, *arguments: str) -> Any:
        """An object, or a list of them."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def pods(self, selector: str = "app.kubernetes.io/component=server") -> list[Any]:
        """Pods that are not on their way out."""
        found: list[Any] = self.get("pods", "-l", f"app.kubernetes.io/instance={RELEASE},{selector}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def all_ready(self, seconds: float = 300) -> None:
        """Wait until every server is ready."""
        until(lambda: self.ready(), seconds=seconds, otherwise=lambda: f"not ready:\n{self.troubles()}", every=1.0)

    def ready(self) -> bool:
        """Whether every Deployment and StatefulSet has the pods that it wants, and no other. Pods are counted:
        a set learns a moment later that one is gone.
        """
        sets = self.get("deployments,statefulsets", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
        serving = Counter(
            pod["metadata"]["labels"]["app.kubernetes.io/name"]
            for pod in self.pods()
            if any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
        )
        return bool(sets) and all(
            one["status"].get("observedGeneration") == one["metadata"]["generation"]
            and serving[one["metadata"]["labels"]["app.kubernetes.io/name"]] == one["spec"]["replicas"]
            and one["status"].get("replicas", 0) == one["status"].get("updatedReplicas", 0) == one["spec"]["replicas"]
            for one in sets
        )

    def troubles(self) -> str:
        """Pods that are not well, with the last words of each, and the last events."""
        lines: list[str] = []
        for pod in self.pods("app.kubernetes.io/part-of=heyi"):
            states = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
            if pod["status"]["phase"] == "Succeeded" or (states and all(one["ready"] for one in states)):
                continue
            name = pod["metadata"]["name"]
            lines.append(f"{name} {pod['status']['phase']} {[one['state'] for one in states]}"[:400])
            with contextlib.suppress(FailedError):
                lines.append(self.kubectl("logs", name, "--all-containers", "--tail=6")[-900:])
        with contextlib.suppress(FailedError):
            events = self.kubectl("get", "events", "--sort-by=.lastTimestamp", "--field-selector=type=Warning")
            lines.append("\n".join(events.splitlines()[-6:]))
        return "\n".join(lines)

    def evicted(self, pod: str) -> bool:
        """Ask for a pod's eviction; false where a budget says: not now."""
        wish = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": self.namespace}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        try:
            self.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(wish))
        except FailedError as refusal:
            if "disruption budget" in str(refusal):
                return False
            raise
        return True

    @contextlib.contextmanager
    def forward(self, service: str, port: int, to: int) -> Iterator[None]:
        """A port of this machine that leads to a Service, for a while."""
        command = self.command("port-forward", f"svc/{RELEASE}-{service}", f"{port}:{to}")
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            until(lambda: _answers(port), seconds=30, otherwise=lambda: f"no port-forward to {service}", every=0.3)
            yield
        finally:
            child.terminate()
            child.wait(10)

    def pod(
        self, name: str, image: str, command: list[str], env: Mapping[str, str] | None = None, role: str = "test",
        claims: Mapping[str, str] | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """Start a pod of ours beside the release: held to the same rules, and let through where `role` is."""
        labels = {"app.kubernetes.io/name": role, "app.kubernetes.io/instance": RELEASE}
        places = {"tmp": "/tmp"} | dict(claims or {})  # noqa: S108
        safe = {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        container = {
            "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": command,
            "securityContext": safe, "env": [{"name": key, "value": value} for key, value in (env or {}).items()],
            "resources": {
                "requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"},
            },
            "volumeMounts": [{"name": name, "mountPath": path} for name, path in places.items()],
        }  # fmt: skip
        person = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {
            "restartPolicy": "Never", "automountServiceAccountToken": False, "enableServiceLinks": False,
            "securityContext": person, "containers": [container], "volumes": [
                {"name": "tmp", "emptyDir": {}},
                *({"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims or ()),
            ],
        } | more  # fmt: skip
        made = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": spec}
        self.kubectl("delete", "pod", name, "--ignore-not-found", "--grace-period=1")
        self.kubectl("apply", "-f", "-", given=json.dumps(made))

    def ended(self, name: str, seconds: float) -> str:
        """Wait for a pod of ours to end well; its words."""

        def phase() -> str:
            return str(self.get("pod", name)["status"]["phase"])

        def said() -> str:
            return f"{name} {phase()}: {self.kubectl('logs', name, '--tail=30')}"

        until(lambda: phase() in ("Succeeded", "Failed"), seconds=seconds, otherwise=said, every=1.0)
        must(phase() == "Succeeded", said())
        return self.kubectl("logs", name)

    def done(self, job: str, seconds: float) -> None:
        """Wait for a Job to be done well."""

        def ended() -> str:
            conditions = self.get("job", job)["status"].get("conditions", [])
            true = [one["type"] for one in conditions if one["status"] == "True"]
            return next((how for how in ("Complete", "Failed") if how in true), "")

        def said() -> str:
            return f"{job} {ended()}: {self.kubectl('logs', f'job/{job}', '--all-containers', '--tail=20')}"

        until(lambda: bool(ended()), seconds=seconds, otherwise=said, every=1.0)
        must(ended() == "Complete", said())

    def backed_up(self) -> str:
        """Have the backups' CronJob do its work now; its last words."""
        job = "backup-now"
        self.kubectl("delete", "job", job, "--ignore-not-found")
        self.kubectl("create", "job", job, f"--from=cronjob/{RELEASE}-backup")
        self.done(job, 600)
        lines = self.kubectl("logs", f"job/{job}", "-c", "backup").splitlines()
        told = [line.strip() for line in lines if " files, " in line]
        must(told, f"it does not say what it kept: {lines[-5:]}")
        return told[-1]

    def reconciled(self) -> str:
        """The books agree, as soon as what is on its way has come."""
        said, pod = "", f"deploy/{RELEASE}-reconciler"

        def content() -> bool:
            nonlocal said
            try:
                said = self.kubectl("exec", pod, "--", "python", "-m", "reconciler", "--settled", "0", seconds=120)
            except FailedError as trouble:
                said = str(trouble)
                return False
            return True

        until(content, seconds=120, otherwise=lambda: said, every=5.0)
        return f"{len(said.splitlines())} rules, 0 findings"

    def says(self, name: str, words: str, seconds: float) -> None:
        """Wait until a pod of ours says something."""

        def heard() -> bool:
            running = self.get("pod", name)["status"]["phase"] != "Pending"
            return running and words in self.kubectl("logs", name)

        until(heard, seconds=seconds, otherwise=lambda: self.kubectl("describe", "pod", name)[-1500:], every=1.0)


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/live", timeout=5):
            return True
    except OSError as error:
        # an answer of any kind is one
        return hasattr(error, "code")
