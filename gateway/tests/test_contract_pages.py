"""What the gateway says of itself: meta, OpenAPI, labels, pages; and that it knows no business."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import gateway
from chassis import contract, labels
from gateway import routes
from gateway.meta import method_name
from gateway.settings import AUTHORIZATION_METHOD
from gateway.tests.bench import Bench, reason_of

LOADED = contract.load()
BINDINGS = routes.bindings(LOADED)


async def meta_of(bench: Bench, locale: str) -> dict[str, Any]:
    reply = await bench.http.get("/v1/meta", params={"locale": locale})
    assert reply.status_code == 200
    return reply.json()


@pytest.mark.parametrize("locale", labels.LOCALES)
async def test_meta_holds_the_whole_contract(bench: Bench, locale: str) -> None:
    meta = await meta_of(bench, locale)
    assert meta["locale"] == locale
    assert set(meta["documents"]) == set(LOADED.documents)
    assert set(meta["refusals"]) == set(LOADED.refusals)
    assert [p["name"] for p in meta["permissions"]] == LOADED.permissions()
    for name, document in meta["documents"].items():
        message: Any = LOADED.documents[name].message.DESCRIPTOR
        assert [f["protoName"] for f in document["fields"]] == [f.name for f in message.fields]
        assert all((document["title"], document["plural"]))
        assert document["path"].startswith("/v1/")
        camel = {f["name"] for f in document["fields"]}
        assert set(document["titleFields"]) <= camel
        own = [b for b in BINDINGS if b.method.document == name]
        assert set(document["methods"]) == {method_name(b) for b in own}
        every = [f for m in document["methods"].values() for f in m["requestFields"]] + document["fields"]
        for field in every:
            assert field["label"]
            if field["type"] == "enum":
                assert meta["enums"][field["enum"]]
            if field["type"] == "message":
                assert field["message"] in meta["messages"] or field["message"] in meta["documents"]
            if field["type"] == "reference":
                assert field["references"] in meta["documents"]
        for method in document["methods"].values():
            assert method["label"]
            assert "." not in method["path"].partition("{")[2].partition("}")[0]


async def test_meta_of_one_field(bench: Bench) -> None:
    meta = await meta_of(bench, "zh-CN")
    order = meta["documents"]["procurement.purchase_order"]
    by_name = {field["name"]: field for field in order["fields"]}
    assert by_name["supplierId"]["type"] == "reference"
    assert by_name["supplierId"]["references"] == "procurement.supplier"
    assert (by_name["supplierId"]["required"], by_name["supplierId"]["immutable"]) == (True, True)
    assert by_name["amount"]["decimal"] == {"precision": 18, "scale": 2, "signed": False}
    assert (by_name["amount"]["type"], by_name["amount"]["total"]) == ("decimal", True)
    assert by_name["orderDate"]["type"] == "date"
    assert by_name["note"] | {"type": "text", "format": "MULTILINE", "maxLength": 1000} == by_name["note"]
    assert by_name["lines"] | {"type": "message", "message": "PurchaseOrderLine", "repeated": True} == by_name["lines"]
    assert by_name["createTime"]["type"] == "time"
    assert order["methods"]["cancel"]["path"] == "/v1/procurement/purchase-orders/{id}:cancel"
    assert [f["name"] for f in order["methods"]["cancel"]["requestFields"]] == ["reason", "dropLines"]
    assert order["methods"]["update"]["path"] == "/v1/procurement/purchase-orders/{id}"
    assert (order["resourceField"], order["listField"]) == ("purchaseOrder", "purchaseOrders")


async def test_meta_is_asked_for_once(bench: Bench) -> None:
    first = await bench.http.get("/v1/meta", headers={"accept-language": "en-GB,en;q=0.9,zh;q=0.1"})
    assert first.json()["locale"] == "en"
    etag = first.headers["etag"]
    again = await bench.http.get("/v1/meta", headers={"accept-language": "en", "if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    other = await bench.http.get("/v1/meta", headers={"if-none-match": etag})
    assert (other.status_code, other.json()["locale"]) == (200, "zh-CN")


async def test_openapi_is_sound(bench: Bench) -> None:
    document = (await bench.http.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)

    def references(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node
    # a list's rows hold what was asked for by `fields`, a document itself what it must
    assert schemas["PurchaseOrderRow"]["required"] == ["id"]
    assert "supplierId" in schemas["PurchaseOrder"]["required"]
    operations = [op for item in document["paths"].values() for op in item.values()]
    assert len(operations) == len(BINDINGS)
    assert len({op["operationId"] for op in operations}) == len(BINDINGS)
    for path, item in document["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p.get("in") == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
    release = document["paths"]["/v1/procurement/purchase-orders/{id}:release"]["post"]
    assert release["x-permission"] == "procurement.purchase_order.release"
    # a program may call it with a key; what is for people alone says so by leaving keys out
    assert {"key": []} in release["security"]
    assert "security" not in document["paths"]["/v1/identity/me"]["get"]
    assert release["description"].startswith("Send it to the supplier")
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in release["parameters"]


async def test_the_page_has_a_fresh_nonce(bench: Bench) -> None:
    nonces = set()
    for path in ("/", "/procurement/purchase-orders", "/approval/tasks/abc"):
        reply = await bench.http.get(path)
        assert reply.status_code == 200
        policy = reply.headers["content-security-policy"]
        nonce = re.search(r"script-src 'self' 'nonce-([\w-]+)'", policy)[1]  # type: ignore[index]
        assert f"style-src 'self' 'nonce-{nonce}'" in policy
        assert all(part in policy for part in ("default-src 'self'", "object-src 'none'", "base-uri 'none'"))
        assert "frame-ancestors 'none'" in policy
        assert f'<script nonce="{nonce}"' in reply.text
        assert "__CSP_NONCE__" not in reply.text
        assert reply.headers["cache-control"] == "no-store"
        nonces.add(nonce)
    assert len(nonces) == 3


async def test_assets(bench: Bench) -> None:
    reply = await bench.http.get("/assets/app-1.js")
    assert reply.headers["content-type"].startswith("text/javascript")
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-encoding"] == "gzip"
    plain = await bench.http.get("/assets/app-1.js", headers={"accept-encoding": "identity"})
    assert plain.text == reply.text
    again = await bench.http.get("/assets/app-1.js", headers={"if-none-match": reply.headers["etag"]})
    assert again.status_code == 304
    for path in ("/assets/none.js", "/none.css", "/..%2fsecret.txt", "/assets/..%2f..%2fsecret.txt", "/%00", "/a%5cb"):
        missing = await bench.http.get(path)
        assert (missing.status_code, reason_of(missing)) == (404, "NO_SUCH_ADDRESS"), path


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [("", "zh-CN"), ("en", "en"), ("zh-TW", "zh-CN"), ("fr", "zh-CN"), ("fr, en;q=0.5", "en"), ("en;q=x, zh", "zh-CN"),
     ("zh;q=0.3,en;q=0.9", "en"), ("*", "zh-CN"), ("en" * 500, "zh-CN")],
)  # fmt: skip
def test_languages(wanted: str, chosen: str) -> None:
    assert labels.choose_locale(wanted) == chosen


def test_words_are_made_of_names() -> None:
    assert labels.in_words("supplier_id") == "Supplier"
    assert labels.in_words("employee_ids") == "Employee"
    assert labels.in_words("PurchaseOrderLine") == "Purchase order line"
    assert labels.in_words("SHORT_CLOSED") == "Short closed"
    assert labels.in_words("id") == "Id"
    assert labels.fill("a {b} {c}", {"b": "1"}) == "a 1 {c}"


def test_no_business_word_in_the_gateway() -> None:
    """No service, document, method or refusal of the business is named; one question is, as one constant."""
    services = {m.service for m in LOADED.methods.values()} - {"platform"}
    messages = {d.message.DESCRIPTOR.name for d in LOADED.documents.values()}
    documents = {name.split(".")[1] for name in LOADED.documents}
    # Words that are also ordinary English or Python are asked for as quoted names only.
    plain = {
        "case",
        "task",
        "unit",
        "item",
        "post",
        "grant",
        "role",
        "company",
        "department",
        "notice",
        "opinion",
        "employee",
        "documents",
        "attachment",
    }
    proto_services = {m.full_name.split("/")[0].split(".")[-1] for m in LOADED.methods.values()}
    common = {v.name for v in _common_refusals()}
    refusals = set(LOADED.refusals) - common
    wanted = ((services | documents) - plain) | {m for m in messages if m.lower() not in plain} | refusals
    wanted |= {s for s in proto_services if s.lower().rstrip("s") not in plain} - {"Records", "CustomFields", "Imports"}
    folder = Path(gateway.__file__).parent
    found = []
    for path in [*folder.glob("*.py"), *folder.glob("migrations/**/*.py")]:
        code = path.read_text().replace(f'"{AUTHORIZATION_METHOD}"', "")
        code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", code)
        # The provider's tokens and this package's own text are not the service of that name.
        code = re.sub(r"\.identity\b|\bidentity\b(?=[:,)=\]])|tokens\.identity|answer\.identity", "", code)
        found += [(path.name, word) for word in wanted if re.search(rf"\b{word}\b", code)]
    assert not found


def _common_refusals() -> Any:
    """What any document can be refused with, files of any document among it."""
    from heyi.common.v1 import common_pb2
    from heyi.platform.v1 import imports_pb2

    return [*common_pb2.CommonRefusal.DESCRIPTOR.values, *imports_pb2.ImportRefusal.DESCRIPTOR.values]
