"""Refusals: what a rule raises, and how it travels as google.rpc.Status.

A refusal is a name out of the contract and the facts that a person needs to put things right. It carries no
sentence: the gateway renders one in the caller's language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from chassis import contract
from heyi.common.v1 import common_pb2

DOMAIN = "heyi"
UNAVAILABLE = 14
LONGEST_FACT = 1000


class Refused(Exception):
    """A rule said no. `reason` is a refusal of the contract, `facts` are texts.

    With `field` the refusal belongs to one field of the request: `lines[2].unit_id`.
    """

    def __init__(self, reason: str, field: str | None = None, **facts: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.facts = _facts(facts)
        self.violations: list[tuple[str, str, dict[str, str]]] = [(field, reason, self.facts)] if field else []

    @classmethod
    def fields(cls, violations: Iterable[tuple[str, str, dict[str, object]]]) -> Refused:
        """Several fields at fault: (path, reason, facts) each."""
        listed = [(path, reason, _facts(facts)) for path, reason, facts in violations]
        refusal = cls("INVALID_REQUEST", count=len(listed))
        refusal.violations = listed
        return refusal

    @property
    def code(self) -> int:
        """google.rpc.Code of the refusal."""
        return contract.load().refusals[self.reason]

    def __str__(self) -> str:
        where = "".join(f" {path}: {reason} {facts}" for path, reason, facts in self.violations[:5])
        return f"{self.reason} {self.facts or ''}{where}".strip()


def _facts(facts: Mapping[str, object]) -> dict[str, str]:
    """As texts that can travel in trailing metadata and be kept: some of them are what the caller sent."""
    return {name: str(value)[:LONGEST_FACT].replace("\x00", "\ufffd") for name, value in facts.items()}


def to_status(refusal: Refused) -> status_pb2.Status:
    """The refusal as it travels in `grpc-status-details-bin`. Details stay small: at most 50 fields."""
    details = [_any(error_details_pb2.ErrorInfo(reason=refusal.reason, domain=DOMAIN, metadata=refusal.facts))]
    if refusal.violations:
        listed = [
            common_pb2.Violation(field=path, reason=reason, facts=facts)
            for path, reason, facts in refusal.violations[:50]
        ]
        details.append(_any(common_pb2.Violations(violations=listed)))
    return status_pb2.Status(code=refusal.code, message=refusal.reason, details=details)


def from_status(status: status_pb2.Status) -> Refused | None:
    """The refusal that a service answered with; None where the status is none of ours."""
    info, violations = error_details_pb2.ErrorInfo(), common_pb2.Violations()
    if not any(detail.Unpack(info) for detail in status.details) or info.domain != DOMAIN:
        return None
    refusal = Refused(info.reason, **dict(info.metadata))
    if any(detail.Unpack(violations) for detail in status.details):
        refusal.violations = [(v.field, v.reason, dict(v.facts)) for v in violations.violations]
    return refusal


def _any(message: contract.Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
