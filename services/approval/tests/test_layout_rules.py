"""The drawing of any flow: every node once, nothing upon another, lines that end at borders; and BPMN made of it."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approval.engine import bpmn, picture
from approval.engine.layout import LOOKS, Box, draw, wrap
from approval.engine.tree import THEN
from approval.engine.words import SENTENCES, Words
from approval.tests.factories import approve, branch, condition, copy, parallel, sequence
from chassis.organisation import Organisation

EVERY = sequence(
    approve("a", {"kind": "department_head"}, vote="ratio", percent=60, timeout={"hours": 8.0, "then": "remind"}),
    {"id": "h", "kind": "handle", "name": "填写发票", "approvers": [{"kind": "role", "role": "cashier"}]},
    condition(
        "c",
        branch(
            "c1",
            parallel("p", branch("p1", approve("x", {"kind": "post", "post": "GM"})), branch("p2", copy("k"))),
            when='amount > 10 && currency != "<&>"',
        ),
        branch("c2", {"id": "d", "kind": "delay", "name": "等", "days": 2.0}, when="amount > 5"),
        branch("c3"),
    ),
    {"id": "t", "kind": "trigger", "name": "通知系统", "topic": "paid"},
    {"id": "u", "kind": "sign_in_blood", "name": "未知 <kind> & \x01"},
)


def words(locale: str = "en") -> Words:
    return Words(locale, Organisation(0, {}, {}, {}, {}, {}))


def form(tree: Any, name: str = "Flow") -> dict[str, Any]:
    return {"format": "heyi.flow/1", "flow": {"code": "F", "name": name, "tree": tree}}


def nodes(depth: int) -> Any:
    leaf = st.builds(
        lambda kind, name: {"kind": kind, "name": name},
        st.sampled_from(["approve", "copy", "delay", "trigger", "strange"]),
        st.text(max_size=100),
    )
    if depth == 0:
        return leaf
    chain = st.lists(nodes(depth - 1), max_size=3)
    branches = st.lists(
        st.builds(lambda name, c: {"name": name, "children": c}, st.text(max_size=60), chain), max_size=4
    )
    branching = st.builds(
        lambda kind, name, b: {"kind": kind, "name": name, "branches": b},
        st.sampled_from(["condition", "parallel"]), st.text(max_size=100), branches,
    )  # fmt: skip
    return st.one_of(leaf, branching, st.builds(lambda c: {"kind": "sequence", "children": c}, chain))


def named(tree: Any) -> Any:
    """The tree with an id at every node, as a saved one has."""
    count = itertools.count()

    def go(node: Any) -> Any:
        inside = {key: [go(one) for one in node[key]] for key in ("children", "branches") if key in node}
        return {"id": f"n{next(count)}", **node, **inside}

    return go(tree)


TREES = st.one_of(st.none(), nodes(3).map(named))


def apart(one: Box, two: Box) -> bool:
    return (
        one.x + one.width <= two.x or two.x + two.width <= one.x
        or one.y + one.height <= two.y or two.y + two.height <= one.y
    )  # fmt: skip


def at_border(point: tuple[float, float], box: Box) -> bool:
    x, y = box.middle
    return point in ((x, box.y), (x, box.y + box.height), (box.x, y), (box.x + box.width, y))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES)
def test_a_drawing_shows_everything_once_and_nothing_upon_another(tree):
    drawing = draw(tree, words().details, words().label, words().ends)

    boxes = [shape.box for shape in drawing.shapes]
    assert all(apart(one, two) for one, two in itertools.combinations(boxes, 2))
    assert all(box.x >= 0 and box.y >= 0 for box in boxes)
    assert all(box.x + box.width <= drawing.width and box.y + box.height <= drawing.height for box in boxes)
    labels = [(shape.label, shape) for shape in drawing.shapes if shape.label]
    labels += [(edge.label, None) for edge in drawing.edges if edge.label]
    assert all(apart(label, shape.box) for label, owner in labels for shape in drawing.shapes if shape is not owner)
    assert all(apart(one, two) for (one, _), (two, _) in itertools.combinations(labels, 2))
    shapes = {shape.id: shape for shape in drawing.shapes}
    assert len(shapes) == len(boxes)
    for edge in drawing.edges:
        assert at_border(edge.points[0], shapes[edge.source].box)
        assert at_border(edge.points[-1], shapes[edge.target].box)
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(edge.points))
    reached, waiting = set(), ["Start"]
    while waiting:
        here = waiting.pop()
        reached.add(here)
        waiting += [e.target for e in drawing.edges if e.source == here and e.target not in reached]
    assert reached == shapes.keys()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREES, st.text(max_size=40))
def test_bpmn_refers_to_what_is_there_and_comes_back_as_it_was(tree, name):
    flow = form(tree, name)
    written = bpmn.write(flow, words("zh-CN"))

    root = ET.fromstring(written)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    for element in root.iter():
        for key in ("sourceRef", "targetRef", "bpmnElement", "default", "signalRef"):
            assert element.get(key) in (None, *ids)
        if element.tag.rpartition("}")[2] in ("incoming", "outgoing"):
            assert element.text in ids
    drawn = {element.get("bpmnElement") for element in root.iter() if element.tag.endswith(("BPMNShape", "BPMNEdge"))}
    process = root.find(f"{{{bpmn.NAMESPACES['bpmn']}}}process")
    assert process is not None
    assert drawn == {element.get("id") for element in process if element.get("id")}
    assert bpmn.read(written.decode(), words("en")) == flow


def test_every_kind_has_its_element_and_an_unknown_one_is_a_task_with_its_name():
    root = ET.fromstring(bpmn.write(form(EVERY), words()))
    model = f"{{{bpmn.NAMESPACES['bpmn']}}}"
    process = root.find(f"{model}process")
    assert process is not None
    elements = {e.get("name"): e for e in process if e.get("name")}

    tags = {name: element.tag.removeprefix(model) for name, element in elements.items()}
    assert tags["A"] == tags["填写发票"] == "userTask"
    assert (tags["K"], tags["c"], tags["等"], tags["通知系统"]) == (
        "sendTask", "exclusiveGateway", "intermediateCatchEvent", "intermediateThrowEvent",
    )  # fmt: skip
    assert tags["未知 <kind> & \ufffd"] == "task"
    assert {look.element for look in LOOKS.values()} <= {e.tag.removeprefix(model) for e in process}
    condition_ = elements["c1"].find(f"{model}conditionExpression")
    assert condition_ is not None
    assert condition_.text == 'amount > 10 && currency != "<&>"'
    assert condition_.get("language") == bpmn.CEL
    assert elements["c"].get("default") == elements["c3"].get("id")
    assert elements["等"].findtext(f".//{model}timeDuration") == "P2D"
    assert root.findtext(f".//{model}userTask/{model}documentation", "").splitlines()[:3] == [
        "head of the department", "60% must agree", "after 8 working hours: remind",
    ]  # fmt: skip
    held = [json.loads(e.text or "") for e in root.iter(f"{{{bpmn.NAMESPACES['heyi']}}}node")]
    assert {node["id"] for node in held} == {"a", "h", "c", "p", "x", "k", "d", "t", "u"}


@pytest.mark.parametrize(
    ("timeout", "said"),
    [
        ({"hours": 1.5, "then": "remind", "repeat": True}, "every 1.5 working hours: remind"),
        ({"hours": 8.0, "then": "remind", "repeat": False}, "after 8 working hours: remind"),
        ({"hours": 8.0, "then": "escalate"}, "after 8 working hours: the head above decides instead"),
        ({"hours": 8.0, "then": "transfer", "employee_id": "gone"}, "after 8 working hours: gone decides instead"),
        ({"hours": 8.0, "then": "approve"}, "after 8 working hours: agree"),
        ({"hours": 8.0, "then": "reject"}, "after 8 working hours: refuse"),
    ],
)
def test_a_node_says_what_happens_when_its_time_is_up(timeout, said):
    assert words().details(approve("a", {"kind": "department_head"}, timeout=timeout))[-1] == said


def test_every_sentence_is_there_in_both_languages_with_the_same_places():
    placed = {
        locale: {key: sorted(re.findall(r"\{(\w+)\}", text)) for key, text in sentences.items()}
        for locale, sentences in SENTENCES.items()
    }
    assert placed["zh-CN"] == placed["en"]
    assert {f"timeout.{then}" for then in THEN} <= placed["en"].keys()


def changed(find: str, instead: str) -> str:
    text = bpmn.write(form(EVERY), words()).decode()
    assert find in text
    return text.replace(find, instead)


STRANGE = {
    # name: (text, whether it once was ours)
    "no XML": ("<nothing", False),
    "other BPMN": ('<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process/></definitions>', False),
    "a document type": ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', False),
    "another name": (changed('name="填写发票"', 'name="付款"'), True),
    "another condition": (changed("amount &gt; 5<", "amount &gt; 6<"), True),
    "another way": (changed('targetRef="End"', 'targetRef="Node_1"'), True),
}


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_that_is_not_ours_or_was_changed_is_refused(name):
    text, once_ours = STRANGE[name]
    with pytest.raises(bpmn.NotOurs) as caught:
        bpmn.read(text, words())
    assert caught.value.changed is once_ours


def test_what_another_tool_moves_or_adds_to_the_drawing_is_no_change():
    moved = changed("<dc:Bounds ", '<dc:Bounds xmlns:other="urn:other" other:colour="red" ')
    assert bpmn.read(moved, words()) == form(EVERY)


def test_lines_fit_and_nothing_is_lost():
    text = "采购部负责人 reviews amount>50000&&currency=='CNY'&&departments.exists(d,d=='装备研发部') 之后"
    lines = wrap(text, 160)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(sum(1 if ord(s) > 0x2E80 else 0.58 for s in line) * 13 <= 160 for line in lines)


def test_the_picture_is_well_formed_and_fits_on_a_sheet():
    drawing = draw(EVERY, words("zh-CN").details, words("zh-CN").label, words("zh-CN").ends)
    root = ET.fromstring(picture.svg(drawing, "F <1> \x01"))
    assert float(root.attrib["width"]) <= picture.PAGE_WIDTH
    assert float(root.attrib["height"]) <= picture.PAGE_HEIGHT
    shown = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert {"F <1> \ufffd", "部门负责人", "60% 同意", "8 工作小时后提醒", "提交", "结束", "amount > 5"} <= set(shown)


def test_a_long_flow_goes_on_on_the_next_sheet_and_no_shape_is_cut():
    tree = sequence(*(approve(f"a{number}", {"kind": "department_head"}) for number in range(40)))
    drawing = draw(tree, words().details, words().label, words().ends)
    cuts = picture._cuts(drawing, picture.PAGE_HEIGHT - picture.TITLE)
    assert len(cuts) > 4
    assert cuts[0][0] == 0
    assert cuts[-1][1] == drawing.height
    for (top, bottom), (following, _) in itertools.pairwise(cuts):
        assert 0 < bottom - top <= picture.PAGE_HEIGHT
        assert following == bottom
        assert all(not shape.box.y < bottom < shape.box.y + shape.box.height for shape in drawing.shapes)
