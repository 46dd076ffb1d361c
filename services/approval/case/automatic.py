"""What rules decide instead of people, as a case keeps it: the opinion of the flow, the log, and how people decide the
samples that were left to them.
"""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from approval.automatic_decision.model import AutomaticDecision
from approval.case.model import Case
from approval.case.record import say
from approval.engine.automatic import Verdict
from approval.engine.walk import Visit, Walk
from approval.lookups import flow_at
from chassis.call import Call

# how people decided, by the state of the turn that decided
ANSWERS = {"APPROVED": "AGREE", "REJECTED": "REFUSE", "RETURNED": "SEND_BACK"}


def keep(call: Call, case: Case, visit: Visit, verdict: Verdict) -> None:
    """One line of the log; the visit is stored."""
    assert visit.id is not None
    call.add(
        AutomaticDecision(
            company_id=case.company_id,
            owner_id=case.requester_id,
            department_id=case.department_id,
            case_id=case.id,
            document_type=case.document_type,
            document_number=case.document_number,
            flow_definition_id=case.flow_definition_id,
            flow_version=case.flow_version,
            visit_id=visit.id,
            node_id=visit.node.id,
            node_name=visit.node.name,
            rule_name=verdict.rule.name,
            expression=verdict.rule.when,
            inputs=dict(verdict.inputs),
            outcome=verdict.outcome,
            sampled=verdict.sampled,
            problem=verdict.problem,
        )
    )


def decided(call: Call, case: Case, walk: Walk) -> str:
    """Keep what rules decided on a walk, as opinions of the flow without anybody's name; the name of the rule that
    refused, or "".
    """
    refused = ""
    for visit, verdict in walk.decided:
        keep(call, case, visit, verdict)
        if verdict.decides:
            case.note = verdict.rule.text
            kind = "APPROVE" if verdict.outcome == "AGREED" else "REJECT"
            facts = {"rule": verdict.rule.name, "flow": case.flow_name, "version": str(case.flow_version)}
            why: dict[str, Any] = {"reason": "opinion.automatic", "reason_facts": facts}
            say(call, case, kind, node_name=visit.node.name, text=verdict.rule.text, **why)
            refused = verdict.rule.name if visit is walk.rejected else refused
    return refused


async def answered(call: Call, case: Case, visit_id: uuid.UUID, answer: str) -> None:
    """How people decided at a node, or that nobody did (`NONE`); where it was a sample, the log keeps that."""
    await _write(call, case, answer, AutomaticDecision.visit_id == visit_id, AutomaticDecision.answer.is_(None))


async def asked_again(call: Call, case: Case, visit_id: uuid.UUID) -> None:
    """The agreement at a node was taken back: people decide once more."""
    await _write(call, case, None, AutomaticDecision.visit_id == visit_id)


async def over(call: Call, case: Case) -> None:
    """The case has ended: samples that nobody decided are not decided any more."""
    await _write(call, case, "NONE", AutomaticDecision.case_id == case.id, AutomaticDecision.answer.is_(None))


async def _write(call: Call, case: Case, answer: str | None, *which: Any) -> None:
    if case.flow_version_id is None or not (await flow_at(call, case.flow_version_id)).automated:
        return
    now = call.now()
    await call.db.execute(
        sa.update(AutomaticDecision)
        .where(AutomaticDecision.sampled, *which)
        .values(
            answer=answer,
            answer_time=now if answer else None,
            updated_at=now,
            version=AutomaticDecision.version + 1,
        )
        .execution_options(synchronize_session=False)
    )
