"""Roles for the posts of a factory, as data: a company takes one over as a role of its own and changes it there.

They name permissions of the contract and keep to the separation of duties: nobody who orders keeps items or gives
rights, and who keeps the system places no orders and makes no rules of approval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

READS = (".get", ".list")


@dataclass(frozen=True)
class Template:
    """A role in the making. `reads`: beginnings of permissions of which it holds those that read."""

    code: str
    name: Mapping[str, str]
    description: Mapping[str, str]
    permissions: Sequence[str] = ()
    reads: Sequence[str] = field(default=())

    def held(self, catalogue: Sequence[str]) -> list[str]:
        """What the role would hold, by this release's contract."""
        return sorted({*self.permissions, *(name for begin in self.reads for name in reading(begin, catalogue))})


def reading(begin: str, catalogue: Sequence[str]) -> list[str]:
    """The permissions that begin so and only read."""
    return [name for name in catalogue if name.startswith(begin) and name.endswith(READS)]


TEMPLATES = (
    Template(
        "warehouse_keeper",
        {"zh-CN": "仓管员", "en": "Warehouse keeper"},
        {
            "zh-CN": "查看物料、供应商和采购订单，据以收货；不采购，不改物料档案。",
            "en": "Sees items, suppliers and purchase orders to receive by; orders nothing and keeps no items.",
        },
        reads=("inventory.", "procurement.purchase_order.", "procurement.supplier."),
    ),
    Template(
        "purchaser",
        {"zh-CN": "采购专员", "en": "Purchaser"},
        {
            "zh-CN": "寻源、下达和跟进采购订单，维护供货价格；不引入供应商，不改物料档案。",
            "en": "Sources, places and follows purchase orders, keeps supplier prices; admits no suppliers.",
        },
        permissions=("procurement.sourcing_task.*", "procurement.purchase_order.*", "procurement.supplier_item.*"),
        reads=("inventory.", "procurement.supplier.", "procurement.purchase_requisition."),
    ),
    Template(
        "procurement_manager",
        {"zh-CN": "采购主管", "en": "Purchasing manager"},
        {
            "zh-CN": "采购专员的全部工作，加上引入和管理供应商，查看审批流程和授权额度。",
            "en": "All that a purchaser does, and admits and keeps suppliers; sees the flows and limits that bind it.",
        },
        permissions=(
            "procurement.sourcing_task.*",
            "procurement.purchase_order.*",
            "procurement.supplier_item.*",
            "procurement.supplier.*",
        ),
        reads=("inventory.", "procurement.purchase_requisition.", "approval."),
    ),
    Template(
        "production_planner",
        {"zh-CN": "生产计划员", "en": "Production planner"},
        {
            "zh-CN": "查看物料、采购申请、寻源进度、采购订单和供货价格，据以排产。",
            "en": "Sees items, requisitions, sourcing, purchase orders and supplier prices to plan by.",
        },
        reads=(
            "inventory.",
            "procurement.purchase_requisition.",
            "procurement.sourcing_task.",
            "procurement.purchase_order.",
            "procurement.supplier_item.",
        ),
    ),
    Template(
        "head_of_department",
        {"zh-CN": "部门主管", "en": "Department head"},
        {
            "zh-CN": "查看本部门的采购申请和订单，以及下属的权限及其来源。授权时数据范围选「本部门及下级部门」。",
            "en": "Sees the department's requisitions and orders, and what its people may do and why. "
            "Grant it with the reach “own department and below”.",
        },
        permissions=("identity.employee.explain_access",),
        reads=("procurement.purchase_requisition.", "procurement.purchase_order.", "identity.employee."),
    ),
    Template(
        "accountant",
        {"zh-CN": "会计", "en": "Accountant"},
        {
            "zh-CN": "查看采购申请、订单、供应商、价格和授权额度，供入账和核对；不更改任何单据。",
            "en": "Sees requisitions, orders, suppliers, prices and limits to book and compare by; changes nothing.",
        },
        reads=("procurement.", "inventory.", "approval.authority_limit."),
    ),
    Template(
        "internal_auditor",
        {"zh-CN": "内部审计（只读）", "en": "Internal auditor (read only)"},
        {
            "zh-CN": "查看全部单据、流程、权限、运行情况和审计记录，不能更改任何内容；不得兼任授权。",
            "en": "Sees every document, flow, right, how the system runs and the audit trail; changes nothing, and may "
            "not grant rights beside.",
        },
        reads=("",),
    ),
    Template(
        "system_administrator",
        {"zh-CN": "系统运维管理员", "en": "System administrator"},
        {
            "zh-CN": "管理组织、员工、角色、授权、权限复核和系统运行；不办采购，不定审批规则。",
            "en": "Keeps the organisation, employees, roles, grants, access reviews and how the system runs; "
            "places no orders and makes no rules of approval.",
        },
        permissions=("identity.*", "platform.operations_report.*", "platform.parked_event.*"),
        reads=("approval.", "inventory."),
    ),
)
