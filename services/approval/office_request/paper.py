"""A request as HTML, to be printed: the company's name, the form's fields by their sections, and who said what.

Everything that a person typed is escaped, and nothing is loaded from elsewhere. The language is the caller's.
"""

from __future__ import annotations

import html
import pathlib
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.protobuf import json_format

from chassis import field_shapes, ids, prints
from chassis.call import Call
from chassis.typed_fields import LANGUAGES, label_of
from heyi.approval.v1 import office_requests_pb2 as pb
from heyi.common.v1 import typed_fields_pb2

HERE = pathlib.Path(__file__).parent
TABLE = typed_fields_pb2.TypedField.TABLE
# number, who asks, department, day, printed on; by language
WORDS = {
    "zh-CN": ("编号", "申请人", "部门", "日期", "打印日期"),
    "en": ("Number", "Requester", "Department", "Date", "Printed"),
}
STATES = {
    "zh-CN": ("草稿", "审批中", "已通过", "已拒绝", "已退回", "已撤回", "已作废"),
    "en": ("Draft", "Being decided", "Approved", "Rejected", "Returned", "Withdrawn", "Cancelled"),
}


def page(request: pb.OfficeRequest, opinions: Iterable[Any], call: Call) -> str:
    """The whole page of a request, as its reader sees it: hidden fields are left out."""
    locale = call.locale if call.locale in LANGUAGES else LANGUAGES[0]
    number, asker, department, day, printed = WORDS[locale]
    name = (request.form.name_en if locale == "en" else "") or request.form.name
    person = call.organisation.people.get(ids.parse(request.owner_id))
    on = request.submit_time if request.HasField("submit_time") else request.create_time
    zone = zoneinfo.ZoneInfo(call.company.time_zone)
    head = [
        (number, request.number or "—"),
        (asker, person.name if person else ""),
        (department, request.department_name),
        (day, f"{on.ToDatetime(tzinfo=zone):%Y-%m-%d}"),
    ]
    cells = "".join(f"<td>{_(label)}：<b>{_(value)}</b></td>" for label, value in head)
    trail = prints.opinions_table(opinions, call.organisation.people, locale, call.company.time_zone)
    return (
        f'<!DOCTYPE html><html lang="{locale}"><head><meta charset="utf-8"><title>{_(request.number)}</title>'
        f"<style>{(HERE / 'request.css').read_text('utf-8')}</style></head><body>"
        f'<header><div class="company">{_(call.company.name)}</div><h1>{_(name)}</h1>'
        f"<div>{STATES[locale][request.state - 1]}</div></header>"
        f'<table class="head"><tr>{cells}</tr></table>{"".join(_sections(request, locale))}{trail}'
        f'<div class="made">{printed}：{call.today().isoformat()}</div></body></html>'
    )


def _sections(request: pb.OfficeRequest, locale: str) -> Iterator[str]:
    fields = {field.key: field for field in request.form.fields if field.key not in request.hidden_keys}
    values, names = json_format.MessageToDict(request.values), dict(request.names)
    placed = {key for section in request.form.sections for key in section.field_keys}
    parts = [("", [key for key in fields if key not in placed])]
    parts += [
        (section.label.get(locale, ""), [key for key in section.field_keys if key in fields])
        for section in request.form.sections
    ]
    for label, keys in parts:
        if keys:
            yield f"<h2>{_(label)}</h2>" if label else ""
            plain = "".join(
                _row(fields[key], values.get(key), locale, names) for key in keys if fields[key].kind != TABLE
            )
            yield f'<table class="fields"><tbody>{plain}</tbody></table>' if plain else ""
            yield from (
                _table(fields[key], values.get(key, []), locale, names) for key in keys if fields[key].kind == TABLE
            )


def _row(field: Any, value: Any, locale: str, names: Mapping[str, str]) -> str:
    return (
        f"<tr><th>{_(label_of(field, locale))}</th><td>{_(field_shapes.shown(field, value, locale, names))}</td></tr>"
    )


def _table(field: Any, rows: list[dict[str, Any]], locale: str, names: Mapping[str, str]) -> str:
    heads = "".join(f"<th>{_(label_of(column, locale))}</th>" for column in field.columns)
    body = "".join(
        "<tr>"
        + "".join(f"<td>{_(field_shapes.shown(c, row.get(c.key), locale, names))}</td>" for c in field.columns)
        + "</tr>"
        for row in rows
    )
    title = _(label_of(field, locale))
    return f'<h2>{title}</h2><table class="rows"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _(text: object) -> str:
    return html.escape(str(text or ""))
