"""Addresses: every message that a client writes into one comes out of it again; nonsense stops the process."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import contract
from chassis.errors import Refused
from gateway import routes
from gateway.tests.test_codec import messages
from heyi.procurement.v1 import purchase_orders_pb2 as pb

LOADED = contract.load()
BINDINGS = routes.bindings(LOADED)
ROUTER = routes.Router([*BINDINGS, *routes.earlier(LOADED)])
_part = st.text(
    st.characters(codec="utf-8", exclude_characters="/:", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
)


def transcode(binding: routes.Binding, message: Any) -> tuple[str, list[tuple[str, str]], bytes]:
    """What a client of google.api.http does: fields of the address, one message as body, the rest as query."""
    path = binding.template
    rest = json_format.MessageToDict(message, preserving_proto_field_name=True)
    for name in binding.path_fields:
        *parents, last = name.split(".")
        inside: Any = rest
        for parent in parents:
            inside = inside[parent]
        path = path.replace("{" + name + "}", quote(inside.pop(last), safe=""))
    if binding.body == "*":
        return path, [], orjson.dumps(rest)
    if binding.body:
        return path, [], orjson.dumps(rest.get(binding.body, {}))
    query: list[tuple[str, str]] = []
    for key, value in rest.items():
        for one in value if isinstance(value, list) else [value]:
            query.append((key, str(one).lower() if isinstance(one, bool) else str(one)))
    return path, query, b""


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_what_goes_in_comes_out(data: st.DataObject) -> None:
    binding = data.draw(st.sampled_from(BINDINGS))
    message: Any = data.draw(messages(binding.method.request.DESCRIPTOR, 2))
    for name in binding.path_fields:
        *parents, last = name.split(".")
        inside = message
        for parent in parents:
            inside = getattr(inside, parent)
        setattr(inside, last, data.draw(_part))
    if binding.body not in ("", "*"):
        # What stands in neither address nor body has no place in this call.
        kept = {name.split(".")[0] for name in binding.path_fields} | {binding.body}
        for field in message.DESCRIPTOR.fields:
            if field.name not in kept:
                message.ClearField(field.name)
    elif not binding.body:
        for field in message.DESCRIPTOR.fields:
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                message.ClearField(field.name)
    path, query, body = transcode(binding, message)
    # As a server sees it: the address decoded, the query parsed.
    from urllib.parse import unquote

    found = ROUTER.find(binding.verb, unquote(path))
    assert found is not None
    assert found[0] is binding
    sent: Any = binding.request(found[1], parse_qsl(urlencode(query), keep_blank_values=True), body)
    if binding.has_mask:
        present = set(orjson.loads(body))
        assert set(sent.update_mask.paths) == present
        sent.ClearField("update_mask")
    if binding.body not in ("", "*") and not message.HasField(binding.body):
        sent.ClearField(binding.body)
    assert sent == message


def test_every_method_with_an_address_is_found() -> None:
    for binding in BINDINGS:
        path = "/" + "/".join("x" if s.field else s.text for s in binding.segments)
        path += f":{binding.action}" if binding.action else ""
        found = ROUTER.find(binding.verb, path)
        assert found is not None
        assert found[0] is binding


def test_verbs_are_no_ids() -> None:
    orders = "/v1/procurement/purchase-orders"
    for verb, path in [
        ("GET", f"{orders}/a:release"),
        ("DELETE", f"{orders}/a:release"),
        ("PATCH", f"{orders}/a:release"),
        ("POST", f"{orders}/a:unknown"),
        ("POST", f"{orders}/a:b:release"),
        ("GET", f"{orders}/"),
        ("GET", f"{orders}//"),
        ("GET", orders[1:] + "x"),
        ("GET", ""),
        ("GET", f"{orders}/" + "x" * 300),
    ]:
        assert ROUTER.find(verb, path) is None, path


@pytest.mark.parametrize(
    ("template", "body", "match"),
    [
        ("/v1/x/{id=a/*}", "", "beyond the grammar"),
        ("/v1/x/**", "", "beyond the grammar"),
        ("/v1/x/{nothing}", "", "names no text field"),
        ("/v1/x/{purchase_order}", "", "names no text field"),
        ("/v1/x/{purchase_order.nothing}", "", "names no text field"),
        ("v1/x", "", "slash"),
        ("/v1/x:do-it", "", "ends in no verb"),
        ("/v1/x", "nothing", "is no message"),
        ("/v1/x", "update_mask.paths", "is no message"),
    ],
)
def test_what_cannot_be_served_stops_the_start(template: str, body: str, match: str) -> None:
    method = LOADED.methods["heyi.procurement.v1.PurchaseOrders/UpdatePurchaseOrder"]
    with pytest.raises(contract.ContractError, match=match):
        routes.Binding(method, "patch", template, body)


COMPUTE = "heyi.platform.v1.CustomFields/ComputeCustomFields"


def test_reads_are_get_or_ask_in_a_body_and_addresses_are_unique() -> None:
    update = LOADED.methods["heyi.procurement.v1.PurchaseOrders/UpdatePurchaseOrder"]
    for method, verb, body in (
        (update, "get", ""), (LOADED.methods[COMPUTE], "patch", "*"), (LOADED.methods[COMPUTE], "post", ""),
    ):  # fmt: skip
        with pytest.raises(contract.ContractError, match="reads are GET"):
            routes.Binding(method, verb, "/v1/x", body)
    twice = [routes.Binding(update, "patch", "/v1/x/{purchase_order.id}", "purchase_order") for _ in "ab"]
    with pytest.raises(contract.ContractError, match="share an address"):
        routes.Router(twice)


def test_query_refuses_what_it_does_not_know() -> None:
    binding, parts = ROUTER.find("GET", "/v1/procurement/purchase-orders") or pytest.fail("not found")
    sent: Any = binding.request(
        parts, [("pageSize", "5"), ("overdue", "true"), ("company", "x"), ("locale", "en")], b""
    )
    assert (sent.page_size, sent.overdue) == (5, True)
    for query in (
        [("pageSiz", "5")],
        [("overdue", "1")],
        [("pageSize", "5"), ("page_size", "6")],
        [("pageSize", "0x5")],
    ):
        with pytest.raises(Refused, match="INVALID_REQUEST"):
            binding.request(parts, query, b"")
    with pytest.raises(Refused, match="MALFORMED_REQUEST"):
        binding.request(parts, [], b"{}")


def test_what_is_asked_in_a_body_is_asked_at_its_earlier_address_too() -> None:
    asked = LOADED.methods[COMPUTE].request(service="inventory", document_type="inventory.item", values="{}")
    path, body = "/v1/inventory/custom-field-forms/inventory.item:compute", b'{"values": "{}"}'
    for verb, query, raw in (("POST", [], body), ("GET", [("values", "{}")], b"")):
        binding, parts = ROUTER.find(verb, path) or pytest.fail("not found")
        assert binding.request(parts, query, raw) == asked
        assert binding.method.full_name == COMPUTE


def test_many_ids() -> None:
    binding, parts = ROUTER.find("GET", "/v1/procurement/purchase-orders:batchGet") or pytest.fail("not found")
    sent: Any = binding.request(parts, [("ids", "a"), ("ids", "b")], b"")
    assert sent == pb.BatchGetPurchaseOrdersRequest(ids=["a", "b"])
    with pytest.raises(Refused) as caught:
        binding.request(parts, [("ids", "a")] * 201, b"")
    assert caught.value.violations[0][:2] == ("ids", "FIELD_TOO_MANY")
