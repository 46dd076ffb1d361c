import { useTranslation } from "react-i18next";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { group } from "@/contract/decimal";
import { ago } from "@/contract/format";
import { fieldOf } from "@/contract/meta";
import type { Task } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { DueTime } from "@/documents/DueTime";
import { Reference } from "@/documents/Reference";
import { StateTag } from "@/documents/StateTag";
import { Delegated } from "./Delegated";

/** A task in a list: who asks for what, how much, since when. */
export function TaskCard({ task, here = false, query = "" }: { task: Task; here?: boolean; query?: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = useDocumentMeta("approval.task");
  return (
    <AppLink to={inItsCompany(`${routeOf(document, task.id)}${query}`, task)} className={here ? "task-card here" : "task-card"}>
      <span className="task-title">{task.title || task.documentNumber}</span>
      {task.amount && <span className="figure">{group(task.amount, 2)} {task.currency}</span>}
      <small>
        <Reference document="identity.employee" id={task.requesterId} plain /> · {task.documentNumber || meta.documents[task.documentType]?.title}
      </small>
      <small>
        {task.state === "OPEN" ? ago(task.openTime) : <StateTag enumName={fieldOf(document, "state")?.enum} value={task.state} />}
        {task.delegateId && <Delegated task={task} short />}
        {task.state === "OPEN" && <DueTime due={task.dueTime} />}
        {task.again && task.state === "OPEN" && <span className="urged">{t("approval.again")}</span>}
        {task.superviseDueDate && task.state === "OPEN" && <strong className="urged">{t("approval.supervised", { day: task.superviseDueDate })}</strong>}
        {task.urgeTime && task.state === "OPEN" && <span className="urged">{t("approval.urged")}</span>}
      </small>
    </AppLink>
  );
}
