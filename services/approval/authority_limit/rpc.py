"""Serves heyi.approval.v1.AuthorityLimits."""

from __future__ import annotations

from typing import Any

from approval.authority_limit.model import AuthorityLimit
from chassis import contract
from chassis.call import Call, Refused
from chassis.service import crud


class AuthorityLimits(crud(AuthorityLimit)):  # type: ignore[misc]
    async def check(self, row: Any, call: Call) -> None:
        """The post and the type of document exist; the limit is a post's or that of automatic decisions."""
        if row.automatic != (row.post_id is None):
            raise Refused.fields([("post_id", "AUTHORITY_LIMIT_WHOSE", {})])
        if row.post_id is not None and row.post_id not in call.organisation.posts:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="post_id", value=row.post_id)
        if row.document_type and row.document_type not in contract.approvable():
            allowed = ", ".join(contract.approvable())
            raise Refused("FLOW_DOCUMENT_TYPE", field="document_type", value=row.document_type, allowed=allowed)
