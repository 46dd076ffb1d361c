import { PlusOutlined } from "@ant-design/icons";
import { Button, Empty, Result, Skeleton } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { sentenceOf } from "@/app/notify";
import { useCan, useMe } from "@/api/me";
import { AppLink, routeOf, useGo } from "@/app/links";
import { NoticeList, useNotices } from "@/app/NoticeBell";
import { group } from "@/contract/decimal";
import { ago } from "@/contract/format";
import { enumLabel, fieldOf } from "@/contract/meta";
import type { AccessReview, AccountFinding, Requisition, Task } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { References } from "@/documents/Reference";
import { StateTag } from "@/documents/StateTag";
import { FormTiles } from "@/forms/FormTiles";
import { useOffered } from "@/forms/useForms";
import { StartCard } from "./GettingStarted";
import { TaskCard } from "./TaskCard";
import { WaitingPublications } from "./WaitingPublications";

const SHOWN = 8;

/** Before there is a company nothing can wait for anybody: what to do first is said instead. */
export default function Portal() {
  return useMe().companies.length === 0 ? <FirstCompany /> : <Waiting />;
}

function FirstCompany() {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const companies = useDocumentMeta("identity.company");
  const mayCreate = can(companies.methods.create);
  return (
    <Result
      status="info" title={t("portal.noCompany")} subTitle={mayCreate ? t("portal.makeFirstCompany") : t("error.askAdministrator")}
      extra={mayCreate && <Button type="primary" icon={<PlusOutlined />} onClick={() => go(`${companies.route}/new?v.baseCurrency=CNY&v.timeZone=Asia/Shanghai`)}>{t("list.new", { title: companies.title })}</Button>}
    />
  );
}

/** What waits for me, what I wait for, what I should know. */
function Waiting() {
  const { t } = useTranslation();
  const me = useMe();
  const meta = useMeta();
  const go = useGo();
  const can = useCan();
  const tasks = useDocumentMeta("approval.task");
  const requisitions = useDocumentMeta("procurement.purchase_requisition");
  const open = useList<Task>(tasks, { filter: `state = "OPEN"`, orderBy: "open_time desc", pageSize: SHOWN, summarize: true });
  const mine = useList<Requisition>(requisitions, { filter: `owner_id = "${me.employee.id}"`, orderBy: "update_time desc", pageSize: SHOWN, summarize: true }, can(requisitions.methods.list));
  const reviews = useDocumentMeta("identity.access_review");
  const toReview = useList<AccessReview>(reviews, { extra: { waitingForMe: true }, orderBy: "due_date", pageSize: SHOWN, summarize: true }, can(reviews.methods.list));
  const findings = useDocumentMeta("identity.account_finding");
  const toDecide = useList<AccountFinding>(findings, { filter: `state = "OPEN"`, orderBy: "create_time desc", pageSize: SHOWN, summarize: true }, can(findings.methods.adopt) || can(findings.methods.hire));
  const notices = useNotices();
  const requests = useDocumentMeta("approval.office_request");
  const offered = useOffered();
  return (
    <div className="page">
      <header className="page-head">
        <h1>{t("portal.greeting", { name: me.employee.name })} <span className="count">{me.todayDate}</span></h1>
        {can(requisitions.methods.create) && (
          <Button type="primary" icon={<PlusOutlined />} onClick={() => go(`${requisitions.route}/new`)}>{t("list.new", { title: requisitions.title })}</Button>
        )}
      </header>
      <StartCard />
      <div className="portal">
        <Panel title={t("portal.todo")} count={open.data?.totalSize} to={tasks.route} loading={open.isLoading} error={problemOf(open)}>
          <WaitingPublications />
          {open.data?.rows.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("portal.nothingToDo")} />}
          <ul className="task-list">
            {open.data?.rows.map((task) => <li key={task.id}><TaskCard task={task} /></li>)}
          </ul>
        </Panel>
        {Boolean(offered.data?.length) && (
          <Panel title={t("forms.new")} loading={false} error={undefined} to={requests.route}>
            <FormTiles />
          </Panel>
        )}
        {Boolean(toReview.data?.totalSize) && (
          <Panel title={reviews.plural} count={toReview.data?.totalSize} to={`${reviews.route}?waitingForMe=true`} loading={toReview.isLoading} error={problemOf(toReview)}>
            <ul className="request-list">
              {toReview.data?.rows.map(({ id, title, dueDate }) => <li key={id}><AppLink to={routeOf(reviews, id)}>{title}</AppLink> <small>{t("portal.due", { date: dueDate })}</small></li>)}
            </ul>
          </Panel>
        )}
        {Boolean(toDecide.data?.totalSize) && (
          <Panel title={findings.plural} count={toDecide.data?.totalSize} to={`${findings.route}?f.state=OPEN`} loading={toDecide.isLoading} error={problemOf(toDecide)}>
            <ul className="request-list">
              {toDecide.data?.rows.map(({ id, username, name, kind, createTime }) => <li key={id}><AppLink to={routeOf(findings, id)}>{name || username}</AppLink> <small>{enumLabel(meta, fieldOf(findings, "kind")?.enum, kind)} {ago(createTime)}</small></li>)}
            </ul>
          </Panel>
        )}
        {can(requisitions.methods.list) && (
          <Panel title={t("portal.mine")} count={mine.data?.totalSize} to={`${requisitions.route}?f.ownerId=${me.employee.id}`} loading={mine.isLoading} error={problemOf(mine)}>
            {mine.data?.rows.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("portal.noRequests")} />}
            <ul className="request-list">
              {mine.data?.rows.map((row) => <li key={row.id}><Request row={row} /></li>)}
            </ul>
          </Panel>
        )}
        <Panel title={t("notices.title")} loading={notices.isLoading} error={problemOf(notices)}>
          <NoticeList rows={notices.data?.rows.slice(0, SHOWN) ?? []} />
        </Panel>
      </div>
    </div>
  );
}

function Panel({ title, count, to, loading, error, children }: { title: string; count?: number; to?: string; loading: boolean; error: unknown; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <section className="card panel" aria-label={title}>
      <header>
        <h2>{title} {count !== undefined && <span className="count">{count}</span>}</h2>
        {to && <AppLink to={to}>{t("portal.all")}</AppLink>}
      </header>
      {error ? <p className="field-error">{sentenceOf(error).title}</p> : loading ? <Skeleton active title={false} /> : children}
    </section>
  );
}

/** One of my requests: what, how much, where it is and with whom. */
function Request({ row }: { row: Requisition }) {
  const { t } = useTranslation();
  const document = useDocumentMeta("procurement.purchase_requisition");
  const waiting = row.state === "SUBMITTED" && row.waitingOnIds.length > 0;
  return (
    <div className="request">
      <p>
        <AppLink to={row.state === "DRAFT" ? `${routeOf(document, row.id)}/edit` : routeOf(document, row.id)}>{row.title || row.number}</AppLink>
        <span className="figure">{group(row.amount || "0", 2)} {row.currency}</span>
      </p>
      <small>
        <StateTag enumName={fieldOf(document, "state")?.enum} value={row.state} /> {row.number}{" "}
        {waiting ? <span>{t("portal.waitingOn")} <References document="identity.employee" ids={row.waitingOnIds} plain /> {ago(row.waitingSinceTime)}</span> : ago(row.updateTime)}
      </small>
    </div>
  );
}
