import { Checkbox, Empty, Grid, Segmented, Select, Skeleton } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { fetchDocument, useList, useListPages, useListSummary } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { useMe } from "@/api/me";
import { inItsCompany, routeOf, useGo } from "@/app/links";
import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { Case, Task } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { FilterBar } from "@/documents/FilterBar";
import { MoreButton } from "@/documents/MoreButton";
import { useListState } from "@/documents/listState";
import { PageProblem } from "@/documents/PageProblem";
import { SavedViews, ViewTabs } from "@/documents/SavedViews";
import { SelectionBar } from "@/documents/SelectionBar";
import { CaseCard } from "./CaseCard";
import { TaskCard } from "./TaskCard";
import { TaskPage } from "./TaskPage";
import { WaitingPublications } from "./WaitingPublications";

const PAGE = 100;
const NONE: Task[] = [];
const OPEN = `state = "OPEN"`;
/** Waits for me; answered; requested by me; to know; delegated to me; delegated by me. */
const TABS = ["open", "done", "requested", "copied", "for", "by"] as const;
/** What can be said to several at once, in the same words. */
const AT_ONCE = ["approve", "reject"];
/** What a decision says beside those words: it stands with each task, or is asked for on its own page. */
const OF_EACH = ["contentHash", "nextIds"];
/** What a card shows, or a decision about several at once sends: the rest of a turn is read with its page. */
const CARDS = {
  tasks: [
    "id", "etag", "companyId", "state", "allowedActions", "title", "documentNumber", "documentType", "documentId", "amount", "currency", "requesterId", "assigneeId", "delegateId", "decidedById",
    "openTime", "dueTime", "urgeTime", "contentHash", "again", "superviseDueDate",
  ],
  cases: ["id", "etag", "companyId", "state", "allowedActions", "title", "documentNumber", "amount", "currency", "flowName", "waitingOnIds", "waitingSinceTime", "decideTime", "updateTime"],
};
/** What narrows a view further; the view itself says the rest. */
const NARROWS = {
  tasks: ["documentType", "requesterId", "openTime", "dueTime", "companyId", "overdue"],
  decided: ["documentType", "requesterId", "state", "openTime", "doneTime", "companyId"],
  cases: ["documentType", "state", "amount", "companyId"],
} as const;
const ORDERS = { tasks: ["openTime", "dueTime", "amount"], decided: ["doneTime", "openTime", "amount"], cases: ["createTime", "amount"] } as const;

/** The server answers with turns that are mine or delegated to me. */
function asked(tab: (typeof TABS)[number], me: string): { filter: string; orderBy: string } {
  switch (tab) {
    case "open": return { filter: OPEN, orderBy: "due_time,open_time" };
    case "for": return { filter: `${OPEN} AND delegate_id = "${me}"`, orderBy: "due_time,open_time" };
    case "by": return { filter: `${OPEN} AND assignee_id = "${me}" AND delegate_id != ""`, orderBy: "due_time,open_time" };
    case "copied": return { filter: `state = "COPIED" AND assignee_id = "${me}"`, orderBy: "open_time desc" };
    case "requested": return { filter: `requester_id = "${me}"`, orderBy: "create_time desc" };
    default: return { filter: `state != "OPEN" AND state != "WAITING" AND state != "COPIED"`, orderBy: "done_time desc" };
  }
}

/** To-do, the overdue first: the list at the left and the request at the right; on a phone one after the other. */
export default function TaskInbox({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const me = useMe();
  const go = useGo();
  const cases = useDocumentMeta("approval.case");
  const wide = Grid.useBreakpoint().lg ?? true;
  const { id } = useParams();
  const [params] = useSearchParams();
  const [chosen, setChosen] = useState<Task[]>([]);
  const tab = TABS.find((known) => known === params.get("tab")) ?? "open";
  const requested = tab === "requested";
  const listed = requested ? cases : document;
  const kind = requested ? "cases" : tab === "done" ? "decided" : "tasks";
  const which = asked(tab, me.employee.id);
  const state = useListState(listed, which.filter);
  const shown = useListPages(listed, { filter: state.filter, orderBy: state.orderBy || which.orderBy, search: state.search, extra: state.extra, fields: CARDS[requested ? "cases" : "tasks"], pageSize: PAGE });
  const open = useListSummary(document, { filter: OPEN });
  const [settled, settle] = useState(tab);
  useEffect(() => {
    if (!shown.isPlaceholderData) settle(tab);
  }, [shown.isPlaceholderData, tab]);
  // While a view is looked up, the rows of the one before stand in for it; the same view goes on showing them.
  const waiting = shown.isLoading || (shown.isPlaceholderData && settled !== tab);
  const rows = waiting ? [] : (shown.data?.pages.flatMap((page) => page.rows) ?? []);
  // what somebody watches over comes first, however long the list is
  const supervised = { filter: `${state.filter} AND supervise_due_date != ""`, orderBy: which.orderBy, search: state.search, extra: state.extra, fields: CARDS.tasks, pageSize: PAGE };
  const firstOf = tab === "open" && !state.orderBy;
  const watched = useList<Task>(document, supervised, firstOf).data?.rows ?? NONE;
  const ahead = new Set(watched.map(({ id: key }) => key));
  const tasks = requested || waiting ? [] : firstOf ? [...watched, ...(rows as Task[]).filter(({ id: key }) => !ahead.has(key))] : (rows as Task[]);
  // what is out of sight is not decided about
  const picked = tasks.filter(({ id: key }) => chosen.some((one) => one.id === key));
  const first = !id && wide ? tasks[0] : undefined;
  // what it is about is read in its own company
  const elsewhere = first && first.companyId !== me.companyId ? first : undefined;
  const current = requested || elsewhere ? undefined : (id ?? first?.id);
  const waits = tab === "open" || tab === "for";
  const next = waits ? tasks.find((task) => task.id !== current) : undefined;
  const query = new URLSearchParams([...params].filter(([name]) => name !== "company")).toString();
  const here = query && `?${query}`;
  const addressOf = (task: Task) => inItsCompany(`${routeOf(document, task.id)}${here}`, task);
  const onDecided = () => go(wide && next ? addressOf(next) : `${document.route}${here}`, { replace: true });
  const there = elsewhere && addressOf(elsewhere);
  useEffect(() => {
    if (there) go(there, { replace: true });
  }, [there, go]);
  const labels = {
    open: t("approval.open"), done: t("approval.done"), requested: t("approval.requested"), copied: t("approval.copied"), for: t("approval.delegatedToMe"), by: t("approval.delegatedByMe"),
  };
  const orders = ORDERS[kind].flatMap((name) => {
    const field = fieldOf(listed, name)!;
    return [
      { value: field.protoName, label: t("list.rising", { label: field.label }) },
      { value: `${field.protoName} desc`, label: t("list.falling", { label: field.label }) },
    ];
  });
  const list = (
    <section className="inbox-list" aria-label={t("approval.inbox")}>
      <header className="page-head">
        <h1>{t("approval.inbox")} <span className="count">{t("list.count", { count: open?.totalSize ?? 0 })}</span></h1>
        <SavedViews document={document} />
        <Segmented
          aria-label={t("approval.which")} value={tab} options={TABS.map((value) => ({ value, label: labels[value] }))} className="wrapped"
          onChange={(value) => {
            setChosen([]);
            go(`${document.route}?tab=${value}`, { replace: true });
          }}
        />
      </header>
      <ViewTabs document={document} listed={listed} />
      <FilterBar key={tab} document={listed} state={state} only={NARROWS[kind]}>
        <Select
          aria-label={t("list.order")} value={state.orderBy} popupMatchSelectWidth={false} className="order-choice" options={[{ value: "", label: t("list.usualOrder") }, ...orders]}
          onChange={(next: string) => state.setOrder(next)}
        />
      </FilterBar>
      <SelectionBar document={document} rows={picked} only={AT_ONCE} given={OF_EACH} give={(row) => shownHash(meta.documents, row as Task)} onClear={() => setChosen([])} />
      {tab === "open" && <WaitingPublications />}
      {problemOf(shown) && <PageProblem error={shown.error} retry={() => void shown.refetch()} />}
      {waiting && <Skeleton active title={false} />}
      {shown.data && !waiting && rows.length === 0 && (
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={state.filtered ? t("list.nothingFound") : tab === "done" ? t("approval.noneDone") : waits ? t("portal.nothingToDo") : t("approval.noneHere")} />
      )}
      <ul className={requested ? "request-list" : "task-list"}>
        {requested && (rows as Case[]).map((row) => <li key={row.id}><CaseCard document={cases} row={row} /></li>)}
        {tasks.map((task) => (
          <li key={task.id} className={waits ? "choosable" : undefined}>
            {waits && (
              <Checkbox
                aria-label={t("list.selectRow", { name: task.title || task.documentNumber })} checked={chosen.some((one) => one.id === task.id)}
                onChange={({ target }) => setChosen(target.checked ? [...chosen, task] : chosen.filter((one) => one.id !== task.id))}
              />
            )}
            <TaskCard task={task} here={task.id === current} query={here} />
          </li>
        ))}
      </ul>
      {shown.hasNextPage && <div className="load-more"><MoreButton pages={shown}>{t("list.more", { shown: rows.length })}</MoreButton></div>}
    </section>
  );
  if (!wide && id && !requested) return <TaskPage key={id} id={id} onDecided={onDecided} />;
  if (!wide || requested) return <div className="page">{list}</div>;
  return (
    <div className="inbox">
      {list}
      <div className="inbox-content">{current ? <TaskPage key={current} id={current} onDecided={onDecided} /> : null}</div>
    </div>
  );
}

/** The hash of the document as it stands, so that one that changed since it was submitted is refused. */
async function shownHash(documents: Record<string, DocumentMeta>, task: Task): Promise<Record<string, unknown>> {
  const about = documents[task.documentType];
  const record = about && (await fetchDocument<Row>(about, task.documentId, { company: task.companyId }));
  return { contentHash: record?.contentHash || task.contentHash };
}
