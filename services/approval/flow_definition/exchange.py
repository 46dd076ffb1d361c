"""Flows leave the house as files and come in again: our own JSON, BPMN, a picture, a page to print.

The portable form holds the flow and what version it was, and names whom its rules mean: ids of people and departments
mean nothing in another installation, and an import says by name who is missing.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from google.api import httpbody_pb2

from approval.engine import bpmn, picture
from approval.engine.layout import draw
from approval.engine.words import Words
from approval.flow_definition.model import FlowDefinition, FlowVersion
from chassis import paper
from chassis.errors import Refused
from heyi.approval.v1 import flow_definitions_pb2 as pb

FORMAT = "heyi.flow/1"
HEAD = ("code", "name", "document_type", "condition", "priority", "tree")
KINDS = {
    pb.DownloadFlowDefinitionRequest.JSON: ("json", "application/json"),
    pb.DownloadFlowDefinitionRequest.BPMN: ("bpmn", "application/bpmn+xml"),
    pb.DownloadFlowDefinitionRequest.SVG: ("svg", "image/svg+xml"),
    pb.DownloadFlowDefinitionRequest.PDF: ("pdf", "application/pdf"),
}


def file_of(
    definition: FlowDefinition, version: FlowVersion | None, kind: Any, words: Words, *, today: datetime.date
) -> httpbody_pb2.HttpBody | paper.Sheet:
    """A flow's draft, or one of its versions, as a file with its name and media type."""
    extension, media_type = KINDS[kind]
    flow = portable(definition, version, words)
    said = words.say("version", version=version.number) if version else words.say("draft")
    title = f"{definition.code} {definition.name} · {said}"
    number = f"v{version.number}" if version else "draft"
    name = f"{definition.code}-{number}.{extension}".replace("/", "-")
    match extension:
        case "json":
            data = json.dumps(flow, ensure_ascii=False, indent=2).encode()
        case "bpmn":
            data = bpmn.write(flow, words)
        case _:
            drawing = draw(flow["flow"]["tree"], words.details, words.label, words.ends)
            if extension == "pdf":
                return paper.Sheet(name, picture.pages(drawing, title, words.say("printed", day=today.isoformat())))
            data = picture.svg(drawing, title).encode()
    return httpbody_pb2.HttpBody(content_type=f'{media_type}; name="{name}"', data=data)


def portable(definition: FlowDefinition, version: FlowVersion | None, words: Words) -> dict[str, Any]:
    """The portable form; what a version keeps of a flow is the version's."""
    held = {name: getattr(definition, name) for name in HEAD}
    if version is not None:
        held |= {name: getattr(version, name) for name in ("condition", "priority", "tree")}
    held["tree"] = _whole(held["tree"])
    form: dict[str, Any] = {"format": FORMAT, "flow": held, "names": dict(sorted(_names(held["tree"], words)))}
    if version is not None:
        form["version"] = {
            "number": version.number, "publish_time": version.publish_time.isoformat(), "note": version.note
        }  # fmt: skip
    return form


def read(text: str, words: Words) -> dict[str, Any]:
    """The portable form in a file of ours, JSON or BPMN. Refuses any other."""
    try:
        form = bpmn.read(text, words) if text.lstrip().startswith("<") else json.loads(text)
        json.dumps(form, allow_nan=False)  # Python reads numbers that JSON does not have
    except bpmn.NotOurs as wrong:
        raise _refusal(str(wrong), "FLOW_FILE_CHANGED" if wrong.changed else "FLOW_FILE_UNKNOWN") from wrong
    except (ValueError, RecursionError) as wrong:
        raise _refusal(str(wrong)) from wrong
    if not isinstance(form, dict) or form.get("format") != FORMAT:
        said = form.get("format") if isinstance(form, dict) else ""
        raise _refusal(str(said or "format"))
    head, names = form.get("flow"), form.get("names", {})
    if not isinstance(head, dict) or not isinstance(names, dict) or not isinstance(head.get("tree"), dict | None):
        raise _refusal("flow")
    texts = all(isinstance(head.get(name, ""), str) for name in ("code", "name", "document_type", "condition"))
    priority = head.get("priority", 0)
    if not texts or not isinstance(priority, int) or isinstance(priority, bool) or abs(priority) >= 2**31:
        raise _refusal("flow")
    return form


def message_of(form: Mapping[str, Any], code: str, name: str) -> pb.FlowDefinition:
    """The draft that a file makes, under another code or name where the caller gives one."""
    head = form["flow"]
    try:
        made = pb.FlowDefinition(
            code=code or head.get("code", ""),
            name=name or head.get("name", ""),
            document_type=head.get("document_type", ""),
            condition=head.get("condition", ""),
            priority=head.get("priority", 0),
        )
        made.tree.update(head.get("tree") or {})
    except (ValueError, OverflowError, RecursionError) as wrong:
        # half a character, a number without bounds
        raise _refusal("flow") from wrong
    return made


def named(problems: Iterable[pb.FlowProblem], form: Mapping[str, Any]) -> Iterator[pb.FlowProblem]:
    """Problems with the names that the file gives those whom nobody knows here."""
    for problem in problems:
        name = form.get("names", {}).get(problem.facts.get("value", ""))
        if isinstance(name, str):
            problem.facts["value"] = name[:200]
        yield problem


def _refusal(problem: str, reason: str = "FLOW_FILE_UNKNOWN") -> Refused:
    return Refused.fields([("content", reason, {"problem": problem[:200]})])


def _names(node: Any, words: Words) -> Iterator[tuple[str, str]]:
    """Ids anywhere in a tree with the names of whom they mean."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key in ("employee_id", "department_id", "post") and isinstance(value, str) and value:
            name = (
                words.unit(value)
                if key == "department_id"
                else words.person(value)
                if key == "employee_id"
                else words.post(value)
            )
            if name != value:
                yield value, name
        elif key == "employee_ids" and isinstance(value, list):
            yield from ((who, words.person(who)) for who in value if words.person(who) != who)
        else:
            yield from _names(value, words)


def _whole(value: Any) -> Any:
    """JSON that came through protobuf holds 2 as 2.0; the file holds 2."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
