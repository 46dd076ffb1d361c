"""The contract, read once: methods with their policies, events, documents and refusals.

Everything comes from the generated modules of `heyi.*`. The options are imported before anything reads them: a
descriptor whose options are read earlier keeps an empty policy for good.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import descriptor_pool, message, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

import heyi
from heyi.common.v1 import common_pb2
from heyi.options.v1 import options_pb2

Message = message.Message
NO_SIDE_EFFECTS = 1
OUTPUT_ONLY, IMMUTABLE = field_behavior_pb2.OUTPUT_ONLY, field_behavior_pb2.IMMUTABLE


class ContractError(Exception):
    """The contract cannot be served as it stands; the process does not start."""


@dataclass(frozen=True)
class Method:
    """One rpc with what the contract says about it."""

    full_name: str  # "heyi.procurement.v1.PurchaseOrders/CreatePurchaseOrder"
    service: str  # "procurement"; "platform" for what every service hosts
    document: str | None  # "procurement.purchase_order"
    name: str
    request: type[Message]
    reply: type[Message]
    policy: options_pb2.Policy
    read_only: bool
    # the reply comes in pieces
    streams: bool = False


@dataclass(frozen=True)
class Document:
    """One document type: its message and what screens need to know."""

    name: str  # "procurement.purchase_order"
    message: type[Message]
    title: tuple[str, ...]
    default_order: str
    # of a type that asks for agreement: its facts, the field that is the amount, the quantity that can be cut
    facts: Descriptor | None = None
    amount: str = ""
    cut: str = ""
    # changing it changes who may do what
    rights: bool = False
    # how its documents are numbered where nobody says otherwise; empty: they are not, or each says so itself
    numbering: str = ""


@dataclass(frozen=True)
class Contract:
    methods: dict[str, Method]
    events: dict[str, type[Message]]  # by subject
    documents: dict[str, Document]
    refusals: dict[str, int]  # name -> google.rpc.Code

    def methods_of(self, full_service: str) -> list[Method]:
        """The methods of `heyi.<service>.v1.<Service>`."""
        return [method for name, method in self.methods.items() if name.split("/")[0] == full_service]

    def permissions(self) -> list[str]:
        """Every permission that a role may hold, sorted."""
        return sorted({m.policy.permission for m in self.methods.values() if m.policy.permission})

    def document_of(self, kind: type[Message]) -> Document:
        """The document that a message class is."""
        return next(d for d in self.documents.values() if d.message is kind)


@functools.cache
def snake(name: str) -> str:
    """`PurchaseOrder` -> `purchase_order`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def subject_of(kind: type[Message]) -> str:
    """Subject of an event message; "" for a message that is none."""
    return str(kind.DESCRIPTOR.GetOptions().Extensions[options_pb2.event_subject])


@functools.cache
def spec_of(field: FieldDescriptor) -> options_pb2.FieldSpec:
    """What the contract says of a field."""
    return field.GetOptions().Extensions[options_pb2.field]


@functools.cache
def behaviours_of(field: FieldDescriptor) -> frozenset[int]:
    """google.api.field_behavior of a field."""
    return frozenset(field.GetOptions().Extensions[field_behavior_pb2.field_behavior])


def http_rule(method: MethodDescriptor) -> Any:
    """The google.api.http rule of a method; empty where it has none."""
    return method.GetOptions().Extensions[annotations_pb2.http]


def repeated(field: FieldDescriptor) -> bool:
    """Whether a field holds many values."""
    return bool(field.is_repeated)


@functools.cache
def load() -> Contract:
    """Read the whole contract. Raises ContractError for a method without a policy that can be enforced."""
    files = list(_files())
    methods: dict[str, Method] = {}
    events: dict[str, type[Message]] = {}
    documents: dict[str, Document] = {}
    refusals: dict[str, int] = {}
    for file in files:
        service = file.package.split(".")[1]
        document = None
        for descriptor in file.message_types_by_name.values():
            kind = message_factory.GetMessageClass(descriptor)
            options = descriptor.GetOptions()
            if options.HasExtension(options_pb2.document):
                spec = options.Extensions[options_pb2.document]
                document = f"{service}.{snake(descriptor.name)}"
                documents[document] = Document(
                    document,
                    kind,
                    tuple(spec.title),
                    spec.default_order,
                    facts=file.message_types_by_name.get(spec.facts),
                    amount=spec.amount_path,
                    cut=spec.cut,
                    rights=spec.rights,
                    numbering=spec.numbering,
                )
            if subject := options.Extensions[options_pb2.event_subject]:
                if subject in events:
                    raise ContractError(f"two events share the subject {subject}")
                events[subject] = kind
        for enum in file.enum_types_by_name.values():
            for value in enum.values:
                if value.GetOptions().HasExtension(options_pb2.refusal):
                    refusals[value.name] = int(value.GetOptions().Extensions[options_pb2.refusal].code)
        for proto_service in file.services_by_name.values():
            for rpc in proto_service.methods:
                method = _method(rpc, service, document)
                methods[method.full_name] = method
    return Contract(methods, events, documents, refusals)


@functools.cache
def outside() -> dict[str, type[Message]]:
    """The events that programs outside of the suite may be told of, by subject."""
    events = load().events.items()
    return {subject: kind for subject, kind in events if kind.DESCRIPTOR.GetOptions().Extensions[options_pb2.outside]}


@functools.cache
def approvable() -> tuple[str, ...]:
    """Types of documents that can ask to be agreed to: those with an event that carries a request."""
    wanted = common_pb2.ApprovalRequest.DESCRIPTOR
    asking = [
        ".".join(subject.split(".")[1:3])
        for subject, event in load().events.items()
        if any(field.message_type is wanted for field in event.DESCRIPTOR.fields)
    ]
    return tuple(sorted(set(asking)))


def _method(descriptor: MethodDescriptor, service: str, document: str | None) -> Method:
    policy = descriptor.GetOptions().Extensions[options_pb2.policy]
    full_name = f"{descriptor.containing_service.full_name}/{descriptor.name}"
    ways = [bool(policy.permission), policy.signed_in, policy.public]
    if sum(ways) > 1 or not (any(ways) or policy.services):
        raise ContractError(f"{full_name} declares no policy, or two that contradict each other")
    return Method(
        full_name=full_name,
        service=service,
        document=document,
        name=descriptor.name,
        request=message_factory.GetMessageClass(descriptor.input_type),
        reply=message_factory.GetMessageClass(descriptor.output_type),
        policy=policy,
        read_only=descriptor.GetOptions().idempotency_level == NO_SIDE_EFFECTS,
        streams=descriptor.server_streaming,
    )


def _files() -> Iterator[FileDescriptor]:
    pool = descriptor_pool.Default()
    for module in sorted(m.name for m in pkgutil.walk_packages(heyi.__path__, "heyi.") if m.name.endswith("_pb2")):
        importlib.import_module(module)
        yield pool.FindFileByName(module.replace(".", "/").removesuffix("_pb2") + ".proto")


def fields(descriptor: Descriptor) -> list[FieldDescriptor]:
    """Fields in the order of their numbers."""
    return sorted(descriptor.fields, key=lambda field: field.number)
