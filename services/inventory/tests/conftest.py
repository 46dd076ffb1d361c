"""Fixtures of inventory's tests: `service`, `as_`, and a small `master` of units and a category."""

from dataclasses import dataclass
from typing import Any

import pytest

from chassis.testing import service_fixtures

globals().update(service_fixtures("inventory"))


@dataclass
class Master:
    """What an item needs around it, and the clerk who keeps it."""

    clerk: Any
    piece: Any
    box: Any
    category: Any

    def item(self, **fields: Any) -> dict[str, Any]:
        """The fields of a bearing, with the detail that a test is about."""
        return {
            "code": "2002-0001",
            "name": "深沟球轴承 6204-2RS",
            "specification": "P5 脂润滑",
            "category_id": self.category.id,
            "base_unit_id": self.piece.id,
            "kind": "PART",
            **fields,
        }


@pytest.fixture
async def master(service: Any) -> Master:
    clerk = service.as_("buyer")
    return Master(
        clerk=clerk,
        piece=await clerk.CreateUnit(unit={"code": "PCS", "name": "个"}),
        box=await clerk.CreateUnit(unit={"code": "BOX", "name": "盒"}),
        category=await clerk.CreateItemCategory(
            item_category={"code": "2002", "name": "轴承", "sourcing_policy": "AUTOMATIC", "tax_rate": "0.13"}
        ),
    )
