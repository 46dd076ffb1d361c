"""Definitions of added fields: who keeps them, what they refuse, and what becomes of values when they change."""

from __future__ import annotations

import json

from chassis.testing import COMPANY, OTHER_COMPANY, refused

TYPE = "inventory.unit"


def words(name):
    return {"zh-CN": f"{name} 字段", "en": name}


def option(key):
    return {"key": key, "label": words(key)}


async def define(who, key, kind="TEXT", **more):
    field = {"key": key, "kind": kind, "label": words(key), **more.pop("field", {})}
    return await who.CreateCustomField(custom_field={"document_type": TYPE, "field": field, **more})


async def unit(who, code="KG", **values):
    body = {"code": code, "name": code}
    added = {"custom_fields": {"json": json.dumps(values)}} if values else {}
    return await who.CreateUnit(unit={**body, **added})


def values_of(message):
    return json.loads(message.custom_fields.json or "{}")


async def test_a_field_is_there_at_once_and_costs_no_statement(service, as_):
    admin = as_("admin")
    with service.statements() as before:
        await admin.ListUnits()
    made = await define(admin, "grade", list_column=True)
    assert (made.state, made.position, made.key) == (1, 1, "grade")
    assert list(made.allowed_actions) == ["update", "move", "retire", "delete"]

    assert values_of(await unit(admin, grade="A")) == {"grade": "A"}
    with service.statements() as after:
        assert len((await admin.ListUnits(filter='custom_fields.grade = "A"')).units) == 1
    assert len(after) == len(before)


async def test_who_sends_nothing_of_a_field_leaves_it_and_null_empties_it(as_):
    admin = as_("admin")
    await define(admin, "grade")
    await define(admin, "size")
    made = await unit(admin, grade="A", size="L")

    kept = await admin.UpdateUnit(unit={"id": made.id, "etag": made.etag, "name": "公斤"})
    assert values_of(kept) == {"grade": "A", "size": "L"}
    emptied = await admin.UpdateUnit(unit={"id": made.id, "custom_fields": {"json": '{"grade": null}'}})
    assert values_of(emptied) == {"size": "L"}


async def test_a_required_field_is_asked_of_what_is_made_from_now_on(as_):
    admin = as_("admin")
    old = await unit(admin, "G")
    await define(admin, "grade", field={"required": True})

    with refused("FIELD_REQUIRED", field="custom_fields.grade"):
        await unit(admin)
    await admin.UpdateUnit(unit={"id": old.id, "name": "克"})
    with refused("FIELD_TYPE", field="custom_fields"):
        await admin.CreateUnit(unit={"code": "M", "name": "米", "custom_fields": {"json": "[]"}})


async def test_a_field_keeps_its_kind_and_options_while_documents_have_values(as_):
    admin = as_("admin")
    made = await define(admin, "grade", "CHOICE", field={"options": [option("a"), option("b")]})
    changed = {"key": "grade", "kind": "TEXT", "label": words("grade")}
    free = await admin.UpdateCustomField(custom_field={"id": made.id, "etag": made.etag, "field": changed})
    back = {**changed, "kind": "CHOICE", "options": [option("a"), option("b")]}
    again = await admin.UpdateCustomField(custom_field={"id": free.id, "etag": free.etag, "field": back})
    await unit(admin, grade="a")

    with refused("FIELD_IMMUTABLE", field="field.kind"):
        await admin.UpdateCustomField(custom_field={"id": made.id, "field": changed})
    with refused("FIELD_OPTION_USED", field="field.options"):
        await admin.UpdateCustomField(custom_field={"id": made.id, "field": {**back, "options": [option("b")]}})
    with refused("CUSTOM_FIELD_HAS_VALUES"):
        await admin.DeleteCustomField(id=made.id)
    with refused("CUSTOM_FIELD_HAS_VALUES", field="only_company_id"):
        await admin.UpdateCustomField(custom_field={"id": made.id, "only_company_id": str(COMPANY)})
    with refused("STALE_ETAG"):
        await admin.UpdateCustomField(custom_field={"id": made.id, "etag": made.etag, "field": back})
    with refused("FIELD_IMMUTABLE"):
        await admin.UpdateCustomField(custom_field={"id": made.id, "field": {**back, "key": "other"}})
    assert again.state == 1


async def test_what_is_retired_is_asked_no_more_and_stays_readable(service, as_):
    admin = as_("admin")
    made = await define(admin, "grade", field={"required": True})
    kept = await unit(admin, grade="A")

    await admin.RetireCustomField(id=made.id)
    form = next(f for f in (await admin.DescribeCustomFields()).forms if f.document_type == TYPE)
    assert [(one.field.key, one.retired, one.writable) for one in form.fields] == [("grade", True, False)]
    assert values_of(await unit(admin, "G")) == {}
    with refused("FIELD_READ_ONLY", field="custom_fields.grade"):
        await unit(admin, "M", grade="B")
    changed = await admin.UpdateUnit(unit={"id": kept.id, "custom_fields": {"json": '{"grade": "A"}'}})
    assert values_of(changed) == {"grade": "A"}
    await admin.RestoreCustomField(id=made.id)
    with refused("FIELD_REQUIRED"):
        await unit(admin, "M")
    history = await admin.ListHistory(document_type="custom_field", document_id=made.id)
    assert [entry.method for entry in history.entries] == [
        "RestoreCustomField",
        "RetireCustomField",
        "CreateCustomField",
    ]
    announced = [subject for subject, _ in await service.events("custom_field")]
    assert announced == ["evt.platform.custom_field.created"] + ["evt.platform.custom_field.updated"] * 2


async def test_fields_stand_in_the_order_that_they_are_given(as_):
    admin = as_("admin")
    made = [await define(admin, key) for key in ("a", "b", "c")]

    await admin.MoveCustomField(id=made[2].id, position=1)
    listed = await admin.ListCustomFields(filter=f'document_type = "{TYPE}"', order_by="position")
    assert [(one.key, one.position) for one in listed.custom_fields] == [("c", 1), ("a", 2), ("b", 3)]
    await admin.DeleteCustomField(id=made[0].id)
    listed = await admin.ListCustomFields(order_by="position")
    assert [(one.key, one.position) for one in listed.custom_fields] == [("c", 1), ("b", 2)]
    with refused("FIELD_NOT_POSITIVE"):
        await admin.MoveCustomField(id=made[1].id, position=0)


async def test_formulas_hold_together_or_are_refused(as_):
    admin = as_("admin")
    cost = await define(admin, "cost", "AMOUNT")
    await define(admin, "gross", "COMPUTED", field={"formula": "round(cost * 1.13, 2)", "result_kind": "AMOUNT"})

    assert values_of(await unit(admin, cost="100.00")) == {"cost": "100.00", "gross": "113.00"}
    with refused("FORMULA_INVALID", field="field.formula"):
        await define(admin, "wrong", "COMPUTED", field={"formula": "price * 2", "result_kind": "AMOUNT"})
    with refused("CUSTOM_FIELD_NEEDED"):
        await admin.RetireCustomField(id=cost.id)
    told = await admin.ComputeCustomFields(document_type=TYPE, values='{"cost": "2"}')
    assert json.loads(told.computed) == {"gross": "2.26"}
    with refused("MALFORMED_REQUEST"):
        await admin.ComputeCustomFields(document_type=TYPE, values="{")
    with refused("CUSTOM_FIELD_DOCUMENT_TYPE"):
        await admin.ComputeCustomFields(document_type="inventory.nothing", values="{}")


async def test_a_definition_that_cannot_stand_is_refused(as_):
    admin = as_("admin")
    await define(admin, "grade")
    with refused("ALREADY_EXISTS", field="field.key"):
        await define(admin, "grade")
    with refused("FIELD_REQUIRED", field="field.options"):
        await define(admin, "choice", "CHOICE")
    with refused("CUSTOM_FIELD_DOCUMENT_TYPE"):
        await admin.CreateCustomField(
            custom_field={
                "document_type": "procurement.supplier",
                "field": {"key": "x", "kind": "TEXT", "label": words("x")},
            }
        )
    with refused("FIELD_NO_SUCH_DOCUMENT", field="only_company_id"):
        await define(admin, "other", only_company_id="00000000-0000-7000-8000-000000000000")


async def test_values_name_people_departments_and_documents_that_are_there(as_):
    admin = as_("admin")
    await define(admin, "keeper", "PERSON")
    await define(admin, "base", "REFERENCE", field={"document_type": TYPE})
    nobody = "00000000-0000-7000-8000-000000000000"

    with refused("FIELD_NO_SUCH_DOCUMENT", field="custom_fields.keeper"):
        await unit(admin, keeper=nobody)
    with refused("FIELD_NO_SUCH_DOCUMENT", field="custom_fields.base"):
        await unit(admin, base=nobody)
    first = await unit(admin)
    assert values_of(await unit(admin, "G", base=first.id)) == {"base": first.id}


async def test_a_field_of_one_company_is_none_of_the_others(as_):
    admin = as_("admin")
    await define(admin, "grade", only_company_id=str(COMPANY))

    with refused("FIELD_UNKNOWN", field="custom_fields.grade"):
        await unit(as_("admin", company=OTHER_COMPANY), grade="A")
    assert values_of(await unit(admin, "G", grade="A")) == {"grade": "A"}


async def test_only_administrators_keep_fields_and_everybody_may_read_what_to_fill_in(service, as_):
    service.revoke("requester")
    service.grant("requester", ["inventory.*"], "ALL", role="clerk")
    await define(as_("admin"), "grade", read_roles=["keeper"])
    with refused("PERMISSION_MISSING"):
        await define(as_("requester"), "size")
    with refused("PERMISSION_MISSING"):
        await as_("requester").ListCustomFields()
    form = next(f for f in (await as_("requester").DescribeCustomFields()).forms if f.document_type == TYPE)
    assert list(form.fields) == []
    service.grant("requester", ["inventory.*"], "ALL", role="keeper")
    form = next(f for f in (await as_("requester").DescribeCustomFields()).forms if f.document_type == TYPE)
    assert [one.field.key for one in form.fields] == ["grade"]


async def test_what_was_computed_from_a_guarded_field_stays_hidden_when_it_is_retired(service, as_):
    service.revoke("requester")
    service.grant("requester", ["inventory.*"], "ALL", role="clerk")
    service.grant("admin", ["*"], "ALL", role="keeper")
    admin = as_("admin")
    await define(admin, "cost", "AMOUNT", read_roles=["keeper"])
    gross = await define(admin, "gross", "COMPUTED", field={"formula": "cost * 2", "result_kind": "AMOUNT"})
    made = await unit(admin, cost="3.10")

    await admin.RetireCustomField(id=gross.id)

    assert values_of(await admin.GetUnit(id=made.id)) == {"cost": "3.10", "gross": "6.20"}
    assert values_of(await as_("requester").GetUnit(id=made.id)) == {}
