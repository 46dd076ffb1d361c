"""`make chart`: charts/heyi rendered by Helm with every values file, validated, and held against what must be so.

    python -m infra.chart          # all checks; ends with `chart: N checks, 0 failed`
    python -m infra.chart sync     # write what the chart copies from infra/ (charts/heyi/files), and its README.md

Helm reads nothing outside a chart's folder, and some of what brings charts into a cluster refuses links: so the chart
holds copies, and `sync` makes them. What must be so of objects stands in infra/chart_rules.py.
"""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from infra import chart_rules
from infra.backup import pod, restoring, wal
from infra.keycloak.realm import PROFILES, VALUES, render
from infra.local import machine
from infra.local.report import CannotContinueError, Report

CHART = machine.ROOT / "charts" / "heyi"
INFRA = machine.ROOT / "infra"
# the oldest that the chart's kubeVersion allows, and the newest that there is
KUBERNETES = ("1.32", "1.37")
OPERATORS = (
    "postgresql.cnpg.io/v1",
    "gateway.networking.k8s.io/v1",
    "external-secrets.io/v1",
    "monitoring.coreos.com/v1",
    "monitoring.coreos.com/v1alpha1",
)
# kinds of operators, whose schemas come with them and not with Kubernetes: what a spec must have at least
FOREIGN = {
    "postgresql.cnpg.io/v1/Cluster": {"instances", "imageName", "storage", "resources"},
    "postgresql.cnpg.io/v1/ScheduledBackup": {"schedule", "cluster"},
    "gateway.networking.k8s.io/v1/HTTPRoute": {"parentRefs", "hostnames", "rules"},
    "external-secrets.io/v1/ExternalSecret": {"refreshInterval", "secretStoreRef", "target", "dataFrom"},
    "monitoring.coreos.com/v1/PodMonitor": {"selector", "podMetricsEndpoints"},
    "monitoring.coreos.com/v1/PrometheusRule": {"groups"},
    "monitoring.coreos.com/v1alpha1/AlertmanagerConfig": {"route", "receivers"},
}
# it reads the definitions anew for each object, which is two thirds of all the time
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)
HEADINGS = ("# Heyi in Kubernetes", "## Values")


@dataclass(frozen=True)
class Variant:
    """One way to install it."""

    name: str
    files: tuple[str, ...] = ()
    more: tuple[str, ...] = ()


VARIANTS = (
    Variant("defaults"),
    Variant("demo", ("values-demo.yaml",)),
    Variant("demo, upgraded", ("values-demo.yaml",), ("--is-upgrade",)),
    Variant(
        "demo, restored", ("values-demo.yaml",), ("--set", "backup.restore.claim=before,backup.restore.quiet=true")
    ),
    Variant("production", ("values-production.yaml",)),
    Variant("CloudNativePG", ("ci/cnpg-values.yaml",)),
    Variant("everything else", ("ci/everything-values.yaml",)),
)


def helm(*arguments: str | Path, fails: bool = False) -> str:
    """What Helm prints; what it complains of where it must fail. Raises CannotContinueError where it does otherwise."""
    command = [str(machine.helm(Report())), *map(str, arguments)]
    # with nobody's configuration, plugins or cluster
    own = {"HOME": tempfile.gettempdir(), "PATH": ""}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=own)
    except OSError as trouble:
        raise CannotContinueError(f"not run: no helm ({trouble})") from None
    if (done.returncode != 0) != fails:
        ended = "succeeded" if fails else f"failed: {done.stderr.strip()[-2000:]}"
        raise CannotContinueError(f"helm {' '.join(map(str, arguments[:1]))} {ended}")
    return done.stderr if fails else done.stdout


def template(*arguments: str, chart: Path = CHART, kubernetes: str = KUBERNETES[-1], fails: bool = False) -> str:
    """The manifests of a release `heyi` in a namespace of that name."""
    apis = [word for api in OPERATORS for word in ("--api-versions", api)]
    where = ("heyi", chart, "--namespace", "heyi", "--kube-version", kubernetes)
    return helm("template", *where, *apis, *arguments, fails=fails)


def notes_of(*arguments: str) -> str:
    """What whoever installs it is told at the end."""
    return helm("install", "heyi", CHART, "--dry-run=client", *arguments).partition("\nNOTES:\n")[2]


def arguments_of(variant: Variant) -> list[str]:
    """Its values files and switches for Helm."""
    return [word for file in variant.files for word in ("--values", str(CHART / file))] + list(variant.more)


class _Strict(yaml.CSafeLoader):
    """Refuses a key that stands twice: Helm would take one of them and say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := {key for key in keys if keys.count(key) > 1}:
            raise yaml.YAMLError(f"stands twice: {sorted(twice)} ({node.start_mark})")
        return dict(super().construct_mapping(node, deep))


def objects(manifests: str) -> list[dict[str, Any]]:
    """The objects of a rendering. Raises YAMLError."""
    return [one for one in yaml.load_all(manifests, Loader=_Strict) if one]


def schema_problems(found: Sequence[Mapping[str, Any]], kubernetes: str) -> list[str]:
    """What Kubernetes' own schema says of them, unknown fields too."""
    problems = []
    for one in found:
        kind = f"{one['apiVersion']}/{one['kind']}"
        if kind in FOREIGN:
            lacks = FOREIGN[kind] - one["spec"].keys()
            problems += [f"{chart_rules.title(one)}: spec lacks {', '.join(sorted(lacks))}"] if lacks else []
            continue
        try:
            kubernetes_validate.validate(one, kubernetes, strict=True)
        except kubernetes_validate.ValidationError as error:
            problems.append(f"{chart_rules.title(one)}: {'.'.join(map(str, error.path))}: {error.message[:200]}")
        except kubernetes_validate.SchemaNotFoundError:
            problems.append(f"{chart_rules.title(one)}: Kubernetes {kubernetes} has no {kind}")
    return problems


# ---- what the chart copies, and its README


def copies() -> dict[str, str]:
    """Files below charts/heyi/ that are made from others, by their path."""
    made = {
        "files/postgres.conf": INFRA / "postgres" / "server.conf",
        "files/service.sql": INFRA / "postgres" / "service.sql",
        "files/database.sql": INFRA / "postgres" / "database.sql",
        "files/nats-user.conf": INFRA / "nats" / "user.conf",
        "files/nats-reader.conf": INFRA / "nats" / "reader.conf",
        "files/collector.yaml": INFRA / "otel" / "collector.yaml",
        "files/alerts.yaml": INFRA / "grafana" / "alerts" / "heyi.yaml",
    }
    made |= {f"files/dashboards/{file.name}": file for file in (INFRA / "grafana" / "dashboards").glob("*.json")}
    theme = INFRA / "keycloak" / "themes" / "heyi"
    made |= {f"files/theme/{file.relative_to(theme)}": file for file in theme.rglob("*") if file.is_file()}
    texts = {path: file.read_text("utf-8") for path, file in made.items()}
    for profile in PROFILES:
        # Keycloak fills in places of this form from its environment when it imports a realm
        realm = render(profile, {name: f"${{HEYI_REALM_{name.upper()}}}" for name in VALUES})
        # inside the cluster the suite asks in clear, fenced by policies; whoever is outside must come by https
        realm["sslRequired"] = "external"
        texts[f"files/realm-{profile}.json"] = json.dumps(realm, ensure_ascii=False, indent=1) + "\n"
    archive, data = Path("/var/lib/heyi/backup") / pod.LOG, Path("/var/lib/postgresql/data/main")
    wal_settings = {
        "archive": str(archive),
        # the first backup makes it
        "archive_command": wal.archive_command(archive, wanted=f"test -d {archive}"),
        "restore_command": wal.restore_command(restoring.log_folder(data)),
    }
    texts["files/wal.yaml"] = yaml.safe_dump(wal_settings, width=1000)
    return texts | {"README.md": readme()}


def differing() -> list[str]:
    """Copies that are not as their sources are, and files that have none any more."""
    wanted = copies()
    kept = {str(file.relative_to(CHART)) for file in (CHART / "files").rglob("*") if file.is_file()}
    programs = ("wait.py", "make_secrets.py", "databases.sh", "base.sh", "recover.sh", "pg_hba.conf")
    own = {f"files/{name}" for name in programs}
    stale = [f"{path}: has no source" for path in sorted(kept - wanted.keys() - own)]
    texts = {path: (CHART / path).read_text("utf-8") if (CHART / path).exists() else "" for path in wanted}
    return stale + [f"{path}: run `python -m infra.chart sync`" for path in wanted if texts[path] != wanted[path]]


def sync() -> None:
    """Write the copies and the README; take away what has no source any more."""
    for problem in differing():
        path, _, why = problem.partition(": ")
        if why == "has no source":
            (CHART / path).unlink()
    for path, text in copies().items():
        (CHART / path).parent.mkdir(parents=True, exist_ok=True)
        (CHART / path).write_text(text, "utf-8")


def readme() -> str:
    """The README: its first part as it is, then a table of values made from the comments of values.yaml."""
    file = CHART / "README.md"
    before = file.read_text("utf-8").split(f"{HEADINGS[1]}\n")[0] if file.exists() else f"{HEADINGS[0]}\n\n"
    rows = "".join(f"| `{key}` | {default} | {words} |\n" for key, default, words in described())
    said = (
        "Written by `python -m infra.chart sync` from the comments in values.yaml; values.schema.json refuses others."
    )
    return f"{before}{HEADINGS[1]}\n\n{said}\n\n| key | default | what |\n|---|---|---|\n{rows}"


def described() -> Iterator[tuple[str, str, str]]:
    """Key, default and comment of every value that has a comment, and of every plain value beside those."""
    lines = (CHART / "values.yaml").read_text("utf-8").splitlines()
    root = yaml.compose("\n".join(lines), Loader=yaml.CSafeLoader)

    def comment(line: int) -> str:
        words: list[str] = []
        while line > 0 and (found := re.fullmatch(r"\s*# (.*)", lines[line - 1])):
            words.insert(0, found[1])
            line -= 1
        # the comment of the file itself ends with an empty line
        return " ".join(words).replace("|", "\\|")

    def walk(node: yaml.MappingNode, path: str) -> Iterator[tuple[str, str, str]]:
        for key, value in node.value:
            name, words = f"{path}{key.value}", comment(key.start_mark.line)
            plain = not isinstance(value, yaml.MappingNode) or not value.value or value.flow_style
            text = re.sub(r"\s+", " ", "\n".join(lines)[value.start_mark.index : value.end_mark.index]).strip()
            if plain or words:
                default = f"`{text}`" if plain and len(text) <= 60 else "see values.yaml"
                yield name, default.replace("|", "\\|"), words
            if not plain and name != "services":
                yield from walk(value, f"{name}.")

    yield from walk(root, "")


# ---- the checks


class Checks:
    """Counts, and says what failed."""

    def __init__(self) -> None:
        self.ran = self.failed = 0

    def __call__(self, name: str, problems: Sequence[str]) -> None:
        self.ran += 1
        if problems:
            self.failed += 1
            print(f"FAIL  {name}", *problems[:12], sep="\n        ", flush=True)


def check_variant(checks: Checks, variant: Variant) -> None:
    """Everything about one way to install it."""
    words = arguments_of(variant)
    first = template(*words)
    checks(f"{variant.name}: two renderings are equal", [] if template(*words) == first else ["they differ"])
    values = [word for word in words if word != "--is-upgrade"]
    lint = ("lint", "--strict", "--quiet", CHART, "--namespace", "heyi")
    # with the APIs of operators that a linter cannot ask for
    if variant.name in ("defaults", "demo"):
        helm(*lint, *values)
        checks(f"{variant.name}: helm lint", [])
        notes = notes_of(*values)
        checks(f"{variant.name}: notes", [] if "Open      http" in notes and "<no value>" not in notes else [notes])
    for kubernetes in KUBERNETES:
        found = objects(template(*words, kubernetes=kubernetes))
        checks(f"{variant.name}: schema of Kubernetes {kubernetes}", schema_problems(found, kubernetes))
    found = objects(first)
    for rule in chart_rules.RULES:
        checks(f"{variant.name}: {rule.__doc__}", rule(found))
    print(f"{variant.name}: {len(found)} objects", flush=True)


def check_package(checks: Checks) -> None:
    """What is packed renders as the folder does, and leaves out what only the checks need."""
    with tempfile.TemporaryDirectory() as folder:
        helm("package", CHART, "--destination", folder)
        (packed,) = Path(folder).glob("heyi-*.tgz")
        for variant in (VARIANTS[0], VARIANTS[1]):
            same = template(*arguments_of(variant), chart=packed) == template(*arguments_of(variant))
            checks(f"the package renders as the folder does: {variant.name}", [] if same else ["it differs"])


def refusals() -> dict[str, tuple[tuple[str, ...], str]]:
    """Values that Helm must refuse, and a word of why."""
    demo = str(CHART / "values-demo.yaml")
    everything, cnpg = (str(CHART / "ci" / f"{name}-values.yaml") for name in ("everything", "cnpg"))
    return {
        "an unknown key": (("--set", "postgress.host=x"), "additional properties"),
        "an unknown key of a service": (("--set", "services.inventory.replica=3"), "additional properties"),
        "no replicas": (("--set", "services.inventory.replicas=0"), "minimum"),
        "a collector without its port": (("--set", "telemetry.endpoint=https://otel.example.com"), "endpoint"),
        "an address that is none": (("--set", "publicUrl=heyi"), "publicUrl"),
        "more connections than the server has": (("--set", "serviceDefaults.hpa.max=9"), "maxConnections (600)"),
        "too small a server for a demo": (("-f", demo, "--set", "postgresql.maxConnections=150"), "(150)"),
        "a moment without its zone": (("--set", "backup.restore.at=2026-11-27T18:30:00"), "at"),
        "a server that cannot be verified": (("--set", "postgresql.caSecret="), "needs postgresql.caSecret"),
        "one backup for all clusters": (
            ("-f", cnpg, "--set", "postgresql.cnpg.externalClusters[0].barmanObjectStore.serverName=one"),
            "come back from the same",
        ),
        "two makers of Secrets": (("-f", everything, "--set", "secrets.external.enabled=true"), "not both"),
    }


def check_refusals(checks: Checks) -> None:
    """What would not work is refused before anything is made, with a reason."""
    for name, (words, why) in refusals().items():
        said = template(*words, fails=True)
        checks(f"refused: {name}", [] if why in said else [said.strip()[-300:]])
    bare = ("template", "heyi", CHART, "--kube-version", KUBERNETES[-1])
    for name, words in {
        "CloudNativePG": ("--set", "postgresql.mode=cnpg"),
        "Gateway API": ("--set", "httpRoute.enabled=true"),
        "the Prometheus operator": ("--set", "telemetry.podMonitor=true"),
    }.items():
        said = helm(*bare, *words, fails=True)
        checks(f"refused without {name}", [] if "needs the API" in said else [said.strip()[-300:]])


def check(checks: Checks) -> None:
    """All of it."""
    checks("copies of infra/ and the README are current", differing())
    schema = json.loads((CHART / "values.schema.json").read_text())
    checks("the schema of values lets nothing through unnamed", chart_rules.open_schemas(schema))
    for variant in VARIANTS:
        check_variant(checks, variant)
    check_package(checks)
    check_refusals(checks)


def main(arguments: Sequence[str]) -> int:
    """What the command line asks for."""
    if list(arguments) == ["sync"]:
        sync()
        return 0
    if arguments:
        print(__doc__)
        return 2
    checks = Checks()
    try:
        check(checks)
    except CannotContinueError as trouble:
        checks("the rest was not run", [str(trouble)])
    print(f"chart: {checks.ran} checks, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
