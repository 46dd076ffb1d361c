import { useTranslation } from "react-i18next";
import { useMe } from "@/api/me";
import type { Task } from "@/contract/types";
import { Reference } from "@/documents/Reference";

/** Whose turn it is and who may decide it for them, as the reader stands to both; of a decision, who gave it for whom. */
export function Delegated({ task, short = false }: { task: Task; short?: boolean }) {
  const { t } = useTranslation();
  const me = useMe();
  const decided = task.state !== "OPEN" && task.state !== "WAITING";
  const delegate = decided ? task.decidedById : task.delegateId;
  if (!delegate) return null;
  const person = <Reference document="identity.employee" id={task.assigneeId} plain />;
  const other = <Reference document="identity.employee" id={delegate} plain />;
  if (decided) return <span className="delegated">{other} {t("timeline.for")} {person}</span>;
  if (delegate === me.employee.id) return <span className="delegated">{t("approval.forThem")} {person}</span>;
  return <span className="delegated">{t("approval.delegatedTo")} {other}{!short && task.assigneeId === me.employee.id && <>{t("list.comma")}{t("approval.youMay")}</>}</span>;
}
