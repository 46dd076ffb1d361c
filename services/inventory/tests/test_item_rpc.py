"""Items through the whole runtime: found however they are typed, one row for one thing, bad input refused whole."""

import asyncio
import uuid
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.errors import Refused
from chassis.runtime import Envelope
from chassis.testing import OTHER_COMPANY, refused, stable
from inventory.item import rules
from inventory.item.model import Item
from inventory.tests.conftest import Master


async def names(master: Master, **query: Any) -> list[str]:
    return [item.name for item in (await master.clerk.ListItems(**query)).items]


async def test_a_new_item_is_answered_and_announced_whole(master: Master, service: Any) -> None:
    made = await master.clerk.CreateItem(
        item=master.item(units=[{"unit_id": master.box.id, "factor": "20"}], standard_price="7.8")
    )

    assert (made.state, made.pinyin_initials, made.standard_price) == (1, "sgqzc62042rs", "7.8")
    assert [(line.unit_id, line.factor) for line in made.units] == [(master.box.id, "20")]
    assert list(made.allowed_actions) == ["update", "deactivate"]
    [(subject, event)] = await service.events("item.created")
    assert subject == "evt.inventory.item.created"
    assert event.item.units[0].factor == "20"
    assert (event.item.id, event.item.etag, event.item.code) == (made.id, made.etag, "2002-0001")


async def test_a_client_may_choose_the_id(master: Master) -> None:
    chosen = str(uuid.uuid4())
    assert (await master.clerk.CreateItem(item=master.item(id=chosen))).id == chosen


@pytest.mark.parametrize(
    "words", ["2002-00", "轴承", "球轴", "6204", "sgqzc", "zhoucheng", "zc", "轴承 p5", "轴承 6204"]
)
async def test_an_item_is_found_by_code_name_and_pinyin(master: Master, words: str) -> None:
    await master.clerk.CreateItem(item=master.item())
    await master.clerk.CreateItem(item=master.item(code="5003-0001", name="劳保手套", specification="L码"))
    assert await names(master, search=words) == ["深沟球轴承 6204-2RS"]


@pytest.mark.parametrize("words", ["承轴", "6205", "x' | true", "手套"])
async def test_what_is_not_there_is_not_found(master: Master, words: str) -> None:
    await master.clerk.CreateItem(item=master.item())
    assert await names(master, search=words) == []


async def test_a_renamed_item_is_found_by_its_new_name_alone(master: Master) -> None:
    made = await master.clerk.CreateItem(item=master.item())
    await master.clerk.UpdateItem(item={"id": made.id, "etag": made.etag, "name": "光轴"}, update_mask="name")
    assert await names(master, search="光轴") == ["光轴"]
    assert await names(master, search="轴承") == []


async def test_the_same_thing_is_refused_and_names_the_one_that_stands(master: Master) -> None:
    await master.clerk.CreateItem(item=master.item())
    with refused("ITEM_DUPLICATE", field="name") as caught:
        await master.clerk.CreateItem(item=master.item(code="X-1", name="深沟球轴承 ６２０４ 2rs"))
    assert caught.value.facts["code"] == "2002-0001"


async def test_the_same_thing_twice_at_once_is_made_once(master: Master) -> None:
    made = await asyncio.gather(
        *(master.clerk.CreateItem(item=master.item(code=f"X-{n}")) for n in range(5)), return_exceptions=True
    )
    assert sorted(getattr(answer, "reason", "made") for answer in made) == ["ITEM_DUPLICATE"] * 4 + ["made"]


async def test_an_item_out_of_use_comes_back_only_if_nothing_took_its_place(master: Master) -> None:
    old = await master.clerk.CreateItem(item=master.item())
    old = await master.clerk.DeactivateItem(id=old.id, etag=old.etag)
    new = await master.clerk.CreateItem(item=master.item(code="2002-0002"))
    with refused("ITEM_DUPLICATE"):
        await master.clerk.ActivateItem(id=old.id)
    await master.clerk.DeactivateItem(id=new.id)
    assert (await master.clerk.ActivateItem(id=old.id)).state == 1


async def test_a_barcode_stands_for_one_item(master: Master) -> None:
    await master.clerk.CreateItem(item=master.item(barcode="6901234567892"))
    with refused("ITEM_BARCODE_TAKEN", field="barcode"):
        await master.clerk.CreateItem(item=master.item(code="X-1", name="手套", barcode="6901234567892"))
    await master.clerk.CreateItem(item=master.item(code="X-2", name="手套"))
    await master.clerk.CreateItem(item=master.item(code="X-3", name="眼镜"))


async def test_likely_duplicates_are_listed_the_likest_first(master: Master) -> None:
    for code, name, barcode in (
        ("A", "深沟球轴承 6204-2RS", ""),
        ("B", "圆锥滚子轴承 30206", ""),
        ("C", "劳保手套", "690"),
    ):
        await master.clerk.CreateItem(item=master.item(code=code, name=name, specification="", barcode=barcode))

    async def found(**probe: str) -> list[str]:
        return [item.code for item in (await master.clerk.FindDuplicateItems(**probe)).items]

    assert await found(name="轴承 6204-2RS") == ["A"]
    assert await found(name="轴承６２０４ 2RS", barcode="690") == ["C", "A"]
    assert await found(name="切削液") == []


async def test_units_are_replaced_as_a_whole_and_checked(master: Master) -> None:
    made = await master.clerk.CreateItem(item=master.item(units=[{"unit_id": master.box.id, "factor": "20"}]))
    with refused("ITEM_UNIT_TWICE", field="units[1].unit_id"):
        await master.clerk.UpdateItem(
            item={"id": made.id, "units": [{"unit_id": master.box.id, "factor": "20"}] * 2}, update_mask="units"
        )
    emptied = await master.clerk.UpdateItem(item={"id": made.id, "etag": made.etag}, update_mask="units")
    assert not emptied.units


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"code": ""}, "item.code", "FIELD_REQUIRED"),
        ({"code": "含 空格"}, "item.code", "FIELD_FORMAT"),
        ({"name": "轴\u202e承"}, "item.name", "FIELD_HIDDEN_CHARACTERS"),
        ({"name": "轴" * 121}, "item.name", "FIELD_TOO_LONG"),
        ({"description": "x" * 1_000_000}, "item.description", "FIELD_TOO_LONG"),
        ({"standard_price": "NaN"}, "item.standard_price", "FIELD_DECIMAL"),
        ({"standard_price": "1e400"}, "item.standard_price", "FIELD_DECIMAL"),
        ({"standard_price": "-1"}, "item.standard_price", "FIELD_DECIMAL"),
        ({"tax_rate": "13"}, "tax_rate", "FIELD_DECIMAL"),
        ({"tax_rate": "1.5"}, "tax_rate", "FIELD_FORMAT"),
        ({"kind": 99}, "item.kind", "FIELD_TYPE"),
        ({"category_id": "not-an-id"}, "item.category_id", "FIELD_FORMAT"),
        ({"category_id": str(uuid.uuid4())}, "category_id", "FIELD_NO_SUCH_DOCUMENT"),
        ({"base_unit_id": str(uuid.uuid4())}, "base_unit_id", "FIELD_NO_SUCH_DOCUMENT"),
        ({"units": [{"unit_id": str(uuid.uuid4()), "factor": "2"}]}, "units[0].unit_id", "FIELD_NO_SUCH_DOCUMENT"),
        ({"units": [{"unit_id": str(uuid.uuid4()), "factor": "2"}] * 21}, "item.units", "FIELD_TOO_MANY"),
        ({"pinyin_initials": "zc"}, "item.pinyin_initials", "FIELD_READ_ONLY"),
        ({"state": "INACTIVE"}, "item.state", "FIELD_READ_ONLY"),
    ],
)
async def test_bad_input_is_refused_at_the_field_and_changes_nothing(
    master: Master, service: Any, fields: dict[str, Any], field: str, reason: str
) -> None:
    with refused(reason) as caught:
        await master.clerk.CreateItem(item=master.item(**fields))
    assert [path.removeprefix("item.") for path, _, _ in caught.value.violations] == [field.removeprefix("item.")]
    assert not (await master.clerk.ListItems()).items
    assert not await service.events("item.")


async def test_a_code_never_changes_and_a_stale_etag_is_refused(master: Master) -> None:
    made = await master.clerk.CreateItem(item=master.item())
    with refused("FIELD_IMMUTABLE", field="code"):
        await master.clerk.UpdateItem(item={"id": made.id, "code": "X"}, update_mask="code")
    await master.clerk.UpdateItem(item={"id": made.id, "etag": made.etag, "brand": "恒屿"}, update_mask="brand")
    with refused("STALE_ETAG"):
        await master.clerk.UpdateItem(item={"id": made.id, "etag": made.etag, "brand": "新岳"}, update_mask="brand")


async def test_a_repeated_key_repeats_the_answer_and_refuses_another_body(master: Master) -> None:
    first = await master.clerk.CreateItem(item=master.item(), key="same-key-0001")
    assert await master.clerk.CreateItem(item=master.item(), key="same-key-0001") == first
    with refused("IDEMPOTENCY_KEY_REUSED"):
        await master.clerk.CreateItem(item=master.item(code="X-9"), key="same-key-0001")


# Items belong to the group: whoever holds the permission reaches every row, whatever the scope and the company.
@pytest.mark.parametrize(
    ("person", "company", "may_read", "may_write"),
    [
        ("requester", None, True, False),
        ("colleague", None, True, False),
        ("other_department", None, True, False),
        ("other_company", OTHER_COMPANY, True, False),
        ("buyer", None, True, True),
        ("stranger", None, False, False),
        ("disabled", None, False, False),
    ],
)
async def test_who_may_read_and_write_items(
    master: Master, service: Any, person: str, company: uuid.UUID | None, may_read: bool, may_write: bool
) -> None:
    made = await master.clerk.CreateItem(item=master.item())
    service.rights = []
    service.grant("buyer", ["inventory.*"], "COMPANY")
    for key in ("requester", "colleague", "other_department", "other_company", "disabled"):
        service.grant(key, ["inventory.item.get", "inventory.item.list"], "OWN")
    caller = service.as_(person, company=company)

    async def allowed(call: Any) -> bool:
        try:
            await call
        except Refused as refusal:
            if refusal.reason not in ("PERMISSION_MISSING", "NOT_SIGNED_IN"):
                raise
            return False
        return True

    assert await allowed(caller.GetItem(id=made.id)) is may_read
    assert await allowed(caller.ListItems()) is may_read
    assert await allowed(caller.BatchGetItems(ids=[made.id])) is may_read
    assert await allowed(caller.FindDuplicateItems(name="轴承")) is may_read
    assert await allowed(caller.UpdateItem(item={"id": made.id, "brand": "新岳"}, update_mask="brand")) is may_write
    assert await allowed(caller.DeactivateItem(id=made.id)) is may_write
    assert await allowed(caller.ActivateItem(id=made.id)) is may_write


async def test_the_number_of_statements_does_not_grow_with_the_rows(master: Master, service: Any) -> None:
    async def count(call: Any) -> int:
        with service.statements() as seen:
            await call()
        return len(seen)

    async def all_counts() -> dict[str, int]:
        return {
            "list": await count(lambda: master.clerk.ListItems(page_size=200, summarize=True)),
            "search": await count(lambda: master.clerk.ListItems(search="zc", page_size=200)),
            "batch": await count(lambda: master.clerk.BatchGetItems(ids=[first.id])),
            "get": await count(lambda: master.clerk.GetItem(id=first.id)),
            "duplicates": await count(lambda: master.clerk.FindDuplicateItems(name="轴承 6204-2RS")),
            "update": await count(
                lambda: master.clerk.UpdateItem(item={"id": first.id, "brand": "恒屿"}, update_mask="brand")
            ),
        }

    first = await master.clerk.CreateItem(item=master.item())
    await master.clerk.GetItem(id=first.id)
    few = await all_counts()
    await a_thousand_items(master, service)
    assert len((await master.clerk.ListItems(page_size=200, search="轴承")).items) == 200
    assert await all_counts() == few


async def test_an_items_units_cost_no_further_statements(master: Master, service: Any) -> None:
    units = [await master.clerk.CreateUnit(unit={"code": f"U{n}", "name": f"单位{n}"}) for n in range(20)]

    async def create(code: str, count: int) -> int:
        with service.statements() as seen:
            lines = [{"unit_id": unit.id, "factor": "2"} for unit in units[:count]]
            await master.clerk.CreateItem(item=master.item(code=code, name=code, units=lines))
        return len(seen)

    await create("warm", 1)
    assert await create("one", 1) == await create("twenty", 20)


async def test_pages_follow_each_other_without_gap_or_repetition(master: Master, service: Any) -> None:
    await a_thousand_items(master, service)
    codes: list[str] = []
    token = ""
    while True:
        page = await master.clerk.ListItems(page_size=150, page_token=token, filter='state = "ACTIVE"')
        codes += [item.code for item in page.items]
        token = page.next_page_token
        if not token:
            break
    assert len(codes) == 1000
    assert codes == sorted(set(codes))


async def test_a_list_reads_the_wanted_fields_only(master: Master, service: Any) -> None:
    await a_thousand_items(master, service)
    method = next(m for m in service.service.methods() if m.name == "ListItems")
    token = service.issuer.person(stable("admin"))
    asked = Envelope(token=token, fields="id,code,allowed_actions,etag")

    with service.statements() as statements:
        reply = await service.runtime.invoke(method, method.request(page_size=2, order_by="code desc"), asked)

    (select,) = statements
    assert "item.specification" not in select
    first = reply.message.items[0]
    assert {field.name for field, _ in first.ListFields()} == {"id", "code", "allowed_actions", "etag"}
    assert first.allowed_actions
    following = method.request(page_size=2, order_by="code desc", page_token=reply.message.next_page_token)
    third = (await service.runtime.invoke(method, following, asked)).message.items[0]
    assert (first.code, third.code) == ("Z0999", "Z0997")


async def a_thousand_items(master: Master, service: Any) -> None:
    """Rows as an import would leave them."""
    rows = []
    for number in range(1000):
        item = Item(name="轴承", specification=f"P{number}", code=f"Z{number:04d}")
        rules.describe(item)
        values = {
            n: getattr(item, n) for n in ("name", "specification", "code", "identity_key", "pairs", "pinyin_initials")
        }
        references = {"category_id": uuid.UUID(master.category.id), "base_unit_id": uuid.UUID(master.piece.id)}
        rows.append({**values, **references, "id": uuid.uuid4(), "version": 1, "kind": "PART", "search": "'轴承' 'zc'"})
    async with service.runtime.engine.begin() as connection:
        await connection.execute(sa.insert(Item), rows)
