"""Files on documents: added at a desk and on a phone whose line is cut, seen by approvers, gone with the right."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

from attaching import attach, download
from axe import violations
from line import line
from papers import submit, title_of, written
from PIL import Image
from playwright.async_api import Locator, expect
from screen import REQUISITION, Screen, spaced
from test_api_cutoff import GRANTS, given
from test_browser_approval import TASK, decide

from chassis.testing import eventually
from conftest import PHONE

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
FILES = "documents.attachment"


def png(color: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), color).save(out, "PNG")
    return out.getvalue()


def panel(screen: Screen) -> Locator:
    return screen.panel(screen.t("attachments.title")).first


async def choose(where: Locator, name: str, data: bytes) -> None:
    """What a person chooses from the device, or drops."""
    kind = "image/png" if name.endswith("png") else "application/octet-stream"
    await where.locator("input[type=file]").first.set_input_files({"name": name, "mimeType": kind, "buffer": data})


def added(where: Locator, screen: Screen, name: str) -> Locator:
    """The button that downloads a file that is there."""
    return where.get_by_role("button", name=screen.t("attachments.download", name=name))


async def test_browser_attachments_from_the_desk_and_the_phone_to_the_opinion(window: Any, door: Any) -> None:
    """A draft gets a picture at the desk and a report on a phone whose line is cut twice; the approver adds one too."""
    paper = await written(door, title_of("夹具图纸"), {"item": "4002-0007", "quantity": "2"})
    address = f"/procurement/purchase-requisitions/{paper['id']}"
    desk = await window("requester")
    await desk.go(address)
    screen, files = desk.screen, panel(desk.screen)
    await choose(files, "现场照片.png", png("teal"))
    await expect(added(files, screen, "现场照片.png")).to_be_visible()
    await expect(files).to_contain_text(screen.choice(FILES, "scan", "NOT_SCANNED"))
    desk.expected.add(400)
    await choose(files, "安装.exe", b"MZ")
    await expect(files).to_contain_text("安装.exe")
    await expect(files.get_by_role("alert")).to_contain_text(".zip")
    await files.get_by_role("button", name=spaced(screen.t("attachments.giveUp"))).click()

    report = PDF + os.urandom(3 * 1024 * 1024)
    async with line() as wire:
        phone = await window("requester", size=PHONE, locale="en", proxy=wire.address)
        phone.torn = True
        await phone.go(f"{address}/edit")
        seen = panel(phone.screen)
        await expect(added(seen, phone.screen, "现场照片.png")).to_be_visible()
        wire.cut_next("/content", "in the reply")
        wire.cut_next("/content", "before the request")
        await choose(seen, "inspection report.pdf", report)
        await expect(seen).to_contain_text(phone.screen.t("attachments.cut"))
        await seen.scroll_into_view_if_needed()
        await phone.picture("attachments-cut")
        await expect(added(seen, phone.screen, "inspection report.pdf")).to_be_visible(timeout=30_000)
        assert len(wire.done) == 2
        await seen.scroll_into_view_if_needed()
        await phone.picture("attachments")
        assert not await violations(phone.page)
    requester = await door("requester")
    found = await requester.get(
        "/v1/documents/attachments", document_type=REQUISITION, document_id=paper["id"], order_by="create_time"
    )
    assert [one["name"] for one in found["attachments"]] == ["现场照片.png", "inspection report.pdf"]
    assert found["attachments"][1]["sha256"] == hashlib.sha256(report).hexdigest()

    await submit(door, paper)
    boss = await window("first approver", dark=True)
    await boss.go("/")
    screen = boss.screen
    await screen.panel(screen.t("portal.todo")).get_by_role("link", name=paper["title"]).click()
    shown = panel(screen)
    await expect(added(shown, screen, "inspection report.pdf")).to_be_visible()
    await expect(shown.get_by_role("button", name=spaced(screen.t("attachments.add")))).to_have_count(0)
    async with boss.page.expect_download() as coming:
        await added(shown, screen, "inspection report.pdf").click()
    assert (await (await coming.value).path()).read_bytes() == report
    await expect(decide(screen, "approve")).to_be_enabled()
    await decide(screen, "approve").click()
    await screen.dialog().get_by_label(screen.t("approval.opinion"), exact=True).fill("按图验收。")
    await choose(screen.dialog(), "验收标准.png", png("maroon"))
    await expect(added(screen.dialog(), screen, "验收标准.png")).to_be_visible()
    await boss.picture("attachments-opinion")
    assert not await violations(boss.page)
    await screen.dialog().get_by_role("button", name=spaced(screen.action(TASK, "approve"))).click()
    await expect(screen.dialog()).to_have_count(0)

    await desk.go(address)
    timeline = desk.screen.panel(desk.screen.t("timeline.title"))
    await expect(added(timeline, desk.screen, "验收标准.png")).to_be_visible()
    await desk.page.get_by_role("button", name=desk.screen.t("history.title")).click()
    await expect(desk.page.get_by_role("main")).to_contain_text(
        desk.screen.t("attachments.wasAdded", name="inspection report.pdf")
    )
    await desk.picture("attachments-requisition")
    await desk.go("/documents/attachments")
    await expect(desk.page.get_by_role("main")).to_contain_text("inspection report.pdf")
    assert not await violations(desk.page)
    await desk.picture("attachments-list")


async def test_a_download_ends_with_the_right_that_allowed_it(door: Any) -> None:
    """Somebody who may read all of Shanghai's requisitions, as finance does, until the grant is revoked."""
    paper = await written(door, title_of("热处理委托"), {"item": "4002-0007", "quantity": "1"})
    file = await attach(await door("requester"), REQUISITION, paper["id"], "process.pdf", PDF)
    # a draft is its owner's alone
    await submit(door, paper)
    admin, reader = await door("admin"), await door("qianyongfu")
    assert (await download(reader, file["id"])).status_code == 404
    grant = await given(admin, "qianyongfu")

    async def answers(status: int) -> None:
        assert (await download(reader, file["id"])).status_code == status

    try:
        await eventually(lambda: answers(200))
        answer = await download(reader, file["id"], inline="true")
        assert answer.content == PDF
        assert answer.headers["content-disposition"].startswith("inline")
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    finally:
        await admin.call("POST", f"{GRANTS}/{grant['id']}:revoke", {"etag": grant["etag"], "reason": "到期"})
    await eventually(lambda: answers(404))
