"""What a service is, and how one or several of them run in a process.

`SERVICE = Service("procurement", base=Base, rpcs=[...], reactions=[...])` is the whole declaration: an explicit list,
no discovery. A method of the contract that nobody serves, or one without a policy, keeps the process from starting.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chassis import contract, custom_fields, ids
from chassis.audit_trail import Audit
from chassis.custom_field_rpc import CustomFields
from chassis.imports import Imports
from chassis.mapping import plan_for
from chassis.operations import Operations, Stuck
from chassis.prints import Prints
from chassis.records import Held, Records
from chassis.states import advance

if TYPE_CHECKING:
    from chassis.call import Call
    from chassis.runtime import Runtime
    from chassis.settings import Environment
    from chassis.timers import OnTime

Handler = Callable[[Any, "Call"], Awaitable[Any]]


@dataclass(frozen=True)
class Reaction:
    """A function that an event wakes."""

    subjects: tuple[str, ...]
    react: Callable[[Any, Call], Awaitable[None]]


def on(event: type[contract.Message], react: Callable[[Any, Call], Awaitable[None]]) -> Reaction:
    """`on(CaseApproved, apply_approval)`: the function gets the event and a call."""
    return Reaction((contract.subject_of(event),), react)


def on_field(kind: type[contract.Message], react: Callable[[Any, Any, Call], Awaitable[None]]) -> Reaction:
    """Every event that has a field of this type: the function gets the field's value, the event and a call."""
    names = {
        subject: field.name
        for subject, event in contract.load().events.items()
        for field in event.DESCRIPTOR.fields
        if field.message_type is kind.DESCRIPTOR
    }

    async def react_to(event: Any, call: Call) -> None:
        await react(getattr(event, names[contract.subject_of(type(event))]), event, call)

    return Reaction(tuple(names), react_to)


@dataclass
class Service:
    """One service: what it serves, and what it reacts to."""

    name: str
    base: Any
    rpcs: Sequence[object]
    reactions_list: Sequence[Reaction] = ()
    background: Sequence[Callable[[Runtime], Awaitable[None]]] = ()
    # own variables of the environment, beside those of every service: "KEYS", "KEYCLOAK_URL"
    need: Sequence[str] = ()
    # the same, where the service does without them too
    may: Sequence[str] = ()
    # reads what else the environment says to this service, for `settings.own`
    own_settings: Callable[[Environment], Any] | None = None
    # rows that must be there before anybody can call: run by `migrate`, again and again, as the owner
    seed: Callable[[Any], Awaitable[None]] | None = None
    # documents that wait for a person longer than they should, and what else the service tells its operators
    stuck: Sequence[Stuck] = ()
    # what a person holds, told while somebody leaves
    held: Sequence[Held] = ()
    complete_report: Callable[[Any, Call], Awaitable[None]] | None = None
    # what happens when a timer is due, by the handler's name
    timers: Mapping[str, OnTime] = field(default_factory=dict)

    def __init__(
        self, name: str, *, base: Any, rpcs: Sequence[object], reactions: Sequence[Reaction] = (), **more: Any
    ) -> None:
        self.stuck = more.pop("stuck", ())
        self.held = more.pop("held", ())
        self.complete_report = more.pop("complete_report", None)
        own = (
            Records(self.held),
            Operations(self.stuck),
            Imports(),
            CustomFields(),
            Audit(),
            Prints(more.pop("printed", {})),
        )
        self.name, self.base, self.rpcs, self.reactions_list = name, base, [*rpcs, *own], reactions
        self.background = (custom_fields.keep, *more.pop("background", ()))
        self.need = more.pop("need", ())
        self.may = more.pop("may", ())
        self.own_settings = more.pop("own_settings", None)
        self.seed = more.pop("seed", None)
        self.timers = {handler.name: handler for handler in more.pop("timers", ())}
        if more:
            raise TypeError(f"a service has no {', '.join(more)}")
        self.handlers = self._handlers()
        for mapper in base.registry.mappers:
            if getattr(mapper.class_, "__message__", None) is not None:
                plan_for(mapper.class_)
        self.reactions: dict[str, list[Reaction]] = {}
        for reaction in self.reactions_list:
            for subject in reaction.subjects:
                self.reactions.setdefault(subject, []).append(reaction)

    def methods(self) -> list[contract.Method]:
        """The methods of the contract that this service serves."""
        return [contract.load().methods[name] for name in self.handlers]

    def model_of(self, document: str) -> Any:
        """The model of `<service>.<document>` or `<document>`; None where it is not ours."""
        for mapper in self.base.registry.mappers:
            message = getattr(mapper.class_, "__message__", None)
            if message is not None and contract.snake(message.DESCRIPTOR.name) == document.removeprefix(
                f"{self.name}."
            ):
                return mapper.class_
        return None

    def _handlers(self) -> dict[str, Handler]:
        known = contract.load().methods
        handlers: dict[str, Handler] = {}
        for rpc in self.rpcs:
            platform = (Records, Operations, Imports, CustomFields, Audit, Prints)
            package = "platform" if isinstance(rpc, platform) else self.name
            full_service = f"heyi.{package}.v1.{type(rpc).__name__}"
            methods = contract.load().methods_of(full_service)
            if not methods:
                raise contract.ContractError(f"the contract has no service {full_service}")
            for method in methods:
                handler = getattr(rpc, method.name, None)
                if handler is None:
                    raise contract.ContractError(f"{full_service} does not serve {method.name}")
                handlers[method.full_name] = handler
        missing = [n for n, m in known.items() if m.service == self.name and n not in handlers]
        if missing:
            raise contract.ContractError(f"nobody serves {missing}")
        return handlers


def crud(
    model: Any, created: type[contract.Message] | None = None, updated: type[contract.Message] | None = None
) -> type:
    """Create, Get, List, BatchGet, Update, Activate and Deactivate of plain master data, named as in the contract.

    A subclass may have `async def check(self, row, call)`, asked after each change and before it is in use again.
    """
    singular = model.__message__.DESCRIPTOR.name
    file = model.__message__.DESCRIPTOR.file
    service = next(s for s in file.services_by_name.values() if f"Create{singular}" in s.methods_by_name)
    plural = service.name
    resource = contract.snake(singular)

    class Crud:
        async def check(self, row: Any, call: Call) -> None:
            """Rules of the document; plain master data has none beyond its shape."""

    async def create(self: Any, request: Any, call: Call) -> Any:
        row = await call.create(model, getattr(request, resource))
        await self.check(row, call)
        return call.announce(created, row) if created else row

    async def get(self: Any, request: Any, call: Call) -> Any:
        return await call.load(model, request.id)

    async def page(self: Any, request: Any, call: Call) -> Any:
        return await call.page(model, request)

    async def batch(self: Any, request: Any, call: Call) -> Any:
        return await call.batch(model, request)

    async def update(self: Any, request: Any, call: Call) -> Any:
        sent = getattr(request, resource)
        row = await call.load(model, sent.id, etag=sent.etag)
        advance(row, "update")
        call.update(row, sent, request.update_mask)
        await self.check(row, call)
        return call.announce(updated, row) if updated else row

    def moved(action: str) -> Any:
        async def move(self: Any, request: Any, call: Call) -> Any:
            row = await call.load(model, request.id, etag=request.etag)
            advance(row, action)
            if action == "activate":
                await self.check(row, call)
            return call.announce(updated, row) if updated else row

        return move

    verbs = {
        f"Create{singular}": create,
        f"Get{singular}": get,
        f"List{plural}": page,
        f"BatchGet{plural}": batch,
        f"Update{singular}": update,
        f"Activate{singular}": moved("activate"),
        f"Deactivate{singular}": moved("deactivate"),
    }
    for name, function in verbs.items():
        if name in service.methods_by_name:
            setattr(Crud, name, function)
    return Crud


def find(name: str) -> Service:
    """The service of this name: `<name>.service.SERVICE`."""
    service = importlib.import_module(f"{name}.service").SERVICE
    assert isinstance(service, Service)
    return service


def main(service: Service) -> None:
    """`python -m <service> [run | migrate | republish --since INSTANT]`."""
    import sys

    from chassis.__main__ import command

    match sys.argv[1:]:
        case [] | ["run"]:
            command([service.name])
        case [verb, *rest]:
            command([verb, service.name, *rest])


__all__ = ["Held", "Reaction", "Service", "Stuck", "crud", "find", "ids", "main", "on", "on_field"]
