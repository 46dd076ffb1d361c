"""The organisation chart on paper: the tree with heads and numbers, and the people below their units where wanted."""

from __future__ import annotations

import html
from collections import defaultdict
from typing import Any

from chassis.call import Call
from chassis.paper import Sheet
from heyi.identity.v1 import departments_pb2 as pb
from heyi.identity.v1 import placements_pb2

FAMILY = "'Noto Sans CJK SC', 'WenQuanYi Zen Hei', 'Microsoft YaHei', sans-serif"
WORDS = {
    "zh-CN": {
        "title": "组织架构图", "as_of": "截至 {day}", "unit": "部门", "head": "负责人", "people": "人数",
        "acting": "{name}（代理）", "CONCURRENT": "兼任", "MATRIX": "虚线汇报", "reports_to": "汇报给 {name}",
        "capped": "人员过多，只列出前 {count} 人。", "joined": "，",
    },
    "en": {
        "title": "Organisation chart", "as_of": "As of {day}", "unit": "Department", "head": "Head", "people": "People",
        "acting": "{name} (acting)", "CONCURRENT": "concurrently", "MATRIX": "dotted line",
        "reports_to": "reports to {name}", "capped": "Too many people: the first {count} are listed.", "joined": ", ",
    },
}  # fmt: skip


def of(chart: pb.OrganisationChart, call: Call) -> Sheet:
    """The sheet, in the caller's language."""
    words = WORDS.get(call.locale, WORDS["en"])
    title, as_of = f"{call.company.name} · {words['title']}", words["as_of"].format(day=chart.chart_date)
    below: defaultdict[str, list[Any]] = defaultdict(list)
    for person in chart.people:
        below[person.department_id].append(person)
    depth: dict[str, int] = {}
    rows = ""
    for unit in chart.units:
        deep = depth[unit.department_id] = depth[unit.parent_id] + 1 if unit.parent_id else 0
        heads = [words["acting"].format(name=unit.acting_name)] if unit.acting_name else []
        said = words["joined"].join([*heads, *([unit.head_name] if unit.head_name else [])])
        rows += (
            f'<tr class="unit"><td style="padding-left:{2 + deep * 5}mm">{_e(unit.name)} '
            f"<small>{_e(unit.code)}</small></td>"
            f"<td>{_e(said)}</td><td class=number>{unit.people_count}</td></tr>"
        )
        rows += "".join(_person(person, deep, words) for person in below[unit.department_id])
    capped = f"<p>{words['capped'].format(count=len(chart.people))}</p>" if chart.people_capped else ""
    foot = f'content: "{as_of}  " counter(page) " / " counter(pages); font: 8pt {FAMILY};'
    style = (
        f"@page {{ size: A4; margin: 14mm; @bottom-right {{ {foot} }} }} body {{ font: 9.5pt {FAMILY}; margin: 0; }}"
        " h1 { font-size: 14pt; margin: 0; } p { margin: 1mm 0 4mm; } table { width: 100%; border-collapse: collapse; }"
        " th, td { text-align: left; padding: 1.2mm 2mm; border-bottom: 0.2mm solid #999; }"
        " thead { display: table-header-group; } tr { break-inside: avoid; } small { color: #444; }"
        " .number { text-align: right; } .unit td:first-child { font-weight: bold; }"
    )
    head = f"<tr><th>{words['unit']}</th><th>{words['head']}</th><th class=number>{words['people']}</th></tr>"
    body = f"<h1>{_e(title)}</h1><p>{as_of}</p><table><thead>{head}</thead><tbody>{rows}</tbody></table>{capped}"
    page = f'<!doctype html><html><head><meta charset="utf-8"><style>{style}</style></head><body>{body}</body></html>'
    return Sheet(f"organisation-{chart.chart_date}.pdf", page)


def _person(person: Any, deep: int, words: dict[str, str]) -> str:
    kind = placements_pb2.Placement.Kind.Name(person.kind)
    said = [person.post_name, words.get(kind, "")]
    if person.reports_to_name:
        said.append(words["reports_to"].format(name=person.reports_to_name))
    facts = words["joined"].join(filter(None, said))
    return (
        f'<tr><td style="padding-left:{8 + deep * 5}mm">{_e(person.name)} <small>{_e(person.code)}</small></td>'
        f"<td colspan=2>{_e(facts)}</td></tr>"
    )


def _e(text: str) -> str:
    return html.escape("".join(sign for sign in text if sign.isprintable()))
