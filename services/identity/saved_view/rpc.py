"""Saved views: everybody keeps their own, and who may share puts them before others."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chassis import contract, ids
from chassis.call import Call, Refused, same_version
from heyi.identity.v1 import saved_views_pb2 as pb
from identity.department.model import Department
from identity.role.model import Role
from identity.saved_view import rules
from identity.saved_view.model import SavedView


class SavedViews:
    """heyi.identity.v1.SavedViews"""

    async def CreateSavedView(self, request: pb.CreateSavedViewRequest, call: Call) -> Any:
        view = await call.create(SavedView, request.saved_view)
        if view.document_type not in contract.load().documents:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="document_type", value=view.document_type[:100])
        assert call.actor.employee_id is not None
        view.person_id, view.sharing = call.actor.employee_id, "PRIVATE"
        view.name, view.query = rules.name_of(view.name), rules.query_of(view.query)
        await _room(call, view, rules.MOST_OWN, SavedView.person_id == view.person_id)
        return view

    async def GetSavedView(self, request: pb.GetSavedViewRequest, call: Call) -> Any:
        return await _seen(call, request.id)

    async def ListSavedViews(self, request: pb.ListSavedViewsRequest, call: Call) -> Any:
        viewer = await _viewer(call)
        shared = sa.and_(SavedView.shared_company_id == viewer.company_id, SavedView.sharing != "PRIVATE")
        meant = sa.or_(
            SavedView.sharing == "EVERYBODY",
            SavedView.shared_role_id.in_(viewer.role_ids),
            SavedView.shared_department_id.in_(viewer.department_ids),
        )
        ways = [SavedView.person_id == viewer.person_id, shared if viewer.shares else sa.and_(shared, meant)]
        return await call.page(SavedView, request, scope=False, ways=ways)

    async def UpdateSavedView(self, request: pb.UpdateSavedViewRequest, call: Call) -> Any:
        view = await _own(call, request.saved_view.id, "update", etag=request.saved_view.etag)
        call.update(view, request.saved_view, request.update_mask)
        view.name, view.query = rules.name_of(view.name), rules.query_of(view.query)
        return view

    async def ShareSavedView(self, request: pb.ShareSavedViewRequest, call: Call) -> Any:
        view = await _own(call, request.id, "share", etag=request.etag)
        sharing = pb.SavedView.Sharing.Name(request.sharing)
        role_id, department_id = rules.audience(sharing, _key(request, "role_id"), _key(request, "department_id"))
        if role_id and await call.db.get(Role, role_id) is None:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="role_id", value=request.role_id)
        department = await call.db.get(Department, department_id) if department_id else None
        if department_id and (department is None or department.company_id != call.company_id):
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field="department_id", value=request.department_id)
        if sharing != "PRIVATE" and view.sharing == "PRIVATE":
            shared = sa.and_(SavedView.shared_company_id == call.company_id, SavedView.sharing != "PRIVATE")
            await _room(call, view, rules.MOST_SHARED, shared)
        view.sharing, view.shared_role_id, view.shared_department_id = sharing, role_id, department_id
        view.shared_company_id = None if sharing == "PRIVATE" else call.company_id
        return view

    async def DeleteSavedView(self, request: pb.DeleteSavedViewRequest, call: Call) -> Any:
        return await call.delete(await _own(call, request.id, "delete"))


async def _viewer(call: Call) -> rules.Viewer:
    """The caller, as the rules see them: one statement, for the roles."""
    person_id = call.actor.employee_id
    assert person_id is not None
    today, organisation = call.today(), call.organisation
    held = organisation.rights.get(person_id, ())
    codes = {right.role_code for right in held if right.holds(call.company_id, today)}
    person = organisation.people.get(person_id)
    places = [department for department, _ in person.posts] if person else []
    return rules.Viewer(
        person_id,
        call.company_id,
        frozenset((await call.db.scalars(sa.select(Role.id).where(Role.code.in_(codes)))).all()),
        frozenset(unit.department_id for place in places for unit in organisation.above(place)),
        call.can(rules.SHARE),
    )


async def _seen(call: Call, key: str) -> SavedView:
    view = await call.load(SavedView, key, scope=False)
    if not rules.sees(view, await _viewer(call)):
        raise Refused("DOCUMENT_NOT_FOUND", document_type="SavedView", id=key[:50])
    return view


async def _own(call: Call, key: str, action: str, *, etag: str | None = None) -> SavedView:
    """One that the caller may change."""
    view = await _seen(call, key)
    same_version(view, etag)
    keeper = call.organisation.people.get(view.person_id)
    assert call.actor.employee_id is not None
    rules.changeable(
        view, action, call.actor.employee_id, shares=call.can(rules.SHARE), person=keeper.name if keeper else ""
    )
    return view


def _key(request: Any, field: str) -> Any:
    text = getattr(request, field)
    try:
        return ids.parse(text) if text else None
    except ValueError:
        raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=text[:50]) from None


async def _room(call: Call, view: SavedView, limit: int, which: Any) -> None:
    others = sa.select(SavedView.id).where(which, SavedView.document_type == view.document_type).limit(limit)
    with call.db.no_autoflush:
        rules.room(len((await call.db.scalars(others)).all()), limit)
