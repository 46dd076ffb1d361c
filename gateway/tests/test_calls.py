"""A call of the contract through the whole gateway."""

from __future__ import annotations

import pytest
from google.api import httpbody_pb2

from chassis.errors import Refused
from gateway.tests.bench import COMPANY, Bench, body_of, reason_of, same_origin
from heyi.approval.v1 import flow_definitions_pb2 as flows
from heyi.procurement.v1 import purchase_orders_pb2 as pb

ORDERS = "/v1/procurement/purchase-orders"
KEY = {"idempotency-key": "key-0000-0001", "content-type": "application/json"}


async def test_create_goes_through_and_comes_back(bench: Bench) -> None:
    def create(request: pb.CreatePurchaseOrderRequest, _: dict[str, str]) -> pb.PurchaseOrder:
        return pb.PurchaseOrder(id="o1", number="PO-1", state="DRAFT", lines=request.purchase_order.lines)

    bench.services.answers["CreatePurchaseOrder"] = create
    body = body_of(supplierId="s", currency="CNY", lines=[{"description": "螺栓", "quantity": "2"}])
    headers = {**bench.bearer(), **KEY, "x-company": COMPANY, "accept-language": "en"}
    reply = await bench.http.post(ORDERS, content=body, headers=headers)
    assert reply.status_code == 201, reply.text
    made = reply.json()
    assert made["state"] == "DRAFT"
    assert made["lines"][0]["description"] == "螺栓"
    assert made["allowedActions"] == []
    assert "createTime" not in made
    name, _, metadata = bench.services.calls[-1]
    assert name.endswith("/CreatePurchaseOrder")
    assert metadata["heyi-company"] == COMPANY
    assert metadata["heyi-locale"] == "en"
    assert metadata["idempotency-key"] == KEY["idempotency-key"]
    assert metadata["authorization"].startswith("Bearer ey")
    assert metadata["traceparent"].split("-")[1] == reply.headers["x-request-id"]
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("locale", "sentence"),
    [
        (
            "en",
            "Node “签字” has no rule that finds people. "
            "Add at least one, such as the department's head, a post or an employee.",
        ),
        ("zh-CN", "节点“签字”没有人员规则。请至少添加一条规则，例如部门负责人、岗位或指定员工。"),
    ],
)
async def test_what_is_wrong_with_a_draft_is_said_in_the_callers_language(
    bench: Bench, locale: str, sentence: str
) -> None:
    problem = flows.FlowProblem(node_id="签字", reason="FLOW_APPROVERS_MISSING", facts={"node": "签字"})
    bench.services.answers["ValidateFlowDefinition"] = lambda *_: flows.ValidateFlowDefinitionResponse(
        problems=[problem]
    )
    reply = await bench.http.get(
        "/v1/approval/flow-definitions/f1:validate", headers={**bench.bearer(), "accept-language": locale}
    )
    assert [found["message"] for found in reply.json()["problems"]] == [sentence]


async def test_repeated_call_says_so(bench: Bench) -> None:
    headers = {**bench.bearer(), **KEY, "idempotency-key": "again-00001"}
    reply = await bench.http.post(f"{ORDERS}/o1:release", content=b"{}", headers=headers)
    assert reply.headers["idempotency-replayed"] == "true"


async def test_patch_names_what_it_changes_and_null_clears(bench: Bench) -> None:
    bench.services.answers["UpdatePurchaseOrder"] = lambda request, _: request.purchase_order
    body = b'{"note": null, "payment_terms": "30", "lines": [{"id": "l"}], "etag": "\\"3\\""}'
    reply = await bench.http.patch(f"{ORDERS}/o7", content=body, headers={**bench.bearer(), **KEY})
    assert reply.status_code == 200, reply.text
    sent = bench.services.calls[-1][1]
    assert list(sent.update_mask.paths) == ["note", "payment_terms", "lines", "etag"]
    assert sent.purchase_order.id == "o7"
    assert sent.purchase_order.note == ""


async def test_the_address_wins_over_the_body(bench: Bench) -> None:
    bench.services.answers["UpdatePurchaseOrder"] = lambda request, _: request.purchase_order
    reply = await bench.http.patch(f"{ORDERS}/right", content=b'{"id": "wrong"}', headers={**bench.bearer(), **KEY})
    assert reply.json()["id"] == "right"


async def test_platform_methods_go_where_the_address_says(bench: Bench) -> None:
    headers = bench.bearer()
    reply = await bench.http.get("/v1/procurement/records/procurement.purchase_order/o1/history", headers=headers)
    assert reply.json() == {"entries": [], "nextPageToken": ""}
    assert (await bench.http.get("/v1/nowhere/parked-events", headers=headers)).status_code == 404


async def test_files_pass_through(bench: Bench) -> None:
    bench.services.answers["PrintPurchaseOrder"] = lambda *_: httpbody_pb2.HttpBody(
        content_type='application/pdf; name="采购订单 PO-1.pdf"', data=b"%PDF-1.7"
    )
    reply = await bench.http.get(f"{ORDERS}/o1:print", params={"company": COMPANY}, headers=bench.bearer())
    assert reply.content == b"%PDF-1.7"
    assert reply.headers["content-type"] == "application/pdf"
    assert "frame-ancestors 'self'" in reply.headers["content-security-policy"]
    assert "%E9%87%87%E8%B4%AD" in reply.headers["content-disposition"]
    assert bench.services.calls[-1][2]["heyi-company"] == COMPANY


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
async def test_refusals_speak_the_callers_language(bench: Bench, locale: str) -> None:
    def refuse(*_: object) -> None:
        raise Refused.fields([("lines[3].unit_id", "FIELD_REQUIRED", {"line": 4})])

    bench.services.answers["ReleasePurchaseOrder"] = refuse
    headers = {**bench.bearer(), **KEY, "accept-language": locale}
    reply = await bench.http.post(f"{ORDERS}/o1:release", content=b"{}", headers=headers)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    details = {detail["@type"].rsplit(".", 1)[-1]: detail for detail in error["details"]}
    assert details["ErrorInfo"]["reason"] == "INVALID_REQUEST"
    assert details["ErrorInfo"]["domain"] == "heyi"
    (violation,) = details["BadRequest"]["fieldViolations"]
    assert violation["field"] == "lines[3].unitId"
    assert violation["reason"] == "FIELD_REQUIRED"
    assert violation["description"]
    (told,) = details["Violations"]["violations"]
    assert told == {"field": "lines[3].unitId", "reason": "FIELD_REQUIRED", "facts": {"line": "4"}}
    assert details["LocalizedMessage"]["locale"] == locale
    assert details["RequestInfo"]["requestId"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    ("reason", "status", "name"),
    [
        ("DOCUMENT_NOT_FOUND", 404, "NOT_FOUND"),
        ("STALE_ETAG", 409, "ABORTED"),
        ("ACTION_NOT_ALLOWED", 400, "FAILED_PRECONDITION"),
        ("PERMISSION_MISSING", 403, "PERMISSION_DENIED"),
        ("ALREADY_EXISTS", 409, "ALREADY_EXISTS"),
        ("TOO_MANY_REQUESTS", 429, "RESOURCE_EXHAUSTED"),
        ("INTERNAL_FAULT", 500, "INTERNAL"),
    ],
)
async def test_status_of_refusals(bench: Bench, reason: str, status: int, name: str) -> None:
    def refuse(*_: object) -> None:
        raise Refused(reason, retry_after_seconds=3)

    bench.services.answers["GetPurchaseOrder"] = refuse
    reply = await bench.http.get(f"{ORDERS}/o1", headers=bench.bearer())
    assert (reply.status_code, reply.json()["error"]["status"], reason_of(reply)) == (status, name, reason)
    if status == 429:
        assert reply.headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("verb", "path", "body", "status", "reason", "field"),
    [
        ("GET", ORDERS + "?pageSiz=3", b"", 400, "INVALID_REQUEST", "pageSiz"),
        ("GET", ORDERS + "?pageSize=three", b"", 400, "INVALID_REQUEST", "pageSize"),
        ("GET", ORDERS + "?pageSize=1&pageSize=2", b"", 400, "INVALID_REQUEST", "pageSize"),
        ("GET", ORDERS + "?filter=%FF", b"", 400, "MALFORMED_REQUEST", None),
        ("GET", ORDERS + "/o1:release", b"", 404, "NO_SUCH_ADDRESS", None),
        ("DELETE", ORDERS + "/o1", b"", 404, "NO_SUCH_ADDRESS", None),
        ("PUT", ORDERS + "/o1", b"{}", 404, "NO_SUCH_ADDRESS", None),
        ("POST", ORDERS + "/o1:nonsense", b"{}", 404, "NO_SUCH_ADDRESS", None),
        ("GET", "/v1/nothing", b"", 404, "NO_SUCH_ADDRESS", None),
        ("POST", "/v1/meta", b"{}", 404, "NO_SUCH_ADDRESS", None),
        ("POST", ORDERS, b'{"supplierId": 7}', 400, "INVALID_REQUEST", "supplierId"),
        ("POST", ORDERS, b'{"suplierId": "x"}', 400, "INVALID_REQUEST", "suplierId"),
        ("POST", ORDERS, b'{"lines": [{"quantity": NaN}]}', 400, "INVALID_REQUEST", "lines[0].quantity"),
        ("POST", ORDERS, b'{"lines": [{"quantity": 1e400}]}', 400, "INVALID_REQUEST", "lines[0].quantity"),
        ("POST", ORDERS, b'{"lines": [' + b"{}," * 10_000 + b"{}]}", 400, "INVALID_REQUEST", "lines"),
        ("POST", ORDERS, b'{"note": "' + b"x" * 1_000_000 + b'"}', 400, "INVALID_REQUEST", "note"),
        ("POST", ORDERS, b'{"note": "' + b"x" * 1_048_576 + b'"}', 413, "REQUEST_TOO_LARGE", None),
        ("POST", ORDERS, b'{"invoiceKind": 1}', 400, "INVALID_REQUEST", "invoiceKind"),
        ("POST", ORDERS, b'{"invoiceKind": "GOLD"}', 400, "INVALID_REQUEST", "invoiceKind"),
        ("POST", ORDERS, b'{"note": "a", "note": "b"}', 400, "INVALID_REQUEST", "note"),
        ("POST", ORDERS, b'{"needDate": "a", "need_date": "b"}', 400, "INVALID_REQUEST", "needDate"),
        ("POST", ORDERS, b'{"note": "a"', 400, "MALFORMED_REQUEST", None),
        ("POST", ORDERS, b"\xff\xfe", 400, "MALFORMED_REQUEST", None),
        ("POST", ORDERS, b"[" * 5000, 400, "MALFORMED_REQUEST", None),
        ("POST", ORDERS, b"[]", 400, "INVALID_REQUEST", ""),
    ],
)
async def test_bad_input(
    bench: Bench, verb: str, path: str, body: bytes, status: int, reason: str, field: str | None
) -> None:
    reply = await bench.http.request(verb, path, content=body, headers={**bench.bearer(), **KEY})
    assert (reply.status_code, reason_of(reply)) == (status, reason), reply.text
    if field is not None:
        fields = [v["field"] for d in reply.json()["error"]["details"] for v in d.get("fieldViolations", [])]
        assert field in fields
    assert not bench.services.calls


async def test_writes_need_a_key_and_json(bench: Bench) -> None:
    json = {"content-type": "application/json"}
    reply = await bench.http.post(ORDERS, content=b"{}", headers={**bench.bearer(), **json})
    assert reason_of(reply) == "IDEMPOTENCY_KEY_MISSING"
    reply = await bench.http.post(
        ORDERS, content=b"a=b", headers={**bench.bearer(), **KEY, "content-type": "text/plain"}
    )
    assert reason_of(reply) == "MALFORMED_REQUEST"
    reply = await bench.http.get(ORDERS, headers={**bench.bearer(), "x-company": "not-an-id"})
    assert reason_of(reply) == "COMPANY_NOT_ALLOWED"


async def test_a_read_longer_than_an_address_is_asked_in_a_body_without_a_key(bench: Bench) -> None:
    path, values = "/v1/inventory/custom-field-forms/inventory.item:compute", '{"note": "' + "长" * 30_000 + '"}'
    headers = same_origin(bench, await bench.sign_in())
    reply = await bench.http.post(path, content=body_of(values=values), headers=headers)
    assert reply.status_code == 200, reply.text
    name, asked, metadata = bench.services.calls[-1]
    assert (name.rpartition("/")[2], asked.values) == ("ComputeCustomFields", values)
    assert "idempotency-key" not in metadata
    # a foreign page reads nothing either
    reply = await bench.http.post(path, content=b"{}", headers={**headers, "x-csrf": ""})
    assert (reply.status_code, reason_of(reply)) == (403, "CROSS_SITE_REQUEST")
    # where it was before it fits as far as an address goes
    reply = await bench.http.get(path, params={"values": "{}"}, headers=headers)
    assert reply.status_code == 200, reply.text
    assert bench.services.calls[-1][1].values == "{}"
    reply = await bench.http.get(path, params={"values": "x" * 16_400}, headers=headers)
    assert (reply.status_code, reason_of(reply)) == (413, "REQUEST_TOO_LARGE")


async def test_a_chunked_body_is_counted_too(bench: Bench) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(40):
            yield b"x" * 65536

    reply = await bench.http.post(ORDERS, content=chunks(), headers={**bench.bearer(), **KEY})
    assert (reply.status_code, reason_of(reply)) == (413, "REQUEST_TOO_LARGE")


async def test_a_service_that_is_away(bench: Bench) -> None:
    bench.services.away = True
    reply = await bench.http.get(f"{ORDERS}/o1", headers=bench.bearer())
    assert (reply.status_code, reason_of(reply)) == (503, "SERVICE_UNAVAILABLE")
    assert reply.headers["retry-after"]


async def test_who_is_refused(bench: Bench) -> None:
    for headers, why in [
        ({}, "session"),
        ({"authorization": "Basic eDp5"}, "scheme"),
        ({"authorization": "Bearer x.y.z"}, "form"),
        (bench.bearer(aud="other"), "audience"),
        (bench.bearer(iss="http://other"), "issuer"),
        (bench.bearer(typ="Refresh"), "type"),
        (bench.bearer(exp=1_700_000_100, iat=1_700_000_000), "expired"),
        ({"cookie": "__Host-heyi-t=" + "x" * 43}, "session"),
    ]:
        reply = await bench.http.get(ORDERS, headers=headers)
        assert (reply.status_code, reason_of(reply)) == (401, "NOT_SIGNED_IN"), headers
        assert reply.json()["error"]["details"][0]["metadata"]["why"] == why
    assert not bench.services.calls


async def test_the_disabled_are_refused_at_once(bench: Bench) -> None:
    cookie = await bench.sign_in("bob")
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 200
    assert (await bench.http.get(ORDERS, headers=bench.bearer("bob"))).status_code == 200
    bench.services.people["bob"]["active"] = False
    await bench.learn()
    for headers in ({"cookie": cookie}, bench.bearer("bob")):
        for path in (ORDERS, "/v1/events", f"{ORDERS}:export", f"{ORDERS}/o1:print"):
            reply = await bench.http.get(path, headers=headers)
            assert (reply.status_code, reason_of(reply)) == (401, "NOT_SIGNED_IN"), path
            # each of several calls of one page is told it, not only the one that ended the session
            assert reply.json()["error"]["details"][0]["metadata"]["why"] == "disabled", path
    bench.services.people["bob"]["active"] = True
    await bench.learn()
    assert (await bench.http.get(ORDERS, headers={"cookie": cookie})).status_code == 401


async def test_only_our_own_pages_may_write_with_a_cookie(bench: Bench) -> None:
    cookie = await bench.sign_in()
    good = {**same_origin(bench, cookie), **KEY}
    path = f"{ORDERS}/o1:release"
    assert (await bench.http.post(path, content=b"{}", headers=good)).status_code == 200
    for change in (
        {"x-csrf": ""},
        {"origin": "http://evil.example"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ):
        reply = await bench.http.post(path, content=b"{}", headers={**good, **change})
        assert (reply.status_code, reason_of(reply)) == (403, "CROSS_SITE_REQUEST"), change
    reply = await bench.http.post(
        path, content=b"{}", headers={**bench.bearer(), **KEY, "sec-fetch-site": "cross-site"}
    )
    assert reply.status_code == 200


async def test_a_list_shows_the_fields_that_are_asked_for(bench: Bench) -> None:
    """AIP-157: what is not wanted is neither asked of the service nor written."""
    rows = [pb.PurchaseOrder(id=f"o{n}", number=f"PO-{n}", currency="CNY") for n in range(2)]
    bench.services.answers["ListPurchaseOrders"] = lambda request, _: pb.ListPurchaseOrdersResponse(
        purchase_orders=rows, next_page_token="more"
    )
    reply = await bench.http.get(f"{ORDERS}?fields=number,createTime&pageSize=2", headers=bench.bearer())
    assert reply.json()["purchaseOrders"] == [{"id": "o0", "number": "PO-0"}, {"id": "o1", "number": "PO-1"}]
    assert reply.json()["nextPageToken"] == "more"
    assert bench.services.calls[-1][2]["heyi-fields"] == "create_time,id,number"
    reply = await bench.http.get(f"{ORDERS}?fields=&pageSize=2", headers=bench.bearer())
    assert reply.json()["purchaseOrders"][0]["currency"] == "CNY"


async def test_a_field_that_no_row_has_is_refused(bench: Bench) -> None:
    reply = await bench.http.get(f"{ORDERS}?fields=number,nothing", headers=bench.bearer())
    assert reply.status_code == 400
    assert reply.json()["error"]["details"][1]["fieldViolations"][0]["field"] == "fields"
