from __future__ import annotations

import base64
from typing import Any

import pytest

from chassis.testing import COMPANY, OTHER_COMPANY, Bench, refused, stable
from heyi.identity.v1 import print_templates_pb2 as pb
from identity.print_template.rules import is_picture

EMPLOYEE = "identity.employee"
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\nrest").decode()
JPEG = "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8\xff\xe0rest").decode()


@pytest.mark.parametrize(
    ("text", "picture"),
    [
        (PNG, True),
        (JPEG, True),
        (PNG.replace("png", "jpeg"), False),
        (PNG.replace("image/png", "image/svg+xml"), False),
        ("https://evil.example/logo.png", False),
        ("file:///etc/passwd", False),
        (f'{PNG}" onerror="alert(1)', False),
        ("data:image/png;base64,%%%", False),
        ("data:image/png;base64,", False),
    ],
)
def test_a_logo_is_a_picture_and_nothing_else(text: str, picture: bool) -> None:
    assert is_picture(text) is picture


async def make(admin: Any, name: str = "入职单", **changes: Any) -> Any:
    fields = {"document_type": EMPLOYEE, "name": name, "paper": "A4", "field_names": ["code", "name"], **changes}
    return await admin.CreatePrintTemplate(print_template=fields)


async def find(house: Bench, key: str = "", **where: Any) -> pb.PrintTemplate:
    asked = {"document_type": EMPLOYEE, "id": key}
    answer = await house.as_service("procurement", **where).FindPrintTemplate(**asked)
    return answer.print_template


async def test_a_template_counts_its_revisions_and_one_of_a_type_is_preferred(house: Bench, admin: Any) -> None:
    first = await make(admin, preferred=True)
    assert first.revision == 1
    assert (await find(house)).id == first.id
    second = await make(admin, "简版", preferred=True)
    assert (await find(house)).id == second.id
    assert not (await admin.GetPrintTemplate(id=first.id)).preferred
    assert (await find(house, first.id)).id == first.id
    assert not (await find(house, company=OTHER_COMPANY)).id

    changed = await admin.UpdatePrintTemplate(print_template={"id": second.id, "etag": second.etag, "footer": "谢谢"})
    assert changed.revision == 2
    await admin.DeactivatePrintTemplate(id=second.id)
    assert not (await find(house)).id
    with refused("DOCUMENT_NOT_FOUND"):
        await find(house, second.id)
    with refused("DOCUMENT_NOT_FOUND"):
        await find(house, "x")


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"document_type": "sales.order"}, "FIELD_NO_SUCH_DOCUMENT", ""),
        ({"field_names": ["code", "etag"]}, "PRINT_TEMPLATE_FIELD", "field_names[1]"),
        ({"field_names": ["custom_fields.a b"]}, "PRINT_TEMPLATE_FIELD", "field_names[0]"),
        ({"line_columns": ["lines.quantity"]}, "PRINT_TEMPLATE_FIELD", "line_columns[0]"),
        ({"logo": "https://evil.example/a.png"}, "PRINT_TEMPLATE_LOGO", "logo"),
        ({"name": "入职单"}, "PRINT_TEMPLATE_EXISTS", ""),
    ],
)
async def test_what_cannot_be_printed_is_refused(
    house: Bench, admin: Any, changes: Any, reason: str, field: str
) -> None:
    await make(admin)
    with refused(reason, field=field):
        await make(admin, **{"name": "另一张", **changes})


async def printed(house: Bench, key: str, about: str, **how: Any) -> Any:
    service = {"service": "identity", "document_type": EMPLOYEE, "id": str(stable(about)), **how}
    return await house.as_(key).PrintDocument(**service)


async def test_a_document_is_a_pdf_for_whoever_may_read_it_and_that_is_on_record(house: Bench, admin: Any) -> None:
    await make(admin, preferred=True, signatures=["人事"], logo="")
    pdf = await printed(house, "admin", "colleague")
    assert pdf.content_type.startswith("application/pdf")
    assert pdf.data.startswith(b"%PDF")
    plain = await printed(house, "admin", "colleague", standard=True)
    assert plain.data != pdf.data

    entries = [one for one in await house.audit() if one.method.endswith("/PrintDocument")]
    assert [(one.kind, one.document_ids) for one in entries] == [("PRINTED", [stable("colleague")])] * 2
    house.revoke("requester")
    house.grant("requester", ["inventory.item.get"], "OWN", company=COMPANY)
    with refused("PERMISSION_MISSING"):
        await printed(house, "requester", "colleague")
    with refused("DOCUMENT_NOT_FOUND"):
        await printed(house, "admin", "nobody at all")
    with refused("DOCUMENT_NOT_FOUND"):
        await printed(house, "admin", "colleague", document_type="procurement.purchase_order")
