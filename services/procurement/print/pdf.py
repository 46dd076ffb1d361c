"""The purchase order as HTML, to be printed: title, buyer and supplier, lines, amounts, capitals, terms, stamps.

Everything that a person typed is escaped. The text is Chinese whatever the caller's language: the order goes to a
Chinese supplier.
"""

from __future__ import annotations

import datetime
import html
import os
import pathlib
import string
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from chassis import money
from chassis.organisation import Place
from heyi.procurement.v1 import purchase_orders_pb2 as pb
from heyi.procurement.v1 import suppliers_pb2

HERE = pathlib.Path(__file__).parent
# where people open the suite; the code on the paper leads there
PUBLIC_URL = "HEYI_GATEWAY_PUBLIC_URL"
INVOICES = {
    suppliers_pb2.Supplier.VAT_SPECIAL: "增值税专用发票",
    suppliers_pb2.Supplier.VAT_GENERAL: "增值税普通发票",
    suppliers_pb2.Supplier.NONE: "不开票",
}
STATES = {
    pb.PurchaseOrder.DRAFT: "草稿，未发出",
    pb.PurchaseOrder.CHANGE_PENDING: "变更审批中",
    pb.PurchaseOrder.CANCELLED: "已作废",
    pb.PurchaseOrder.SHORT_CLOSED: "已短结",
}
INCOMPLETE, HIDDEN = "部分内容已隐藏，仅供审批参考", "（已隐藏）"
CURRENCIES = {"CNY": "人民币", "USD": "美元", "EUR": "欧元", "JPY": "日元", "HKD": "港币", "GBP": "英镑"}


@dataclass(frozen=True)
class Page:
    """What stands on the paper."""

    order: pb.PurchaseOrder
    company: Place
    printed_on: datetime.date
    supplier_code: str = ""
    supplier_credit_code: str = ""
    supplier_address: str = ""
    buyer: str = ""
    units: Mapping[uuid.UUID, str] = field(default_factory=dict)
    item_codes: Mapping[uuid.UUID, str] = field(default_factory=dict)
    # what is hidden from whoever prints it: such a paper is none for the supplier
    hidden: Collection[str] = ()


def page_html(page: Page) -> str:
    """The whole page; nothing in it is loaded from elsewhere."""
    order = page.order
    shown = [line for line in order.lines if not line.cancelled]
    notice = "；".join(text for text in (STATES.get(order.state, ""), INCOMPLETE if page.hidden else "") if text)
    return string.Template((HERE / "order.html").read_text("utf-8")).substitute(
        style=(HERE / "order.css").read_text("utf-8"),
        number=_(order.number),
        company=_(page.company.name),
        qr=_qr(page),
        version=f"第 {order.revision} 次变更" if order.revision else "",
        order_date=_(order.order_date) or "　",
        currency=_(f"{CURRENCIES.get(order.currency, '')} {order.currency}"),
        notice=f'<div class="notice">{notice}</div>' if notice else "",
        buyer_block=_buyer(page),
        supplier_block=_supplier(page),
        rows="".join(_row(number, line, page) for number, line in enumerate(shown, 1)),
        net_amount=_money(order.net_amount),
        tax_amount=_money(order.tax_amount),
        amount=_money(order.amount),
        capitals=_capitals(order),
        terms=_terms(page),
        buyer=_(page.buyer),
        department=_(_department(order)),
        printed_on=page.printed_on.isoformat(),
    )


def _row(number: int, line: pb.PurchaseOrderLine, page: Page) -> str:
    code = page.item_codes.get(uuid.UUID(line.item_id), "") if line.item_id else ""
    unit = page.units.get(uuid.UUID(line.unit_id), "") if line.unit_id else line.unit_text
    rate = "" if "lines.tax_rate" in page.hidden else f"{(Decimal(line.tax_rate or 0) * 100).normalize():f}%"
    day = line.promised_date or line.need_date or page.order.need_date
    note = f"<div class=note>{_(line.note)}</div>" if line.note else ""
    cells = [
        ("c", str(number)),
        ("", _(code)),
        ("", _(line.description) + note),
        ("", _(line.specification)),
        ("c", _(unit)),
        ("n", _plain(line.quantity)),
        ("n", _price(line.unit_price)),
        ("n", rate),
        ("n", _price(line.unit_price_with_tax)),
        ("n", _money(line.amount)),
        ("c", _(day)),
    ]
    return "<tr>" + "".join(f'<td class="{kind}">{text}</td>' for kind, text in cells) + "</tr>"


def _buyer(page: Page) -> str:
    order, company = page.order, page.company
    return _pairs(
        ("单位名称", order.buyer_name or company.name),
        ("统一社会信用代码", order.buyer_credit_code or company.credit_code),
        ("地址", company.address),
        ("电话", company.phone),
        ("采购员", page.buyer),
        ("送货地点", order.delivery_place),
    )


def _department(order: pb.PurchaseOrder) -> str:
    """The buyer's department and its head on the day of the order."""
    head = order.department_head_name
    return order.department_name + (f"（负责人：{head}）" if head else "")


def _supplier(page: Page) -> str:
    order = page.order
    return _pairs(
        ("单位名称", order.supplier_name),
        ("统一社会信用代码", page.supplier_credit_code),
        ("供应商编码", page.supplier_code),
        ("地址", page.supplier_address),
        ("联系人", order.contact_name),
        ("电话", order.contact_phone),
    )


def _pairs(*pairs: tuple[str, str]) -> str:
    return "".join(f"<div><span>{label}：</span>{_(value)}</div>" for label, value in pairs)


def _terms(page: Page) -> str:
    order = page.order

    def said(text: str, *paths: str) -> str:
        return HIDDEN if set(paths) & set(page.hidden) else text

    days = f"收到发票后 {order.payment_days} 天付款" if order.payment_days else "按双方约定"
    paid = said(order.payment_terms or days, "payment_terms", "payment_days")
    invoice = said(INVOICES.get(order.invoice_kind, "") or "按双方约定", "invoice_kind")
    terms = [
        f"交货地点：{said(order.delivery_place, 'delivery_place')}；交货日期以各行所列为准。",
        f"付款条件：{paid}。",
        f"发票：{invoice}；抬头 {order.buyer_name}，税号 {order.buyer_credit_code}。",
        "请供方书面确认各行数量与交期。",
    ]
    if order.supplier_reference:
        terms.append(f"供方订单号：{order.supplier_reference}。")
    if order.note:
        terms.append(f"备注：{order.note}")
    return "".join(f"<li>{_(term)}</li>" for term in terms)


def _capitals(order: pb.PurchaseOrder) -> str:
    if not order.amount:
        return ""
    name = CURRENCIES.get(order.currency, order.currency)
    return f"{_(name)}大写：<b>{_(money.in_capitals(Decimal(order.amount)))}</b>"


def _qr(page: Page) -> str:
    import segno

    base = os.environ.get(PUBLIC_URL, "").rstrip("/")
    link = f"{base}/procurement/purchase-orders/{page.order.id}?company={page.order.company_id}"
    return str(segno.make(link, error="m").svg_inline(scale=2, border=0, omitsize=False))


def _(text: object) -> str:
    return html.escape(str(text or ""))


def _plain(number: str) -> str:
    return f"{Decimal(number).normalize():,f}" if number else ""


def _price(number: str) -> str:
    """A price with two digits at least, more only where it has them."""
    if not number:
        return ""
    whole, _point, digits = f"{Decimal(number):,f}".partition(".")
    return f"{whole}.{digits.rstrip('0').ljust(2, '0')}"


def _money(number: str) -> str:
    return f"{Decimal(number):,.2f}" if number else ""
