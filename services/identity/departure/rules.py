"""What a departure is made of: its steps, who may leave and who may take over, and when a step is done.

A step is what the facts say, never what a flag remembers: it is looked at again until nothing is left to do.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from chassis.errors import Refused

if TYPE_CHECKING:
    from identity.departure.model import Departure, DepartureStep

TRANSITIONS = {
    ("PREPARED", "update"): "PREPARED",
    ("PREPARED", "run"): "RUNNING",
    ("PREPARED", "cancel"): "CANCELLED",
}
OPEN = ("PREPARED", "RUNNING")
KINDS = ("CUT_OFF", "ACCOUNT", "GRANTS", "DELEGATIONS", "HEADS", "TURNS", "DOCUMENTS")
# a turn that nobody took over by then needs a person
PATIENCE = datetime.timedelta(minutes=1)
# a refusal that a person has to remove -> what the departure says
BLOCKERS = {"EMPLOYEE_LAST_ADMINISTRATOR": "LAST_ADMINISTRATOR"}
LONGEST_WHAT, LONGEST_EVIDENCE = 20_000, 500


def check(departure: Departure, people: Sequence[tuple[uuid.UUID, str, bool]], *, successor_leaves: bool) -> None:
    """Refuse a departure that cannot end well; `people` are the two with name and whether they are active."""
    if departure.employee_id == departure.successor_id:
        raise Refused("DEPARTURE_TO_SELF", field="successor_id")
    names = {key: name for key, name, _ in people}
    for field in ("employee_id", "successor_id"):
        if getattr(departure, field) not in names:
            raise Refused("FIELD_NO_SUCH_DOCUMENT", field=field, value=getattr(departure, field))
    for _, name, active in people:
        if not active:
            raise Refused("DEPARTURE_INACTIVE", name=name)
    if successor_leaves:
        raise Refused("DEPARTURE_SUCCESSOR_LEAVES", field="successor_id", name=names[departure.successor_id])


def found(
    step: DepartureStep, *, what: Iterable[str] = (), state: str = "DONE", evidence: str = "", now: datetime.datetime
) -> None:
    """Write down what a look at the facts found. `what` comes to what the step did before."""
    lines = list(what)
    if lines:
        step.count += len(lines)
        step.what = "\n".join(filter(None, [step.what, *lines]))[:LONGEST_WHAT]
    step.evidence = evidence[:LONGEST_EVIDENCE] or step.evidence
    if step.state != state:
        step.state = state
        step.done_time = now if state == "DONE" else None


def shows(step: DepartureStep, *, names: Sequence[str], count: int, state: str, now: datetime.datetime) -> None:
    """Write down what another service answered: it knows the whole, so it takes the place of what stood here."""
    step.count, step.what = count, "\n".join(names)[:LONGEST_WHAT]
    found(step, state=state, now=now)
