"""The documents that files belong to. Who may read one may read its files, who may change it may add and remove: the
service that owns it is asked, by its own Get and BatchGet and with the caller's token, so that no type of document
needs a line here.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from chassis import contract
from chassis.call import Call, Refused
from documents.attachment.rules import may_change

OWN = "documents"
# a type without BatchGet is asked one by one, so many at once
AT_ONCE = 8
Reference = tuple[str, str]
_FIELD = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Parent:
    """A document that the caller may read."""

    company_id: uuid.UUID | None
    title: str
    may_change: bool
    # as the caller sees it
    message: Any = field(default=None, repr=False, compare=False)

    def shows(self, part_id: str, file_id: str) -> bool:
        """Whether the caller sees that a file belongs here: one of a field (`values.receipts`) only where the field
        names it, which a reader from whom the field is hidden does not see; any other with the document.
        """
        if _FIELD.fullmatch(part_id) is None:
            return True
        name, key = part_id.split(".")
        held = getattr(self.message, name, None)
        return held is not None and key in held and file_id in list(held[key])


@dataclass(frozen=True)
class Kind:
    """How documents of a type are asked for."""

    document: contract.Document
    service: str
    get: contract.Method
    batch: contract.Method | None
    # the verbs that its methods have
    verbs: frozenset[str]

    def parent(self, message: Any) -> Parent:
        """What a reply says of one."""
        fields = message.DESCRIPTOR.fields_by_name
        words = [
            getattr(message, name) for name in self.document.title if not contract.spec_of(fields[name]).references
        ]
        company = str(getattr(message, "company_id", ""))
        return Parent(
            company_id=uuid.UUID(company) if company else None,
            title=" ".join(str(word) for word in words if word)[:200],
            may_change=may_change(message.allowed_actions, self.verbs),
            message=message,
        )


def kind_of(document_type: str) -> Kind:
    """The type of this name. Refuses one that does not exist, or of which nothing can be asked."""
    loaded = contract.load()
    document = loaded.documents.get(document_type)
    service = document_type.split(".")[0]
    methods = [m for m in loaded.methods.values() if m.document == document_type and document is not None]
    named = document.message.DESCRIPTOR.name if document else ""
    get = next((m for m in methods if m.name == f"Get{named}"), None)
    if document is None or get is None or service == OWN:
        raise Refused("ATTACHMENT_DOCUMENT_TYPE", document_type=document_type[:100])
    batch = next((m for m in methods if m.name.startswith("BatchGet")), None)
    verbs = {contract.snake(m.name.removesuffix(named)) for m in methods if m.name.endswith(named)}
    return Kind(document, service, get, batch, frozenset(verbs))


async def readable(call: Call, document_type: str, document_id: str) -> Parent:
    """One document. Raises what its service refuses: that it is not there, or not the caller's to see."""
    kind = kind_of(document_type)
    return kind.parent(
        await call.ask(kind.service, kind.get.full_name, kind.get.request(id=document_id), as_caller=True)
    )


async def changeable(call: Call, document_type: str, document_id: str) -> Parent:
    """One document that the caller may change. Refuses as `readable`, and what they may only read."""
    parent = await readable(call, document_type, document_id)
    if not parent.may_change:
        raise Refused("ATTACHMENT_DOCUMENT_FIXED", document=parent.title or document_type)
    return parent


async def those_readable(call: Call, references: Iterable[Reference]) -> dict[Reference, Parent]:
    """Of several documents those that the caller may read: one question for each type, however many there are."""
    by_type: dict[str, set[str]] = defaultdict(set)
    for document_type, document_id in references:
        by_type[document_type].add(document_id)
    found = await asyncio.gather(*(_of_a_type(call, kind_of(name), ids) for name, ids in by_type.items()))
    return {
        (name, key): parent for name, parents in zip(by_type, found, strict=True) for key, parent in parents.items()
    }


async def _of_a_type(call: Call, kind: Kind, ids: set[str]) -> dict[str, Parent]:
    if kind.batch is None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(key: str) -> tuple[str, Parent | None]:
            async with free:
                return key, await _or_none(readable(call, kind.document.name, key))

        return {key: parent for key, parent in await asyncio.gather(*map(one, sorted(ids))) if parent is not None}
    question = call.ask(kind.service, kind.batch.full_name, kind.batch.request(ids=sorted(ids)), as_caller=True)
    reply = await _or_none(question)
    if reply is None:
        return {}
    rows = next(f.name for f in reply.DESCRIPTOR.fields if f.message_type is kind.document.message.DESCRIPTOR)
    return {row.id: kind.parent(row) for row in getattr(reply, rows)}


async def _or_none(question: Any) -> Any:
    """The answer; None where the caller may not see it. What is only away is no answer."""
    try:
        return await question
    except Refused as refusal:
        if refusal.reason in ("DOCUMENT_NOT_FOUND", "PERMISSION_MISSING", "COMPANY_NOT_ALLOWED"):
            return None
        raise
