import { Trans } from "react-i18next";
import { useMe } from "@/api/me";
import type { Task } from "@/contract/types";
import { Reference } from "@/documents/Reference";

/** Whose turn it is and who may decide it for them, as the reader stands to both; of a decision, who gave it for whom. */
export function Delegated({ task, short = false }: { task: Task; short?: boolean }) {
  const me = useMe();
  const decided = task.state !== "OPEN" && task.state !== "WAITING";
  const mine = task.assigneeId === me.employee.id;
  if (!(decided ? task.decidedById : task.delegateId)) return null;
  const text = decided ? "approval.decidedFor" : task.delegateId === me.employee.id ? "approval.forThem" : mine && !short ? "approval.byMe" : "approval.delegatedTo";
  return (
    <span className="delegated">
      <Trans
        i18nKey={text}
        components={{
          person: <Reference document="identity.employee" id={task.assigneeId} plain />,
          delegate: <Reference document="identity.employee" id={decided ? task.decidedById : task.delegateId} plain />,
        }}
      />
    </span>
  );
}
