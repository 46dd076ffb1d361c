"""Suppliers: nobody twice, states that mean something, account numbers that stay secret."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import contract, crypto
from chassis.runtime import Envelope
from chassis.testing import TEST_KEYS, refused, stable
from procurement.tests.factories import Shop, credit_code

NUMBER = "6222021234567896789"
ACCOUNT = {
    "bank_name": "工商银行安亭支行",
    "account_name": "上海宏达轴承有限公司",
    "account_number": "6222 0212 3456 789 6789",
}
KEY_2 = "k2:" + base64.b64encode(b"abcdefghijklmnopqrstuvwxyz012345").decode()


async def create(service: Any, **fields: Any) -> Any:
    values = {"name": "无锡恒力机械有限公司", "credit_code": credit_code(900), "currency": "CNY", **fields}
    return await service.as_("buyer").CreateSupplier(supplier=values)


async def stored(service: Any) -> list[bytes]:
    async with service.runtime.engine.connect() as connection:
        return list(await connection.scalars(sa.text("SELECT account_number FROM supplier_bank_account")))


async def everything_written(service: Any) -> bytes:
    """The text of every row of every table."""
    written = b""
    async with service.runtime.engine.connect() as connection:
        await connection.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        for table in service.service.base.metadata.sorted_tables:
            for row in await connection.execute(
                sa.select(*(sa.literal_column(c.name) for c in table.c)).select_from(table)
            ):
                written += b"|".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
    return written


async def test_a_new_supplier_is_a_candidate_with_a_code_of_the_series(service: Any) -> None:
    first = await create(service)
    second = await create(service, name="常州精工", credit_code=credit_code(901))

    assert (first.code, second.code) == ("SUP-000001", "SUP-000002")
    assert first.state == first.CANDIDATE
    assert "qualify" in first.allowed_actions


async def test_a_format_of_the_group_numbers_suppliers_and_no_number_comes_twice(service: Any) -> None:
    supplier = "procurement.supplier"

    async def made(number: int) -> str:
        made = await create(service, name=f"供应商{number}", credit_code=credit_code(number))
        return str(made.code)

    assert await made(900) == "SUP-000001"
    service.number(supplier, "GYS-{000}")
    assert [await made(901), await made(902)] == ["GYS-002", "GYS-003"]
    year = service.clock.now().strftime("%Y")
    service.number(supplier, "GYS-{yyyy}{000}")
    assert await made(903) == f"GYS-{year}001"
    service.number(supplier, "")
    assert await made(904) == "SUP-000004"


async def test_a_series_of_numbers_that_somebody_holds_is_busy_and_no_repeated_request(service: Any) -> None:
    await create(service)
    later = {"name": "常州精工", "credit_code": credit_code(901)}
    async with service.runtime.sessions() as session, session.begin():
        await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
        held = await session.execute(sa.text("UPDATE number_series SET last = last WHERE series = 'supplier'"))
        with refused("BUSY"):
            await create(service, **later)
    assert held.rowcount == 1

    assert (await create(service, **later)).code == "SUP-000002"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"credit_code": credit_code(901)}, "name"),
        ({"name": "无锡 恒力 机械有限公司", "credit_code": credit_code(901)}, "name"),
        ({"name": "另一家公司"}, "credit_code"),
        ({"name": "另一家公司", "credit_code": credit_code(900).lower()}, "credit_code"),
    ],
)
async def test_the_same_name_or_credit_code_is_refused(service: Any, fields: dict[str, Any], field: str) -> None:
    await create(service)

    with refused("SUPPLIER_DUPLICATE", field=field):
        await create(service, **fields)

    assert (await service.as_("buyer").ListSuppliers(summarize=True)).total_size == 1


async def test_look_alikes_are_listed(service: Any) -> None:
    known = await create(service, phone="+86 138-1234-5678")
    await create(service, name="完全不同的公司", credit_code=credit_code(901))
    buyer = service.as_("buyer")

    by_name = await buyer.FindDuplicateSuppliers(name="无锡恒力机械股份有限公司")
    by_phone = await buyer.FindDuplicateSuppliers(phone="13812345678")
    by_code = await buyer.FindDuplicateSuppliers(credit_code=known.credit_code)
    itself = await buyer.FindDuplicateSuppliers(name=known.name, except_id=known.id)
    nothing = await buyer.FindDuplicateSuppliers()

    assert [[s.id for s in reply.suppliers] for reply in (by_name, by_phone, by_code)] == [[known.id]] * 3
    assert not itself.suppliers
    assert not nothing.suppliers


async def test_a_supplier_goes_through_its_states(service: Any) -> None:
    buyer, supplier = service.as_("buyer"), await create(service)

    qualified = await buyer.QualifySupplier(id=supplier.id)
    suspended = await buyer.SuspendSupplier(id=supplier.id, reason="来料不良率高")
    with refused("ACTION_NOT_ALLOWED"):
        await buyer.QualifySupplier(id=supplier.id)
    blocked = await buyer.BlockSupplier(id=supplier.id, reason="涉诉")
    back = await buyer.ReinstateSupplier(id=supplier.id, reason="已结案")

    assert qualified.state == qualified.QUALIFIED
    assert (suspended.state, suspended.hold_reason) == (suspended.SUSPENDED, "来料不良率高")
    assert blocked.state == blocked.BLOCKED
    assert (back.state, back.hold_reason) == (back.CANDIDATE, "")


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"credit_code": "123"}, "SUPPLIER_CREDIT_CODE", "credit_code"),
        ({"credit_code": ""}, "FIELD_REQUIRED", "credit_code"),
        ({"name": "x" * 121}, "FIELD_TOO_LONG", "name"),
        ({"name": "无锡\u200b恒力"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"name": "无锡\u202e恒力"}, "FIELD_HIDDEN_CHARACTERS", "name"),
        ({"currency": "人民币"}, "FIELD_FORMAT", "currency"),
        ({"tax_rate": "NaN"}, "FIELD_DECIMAL", "tax_rate"),
        ({"tax_rate": "1e400"}, "FIELD_DECIMAL", "tax_rate"),
        ({"email": "not an address"}, "FIELD_FORMAT", "email"),
        ({"code": "SUP-9"}, "FIELD_READ_ONLY", "code"),
        ({"state": "QUALIFIED"}, "FIELD_READ_ONLY", "state"),
        ({"bank_accounts": [{**ACCOUNT, "account_number": "12"}]}, "FIELD_FORMAT", "bank_accounts[0].account_number"),
        (
            {"bank_accounts": [{**ACCOUNT, "account_number": "****6789"}]},
            "FIELD_FORMAT",
            "bank_accounts[0].account_number",
        ),
    ],
)
async def test_bad_input_is_refused_at_its_field(service: Any, fields: dict[str, Any], reason: str, field: str) -> None:
    with refused(reason, field=field):
        await create(service, **fields)
    assert not (await service.as_("buyer").ListSuppliers()).suppliers


async def test_account_numbers_are_masked_and_ciphertext(service: Any) -> None:
    supplier = await create(service, bank_accounts=[ACCOUNT])

    seen = await service.as_("buyer").GetSupplier(id=supplier.id)

    assert [account.account_number for account in seen.bank_accounts] == ["****6789"]
    assert NUMBER.encode() not in await everything_written(service)


async def test_a_masked_number_sent_back_keeps_the_stored_one(service: Any) -> None:
    buyer, supplier = service.as_("buyer"), await create(service, bank_accounts=[ACCOUNT])
    (account,) = supplier.bank_accounts
    kept = {"id": account.id, "bank_name": "工商银行", "account_name": account.account_name,
            "account_number": account.account_number}  # fmt: skip

    await buyer.UpdateSupplier(
        supplier={
            "id": supplier.id,
            "etag": supplier.etag,
            "bank_accounts": [kept, {**ACCOUNT, "account_number": "1234567890"}],
        },
        update_mask="bankAccounts",
    )

    shown = await reveal(service, supplier)
    assert [(a.bank_name, a.account_number) for a in shown.bank_accounts] == [
        ("工商银行", NUMBER),
        (ACCOUNT["bank_name"], "1234567890"),
    ]
    with refused("FIELD_FORMAT", field="bank_accounts[0].account_number"):
        await buyer.UpdateSupplier(
            supplier={"id": supplier.id, "bank_accounts": [{**kept, "account_number": "****0000"}]},
            update_mask="bankAccounts",
        )


async def reveal(service: Any, supplier: Any, key: str = "buyer") -> Any:
    """As the contract says: without an idempotency key, so that the reply is stored nowhere."""
    method = contract.load().methods["heyi.procurement.v1.Suppliers/RevealBankAccountsSupplier"]
    request = method.request(id=supplier.id, purpose="付款核对")
    envelope = Envelope(token=service.issuer.person(stable(key)))
    return (await service.runtime.invoke(method, request, envelope)).message


async def test_a_look_at_the_numbers_is_on_record_and_stores_no_number(service: Any) -> None:
    supplier = await create(service, bank_accounts=[ACCOUNT])

    shown = await reveal(service, supplier)

    assert shown.bank_accounts[0].account_number == NUMBER
    assert (await service.audit())[-1].method.endswith("RevealBankAccountsSupplier")
    written = await everything_written(service)
    assert "付款核对".encode() in written
    assert NUMBER.encode() not in written


async def test_who_lacks_the_permission_sees_no_number(service: Any) -> None:
    supplier = await create(service, bank_accounts=[ACCOUNT])
    service.revoke("colleague")
    service.grant("colleague", ["procurement.supplier.get", "procurement.supplier.update"], "COMPANY")

    with refused("PERMISSION_MISSING"):
        await reveal(service, supplier, "colleague")
    seen = await service.as_("colleague").GetSupplier(id=supplier.id)
    assert seen.bank_accounts[0].account_number == "****6789"


async def test_no_event_holds_an_account_number(service: Any) -> None:
    await create(service, bank_accounts=[ACCOUNT])
    events = await service.events("supplier")
    assert events
    assert all(NUMBER not in str(message) for _, message in events)


async def test_keys_are_rotated_without_downtime(service: Any) -> None:
    """P30: the new key in front, old values still open; afterwards the old key can go."""
    supplier = await create(service, bank_accounts=[ACCOUNT])
    (before,) = await stored(service)
    engine = service.runtime.engine
    crypto.use_keyring(engine, crypto.Keyring.parse(f"{KEY_2},{TEST_KEYS}"))
    try:
        assert (await reveal(service, supplier)).bank_accounts[0].account_number == NUMBER
        base = service.runtime.service.base
        held = sa.text("SELECT 1 FROM supplier_bank_account FOR UPDATE")
        async with service.runtime.sessions() as session, session.begin():
            await session.execute(sa.text("SELECT set_config('heyi.company', '*', true)"))
            await session.execute(held)
            assert await crypto.reencrypt_all(engine, base) == (0, ["supplier_bank_account.account_number"])
        assert await crypto.reencrypt_all(engine, base) == (1, [])
        assert await crypto.reencrypt_all(engine, base) == (0, [])

        crypto.use_keyring(engine, crypto.Keyring.parse(KEY_2))
        assert (await reveal(service, supplier)).bank_accounts[0].account_number == NUMBER
        assert await stored(service) != [before]
    finally:
        crypto.use_keyring(engine, crypto.Keyring.parse(TEST_KEYS))


# ---- terms


async def test_terms_contradict_neither_themselves_nor_others(shop: Shop) -> None:
    price = {"from_quantity": "1", "unit_price": "5", "valid_from_date": "2026-01-01"}
    with refused("SUPPLIER_ITEM_PRICES_OVERLAP", field="prices"):
        await shop.terms(
            shop.hongda, shop.bolt, shop.piece, "", prices=[price, {**price, "valid_from_date": "2026-06-01"}]
        )
    with refused("SUPPLIER_ITEM_DATES", field="prices[0].valid_until_date"):
        await shop.terms(shop.hongda, shop.bolt, shop.piece, "", prices=[{**price, "valid_until_date": "2025-12-31"}])
    with refused("SUPPLIER_ITEM_TWICE"):
        await shop.terms(shop.hongda, shop.bearing, shop.piece, "5")
    with refused("FIELD_NO_SUCH_DOCUMENT", field="unit_id"):
        await shop.terms(shop.hongda, shop.bolt, shop.metre, "5")
    with refused("FIELD_NO_SUCH_DOCUMENT", field="item_id"):
        await shop.terms(shop.hongda, str(stable("nothing")), shop.piece, "5")


async def test_the_newest_preferred_supplier_takes_the_place(shop: Shop) -> None:
    other = await shop.supplier("昆山明锐紧固件有限公司")

    await shop.terms(other, shop.bearing, shop.piece, "20", preferred=True)

    before = await shop.buyer.GetSupplierItem(id=shop.terms_of_hongda.id)
    assert not before.preferred
    draft = await shop.draft(shop.line(shop.bearing))
    assert draft.lines[0].unit_price == "20"


async def test_of_two_that_are_preferred_at_once_one_stays(shop: Shop, service: Any) -> None:
    """Each item is raced for on its own, so that the two meet in one of them at least."""
    first, second = [await shop.supplier(name) for name in ("昆山明锐紧固件有限公司", "无锡恒力机械有限公司")]
    items = [await shop.item(f"300{number}", shop.piece, shop.parts) for number in range(8)]
    for item in items:
        await asyncio.gather(*(shop.terms(one, item, shop.piece, "20", preferred=True) for one in (first, second)))

    known = (await shop.buyer.ListSupplierItems(filter="preferred = true", page_size=100)).supplier_items
    assert sorted(row.item_id for row in known) == sorted([*items, shop.bearing])


async def test_terms_that_were_deactivated_make_room_and_come_back_checked(shop: Shop) -> None:
    first = shop.terms_of_hongda
    await shop.buyer.DeactivateSupplierItem(id=first.id)
    await shop.terms(shop.hongda, shop.bearing, shop.piece, "11")

    with refused("SUPPLIER_ITEM_TWICE"):
        await shop.buyer.ActivateSupplierItem(id=first.id)
