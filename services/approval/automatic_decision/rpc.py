"""Serves heyi.approval.v1.AutomaticDecisions: the log, without the samples that people have not decided."""

from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from approval.automatic_decision.model import AutomaticDecision
from approval.case.rpc import key_of
from approval.case.statistics import LONGEST, flow_of, period
from approval.engine.automatic import wilson
from chassis.call import Call, Refused
from heyi.approval.v1 import automatic_decisions_pb2 as pb

ANALYZE = "approval.automatic_decision.analyze"
MOST_RULES = 500
# whoever is asked shall not read what the rule says
KNOWN = sa.or_(~AutomaticDecision.sampled, AutomaticDecision.answer.is_not(None))


class AutomaticDecisions:
    async def GetAutomaticDecision(self, request: Any, call: Call) -> Any:
        which = [AutomaticDecision.id == key_of(request.id), KNOWN, *call.scope_of(AutomaticDecision)]
        found = (await call.db.execute(sa.select(AutomaticDecision).where(*which))).scalar_one_or_none()
        if found is None:
            raise Refused("DOCUMENT_NOT_FOUND", document_type="AutomaticDecision", id=request.id[:50])
        return found

    async def ListAutomaticDecisions(self, request: Any, call: Call) -> Any:
        return await call.page(AutomaticDecision, request, where=[KNOWN])

    async def AnalyzeAutomaticDecisions(self, request: Any, call: Call) -> Any:
        begin, end = period(request, call.now(), LONGEST)
        return await analyze(call, begin, end, request.flow_definition_id)


async def analyze(call: Call, begin: datetime.datetime, end: datetime.datetime, flow_definition_id: str) -> Any:
    """How each rule fared; one statement."""
    one = AutomaticDecision
    answered = sa.and_(one.sampled, one.answer.in_(["AGREE", "REFUSE", "SEND_BACK"]))
    as_the_rule = sa.case((one.outcome == "AGREED", "AGREE"), else_="REFUSE")
    by = (one.flow_definition_id, one.flow_version, one.node_id, one.rule_name)
    figures = {
        "agreed_count": sa.and_(one.outcome == "AGREED", ~one.sampled),
        "refused_count": sa.and_(one.outcome == "REFUSED", ~one.sampled),
        "undecided_count": one.outcome.in_(["OVER_LIMIT", "FAILED"]),
        "sampled_count": one.sampled,
        "answered_count": answered,
        "otherwise_count": sa.and_(answered, one.answer != as_the_rule),
    }
    columns = [sa.func.count().filter(which).label(name) for name, which in figures.items()]
    where = [one.created_at >= begin, one.created_at < end, *call.scope_of(one, ANALYZE)]
    if flow_definition_id:
        where.append(one.flow_definition_id == flow_of(flow_definition_id))
    named = sa.func.max(one.node_name).label("node_name")
    statement = sa.select(*by, named, *columns).where(*where).group_by(*by)
    found = await call.db.execute(statement.order_by(by[0], by[1].desc(), by[2], by[3]).limit(MOST_RULES))
    reply = pb.AnalyzeAutomaticDecisionsResponse()
    reply.from_time.FromDatetime(begin)
    reply.until_time.FromDatetime(end)
    for row in found:
        rule = reply.rules.add(
            flow_definition_id=str(row.flow_definition_id),
            flow_version=row.flow_version,
            node_id=row.node_id,
            node_name=row.node_name,
            rule_name=row.rule_name,
            **{name: getattr(row, name) for name in figures},
        )
        if row.answered_count:
            low, high = wilson(row.otherwise_count, row.answered_count)
            rule.error_percent = _percent(row.otherwise_count / row.answered_count)
            rule.error_from_percent, rule.error_to_percent = _percent(low), _percent(high)
    return reply


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"
