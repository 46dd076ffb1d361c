"""Drafts of forms and requests that a file brought are gone after its undo; what was published or sent stays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from approval.tests.desk import Desk
from chassis import import_work
from heyi.platform.v1 import imports_pb2 as pb


async def work(service: Any) -> None:
    worker = import_work.Worker(service.runtime)
    while await worker.work():
        pass


async def brought(who: Any, service: Any, kind: str, fields: Sequence[str], *rows: Sequence[str]) -> Any:
    """A file of a type, imported."""
    columns = [{"position": at, "header": field, "field": field} for at, field in enumerate(fields, 1)]
    batch = await who.CreateImportBatch(document_type=kind, file_name="x.xlsx", file_hash=kind, columns=columns)
    sent = [{"row_number": number, "cells": list(row)} for number, row in enumerate(rows, 2)]
    await who.AddRowsImportBatch(id=batch.id, rows=sent, complete=True)
    await who.CheckImportBatch(id=batch.id)
    await work(service)
    await who.StartImportBatch(id=batch.id)
    await work(service)
    return await who.GetImportBatch(id=batch.id)


async def undone(who: Any, service: Any, batch: Any) -> tuple[int, int, list[str]]:
    """How many went, how many stayed, and why."""
    await who.UndoImportBatch(id=batch.id, reason="清单有误")
    await work(service)
    back = await who.GetImportBatch(id=batch.id)
    assert back.state == pb.ImportBatch.UNDONE
    return back.undone_count, back.kept_count, [p.reason for p in (await who.ListImportProblems(id=batch.id)).problems]


async def test_a_draft_of_a_form_goes_and_a_published_one_stays(service: Any) -> None:
    admin = Desk(service).admin
    rows = [(code, f"表单 {code}", prefix) for code, prefix in (("one", "FA"), ("two", "FB"))]
    batch = await brought(admin, service, "approval.form_definition", ("code", "name", "number_prefix"), *rows)
    forms = {one.code: one for one in (await admin.ListFormDefinitions()).form_definitions}
    assert set(forms) == {"one", "two"}
    field = {"key": "note", "label": {"zh-CN": "说明", "en": "Note"}, "kind": "TEXT"}
    await admin.UpdateFormDefinition(form_definition={"id": forms["two"].id, "fields": [field]}, update_mask="fields")
    await admin.PublishFormDefinition(id=forms["two"].id, note="first")

    assert await undone(admin, service, batch) == (1, 1, ["IMPORT_CHANGED_SINCE"])
    assert [one.code for one in (await admin.ListFormDefinitions()).form_definitions] == ["two"]


async def test_drafts_of_requests_go(service: Any) -> None:
    desk = Desk(service)
    form = await desk.form()
    batch = await brought(desk.requester, service, "approval.office_request", ("form_id",), (form.code,))
    assert len((await desk.requester.ListOfficeRequests()).office_requests) == 1

    assert await undone(desk.requester, service, batch) == (1, 0, [])
    assert not (await desk.requester.ListOfficeRequests()).office_requests
