"""A notice that only shows whether a channel works: to whoever asks for it, by that channel alone, at once."""

from __future__ import annotations

import uuid

from approval.notice.model import Notice
from approval.notice_delivery.model import NoticeDelivery
from chassis import ids
from chassis.call import Call
from heyi.approval.v1 import notices_pb2


def send_trial(
    call: Call, company_id: uuid.UUID, document_type: str, document_id: uuid.UUID, name: str,
    robot_id: uuid.UUID | None = None,
) -> None:  # fmt: skip
    """Put it on its way: by mail, or to a robot. `name` says which channel it is."""
    assert call.actor.employee_id is not None
    about = {"document_type": document_type, "document_id": document_id, "document_number": name}
    notice = call.add(
        Notice(
            company_id=company_id, employee_id=call.actor.employee_id, kind="TEST", text_key="notice.test",
            text_facts={"name": name, "title": "", "number": ""}, routed=True, **about,
        )
    )  # fmt: skip
    call.announce(notices_pb2.NoticeCreated, notice, audience=[call.actor.employee_id])
    call.add(
        NoticeDelivery(
            company_id=company_id, notice_id=notice.id, employee_id=notice.employee_id, kind="TEST",
            channel="ROBOT" if robot_id else "MAIL", robot_id=robot_id, due_time=call.now(),
            message_id=ids.uuid7(), **about,
        )
    )  # fmt: skip
