from __future__ import annotations

import asyncio
import datetime
import uuid
from html.parser import HTMLParser
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor

from chassis import contract, labels, paper, prints
from chassis.organisation import Person, Place
from chassis.testing import COMPANY
from heyi.approval.v1 import opinions_pb2
from heyi.common.v1 import typed_fields_pb2
from heyi.identity.v1 import print_templates_pb2 as pb

HOSTILE = "<script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(1)>"
HOUSE = Place(COMPANY, "ZZ", "甲<乙>测试公司", "甲乙", "CNY", "Asia/Shanghai", "91TEST0000000000XX", "测试路 1 号", "")
DOCUMENTS = contract.load().documents
PRINTABLE = sorted(name for name, one in DOCUMENTS.items() if prints._get(one) is not None)
ORDER = "procurement.purchase_order"
LOGO = "data:image/png;base64,iVBORw0KGgo="


def filled(kind: Any, deep: int = 2) -> Any:
    """A document in which every field says something, every text something evil."""
    message = kind()
    for one in kind.DESCRIPTOR.fields:
        _fill(message, one, deep)
    return message


def _fill(message: Any, one: FieldDescriptor, deep: int) -> None:
    spec = contract.spec_of(one)
    if one.message_type is not None:
        if one.message_type.full_name == "google.protobuf.Timestamp" and not contract.repeated(one):
            getattr(message, one.name).FromJsonString("2026-11-27T16:30:00Z")
        elif contract.repeated(one) and not one.message_type.GetOptions().map_entry and deep:
            row = getattr(message, one.name).add()
            for inner in one.message_type.fields:
                _fill(row, inner, deep - 1)
        return
    if one.enum_type is not None:
        value: Any = one.enum_type.values[-1].number
    elif one.type == FieldDescriptor.TYPE_BOOL:
        value = True
    elif one.type == FieldDescriptor.TYPE_STRING:
        value = "1234.50" if spec.HasField("decimal") else HOSTILE
    else:
        value = b"x" if one.type == FieldDescriptor.TYPE_BYTES else 7
    if contract.repeated(one):
        getattr(message, one.name).append(value)
    else:
        setattr(message, one.name, value)


def marks(text: str) -> list[tuple[str, str, str]]:
    """Element, attribute and value of all that is no text."""
    found: list[tuple[str, str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            found.extend((tag, name, value or "") for name, value in attrs or [("", "")])

    Reader().feed(text)
    return found


def no_harm(text: str) -> bool:
    return not any(tag in ("script", "iframe", "link") or name.startswith("on") for tag, name, _ in marks(text))


def page(name: str, locale: str = "zh-CN", **changes: Any) -> prints.Page:
    document = DOCUMENTS[name]
    message = changes.pop("message", None) or filled(document.message)
    return prints.Page(document, message, HOUSE, datetime.date(2026, 11, 27), locale, **changes)


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
@pytest.mark.parametrize("name", PRINTABLE)
def test_every_type_is_printed_with_each_field_that_a_template_can_name_and_nothing_runs(
    name: str, locale: str
) -> None:
    message = DOCUMENTS[name].message.DESCRIPTOR
    fields, columns = prints.fields_of(message), prints.columns_of(message)
    template = pb.PrintTemplate(
        id="1", name=HOSTILE, title=HOSTILE, title_en=HOSTILE, footer=HOSTILE, signatures=[HOSTILE], logo=LOGO,
        field_names=fields, line_columns=columns, show_address=True, show_tax_number=True, paper=pb.PrintTemplate.A5,
        landscape=True, revision=3,
    )  # fmt: skip
    printed = prints.page_html(page(name, locale, template=template))

    service = name.split(".")[0]
    for field in fields:
        assert f"<span>{prints._(labels.load(locale).field(service, message.name, field))}</span>" in printed
    for part in {column.split(".")[0] for column in columns}:
        assert printed.count("<tr><td class=n>1</td>") >= 1, part
    assert {value for _, name, value in marks(printed) if name in ("src", "href")} == {LOGO}
    assert no_harm(printed)
    assert "size: A5 landscape" in printed
    assert HOUSE.credit_code in printed

    standard = prints.page_html(page(name, locale))
    assert no_harm(standard)
    assert "size: A4;" in standard
    assert labels.load(locale).document(service, message.name) in standard


def test_a_bare_id_and_the_bookkeeping_are_never_printed() -> None:
    fields = prints.fields_of(DOCUMENTS[ORDER].message.DESCRIPTOR)
    assert not {"id", "etag", "content_hash", "company_id", "custom_fields"} & set(fields)
    order = DOCUMENTS[ORDER].message(supplier_id=str(COMPANY), number="PO-1")
    template = pb.PrintTemplate(id="1", field_names=["number", "supplier_id"])
    assert str(COMPANY) not in prints.page_html(page(ORDER, message=order, template=template))
    named = prints.page_html(page(ORDER, message=order, template=template, names={str(COMPANY): "丙供应商"}))
    assert "丙供应商" in named


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        (
            "zh-CN",
            [
                "审批意见",
                "<td>经理</td><td>甲（代 乙）</td><td>同意</td><td>&lt;b&gt;可以</td><td>2026-11-28 00:30</td>",
            ],
        ),
        ("en", ["Opinions", "<td>经理</td><td>甲 for 乙</td><td>Agreed</td>"]),
    ],
)
def test_opinions_stand_on_the_paper_with_who_said_them_for_whom_and_when(locale: str, words: list[str]) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    said = opinions_pb2.FindOpinionsResponse.Said(
        node_name="经理", author_id=str(one), on_behalf_of_id=str(other), kind="APPROVE", text="<b>可以"
    )
    said.create_time.FromJsonString("2026-11-27T16:30:00Z")
    people = {
        key: Person(key, name, name, name, COMPANY, None, None, True) for key, name in ((one, "甲"), (other, "乙"))
    }
    printed = prints.page_html(page(ORDER, locale, said=[said], people=people))
    assert [word for word in words if word not in printed] == []
    assert words[0] not in prints.page_html(page(ORDER, locale))


@pytest.mark.parametrize(
    ("currency", "locale", "asked", "said"),
    [
        ("CNY", "zh-CN", True, "人民币大写：<b>壹仟贰佰叁拾肆元伍角整</b>"),
        ("CNY", "zh-CN", False, ""),
        ("USD", "zh-CN", True, ""),
        ("CNY", "en", True, ""),
    ],
)
def test_an_amount_in_yuan_is_written_out_on_a_chinese_paper(
    currency: str, locale: str, asked: bool, said: str
) -> None:
    order = DOCUMENTS[ORDER].message(number="PO-1", amount="1234.50", currency=currency)
    template = pb.PrintTemplate(id="1", field_names=["number"], show_capitals=asked)
    printed = prints.page_html(page(ORDER, locale, message=order, template=template))
    assert said in printed
    assert ("大写" in printed) is bool(said)


def test_only_chosen_fields_stand_in_their_order_and_added_ones_only_where_the_reader_sees_them() -> None:
    order = DOCUMENTS[ORDER].message(number="PO-1", supplier_name="丙供应商", note="不打印的备注")
    template = pb.PrintTemplate(
        id="1", field_names=["custom_fields.colour", "supplier_name", "custom_fields.secret"], footer="第一行\n第二行"
    )
    seen = ("custom_fields.colour", "颜色", "红色")
    printed = prints.page_html(page(ORDER, message=order, template=template, added=[seen], hides=True))
    assert printed.index("红色") < printed.index("丙供应商")
    assert "不打印的备注" not in printed
    assert "secret" not in printed
    assert "部分内容已隐藏" in printed


def test_the_code_leads_to_the_document_and_an_asked_for_standard_layout_has_it() -> None:
    order = DOCUMENTS[ORDER].message(number="PO-1")
    link = "https://heyi.example/procurement/purchase-orders/1"
    assert "<svg" in prints.page_html(page(ORDER, message=order, link=link))
    assert "<svg" not in prints.page_html(page(ORDER, message=order, link=link, template=pb.PrintTemplate(id="1")))
    assert "<svg" not in prints.page_html(page(ORDER, message=order))


def test_fields_and_columns_that_say_nothing_are_left_out_where_none_is_chosen() -> None:
    order = DOCUMENTS[ORDER].message(number="PO-1")
    order.lines.add(description="轴承", quantity="2", amount="10.00")
    order.lines.add(specification="6204")
    printed = prints.page_html(page(ORDER, message=order))
    label = labels.load("zh-CN").field
    for said, name in (
        (True, "description"),
        (True, "specification"),
        (True, "amount"),
        (False, "item_id"),
        (False, "cancelled"),
    ):
        assert (f"<th>{label('procurement', 'PurchaseOrderLine', name)}</th>" in printed) is said, name
    assert f"<span>{label('procurement', 'PurchaseOrder', 'number')}</span>" in printed
    assert f"<span>{label('procurement', 'PurchaseOrder', 'create_time')}</span>" not in printed


def test_an_open_record_stands_there_by_its_sections_and_nothing_of_it_runs() -> None:
    words = {"zh-CN": HOSTILE, "en": HOSTILE}
    text = {"key": "text", "kind": "LONG_TEXT", "label": words}
    cost = {"key": "cost", "kind": "AMOUNT", "label": {"zh-CN": "花费", "en": "Cost"}}
    since = {"key": "since", "kind": "DATE_TIME", "label": {"zh-CN": "起", "en": "Since"}}
    table = {"key": "rows", "kind": "TABLE", "label": words, "columns": [text, cost]}
    fields = [json_format.ParseDict(one, typed_fields_pb2.TypedField()) for one in (cost, since, table, text)]
    content = prints.Content(
        title=words, facts=["number"], fields=fields, sections=[(words, ["text", "gone"]), ({"zh-CN": "空"}, ["gone"])],
        values={"text": HOSTILE, "cost": "1234.5", "rows": [{"text": HOSTILE, "cost": "7"}],
                "since": "2026-11-27T16:30:00Z"}, amount="1234.5",
    )  # fmt: skip
    order = DOCUMENTS[ORDER].message(number="PO-1", supplier_name="丙供应商", amount="99.00", currency="CNY")
    printed = prints.page_html(page(ORDER, message=order, content=content))

    assert no_harm(printed)
    evil = prints._(HOSTILE)
    told = [
        f"<h1>{evil}</h1>", "<th>花费</th><td>1,234.50</td>", "<th>起</th><td>2026-11-28 00:30</td>",
        f'<td class="">{evil}</td><td class="n">7.00</td>',
        f"<h2>{evil}</h2><table class=\"held\"><tbody><tr><th>{evil}</th><td>{evil}</td></tr>",
        "壹仟贰佰叁拾肆元伍角整",
    ]  # fmt: skip
    places = [printed.index(one) for one in told]
    assert places == sorted(places)
    assert "丙供应商" not in printed
    assert "<h2>空</h2>" not in printed
    english = prints.page_html(page(ORDER, "en", message=order, content=content))
    assert "<th>Cost</th>" in english

    template = pb.PrintTemplate(id="1", title="付款单", field_names=["supplier_name"])
    arranged = prints.page_html(page(ORDER, message=order, content=content, template=template))
    assert "<h1>付款单</h1>" in arranged
    assert "丙供应商" in arranged
    assert "1,234.50" in arranged
    assert "大写" not in arranged


async def test_a_page_shows_the_pictures_that_it_holds_and_fetches_none() -> None:
    """A picture in the page is on the paper; one that is elsewhere is left out, and nobody is asked for it."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    held = await paper.pdf(f'<img src="data:image/png;base64,{dot}">')
    away = await paper.pdf(f'<img src="http://127.0.0.1:{port}/x.png"><img src="file:///etc/hostname">')
    server.close()
    assert b"/Subtype /Image" in held
    assert b"/Subtype /Image" not in away
    assert asked == []
