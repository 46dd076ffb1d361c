import { Empty, Grid, Segmented, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useList } from "@/api/documents";
import { useMe } from "@/api/me";
import { routeOf, useGo } from "@/app/links";
import type { DocumentMeta } from "@/contract/meta";
import type { Task } from "@/contract/types";
import { PageProblem } from "@/documents/PageProblem";
import { TaskCard } from "./TaskCard";
import { TaskPage } from "./TaskPage";

const PAGE = 100;
/** Waits for me; delegated to me; delegated by me; answered. */
const TABS = ["open", "for", "by", "done"] as const;

/** To-do, the overdue first: the list at the left and the request at the right; on a phone one after the other. */
export default function TaskInbox({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const me = useMe();
  const go = useGo();
  const wide = Grid.useBreakpoint().lg ?? true;
  const { id } = useParams();
  const [params, setParams] = useSearchParams();
  const tab = TABS.find((known) => known === params.get("tab")) ?? "open";
  const done = tab === "done";
  // the server answers with turns that are mine or delegated to me
  const ways = { open: "", for: ` AND delegate_id = "${me.employee.id}"`, by: ` AND assignee_id = "${me.employee.id}" AND delegate_id != ""`, done: "" };
  const open = useList<Task>(document, { filter: `state = "OPEN"`, orderBy: "due_time,open_time", pageSize: PAGE, summarize: true });
  const some = useList<Task>(document, { filter: `state = "OPEN"${ways[tab]}`, orderBy: "due_time,open_time", pageSize: PAGE }, tab === "for" || tab === "by");
  const past = useList<Task>(document, { filter: `state != "OPEN" AND state != "WAITING"`, orderBy: "done_time desc", pageSize: PAGE }, done);
  const shown = done ? past : tab === "open" ? open : some;
  const rows = shown.data?.rows ?? [];
  const first = !id && wide && rows[0] ? rows[0].id : undefined;
  const current = id ?? first;
  const next = open.data?.rows.find((task) => task.id !== current);
  const onDecided = () => go(wide && next ? routeOf(document, next.id) : document.route, { replace: true });
  const labels = { open: t("approval.open"), for: t("approval.delegatedToMe"), by: t("approval.delegatedByMe"), done: t("approval.done") };
  const list = (
    <section className="inbox-list" aria-label={t("approval.inbox")}>
      <header className="page-head">
        <h1>{t("approval.inbox")} <span className="count">{t("list.count", { count: open.data?.totalSize ?? 0 })}</span></h1>
        <Segmented
          aria-label={t("approval.which")} value={tab} options={TABS.map((value) => ({ value, label: labels[value] }))}
          onChange={(chosen) => {
            setParams((before) => {
              const after = new URLSearchParams(before);
              if (chosen === "open") after.delete("tab");
              else after.set("tab", chosen);
              return after;
            }, { replace: true });
          }}
        />
      </header>
      {shown.error && <PageProblem error={shown.error} retry={() => void shown.refetch()} />}
      {shown.isLoading && <Skeleton active title={false} />}
      {shown.data && rows.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={done ? t("approval.noneDone") : t("portal.nothingToDo")} />}
      <ul className="task-list">
        {rows.map((task) => <li key={task.id}><TaskCard task={task} here={task.id === current} query={tab === "open" ? "" : `?tab=${tab}`} /></li>)}
      </ul>
    </section>
  );
  if (!wide) return id ? <TaskPage key={id} id={id} onDecided={onDecided} /> : <div className="page">{list}</div>;
  return (
    <div className="inbox">
      {list}
      <div className="inbox-content">{current ? <TaskPage key={current} id={current} onDecided={onDecided} /> : null}</div>
    </div>
  );
}
