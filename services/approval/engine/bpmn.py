"""A flow as BPMN 2.0 (ISO/IEC 19510) with its diagram, and back.

Other tools read the elements; what only this suite knows of a flow stands in `extensionElements` under a namespace of
its own: the flow as a whole at the process, each node at its element. Reading takes the flow from there and refuses a
file whose elements do not say the same any more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from approval.engine.layout import Box, Drawing, Edge, Shape, clean, draw
from approval.engine.words import DELAYS, Words

NAMESPACES = {
    "bpmn": "http://www.omg.org/spec/BPMN/20100524/MODEL",
    "bpmndi": "http://www.omg.org/spec/BPMN/20100524/DI",
    "dc": "http://www.omg.org/spec/DD/20100524/DC",
    "di": "http://www.omg.org/spec/DD/20100524/DI",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "heyi": "urn:heyi:flow:1",
}
CEL = "https://cel.dev"
INSIDE = ("children", "branches")

for _prefix, _name in NAMESPACES.items():
    ET.register_namespace(_prefix, _name)


class NotOurs(ValueError):
    """The text is no BPMN that this suite wrote: `changed` where it once was."""

    def __init__(self, problem: str, *, changed: bool = False) -> None:
        super().__init__(problem)
        self.changed = changed


def write(flow: Mapping[str, Any], words: Words) -> bytes:
    """The XML of a flow: `flow` is its portable form, whose `flow.tree` is drawn."""
    head = flow["flow"]
    drawing = draw(head["tree"], words.details, words.label, words.ends)
    definitions = ET.Element(
        _q("bpmn:definitions"),
        {"id": "Definitions", "targetNamespace": NAMESPACES["heyi"], "exporter": "Heyi", "expressionLanguage": CEL},
    )
    process = _child(definitions, "bpmn:process", id="Process", name=head["name"], isExecutable="false")
    _extension(process, "flow", flow)
    for shape in drawing.shapes:
        _element(definitions, process, shape, drawing, words)
    for edge in drawing.edges:
        _flow(process, edge)
    _diagram(definitions, drawing)
    ET.indent(definitions)
    written: bytes = ET.tostring(definitions, "utf-8", xml_declaration=True)
    return written


def read(text: str, words: Words) -> dict[str, Any]:
    """The portable form of a flow that `write` wrote. Raises NotOurs."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotOurs("DOCTYPE")
    try:
        # without a document type there are no entities to expand
        root = ET.fromstring(text)  # noqa: S314
    except ET.ParseError as wrong:
        raise NotOurs(str(wrong)) from wrong
    held = root.find(f"{_q('bpmn:process')}/{_q('bpmn:extensionElements')}/{_q('heyi:flow')}")
    try:
        flow = json.loads(held.text or "") if held is not None else None
    except (ValueError, RecursionError) as wrong:
        raise NotOurs(str(wrong)) from wrong
    if not isinstance(flow, dict):
        raise NotOurs("heyi:flow")
    if _said(root) != _said(ET.fromstring(_again(flow, words))):  # noqa: S314
        raise NotOurs("elements", changed=True)
    return flow


def _again(flow: dict[str, Any], words: Words) -> bytes:
    head = flow.get("flow")
    if not isinstance(head, dict) or not isinstance(head.get("name"), str):
        raise NotOurs("heyi:flow")
    try:
        return write({**flow, "flow": {"tree": None, **head}}, words)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as wrong:
        raise NotOurs("heyi:flow") from wrong


def _said(root: ET.Element) -> list[tuple[object, ...]]:
    """What the elements of a process say, apart from where they are drawn and the names of start and end."""
    process = root.find(_q("bpmn:process"))
    said: list[tuple[object, ...]] = []
    for element in process if process is not None else ():
        tag = element.tag.rpartition("}")[2]
        if tag in ("extensionElements", "documentation"):
            continue
        name = "" if tag in ("startEvent", "endEvent") else " ".join(element.get("name", "").split())
        when = " ".join((element.findtext(_q("bpmn:conditionExpression")) or "").split())
        ends = (element.get("sourceRef"), element.get("targetRef"), element.get("default"))
        said.append((tag, element.get("id", ""), name, *ends, when))
    return sorted(said, key=str)


def _element(definitions: ET.Element, process: ET.Element, shape: Shape, drawing: Drawing, words: Words) -> None:
    """The element of one shape, its parts in the order of the standard's schema."""
    element = _child(process, f"bpmn:{shape.look.element}", id=shape.id)
    node = shape.node
    name = "" if shape.joins else shape.title[0] if node is None else str(node.get("name") or "")
    if name:
        element.set("name", clean(name))
    if node is not None and not shape.joins:
        if said := words.documentation(node):
            _child(element, "bpmn:documentation").text = clean(said)
        _extension(element, "node", {key: value for key, value in node.items() if key not in INSIDE})
    for edge in drawing.edges:
        if edge.target == shape.id:
            _child(element, "bpmn:incoming").text = edge.id
    for edge in drawing.edges:
        if edge.source == shape.id:
            _child(element, "bpmn:outgoing").text = edge.id
    if shape.look.element == "exclusiveGateway":
        direction = "Converging" if shape.joins else "Diverging"
        element.set("gatewayDirection", direction)
        default = [e for e in drawing.edges if e.source == shape.id and e.branch and not e.branch.get("when")]
        if default and not shape.joins:
            element.set("default", default[-1].id)
    if shape.look.definition and node is not None:
        _definition(definitions, element, shape, node)


def _definition(definitions: ET.Element, element: ET.Element, shape: Shape, node: Mapping[str, Any]) -> None:
    """What an event waits for or throws."""
    held = _child(element, f"bpmn:{shape.look.definition}EventDefinition", id=f"{shape.id}_definition")
    if shape.look.definition == "signal":
        signal = ET.Element(_q("bpmn:signal"), {"id": f"{shape.id}_signal", "name": clean(node.get("topic", ""))})
        definitions.insert(0, signal)
        held.set("signalRef", signal.attrib["id"])
        return
    key = next((key for key in DELAYS if node.get(key)), "")
    if key == "until_field":
        _expression(held, "timeDate", f"facts.{node[key]}")
    elif key:
        # working time, which a duration cannot say: the node's own JSON does
        value = node[key] if isinstance(node[key], int | float) else 0
        _expression(held, "timeDuration", f"PT{value:g}H" if key == "hours" else f"P{value:g}D")


def _flow(process: ET.Element, edge: Edge) -> None:
    line = _child(process, "bpmn:sequenceFlow", id=edge.id, sourceRef=edge.source, targetRef=edge.target)
    if edge.branch is None:
        return
    if edge.branch.get("name"):
        line.set("name", clean(edge.branch["name"]))
    _extension(line, "branch", {key: value for key, value in edge.branch.items() if key not in INSIDE})
    if edge.branch.get("when"):
        _expression(line, "conditionExpression", edge.branch["when"])


def _diagram(definitions: ET.Element, drawing: Drawing) -> None:
    diagram = _child(definitions, "bpmndi:BPMNDiagram", id="Diagram")
    plane = _child(diagram, "bpmndi:BPMNPlane", id="Plane", bpmnElement="Process")
    for shape in drawing.shapes:
        drawn = _child(plane, "bpmndi:BPMNShape", id=f"{shape.id}_di", bpmnElement=shape.id)
        if shape.look.element == "exclusiveGateway":
            drawn.set("isMarkerVisible", "true")
        _bounds(drawn, shape.box)
        if shape.label:
            _bounds(_child(drawn, "bpmndi:BPMNLabel"), shape.label)
    for edge in drawing.edges:
        drawn = _child(plane, "bpmndi:BPMNEdge", id=f"{edge.id}_di", bpmnElement=edge.id)
        for x, y in edge.points:
            _child(drawn, "di:waypoint", x=f"{x:g}", y=f"{y:g}")
        if edge.label and edge.title:
            _bounds(_child(drawn, "bpmndi:BPMNLabel"), edge.label)


def _bounds(parent: ET.Element, box: Box) -> None:
    sizes = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    _child(parent, "dc:Bounds", **{name: f"{value:g}" for name, value in sizes.items()})


def _expression(parent: ET.Element, name: str, text: object) -> None:
    held = _child(parent, f"bpmn:{name}", language=CEL)
    held.set(_q("xsi:type"), "bpmn:tFormalExpression")
    held.text = clean(text)


def _extension(parent: ET.Element, name: str, value: object) -> None:
    held = _child(_child(parent, "bpmn:extensionElements"), f"heyi:{name}")
    # in ASCII: escapes hold every character, also those that XML has no place for
    held.text = json.dumps(value, ensure_ascii=True, sort_keys=True)


def _child(parent: ET.Element, tag: str, /, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, _q(tag), {key: clean(value) for key, value in attributes.items()})


def _q(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"
