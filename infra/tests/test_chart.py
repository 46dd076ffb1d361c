"""The chart: every check of `make chart` passes, each of its rules notices what it is for, and what it tells the
programs is what the programs read.
"""

from __future__ import annotations

import copy
import inspect
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chassis.db import engine_for
from chassis.service import find
from chassis.settings import Environment, MigrationSettings, ServiceSettings
from gateway.settings import GatewaySettings
from infra import chart, chart_rules
from infra.local.instance import KEYED, OWNERS, SERVICES
from infra.local.postgres import SETTINGS

Objects = list[dict[str, Any]]
VARIANTS = {variant.name: variant for variant in chart.VARIANTS}


@pytest.fixture(scope="session")
def rendered() -> dict[str, Objects]:
    """Every variant's objects; tests take copies."""
    return {name: chart.objects(chart.template(*chart.arguments_of(one))) for name, one in VARIANTS.items()}


def at(objects: Objects, kind_and_name: str) -> dict[str, Any]:
    """The object `Kind/name`, its name without the release's."""
    kind, _, name = kind_and_name.partition("/")
    (found,) = (one for one in objects if chart_rules.title(one) == f"{kind}/heyi-{name}")
    return found


def pod(objects: Objects, kind_and_name: str) -> Any:
    """The specification of an object's pods."""
    return at(objects, kind_and_name)["spec"]["template"]["spec"]


def inside(objects: Objects, kind_and_name: str) -> Any:
    """The one container of an object."""
    (found,) = pod(objects, kind_and_name)["containers"]
    return found


def secret_of(objects: Objects, kind_and_name: str) -> Any:
    """The first reference to a Secret in its environment."""
    return next(one for one in inside(objects, kind_and_name)["env"] if "valueFrom" in one)["valueFrom"]["secretKeyRef"]


def allow(objects: Objects, policy: str, way: str, peer: Any, port: int) -> None:
    """One rule more."""
    rule = {{"ingress": "from", "egress": "to"}[way]: [peer], "ports": [{"port": port}]}
    at(objects, f"NetworkPolicy/{policy}")["spec"].setdefault(way, []).append(rule)


def environment(objects: Objects, kind_and_name: str, **fields: str) -> dict[str, str]:
    """What a container is told, each secret as a word, names in values filled in as Kubernetes does; `fields`: of the
    pod itself.
    """
    container = inside(objects, kind_and_name)
    told = dict(fields)
    for source in container.get("envFrom", []):
        told |= at(objects, "ConfigMap/" + source["configMapRef"]["name"].removeprefix("heyi-"))["data"]
    for variable in container["env"]:
        value = variable.get("value", "k1:" + "A" * 43 + "=" if variable["name"].endswith("_KEYS") else "word")
        value = fields.get(variable["name"], value)
        told[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda found: told[found[1]], value)
    return told


@pytest.mark.timeout(900)
def test_every_check_of_make_chart_passes(capsys: pytest.CaptureFixture[str]) -> None:
    checks = chart.Checks()
    chart.check(checks)

    assert checks.ran > 100
    assert checks.failed == 0, capsys.readouterr().out


def test_without_helm_it_fails_and_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("HEYI_HELM", "/nowhere/helm")

    assert chart.main([]) == 1

    said = capsys.readouterr().out
    assert "not run: no helm" in said
    assert said.splitlines()[-1] == "chart: 3 checks, 1 failed"


def test_a_failed_check_is_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    checks = chart.Checks()
    checks("holds", [])
    checks("does not", ["one reason"])

    assert (checks.ran, checks.failed) == (2, 1)
    assert capsys.readouterr().out == "FAIL  does not\n        one reason\n"


def open_way(objects: Objects, caller: str, asked: str, port: int) -> None:
    """On both sides, for anybody."""
    allow(objects, caller, "egress", {"podSelector": {}}, port)
    allow(objects, asked, "ingress", {"podSelector": {}}, port)


SPREAD, APP = "topologySpreadConstraints", "app.kubernetes.io"
DOOR, BOOK = "Deployment/gateway", "Deployment/identity"
BROKEN: list[tuple[str, str, Callable[[Objects], Any]]] = [
    ("names", "Service/heyi-gateway", lambda o: o.append(at(o, "Service/gateway"))),
    ("restricted", "root", lambda o: pod(o, BOOK)["securityContext"].update(runAsUser=0)),
    ("restricted", "token", lambda o: pod(o, BOOK).update(automountServiceAccountToken=True)),
    ("restricted", "hostPath", lambda o: pod(o, BOOK)["volumes"].append({"name": "x", "hostPath": {"path": "/"}})),
    ("fenced", "identity", lambda o: inside(o, BOOK)["securityContext"].update(privileged=True)),
    ("fenced", "migrate", lambda o: inside(o, "Job/first-migrate-identity")["securityContext"].clear()),
    ("bounded", "limits", lambda o: inside(o, "StatefulSet/nats")["resources"]["limits"].pop("memory")),
    ("bounded", "no size", lambda o: pod(o, DOOR)["volumes"].append({"name": "x", "emptyDir": {}})),
    ("bounded", "for ever", lambda o: at(o, "Job/first-databases")["spec"].pop("activeDeadlineSeconds")),
    ("probed", "no startupProbe", lambda o: inside(o, DOOR).pop("startupProbe")),
    ("probed", "no livenessProbe", lambda o: inside(o, "Deployment/reconciler").pop("livenessProbe")),
    ("probed", "no lifecycle", lambda o: inside(o, DOOR).pop("lifecycle")),
    ("probed", "liveness asks", lambda o: inside(o, DOOR)["livenessProbe"]["httpGet"].update(path="/health/ready")),
    ("images", "no fixed tag", lambda o: inside(o, DOOR).update(image="heyi:latest")),
    ("images", "not both", lambda o: at(o, "ConfigMap/images")["data"].update({"images.txt": "heyi/gateway:0.1.0"})),
    ("secrets", "Secret/", lambda o: o.append({"kind": "Secret", "metadata": {"name": "heyi-x"}})),
    ("secrets", "PASSWORD stands", lambda o: inside(o, DOOR)["env"].append({"name": "A_PASSWORD", "value": "x"})),
    ("secrets", "URL stands", lambda o: inside(o, DOOR)["env"].append({"name": "URL", "value": "nats://me:x@host"})),
    ("secrets", "password", lambda o: at(o, "ConfigMap/nats")["data"].update({"nats.conf": 'password: "x"'})),
    ("secrets", "belongs in", lambda o: at(o, "ConfigMap/gateway")["data"].update({"CLIENT_SECRET": "x"})),
    ("references", "no ConfigMap/heyi-nats", lambda o: o.remove(at(o, "ConfigMap/nats"))),
    ("references", "nobody makes heyi-gateway.x", lambda o: secret_of(o, DOOR).update(key="x")),
    ("hooks", "comes after it", lambda o: at(o, "ConfigMap/setup-hook")["metadata"].pop("annotations")),
    ("budgets", "0 budgets", lambda o: o.remove(at(o, "PodDisruptionBudget/keycloak"))),
    ("budgets", "shares", lambda o: pod(o, DOOR).update(serviceAccountName="heyi-identity")),
    ("scaled", "replicas and autoscaler", lambda o: at(o, BOOK)["spec"].pop("replicas")),
    ("scaled", "not spread", lambda o: at(o, BOOK)["spec"].update(replicas=2) or pod(o, BOOK).pop(SPREAD)),
    ("doors", "nobody opens", lambda o: at(o, "Service/nats")["spec"]["ports"][0].update(targetPort="x")),
    ("doors", "behind it", lambda o: at(o, "Service/identity")["spec"]["selector"].pop(f"{APP}/component")),
    ("fence", "no default", lambda o: o.remove(at(o, "NetworkPolicy/default-deny"))),
    ("fence", "no policy of its own", lambda o: o.remove(at(o, "NetworkPolicy/postgresql"))),
    ("fence", "169.254.169.254", lambda o: allow(o, "identity", "egress", {"ipBlock": {"cidr": "0.0.0.0/0"}}, 80)),
    ("fence", "anybody", lambda o: at(o, "NetworkPolicy/identity")["spec"]["egress"].append({"ports": []})),
    ("ways", "gateway cannot reach identity", lambda o: at(o, "NetworkPolicy/identity")["spec"].pop("ingress")),
    ("ways", "inventory cannot reach nats", lambda o: at(o, "NetworkPolicy/inventory")["spec"].pop("egress")),
    ("ways", "migration of inventory cannot", lambda o: o.remove(at(o, "NetworkPolicy/migrate"))),
    ("ways", "migration of inventory can reach", lambda o: open_way(o, "migrate", "identity", 50051)),
    ("ways", "test can reach nats", lambda o: open_way(o, "test", "nats", 4222)),
    ("ways", "a stranger can", lambda o: open_way(o, "default-deny", "nats", 4222)),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "word", "change"), BROKEN, ids=[f"{rule}: {word}" for rule, word, _ in BROKEN])
def test_a_rule_notices_what_it_is_for(
    rendered: dict[str, Objects], rule: str, word: str, change: Callable[[Objects], Any]
) -> None:
    objects = copy.deepcopy(rendered["demo"])
    noticed = getattr(chart_rules, rule)
    assert noticed(objects) == []

    change(objects)

    assert any(word in problem for problem in noticed(objects)), noticed(objects)


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, _, _ in BROKEN} == {rule.__name__ for rule in chart_rules.RULES}


def test_kubernetes_own_schema_notices_a_word_it_does_not_know(rendered: dict[str, Objects]) -> None:
    objects = copy.deepcopy(rendered["production"])
    at(objects, "Deployment/identity")["spec"]["replica"] = 3
    at(objects, "PodMonitor/collector")["spec"].pop("selector")
    objects.append({"apiVersion": "extensions/v1beta1", "kind": "Ingress", "metadata": {"name": "old"}})

    problems = chart.schema_problems(objects, chart.KUBERNETES[0])

    assert [problem.split(":")[0] for problem in problems] == [
        "Deployment/heyi-identity", "PodMonitor/heyi-collector", "Ingress/old",
    ]  # fmt: skip


def test_what_the_prometheus_operator_reads_has_the_labels_by_which_it_chooses(rendered: dict[str, Objects]) -> None:
    read = [one for one in rendered["production"] if one["apiVersion"].startswith("monitoring.coreos.com/")]
    assert {one["kind"] for one in read} == {"PodMonitor", "PrometheusRule", "AlertmanagerConfig"}
    assert {one["metadata"]["labels"].get("release") for one in read} == {"kube-prometheus-stack"}


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(Exception, match="stands twice"):
        chart.objects("a: 1\na: 2\n")


def test_a_schema_that_lets_unknown_keys_through_is_noticed() -> None:
    assert chart_rules.open_schemas(
        {"type": "object", "properties": {"a": {"type": "object"}}, "additionalProperties": False}
    ) == ["values.a"]


def test_a_copy_that_differs_from_its_source_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(chart.CHART, tmp_path / "heyi")
    monkeypatch.setattr(chart, "CHART", tmp_path / "heyi")
    assert chart.differing() == []

    with (tmp_path / "heyi" / "files" / "alerts.yaml").open("a") as file:
        file.write("# by hand\n")
    (tmp_path / "heyi" / "files" / "old.conf").touch()
    values = tmp_path / "heyi" / "values.yaml"
    values.write_text(values.read_text().replace("Address that people open", "Where people go"))

    assert [problem.split(":")[0] for problem in chart.differing()] == [
        "files/old.conf",
        "files/alerts.yaml",
        "README.md",
    ]
    chart.sync()
    assert chart.differing() == []


# ---- what the programs read


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_service_finds_its_settings(rendered: dict[str, Objects], variant: str) -> None:
    objects = rendered[variant]
    for name in SERVICES:
        told, service = Environment(environment(objects, f"Deployment/{name}")), find(name)
        settings = ServiceSettings.of(name, told, service.need, service.own_settings, service.may)
        assert told.problems == []
        assert settings.listen == "0.0.0.0:50051"
        assert set(settings.shared.targets) >= set(SERVICES)
    GatewaySettings.read(environment(objects, "Deployment/gateway"))


@pytest.mark.parametrize("variant", ["demo", "demo, upgraded", "everything else"])
def test_migrations_find_their_settings_and_no_process_knows_the_owner(
    rendered: dict[str, Objects], variant: str
) -> None:
    objects = rendered[variant]
    # beside a database that comes up with the release the first migration is no hook; all later ones are
    word = "first-migrate" if variant == "demo" else "migrate"
    for name in SERVICES:
        settings = MigrationSettings.read(name, variables=environment(objects, f"Job/{word}-{name}"))
        assert f"{name}_owner:word@" in settings.owner_database_url
        assert not [key for key in environment(objects, f"Deployment/{name}") if "OWNER" in key]
        annotations = at(objects, f"Job/{word}-{name}")["metadata"].get("annotations", {})
        assert annotations.get("helm.sh/hook") == {
            "demo": None, "demo, upgraded": "pre-upgrade", "everything else": "pre-install,pre-upgrade",
        }[variant]  # fmt: skip
    assert inside(objects, f"Job/{word}-gateway")["command"][-3:] == ["-m", "gateway", "migrate"]


def test_the_reconciler_reads_the_books_of_every_service_and_nothing_else(rendered: dict[str, Objects]) -> None:
    told = environment(rendered["demo"], "Deployment/reconciler")

    assert {key for key in told if key.endswith("DATABASE_URL")} == {
        f"HEYI_{name.upper()}_RO_DATABASE_URL" for name in SERVICES
    }
    assert {
        "HEYI_INSTANCE",
        "HEYI_ISSUER",
        "HEYI_TARGETS",
        "HEYI_DOCUMENTS_STORE",
        "HEYI_RECONCILER_CLIENT_SECRET",
    } <= told.keys()
    assert not [key for key in told if "NATS" in key]


def test_the_chart_runs_what_one_machine_runs(rendered: dict[str, Objects]) -> None:
    objects = rendered["demo"]
    names = {one["metadata"]["name"].removeprefix("heyi-") for one in chart_rules.of_kind(objects, "Deployment")}

    assert names == {*OWNERS, "reconciler"}
    assert {
        name for name in OWNERS if f"HEYI_{name.upper()}_KEYS" in environment(objects, f"Deployment/{name}")
    } == set(KEYED)


def test_a_new_service_is_one_entry_of_values(rendered: dict[str, Objects]) -> None:
    of_it = {
        chart_rules.title(one) for one in rendered["CloudNativePG"] if one["metadata"]["name"].endswith("expenses")
    }

    assert of_it == {
        *(f"{kind}/heyi-expenses" for kind in (
            "Deployment", "Service", "ServiceAccount", "HorizontalPodAutoscaler", "PodDisruptionBudget",
            "NetworkPolicy", "ConfigMap",
        )),
        "Job/heyi-first-migrate-expenses", "Cluster/heyi-pg-expenses", "NetworkPolicy/heyi-pg-expenses",
        "ScheduledBackup/heyi-pg-expenses",
    }  # fmt: skip


def test_what_a_service_says_is_laid_over_what_all_say() -> None:
    common = {"settings.ALL": "1", "settings.HEYI_DOCUMENTS_STORE": "/x", "podAnnotations.all": "1"}
    secret = ("serviceDefaults.secretSettings.PASS.secret=all", "serviceDefaults.secretSettings.PASS.key=pass")
    own = ("services.documents.secretSettings.OWN.secret=own", "services.documents.secretSettings.OWN.key=own")
    words = [*(f"serviceDefaults.{key}={value}" for key, value in common.items()), *secret, *own]
    words += ["services.documents.podAnnotations.own=1"]
    objects = chart.objects(chart.template("--set-string", ",".join(words)))

    told = environment(objects, "Deployment/documents")
    assert (told["ALL"], told["HEYI_DOCUMENTS_STORE"]) == ("1", "/var/lib/heyi/documents")
    assert {"PASS", "OWN"} <= told.keys()
    noted = at(objects, "Deployment/documents")["spec"]["template"]["metadata"]["annotations"]
    assert (noted["all"], noted["own"]) == ("1", "1")
    assert "OWN" not in environment(objects, "Deployment/inventory")


def test_an_autoscaler_aims_at_what_a_process_can_do_and_not_at_what_it_requests(rendered: dict[str, Objects]) -> None:
    scaler = at(rendered["everything else"], "HorizontalPodAutoscaler/inventory")["spec"]

    assert [metric["resource"] for metric in scaler["metrics"]] == [
        {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "700m"}},
        {"name": "memory", "target": {"type": "AverageValue", "averageValue": "400Mi"}},
    ]
    assert "/serviceDefaults/hpa/cpu" in chart.template("--set", "serviceDefaults.hpa.cpu=70", fails=True)


def test_the_migration_of_a_service_that_an_upgrade_brings_is_let_through(rendered: dict[str, Objects]) -> None:
    """It runs before the upgrade, under the policies of the release that does not know the service yet."""
    running = rendered["demo"]
    words = (*chart.arguments_of(VARIANTS["demo, upgraded"]), "--set", "services.expenses.keys=true")
    after = chart.objects(chart.template(*words))
    job = at(after, "Job/migrate-expenses")
    labels = job["spec"]["template"]["metadata"]["labels"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-upgrade"
    for asked, port in (("postgresql", 5432), ("nats", 4222)):
        server = at(running, f"StatefulSet/{asked}")["spec"]["template"]["metadata"]["labels"]
        assert chart_rules.may_reach(running, labels, server, port), asked
        assert not chart_rules.may_reach(running, labels | {f"{APP}/component": "server"}, server, port)


def test_the_arithmetic_counts_the_pool_that_a_process_has() -> None:
    size = inspect.signature(engine_for).parameters["pool_size"].default
    overflow = re.search(r"max_overflow=(\d+)", inspect.getsource(engine_for))
    assert overflow
    counted = re.search(r"mul (\d+) \(add 1 \$replicas\)", (chart.CHART / "templates" / "_helpers.tpl").read_text())
    assert counted

    # one more asks whether the database answers
    assert int(counted[1]) == size + int(overflow[1]) + 1


def test_a_bundled_server_has_the_settings_of_one_machine(rendered: dict[str, Objects]) -> None:
    ours = dict(
        line.split("=", 1) for line in (SETTINGS / "server.conf").read_text().splitlines() if line and line[0] != "#"
    )
    arguments = inside(rendered["demo"], "StatefulSet/postgresql")["args"]

    said = dict(word.split("=", 1) for word in arguments if "=" in word)

    backup = {name: said.pop(name) for name in ("archive_command", "heyi.wal_archive", "hba_file")}
    assert said == ours | {"max_connections": "300", "shared_buffers": "128MB"}
    assert backup["heyi.wal_archive"] in backup["archive_command"]
    # a log that nobody takes away would fill the volume
    alone = chart.objects(chart.template(*chart.arguments_of(VARIANTS["demo"]), "--set", "backup.enabled=false"))
    assert not [word for word in inside(alone, "StatefulSet/postgresql")["args"] if "archive" in word]


@pytest.mark.parametrize("peers", [[], [{"ipBlock": {"cidr": "10.8.0.0/16"}}]], ids=["anywhere", "named"])
def test_the_way_to_a_collector_of_ones_own_is_open_on_its_port(peers: list[Any]) -> None:
    endpoint = "https://otel.example.com:14317/"
    telemetry = {"endpoint": endpoint, "peers": peers, "collector": {"enabled": True}}
    objects = chart.objects(chart.template("--set-json", f"telemetry={json.dumps(telemetry)}"))

    assert environment(objects, BOOK)["HEYI_OTLP_ENDPOINT"] == endpoint
    rules = at(objects, "NetworkPolicy/identity")["spec"]["egress"]
    (to,) = (rule["to"] for rule in rules if rule["ports"] == [{"protocol": "TCP", "port": 14317}])
    assert peers in ([], to)
    assert all("ipBlock" in one for one in to)
    assert not [rule for rule in rules if rule["ports"][0]["port"] == 4317]


def test_event_servers_wait_for_nodes_of_their_own_only_where_pods_wait_at_all(rendered: dict[str, Objects]) -> None:
    waiting = chart.objects(chart.template("--set", "topologySpread=DoNotSchedule"))

    for objects, word in ((rendered["defaults"], "preferred"), (waiting, "required")):
        spec = pod(objects, "StatefulSet/nats")
        (term,) = spec["affinity"]["podAntiAffinity"].pop(f"{word}DuringSchedulingIgnoredDuringExecution")
        assert spec["affinity"]["podAntiAffinity"] == {}
        labels = term.get("podAffinityTerm", term)["labelSelector"]["matchLabels"]
        assert labels == {f"{APP}/name": "nats", f"{APP}/instance": "heyi"}


@pytest.mark.parametrize(("mode", "lost"), [("external", "and Secrets."), ("bundled", "and Secrets, nor databases.")])
def test_whoever_installs_it_without_a_backup_is_told(mode: str, lost: str) -> None:
    words = ("--set", f"postgresql.mode={mode}")
    without = chart.notes_of(*words)

    assert f"WARNING   backup.enabled is off: nobody keeps documents {lost}\n" in without
    assert "backup.enabled" not in chart.notes_of(*words, "--set", "backup.enabled=true")


def test_the_authority_is_mounted_where_a_server_is_verified_and_nowhere_else(rendered: dict[str, Objects]) -> None:
    required = ("--set", "postgresql.sslMode=require,postgresql.caSecret=")
    variants = rendered | {"in clear": chart.objects(chart.template(*required))}

    verified = {name for name, objects in variants.items() if "postgresql-ca" in json.dumps(objects)}

    assert verified == {"defaults", "production", "everything else"}
    for kind_and_name in (BOOK, DOOR, "StatefulSet/keycloak", "Job/first-migrate-identity"):
        volumes = {one["name"]: one for one in pod(rendered["defaults"], kind_and_name)["volumes"]}
        items = [{"key": "ca.crt", "path": "ca.crt"}]
        assert volumes["postgresql-ca"]["secret"] == {"secretName": "postgresql-ca", "items": items}


def test_clusters_of_the_operator_keep_what_was_committed_within_a_minute(rendered: dict[str, Objects]) -> None:
    clusters = chart_rules.of_kind(rendered["CloudNativePG"], "Cluster")

    for one in clusters:
        parameters = one["spec"]["postgresql"]["parameters"]
        assert {name: value for name, value in parameters.items() if "archive" in name} == {"archive_timeout": "45"}
        # and each comes back from its own backup
        (source,) = one["spec"]["externalClusters"]
        assert source["barmanObjectStore"]["serverName"] == one["metadata"]["name"]
    assert len(clusters) > 2
    (door,) = (
        rule["from"]
        for rule in at(rendered["CloudNativePG"], "NetworkPolicy/pg-identity")["spec"]["ingress"]
        if "namespaceSelector" in rule["from"][0]
    )
    assert door == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "operators"}}}]


def test_the_realm_has_a_place_for_every_secret_and_each_is_filled(rendered: dict[str, Objects]) -> None:
    for variant in ("demo", "production"):
        text = at(rendered[variant], "ConfigMap/keycloak")["data"]["heyi-realm.json"]
        places = set(re.findall(r"\$\{(HEYI_REALM_\w+)\}", text))

        assert len(places) >= 11
        assert places <= environment(rendered[variant], "StatefulSet/keycloak").keys()
        assert json.loads(text)["attributes"]["heyi.profile"] == {"demo": "local"}.get(variant, variant)


def test_an_alert_bears_the_namespace_by_which_it_finds_the_webhook(rendered: dict[str, Objects]) -> None:
    rules = [
        rule
        for group in at(rendered["production"], "PrometheusRule/alerts")["spec"]["groups"]
        for rule in group["rules"]
    ]

    assert len(rules) >= 15
    assert {rule["labels"]["namespace"] for rule in rules} == {"heyi"}
    assert at(rendered["production"], "AlertmanagerConfig/alerts")["spec"]["receivers"][0]["webhookConfigs"] == [
        {"sendResolved": True, "urlSecret": {"name": "alerts-webhook", "key": "url"}}
    ]


def test_a_pod_is_made_anew_only_where_something_changed_for_it(rendered: dict[str, Objects], tmp_path: Path) -> None:
    demo = chart.arguments_of(VARIANTS["demo"])

    def made(objects: Objects, *kinds: str) -> dict[str, Any]:
        return {chart_rules.title(one): one["spec"]["template"] for one in chart_rules.of_kind(objects, *kinds)}

    shutil.copytree(chart.CHART, tmp_path / "heyi")
    about = tmp_path / "heyi" / "Chart.yaml"
    about.write_text(re.sub(r"(?m)^(version|appVersion): .*", r'\1: "9.9.9"', about.read_text()))
    newer = chart.objects(chart.template(*demo, chart=tmp_path / "heyi"))
    assert made(newer, "StatefulSet") == made(rendered["demo"], "StatefulSet")
    assert made(newer, "Deployment") != made(rendered["demo"], "Deployment")

    more = chart.objects(chart.template(*demo, "--set", "services.inventory.replicas=3"))
    assert made(more, *chart_rules.LASTING) == made(rendered["demo"], *chart_rules.LASTING)

    told = made(chart.objects(chart.template(*demo, "--set", "services.inventory.settings.X=1")), *chart_rules.LASTING)
    before = made(rendered["demo"], *chart_rules.LASTING)
    assert [name for name in told if told[name] != before[name]] == ["Deployment/heyi-inventory"]


def test_a_pod_is_asked_by_grpc_or_at_a_port_of_its_own(rendered: dict[str, Objects]) -> None:
    def asked(variant: str, name: str) -> list[Any]:
        container = inside(rendered[variant], f"Deployment/{name}")
        probes = [container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
        return [probe.get("grpc") or probe["httpGet"] for probe in probes]

    other = "everything else"
    assert [one["service"] for one in asked(other, "identity")] == ["live", "ready", "live"]
    assert [one["path"] for one in asked(other, "gateway")] == ["/health/live", "/health/ready", "/health/live"]
    for variant in ("demo", other):
        assert [one["port"] for one in asked(variant, "reconciler")] == ["probes"] * 3
        assert environment(rendered[variant], "Deployment/reconciler")["HEYI_PROBE_PORT"] == "8086"
    for name in ("identity", "gateway"):
        assert asked("demo", name) == [{"path": f"/{word}", "port": "probes"} for word in ("live", "ready", "live")]
        assert environment(rendered["demo"], f"Deployment/{name}")["HEYI_PROBE_PORT"] == "8086"
        assert "HEYI_PROBE_PORT" not in environment(rendered[other], f"Deployment/{name}")
