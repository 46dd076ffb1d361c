"""Serves heyi.approval.v1.FormDefinitions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from google.protobuf import empty_pb2, json_format

from approval.case import preview
from approval.case.arrival import case_of
from approval.form_definition import exchange, rules, templates, versions
from approval.form_definition.model import FormDefinition, FormVersion
from approval.office_request import asking
from approval.office_request.rules import Pinned
from chassis import ids
from chassis.call import Call, Refused
from chassis.states import advance
from heyi.approval.v1 import form_definitions_pb2 as pb


class FormDefinitions:
    async def CreateFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.create(FormDefinition, request.form_definition)
        rules.check_draft(definition, {})
        return definition

    async def GetFormDefinition(self, request: Any, call: Call) -> Any:
        return await call.load(FormDefinition, request.id)

    async def ListFormDefinitions(self, request: Any, call: Call) -> Any:
        return await call.page(FormDefinition, request)

    async def BatchGetFormDefinitions(self, request: Any, call: Call) -> Any:
        return await call.batch(FormDefinition, request)

    async def UpdateFormDefinition(self, request: Any, call: Call) -> Any:
        sent = request.form_definition
        definition = await call.load(FormDefinition, sent.id, etag=sent.etag)
        advance(definition, "update")
        call.update(definition, sent, request.update_mask)
        rules.check_draft(definition, definition.published_kinds)
        published = await _content(call, definition, definition.published_version)
        definition.draft_differs = published != rules.content_of(definition)
        return definition

    async def DeleteFormDefinition(self, request: Any, call: Call) -> empty_pb2.Empty:
        definition = await call.load(FormDefinition, request.id, etag=request.etag)
        if definition.published_version:
            facts = {"number": definition.code, "state": definition.state, "action": "delete"}
            raise Refused("ACTION_NOT_ALLOWED", document_type="FormDefinition", **facts)
        advance(definition, "delete")
        return await call.delete(definition)

    async def PublishFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id, etag=request.etag)
        rules.check_draft(definition, definition.published_kinds)
        rules.check_publishable(definition, await versions.in_flows(call, definition))
        advance(definition, "publish")
        definition.published_version += 1
        definition.publish_time, definition.draft_differs = call.now(), False
        content = rules.content_of(definition)
        fields = rules.version_of(content).fields
        definition.published_kinds = {**definition.published_kinds, **{f.key: rules.meaning(f) for f in fields}}
        call.db.add(
            FormVersion(
                form_definition_id=definition.id,
                number=definition.published_version,
                content=content,
                published_by_id=call.actor.employee_id,
                publish_time=call.now(),
                note=request.note,
            )
        )
        return call.announce(pb.FormDefinitionPublished, definition)

    async def RetireFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id, etag=request.etag)
        advance(definition, "retire")
        return call.announce(pb.FormDefinitionRetired, definition)

    async def CopyFormDefinition(self, request: Any, call: Call) -> Any:
        old = await call.load(FormDefinition, request.id, etag=request.etag)
        advance(old, "copy")
        kept = (*rules.KEPT, *exchange.HEAD, "department_ids", "role_codes")
        values = {name: getattr(old, name) for name in kept} | {"code": request.code, "name": request.name}
        return call.add(FormDefinition(**values, published_version=0, draft_differs=True, published_kinds={}))

    async def ListVersionsFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id)
        of_form = FormVersion.form_definition_id == definition.id
        rows = await call.db.scalars(sa.select(FormVersion).where(of_form).order_by(FormVersion.number.desc()))
        return pb.ListVersionsFormDefinitionResponse(versions=[versions.message_of(row) for row in rows])

    async def CompareFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id)
        before = await _content(call, definition, request.before or definition.published_version)
        after = await _content(call, definition, request.after) if request.after else rules.content_of(definition)
        return pb.CompareFormDefinitionResponse(differences=rules.differences(before, after, call.locale))

    async def TryFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id, etag=request.etag, lock=False)
        form = Pinned(rules.version_of(rules.content_of(definition), form_id=str(definition.id)))
        taken = form.take(json_format.MessageToDict(request.values), {}, complete=True)
        reply = asking.filled(form, taken)
        if not taken.violations:
            requester = ids.parse(request.requester_id) if request.requester_id else call.actor.person
            approval = asking.imagined(form, taken.values, requester, definition.id, call)
            reply.preview.CopyFrom(await preview.simulate(call, case_of(approval)))
        return reply

    async def DownloadFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.load(FormDefinition, request.id)
        number = request.version
        content = await _content(call, definition, number) if number else rules.content_of(definition)
        return exchange.file_of(definition, content, number)

    async def ImportFormDefinition(self, request: Any, call: Call) -> Any:
        definition = await call.create(FormDefinition, exchange.read(request.content, request.code, request.name))
        rules.check_draft(definition, {})
        return definition

    async def ListTemplatesFormDefinitions(self, request: Any, call: Call) -> Any:
        drafts = templates.drafts(call.locale)
        taken = sa.select(FormDefinition.code, FormDefinition.id).where(
            FormDefinition.company_id == call.company_id, FormDefinition.code.in_([draft["code"] for draft in drafts])
        )
        known = {code: str(id_) for code, id_ in (await call.db.execute(taken)).all()}
        return pb.ListTemplatesFormDefinitionsResponse(
            templates=[
                pb.FormTemplate(
                    form=json_format.ParseDict(draft, pb.FormDefinition()), form_id=known.get(draft["code"], "")
                )
                for draft in drafts
            ]
        )


async def _content(call: Call, definition: FormDefinition, number: int) -> dict[str, Any]:
    """What a version says; nothing where nothing was published and none is named."""
    if not number:
        return {}
    which = sa.and_(FormVersion.form_definition_id == definition.id, FormVersion.number == number)
    content = await call.db.scalar(sa.select(FormVersion.content).where(which))
    if content is None:
        raise Refused("FORM_VERSION_UNKNOWN", version=number)
    return dict(content)
