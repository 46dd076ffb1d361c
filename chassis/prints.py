"""Any document on paper, as a template arranges it: head of the company, fields, lines, amount in words, signatures.

The document is read as the caller reads it, so what is hidden from them is not on their paper. Everything that a person
typed is escaped, and nothing is loaded from elsewhere: the one picture is in the template.
"""

from __future__ import annotations

import datetime
import html
import os
import pathlib
import uuid
import zoneinfo
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis import contract, custom_fields, field_shapes, ids, labels, money, paper, typed_fields
from chassis.call import Call
from chassis.contract import repeated, spec_of
from chassis.errors import Refused
from chassis.organisation import Person, Place
from heyi.approval.v1 import opinions_pb2
from heyi.common.v1 import typed_fields_pb2
from heyi.identity.v1 import print_templates_pb2 as pb
from heyi.options.v1 import options_pb2

HERE = pathlib.Path(__file__).parent
FIND = "heyi.identity.v1.PrintTemplates/FindPrintTemplate"
FIND_OPINIONS = "heyi.approval.v1.Opinions/FindOpinions"
# where people open the suite; the code on the paper leads there
PUBLIC_URL = "HEYI_GATEWAY_PUBLIC_URL"
MOST_COLUMNS = 8
_BOOKKEEPING = {
    "id", "etag", "allowed_actions", "content_hash", "custom_fields", "sort_key", "pinyin_initials", "hidden_keys",
}  # fmt: skip
# page x of y, day, name and day of a signature, address, tax number, amount in words, hidden parts, yes and no
WORDS = {
    "zh-CN": ('"第 " counter(page) " 页 共 " counter(pages) " 页"', "打印日期", "签字", "日期", "地址", "税号", "大写",
              "部分内容已隐藏", "是", "否", "第 {} 版"),
    "en": ('counter(page) " / " counter(pages)', "Printed", "Signature", "Date", "Address", "Tax number", "In words",
           "Parts are hidden from whoever printed this", "Yes", "No", "revision {}"),
}  # fmt: skip

# what an approver did, by language
SAID = {
    "zh-CN": {
        "TITLE": "审批意见", "FOR": "{}（代 {}）", "SUBMIT": "提交", "APPROVE": "同意", "REJECT": "拒绝",
        "RETURN": "退回", "HANDLE": "办理", "COMMENT": "评论",
    },
    "en": {
        "TITLE": "Opinions", "FOR": "{} for {}", "SUBMIT": "Sent", "APPROVE": "Agreed", "REJECT": "Refused",
        "RETURN": "Returned", "HANDLE": "Done", "COMMENT": "Remark",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Content:
    """What a document holds that the contract does not name, as far as its reader sees it: told by its service."""

    # what the document is called, where no template says it
    title: Mapping[str, str] = field(default_factory=dict)
    # the fields of the document that stand above it, where no template chooses any
    facts: Sequence[str] = ()
    fields: Sequence[typed_fields_pb2.TypedField] = ()
    # headings by language and the keys below them; fields in none come first
    sections: Sequence[tuple[Mapping[str, str], Sequence[str]]] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    # of what values name, by id
    names: Mapping[str, str] = field(default_factory=dict)
    # what is written out in capitals; nothing where it is no amount
    amount: str = ""
    # what approvers said, the oldest first
    said: Sequence[opinions_pb2.FindOpinionsResponse.Said] = ()


# asked with the document as the caller reads it
Tell = Callable[[Any, Call], Awaitable[Content]]


@dataclass(frozen=True)
class Page:
    """What stands on the paper, and how. An empty template is the standard layout."""

    document: contract.Document
    message: Any
    company: Place
    printed_on: datetime.date
    locale: str
    template: pb.PrintTemplate = field(default_factory=pb.PrintTemplate)
    # of what ids name, by id
    names: Mapping[str, str] = field(default_factory=dict)
    # path, label and value of the fields that administrators added and the reader sees
    added: Sequence[tuple[str, str, str]] = ()
    link: str = ""
    hides: bool = False
    # what approvers said, the oldest first, and the people who did
    said: Sequence[opinions_pb2.FindOpinionsResponse.Said] = ()
    people: Mapping[uuid.UUID, Person] = field(default_factory=dict)
    # of a document whose content is an open record
    content: Content | None = None


class Prints:
    """Serves heyi.platform.v1.Prints. `tells`: by type of document, who tells what an open record holds."""

    def __init__(self, tells: Mapping[str, Tell]) -> None:
        self.tells = tells

    async def PrintDocument(self, request: Any, call: Call) -> paper.Sheet:
        service = call.runtime.service
        document = contract.load().documents.get(request.document_type)
        model = service.model_of(request.document_type) if document is not None else None
        get = _get(document) if document is not None else None
        if document is None or model is None or get is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type=request.document_type[:100], id=request.id[:50])
        message, inner = await call.runtime.read_within(call, get, get.request(id=request.id))
        template = pb.PrintTemplate()
        if not request.standard:
            asked = pb.FindPrintTemplateRequest(document_type=request.document_type, id=request.template_id)
            template = (await _ask(call, asked)).print_template
        tell = self.tells.get(document.name)
        content = await tell(message, call) if tell is not None else None
        if content is not None:
            said = content.said if template.show_opinions or not template.id else ()
        else:
            said = await _said(call, document, message) if template.show_opinions else ()
        page = Page(
            document, message, call.company, call.today(), call.locale, template,
            names=await _names(call, message), added=_added(inner, model, message, template.field_names),
            link=_link(get, message, call), hides=any(inner.hidden.values()),
            said=said, people=call.organisation.people, content=content,
        )  # fmt: skip
        name = getattr(message, "number", "") or getattr(message, "code", "") or contract.snake(message.DESCRIPTOR.name)
        return paper.Sheet(f"{name}.pdf", page_html(page))


def _get(document: contract.Document) -> contract.Method | None:
    wanted = f"Get{document.message.DESCRIPTOR.name}"
    methods = contract.load().methods.values()
    return next((one for one in methods if one.document == document.name and one.name == wanted), None)


async def _ask(call: Call, request: pb.FindPrintTemplateRequest) -> Any:
    """The template, of the service that keeps them; that one asks itself."""
    if FIND in call.runtime.service.handlers:
        return await call.runtime.service.handlers[FIND](request, call)
    return await call.ask("identity", FIND, request)


async def _said(call: Call, document: contract.Document, message: Any) -> Sequence[Any]:
    """What was said about it, of a type that asks for agreement; as far as the caller may see it."""
    if document.facts is None or call.actor.employee_id is None:
        return ()
    asked = opinions_pb2.FindOpinionsRequest(
        document_type=document.name, document_id=message.id, reader_id=str(call.actor.employee_id)
    )
    return (await call.ask("approval", FIND_OPINIONS, asked)).said  # type: ignore[no-any-return]


# ---- what can stand there


def fields_of(message: Descriptor) -> list[str]:
    """Names of the fields that can be printed, in the contract's order."""
    return [one.name for one in contract.fields(message) if _printable(one)]


def columns_of(message: Descriptor) -> list[str]:
    """Paths of the fields of its lines that can be printed."""
    return [f"{part.name}.{one.name}" for part in _parts(message) for one in _cells(part) if _printable(one)]


def _printable(one: FieldDescriptor) -> bool:
    secret = spec_of(one).format == options_pb2.FieldSpec.PASSWORD
    bare = one.name.endswith(("_id", "_ids")) and not spec_of(one).references
    plain = one.message_type is None or one.message_type.full_name == "google.protobuf.Timestamp"
    return plain and not (secret or bare or one.name in _BOOKKEEPING or one.name == "company_id")


def _parts(message: Descriptor) -> list[FieldDescriptor]:
    own = message.file.package
    return [
        one
        for one in contract.fields(message)
        if one.message_type is not None
        and repeated(one)
        and one.message_type.file.package == own
        and not one.message_type.GetOptions().map_entry
    ]


def _cells(part: FieldDescriptor) -> list[FieldDescriptor]:
    assert part.message_type is not None
    return contract.fields(part.message_type)


# ---- the page


def page_html(page: Page) -> str:
    """The whole page."""
    template, words = page.template, WORDS[page.locale]
    own = page.content.title.get(page.locale, "") if page.content else ""
    title = (template.title_en if page.locale == "en" else template.title) or own or _label_of_type(page)
    number = str(getattr(page.message, "number", "") or getattr(page.message, "code", ""))
    # an empty template says nothing of these: the standard layout has them
    standard = not template.id
    size = pb.PrintTemplate.Paper.Name(template.paper) if template.paper else "A4"
    style = (HERE / "prints.css").read_text("utf-8")
    turned = " landscape" if template.landscape else ""
    sheet = f"@page {{ size: {size}{turned}; @bottom-right {{ content: {words[0]}; }} }}"
    made = [f"{words[1]} {page.printed_on.isoformat()}"]
    if not standard:
        made.append(f"{template.name} {words[10].format(template.revision)}")
    parts = [
        f'<header>{_logo(template)}<div class="heading"><div class="company">{_(page.company.name)}</div>{_head(page)}'
        f"<h1>{_(title)}</h1><div>{_(number)}</div></div>",
        f"{_code(page) if standard or template.show_code else ''}</header>",
        f'<div class="notice">{words[7]}</div>' if page.hides else "",
        _facts(page),
        *_lines(page),
        *_held(page),
        _capitals(page) if standard or template.show_capitals else "",
        opinions_table(page.said, page.people, page.locale, page.company.time_zone),
        _signatures(template.signatures, page.locale),
        f'<div class="footer">{_(template.footer)}</div>' if template.footer else "",
        f'<div class="made">{_("　".join(made))}</div>',
    ]
    return (
        f'<!DOCTYPE html><html lang="{page.locale}"><head><meta charset="utf-8"><title>{_(number or title)}</title>'
        f"<style>{sheet}\n{style}</style></head><body>{''.join(parts)}</body></html>"
    )


def _label_of_type(page: Page) -> str:
    return labels.load(page.locale).document(page.document.name.split(".")[0], page.message.DESCRIPTOR.name)


def _logo(template: pb.PrintTemplate) -> str:
    return f'<img class="logo" alt="" src="{html.escape(template.logo)}">' if template.logo else ""


def _head(page: Page) -> str:
    words, company = WORDS[page.locale], page.company
    said = [
        (page.template.show_address, words[4], company.address),
        (page.template.show_tax_number, words[5], company.credit_code),
    ]
    lines = [f"{label}{_colon(page.locale)}{_(value)}" for shown, label, value in said if shown and value]
    return f'<div class="place">{"　".join(lines)}</div>' if lines else ""


def _code(page: Page) -> str:
    if not page.link:
        return ""
    import segno

    return f'<div class="qr">{segno.make(page.link, error="m").svg_inline(scale=2, border=0, omitsize=False)}</div>'


def _facts(page: Page) -> str:
    added = {path: (label, value) for path, label, value in page.added}
    known = page.message.DESCRIPTOR.fields_by_name
    usual = page.content.facts if page.content else _saying(page.message)
    names = list(page.template.field_names) or [*usual, *added]
    rows = []
    for name in names:
        if name in added:
            rows.append(added[name])
        elif name in known and _printable(known[name]):
            rows.append((_label(page, known[name]), text_of(page, page.message, known[name])))
    if not page.template.field_names:
        # an instant that never came, a name that the reader may not see
        rows = [(label, value) for label, value in rows if value]
    cells = "".join(f"<div><span>{_(label)}</span>{_(value)}</div>" for label, value in rows)
    return f'<div class="facts">{cells}</div>' if cells else ""


def _saying(message: Any) -> Iterator[str]:
    """Fields that say something; a reference is said by the name of its day, where that stands beside it."""
    known = message.DESCRIPTOR.fields_by_name
    for name in fields_of(message.DESCRIPTOR):
        beside = f"{name.removesuffix('_id')}_name"
        if getattr(message, name) and not (name.endswith("_id") and beside in known):
            yield name


def _lines(page: Page) -> Iterator[str]:
    chosen = list(page.template.line_columns)
    for part in _parts(page.message.DESCRIPTOR):
        rows = getattr(page.message, part.name)
        mine = {f"{part.name}.{one.name}": one for one in _cells(part) if _printable(one)}
        # "#" counts the lines already
        told = {name: one for name, one in mine.items() if one.name != "line_number"}
        saying = (
            name
            for name, one in told.items()
            if any(getattr(row, one.name) and text_of(page, row, one) for row in rows)
        )
        names = [name for name in chosen if name in mine] if chosen else list(saying)[:MOST_COLUMNS]
        if not names or not rows:
            continue
        columns = [mine[name] for name in names]
        heads = "".join(f"<th>{_(_label(page, one))}</th>" for one in columns)
        body = "".join(
            f"<tr><td class=n>{number}</td>{''.join(_cell(page, row, one) for one in columns)}</tr>"
            for number, row in enumerate(rows, 1)
        )
        yield f'<table class="lines"><thead><tr><th>#</th>{heads}</tr></thead><tbody>{body}</tbody></table>'


def _held(page: Page) -> Iterator[str]:
    """An open record by its sections: what is one value beside its label, tables below."""
    if (content := page.content) is None:
        return
    fields = {one.key: one for one in content.fields}
    placed = {key for _heading, keys in content.sections for key in keys}
    first: tuple[Mapping[str, str], Sequence[str]] = ({}, [key for key in fields if key not in placed])
    for heading, keys in [first, *content.sections]:
        here = [fields[key] for key in keys if key in fields]
        tables = [one for one in here if one.kind == typed_fields_pb2.TypedField.TABLE]
        rows = "".join(
            f"<tr><th>{_(typed_fields.label_of(one, page.locale))}</th>"
            f"<td>{_(_value(page, one, content.values))}</td></tr>"
            for one in here
            if one not in tables
        )
        if here and heading:
            yield f"<h2>{_(heading.get(page.locale, ''))}</h2>"
        if rows:
            yield f'<table class="held"><tbody>{rows}</tbody></table>'
        yield from (_held_table(page, one, content.values.get(one.key, ())) for one in tables)


def _held_table(page: Page, table: Any, rows: Sequence[Mapping[str, Any]]) -> str:
    def cell(column: Any, row: Mapping[str, Any]) -> str:
        kind = "n" if typed_fields.kind_of(column) in typed_fields.NUMBERS else ""
        return f'<td class="{kind}">{_(_value(page, column, row))}</td>'

    heads = "".join(f"<th>{_(typed_fields.label_of(column, page.locale))}</th>" for column in table.columns)
    body = "".join(
        f"<tr><td class=n>{number}</td>{''.join(cell(column, row) for column in table.columns)}</tr>"
        for number, row in enumerate(rows, 1)
    )
    title = _(typed_fields.label_of(table, page.locale))
    return (
        f'<h2>{title}</h2><table class="lines"><thead><tr><th>#</th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def _value(page: Page, one: Any, values: Mapping[str, Any]) -> str:
    assert page.content is not None
    value, kind = values.get(one.key), typed_fields.kind_of(one)
    if value is not None and kind == typed_fields_pb2.TypedField.AMOUNT:
        return _figure(Decimal(value), 2)
    return field_shapes.shown(one, value, page.locale, zoneinfo.ZoneInfo(page.company.time_zone), page.content.names)


def _cell(page: Page, row: Any, one: FieldDescriptor) -> str:
    kind = "n" if spec_of(one).HasField("decimal") else ""
    return f'<td class="{kind}">{_(text_of(page, row, one))}</td>'


def _label(page: Page, one: FieldDescriptor) -> str:
    owner = one.containing_type
    assert owner is not None
    return labels.load(page.locale).field(owner.file.package.split(".")[1], owner.name, one.name)


def text_of(page: Page, message: Any, one: FieldDescriptor) -> str:
    """A value as it stands on paper; never a bare id."""
    value = getattr(message, one.name)
    if repeated(one):
        shown = (_single(page, message, one, each) for each in value)
        return ("、" if page.locale == "zh-CN" else ", ").join(text for text in shown if text)
    if one.message_type is not None and not message.HasField(one.name):
        return ""
    return _single(page, message, one, value)


def _single(page: Page, message: Any, one: FieldDescriptor, value: Any) -> str:
    spec = spec_of(one)
    if one.message_type is not None:
        return _minute(page, value.ToDatetime(tzinfo=datetime.UTC))
    if one.enum_type is not None:
        name = one.enum_type.values_by_number[value].name
        package = one.enum_type.file.package
        enum = one.enum_type.full_name.removeprefix(f"{package}.")
        return labels.load(page.locale).value(package.split(".")[1], enum, name) if value else ""
    if one.type == FieldDescriptor.TYPE_BOOL:
        return WORDS[page.locale][8 if value else 9]
    if spec.references:
        return page.names.get(value) or str(getattr(message, f"{one.name.removesuffix('_id')}_name", ""))
    if spec.HasField("decimal") and value:
        return _figure(Decimal(value), spec.decimal.scale)
    return str(value)


def _minute(page: Page, instant: datetime.datetime) -> str:
    return f"{instant.astimezone(zoneinfo.ZoneInfo(page.company.time_zone)):%Y-%m-%d %H:%M}"


def _figure(number: Decimal, scale: int) -> str:
    """Two digits of an amount stay; zeros at the end of a longer number do not."""
    return f"{number:,.2f}" if scale == 2 else f"{number.normalize():,f}"


def _capitals(page: Page) -> str:
    """人民币大写: 《支付结算办法》 附一."""
    name = page.document.amount if "." not in page.document.amount else ""
    amount = page.content.amount if page.content else str(getattr(page.message, name or "amount", ""))
    if page.locale != "zh-CN" or not amount or getattr(page.message, "currency", page.company.base_currency) != "CNY":
        return ""
    return f'<div class="capitals">人民币{WORDS[page.locale][6]}：<b>{_(money.in_capitals(Decimal(amount)))}</b></div>'


def opinions_table(said: Iterable[Any], people: Mapping[uuid.UUID, Person], locale: str, time_zone: str) -> str:
    """Who said what, and when, in the words of the locale; nothing where nobody did."""
    words, zone = SAID[locale], zoneinfo.ZoneInfo(time_zone)

    def name(key: str) -> str:
        person = people.get(uuid.UUID(key)) if key else None
        return person.name if person else ""

    rows = []
    for one in said:
        author, other = name(one.author_id), name(one.on_behalf_of_id)
        kind = opinions_pb2.Opinion.Kind.Name(one.kind)
        day = f"{one.create_time.ToDatetime(tzinfo=datetime.UTC).astimezone(zone):%Y-%m-%d %H:%M}"
        by = words["FOR"].format(author, other) if other else author
        cells = (one.node_name, by, words.get(kind, ""), one.text, day)
        rows.append("<tr>" + "".join(f"<td>{_(cell)}</td>" for cell in cells) + "</tr>")
    return f'<h2>{words["TITLE"]}</h2><table class="lines rows"><tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _colon(locale: str) -> str:
    return "：" if locale == "zh-CN" else ": "


def _signatures(places: Iterable[str], locale: str) -> str:
    name, day = (f"{word}{_colon(locale)}" for word in WORDS[locale][2:4])
    cells = "".join(f"<td>{_(place)}<br><br>{name}<br>{day}</td>" for place in places)
    return f'<table class="signatures"><tr>{cells}</tr></table>' if cells else ""


def _(text: object) -> str:
    return html.escape(str(text or ""))


# ---- what is read for it


def _added(call: Call, model: Any, message: Any, chosen: Sequence[str]) -> list[tuple[str, str, str]]:
    """Fields that administrators added, as far as the caller sees them and they say something: those that are chosen,
    or that are printed where nothing is.
    """
    if not custom_fields.takes_fields(model) or not message.custom_fields.json:
        return []
    import orjson

    values, fields = orjson.loads(message.custom_fields.json), custom_fields.fields_of(call, model)
    names, locale = _people(call), call.locale
    return [
        (
            f"{custom_fields.PREFIX}{key}",
            typed_fields.label_of(one.field, locale),
            field_shapes.shown(one.field, values[key], locale, call.organisation.zone(call.company_id), names),
        )
        for key, one in fields.defined.items()
        if key in values and (f"{custom_fields.PREFIX}{key}" in chosen if chosen else one.printed)
    ]


def _people(call: Call) -> dict[str, str]:
    organisation = call.organisation
    return {
        **{str(key): one.name for key, one in organisation.people.items()},
        **{str(key): one.name for key, one in organisation.departments.items()},
        **{str(key): one.name for key, one in organisation.posts.items()},
        **{str(key): one.name for key, one in organisation.companies.items()},
    }


async def _names(call: Call, message: Any) -> dict[str, str]:
    """Names of what the document refers to: the organisation's from memory, those of its own service by one read for
    each type, as far as the caller may read it. What another service keeps says itself beside its id.
    """
    wanted: dict[str, set[str]] = {}
    rows = [message, *(row for part in _parts(message.DESCRIPTOR) for row in getattr(message, part.name))]
    for row in rows:
        for one, value in row.ListFields():
            if (kind := spec_of(one).references) and one.message_type is None:
                wanted.setdefault(kind, set()).update(value if repeated(one) else [value])
    names = {key: name for key, name in _people(call).items() if any(key in keys for keys in wanted.values())}
    for kind, keys in wanted.items():
        missing = sorted(key for key in keys if key not in names)
        document = contract.load().documents.get(kind)
        batch = _batch(call, document) if document is not None and missing else None
        if document is None or batch is None:
            continue
        reply, _inner = await call.runtime.read_within(call, batch, batch.request(ids=missing[:200]))
        for row in getattr(reply, reply.DESCRIPTOR.fields[0].name):
            names[row.id] = " ".join(str(getattr(row, name)) for name in document.title if getattr(row, name))
    return names


def _batch(call: Call, document: contract.Document) -> contract.Method | None:
    """How several of a type are read here by the caller; None where they are not, or may not be."""
    methods = contract.load().methods.values()
    wanted = f"BatchGet{document.message.DESCRIPTOR.name}"
    found = (one for one in methods if one.document == document.name and one.name.startswith(wanted))
    batch = next((one for one in found if one.full_name in call.runtime.service.handlers), None)
    return batch if batch is not None and (not batch.policy.permission or call.can(batch.policy.permission)) else None


def _link(get: contract.Method, message: Any, call: Call) -> str:
    base = os.environ.get(PUBLIC_URL, "").rstrip("/")
    service = get.request.DESCRIPTOR.file.services_by_name[get.full_name.split("/")[0].rsplit(".", 1)[1]]
    path = contract.http_rule(service.methods_by_name[get.name]).get  # type: ignore[arg-type]
    route = path.removeprefix("/v1").replace("{id}", str(ids.parse(message.id)))
    return f"{base}{route}?company={call.company_id}" if base else ""
