"""Approval: flows, cases, turns, opinions and notices. Listens to every document that asks to be agreed to."""

import sqlalchemy as sa

from approval.authority_limit.rpc import AuthorityLimits
from approval.base import Base
from approval.case.conduct import LIVE
from approval.case.deputies import follow_people
from approval.case.model import Case
from approval.case.rpc import Cases
from approval.flow_definition.rpc import FlowDefinitions
from approval.notice.rpc import Notices
from approval.opinion.rpc import Opinions
from approval.reactions import REACTIONS
from approval.task.model import Task
from approval.task.rpc import Tasks
from chassis.service import Held, Service, Stuck

SERVICE = Service(
    "approval",
    base=Base,
    rpcs=[FlowDefinitions(), AuthorityLimits(), Cases(), Tasks(), Opinions(), Notices()],
    reactions=REACTIONS,
    background=[follow_people],
    held=[
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
        Stuck("approval.parked", Case, Case.created_at, Case.state == "PARKED", Case.document_number),
    ],
)
