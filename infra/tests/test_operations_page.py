"""docs/operations.md: every alert has its three first steps, and what it names is what the chart has."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from infra import chart
from infra.local import machine

PAGE = (machine.ROOT / "docs" / "operations.md").read_text("utf-8")
RULES = yaml.safe_load((machine.ROOT / "infra" / "grafana" / "alerts" / "heyi.yaml").read_text("utf-8"))
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
VALUES = yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8"))
SECTIONS = (
    "Install",
    "Upgrade",
    "Rollback",
    "Backup and restore",
    "Rotate keys, passwords and certificates",
    "Add a company",
    "Add a service",
    "Alerts",
)
# between them all that the page speaks of: Jobs of a first install, hooks of an upgrade, External Secrets
RELEASES = (
    ("--values", str(chart.CHART / "values-demo.yaml")),
    ("--values", str(chart.CHART / "values-demo.yaml"), "--is-upgrade"),
    ("--values", str(chart.CHART / "values-production.yaml")),
)
KINDS = "deploy|deployment|statefulset|job|cronjob|secret|pvc|pod|externalsecret"
SHORT = {"deploy": "Deployment", "pvc": "PersistentVolumeClaim", "externalsecret": "ExternalSecret"}
SHORT |= {kind: kind.capitalize() for kind in ("deployment", "job", "secret", "pod")}
SHORT |= {"statefulset": "StatefulSet", "cronjob": "CronJob"}


def section(heading: str) -> str:
    """What stands below a heading, up to the next of its level or above."""
    marks = heading.split()[0]
    (text,) = re.findall(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(marks)}}} |\Z)", PAGE, re.M | re.S)
    return str(text)


def test_its_sections_are_there_in_their_order() -> None:
    assert re.findall(r"^## (.+)$", PAGE, re.M) == list(SECTIONS)


def test_each_alert_has_its_heading_and_no_other_has() -> None:
    assert re.findall(r"^### (\w+)$", section("## Alerts"), re.M) == list(ALERTS)
    assert len(ALERTS) >= 16


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_what_it_means_and_three_first_steps_and_points_there(alert: str) -> None:
    meaning, *rest = section(f"### {alert}").strip().split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]+\.", meaning)
    assert [re.match(r"(\d)\. \S", line)[1] for line in "\n".join(rest).splitlines()] == ["1", "2", "3"]  # type: ignore[index]
    assert ALERTS[alert]["annotations"]["runbook"] == f"docs/operations.md#{alert.lower()}"


def lacks(path: str) -> bool:
    """Whether values.yaml has no such value. An entry of `services` has the fields of `serviceDefaults` too."""
    first, *rest = path.split(".")
    node: Any = VALUES[first]
    if first == "services" and rest:
        node = VALUES["serviceDefaults"] | (node[rest.pop(0)] or {})
    for name in rest:
        if not isinstance(node, dict) or name not in node:
            return True
        node = node[name]
    return False


def test_each_value_that_it_names_is_one() -> None:
    names = "|".join(VALUES)
    said = re.findall(rf"`((?:{names})(?:\.\w+)+)[`=:]", PAGE) + re.findall(r"--set(?:-string)? ([\w.]+)=", PAGE)
    assert len(set(said)) > 25
    assert [path for path in said if lacks(path)] == []


def test_what_its_commands_name_is_in_the_chart() -> None:
    there: set[tuple[str, str]] = {("Pod", f"heyi-{server}-0") for server in ("postgresql", "keycloak", "nats")}
    for words in RELEASES:
        for one in chart.objects(chart.template(*words)):
            there.add((one["kind"], one["metadata"]["name"]))
            if "secrets.json" in (one.get("data") or {}):
                there |= {("Secret", name) for name in yaml.safe_load(one["data"]["secrets.json"])["secrets"]}
    named = {(SHORT[kind], name) for kind, name in re.findall(rf"\b({KINDS})[/ ](heyi-[a-z0-9-]+)", PAGE)}
    named |= {("Pod", name) for name in re.findall(r"\b(?:exec|logs)(?: -\w+)? (heyi-[a-z0-9-]+)", PAGE)}
    named |= {("Secret", name) for name in re.findall(r"\bput (heyi-[a-z]+) ", PAGE)}
    # examples: a service that is to come, and the nightly Job with its number
    named -= {("Secret", "heyi-quality"), ("Job", "heyi-backup-")}
    assert len(named) > 15
    assert named - there == set()


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        file, _, anchor = target.partition("#")
        text = (machine.ROOT / "docs" / file).read_text("utf-8")
        headings = re.findall(r"^#+ (.+)$", text.lower(), re.M)
        anchors = [re.sub(r"[^\w -]", "", one).replace(" ", "-") for one in headings]
        assert not anchor or anchor in anchors, target
