"""Who may read a case and its document, and what of it is hidden from whom.

A person who is asked at several nodes sees what any of them shows. What is hidden is kept with the case, travels in its
events to the document's service, and is taken out of the case itself where it tells the same: its title, its amount,
its facts.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approval.case.model import Case
from approval.task.model import Task
from chassis import contract, seeing
from chassis.call import Call, Refused
from heyi.common.v1 import common_pb2


@dataclass(frozen=True)
class Shown:
    """What was hidden from who decides, and what they changed with the decision."""

    hidden: Sequence[str] = ()
    changes: Sequence[Mapping[str, Any]] = ()


EVERYTHING = Shown()


def let_read(call: Call, case: Case, employee_ids: Sequence[uuid.UUID], turns: Iterable[Any] = ()) -> None:
    """These people take part: they see the case, and the owner of the document lets them see that, without what is
    hidden at their turns.
    """
    met: dict[str, set[str]] = {}
    for turn in turns:
        for who in (turn.assignee_id, turn.delegate_id):
            if who is not None:
                key, hidden = str(who), set(turn.hidden or ())
                met[key] = met[key] & hidden if key in met else hidden
    _note(case, met)
    case.participant_ids = list(dict.fromkeys([*case.participant_ids, *employee_ids]))
    _grant(call, case, employee_ids)


def let_read_like(call: Call, case: Case, employee_ids: Sequence[uuid.UUID], author_id: uuid.UUID | None) -> None:
    """Somebody shows the case to others: they see no more of it than who shows it."""
    hidden = set(hidden_from(case, author_id))
    _note(case, {str(who): hidden for who in employee_ids})
    case.participant_ids = list(dict.fromkeys([*case.participant_ids, *employee_ids]))
    _grant(call, case, employee_ids)


def _note(case: Case, met: Mapping[str, set[str]]) -> None:
    known = {reader["employee_id"]: reader for reader in case.readers or ()}
    before = {str(who) for who in case.participant_ids}
    for who, hidden in met.items():
        if who in known:
            kept, number = hidden & set(known[who]["hidden"]), known[who]["number"] + 1
            if kept != set(known[who]["hidden"]):
                known[who] = {"employee_id": who, "hidden": sorted(kept), "number": number}
        elif hidden and who not in before:
            known[who] = {"employee_id": who, "hidden": sorted(hidden), "number": 1}
    case.readers = list(known.values()) or None


def _grant(call: Call, case: Case, employee_ids: Iterable[uuid.UUID]) -> None:
    told = {
        reader["employee_id"]: (tuple(sorted(all_hidden(case, reader["hidden"]))), reader["number"])
        for reader in case.readers or ()
    }
    call.grant_read(case, employee_ids, told)


def all_hidden(case: Case, hidden: Sequence[str]) -> frozenset[str]:
    """What is hidden with these paths in a case's document, and in the case or a turn that tells of it."""
    if not hidden:
        return frozenset()
    found = seeing.spread(case.document_type, hidden, basis_of(case))
    document = contract.load().documents[case.document_type]
    # as a case calls them: the amount, and the title, which may say all that names the document
    named = {"amount": {document.amount}, "title": set(document.title)}
    return found | {name for name, paths in named.items() if paths & found}


def hidden_from(case: Case, employee_id: uuid.UUID | None) -> list[str]:
    """The paths that a case hides from one who takes part."""
    return next((r["hidden"] for r in case.readers or () if r["employee_id"] == str(employee_id)), [])


def basis_of(case: Case) -> dict[str, common_pb2.FieldBasis]:
    """What each field of the document says, as the case knows it."""
    return {path: common_pb2.FieldBasis(**said) for path, said in (case.basis or {}).items()}


def hash_for(case: Case, hidden: Sequence[str]) -> str:
    """What somebody agrees to from whom these paths are hidden."""
    return seeing.shown_hash(basis_of(case), all_hidden(case, hidden), case.content_hash)


def shown_of(case: Case, hidden: Sequence[str]) -> dict[str, Any]:
    """What a turn shows of the document, where these paths are hidden."""
    without = all_hidden(case, hidden)
    return {
        "title": "" if "title" in without else case.title,
        "amount": None if "amount" in without else case.amount,
        "full_amount": case.amount if "amount" in without else None,
        "currency": case.currency,
        "content_hash": hash_for(case, hidden),
    }


def check_shown(case: Case, task: Task, employee_id: uuid.UUID | None, content_hash: str) -> list[str]:
    """The paths that were hidden from who decides. Refuses a decision about something else than what stands there now.

    The document is shown without what the turn hides, or, where another turn of the person showed more, without less;
    and as a whole to whoever may read it in an own right.
    """
    for hidden in ([], hidden_from(case, employee_id), list(task.hidden or ())):
        if content_hash == hash_for(case, hidden):
            return hidden
    raise Refused("TASK_CONTENT_CHANGED")
