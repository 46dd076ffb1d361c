"""What the database itself refuses, whatever a rule of ours may forget."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError, ProgrammingError

from chassis.testing import COMPANY
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


async def test_a_query_that_forgot_its_company_sees_no_row(shop: Shop, service: Any) -> None:
    """Row-level security, for the role that serves: nothing without a company, and only that one's with it."""
    await shop.approved(shop.line(shop.bearing, "10"))

    async with service.runtime.engine.connect() as connection:
        for company, seen in (("", 0), (str(uuid.UUID(int=9)), 0), (str(COMPANY), 1), ("*", 1)):
            await connection.execute(
                sa.text("SELECT set_config('heyi.company', :company, false)"), {"company": company}
            )
            count = await connection.execute(sa.text("SELECT count(*) FROM purchase_requisition"))
            assert count.scalar_one() == seen, company


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET outcome = 'ok'", "DELETE FROM audit_change"])
async def test_the_trail_cannot_be_rewritten(shop: Shop, service: Any, statement: str) -> None:
    await shop.approved(shop.line(shop.bearing, "10"))

    async with service.runtime.engine.connect() as connection:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await connection.execute(sa.text(statement))
