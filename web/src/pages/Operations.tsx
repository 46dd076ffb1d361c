import { Empty, Input, Select, Table } from "antd";
import { useQueries } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { call } from "@/api/http";
import { AppLink, routeOf, useGo } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { lasting, timeText } from "@/contract/format";
import { useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { TableScroll } from "@/documents/TableScroll";
import { LastCheck } from "./LastCheck";

interface StuckDocument {
  documentType: string;
  documentId: string;
  number: string;
  sinceTime: string;
}

interface SlowMethod {
  method: string;
  callCount: number;
  errorCount: number;
  p50Millis: number;
  p95Millis: number;
}

interface RunningProcess {
  name: string;
  version: string;
  pid: number;
  startTime: string;
  seenTime: string;
}

interface FailedLogin {
  username: string;
  ipAddress: string;
  reason: string;
  lastTime: string;
  count: number;
}

interface Report {
  service: string;
  outboxOldestSeconds: number;
  outboxWaitingCount: number;
  parkedCount: number;
  poolInUseCount: number;
  poolSize: number;
  overdueTimers: string[];
  lateTimerSeconds: number;
  failingTimerCount: number;
  organisationEpoch: number;
  stuckGroups: { kind: string; totalCount: number; documents: StuckDocument[] }[];
  slowMethods: SlowMethod[];
  processes: RunningProcess[];
  failedLogins: FailedLogin[];
  failedLoginsProblem: string;
  telemetryKept: boolean;
}

const EVERY_MS = 15_000;
const SLOW_SHOWN = 20;
/** An event that is older than this is not on its way any more: something holds it up. */
const OLD_SECONDS = 30;
const DAYS = [1, 3, 7, 14, 30];

function reasonOf(t: TFunction, kind: string): string {
  const reasons: Record<string, string> = {
    "approval.undecided": t("operations.undecided"),
    "approval.timer": t("operations.timer"),
    "approval.parked": t("operations.unstaffed"),
    "identity.reorganisation": t("operations.reorganisation"),
    "approval.publication": t("operations.publication"),
    "procurement.undecided": t("operations.waiting"),
    "procurement.unconfirmed": t("operations.unconfirmed"),
  };
  return reasons[kind] ?? kind;
}

/** How the suite fares: what is held up, what waits for a person, what is slow, who runs. */
export default function Operations() {
  const { t } = useTranslation();
  const meta = useMeta();
  const go = useGo();
  const [params, setParams] = useSearchParams();
  const days = Number(params.get("days") ?? 3);
  const answers = useQueries({
    queries: meta.services.map(({ name }) => ({
      queryKey: ["platform.operations_report", name, context.company, days],
      queryFn: () => call<Report>("GET", `/v1/${name}/operations/report`, { query: { stuckDays: days } }),
      refetchInterval: EVERY_MS,
    })),
  });
  const reports = answers.flatMap(({ data }) => (data ? [data] : []));
  const newest = Math.max(...reports.map(({ organisationEpoch }) => organisationEpoch));
  const loading = answers.some(({ isLoading }) => isLoading);
  const problem = answers.find(({ error }) => error)?.error;
  if (problem && reports.length === 0) return <PageProblem error={problem} />;
  const titleOf = (name: string) => meta.services.find((one) => one.name === name)?.title ?? name;
  const stuck = reports.flatMap(({ stuckGroups }) => stuckGroups.flatMap(({ kind, documents }) => documents.map((one) => ({ kind, ...one }))));
  const slow = reports.flatMap(({ service, slowMethods }) => slowMethods.map((one) => ({ service, ...one })));
  const logins = reports.flatMap(({ failedLogins }) => failedLogins);
  const processes = new Map(reports.flatMap((report) => report.processes.map((one) => [`${one.name} ${one.pid}`, one])));
  const unknown = reports.find(({ failedLoginsProblem }) => failedLoginsProblem)?.failedLoginsProblem;
  const follow = (text: string) => {
    const [trace] = /^\s*[0-9a-f]{32}\s*$/.exec(text) ?? [];
    const [, route, id] = /(\/[a-z]+\/[a-z-]+)\/([0-9a-f-]{36})/.exec(text) ?? [];
    const document = Object.values(meta.documents).find((one) => one.route === route);
    if (trace) go(`/platform/traces?trace=${trace.trim()}`);
    else if (document && id) go(`/platform/traces?service=${document.service}&document=${id}`);
  };
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("operations.title")}</h1>
        <div className="page-tools">
          <Input.Search className="trace-search" aria-label={t("operations.follow")} placeholder={t("operations.followHelp")} onSearch={follow} />
        </div>
      </header>
      <p className="quiet lead">{t("operations.help")}</p>
      {answers.map(({ error }, index) => error && <p key={meta.services[index].name} className="field-error">{titleOf(meta.services[index].name)} · {sentenceOf(error).title}</p>)}
      <Part title={t("operations.services")}>
        <Table<Report>
          size="small" rowKey="service" pagination={false} dataSource={reports} loading={{ spinning: loading, delay: 200 }}
          columns={[
            { title: t("operations.service"), render: (_, { service }) => titleOf(service) },
            { title: t("operations.oldest"), align: "right", render: (_, { outboxOldestSeconds: age }) => <span className={age > OLD_SECONDS ? "worse" : ""}>{age ? t("operations.seconds", { count: age }) : "—"}</span> },
            { title: t("operations.unpublished"), align: "right", dataIndex: "outboxWaitingCount" },
            { title: t("operations.parked"), align: "right", render: (_, { service, parkedCount }) => (parkedCount ? <AppLink to={`/platform/parked-events?service=${service}`}>{parkedCount}</AppLink> : 0) },
            { title: t("operations.pool"), align: "right", render: (_, { poolInUseCount, poolSize }) => `${poolInUseCount} / ${poolSize}` },
            { title: t("operations.overdue"), render: (_, { overdueTimers }) => (overdueTimers.length ? <span className="worse">{overdueTimers.join(" · ")}</span> : "—") },
            { title: t("operations.organisation"), align: "right", render: (_, { organisationEpoch: epoch }) => <span className={epoch < newest ? "worse" : ""}>{epoch}</span> },
            { title: t("operations.documentTimers"), align: "right", render: (_, { failingTimerCount: failing, lateTimerSeconds: late }) => (failing || late > OLD_SECONDS ? <span className="worse">{t("operations.timersBehind", { failing, late })}</span> : "—") },
          ]}
        />
      </Part>
      <LastCheck />
      <Part
        title={t("operations.stuck")}
        tools={<Select aria-label={t("operations.stuck")} value={days} options={DAYS.map((count) => ({ value: count, label: t("operations.days", { count }) }))} onChange={(value: number) => setParams((before) => new URLSearchParams([...new Map([...before, ["days", String(value)]])]), { replace: true })} />}
      >
        <Table<(typeof stuck)[number]>
          size="small" rowKey={({ kind, documentId }) => `${kind} ${documentId}`} pagination={false} dataSource={stuck} locale={{ emptyText: <None text={t("operations.noStuck")} /> }}
          columns={[
            { title: t("operations.reason"), render: (_, { kind }) => reasonOf(t, kind) },
            {
              title: t("operations.document"),
              render: (_, { documentType, documentId, number }) => {
                const document = meta.documents[documentType];
                return document ? <AppLink to={routeOf(document, documentId)}>{number || document.title}</AppLink> : number;
              },
            },
            { title: t("operations.since"), render: (_, { sinceTime }) => <time dateTime={sinceTime} title={timeText(sinceTime)}>{lasting(sinceTime)}</time> },
            { title: t("operations.trace"), render: (_, { documentType, documentId }) => <AppLink to={`/platform/traces?service=${documentType.split(".")[0]}&document=${documentId}`}>{t("operations.trace")}</AppLink> },
          ]}
        />
      </Part>
      <Part title={t("operations.slow")}>
        {reports.some(({ telemetryKept }) => !telemetryKept) ? (
          <p className="quiet">{t("operations.notKept")}</p>
        ) : (
          <Table<(typeof slow)[number]>
            size="small" rowKey={({ service, method }) => `${service} ${method}`} pagination={false} dataSource={slow.toSorted((a, b) => b.p95Millis - a.p95Millis).slice(0, SLOW_SHOWN)} locale={{ emptyText: <None text={t("operations.noSlow")} /> }}
            columns={[
              { title: t("operations.service"), render: (_, { service }) => titleOf(service) },
              { title: t("operations.method"), dataIndex: "method" },
              { title: t("operations.calls"), align: "right", dataIndex: "callCount" },
              { title: t("operations.errors"), align: "right", dataIndex: "errorCount" },
              { title: t("operations.median"), align: "right", render: (_, { p50Millis }) => t("operations.millis", { count: p50Millis }) },
              { title: t("operations.p95"), align: "right", render: (_, { p95Millis }) => t("operations.millis", { count: p95Millis }) },
            ]}
          />
        )}
      </Part>
      <Part title={t("operations.failedLogins")}>
        {unknown ? (
          <p className="quiet">{t("operations.loginsUnknown", { problem: unknown })}</p>
        ) : (
          <Table<FailedLogin>
            size="small" rowKey={({ username, ipAddress, reason }) => `${username} ${ipAddress} ${reason}`} pagination={false} dataSource={logins} locale={{ emptyText: <None text={t("operations.noLogins")} /> }}
            columns={[
              { title: t("operations.username"), render: (_, { username }) => username || t("operations.unknownName") },
              { title: t("operations.ip"), dataIndex: "ipAddress" },
              { title: t("operations.reason"), render: (_, { reason }) => <code>{reason}</code> },
              { title: t("operations.calls"), align: "right", dataIndex: "count" },
              { title: t("operations.lastTime"), render: (_, { lastTime }) => timeText(lastTime) },
            ]}
          />
        )}
      </Part>
      <Part title={t("operations.processes")}>
        <Table<RunningProcess>
          size="small" rowKey={({ name, pid }) => `${name} ${pid}`} pagination={false} dataSource={[...processes.values()]}
          columns={[
            { title: t("operations.process"), dataIndex: "name" },
            { title: t("operations.version"), dataIndex: "version" },
            { title: t("operations.pid"), align: "right", dataIndex: "pid" },
            { title: t("operations.started"), render: (_, { startTime }) => timeText(startTime) },
            { title: t("operations.seen"), render: (_, { seenTime }) => t("operations.ago", { time: lasting(seenTime) }) },
          ]}
        />
      </Part>
    </section>
  );
}

function Part({ title, tools, children }: { title: string; tools?: React.ReactNode; children: React.ReactNode }) {
  return (
    <section className="card" aria-label={title}>
      <header className="page-head">
        <h2>{title}</h2>
        {tools}
      </header>
      <TableScroll label={title}>{children}</TableScroll>
    </section>
  );
}

function None({ text }: { text: string }) {
  return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={text} />;
}
