"""What the database itself refuses, whatever a rule of ours may forget."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from procurement.tests.factories import Shop


async def test_a_requisition_line_never_stands_in_two_orders(shop: Shop, service: Any) -> None:
    await shop.approved(shop.line(shop.bearing, "10"))
    columns = "parent_id, active, requisition_id, requisition_number, requisition_line_id, requisition_line_number, "
    columns += "requester_id, quantity"
    again = (
        f"INSERT INTO purchase_order_line_source (id, line_number, {columns}) SELECT gen_random_uuid(), 2, {columns} "
    )

    async with service.runtime.engine.connect() as connection:
        await connection.execute(sa.text("SELECT set_config('heyi.company', '*', false)"))
        assert (await connection.execute(sa.text("SELECT count(*) FROM purchase_order_line_source"))).scalar_one() == 1
        with pytest.raises(IntegrityError, match="uq_purchase_order_line_source_active"):
            await connection.execute(sa.text(again + "FROM purchase_order_line_source"))
