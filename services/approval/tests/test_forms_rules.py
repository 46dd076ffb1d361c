"""What a handling node asks for, and the values that come in."""

from __future__ import annotations

import pytest

from approval.engine import forms
from approval.engine.tree import read
from approval.tests.factories import approve, handle, sequence

NUMBER = {"key": "invoice_no", "label": {"zh-CN": "发票号", "en": "Invoice number"}, "required": True}
BANK = {"value": "bank", "label": {"zh-CN": "转账", "en": "Bank"}}
FIELDS = [
    NUMBER,
    {"key": "count", "label": "件数", "type": "number"},
    {"key": "paid", "label": "实付金额", "type": "amount"},
    {"key": "on", "label": "日期", "type": "date"},
    {"key": "way", "label": "方式", "type": "choice", "choices": ["cash", BANK]},
]


def fields(*raw):
    def wrong(place, key, allowed):
        raise AssertionError(f"{place} {key}: {allowed}")

    return forms.read_fields(list(raw), wrong)


def test_a_text_is_for_every_language_or_one_for_each():
    read_in = fields(*FIELDS)

    assert [(f.key, f.type, f.required, f.label["en"]) for f in read_in] == [
        ("invoice_no", "text", True, "Invoice number"),
        ("count", "number", False, "件数"),
        ("paid", "amount", False, "实付金额"),
        ("on", "date", False, "日期"),
        ("way", "choice", False, "方式"),
    ]
    assert read_in[-1].choices == {
        "cash": {"zh-CN": "cash", "en": "cash"},
        "bank": {"zh-CN": "转账", "en": "Bank"},
    }


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"key": "Nr"}, "key"),
        ({"key": None}, "key"),
        ({"label": ""}, "label"),
        ({"label": {"en": "Number"}}, "label"),
        ({"type": "money"}, "type"),
        ({"required": "yes"}, "required"),
        ({"type": "choice"}, "choices"),
        ({"choices": ["a"]}, "choices"),
        ({"type": "choice", "choices": ["a", "a"]}, "choices"),
        ({"type": "choice", "choices": "ab"}, "choices"),
        ({"default": "x"}, "default"),
    ],
)
def test_a_field_that_cannot_be_used_is_named(changed, key):
    _, problems = read(
        sequence(handle("h", "head", fields=[NUMBER, {"key": "b", "label": "b", **changed}]), approve("a", "boss"))
    )

    assert [(p.path, p.reason, p.facts["key"]) for p in problems] == [
        (f"children[0].fields[1].{key}", "FLOW_FIELD", key)
    ]


def test_the_same_key_twice_and_too_many_are_refused():
    assert [p.path for p in read(handle("h", "head", fields=[NUMBER, NUMBER]))[1] if p.reason == "FLOW_FIELD"] == [
        "fields[1].key"
    ]
    assert "FLOW_FIELD" in {p.reason for p in read(handle("h", "head", fields=[NUMBER] * 31))[1]}
    assert "FLOW_FIELD" in {p.reason for p in read(handle("h", "head", fields="x"))[1]}


def test_values_are_kept_as_they_were_typed_and_are_doubles_for_conditions():
    read_in = fields(*FIELDS)

    taken, violations = forms.take(
        read_in, {"invoice_no": " A-7 ", "count": 3.0, "paid": "99999999999.10", "on": "2026-11-23", "way": "bank"}
    )

    assert violations == []
    assert taken == {"invoice_no": "A-7", "count": "3", "paid": "99999999999.10", "on": "2026-11-23", "way": "bank"}
    assert forms.as_facts(read_in, taken) == {
        "invoice_no": "A-7",
        "count": 3.0,
        "paid": 99999999999.1,
        "on": "2026-11-23",
        "way": "bank",
    }
    assert forms.as_shown(read_in, taken)[-1] == {
        "key": "way",
        "label": {"zh-CN": "方式", "en": "方式"},
        "type": "choice",
        "value": "bank",
        "text": {"zh-CN": "转账", "en": "Bank"},
    }


@pytest.mark.parametrize(
    ("values", "at", "reason"),
    [
        ({}, "invoice_no", "FIELD_REQUIRED"),
        ({"invoice_no": "  "}, "invoice_no", "FIELD_REQUIRED"),
        ({"invoice_no": "x" * 501}, "invoice_no", "FIELD_TOO_LONG"),
        ({"invoice_no": "a\u202eb"}, "invoice_no", "FIELD_HIDDEN_CHARACTERS"),
        ({"invoice_no": ["x"]}, "invoice_no", "FIELD_TYPE"),
        ({"invoice_no": True}, "invoice_no", "FIELD_TYPE"),
        ({"invoice_no": "1", "paid": "12.345"}, "paid", "FIELD_DECIMAL"),
        ({"invoice_no": "1", "paid": "1e5"}, "paid", "FIELD_DECIMAL"),
        ({"invoice_no": "1", "paid": "10000000000000.01"}, "paid", "FIELD_DECIMAL"),
        ({"invoice_no": "1", "count": "NaN"}, "count", "FIELD_DECIMAL"),
        ({"invoice_no": "1", "on": "23.11.2026"}, "on", "FIELD_DATE"),
        ({"invoice_no": "1", "on": "20261123"}, "on", "FIELD_DATE"),
        ({"invoice_no": "1", "way": "card"}, "way", "FIELD_FORMAT"),
        ({"invoice_no": "1", "other": "x"}, "other", "FIELD_UNKNOWN"),
    ],
)  # fmt: skip
def test_a_value_at_fault_is_named(values, at, reason):
    _, violations = forms.take(fields(*FIELDS), values)

    assert [(path, why) for path, why, _ in violations] == [(f"values.{at}", reason)]
