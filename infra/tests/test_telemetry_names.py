"""The registry of numbers is what the code exports, and dashboards and alerts ask for nothing else."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
METRICS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "infra/otel/schema/metrics.yaml").read_text())["metrics"]
KINDS = {"count": ("counter", ""), "measure": ("histogram", "s"), "gauge": ("gauge", "")}
GRAFANA = sorted((ROOT / "infra" / "grafana").rglob("*.*"))
# what Prometheus itself and the resource add to every series
LABELS = {"le", "service_name"}


def exported() -> dict[str, tuple[str, str, set[str]]]:
    """Kind, unit and attributes of every number, read from the calls in the code."""
    found: dict[str, tuple[str, str, set[str]]] = {}
    for folder in ("chassis", "gateway", "services"):
        for file in (ROOT / folder).rglob("*.py"):
            if "tests" not in file.parts:
                for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                    if isinstance(node, ast.Call) and _function(node.func) in KINDS:
                        name, kind, unit, attributes = _read(node, _function(node.func))
                        before = found.get(name, (kind, unit, attributes))
                        assert before == (kind, unit, attributes), f"{name} is exported in two ways"
                        found[name] = before
    return found


def _function(node: ast.expr) -> str:
    """`telemetry.count` and, inside telemetry itself, `count`."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "telemetry":
        return node.attr
    return node.id if isinstance(node, ast.Name) and node.id == "count" else ""


def _read(call: ast.Call, function: str) -> tuple[str, str, str, set[str]]:
    name = ast.literal_eval(call.args[0])
    kind, unit = KINDS[function]
    if len(call.args) > 2:
        unit = ast.literal_eval(call.args[2])
    return name, kind, unit, {word.arg for word in call.keywords if word.arg}


def in_prometheus(name: str) -> set[str]:
    """The names that a number has there."""
    plain = name.replace(".", "_") + ("_seconds" if METRICS[name]["unit"] == "s" else "")
    match METRICS[name]["kind"]:
        case "counter":
            return {f"{plain}_total"}
        case "histogram":
            return {f"{plain}_{part}" for part in ("bucket", "sum", "count")}
    return {plain}


def expressions(file: Path) -> list[str]:
    if file.suffix == ".json":
        return [target["expr"] for panel in json.loads(file.read_text())["panels"] for target in panel["targets"]]
    return [rule["expr"] for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def test_the_registry_is_what_the_code_exports():
    registered = {name: (one["kind"], one["unit"], set(one["attributes"])) for name, one in METRICS.items()}
    assert exported() == registered


@pytest.mark.parametrize("file", GRAFANA, ids=lambda file: file.name)
def test_dashboards_and_alerts_ask_only_for_what_is_exported(file):
    known = {series: name for name in METRICS for series in in_prometheus(name)}
    asked = expressions(file)
    assert asked
    for expression in asked:
        names = re.findall(r"\bheyi_\w+", expression)
        assert names, expression
        assert set(names) <= known.keys(), expression
        labels = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", group)}
        labels |= set(re.findall(r"(\w+)(?:=~|!=|!~|=)\"", expression))
        allowed = LABELS.union(*(METRICS[known[name]]["attributes"] for name in names))
        assert labels <= allowed, expression


def test_every_number_is_looked_at():
    """What no dashboard and no alert asks for need not be exported."""
    asked = set(re.findall(r"\bheyi_\w+", " ".join(e for file in GRAFANA for e in expressions(file))))
    assert [name for name in METRICS if not in_prometheus(name) & asked] == []


def test_refusals_in_the_alerts_exist():
    """An alert on a refusal that was renamed would never ring."""
    from chassis import contract

    wanted = {
        name
        for file in GRAFANA
        for expression in expressions(file)
        for found in re.findall(r"outcome=~\"([^\"]+)\"", expression)
        for name in found.split("|")
    }
    assert wanted
    assert wanted <= contract.load().refusals.keys()
