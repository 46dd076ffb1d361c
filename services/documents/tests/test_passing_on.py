"""A person's token in the hands of a service: good for reading, over a certificate of ours, and for no more."""

from __future__ import annotations

from typing import Any

import pytest

from chassis import contract
from chassis.runtime import Envelope
from chassis.testing import build, refused, stable
from chassis.tls import name_of

GET, DEACTIVATE = (contract.load().methods[f"heyi.inventory.v1.Units/{name}Unit"] for name in ("Get", "Deactivate"))


@pytest.fixture
def asked(files: Any) -> Any:
    """Ask inventory as the requester over the certificate of a part."""
    runtime = files.inventory.runtime
    token = files.inventory.issuer.person(stable("requester"))

    async def ask(method: contract.Method, part: str) -> Any:
        envelope = Envelope(token=token, key="passing-on", certificate=frozenset({name_of(part)}))
        return (await runtime.invoke(method, build(method.request, {"id": files.unit.id}), envelope)).message

    return ask


async def test_a_service_may_read_what_the_person_may_read(asked: Any) -> None:
    assert (await asked(GET, "documents")).code == "PCS"
    assert (await asked(GET, "approval")).code == "PCS"
    assert (await asked(GET, "gateway")).code == "PCS"


async def test_a_service_changes_nothing_in_a_person_s_name(asked: Any) -> None:
    with refused("NOT_SIGNED_IN"):
        await asked(DEACTIVATE, "documents")
    assert (await asked(DEACTIVATE, "gateway")).code == "PCS"


async def test_who_has_no_need_of_it_passes_nothing_on(asked: Any) -> None:
    for part in ("reconciler", "postgres", "elsewhere", "procurement"):
        with refused("NOT_SIGNED_IN"):
            await asked(GET, part)
