"""What must be there before anybody can call: the epoch, the product's roles and separated duties, one administrator.

Run by `migrate` as the owner, again and again: roles follow the release, the administrator is made once and never
given back what was taken away.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import contract
from chassis.runtime import search_vector
from identity.directory.snapshot import EVERYBODY
from identity.duty_conflict.model import DutyConflict
from identity.employee.model import Account, Employee
from identity.epoch import EPOCH, RAISE
from identity.grant.model import Grant
from identity.role.model import Role
from identity.role.rules import ADMINISTRATOR
from identity.role.templates import reading


def _id(last: int) -> uuid.UUID:
    return uuid.UUID(f"00000000-0000-7000-8000-{last:012x}")


ADMINISTRATOR_ID = _id(1)
# the sealed account of emergencies, made when it is first opened
EMERGENCY_ID = _id(2)
ADMINISTRATORS_GRANT = _id(0xA1)


@dataclass(frozen=True)
class BuiltIn:
    """A role that comes with the product."""

    id: uuid.UUID
    code: str
    name: str
    description: str
    permissions: Sequence[str]


def built_in_roles() -> list[BuiltIn]:
    """The product's roles as this release knows them; the auditor's follows the contract."""
    catalogue = contract.load().permissions()
    return [
        BuiltIn(_id(0xB1), ADMINISTRATOR, "系统管理员", "Everything, everywhere.", ["*"]),
        BuiltIn(_id(0xB2), EVERYBODY, "员工", "What every active employee may do without a grant.", EVERYBODY_MAY),
        BuiltIn(_id(0xB3), "buyer", "采购员", "Sourcing, suppliers and purchase orders.", ["procurement.*"]),
        BuiltIn(
            _id(0xB4), "purchasing_manager", "采购经理",
            "Procurement with a look at the flows and limits that bind it.",
            ["procurement.*", *reading("approval.", catalogue)],
        ),
        BuiltIn(_id(0xB5), "auditor", "审计员", "Reads everything, changes nothing.", reading("", catalogue)),
        BuiltIn(
            _id(0xB6), "identity_administrator", "组织与权限管理员",
            "Keeps departments, posts, employees, roles and grants.", ["identity.*"],
        ),
        BuiltIn(
            _id(0xB7), "flow_administrator", "流程管理员", "Draws approval flows and keeps the authority table.",
            ["approval.*", "identity.role.get", "identity.role.list"],
        ),
        BuiltIn(_id(0xB8), "master_data", "物料主数据管理员", "Keeps items, categories and units.", ["inventory.*"]),
    ]  # fmt: skip


@dataclass(frozen=True)
class BuiltInPair:
    """Separated duties that come with the product: they guard the rights themselves and what spends money."""

    id: uuid.UUID
    code: str
    name: str
    reason: str
    first_duty: str
    first_permissions: Sequence[str]
    second_duty: str
    second_permissions: Sequence[str]


BUILT_IN_PAIRS = [
    BuiltInPair(
        _id(0xC1), "rights-orders", "授权与采购下单", "能给自己放开权限的人若同时下达订单，所有控制都可以绕过。",
        "授予权限", ["identity.grant.create", "identity.role.update"],
        "下达采购订单", ["procurement.purchase_order.release"],
    ),
    BuiltInPair(
        _id(0xC2), "flows-orders", "审批规则与采购下单", "能改审批流程或额度的人若同时下达订单，订单可以不经审批。",
        "制定审批规则", ["approval.flow_definition.publish", "approval.authority_limit.update"],
        "下达采购订单", ["procurement.purchase_order.release"],
    ),
    BuiltInPair(
        _id(0xC3), "audit-rights", "审计与授权", "查看审计记录的人若同时能授予权限，就是在审计自己。",
        "查看审计记录", ["platform.audit_entry.list"],
        "授予权限", ["identity.grant.create", "identity.role.update"],
    ),
]  # fmt: skip


# The whole of a requester's day: own requisitions and office requests, the orders they led to, own delegations, the
# lines of access reviews that wait for one, and the names that stand on them.
EVERYBODY_MAY = [
    "procurement.purchase_requisition.*",
    "approval.office_request.*",
    "identity.delegation.*",
    "identity.access_review.get",
    "identity.access_review.list",
    "identity.access_review_line.*",
    *(
        f"{document}.{verb}"
        for document in (
            "identity.company",
            "identity.department",
            "identity.employee",
            "identity.headship",
            "identity.placement",
            "identity.post",
            "identity.print_template",
            "inventory.item",
            "inventory.item_category",
            "inventory.unit",
            "procurement.purchase_order",
            "procurement.supplier",
        )
        for verb in ("get", "list")
    ),
]


async def seed(connection: AsyncConnection) -> None:
    """Put the rows in that are missing and bring the product's roles up to this release."""
    await connection.execute(pg.insert(EPOCH).values(only=True, epoch=1).on_conflict_do_nothing())
    changed = 0
    for role in built_in_roles():
        changed += (await connection.execute(_put_role(role))).rowcount
    administrator = Employee(id=ADMINISTRATOR_ID, code="ADMIN", name="系统管理员", username="admin", phone="")
    made = _insert(
        Employee,
        id=ADMINISTRATOR_ID,
        code=administrator.code,
        name=administrator.name,
        username=administrator.username,
        sort_key="xi tong guan li yuan",
        search=search_vector(administrator),
    )
    changed += (await connection.execute(made)).rowcount
    account = pg.insert(Account.__table__).values(employee_id=ADMINISTRATOR_ID).on_conflict_do_nothing()
    await connection.execute(account)
    grant = _insert(
        Grant, id=ADMINISTRATORS_GRANT, employee_id=ADMINISTRATOR_ID, role_id=_id(0xB1), scope="ALL", department_ids=[]
    )
    changed += (await connection.execute(grant)).rowcount
    for pair in BUILT_IN_PAIRS:
        changed += (await connection.execute(_put_pair(pair))).rowcount
    if changed:
        await connection.execute(RAISE)


def _put_role(role: BuiltIn) -> Any:
    values = {
        "code": role.code,
        "name": role.name,
        "description": role.description,
        "permissions": list(role.permissions),
        "search": search_vector(Role(code=role.code, name=role.name)),
    }
    return _put(Role, role.id, values, compared=("name", "description", "permissions"))


def _put_pair(pair: BuiltInPair) -> Any:
    values = {
        **{field.name: getattr(pair, field.name) for field in fields(pair) if field.name != "id"},
        "severity": "REFUSE",
        "keeper_id": ADMINISTRATOR_ID,
        "first_role_ids": [],
        "second_role_ids": [],
    }
    compared = tuple(values)
    values["search"] = search_vector(DutyConflict(**values))
    return _put(DutyConflict, pair.id, values, compared=compared)


def _put(model: Any, key: uuid.UUID, values: dict[str, Any], *, compared: Sequence[str]) -> Any:
    """Insert what comes with the product, or bring it up to this release where it differs."""
    table = model.__table__
    insert = pg.insert(table).values(id=key, version=1, state="ACTIVE", built_in=True, **values)
    fresh = {name: insert.excluded[name] for name in values}
    differs = sa.or_(*(table.c[name].is_distinct_from(fresh[name]) for name in compared))
    return insert.on_conflict_do_update(
        index_elements=["id"], set_={**fresh, "version": table.c.version + 1}, where=differs
    )


def _insert(model: Any, **values: Any) -> Any:
    insert = pg.insert(model.__table__).values(version=1, **values)
    return insert.on_conflict_do_nothing(index_elements=["id"])
