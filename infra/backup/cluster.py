"""`make restore-drill` with KUBECONFIG: a release comes back from its backup in a scratch namespace, beside itself.

KUBECONFIG=file NAMESPACE=name make restore-drill    # the release `heyi` of that namespace, with `backup.enabled`
SCRATCH=name                                         # where it comes back (NAMESPACE-drill); deleted at the end

Nothing is written into the release that runs: its server is told messages that stand in its log alone, by whose times
is seen what would be lost. The copy is quiet: no mail is set up in it, webhooks and group chats are paused, no alert is
sent; and nothing leads to it from outside.
"""

from __future__ import annotations

import contextlib
import copy as copying
import datetime
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from infra.backup.drill import LOST_SECONDS, RPO_SECONDS, RTO_SECONDS, Checks
from infra.cluster.hands import CHART, RELEASE, Cluster, FailedError, must
from infra.local.report import CannotContinueError, until

SERVER = f"{RELEASE}-postgresql-0"
KEPT = "/var/lib/heyi/backup"
# what runs in a pod does not end with who asked for it: it ends by itself, later than the worst moment comes
BEATING_SECONDS, EVERY_SECONDS = 300, 0.2
BEAT = f"""end=$(($(date +%s) + {BEATING_SECONDS}))
while [ "$(date +%s)" -lt "$end" ]; do
  psql -XAtq -U "$POSTGRES_USER" -d postgres -c "SELECT pg_logical_emit_message(true, 'heyi.drill', '')" >/dev/null
  sleep {EVERY_SECONDS}
done"""
BACK = re.compile(r"the last change that came back is of (\S+ \S+)")


def drill(said: Mapping[str, str]) -> int:
    """The whole drill; 1 where something does not hold."""
    check, rpo, rto = Checks(), float("inf"), float("inf")
    release = Cluster(said["NAMESPACE"])
    copy = Cluster(said.get("SCRATCH") or f"{release.namespace}-drill")
    try:
        values = _values(release)
        check(True, "a backup is made", release.backed_up())
        with _scratch(copy):
            _prepare(release, copy, values)
            with _beats(release):
                _wait_for_the_worst_moment(release)
                lost_at, began = _now(release), time.monotonic()
                _carry(release, copy)
            _come_back(copy, values)
            said_of = BACK.search(copy.kubectl("logs", SERVER, "-c", "recover"))
            must(said_of, "PostgreSQL did not say up to which change it came back")
            assert said_of is not None
            # a segment may be archived while the archive is read: then more came back than was to be expected
            rpo = max(0.0, (lost_at - datetime.datetime.fromisoformat(said_of[1])).total_seconds())
            resent = copy.kubectl("logs", f"job/{RELEASE}-resend", "-c", "resend").strip().splitlines()
            check(bool(resent), "what had not reached everybody is named", "; ".join(line.strip() for line in resent))
            check(True, "the reconciler is content with the copy", copy.reconciled())
            rto = time.monotonic() - began
        check(rpo <= RPO_SECONDS, f"lost is at most {RPO_SECONDS} s", f"{rpo:.1f} s")
        check(rto <= RTO_SECONDS, f"it runs again within {RTO_SECONDS} s", f"{rto:.1f} s")
    except (FailedError, CannotContinueError, subprocess.TimeoutExpired) as trouble:
        check(False, "it goes through", str(trouble))
    print(f"\nrestore-drill: {check.count} checks, {check.failed} failed (RPO {rpo:.1f} s, RTO {rto:.1f} s)")
    return int(check.failed > 0)


def _values(release: Cluster) -> Any:
    """What the release was told."""
    values = yaml.safe_load(release.helm("get", "values", RELEASE, "--all", "-o", "yaml"))
    must(values["backup"]["enabled"], f"the release in {release.namespace} keeps no backups: backup.enabled")
    must(values["postgresql"]["mode"] == "bundled", "the databases are kept by others: their drill is theirs")
    return values


def _now(release: Cluster) -> datetime.datetime:
    words = 'psql -XAtq -U "$POSTGRES_USER" -d postgres -c "SELECT clock_timestamp()"'
    return datetime.datetime.fromisoformat(release.kubectl("exec", SERVER, "--", "sh", "-c", words).strip())


def _wait_for_the_worst_moment(release: Cluster) -> None:
    """Until the log was archived by itself once, and almost a second time."""

    def archived() -> str:
        return release.kubectl("exec", SERVER, "--", "ls", f"{KEPT}/wal-archive")

    known = archived()
    until(lambda: archived() != known, seconds=120, otherwise=lambda: "the log is not archived", every=1.0)
    due = time.monotonic() + LOST_SECONDS
    until(lambda: time.monotonic() > due, seconds=LOST_SECONDS + 10, otherwise=lambda: "the clock stands", every=0.5)


@contextlib.contextmanager
def _beats(release: Cluster) -> Iterator[None]:
    """Meanwhile the server commits something several times a second."""
    child = subprocess.Popen(release.command("exec", SERVER, "--", "sh", "-c", BEAT), stdout=subprocess.DEVNULL)
    try:
        yield
        must(child.poll() is None, "the server could not be told anything")
    finally:
        child.terminate()
        child.wait(10)


@contextlib.contextmanager
def _scratch(copy: Cluster) -> Iterator[None]:
    copy.kubectl("create", "namespace", copy.namespace)
    try:
        copy.kubectl("label", "namespace", copy.namespace, "pod-security.kubernetes.io/enforce=restricted")
        yield
    finally:
        copy.kubectl("delete", "namespace", copy.namespace, "--wait=false")


def of_a_copy(values: Any) -> tuple[Any, list[str]]:
    """What a release is told that comes back beside another, and the Secrets beside its own that it needs for that.

    It has volumes of its own, and nobody hears of it: no mail, no alert, no way in from outside.
    """
    values = copying.deepcopy(values)
    values["backup"]["restore"] = {"claim": "before", "name": "", "at": "", "quiet": True}
    for volume in (values["backup"]["storage"], *values["storage"].values()):
        volume["existingClaim"] = ""
    values["ingress"]["enabled"] = values["httpRoute"]["enabled"] = False
    values["telemetry"]["webhook"] |= {"url": "", "secret": ""}
    needed = {values["backup"]["keySecret"] or f"{RELEASE}-backup", *values["images"]["pullSecrets"]}
    for service in (values["serviceDefaults"], *values["services"].values()):
        for kind in {"settings", "secretSettings"} & service.keys():
            service[kind] = {key: said for key, said in service[kind].items() if not key.startswith("HEYI_SMTP_")}
        needed |= {said["secret"] for said in service.get("secretSettings", {}).values()}
    return values, sorted(needed)


def _prepare(release: Cluster, copy: Cluster, values: Any) -> None:
    """Secrets, the backup's key among them, a volume for its content, and who takes it in."""
    for name in of_a_copy(values)[1]:
        secret = release.get("secret", name)
        kept = {key: secret[key] for key in ("apiVersion", "kind", "type", "data")} | {"metadata": {"name": name}}
        copy.kubectl("create", "-f", "-", given=json.dumps(kept))
    size = release.get("pvc", values["backup"]["storage"]["existingClaim"] or f"{RELEASE}-backup")["spec"]["resources"]
    claim = {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "before"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": size},
    }  # fmt: skip
    copy.kubectl("apply", "-f", "-", given=json.dumps(claim))
    image = release.get("pod", SERVER)["spec"]["containers"][0]["image"]
    pull = {"imagePullSecrets": [{"name": name} for name in values["images"]["pullSecrets"]]}
    copy.pod("carrier", image, ["sleep", "infinity"], claims={"before": KEPT}, **pull)
    copy.kubectl("wait", "pod/carrier", "--for=condition=Ready", "--timeout=120s", seconds=130)


def _carry(release: Cluster, copy: Cluster) -> None:
    """What the volume of backups holds in this moment."""
    # what lies on it, not its root: that is the cluster's own
    read = release.command("exec", SERVER, "--", "sh", "-c", f"cd {KEPT} && tar --exclude=lost+found -cf - *")
    write = copy.command("exec", "-i", "carrier", "--", "tar", "-C", KEPT, "--no-same-owner", "-xf", "-")
    with subprocess.Popen(read, stdout=subprocess.PIPE) as source:
        code = subprocess.run(write, stdin=source.stdout, timeout=600).returncode
    # 1: a file changed while it was read; a segment has its name only when all of it is there
    must(
        code == 0 and source.returncode in (0, 1), f"the backup could not be carried over: {source.returncode}, {code}"
    )
    copy.kubectl("delete", "pod", "carrier", "--grace-period=1", seconds=60)


def _come_back(copy: Cluster, values: Any) -> None:
    words = ["install", RELEASE, str(CHART), "-f", "-", "--wait", "--timeout", "14m"]
    try:
        copy.helm(*words, given=yaml.safe_dump(of_a_copy(values)[0]))
        copy.all_ready()
    except FailedError as trouble:
        raise FailedError(f"{trouble}\n{copy.troubles()}") from None
