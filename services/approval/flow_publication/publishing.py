"""The way of a draft to a version: somebody asks, the owner approves. The draft may go on changing meanwhile: published
is what was asked for.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from google.protobuf import json_format

from approval.engine import deputies
from approval.flow_definition.model import FlowDefinition, FlowVersion
from approval.flow_definition.rules import check_publishable
from approval.flow_publication.model import PUBLISH, FlowPublication
from approval.flow_publication.rules import decider_of
from approval.notice.kinds import kind_of
from approval.notice.model import Notice
from chassis import passes, telemetry
from chassis.call import Actor, Call, Refused
from chassis.db import fenced_to
from heyi.approval.v1 import flow_definitions_pb2 as pb
from heyi.approval.v1 import notices_pb2

if TYPE_CHECKING:
    from chassis.runtime import Runtime

log = telemetry.logger("approval.owners")
CONTENT = ("tree", "condition", "priority")
METHOD = "approval.flow_definition.follow_owners"
MOST_TOLD = 20


async def ask(call: Call, definition: FlowDefinition, note: str) -> None:
    """Put the draft before whoever may let it be published."""
    if definition.publication_id is not None:
        raise Refused("FLOW_PUBLICATION_WAITING")
    assert call.actor.person is not None
    publication = call.add(
        FlowPublication(
            company_id=definition.company_id,
            flow_definition_id=definition.id,
            code=definition.code,
            name=definition.name,
            document_type=definition.document_type,
            note=note,
            requested_by_id=call.actor.person,
            business_owner_id=definition.business_owner_id,
            **{name: getattr(definition, name) for name in CONTENT},
        )
    )
    definition.publication_id = publication.id
    call.touch(definition)
    _tell(call, publication, _deciders(call, publication), "notice.publication", call.actor.person)


def _deciders(call: Call, publication: FlowPublication) -> list[uuid.UUID]:
    """Who can answer: the owner, or some of those who may publish."""
    decider = decider_of(publication, publication.business_owner_id, call.organisation)
    if decider is not None:
        return [decider]
    rights, people = call.runtime.rights(), call.organisation.people
    able = [who for who in people if rights.may(who, PUBLISH, publication.company_id) and people[who].active]
    others = [who for who in able if who != publication.requested_by_id]
    return sorted(others, key=lambda who: (people[who].code, who))[:MOST_TOLD]


async def approve(call: Call, publication: FlowPublication, definition: FlowDefinition) -> None:
    """What was asked for becomes the newest version. Raises FLOW_INVALID where it cannot any more."""
    flow = check_publishable(publication.tree, publication, call.organisation)
    definition.published_version = (definition.published_version or 0) + 1
    definition.state, definition.publish_time = "PUBLISHED", call.now()
    definition.publication_id = None
    definition.draft_differs = differs(definition, publication)
    definition.automated = definition.automated or flow.automated
    publication.published_version = definition.published_version
    call.db.add(
        FlowVersion(
            flow_definition_id=definition.id,
            number=definition.published_version,
            published_by_id=publication.requested_by_id,
            approved_by_id=call.actor.person,
            publish_time=definition.publish_time,
            note=publication.note,
            **{name: getattr(publication, name) for name in CONTENT},
        )
    )
    _answered(call, publication, "notice.publication_approved")
    call.announce(pb.FlowDefinitionPublished, definition)


def refuse(call: Call, publication: FlowPublication, definition: FlowDefinition, reason: str) -> None:
    """The draft stays a draft."""
    publication.reason, definition.publication_id = reason, None
    call.touch(definition)
    _answered(call, publication, "notice.publication_refused")


def withdraw(call: Call, publication: FlowPublication, definition: FlowDefinition, reason: str) -> None:
    """Whoever asked does not ask any more."""
    publication.reason, definition.publication_id = reason, None
    publication.decide_time = call.now()
    call.touch(definition)


def _answered(call: Call, publication: FlowPublication, text_key: str) -> None:
    publication.decided_by_id, publication.decide_time = call.actor.person, call.now()
    _tell(call, publication, [publication.requested_by_id], text_key, call.actor.person)


def _tell(
    call: Call, publication: FlowPublication, people: list[uuid.UUID], text_key: str, person_id: uuid.UUID | None
) -> None:
    person = call.organisation.people.get(person_id) if person_id else None
    facts = {
        "person": person.name if person else "",
        "number": publication.code,
        "title": publication.name,
        "text": publication.reason or publication.note,
    }
    for who in people:
        notice = call.add(
            Notice(
                company_id=publication.company_id,
                employee_id=who,
                kind=kind_of(text_key),
                text_key=text_key,
                text_facts=facts,
                document_type="approval.flow_publication",
                document_id=publication.id,
                document_number=publication.code,
            )
        )
        call.announce(notices_pb2.NoticeCreated, notice, audience=[who])


async def give(call: Call, definition: FlowDefinition, owner: uuid.UUID) -> None:
    """Another one owns the flow; what waits, waits for them."""
    definition.business_owner_id = owner
    call.touch(definition)
    if definition.publication_id is None:
        return
    publication = await call.load(FlowPublication, definition.publication_id, scope=False)
    publication.business_owner_id = owner
    call.touch(publication)
    _tell(call, publication, _deciders(call, publication), "notice.publication", publication.requested_by_id)


async def version_of(call: Call, definition: FlowDefinition, number: int = 0) -> FlowVersion | None:
    """A version by its number; without one the newest."""
    wanted = sa.and_(
        FlowVersion.flow_definition_id == definition.id,
        FlowVersion.number == (number or definition.published_version),
    )
    return (await call.db.execute(sa.select(FlowVersion).where(wanted))).scalar_one_or_none()


def differs(one: Any, other: Any) -> bool:
    """Whether a draft, a version or a publication says something else than another."""
    return any(getattr(one, name) != getattr(other, name) for name in CONTENT)


def show(version: FlowVersion, shown: pb.FlowVersion) -> None:
    """A version as its message."""
    shown.version, shown.note = version.number, version.note
    shown.condition, shown.priority = version.condition, version.priority
    shown.published_by_id = str(version.published_by_id or "")
    shown.approved_by_id = str(version.approved_by_id or "")
    json_format.ParseDict(version.tree, shown.tree)
    shown.publish_time.FromDatetime(version.publish_time)


async def follow_owners(runtime: Runtime) -> None:
    """Flows of who left go to who takes over. Work until cancelled."""
    await passes.as_people_change(runtime, once, log=log, waiting="owners do not follow for now")


async def once(runtime: Runtime) -> int:
    """Give each flow of somebody who left to whoever takes over; how many were given. Where nobody does it stays, and
    identity's certificate of the departure shows it.
    """
    organisation = runtime.rights().organisation
    heirs = {
        who: next(deputies.heirs_of(organisation, who), None)
        for who in organisation.successors
        if not organisation.is_active(who)
    }
    gone = [who for who, heir in heirs.items() if heir is not None]
    if not gone:
        return 0
    with fenced_to(None):
        async with runtime.read_sessions() as session:
            theirs = sa.select(FlowDefinition.id).where(FlowDefinition.business_owner_id.in_(gone))
            found = list(await session.scalars(theirs))
    for flow_id in found:
        with fenced_to(None):
            async with runtime.sessions() as session, session.begin():
                locked = sa.select(FlowDefinition).where(FlowDefinition.id == flow_id).with_for_update()
                definition = (await session.execute(locked)).scalar_one()
                heir = heirs.get(definition.business_owner_id) if definition.business_owner_id else None
                if heir is None:
                    continue
                call = runtime.call_for_event(
                    session, Actor(None, service=runtime.service.name), definition.company_id, ""
                )
                await give(call, definition, heir)
                await runtime.finish(call, METHOD)
        runtime.hand_over(call.outgoing)
    return len(found)
