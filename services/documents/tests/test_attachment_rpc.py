"""A file from its first byte to its end: who may add, see, fetch, rename, remove and bring back."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from chassis.testing import refused
from documents.attachment.sweeping import sweep
from documents.tests import hostile

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
SVG = hostile.svg().encode()


def png(width: int = 900, height: int = 700) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "PNG")
    return out.getvalue()


async def test_a_file_that_came_in_pieces_is_checked_added_and_fetched(files: Any) -> None:
    file = await files.add("requester", "报价 2026.pdf", PDF)

    assert (file.state, file.view, file.scan) == (file.READY, file.PDF, file.NOT_SCANNED)
    assert (file.media_type, file.sha256) == ("application/pdf", hashlib.sha256(PDF).hexdigest())
    assert file.document_title == "PCS 个"
    said, data = await files.download("colleague", file.id)
    assert data == PDF
    assert said == f'application/pdf; name="%E6%8A%A5%E4%BB%B7%202026.pdf"; size={len(PDF)}'
    assert [subject for subject, _ in await files.service.events()] == ["evt.documents.attachment.added"]


async def test_nobody_but_its_owner_knows_of_a_file_before_it_is_checked(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF, check=False)

    assert file.state == file.CHECKING
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("colleague").GetAttachment(id=file.id)
    with refused("ATTACHMENT_NOT_READY"):
        await files.download("requester", file.id)
    listed = await files.service.as_("colleague").ListAttachments(**files.parent)
    assert list(listed.attachments) == []


async def test_whoever_may_not_read_the_document_finds_none_of_its_files(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    files.inventory.revoke("colleague")

    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("colleague").GetAttachment(id=file.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await files.download("colleague", file.id)
    assert not (await files.service.as_("colleague").ListAttachments()).attachments
    assert not (await files.service.as_("colleague").BatchGetAttachments(ids=[file.id])).attachments
    with refused("PERMISSION_MISSING"):
        await files.service.as_("colleague").ListAttachments(**files.parent)
    assert [one.id for one in (await files.service.as_("head").ListAttachments()).attachments] == [file.id]


async def test_a_download_ends_with_the_right_and_each_is_on_record(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    await files.download("colleague", file.id)
    files.inventory.revoke("colleague")
    with refused("DOCUMENT_NOT_FOUND"):
        await files.download("colleague", file.id)

    trail = [entry for entry in await files.service.audit() if entry.method.endswith("/DownloadAttachment")]
    named = [str(entry.document_ids[0]) if entry.document_ids else entry.facts["id"] for entry in trail]
    assert [entry.outcome for entry in trail] == ["done", "refused"]
    assert named == [file.id, file.id]


@pytest.mark.parametrize("size", ["9" * 300, "NaN", "many"])
async def test_a_filter_for_a_size_that_is_none_is_refused(files: Any, size: str) -> None:
    with refused("FIELD_FORMAT", field="filter"):
        await files.service.as_("head").ListAttachments(filter=f'size_bytes = "{size}"')


async def test_the_history_of_a_file_is_for_those_who_may_read_its_document(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    asked = {"service": "documents", "document_type": "attachment", "document_id": file.id}

    assert (await files.service.as_("colleague").ListHistory(**asked)).entries
    files.inventory.revoke("colleague")
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("colleague").ListHistory(**asked)


async def test_whoever_may_only_read_the_document_adds_and_removes_nothing(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    files.inventory.revoke("colleague")
    files.inventory.grant("colleague", ["inventory.unit.get", "inventory.unit.list"], "COMPANY")
    colleague = files.service.as_("colleague")

    seen = await colleague.GetAttachment(id=file.id)
    assert list(seen.allowed_actions) == []
    assert not (await colleague.AdmitAttachment(**files.parent)).may_add
    with refused("ATTACHMENT_DOCUMENT_FIXED"):
        await files.begin("colleague", "mine.pdf", 10)
    with refused("ATTACHMENT_DOCUMENT_FIXED"):
        await colleague.RemoveAttachment(id=file.id)
    with refused("ATTACHMENT_DOCUMENT_FIXED"):
        await colleague.UpdateAttachment(attachment={"id": file.id, "name": "other.pdf"})


async def test_a_document_that_cannot_be_changed_any_more_takes_no_file_that_was_on_its_way(files: Any) -> None:
    begun = await files.begin("requester", "plan.pdf", len(PDF))
    await files.send("requester", begun.id, PDF)
    await files.inventory.as_("admin").DeactivateUnit(id=files.unit.id)

    with refused("ATTACHMENT_DOCUMENT_FIXED"):
        await files.service.as_("requester").FinishAttachment(id=begun.id, sha256=hashlib.sha256(PDF).hexdigest())


async def test_a_removed_file_comes_back_for_thirty_days_by_whoever_removed_it(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    removed = await files.service.as_("colleague").RemoveAttachment(id=file.id)
    assert (removed.state, list(removed.allowed_actions)) == (removed.REMOVED, ["restore"])
    with refused("ATTACHMENT_NOT_READY"):
        await files.download("colleague", file.id)
    with refused("ATTACHMENT_NOT_REMOVER"):
        await files.service.as_("requester").RestoreAttachment(id=file.id)

    files.later(days=29)
    await sweep(files.service.runtime)
    assert (await files.service.as_("colleague").RestoreAttachment(id=file.id)).state == file.READY
    assert (await files.download("requester", file.id))[1] == PDF

    await files.service.as_("colleague").RemoveAttachment(id=file.id)
    files.later(days=31)
    assert (await sweep(files.service.runtime))["removed"] == 1
    gone = await files.service.as_("colleague").GetAttachment(id=file.id)
    assert (gone.state, list(gone.allowed_actions), files.lying()) == (gone.PURGED, [], [])
    subjects = [subject.rsplit(".", 1)[1] for subject, _ in await files.service.events()]
    assert subjects == ["added", "removed", "restored", "removed"]


async def test_another_name_keeps_its_ending(files: Any) -> None:
    file = await files.add("requester", "plan.pdf", PDF)
    requester = files.service.as_("requester")

    changed = await requester.UpdateAttachment(
        attachment={"id": file.id, "name": "最终 plan.PDF", "description": "signed"}
    )
    assert (changed.name, changed.description) == ("最终 plan.PDF", "signed")
    with refused("ATTACHMENT_ENDING_KEPT"):
        await requester.UpdateAttachment(attachment={"id": file.id, "name": "plan.html"})
    with refused("ATTACHMENT_NAME"):
        await requester.UpdateAttachment(attachment={"id": file.id, "name": "../plan.pdf"})


async def test_a_picture_is_shown_small_and_made_anew(files: Any) -> None:
    # what stands behind the pixels is not in the small one
    file = await files.add("requester", "现场.png", png() + b"<script>alert(1)</script>")

    preview = await files.service.as_("colleague").PreviewAttachment(id=file.id)
    with Image.open(io.BytesIO(preview.data)) as small:
        assert (small.format, max(small.size)) == ("JPEG", 640)
    assert b"script" not in preview.data
    with refused("ATTACHMENT_NO_PREVIEW"):
        other = await files.add("requester", "plan.pdf", PDF)
        await files.service.as_("requester").PreviewAttachment(id=other.id)


async def test_only_a_pdf_is_for_the_browser_s_viewer_and_an_svg_is_plain_bytes(files: Any) -> None:
    pdf, svg = await files.add("requester", "a.pdf", PDF), await files.add("requester", "a.svg", SVG)

    assert (await files.download("requester", pdf.id, inline=True))[0].endswith("; inline")
    said, data = await files.download("requester", svg.id, inline=True)
    assert said.startswith("application/octet-stream;")
    assert "inline" not in said
    assert (svg.view, data) == (svg.NONE, SVG)


async def test_an_upload_of_somebody_else_takes_nothing_and_ends_nowhere(files: Any) -> None:
    begun = await files.begin("requester", "plan.pdf", len(PDF))

    with refused("DOCUMENT_NOT_FOUND"):
        await files.send("colleague", begun.id, PDF)
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("colleague").DeleteAttachment(id=begun.id)
    await files.service.as_("requester").DeleteAttachment(id=begun.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await files.service.as_("requester").GetAttachment(id=begun.id)
    assert files.lying() == []


@pytest.mark.parametrize(
    ("document_type", "reason"),
    [
        ("inventory.rocket", "ATTACHMENT_DOCUMENT_TYPE"),
        ("documents.attachment", "ATTACHMENT_DOCUMENT_TYPE"),
        ("approval.opinion", "ATTACHMENT_DOCUMENT_TYPE"),
        ("inventory.item", "DOCUMENT_NOT_FOUND"),
    ],
)
async def test_a_file_needs_a_document_that_is_there(files: Any, document_type: str, reason: str) -> None:
    with refused(reason):
        await files.begin("requester", "plan.pdf", 10, document_type=document_type)


async def test_a_list_is_filled_with_what_its_reader_may_see_in_few_questions(files: Any) -> None:
    """Every second file hangs from a document that the reader may not see."""
    category = await files.inventory.as_("admin").CreateItemCategory(
        item_category={"code": "2002", "name": "轴承", "sourcing_policy": "AUTOMATIC"}
    )
    hidden = {"document_type": "inventory.item_category", "document_id": category.id}
    for number in range(4):
        await files.add("requester", f"unit {number}.pdf", PDF)
        await files.add("requester", f"category {number}.pdf", PDF, **hidden)
    files.inventory.revoke("colleague")
    files.inventory.grant("colleague", ["inventory.unit.*"], "COMPANY")

    first = await files.service.as_("colleague").ListAttachments(page_size=3, order_by="name desc")
    assert [one.name for one in first.attachments] == ["unit 3.pdf", "unit 2.pdf", "unit 1.pdf"]
    rest = await files.service.as_("colleague").ListAttachments(
        page_size=3, order_by="name desc", page_token=first.next_page_token
    )
    assert [one.name for one in rest.attachments] == ["unit 0.pdf"]
    with files.service.statements() as seen:
        await files.service.as_("colleague").ListAttachments(search="unit")
    assert len([one for one in seen if "FROM attachment" in one]) == 1
