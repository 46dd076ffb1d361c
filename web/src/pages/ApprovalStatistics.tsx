import { DatePicker, Empty, Skeleton, Table, type TableColumnsType } from "antd";
import { useQuery } from "@tanstack/react-query";
import dayjs from "dayjs";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { useListSummary } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { useMe } from "@/api/me";
import { AppLink } from "@/app/links";
import { instant } from "@/contract/format";
import { group } from "@/contract/decimal";
import { lasting, timeText } from "@/contract/format";
import { membersOf, methodOf } from "@/contract/meta";
import type { PersonStatistics, TurnStatistics } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { Reference, References } from "@/documents/Reference";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { TableScroll } from "@/documents/TableScroll";
import { RuleFigures } from "./RuleFigures";

interface Answer {
  turns: TurnStatistics[];
  people: PersonStatistics[];
  peopleCount: number;
}

export const STATISTICS = "/approval/statistics";
/** The list behind a number. */
export const TURNS = `${STATISTICS}/turns?everybody=true`;
const FLOW = "approval.flow_definition";
const DAYS = 30;
const DECIDED = "APPROVED,REJECTED,RETURNED,HANDLED";
const ASKED = `OPEN,${DECIDED},TRANSFERRED,CANCELLED,TAKEN_BACK`;

/** How approvals fare over a period: by flow and node, and who waits for whom. Every number opens the list of its turns. */
export default function ApprovalStatistics() {
  const { t } = useTranslation();
  const meta = useMeta();
  const { todayDate } = useMe();
  const [params, setParams] = useSearchParams();
  const until = params.get("until") ?? todayDate;
  const from = params.get("from") ?? dayjs(until).subtract(DAYS - 1, "day").format("YYYY-MM-DD");
  const flow = params.get("flow") ?? "";
  const method = methodOf(useDocumentMeta("approval.case"), "analyze");
  const { data, error, isLoading, refetch } = useQuery({
    queryKey: ["approval.case", "analyze", context.company, from, until, flow],
    queryFn: ({ signal }) => call<Answer>("GET", method!.path, { query: { fromTime: instant(from, false), untilTime: instant(until, true), flowDefinitionId: flow }, signal }),
  });
  const put = (values: Record<string, string | undefined>) =>
    setParams((before) => {
      const next = new URLSearchParams(before);
      for (const [name, value] of Object.entries(values)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      return next;
    }, { replace: true });
  const within = `&f.openTime=${from}..${until}`;
  const of = (row: TurnStatistics) => `${within}&flow=${row.flowDefinitionId}${row.nodeId ? `&node=${encodeURIComponent(row.nodeId)}` : ""}`;
  const by = (row: PersonStatistics) => `&f.assigneeId=${row.employeeId}${flow && `&flow=${flow}`}`;
  const label = (message: string, name: string) => membersOf(meta, message).find((field) => field.name === name)?.label;
  const figures = <T,>(message: string, entries: [string, (row: T) => number | string, (row: T) => string][]): TableColumnsType<T> =>
    entries.map(([name, valueOf, to]) => ({ key: name, title: label(message, name), align: "right", render: (_, row) => <Figure value={valueOf(row)} to={to(row)} /> }));
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("statistics.title")}</h1>
        <div className="page-tools">
          <DatePicker.RangePicker
            aria-label={t("statistics.period")} value={[dayjs(from), dayjs(until)]} allowClear={false} format="YYYY-MM-DD"
            onChange={(days) => put({ from: days?.[0]?.format("YYYY-MM-DD"), until: days?.[1]?.format("YYYY-MM-DD") })}
          />
          <div className="service-choice"><ReferencePicker label={label("TurnStatistics", "flowDefinitionId")} placeholder={t("statistics.everyFlow")} document={FLOW} value={flow} onChange={(id) => put({ flow: id })} /></div>
        </div>
      </header>
      <p className="quiet lead">{t("statistics.help")}</p>
      {problemOf({ data, error }) ? <PageProblem error={error} retry={() => void refetch()} /> : !data || isLoading ? <Skeleton active title={false} /> : (
        <>
          <section className="card" aria-label={t("statistics.nodes")}>
            <h2>{t("statistics.nodes")}</h2>
            <TableScroll label={t("statistics.nodes")}>
              <Table<TurnStatistics>
                size="small" rowKey={({ flowDefinitionId, nodeId }) => `${flowDefinitionId} ${nodeId}`} pagination={false} dataSource={data.turns} locale={{ emptyText: <None /> }}
                columns={[
                  { title: label("TurnStatistics", "flowName"), render: (_, { flowName, nodeId, nodeName }) => (nodeId ? <span className="node-name">{nodeName || nodeId}</span> : <strong>{flowName}</strong>) },
                  ...figures<TurnStatistics>("TurnStatistics", [
                    ["turnCount", (row) => row.turnCount, (row) => `${of(row)}&f.state=${ASKED}`],
                    ["decidedCount", (row) => row.decidedCount, (row) => `${of(row)}&f.state=${DECIDED}`],
                    ["medianHours", (row) => row.medianHours, (row) => `${of(row)}&f.state=${DECIDED}`],
                    ["p90Hours", (row) => row.p90Hours, (row) => `${of(row)}&f.state=${DECIDED}`],
                    ["returnedCount", (row) => row.returnedCount, (row) => `${of(row)}&f.state=RETURNED`],
                    ["rejectedCount", (row) => row.rejectedCount, (row) => `${of(row)}&f.state=REJECTED`],
                    ["overdueCount", (row) => row.overdueCount, (row) => `${of(row)}&f.state=${ASKED}&overdue=true`],
                  ]),
                ]}
              />
            </TableScroll>
          </section>
          <section className="card" aria-label={t("statistics.people")}>
            <h2>{t("statistics.people")} <span className="count">{t("list.count", { count: data.peopleCount })}</span></h2>
            <TableScroll label={t("statistics.people")}>
              <Table<PersonStatistics>
                size="small" rowKey="employeeId" pagination={false} dataSource={data.people} locale={{ emptyText: <None /> }}
                columns={[
                  { title: label("PersonStatistics", "employeeId"), render: (_, { employeeId }) => <Reference document="identity.employee" id={employeeId} /> },
                  ...figures<PersonStatistics>("PersonStatistics", [
                    ["openCount", (row) => row.openCount, (row) => `${by(row)}&f.state=OPEN`],
                    ["overdueCount", (row) => row.overdueCount, (row) => `${by(row)}&f.state=OPEN&overdue=true`],
                  ]),
                  { title: label("PersonStatistics", "oldestTime"), render: (_, { oldestTime }) => <time dateTime={oldestTime} title={timeText(oldestTime)}>{lasting(oldestTime)}</time> },
                  {
                    title: label("PersonStatistics", "requesterIds"),
                    render: (_, { requesterIds, requesterCount }) => (
                      <><References document="identity.employee" ids={requesterIds} plain />{requesterCount > requesterIds.length && <small className="quiet"> {t("statistics.others", { count: requesterCount - requesterIds.length })}</small>}</>
                    ),
                  },
                  ...figures<PersonStatistics>("PersonStatistics", [
                    ["decidedCount", (row) => row.decidedCount, (row) => `${by(row)}${within}&f.state=${DECIDED}`],
                    ["medianHours", (row) => row.medianHours, (row) => `${by(row)}${within}&f.state=${DECIDED}`],
                  ]),
                ]}
              />
            </TableScroll>
            {data.peopleCount > data.people.length && <p className="quiet">{t("statistics.longest", { count: data.people.length })}</p>}
          </section>
          <Supervised today={todayDate} />
          <RuleFigures flow={flow} from={instant(from, false)} until={instant(until, true)} />
        </>
      )}
    </section>
  );
}

/** Cases that somebody watches over now, and those of them that are late; each the way to its list. */
function Supervised({ today }: { today: string }) {
  const { t } = useTranslation();
  const cases = useDocumentMeta("approval.case");
  const watched = useListSummary(cases, { filter: 'supervision = "WATCHED"' });
  const late = useListSummary(cases, { filter: `supervision = "WATCHED" AND supervise_due_date < "${today}"` });
  const to = `${cases.route}?f.supervision=WATCHED`;
  return (
    <section className="card" aria-label={t("statistics.supervised")}>
      <h2>{t("statistics.supervised")} <span className="count"><AppLink to={to}>{watched?.totalSize ?? 0}</AppLink></span></h2>
      <AppLink to={`${to}&f.superviseDueDate=..${dayjs(today).subtract(1, "day").format("YYYY-MM-DD")}`}>{t("statistics.supervisedLate", { count: late?.totalSize ?? 0 })}</AppLink>
    </section>
  );
}

/** A number and the way to its list; hours come as text, and empty where there are none. */
function Figure({ value, to }: { value: number | string; to: string }) {
  if (value === "") return <>—</>;
  if (value === 0) return <>0</>;
  return <AppLink to={`${TURNS}${to}`}>{typeof value === "string" ? group(value, 1, 2) : value}</AppLink>;
}

function None() {
  const { t } = useTranslation();
  return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("list.nothingFound")} />;
}
