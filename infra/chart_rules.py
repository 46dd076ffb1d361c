"""What must be so of every rendering of charts/heyi: rules over its objects, each a function that returns problems.

The first line of a rule's description is its name in the output of `make chart`; infra/tests/test_chart.py breaks an
object for each of them and sees it noticed.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Object = Mapping[str, Any]
Objects = Sequence[Object]
LASTING, ONCE = ("Deployment", "StatefulSet"), ("Job", "Pod", "CronJob")
METADATA = ipaddress.ip_address("169.254.169.254")
# the one that talks to the cluster's API
TALKS_TO_THE_API = "secrets"
# Jobs that ask the databases alone
BACKUP = ("backup", "resend")


def title(one: Object) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def running(one: Object) -> Any:
    """The specification of what runs: a CronJob's is its Jobs'."""
    return one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]


def pods(objects: Objects) -> Iterator[tuple[Object, Object]]:
    """Each object that makes pods, and the pod: metadata and spec."""
    for one in objects:
        if one["kind"] in LASTING + ONCE:
            yield one, one if one["kind"] == "Pod" else running(one)["template"]


def containers(pod: Object) -> list[Object]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def of_kind(objects: Objects, *kinds: str) -> list[Object]:
    return [one for one in objects if one["kind"] in kinds]


def selects(selector: Object | None, labels: Object) -> bool:
    """Whether a selector by labels takes in something with these labels."""
    return all(labels.get(key) == value for key, value in ((selector or {}).get("matchLabels") or {}).items())


def names(objects: Objects) -> list[str]:
    """no two objects have the same kind and name"""
    seen = [title(one) for one in objects]
    return sorted({name for name in seen if seen.count(name) > 1})


def restricted(objects: Objects) -> list[str]:
    """pods are restricted: no root, no token, no host, seccomp"""
    out = []
    for one, pod in pods(objects):
        spec, security = pod["spec"], pod["spec"].get("securityContext", {})
        token = pod["metadata"]["labels"]["app.kubernetes.io/name"] == TALKS_TO_THE_API
        wrong = {
            "root": security.get("runAsNonRoot") is not True or security.get("runAsUser", 0) < 10_000,
            "seccomp": security.get("seccompProfile") != {"type": "RuntimeDefault"},
            "token": spec.get("automountServiceAccountToken") is not token,
            "service links": spec.get("enableServiceLinks") is not False,
            "host": any(spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
            "hostPath": any("hostPath" in volume for volume in spec.get("volumes", [])),
        }
        out += [f"{title(one)}: {name}" for name, is_wrong in wrong.items() if is_wrong]
    return out


def fenced(objects: Objects) -> list[str]:
    """containers cannot gain rights or write to their root"""
    out = []
    for one, pod in pods(objects):
        for container in containers(pod):
            said = dict(container.get("securityContext", {}))
            wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
            if said != wanted | {"capabilities": {"drop": ["ALL"]}}:
                out.append(f"{title(one)}: {container['name']}: {said}")
    return out


def bounded(objects: Objects) -> list[str]:
    """containers ask for CPU and memory and have limits; scratch space and Jobs have an end"""
    out = []
    for one, pod in pods(objects):
        for container in containers(pod):
            resources = container.get("resources", {})
            for side in ("requests", "limits"):
                if {"cpu", "memory"} - resources.get(side, {}).keys():
                    out.append(f"{title(one)}: {container['name']}: {side}")
        for volume in pod["spec"].get("volumes", []):
            if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
                out.append(f"{title(one)}: volume {volume['name']} has no size")
        if not any(volume["name"] == "tmp" and "emptyDir" in volume for volume in pod["spec"].get("volumes", [])):
            out.append(f"{title(one)}: no /tmp")
        if one["kind"] in ONCE and not running(one).get("activeDeadlineSeconds"):
            out.append(f"{title(one)}: may run for ever")
    return out


def probed(objects: Objects) -> list[str]:
    """lasting containers have three probes, behind a Service time to leave, and a liveness that asks nothing else"""
    out = []
    asked = [{"matchLabels": service["spec"]["selector"]} for service in of_kind(objects, "Service")]
    for one, pod in pods(objects):
        if one["kind"] not in LASTING:
            continue
        wanted = {"startupProbe", "readinessProbe", "livenessProbe"}
        wanted |= {"lifecycle"} if any(selects(selector, pod["metadata"]["labels"]) for selector in asked) else set()
        if pod["spec"].get("terminationGracePeriodSeconds", 30) < 30:
            out.append(f"{title(one)}: too little time to end")
        for container in pod["spec"]["containers"]:
            out += [f"{title(one)}: {container['name']}: no {name}" for name in sorted(wanted - container.keys())]
            if "ready" in json.dumps(container.get("livenessProbe", {})):
                out.append(f"{title(one)}: {container['name']}: liveness asks for readiness")
    return out


def images(objects: Objects) -> list[str]:
    """images have a tag or digest, and the list of images is exactly theirs"""
    used = {container["image"] for _, pod in pods(objects) for container in containers(pod)}
    used |= {one["spec"]["imageName"] for one in of_kind(objects, "Cluster")}
    out = [f"{image}: no fixed tag" for image in used if not re.search(r"(:(?!latest$)[\w.-]+|@sha256:\w{64})$", image)]
    listed: set[str] = set()
    for one in of_kind(objects, "ConfigMap"):
        listed |= set(one.get("data", {}).get("images.txt", "").split())
    return out + [f"{image}: not both used and listed" for image in sorted(used ^ listed)]


def secrets(objects: Objects) -> list[str]:
    """no Secret is made by a template, and none stands in clear"""
    out = [title(one) for one in of_kind(objects, "Secret")]
    for one, pod in pods(objects):
        for container in containers(pod):
            for variable in container.get("env", []):
                text = str(variable.get("value", ""))
                secret = re.search(r"PASSWORD|SECRET|_KEYS?$|_TOKEN", variable["name"])
                if any(text.startswith(mount["mountPath"]) for mount in container.get("volumeMounts", [])):
                    continue
                if (secret and text and not re.fullmatch(r'"?\$\(\w+\)"?', text)) or re.search(
                    r"://[^/@]*:(?!\$\()[^/@]*@", text
                ):
                    out.append(f"{title(one)}: {variable['name']} stands in clear")
    for one in of_kind(objects, "ConfigMap"):
        for key, text in one.get("data", {}).items():
            for name, value in re.findall(r'"?\b(password|secret|clientSecret|key)"?\s*:\s*("[^"]*"|[^\s,}]+)', text):
                if key.endswith((".conf", "realm.json")) and not re.fullmatch(r'\$\w+|"\$\{HEYI_REALM_\w+\}"', value):
                    out.append(f"{title(one)}: {key}: {name} {value} stands in clear")
            if re.search(r"PASSWORD|SECRET$|_KEYS?$", key):
                out.append(f"{title(one)}: {key} belongs in a Secret")
    return out


def references(objects: Objects) -> list[str]:
    """what pods name is there: accounts, ConfigMaps, volumes; and keys of Secrets that the chart makes"""
    there = {title(one) for one in objects}
    wanted: dict[str, Any] = {}
    for one in of_kind(objects, "ConfigMap"):
        wanted |= json.loads(one.get("data", {}).get("secrets.json", '{"secrets": {}}'))["secrets"]
    out = []
    for one, pod in pods(objects):
        needs = [f"ServiceAccount/{name}" for name in [pod["spec"].get("serviceAccountName")] if name]
        for volume in pod["spec"].get("volumes", []):
            needs += [f"ConfigMap/{volume['configMap']['name']}"] if "configMap" in volume else []
            # what is only read may be from before the release
            claim = volume.get("persistentVolumeClaim", {"readOnly": True})
            needs += [] if claim.get("readOnly") else [f"PersistentVolumeClaim/{claim['claimName']}"]
        volumes = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        volumes |= {claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])}
        for container in containers(pod):
            needs += [f"ConfigMap/{source['configMapRef']['name']}" for source in container.get("envFrom", [])]
            out += [
                f"{title(one)}: no volume {m['name']}"
                for m in container.get("volumeMounts", [])
                if m["name"] not in volumes
            ]
            for variable in container.get("env", []):
                key = variable.get("valueFrom", {}).get("secretKeyRef")
                if key and key["name"] in wanted and key["key"] not in wanted[key["name"]]:
                    out.append(f"{title(one)}: nobody makes {key['name']}.{key['key']}")
        out += [f"{title(one)}: no {need}" for need in needs if need not in there]
    return out


def hooks(objects: Objects) -> list[str]:
    """a hook that runs before the release uses nothing of it"""

    def when(one: Object) -> str:
        return str(one["metadata"].get("annotations", {}).get("helm.sh/hook", ""))

    early = {title(one) for one in objects if when(one).startswith("pre-")}
    out = []
    for one, pod in pods(objects):
        if title(one) not in early:
            continue
        for volume in pod["spec"].get("volumes", []):
            if "configMap" in volume and f"ConfigMap/{volume['configMap']['name']}" not in early:
                out.append(f"{title(one)}: {volume['configMap']['name']} comes after it")
        account = pod["spec"].get("serviceAccountName")
        if account and f"ServiceAccount/{account}" not in early:
            out.append(f"{title(one)}: account {account} comes after it")
    return out


def budgets(objects: Objects) -> list[str]:
    """every lasting workload has one budget for disruptions, and an account of its own"""
    out = []
    accounts = [pod["spec"].get("serviceAccountName") for one, pod in pods(objects) if one["kind"] in LASTING]
    for one, pod in pods(objects):
        if one["kind"] in LASTING:
            labels = pod["metadata"]["labels"]
            held = [b for b in of_kind(objects, "PodDisruptionBudget") if selects(b["spec"]["selector"], labels)]
            if [b["spec"].get("maxUnavailable") for b in held] != [1]:
                out.append(f"{title(one)}: {len(held)} budgets")
            if accounts.count(pod["spec"].get("serviceAccountName")) != 1 or not pod["spec"].get("serviceAccountName"):
                out.append(f"{title(one)}: shares its account")
    return out


def scaled(objects: Objects) -> list[str]:
    """every Deployment has either replicas or an autoscaler; several pods are spread"""
    scalers = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(objects, "HorizontalPodAutoscaler")}
    out = []
    for one in of_kind(objects, *LASTING):
        if ("replicas" in one["spec"]) == (one["metadata"]["name"] in scalers):
            out.append(f"{title(one)}: replicas and autoscaler")
        several = one["spec"].get("replicas", 2) > 1
        if several and len(one["spec"]["template"]["spec"].get("topologySpreadConstraints", [])) != 2:
            out.append(f"{title(one)}: not spread")
    return out


def doors(objects: Objects) -> list[str]:
    """every Service leads to a port that a pod opens, and migrations are never behind one"""
    out = []
    for service in of_kind(objects, "Service"):
        behind = [
            (one, pod)
            for one, pod in pods(objects)
            if selects({"matchLabels": service["spec"]["selector"]}, pod["metadata"]["labels"])
        ]
        if [one["kind"] in LASTING for one, _ in behind] != [True]:
            out.append(f"{title(service)}: behind it are {[title(one) for one, _ in behind]}")
        open_ports = {
            port["name"]
            for _, pod in behind
            for container in pod["spec"]["containers"]
            for port in container.get("ports", [])
        }
        out += [
            f"{title(service)}: nobody opens {port['targetPort']}"
            for port in service["spec"]["ports"]
            if port["targetPort"] not in open_ports
        ]
    return out


# ---- the network


def policies(objects: Objects, labels: Object) -> list[Object]:
    return [one for one in of_kind(objects, "NetworkPolicy") if selects(one["spec"]["podSelector"], labels)]


def fence(objects: Objects) -> list[str]:
    """nothing may be reached or reach out that is not named, and no rule leads to a cloud's own facts"""
    out = []
    everything = [one for one in of_kind(objects, "NetworkPolicy") if one["spec"]["podSelector"] == {}]
    if not any(
        set(one["spec"]["policyTypes"]) == {"Ingress", "Egress"} and "ingress" not in one["spec"] for one in everything
    ):
        out.append("no default that denies both ways")
    for one, pod in pods(objects):
        if not [p for p in policies(objects, pod["metadata"]["labels"]) if p["spec"]["podSelector"]]:
            out.append(f"{title(one)}: no policy of its own")
    for one in of_kind(objects, "NetworkPolicy"):
        for way, side in (("ingress", "from"), ("egress", "to")):
            for rule in one["spec"].get(way, []):
                if not rule.get(side) or not rule.get("ports"):
                    out.append(f"{title(one)}: {way} from or to anybody, or at any port")
        for rule in one["spec"].get("egress", []):
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                inside = [block["cidr"], *block.get("except", [])]
                if [METADATA in ipaddress.ip_network(cidr) for cidr in inside if ":" not in cidr].count(True) == 1:
                    out.append(f"{title(one)}: leads to {METADATA}")
    return out


def may_reach(objects: Objects, caller: Object, asked: Object, port: int) -> bool:
    """Whether policies let a pod with these labels reach another at this port: both sides must say so."""

    def admits(one: Object, way: str, side: str, other: Object) -> bool:
        return any(
            any(
                "podSelector" in peer and "namespaceSelector" not in peer and selects(peer["podSelector"], other)
                for peer in rule.get(side, [])
            )
            and any(allowed["port"] == port for allowed in rule.get("ports", []))
            for rule in one["spec"].get(way) or []
        )

    out = any(admits(one, "egress", "to", asked) for one in policies(objects, caller))
    return out and any(admits(one, "ingress", "from", caller) for one in policies(objects, asked))


def ways(objects: Objects) -> list[str]:
    """the ways that the suite needs are open, and others are not"""

    def part(labels: Object) -> str:
        migrates = labels["app.kubernetes.io/component"] == "migrate"
        return f"migration of {labels['app.kubernetes.io/name']}" if migrates else str(labels["app.kubernetes.io/name"])

    parts = {part(pod["metadata"]["labels"]): pod["metadata"]["labels"] for _, pod in pods(objects)}
    opened = {
        name: container["ports"][0]["containerPort"]
        for _, pod in pods(objects)
        for container in pod["spec"]["containers"]
        if (name := pod["metadata"]["labels"]["app.kubernetes.io/name"]) and container.get("ports")
    }
    users = {
        user
        for one in of_kind(objects, "ConfigMap")
        for user in re.findall(r'user: "(\w+)", password: \$', one.get("data", {}).get("nats.conf", ""))
    }
    services = {name for name, port in opened.items() if port == 50051}
    needed = {("gateway", name) for name in services} | {(name, "identity") for name in services - {"identity"}}
    needed |= {("reconciler", "identity"), ("test", "gateway")}
    needed |= {(name, "nats") for name in users}
    needed |= {(name, "keycloak") for name in (*services, "gateway", "reconciler", "test")} | {("keycloak", "gateway")}
    needed |= {(name, "postgresql") for name in (*services, "gateway", "reconciler", "keycloak", "databases", *BACKUP)}
    migrations = {f"migration of {name}" for name in (*services, "gateway")}
    needed |= {(name, asked) for name in migrations for asked in ("postgresql", "nats")}
    strangers = {(name, asked) for name in migrations for asked in opened.keys() - {"postgresql", "nats"}}
    strangers |= {
        ("nats", "postgresql"),
        ("test", "postgresql"),
        ("test", "nats"),
        ("keycloak", "nats"),
        ("reconciler", "nats"),
    }
    strangers |= {(name, asked) for name in BACKUP for asked in opened if asked != "postgresql"}
    strangers |= (
        {("test", name) for name in services}
        | {("nats", name) for name in services}
        | {("keycloak", name) for name in services}
    )
    strangers |= {(name, "gateway") for name in services} | {("secrets", name) for name in opened}
    out = []
    for expected, pairs in ((True, needed), (False, strangers)):
        for caller, asked in sorted(pairs):
            if (
                caller in parts
                and asked in opened
                and may_reach(objects, parts[caller], parts[asked], opened[asked]) is not expected
            ):
                out.append(f"{caller} {'cannot' if expected else 'can'} reach {asked}")
    out += [
        f"a stranger can reach {name}"
        for name in opened
        if may_reach(objects, {"app": "stranger"}, parts[name], opened[name])
    ]
    return out


def open_schemas(schema: Object, path: str = "values") -> list[str]:
    """Places in a schema of values where a key that nobody named would pass, but for Kubernetes' own objects."""
    out = []
    if schema.get("type") == "object" and "Kubernetes' own" not in schema.get("description", ""):
        more = schema.get("additionalProperties", True)
        out += [path] if more is True else []
        out += open_schemas(more, f"{path}.*") if isinstance(more, Mapping) else []
    for key, inner in {**schema.get("properties", {}), **schema.get("$defs", {})}.items():
        out += open_schemas(inner, f"{path}.{key}")
    return out + (open_schemas(schema["items"], f"{path}[]") if isinstance(schema.get("items"), Mapping) else [])


RULES: tuple[Callable[[Objects], list[str]], ...] = (
    names, restricted, fenced, bounded, probed, images, secrets, references, hooks, budgets, scaled, doors, fence, ways,
)  # fmt: skip
