"""Files of documents that are gone go too, and only on the word of whoever keeps those documents."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.clients import Clients
from chassis.testing import Account, refused, stable
from documents.attachment.gone import FIRST, Rounds
from documents.attachment.sweeping import sweep
from documents.tests.test_attachment_rpc import PDF
from documents.tests.test_uploading import used


async def a_file_of_a_gone_document(files: Any) -> Any:
    """Beside one of a document that stays: units come in by an import that is taken back."""
    admin = files.inventory.as_("admin")
    batch = await files.inventory.bring_in(admin, "inventory.unit", ["code", "name"], ["BOX", "箱"])
    (unit,) = (await admin.ListUnits(filter='code = "BOX"')).units
    file = await files.add("requester", "gone.pdf", PDF, document_id=unit.id)
    await files.add("requester", "kept.pdf", PDF)
    assert (await files.inventory.take_back(admin, batch))[0] == 1
    with refused("DOCUMENT_NOT_FOUND"):
        await admin.GetUnit(id=unit.id)
    return file


async def told(files: Any) -> list[str]:
    return [message.attachment.name for _, message in await files.service.events("attachment.removed")]


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_file_goes_with_its_document_and_its_room_is_free_after_30_days(files: Any, size: int) -> None:
    file = await a_file_of_a_gone_document(files)
    rounds, runtime = Rounds(FIRST), files.service.runtime
    assert [await rounds.go_on(runtime, size) for _ in range(3)] == [0, 0, 0], "it is young"
    files.later(hours=25)
    assert sum([await rounds.go_on(runtime, size) for _ in range(3)]) == 1
    assert await told(files) == ["gone.pdf"]
    assert (await files.service.audit())[-1].method == "RemoveGoneAttachment"
    assert (await used(files))[stable("requester")] == 2 * len(PDF)

    blob = files.store.blob(await files.blob(file.id))
    files.later(days=29)
    await sweep(runtime)
    assert blob.exists()
    files.later(days=2)
    await sweep(runtime)
    assert len(files.lying()) == 1
    assert not blob.exists()
    assert (await used(files))[stable("requester")] == len(PDF)


async def test_who_is_away_or_knows_no_such_type_is_no_answer(files: Any) -> None:
    await a_file_of_a_gone_document(files)
    files.later(hours=25)
    rounds, runtime = Rounds(FIRST), files.service.runtime
    there = runtime.clients
    away = runtime.clients = Clients({"inventory": "127.0.0.1:1"}, Account(files.service))  # type: ignore[arg-type]
    try:
        assert await rounds.go_on(runtime) == 0
    finally:
        await away.close()
        runtime.clients = there
    keeper = files.inventory.as_service("documents")
    with refused("DOCUMENT_NOT_FOUND"):
        await keeper.ListGone(document_type="inventory.nothing", ids=[str(stable("x"))])
    with refused("PERMISSION_MISSING"):
        await files.inventory.as_service("approval").ListGone(document_type="inventory.unit", ids=[str(stable("x"))])
    assert await told(files) == []
    assert await rounds.go_on(runtime) == 1
