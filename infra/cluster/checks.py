"""What is held against the cluster, in order: each step stands on the ones before it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from infra.cluster import inside
from infra.cluster.hands import CHART, RELEASE, Checks, Cluster, FailedError, free_port, must
from infra.local.demo.door import CannotGoOnError, Door, RefusedHereError
from infra.local.demo.records import PASSWORD
from infra.local.report import until

IDLE_GIB = 3.0
# a pace that is less than this share of the best one has fallen; what is between is this machine's own unrest
STEADY = 0.8
MEASURED = 3
# what the next version has more than this one lies in its database
MIGRATED = "procurement"
CHROMIUM = os.environ.get("HEYI_CHROMIUM") or "/usr/bin/chromium"
# what nobody who is not named in the network's rules may reach
CLOSED = {"identity": 50051, "approval": 50051, "postgresql": 5432, "nats": 4222, "gateway": 8080, "keycloak": 8081}
KNOCK = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.rsplit(":", 1)
    # a name that is not known would look like a door that is closed: it ends this
    address = socket.gethostbyname(host)
    try:
        socket.create_connection((address, int(port)), 3).close()
        print(place, "open")
    except OSError as error:
        print(place, "closed", type(error).__name__)
"""


class Outside(Door):
    """A session from this machine: the sign-in server's name is one of the cluster, a port-forward leads there."""

    def __init__(self, address: str, names: dict[str, str]) -> None:
        super().__init__(address)
        self.names = names

    async def _send(self, verb: str, address: str, **more: Any) -> httpx2.Response:
        for name, here in self.names.items():
            address = address.replace(f"http://{name}/", f"http://{here}/")
        return await super()._send(verb, address, **more)


class Run:
    """One run: a release that is installed, used, broken and upgraded."""

    def __init__(self, cluster: Cluster, seen: Checks, *, prefix: str, tag: str) -> None:
        self.cluster, self.seen, self.prefix, self.tag, self.next = cluster, seen, prefix, tag, f"{tag}-next"
        self.port, self.sign_in_port = free_port(), free_port()
        self.address = f"http://localhost:{self.port}"
        self.sign_in = f"{RELEASE}-keycloak.{cluster.namespace}.svc:8081"
        # what the release is told; a step that changes it changes it for those after it
        self.values = {
            "publicUrl": self.address, "images.heyi.prefix": f"{prefix}/", "images.heyi.tag": tag,
        }  # fmt: skip

    def all(self) -> None:
        """Every check; without a release that stands there is nothing to be seen."""
        if not self.seen.run("a namespace that is held to the restricted level", self.namespace):
            return
        try:
            self.seen.run("a pod that would run as root is refused", self.root_refused)
            if self.seen.run("helm install of the demo values, until every pod is ready", self.install):
                self.checks()
        finally:
            if not os.environ.get("KEEP"):
                self.cluster.kubectl("delete", "namespace", self.cluster.namespace, "--wait=false")

    def checks(self) -> None:
        """What is asked of a release that stands."""
        run = self.seen.run
        run("the whole release takes at most 3 GiB at rest", self.idle)
        if not run("helm test: the demo company is filled in, a wish becomes an order", self.tested):
            self.seen.leave("everything that needs the demo company", "it could not be filled in")
            return
        with self.doors():
            run("sign-in and the flagship flow through a port-forward", self.flagship)
            if Path(CHROMIUM).exists():
                run("a browser signs in and shows the to-do list", self.browser)
            else:
                self.seen.leave("a browser signs in", f"there is no {CHROMIUM} (HEYI_CHROMIUM)")
        self.network()
        run("a backup is made by the CronJob's pod", self.cluster.backed_up)
        self.under_load("helm upgrade to the next version, with a migration, under load", self.upgrade, clean=True)
        self.under_load("an upgrade that fails is rolled back and serves throughout", self.failing, clean=True)
        self.under_load("helm rollback: the version before runs on the newer tables", self.back, clean=True)
        self.under_load("the event store is deleted, nothing is lost", self.forget_events, clean=False)
        run("the drain of a service", self.drain)
        self.under_load("every pod is killed once, all flows finish", self.kill_each, clean=False)
        self.under_load("a node is drained, and may be used again", self.drain_node, clean=False)
        run("more replicas of a service do not answer less", self.replicas)

    # ---- the release

    def namespace(self) -> None:
        self.cluster.kubectl("create", "namespace", self.cluster.namespace)
        label = "pod-security.kubernetes.io/enforce=restricted"
        self.cluster.kubectl("label", "namespace", self.cluster.namespace, label)
        # the demo's administrator signs in with the demo's password; the other keys are made by the release
        first = f"--from-literal=admin-first-password={PASSWORD}"
        self.cluster.kubectl("create", "secret", "generic", f"{RELEASE}-keycloak", first)

    def root_refused(self) -> str:
        try:
            self.cluster.pod("root", f"{self.prefix}/all:{self.tag}", ["id"], securityContext={"runAsUser": 0})
        except FailedError as refusal:
            must("violates PodSecurity" in str(refusal), refusal)
            return str(refusal).partition("violates")[2][:90].strip()
        raise FailedError("it was let in")

    def told(self, *more: str) -> list[str]:
        """The release's arguments for Helm."""
        pairs = [f"{name}={value}" for name, value in self.values.items()]
        values = [word for pair in (*pairs, *more) for word in ("--set", pair)]
        return [RELEASE, str(CHART), "-f", str(CHART / "values-demo.yaml"), *values]

    def install(self) -> str:
        began = time.monotonic()
        try:
            self.cluster.helm("install", *self.told(), "--wait", "--timeout", "12m")
            self.cluster.all_ready()
        except FailedError as trouble:
            raise FailedError(f"{trouble}\n{self.cluster.troubles()}") from None
        return f"{time.monotonic() - began:.0f} s"

    def idle(self) -> str:
        bytes_of: dict[str, int] = {}
        servers = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in self.cluster.pods()}
        for node in set(servers.values()):
            told = json.loads(self.cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
            for pod in told["pods"]:
                if pod["podRef"]["namespace"] == self.cluster.namespace and pod["podRef"]["name"] in servers:
                    bytes_of[pod["podRef"]["name"]] = pod["memory"]["workingSetBytes"]
        must(len(bytes_of) == len(servers), f"{len(bytes_of)} of {len(servers)} pods are measured")
        gib = sum(bytes_of.values()) / 2**30
        each = ", ".join(f"{name} {size / 2**20:.0f}" for name, size in sorted(bytes_of.items()))
        must(gib <= IDLE_GIB, f"{gib:.2f} GiB; MiB: {each}")
        return f"{gib:.2f} GiB; MiB: {each}"

    def beside(self, name: str, work: str) -> None:
        """Start a pod that works on the suite from within the cluster."""
        env = {
            "HEYI_GATEWAY_PUBLIC_URL": self.address, "HEYI": f"http://{RELEASE}-gateway:8080", "HEYI_HOME": "/tmp",  # noqa: S108
        }  # fmt: skip
        command = ["python", "-m", "infra.cluster.inside", work]
        self.cluster.pod(name, f"{self.prefix}/all:{self.values['images.heyi.tag']}", command, env)

    def tested(self) -> str:
        try:
            self.cluster.helm("test", RELEASE, "--timeout", "10m")
        except FailedError as trouble:
            raise FailedError(f"{trouble}\n{self.cluster.kubectl('logs', f'{RELEASE}-test', '--tail=20')}") from None
        return ", ".join(line.strip() for line in self.cluster.kubectl("logs", f"{RELEASE}-test").splitlines()[-2:])

    # ---- from outside

    @contextlib.contextmanager
    def doors(self) -> Iterator[None]:
        """The ways in from this machine."""
        with (
            self.cluster.forward("gateway", self.port, 8080),
            self.cluster.forward("keycloak", self.sign_in_port, 8081),
        ):
            yield

    def flagship(self) -> str:
        began = time.monotonic()
        document = asyncio.run(self._flagship())
        return f"requisition {document} stands in an order, {time.monotonic() - began:.1f} s"

    async def _flagship(self) -> str:
        people: dict[str, Door] = {}
        acknowledged: dict[str, str] = {}
        try:
            for name in (inside.REQUESTER, inside.FIRST, inside.SECOND):
                people[name] = Outside(self.address, {self.sign_in: f"127.0.0.1:{self.sign_in_port}"})
                await people[name].sign_in(name, PASSWORD)
            await inside.flow(people, acknowledged)
            (document,) = acknowledged
            must(await inside.ordered(people[inside.REQUESTER], document), f"{document} was not ordered")
            return document
        except (RefusedHereError, CannotGoOnError, httpx2.HTTPError, TimeoutError) as trouble:
            raise FailedError(f"{type(trouble).__name__} {trouble}") from None
        finally:
            for each in people.values():
                await each.close()

    def browser(self) -> str:
        flags = [
            "--no-sandbox", "--disable-gpu", f"--host-resolver-rules=MAP {self.sign_in} 127.0.0.1:{self.sign_in_port}",
        ]  # fmt: skip
        try:
            with (
                sync_playwright() as playwright,
                playwright.chromium.launch(executable_path=CHROMIUM, args=flags) as it,
            ):
                page = it.new_page(locale="en")
                page.goto(self.address)
                page.fill("#username", inside.REQUESTER)
                page.fill("#password", PASSWORD)
                page.click("#kc-login")
                page.wait_for_url(lambda url: url.startswith(self.address))
                page.get_by_role("main").wait_for()
                heading = page.locator("h1").first.inner_text()
        except PlaywrightError as trouble:
            raise FailedError(trouble.message) from None
        return heading

    # ---- the network

    def network(self) -> None:
        """Whoever is not named is let through nowhere; who may ask the gateway can (else nothing is shown by it)."""
        name = "the network lets a strange pod through nowhere"
        places = [f"{RELEASE}-{service}:{port}" for service, port in CLOSED.items()]
        opened: list[str] = []

        def closed() -> str:
            must(not opened, f"open to a stranger: {opened}")
            return f"{len(places)} ways closed"

        def let_through() -> str:
            allowed, wanted = self.knock("test", places), [f"{RELEASE}-gateway:8080", f"{RELEASE}-keycloak:8081"]
            must(allowed == wanted, f"open to it: {allowed}")
            return "gateway, keycloak"

        if not self.seen.run("a strange pod can be started", lambda: opened.extend(self.knock("stranger", places))):
            return
        if len(opened) == len(places):
            self.seen.leave(name, "this cluster's network does not enforce policies: every door was open to it")
            return
        self.seen.run(name, closed)
        self.seen.run("the tests' pod reaches the two doors that it may", let_through)

    def knock(self, role: str, places: list[str]) -> list[str]:
        """Which places are open to a pod of that name."""
        self.cluster.pod(
            f"knocks-{role}", f"{self.prefix}/all:{self.values['images.heyi.tag']}",
            ["python", "-c", KNOCK, *places], role=role,
        )  # fmt: skip
        lines = self.cluster.ended(f"knocks-{role}", 90).splitlines()
        return sorted(line.split()[0] for line in lines if line.endswith(" open"))

    # ---- under load

    def under_load(self, name: str, work: Any, *, clean: bool) -> None:
        """Do something while twenty flows a minute run; then count, and let the reconciler look."""

        def check() -> str:
            self.beside("load", "load")
            self.cluster.says("load", "load: begun", 120)
            # it goes on while the check fails, and is ended in any case
            try:
                seen = work()
                self.settled()
            finally:
                self.cluster.kubectl("exec", "load", "--", "python", "-c", f"open('{inside.STOP}', 'w')")
                lines = self.cluster.ended("load", 2 * inside.PATIENCE_SECONDS).splitlines()
            told = json.loads(lines[-1].removeprefix("load: "))
            must(not told["lost"] and not told["broken"] and told["flows"], json.dumps(told, ensure_ascii=False))
            must(not (clean and told["failed"]), f"{told['failed']} of {told['requests']} failed: {told['troubles']}")
            return (
                f"{seen}; {told['flows']} flows, {told['requests']} requests, {told['failed']} failed, "
                f"{len(told['lost'])} of {told['acknowledged']} lost"
            )

        self.seen.run(name, check)
        self.seen.run(f"  the reconciler is content after: {name}", self.cluster.reconciled)

    def settled(self) -> None:
        """Pods that were replaced are gone, and clients have had the time to notice it."""

        def leaving() -> list[str]:
            found = self.cluster.get("pods", "-l", f"app.kubernetes.io/instance={RELEASE}")["items"]
            return [pod["metadata"]["name"] for pod in found if "deletionTimestamp" in pod["metadata"]]

        def flows() -> int:
            return self.cluster.kubectl("logs", "load").count(inside.BEGUN)

        until(lambda: not leaving(), seconds=90, otherwise=lambda: f"not gone: {leaving()}", every=1.0)
        enough = flows() + 15
        until(lambda: flows() >= enough, seconds=120, otherwise=lambda: "the load stands still", every=1.0)

    def upgrade(self) -> str:
        self.values |= {"images.heyi.tag": self.next, "settings.logLevel": "warning"}
        began = time.monotonic()
        self.cluster.helm("upgrade", *self.told(), "--wait", "--timeout", "10m")
        self.cluster.all_ready()
        old = [
            pod["metadata"]["name"] for pod in self.cluster.pods()
            if any(self.tag == one["image"].rpartition(":")[2] for one in pod["spec"]["containers"])
        ]  # fmt: skip
        must(not old, f"still of the old version: {old}")
        return f"{time.monotonic() - began:.0f} s"

    def failing(self) -> str:
        began, before = time.monotonic(), self.revision()
        try:
            broken = "services.inventory.command={python,-c,raise SystemExit(1)}"
            self.cluster.helm("upgrade", *self.told(broken), "--rollback-on-failure", "--wait", "--timeout", "90s")
        except FailedError as refusal:
            after = self.revision()
            must(after["status"] == "deployed" and after["revision"] > before["revision"], f"{after}\n{refusal}")
            self.cluster.all_ready()
            return f"rolled back in {time.monotonic() - began:.0f} s"
        raise FailedError("a service that ends at its start was taken for an upgrade that went well")

    def back(self) -> str:
        """To the first version, as it was told: tables stay as the newer one made them."""
        self.values |= {"images.heyi.tag": self.tag}
        began = time.monotonic()
        self.cluster.helm("rollback", RELEASE, "1", "--wait", "--timeout", "10m")
        self.cluster.all_ready()
        number = self.cluster.kubectl(
            "exec", f"{RELEASE}-postgresql-0", "--", "sh", "-c",
            f'psql -qAtX -U "$POSTGRES_USER" -d {MIGRATED} -c "TABLE alembic_version"',
        ).strip()  # fmt: skip
        return f"{time.monotonic() - began:.0f} s, {MIGRATED} stays at script {number}"

    def drain_node(self) -> str:
        """What the release has on it is evicted, as budgets allow; where there is one node, it waits for that to be
        back. Nobody else's pods are touched: `kubectl drain` would take those of other namespaces too.
        """
        node = self.cluster.pods()[0]["spec"]["nodeName"]
        others = len(self.cluster.get("nodes")["items"]) - 1
        # by uid: what follows a pod of a set has its name
        ours = [pod["metadata"] for pod in self.cluster.pods() if pod["spec"].get("nodeName") == node]
        leaving = {one["uid"] for one in ours}
        began, refused = time.monotonic(), 0
        self.cluster.kubectl("cordon", node)
        try:
            waiting = [one["name"] for one in ours]

            def gone() -> bool:
                nonlocal refused
                waiting[:] = [name for name in waiting if not self.cluster.evicted(name)]
                refused += len(waiting)
                return not waiting and not leaving & {
                    pod["metadata"]["uid"] for pod in self.cluster.get("pods")["items"]
                }

            until(gone, seconds=240, otherwise=lambda: f"still on {node}: {self.cluster.troubles()}", every=1.0)
            empty = time.monotonic() - began
        finally:
            self.cluster.kubectl("uncordon", node)
        self.cluster.all_ready()
        ready = time.monotonic() - began
        return (
            f"{len(leaving)} pods gone from {node} after {empty:.0f} s ({refused} times a budget said wait), "
            f"all ready after {ready:.0f} s, {others} other nodes"
        )

    def replicas(self) -> str:
        """Lists read as fast as they come, from one, two and three replicas of the service that answers."""
        told, best = [], 0.0
        for count in (1, 2, 3):
            self.cluster.helm("upgrade", *self.told(f"services.procurement.replicas={count}"), "--wait", "--timeout=5m")
            self.cluster.all_ready()
            # connections to the replicas that were there end after a minute at most; a new gateway need not wait for it
            self.cluster.kubectl("rollout", "restart", f"deployment/{RELEASE}-gateway")
            self.cluster.kubectl("rollout", "status", f"deployment/{RELEASE}-gateway", "--timeout=120s", seconds=130)
            self.cluster.all_ready()
            # what else the machine does slows a measurement, nothing makes it quicker: one that is low is taken again
            paces: list[float] = []
            for _ in range(MEASURED):
                self.beside("pace", "pace")
                seen = json.loads(self.cluster.ended("pace", 120).splitlines()[-1])
                must(not seen["failed"], f"{seen['failed']} failed with {count} replicas")
                paces.append(statistics.median(seen["samples"]))
                told.append(f"{count}: {paces[-1]:.0f} {seen['samples']}")
                if paces[-1] >= best * STEADY:
                    break
            must(max(paces) >= best * STEADY, f"answers a second by replicas: {'; '.join(told)}")
            best = max(best, *paces)
        return f"answers a second, median and each second, by replicas: {'; '.join(told)}"

    def revision(self) -> Any:
        """The newest revision, as Helm keeps it."""
        return json.loads(self.cluster.helm("history", RELEASE, "-o", "json"))[-1]

    def kill_each(self) -> str:
        seconds = []
        for pod in sorted(pod["metadata"]["name"] for pod in self.cluster.pods()):
            began = time.monotonic()
            # killed after a second, and really gone: `--force` would let two servers at one volume for a moment
            self.cluster.kubectl("delete", "pod", pod, "--grace-period=1", seconds=120)
            self.cluster.all_ready()
            seconds.append(f"{pod.removeprefix(RELEASE + '-').split('-')[0]} {time.monotonic() - began:.0f} s")
        return f"back after: {', '.join(seconds)}"

    def forget_events(self) -> str:
        """What the event server had is thrown away with its volume; truth is in the outboxes."""
        store, claims = f"statefulset/{RELEASE}-nats", []
        for claim in self.cluster.get("pvc")["items"]:
            if claim["metadata"]["name"].startswith(f"data-{RELEASE}-nats-"):
                claims.append(claim["metadata"]["name"])
        must(claims, "the event server has no volume")
        replicas = self.cluster.get(store)["spec"]["replicas"]
        self.cluster.kubectl("scale", store, "--replicas=0")
        self.cluster.kubectl("wait", "pod", "-l", f"app.kubernetes.io/name=nats,app.kubernetes.io/instance={RELEASE}",
                             "--for=delete", "--timeout=120s", seconds=130)  # fmt: skip
        self.cluster.kubectl("delete", "pvc", *claims, seconds=90)
        self.cluster.kubectl("scale", store, f"--replicas={replicas}")
        self.cluster.all_ready()
        return f"{len(claims)} volume(s) deleted"

    def drain(self) -> str:
        """From the wish to end a pod until it is gone: what terminationGracePeriodSeconds must leave room for."""
        took = {}
        for service in ("gateway", "procurement"):
            (pod, *_) = self.cluster.pods(f"app.kubernetes.io/name={service},app.kubernetes.io/component=server")
            grace, began = pod["spec"]["terminationGracePeriodSeconds"], time.monotonic()
            self.cluster.kubectl("delete", "pod", pod["metadata"]["name"], seconds=grace + 60)
            took[service] = time.monotonic() - began
            must(took[service] < grace, f"{service} took {took[service]:.0f} s of {grace} s: it was killed")
        self.cluster.all_ready()
        return ", ".join(f"{service} {seconds:.1f} s" for service, seconds in took.items())
