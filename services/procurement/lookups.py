"""Questions to other services, each by its name."""

from __future__ import annotations

from chassis.call import Call
from heyi.approval.v1 import cases_pb2
from heyi.common.v1 import common_pb2


async def who_would_be_asked(approval: common_pb2.ApprovalRequest, call: Call) -> common_pb2.ApprovalPreview:
    """Simulate the approval of a document as it stands."""
    request = cases_pb2.SimulateCasesRequest(approval=approval)
    return await call.ask("approval", "heyi.approval.v1.Cases/SimulateCases", request)  # type: ignore[no-any-return]
