"""SpiffWorkflow plays cases of six completions as a service without a memory must: read the state, complete one task,
go on, write the state, commit. Runs in the peers' environment, not in the suite's.

Three user tasks one after another, an exclusive gateway by the amount, one user task for three approvers side by side.
"""

import io
import os
import time
from importlib.metadata import version as version_of

import psycopg
from line import answer
from SpiffWorkflow.bpmn.parser.BpmnParser import BpmnParser
from SpiffWorkflow.bpmn.serializer import BpmnWorkflowSerializer
from SpiffWorkflow.bpmn.workflow import BpmnWorkflow
from SpiffWorkflow.util.task import TaskState

FLOWS = [
    ("start", "first"), ("first", "second"), ("second", "third"), ("third", "large"), ("large", "vote"),
    ("large", "end"), ("vote", "end"),
]  # fmt: skip
NODES = {
    "start": "startEvent", "first": "userTask", "second": "userTask", "third": "userTask",
    "large": "exclusiveGateway", "vote": "userTask", "end": "endEvent",
}  # fmt: skip
THREE = (
    '<multiInstanceLoopCharacteristics isSequential="false"><loopCardinality>3</loopCardinality>'
    "</multiInstanceLoopCharacteristics>"
)
DATA = {
    "amount": 500,
    "reason": "notebook for the new colleague",
    "lines": [{"item": f"i{n}", "quantity": n, "price": 10.5} for n in range(10)],
}
DECISIONS = 6


def bpmn():
    """The process as BPMN."""

    def node(name, kind):
        ways = [f"<incoming>{a}-{b}</incoming>" for a, b in FLOWS if b == name]
        ways += [f"<outgoing>{a}-{b}</outgoing>" for a, b in FLOWS if a == name]
        otherwise = ' default="large-end"' if name == "large" else ""
        return f'<{kind} id="{name}" name="{name}"{otherwise}>{"".join(ways)}{THREE if name == "vote" else ""}</{kind}>'

    def flow(a, b):
        when = "<conditionExpression>amount &gt; 100</conditionExpression>" if (a, b) == ("large", "vote") else ""
        return f'<sequenceFlow id="{a}-{b}" sourceRef="{a}" targetRef="{b}">{when}</sequenceFlow>'

    inside = "".join([*(node(*one) for one in NODES.items()), *(flow(*one) for one in FLOWS)])
    return (
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="bench">'
        f'<process id="case" isExecutable="true">{inside}</process></definitions>'
    )


class Spiff:
    """Cases in a table of their own."""

    def __init__(self):
        parser = BpmnParser()
        parser.add_bpmn_io(io.BytesIO(bpmn().encode()), filename="case.bpmn")
        self.spec = parser.get_spec("case")
        self.serializer = BpmnWorkflowSerializer(BpmnWorkflowSerializer.configure())
        self.db = psycopg.connect(os.environ["PEER_DSN"], autocommit=True)
        self.db.execute("DROP TABLE IF EXISTS spiff_case")
        self.db.execute(
            "CREATE TABLE spiff_case "
            "(id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, version int, state text, done bool)"
        )

    def play(self, cases):
        """Cases per second, and the milliseconds of each completion."""
        completions, began = [], time.perf_counter()
        for _ in range(cases):
            completions += self._case()
        return {"rate": cases / (time.perf_counter() - began), "samples": completions}

    def _case(self):
        workflow = BpmnWorkflow(self.spec)
        workflow.do_engine_steps()
        insert = "INSERT INTO spiff_case (version, state, done) VALUES (0, %s, false) RETURNING id"
        (number,) = self.db.execute(insert, (self.serializer.serialize_json(workflow),)).fetchone()
        took, done = [], False
        while not done:
            began = time.perf_counter()
            select = "SELECT version, state FROM spiff_case WHERE id = %s"
            read, state = self.db.execute(select, (number,)).fetchone()
            workflow = self.serializer.deserialize_json(state)
            task = workflow.get_tasks(state=TaskState.READY, manual=True)[0]
            task.data.update(DATA if not took else {f"answer{len(took)}": "approved"})
            task.run()
            workflow.do_engine_steps()
            done = workflow.is_completed()
            # one commit; whoever read the same version and comes second writes nothing
            update = "UPDATE spiff_case SET version = version + 1, state = %s, done = %s WHERE id = %s AND version = %s"
            if self.db.execute(update, (self.serializer.serialize_json(workflow), done, number, read)).rowcount != 1:
                raise RuntimeError(f"case {number} was changed meanwhile")
            took.append((time.perf_counter() - began) * 1e3)
        if len(took) != DECISIONS:
            raise RuntimeError(f"a case ended after {len(took)} completions")
        return took


def main():
    """Play as many cases as asked for."""
    spiff = Spiff()
    name = f"SpiffWorkflow {version_of('SpiffWorkflow')}"
    answer(lambda cases=0, version=False: {"version": name} if version else spiff.play(cases))


if __name__ == "__main__":
    main()
