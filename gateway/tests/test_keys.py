"""Programs with an API key: no cookie, no CSRF header, a rate of their own, and an end at once."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from gateway.tests.bench import COMPANY, PEOPLE, Bench, body_of, reason_of

KEY = "hyk_" + "k" * 43
ORDERS = "/v1/procurement/purchase-orders"
WRITES = {"idempotency-key": "key-0000-0001", "content-type": "application/json"}


@pytest.fixture
async def keyed(bench: Bench) -> Bench:
    """The person `bob` is a key that `ann` made."""
    hashed = hashlib.sha256(KEY.encode()).digest()
    bench.services.people["bob"] = {
        "active": True, "maker_id": PEOPLE["ann"], "key_hash": hashed, "valid_until_date": "2099-01-01",
    }  # fmt: skip
    bench.services.rights.append(
        {"person": "bob", "permissions": ["procurement.purchase_order.get"], "scope": "COMPANY", "company": COMPANY}
    )
    await bench.learn()
    # what another test used up
    bench.gateway.callers._keys._buckets.clear()
    return bench


@pytest.mark.parametrize("headers", [{"authorization": f"Bearer {KEY}"}, {"x-api-key": KEY}])
async def test_a_key_goes_through_without_cookie_and_csrf_header(keyed: Bench, headers: dict[str, str]) -> None:
    reply = await keyed.http.post(ORDERS, content=body_of(currency="CNY"), headers={**headers, **WRITES})
    assert reply.status_code == 201, reply.text
    assert keyed.services.calls[-1][2]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": "hyk_wrong"},
        {"x-api-key": "nothing of ours"},
        {"authorization": f"Bearer {KEY}x"},
        {"authorization": f"Bearer {KEY[:-1]}"},
        {"x-api-key": KEY, "authorization": "Bearer eyJ.e30.x"},
    ],
)
async def test_what_is_no_key_is_nobody(keyed: Bench, headers: dict[str, str]) -> None:
    reply = await keyed.http.get(f"{ORDERS}/o1", headers=headers)
    assert (reply.status_code, reason_of(reply)) == (401, "NOT_SIGNED_IN")
    assert not keyed.services.calls


@pytest.mark.parametrize(
    ("name", "changes"),
    [("bob", {"active": False}), ("bob", {"valid_until_date": "2020-01-01"}), ("ann", {"active": False})],
)
async def test_a_key_ends_with_the_next_snapshot(keyed: Bench, name: str, changes: dict[str, Any]) -> None:
    assert (await keyed.http.get(f"{ORDERS}/o1", headers={"x-api-key": KEY})).status_code == 200
    keyed.services.people[name] |= changes
    await keyed.learn()
    assert (await keyed.http.get(f"{ORDERS}/o1", headers={"x-api-key": KEY})).status_code == 401


async def test_a_key_has_a_rate_of_its_own(keyed: Bench) -> None:
    codes = [(await keyed.http.get(f"{ORDERS}/o1", headers={"x-api-key": KEY})).status_code for _ in range(80)]
    assert codes[:40] == [200] * 40
    assert 429 in codes
    reply = await keyed.http.get(f"{ORDERS}/o1", headers=keyed.bearer())
    assert reply.status_code == 200


async def test_that_a_key_was_used_is_told_once_in_ten_minutes(keyed: Bench) -> None:
    keyed.gateway.callers.used.clear()
    for _ in range(2):
        await keyed.http.get(f"{ORDERS}/o1", headers={"x-api-key": KEY})
        await keyed.gateway._tell_uses()
    told = [request.id for name, request, _ in keyed.services.calls if name.endswith("/UseApiKey")]
    assert told == [PEOPLE["bob"]]
