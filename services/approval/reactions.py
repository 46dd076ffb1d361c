"""What is announced and this service acts on: every event that carries a request to be agreed to, or what became of an
approver's changes; for the requests that are its own documents, how their cases go on; and what is offered to the
outside."""

from __future__ import annotations

from approval.case.arrival import open_case
from approval.case.changing import conclude
from approval.office_request import following
from approval.outside_event import keeping
from chassis.service import on_field
from heyi.common.v1 import common_pb2

REACTIONS = [
    on_field(common_pb2.ApprovalRequest, open_case),
    on_field(common_pb2.AmendmentAnswer, conclude),
    *following.REACTIONS,
    keeping.REACTION,
]
