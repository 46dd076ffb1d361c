"""Serves heyi.approval.v1.Opinions: what was said about the cases that the caller may see."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from approval.case.model import Case
from approval.case.rpc import visible
from approval.opinion.model import Opinion
from chassis.call import Call


class Opinions:
    every_company = True

    async def ListOpinions(self, request: Any, call: Call) -> Any:
        seen = Opinion.case_id.in_(sa.select(Case.id).where(visible(call)))
        return await call.page(Opinion, request, where=[seen], scope=False)
