"""Licences: what must not be among our parts is recognised, a choice is one, and nothing passes by saying nothing."""

from __future__ import annotations

import pytest

from infra import sbom


def component(*said: str) -> dict[str, object]:
    return {"name": "one", "version": "1", "licenses": [{"license": {"id": text}} for text in said]}


@pytest.mark.parametrize(
    "said",
    ["GPL-3.0-only", "AGPL-3.0-or-later", "GNU General Public License v2 (GPLv2)", "SSPL-1.0",
     "GNU Affero General Public License v3", "GPL-2.0 OR AGPL-3.0", "MIT AND GPL-3.0"],
)  # fmt: skip
def test_a_licence_that_binds_the_whole_is_refused(said: str) -> None:
    assert sbom.problems([component(said)])
    assert sbom.problems([component("MIT", said)])


@pytest.mark.parametrize(
    "said", ["MIT", "LGPL-2.1-or-later", "MPL-2.0", "Apache-2.0 OR GPL-2.0", "GNU Lesser General Public License v3"]
)
def test_a_licence_that_does_not_passes(said: str) -> None:
    assert sbom.problems([component(said)]) == []


def test_a_package_that_says_nothing_is_named() -> None:
    assert sbom.problems([component()]) == ["one 1 says nothing about its licence"]


def test_every_package_of_the_lock_counts() -> None:
    assert {"protobuf", "fastapi", "schemathesis", "weasyprint"} <= sbom.locked()
