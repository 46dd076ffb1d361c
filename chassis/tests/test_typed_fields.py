"""Fields that people define: what each kind takes and how it is kept, computed and compared; what can be defined."""

from __future__ import annotations

import decimal
import zoneinfo

import jsonschema
import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from chassis import contract, field_shapes, typed_fields
from chassis.field_definitions import change_problems, problems
from chassis.typed_fields import Form, canonical, content_hash
from heyi.common.v1 import typed_fields_pb2 as pb

PERSON = "018f0000-0000-7000-8000-000000000001"


def field(key="x", kind="TEXT", **more):
    """A field of a form, named by its key in both languages."""
    words = more.pop("label", {"zh-CN": f"{key} 字段", "en": key})
    return json_format.ParseDict({"key": key, "label": words, "kind": kind, **more}, pb.TypedField())


def option(key, **more):
    return {"key": key, "label": {"zh-CN": f"{key} 项", "en": key.title()}, **more}


OPTIONS = [option("low"), option("high"), option("old", retired=True)]
COLUMNS = [
    {"key": "name", "kind": "TEXT", "label": {"zh-CN": "品名", "en": "Name"}, "required": True},
    {"key": "count", "kind": "NUMBER", "label": {"zh-CN": "数量", "en": "Count"}},
    {"key": "price", "kind": "AMOUNT", "label": {"zh-CN": "单价", "en": "Price"}},
]
TAKEN = [
    ("TEXT", {}, "  Cafe\u0301 ", "Caf\u00e9", None),
    ("TEXT", {"max_length": 3}, "four", None, "FIELD_TOO_LONG"),
    ("TEXT", {}, "a\u202eb", None, "FIELD_HIDDEN_CHARACTERS"),
    ("TEXT", {}, "two\nlines", None, "FIELD_HIDDEN_CHARACTERS"),
    ("TEXT", {}, 5, None, "FIELD_TYPE"),
    ("LONG_TEXT", {}, "two\r\nlines", "two\nlines", None),
    ("NUMBER", {"scale": 3}, "1.500", "1.5", None),
    ("NUMBER", {}, 7, "7", None),
    ("NUMBER", {}, "0.5", None, "FIELD_DECIMAL"),
    ("NUMBER", {"scale": 2}, 0.5, None, "FIELD_TYPE"),
    ("NUMBER", {}, "1e3", None, "FIELD_DECIMAL"),
    ("NUMBER", {}, "-0", "0", None),
    ("NUMBER", {"minimum": "1", "maximum": "9"}, "10", None, "FIELD_OUT_OF_RANGE"),
    ("NUMBER", {"minimum": "1"}, "1", "1", None),
    ("AMOUNT", {}, "12", "12.00", None),
    ("AMOUNT", {}, "-0.30", "-0.30", None),
    ("AMOUNT", {}, "0.005", None, "FIELD_DECIMAL"),
    ("AMOUNT", {}, "9999999999999999.99", "9999999999999999.99", None),
    ("AMOUNT", {}, "10000000000000000", None, "FIELD_DECIMAL"),
    ("DATE", {}, "2026-02-28", "2026-02-28", None),
    ("DATE", {}, "2026-02-30", None, "FIELD_DATE"),
    ("DATE", {}, "20260228", None, "FIELD_DATE"),
    (
        "DATE_RANGE",
        {},
        {"start": "2026-01-01", "end": "2026-01-01"},
        {"start": "2026-01-01", "end": "2026-01-01"},
        None,
    ),
    ("DATE_RANGE", {}, {"start": "2026-01-02", "end": "2026-01-01"}, None, "FIELD_FORMAT"),
    ("DATE_RANGE", {}, {"start": "2026-01-02"}, None, "FIELD_REQUIRED"),
    ("DATE_RANGE", {}, {"from": "2026-01-02"}, None, "FIELD_TYPE"),
    ("DATE_TIME", {}, "2026-01-31T16:00:00+08:00", "2026-01-31T08:00:00Z", None),
    ("DATE_TIME", {}, "2026-01-31T16:00:00", None, "FIELD_FORMAT"),
    ("CHOICE", {"options": OPTIONS}, "high", "high", None),
    ("CHOICE", {"options": OPTIONS}, "old", None, "FIELD_FORMAT"),
    ("CHOICE", {"options": OPTIONS}, ["high"], None, "FIELD_TYPE"),
    ("CHOICES", {"options": OPTIONS}, ["high", "low", "high"], ["low", "high"], None),
    ("CHOICES", {"options": OPTIONS}, "high", None, "FIELD_TYPE"),
    ("YES_NO", {}, False, False, None),
    ("YES_NO", {}, "true", None, "FIELD_TYPE"),
    ("PERSON", {}, PERSON.upper(), PERSON, None),
    ("DEPARTMENT", {}, "sales", None, "FIELD_FORMAT"),
    ("REFERENCE", {"document_type": "inventory.item"}, PERSON, PERSON, None),
    ("TABLE", {"columns": COLUMNS}, [{"name": "A", "count": 2}], [{"name": "A", "count": "2"}], None),
    ("TABLE", {"columns": COLUMNS}, [{"count": "2"}], None, "FIELD_REQUIRED"),
    ("TABLE", {"columns": COLUMNS}, [{"name": "A", "colour": "red"}], None, "FIELD_UNKNOWN"),
    ("TABLE", {"columns": COLUMNS, "max_rows": 1}, [{"name": "A"}, {"name": "B"}], None, "FIELD_TOO_MANY"),
    ("TABLE", {"columns": COLUMNS}, ["A"], None, "FIELD_TYPE"),
]


@pytest.mark.parametrize(("kind", "more", "sent", "kept", "refusal"), TAKEN)
def test_a_value_is_kept_in_one_form_or_refused_with_its_place(kind, more, sent, kept, refusal):
    taken = Form([field("x", kind, **more)]).take({"x": sent})

    assert [reason for _, reason, _ in taken.violations] == ([refusal] if refusal else [])
    assert all(path.startswith("x") for path, _, _ in taken.violations)
    if refusal is None:
        assert taken.values == {"x": kept}
        assert Form([field("x", kind, **more)]).take(taken.values).values == taken.values


def test_all_that_is_wrong_is_said_at_once_and_where():
    form = Form([field("a", "DATE"), field("b", required=True), field("t", "TABLE", columns=COLUMNS)])

    sent = {"a": "soon", "c": 1, "t": [{"name": "A"}, {"count": "x", "price": "0.001"}]}
    at_fault = {(path, reason) for path, reason, _ in form.take(sent).violations}

    assert at_fault == {
        ("a", "FIELD_DATE"), ("b", "FIELD_REQUIRED"), ("c", "FIELD_UNKNOWN"), ("t[1].name", "FIELD_REQUIRED"),
        ("t[1].count", "FIELD_DECIMAL"), ("t[1].price", "FIELD_DECIMAL"),
    }  # fmt: skip


def test_an_empty_value_is_none_and_an_option_retired_later_stays():
    form = Form([field("a"), field("n", "NUMBER"), field("c", "CHOICE", options=OPTIONS)])

    assert form.take({"a": "", "n": None}).values == {}
    assert form.take({"c": "old"}, before={"c": "old"}).violations == []


RULED = [
    field("total", "AMOUNT"),
    field("rate", "NUMBER", scale=4),
    field("tax", "COMPUTED", formula="round(total * rate, 2)", result_kind="AMOUNT"),
    field("gross", "COMPUTED", formula="total + tax", result_kind="AMOUNT"),
    field("why", "LONG_TEXT", required_when="gross >= 10000.01"),
    field("urgent", "YES_NO"),
    field("by", "DATE", visible_when="urgent", required=True),
    field("lines", "TABLE", columns=COLUMNS),
    field("sum", "COMPUTED", formula="sum(lines.map(l, l.count * l.price))", result_kind="AMOUNT"),
    field("class", "COMPUTED", formula="sum > 100 ? 'A' : 'B'", result_kind="TEXT"),
]


def test_rules_and_formulas_follow_each_other_whatever_their_order():
    assert problems(RULED) == []
    form = Form(list(reversed(RULED)))
    lines = [{"name": "A", "count": "3", "price": "33.35"}, {"name": "B", "count": "1"}]

    taken = form.take({"total": "8849.56", "rate": "0.13", "lines": lines})

    assert taken.violations == []
    assert taken.values["tax"] == "1150.44"
    assert taken.values["gross"] == "10000.00"
    assert taken.values["sum"] == "100.05"
    assert taken.values["class"] == "A"
    assert taken.hidden == {"by"}


def test_what_is_hidden_has_no_value_and_what_is_required_then_is_asked_for():
    form = Form(RULED)

    assert "by" not in form.take({"urgent": False, "by": "2026-01-01"}).values
    assert form.take({"urgent": True}).violations == [("by", "FIELD_REQUIRED", {})]
    assert form.take({"total": "10000.01"}).violations == [("why", "FIELD_REQUIRED", {})]
    assert form.take({"total": "10000.00"}).violations == []


def test_nobody_types_what_is_computed_but_may_send_back_what_they_read():
    form = Form(RULED)

    assert ("gross", "FIELD_READ_ONLY", {}) in form.take({"total": "1", "gross": "2.00"}).violations
    assert form.take({"total": "1", "gross": "1.00"}).violations == []


@given(st.decimals(places=2, min_value=0, max_value=10**14), st.decimals(places=2, min_value=0, max_value=10**14))
def test_amounts_are_computed_to_the_last_cent(first, second):
    form = Form([
        field("a", "AMOUNT"), field("b", "AMOUNT"),
        field("c", "COMPUTED", formula="a + b", result_kind="AMOUNT"),
        field("d", "COMPUTED", formula="a * 0.13", result_kind="AMOUNT"),
        field("more", "COMPUTED", formula="a > b", result_kind="YES_NO"),
    ])  # fmt: skip

    values = form.take({"a": str(first), "b": str(second)}).values

    assert decimal.Decimal(values["c"]) == first + second
    exact = first * decimal.Decimal("0.13")
    assert decimal.Decimal(values["d"]) == exact.quantize(decimal.Decimal("0.01"), decimal.ROUND_HALF_UP)
    assert values["more"] is (first > second)


@pytest.mark.parametrize(
    ("formula", "result", "expected"),
    [
        ("a / 3", "NUMBER", "0.033333"),
        ("a / 0", "NUMBER", None),
        ("-a", "NUMBER", "-0.1"),
        ("a == 0.10", "YES_NO", True),
        ("a == number('0.1')", "YES_NO", True),
        ("a != 0", "YES_NO", True),
        ("number(0.1) + 0.2", "NUMBER", "0.3"),
        ("1 + 2", "NUMBER", "3"),
        ("c == 'low' && ok", "YES_NO", True),
        ("'high' in many", "YES_NO", True),
        ("many == ['low', 'high']", "YES_NO", True),
        ("t + '!'", "TEXT", "hi!"),
        ("days(period.start, period.end) + 1", "NUMBER", "31"),
        ("days('', period.end)", "NUMBER", None),
        ("period.end", "DATE", "2026-01-31"),
        ("t", "DATE", None),
        ("lines.exists(l, l.price > 10)", "YES_NO", False),
        ("lines[4].price", "NUMBER", None),
        ("number(t)", "NUMBER", None),
        ("number('1e99')", "NUMBER", None),
        ("size(lines)", "NUMBER", "1"),
    ],
)
def test_a_formula_is_exact_or_has_no_value(formula, result, expected):
    fields = [
        field("a", "NUMBER", scale=6), field("t"), field("ok", "YES_NO"), field("c", "CHOICE", options=OPTIONS),
        field("many", "CHOICES", options=OPTIONS), field("period", "DATE_RANGE"),
        field("lines", "TABLE", columns=COLUMNS),
        field("f", "COMPUTED", formula=formula, result_kind=result, **({"scale": 6} if result == "NUMBER" else {})),
    ]  # fmt: skip
    assert problems(fields) == []
    values = {
        "a": "0.1", "t": "hi", "ok": True, "c": "low", "many": ["low", "high"],
        "period": {"start": "2026-01-01", "end": "2026-01-31"}, "lines": [{"name": "A", "price": "3"}],
    }  # fmt: skip

    taken = Form(fields).take(values)

    assert taken.violations == []
    assert taken.values.get("f") == expected


def test_a_rule_without_an_answer_is_said():
    form = Form([field("a", "NUMBER"), field("b", required_when="1 / a > 2")])

    assert [reason for _, reason, _ in form.take({}).violations] == ["FORMULA_FAILED", "FIELD_REQUIRED"]


WRONG = [
    ([field("1a")], "fields[0].key", "FIELD_FORMAT"),
    ([field("in")], "fields[0].key", "FIELD_FORMAT"),
    ([field("a"), field("a")], "fields[1].key", "ALREADY_EXISTS"),
    ([field(label={"en": "A"})], "fields[0].label.zh-CN", "FIELD_REQUIRED"),
    ([field(label={"en": "A", "zh-CN": "甲", "fr": "A"})], "fields[0].label.fr", "FIELD_UNKNOWN"),
    ([field(label={"en": "A" * 61, "zh-CN": "甲"})], "fields[0].label.en", "FIELD_TOO_LONG"),
    ([pb.TypedField(key="a", label={"en": "A", "zh-CN": "甲"})], "fields[0].kind", "FIELD_REQUIRED"),
    ([field(scale=2)], "fields[0].scale", "FIELD_FORMAT"),
    ([field(kind="NUMBER", scale=7)], "fields[0].scale", "FIELD_FORMAT"),
    ([field(kind="NUMBER", minimum="x")], "fields[0].minimum", "FIELD_DECIMAL"),
    ([field(kind="NUMBER", minimum="2", maximum="1")], "fields[0].maximum", "FIELD_FORMAT"),
    ([field(kind="CHOICE")], "fields[0].options", "FIELD_REQUIRED"),
    ([field(kind="CHOICE", options=[option("old", retired=True)])], "fields[0].options", "FIELD_REQUIRED"),
    ([field(kind="CHOICE", options=[option("a"), option("a")])], "fields[0].options[1].key", "ALREADY_EXISTS"),
    ([field(kind="REFERENCE")], "fields[0].document_type", "FIELD_FORMAT"),
    ([field(kind="TABLE")], "fields[0].columns", "FIELD_REQUIRED"),
    ([field(kind="TABLE", columns=[{**COLUMNS[0], "kind": "TABLE"}])], "fields[0].columns[0].kind", "FIELD_FORMAT"),
    ([field(kind="COMPUTED", result_kind="TEXT")], "fields[0].formula", "FIELD_REQUIRED"),
    ([field(kind="COMPUTED", formula="1", result_kind="TABLE")], "fields[0].result_kind", "FIELD_FORMAT"),
    ([field(kind="COMPUTED", formula="1", result_kind="TEXT")], "fields[0].formula", "FORMULA_INVALID"),
    ([field(kind="COMPUTED", formula="0.1 + 0.2", result_kind="NUMBER")], "fields[0].formula", "FORMULA_INVALID"),
    ([field("a"), field("b", visible_when="nobody == 1")], "fields[1].visible_when", "FORMULA_INVALID"),
    ([field("a"), field("b", required_when="a > 1")], "fields[1].required_when", "FORMULA_INVALID"),
    ([field("a", visible_when="b == ''"), field("b", visible_when="a == ''")], "fields[0].formula", "FORMULA_CIRCLE"),
    ([field(f"a{n}") for n in range(61)], "fields", "FIELD_TOO_MANY"),
]


@pytest.mark.parametrize(("fields", "path", "refusal"), WRONG)
def test_a_definition_that_cannot_stand_says_where_and_why(fields, path, refusal):
    found = problems(fields)

    assert (path, refusal) in [(where, reason) for where, reason, _ in found]
    assert {reason for _, reason, _ in found} <= contract.load().refusals.keys()


def test_a_field_with_values_keeps_its_kind_and_what_its_values_mean():
    before = field("c", "CHOICE", options=OPTIONS)

    assert change_problems(before, field("c", "CHOICE", options=[*OPTIONS, option("new")])) == []
    assert change_problems(before, field("c", "TEXT"))[0][:2] == ("kind", "FIELD_IMMUTABLE")
    assert change_problems(before, field("c", "CHOICE", options=OPTIONS[:1]))[0][1] == "FIELD_OPTION_USED"
    assert change_problems(field("n", "NUMBER", scale=3), field("n", "NUMBER"))[0][0] == "scale"
    assert change_problems(field("t", "TABLE", columns=COLUMNS), field("t", "TABLE", columns=COLUMNS[1:])) != []


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_the_schema_takes_exactly_what_the_form_takes(locale):
    """Of each kind, what the table above says; rules between fields are the form's alone."""
    for kind, more, sent, kept, refusal in TAKEN:
        fields = [field("x", kind, **more)]
        schema = field_shapes.json_schema(fields, locale)
        jsonschema.Draft202012Validator.check_schema(schema)
        if refusal is None:
            jsonschema.validate({"x": kept}, schema)
        elif refusal in ("FIELD_TYPE", "FIELD_TOO_LONG", "FIELD_UNKNOWN", "FIELD_TOO_MANY"):
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({"x": sent}, schema)


def test_a_form_says_how_it_is_asked_for_in_each_language():
    shape = field_shapes.ui_schema(
        [field("w", "NUMBER", scale=1, unit="kg", help={"en": "Net", "zh-CN": "净重"})], "zh-CN"
    )

    told = {"control": "number", "label": "w 字段", "computed": False, "required": False, "scale": 1, "help": "净重"}
    assert shape == {"order": ["w"], "fields": {"w": {**told, "unit": "kg"}}}


@pytest.mark.parametrize(
    ("one", "value", "chinese", "english"),
    [
        (field(kind="CHOICES", options=OPTIONS), ["low", "old"], "low 项、old 项", "Low, Old"),
        (field(kind="YES_NO"), True, "是", "Yes"),
        (field(kind="YES_NO"), False, "否", "No"),
        (field(kind="NUMBER", unit="kg"), "1.5", "1.5 kg", "1.5 kg"),
        (field(kind="DATE_RANGE"), {"start": "2026-01-01", "end": "2026-01-02"}, *["2026-01-01 – 2026-01-02"] * 2),
        (field(kind="DATE_TIME"), "2026-01-01T23:30:00Z", *["2026-01-02 07:30"] * 2),
        (field(kind="PERSON"), PERSON, "周一", "周一"),
        (field(kind="TABLE", columns=COLUMNS), [{"name": "A", "count": "2"}], "品名: A; 数量: 2", "Name: A; Count: 2"),
        (field(), None, "", ""),
    ],
)
def test_a_value_as_people_read_it(one, value, chinese, english):
    names, place = {PERSON: "周一"}, zoneinfo.ZoneInfo("Asia/Shanghai")

    assert field_shapes.shown(one, value, "zh-CN", place, names) == chinese
    assert field_shapes.shown(one, value, "en", place, names) == english


def test_values_that_say_the_same_have_one_hash():
    assert content_hash({"b": "1.50", "a": "x", "e": ""}) == content_hash({"a": "x", "b": "1.5"})
    assert content_hash({"b": "1.50"}) != content_hash({"b": "15"})
    assert canonical({"b": "1.50", "a": ["2.0"]}) == '{"a":["2"],"b":"1.5"}'


def test_what_is_named_is_listed_with_its_place():
    columns = [{"key": "who", "kind": "PERSON", "label": {"zh-CN": "谁", "en": "Who"}}]
    form = Form([
        field("item", "REFERENCE", document_type="inventory.item"), field("people", "TABLE", columns=columns),
    ])  # fmt: skip

    named = form.references({"item": PERSON, "people": [{}, {"who": PERSON}]})

    assert named == [("item", "inventory.item", PERSON), ("people[1].who", "person", PERSON)]


def test_what_a_filter_may_ask_follows_from_the_kind():
    assert typed_fields.operators_of(field(kind="AMOUNT")) == ("=", "!=", "<", "<=", ">", ">=")
    assert typed_fields.operators_of(field(kind="COMPUTED", formula="1", result_kind="NUMBER"))[-1] == ">="
    assert typed_fields.operators_of(field(kind="TABLE", columns=COLUMNS)) == ()
    assert typed_fields.sortable(field())
    assert not typed_fields.sortable(field(kind="CHOICES", options=OPTIONS))


ONE, TWO = "01a21ef4-8c53-77f6-959c-bd177acaded1", "01a21ef4-8c53-77f6-959c-bd177acaded2"


@pytest.mark.parametrize(
    ("sent", "kept", "reason"),
    [
        ([ONE, TWO], [ONE, TWO], ""),
        ([ONE, ONE], [ONE], ""),
        ([ONE.upper()], [ONE], ""),
        ([], None, ""),
        (ONE, None, "FIELD_TYPE"),
        (["x"], None, "FIELD_FORMAT"),
        ([ONE, TWO, "01a21ef4-8c53-77f6-959c-bd177acaded3"], None, "FIELD_TOO_MANY"),
    ],
)
def test_files_of_a_field(sent: object, kept: object, reason: str) -> None:
    form = typed_fields.Form([field("files", "ATTACHMENT", max_rows=2)])
    taken = form.take({"files": sent})
    assert taken.values.get("files") == kept
    assert [found[1] for found in taken.violations] == ([reason] if reason else [])
    assert form.files(taken.values) == ({"files": kept} if kept else {})
    assert form.references(taken.values) == []


def test_a_table_holds_no_files() -> None:
    column = {"key": "paper", "kind": "ATTACHMENT", "label": {"zh-CN": "票据", "en": "Paper"}}
    (found,) = problems([field("rows", "TABLE", columns=[column])])
    assert found[:2] == ("fields[0].columns[0].kind", "FIELD_FORMAT")
