"""Serves heyi.approval.v1.FlowDefinitions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from google.protobuf import json_format

from approval.case import migration, preview
from approval.case.arrival import case_of
from approval.case.model import Case
from approval.case.rpc import people_of
from approval.case.rules import LIVE
from approval.engine.tree import Problem
from approval.engine.words import Words
from approval.flow_definition import exchange
from approval.flow_definition.model import FlowDefinition, FlowVersion
from approval.flow_definition.regression import compare
from approval.flow_definition.rules import check_draft, check_owner, check_publishable, examine, warnings
from approval.flow_publication import publishing
from approval.form_definition.versions import refuse, strange_keys
from approval.lookups import limits_for
from chassis import contract, custom_fields
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.approval.v1 import flow_definitions_pb2 as pb


class FlowDefinitions:
    async def CreateFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.create(FlowDefinition, request.flow_definition)
        _own(definition, call)
        check_draft(definition, contract.approvable())
        refuse(await strange_keys(call, definition, definition.tree))
        return definition

    async def GetFlowDefinition(self, request: Any, call: Call) -> Any:
        return await call.load(FlowDefinition, request.id)

    async def ListFlowDefinitions(self, request: Any, call: Call) -> Any:
        return await call.page(FlowDefinition, request)

    async def BatchGetFlowDefinitions(self, request: Any, call: Call) -> Any:
        return await call.batch(FlowDefinition, request)

    async def UpdateFlowDefinition(self, request: Any, call: Call) -> Any:
        sent = request.flow_definition
        definition = await call.load(FlowDefinition, sent.id, etag=sent.etag)
        advance(definition, "update")
        call.update(definition, sent, request.update_mask)
        check_draft(definition, contract.approvable())
        refuse(await strange_keys(call, definition, definition.tree))
        published = await publishing.version_of(call, definition)
        definition.draft_differs = published is None or publishing.differs(definition, published)
        return definition

    async def ValidateFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id)
        return pb.ValidateFlowDefinitionResponse(problems=await _problems(definition, call))

    async def DownloadFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id)
        version = await publishing.version_of(call, definition, request.version) if request.version else None
        if request.version and version is None:
            raise Refused("FLOW_VERSION_UNKNOWN", version=request.version)
        words = Words(call.locale, call.organisation)
        return exchange.file_of(definition, version, request.format, words, today=call.today())

    async def ImportFlowDefinition(self, request: Any, call: Call) -> Any:
        form = exchange.read(request.content, Words(call.locale, call.organisation))
        message = exchange.message_of(form, request.code, request.name)
        # a dry run makes the row as well, and keeps it to itself
        made = FlowDefinition(company_id=call.company_id, **call.values_of(FlowDefinition, message))
        check_draft(made, contract.approvable())
        refuse(await strange_keys(call, made, made.tree))
        same = sa.select(FlowDefinition.id).where(
            FlowDefinition.company_id == call.company_id, FlowDefinition.code == made.code
        )
        if (await call.db.execute(same)).first():
            raise Refused("ALREADY_EXISTS", value=made.code)
        problems = exchange.named(await _problems(made, call), form)
        reply = pb.ImportFlowDefinitionResponse(
            code=made.code, name=made.name, document_type=made.document_type, problems=problems
        )
        if not request.dry_run:
            _own(made, call)
            reply.flow_definition_id = str(call.add(made).id)
        return reply

    async def PublishFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag)
        check_publishable(definition.tree, definition, call.organisation)
        refuse([*await strange_keys(call, definition, definition.tree), *custom_fields.missing(call, definition)])
        advance(definition, "publish")
        await publishing.ask(call, definition, request.note)
        return definition

    async def StopAutomaticFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag)
        advance(definition, "stop_automatic")
        definition.automatic_off, definition.switch_reason = True, request.reason
        return definition

    async def StartAutomaticFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag)
        advance(definition, "start_automatic")
        definition.automatic_off, definition.switch_reason = False, request.reason
        return definition

    async def AssignOwnerFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag)
        advance(definition, "assign_owner")
        (owner,) = people_of([request.employee_id], "employee_id")
        check_owner(owner, call.organisation, "employee_id")
        definition.owner_reason = request.reason
        await publishing.give(call, definition, owner)
        return definition

    async def RetireFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag)
        advance(definition, "retire")
        return call.announce(pb.FlowDefinitionRetired, definition)

    async def ListVersionsFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id)
        running = (
            sa.select(Case.flow_version_id, sa.func.count().label("cases"))
            .where(Case.flow_definition_id == definition.id, Case.state.in_(LIVE))
            .group_by(Case.flow_version_id)
            .subquery()
        )
        statement = (
            sa.select(FlowVersion, sa.func.coalesce(running.c.cases, 0))
            .outerjoin(running, running.c.flow_version_id == FlowVersion.id)
            .where(FlowVersion.flow_definition_id == definition.id)
            .order_by(FlowVersion.number.desc())
        )
        reply = pb.ListVersionsFlowDefinitionResponse()
        for version, cases in (await call.db.execute(statement)).all():
            publishing.show(version, reply.versions.add(running_cases=cases))
        return reply

    async def TryFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, etag=request.etag, lock=False)
        tree = json_format.MessageToDict(request.tree) if request.HasField("tree") else definition.tree
        flow = check_publishable(tree, definition, call.organisation)
        case = case_of(_imagined(request.approval, definition, call))
        return await preview.try_flow(call, case, flow, name=definition.name, version=definition.published_version)

    async def CompareFlowDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FlowDefinition, request.id, lock=False)
        draft = check_publishable(definition.tree, definition, call.organisation)
        published = await publishing.version_of(call, definition)
        return await compare(call, definition, draft, published) if published else pb.CompareFlowDefinitionResponse()

    async def PreviewMigrationFlowDefinition(self, request: Any, call: Call) -> Any:
        return await migration.previews(call, await call.load(FlowDefinition, request.id, lock=False))


def _imagined(approval: Any, definition: FlowDefinition, call: Call) -> Any:
    """The document to try, with what was left out: it need not exist, and the caller asks where nobody is named."""
    approval.company_id = str(definition.company_id)
    approval.document_type = definition.document_type
    approval.document_id = approval.document_id or str(definition.id)
    approval.requester_id = approval.requester_id or str(call.actor.person)
    return approval


def _own(definition: FlowDefinition, call: Call) -> None:
    """Whoever makes a flow owns it, where nobody is named."""
    if definition.business_owner_id is None:
        definition.business_owner_id = call.actor.person
    else:
        check_owner(definition.business_owner_id, call.organisation, "business_owner_id")


async def _problems(definition: FlowDefinition, call: Call) -> list[pb.FlowProblem]:
    """All that is wrong with a draft, and whom it would not find today."""
    flow, problems = examine(definition.tree, definition, call.organisation)
    nobody: list[Problem] = []
    if flow is not None:
        limits = await limits_for(call, definition.company_id, flow)
        nobody = list(warnings(flow, definition, call.organisation, limits))
    return [
        pb.FlowProblem(node_id=p.node_id, path=p.path, reason=p.reason, facts=p.facts, warning=p in nobody)
        for p in (*problems, *nobody)
    ]
