"""Approval: flows, cases, turns, opinions and notices. Listens to every document that asks to be agreed to."""

from typing import Any

import sqlalchemy as sa

from approval.authority_limit.rpc import AuthorityLimits
from approval.automatic_decision.rpc import AutomaticDecisions
from approval.base import Base
from approval.case.changing import HANDLERS as CHANGES
from approval.case.conduct import LIVE
from approval.case.deputies import follow_people
from approval.case.expiry import HANDLERS
from approval.case.model import Case
from approval.case.rpc import Cases
from approval.case.supervision import HANDLERS as SUPERVISION
from approval.flow_definition.model import FlowDefinition
from approval.flow_definition.rpc import FlowDefinitions
from approval.flow_publication.model import FlowPublication
from approval.flow_publication.publishing import follow_owners
from approval.flow_publication.rpc import FlowPublications
from approval.form_definition.rpc import FormDefinitions
from approval.notice.rpc import Notices
from approval.notice_delivery import settings
from approval.notice_delivery.check import look_for_untold
from approval.notice_delivery.courier import deliver
from approval.notice_delivery.model import UNTOLD, NoticeDelivery
from approval.notice_delivery.rpc import NoticeDeliveries
from approval.notice_preference.rpc import NoticePreferences
from approval.notice_robot.rpc import NoticeRobots
from approval.office_request import paper
from approval.office_request.model import OfficeRequest
from approval.office_request.rpc import OfficeRequests
from approval.opinion.rpc import Opinions
from approval.outside_event.rpc import OutsideEvents
from approval.reactions import REACTIONS
from approval.task.model import Task
from approval.task.rpc import Tasks
from approval.webhook.replaying import repeat
from approval.webhook.rpc import Webhooks
from approval.webhook_delivery.rpc import WebhookDeliveries
from approval.webhook_delivery.sending import forget, send
from chassis.db import tables_of
from chassis.service import Held, Service, Stuck

_TIMER = tables_of(Base.metadata).timer
assert _TIMER is not None
_FAILED = sa.and_(_TIMER.c.subject_id == Case.id, _TIMER.c.error != "")


def _failing(what: str) -> Any:
    """Of the timers of a case that failed: how many there are (`count`), since when the first is due (`min`)."""
    return sa.select(getattr(sa.func, what)(_TIMER.c.due_time)).where(_FAILED).correlate(Case).scalar_subquery()


SERVICE = Service(
    "approval",
    base=Base,
    rpcs=[
        FlowDefinitions(),
        FlowPublications(),
        AutomaticDecisions(),
        AuthorityLimits(),
        FormDefinitions(),
        OfficeRequests(),
        Cases(),
        Tasks(),
        Opinions(),
        Notices(),
        NoticePreferences(),
        NoticeRobots(),
        NoticeDeliveries(),
        Webhooks(),
        WebhookDeliveries(),
        OutsideEvents(),
    ],
    reactions=REACTIONS,
    timers=[*HANDLERS, *SUPERVISION, *CHANGES],
    background=[follow_people, follow_owners, deliver, look_for_untold, send, repeat, forget],
    need=("KEYS",),
    own_settings=settings.read,
    printed={"approval.office_request": paper.content},
    held=[
        Held(
            "documents",
            FlowDefinition,
            FlowDefinition.business_owner_id,
            FlowDefinition.state != "RETIRED",
            FlowDefinition.code,
        ),
        Held(
            "documents",
            OfficeRequest,
            OfficeRequest.owner_id,
            OfficeRequest.state.in_(["DRAFT", "SUBMITTED", "RETURNED", "WITHDRAWN"]),
            sa.func.coalesce(OfficeRequest.number, OfficeRequest.title),
        ),
        Held("turns", Task, Task.assignee_id, Task.state.in_(LIVE), Task.document_number),
        Held(
            "handed_turns",
            Task,
            Task.assignee_id,
            sa.and_(Task.state == "TRANSFERRED", Task.end_reason == "task.handed_over"),
            Task.document_number + " → " + Task.end_facts["name"].astext,
            since=Task.done_time,
        ),
    ],
    stuck=[
        Stuck(
            "approval.undecided",
            Case,
            Case.waiting_since_time,
            Case.state.in_(["RUNNING", "SUSPENDED"]),
            Case.document_number,
        ),
        Stuck("approval.timer", Case, _failing("min"), _failing("count") > 0, Case.document_number),
        Stuck(
            "approval.publication",
            FlowPublication,
            FlowPublication.created_at,
            FlowPublication.state == "WAITING",
            FlowPublication.code,
        ),
        Stuck(
            "approval.untold",
            NoticeDelivery,
            NoticeDelivery.untold_since_time,
            UNTOLD,
            NoticeDelivery.document_number,
        ),
        Stuck("approval.parked", Case, Case.created_at, Case.state == "PARKED", Case.document_number),
    ],
)
