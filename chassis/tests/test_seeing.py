"""Fields that people define are hidden one by one, with what they alone know to tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from chassis import seeing
from heyi.approval.v1 import office_requests_pb2
from heyi.common.v1 import common_pb2

REQUEST = "approval.office_request"
SAID = {
    "values.days": common_pb2.FieldBasis(hash="d"),
    "values.total": common_pb2.FieldBasis(hash="t", tells=["values.days", "values.rate"]),
    "values.plate": common_pb2.FieldBasis(hash="p", for_approvers=True),
    "title": common_pb2.FieldBasis(tells=["values.kind"]),
    "amount": common_pb2.FieldBasis(tells=["values.total"]),
}


@pytest.mark.parametrize(
    ("hidden", "more"),
    [
        ([], []),
        (["values.days"], ["facts.days", "values.total", "facts.total", "amount"]),
        (["values.kind"], ["facts.kind", "title"]),
        (["values.nowhere"], ["facts.nowhere"]),
        (["amount"], []),
    ],
)
def test_what_is_computed_from_a_hidden_field_is_hidden_with_it(hidden: list[str], more: list[str]) -> None:
    assert seeing.spread(REQUEST, hidden, SAID) == {*hidden, *more}


def test_all_of_what_was_filled_in_takes_everything_that_tells_of_it() -> None:
    found = seeing.spread(REQUEST, ["values"], SAID)
    assert {"values.days", "values.total", "title", "amount", "facts.days"} <= found


def test_each_member_says_something_of_its_own() -> None:
    request = office_requests_pb2.OfficeRequest(form_id="f")
    request.values.update({"days": "3", "rows": [{"a": "1"}]})

    before = seeing.basis(request)
    request.values.update({"days": "4"})

    assert set(before) == {"form_id", "values.days", "values.rows"}
    assert seeing.changed(before, seeing.basis(request), []) == {"values.days"}


def test_what_is_hidden_is_taken_out_and_the_hash_is_of_what_is_left() -> None:
    def shown(values: dict[str, Any], hidden: list[str]) -> office_requests_pb2.OfficeRequest:
        request = office_requests_pb2.OfficeRequest(form_id="f", content_hash="whole", title="x")
        request.values.update(values)
        seeing.conceal(request, hidden)
        return request

    seen = shown({"days": "3", "kind": "x"}, ["values.days", "title"])
    assert (dict(seen.values), seen.title) == ({"kind": "x"}, "")
    assert seen.content_hash == shown({"days": "99", "kind": "x"}, ["values.days", "title"]).content_hash != "whole"
    assert seen.content_hash != shown({"days": "3", "kind": "y"}, ["values.days", "title"]).content_hash


def test_who_agreed_before_is_not_asked_again_for_what_approvers_fill_in() -> None:
    after = {**SAID, "values.plate": common_pb2.FieldBasis(hash="q", for_approvers=True)}
    assert seeing.changed(SAID, after, []) == set()
    without = {path: said for path, said in SAID.items() if path != "values.plate"}
    assert seeing.changed(without, after, []) == set()


def test_only_requests_have_fields_that_people_define() -> None:
    assert seeing.open_field(REQUEST) == "values"
    assert seeing.open_field("procurement.purchase_requisition") == ""
