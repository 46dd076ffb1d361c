"""`make restore-drill` on a cluster: what is told to the copy that comes back beside the release."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import chart
from infra.backup import cluster

SAID: dict[str, Any] = {
    "images": {"pullSecrets": ["registry"]},
    "postgresql": {"mode": "bundled"},
    "backup": {"enabled": True, "keySecret": "sealing", "storage": {"existingClaim": "of-backups"}},
    "storage": {"documents": {"existingClaim": "of-documents"}},
    "ingress": {"enabled": True},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    "telemetry": {"webhook": {"secret": "alerts"}},
    "serviceDefaults": {
        "settings": {"HEYI_SMTP_HOST": "mail.example.com", "HEYI_LOCALE": "zh"},
        "secretSettings": {"HEYI_SMTP_PASSWORD": {"secret": "mail", "key": "password"}},
    },
    "services": {
        "approval": {
            "settings": {"HEYI_SMTP_FROM": "heyi@example.com"},
            "secretSettings": {
                "HEYI_SMTP_PASSWORD": {"secret": "mail", "key": "password"},
                "OTHER": {"secret": "other", "key": "other"},
            },
        }
    },
}


def laid_over(under: Any, over: Any) -> Any:
    """As Helm lays values over each other."""
    if isinstance(under, dict) and isinstance(over, dict):
        return under | {key: laid_over(under.get(key), said) for key, said in over.items()}
    return over


@pytest.fixture
def values() -> Any:
    """What `helm get values --all` says of a release with everything that may not go on in a copy."""
    return laid_over(yaml.safe_load((chart.CHART / "values.yaml").read_text("utf-8")), SAID)


def test_nobody_hears_of_a_copy_and_nothing_of_the_release_is_used(values: Any, tmp_path: Path) -> None:
    before = copy.deepcopy(values)

    changed, needed = cluster.of_a_copy(values)

    assert values == before
    assert needed == ["other", "registry", "sealing"]
    file = tmp_path / "values.yaml"
    for said, is_there in ((values, True), (changed, False)):
        file.write_text(yaml.safe_dump(said))
        rendered = chart.template("--values", str(file))
        kinds = {one["kind"] for one in chart.objects(rendered)}
        assert bool({"Ingress", "HTTPRoute", "AlertmanagerConfig"} & kinds) is is_there
        for word in ("HEYI_SMTP_", "of-backups", "of-documents"):
            assert (word in rendered) is is_there, word
    assert "HEYI_LOCALE" in rendered
    assert "claimName: before" in rendered
    claims = {one["metadata"]["name"] for one in chart.objects(rendered) if one["kind"] == "PersistentVolumeClaim"}
    assert claims == {"heyi-backup", "heyi-documents"}


def test_the_key_has_the_name_that_the_chart_gives_it(values: Any) -> None:
    values["backup"]["keySecret"] = ""

    assert cluster.of_a_copy(values)[1] == ["heyi-backup", "other", "registry"]
