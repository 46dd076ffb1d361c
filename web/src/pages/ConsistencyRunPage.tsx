import { CheckCircleFilled, CloseCircleFilled } from "@ant-design/icons";
import { Alert, Progress, Skeleton, Table } from "antd";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { useHolds } from "@/api/me";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { lasting, timeText } from "@/contract/format";
import { enumLabel, fieldOf, membersOf, methodOf, serviceName, textOf, type DocumentMeta, type Meta } from "@/contract/meta";
import type { ConsistencyFinding, ConsistencyRun } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { DocumentHead, FactsCard } from "@/documents/GenericDetail";
import { actionLabel, History } from "@/documents/History";
import { PageProblem } from "@/documents/PageProblem";
import { TableScroll } from "@/documents/TableScroll";
import { CheckNow, OPEN } from "./CheckNow";

const FACTS = ["origin", "requesterId", "startTime", "finishTime", "rowCount"];
/** While a run is under way its changes arrive by themselves; a browser that was cut off asks again. */
const EVERY_MS = 15_000;

/** One comparison of the books: what it came to, what was found with its cause, and what was looked at. */
export default function ConsistencyRunPage({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument<ConsistencyRun>(document, id, ({ state }) => OPEN.includes(state) && EVERY_MS);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton active className="page" />;
  const facts = FACTS.flatMap((name) => fieldOf(document, name) ?? []);
  return (
    <section className="page">
      <DocumentHead document={document} row={data} actions={<CheckNow document={document} />} />
      <p className="quiet lead">{document.help}</p>
      <Verdict document={document} run={data} />
      <Findings document={document} run={data} />
      <Rules document={document} run={data} />
      <FactsCard fields={facts} row={data} />
      <History document={document} id={data.id} />
    </section>
  );
}

function Verdict({ document, run }: { document: DocumentMeta; run: ConsistencyRun }) {
  const { t } = useTranslation();
  const meta = useMeta();
  switch (run.state) {
    case "REQUESTED":
      return <Alert className="note" type="info" showIcon role="status" title={t("books.waits")} description={t("books.waitsHelp")} />;
    case "RUNNING":
      return (
        <Alert
          className="note" type="info" showIcon role="status" title={t("books.running", { done: run.checkedCount, count: run.invariantCount })}
          description={<Progress aria-label={t("books.running", { done: run.checkedCount, count: run.invariantCount })} percent={Math.round((100 * run.checkedCount) / Math.max(1, run.invariantCount))} />}
        />
      );
    case "AGREED":
      return <Alert className="note" type="success" showIcon role="status" title={t("books.agreed")} description={t("books.agreedHelp", { rules: run.results.length, rows: run.rowCount.toLocaleString() })} />;
    case "FINDINGS":
      return (
        <Alert
          className="note" type="error" showIcon role="status" title={t("books.findings", { count: run.findingCount })}
          description={t("books.findingsHelp", { broken: run.results.filter(({ findingCount }) => findingCount).length, rules: run.results.length, rows: run.rowCount.toLocaleString() })}
        />
      );
    default:
      return (
        <Alert
          className="note" type="warning" showIcon role="status" title={t("books.failed", { reason: enumLabel(meta, fieldOf(document, "failure")?.enum, run.failure) })}
          description={<>{run.failureDetail && <p><code>{run.failureDetail}</code></p>}{t("books.failedHelp")}</>}
        />
      );
  }
}

function Findings({ document, run }: { document: DocumentMeta; run: ConsistencyRun }) {
  const { t } = useTranslation();
  const meta = useMeta();
  if (run.findings.length === 0) return null;
  const ruleName = ruleNames(document, meta);
  const counts = new Map(run.results.map(({ invariant, findingCount }) => [invariant, findingCount]));
  const rules = [...new Set(run.findings.map(({ invariant }) => invariant))];
  return rules.map((rule) => {
    const shown = run.findings.filter(({ invariant }) => invariant === rule);
    const more = (counts.get(rule) ?? 0) - shown.length;
    return (
      <section key={rule} className="card" aria-label={ruleName(rule)}>
        <h2>{ruleName(rule)} <span className="count">{t("books.rows", { count: counts.get(rule) ?? shown.length })}</span></h2>
        <ul className="findings">
          {shown.map((finding) => <Finding key={finding.lineNumber} finding={finding} run={run} />)}
        </ul>
        {more > 0 && <p className="quiet">{t("books.more", { count: more })}</p>}
      </section>
    );
  });
}

function Finding({ finding, run }: { finding: ConsistencyFinding; run: ConsistencyRun }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const members = Object.fromEntries(membersOf(meta, "ConsistencyFinding").map(({ name, label }) => [name, label]));
  const parked = useHolds("platform.parked_event.list");
  const document = meta.documents[finding.documentType] as DocumentMeta | undefined;
  const title = finding.documentTitle || finding.documentId;
  const name = document && methodOf(document, "get") ? <AppLink to={inItsCompany(routeOf(document, finding.documentId), { companyId: finding.documentCompanyId })}>{title}</AppLink> : title;
  const next = meta.texts[`consistency.next.${finding.whatKey}`] ?? meta.texts[`consistency.next.${finding.causeKey}`];
  return (
    <li>
      <h3>{document?.title} {name} <small>{serviceName(meta, finding.service)}</small></h3>
      <dl className="facts">
        <div className="long"><dt>{members.whatKey}</dt><dd>{textOf(meta, `consistency.what.${finding.whatKey}`, readable(meta, finding, finding.whatFacts))}</dd></div>
        <div className="long"><dt>{members.causeKey}</dt><dd>{textOf(meta, `consistency.cause.${finding.causeKey}`, readable(meta, finding, finding.causeFacts))}</dd></div>
        {next && (
          <div className="long"><dt>{t("books.next")}</dt>
            <dd>{next} {finding.causeKey === "parked" && parked && <AppLink to={`/platform/parked-events?service=${finding.causeFacts.service}`}>{t("parked.title")}</AppLink>}</dd>
          </div>
        )}
        <div><dt>{members.sinceTime}</dt><dd><time dateTime={finding.sinceTime} title={timeText(finding.sinceTime)}>{timeText(finding.sinceTime)} ({t("operations.ago", { time: lasting(finding.sinceTime) })})</time></dd></div>
        <div><dt>{members.firstRunNumber}</dt><dd>{finding.firstRunNumber === run.number ? t("books.thisRun") : `${finding.firstRunNumber}, ${timeText(finding.firstTime)}`}</dd></div>
      </dl>
    </li>
  );
}

function Rules({ document, run }: { document: DocumentMeta; run: ConsistencyRun }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const ruleName = ruleNames(document, meta);
  if (run.results.length === 0) return null;
  return (
    <section className="card" aria-label={t("books.rules")}>
      <h2>{t("books.rules")} <span className="count">{t("list.count", { count: run.results.length })}</span></h2>
      <TableScroll label={t("books.rules")}>
        <Table<ConsistencyRun["results"][number]>
          size="small" rowKey="invariant" pagination={false} dataSource={run.results}
          columns={[
            {
              title: t("books.outcome"),
              render: (_, { findingCount }) => findingCount
                ? <span className="worse"><CloseCircleFilled aria-hidden="true" /> {t("books.rows", { count: findingCount })}</span>
                : <span className="better"><CheckCircleFilled aria-hidden="true" /> {t("books.holds")}</span>,
            },
            { title: t("books.rule"), render: (_, { invariant }) => ruleName(invariant) },
            { title: fieldOf(document, "rowCount")?.label, align: "right", render: (_, { rowCount }) => rowCount.toLocaleString() },
          ]}
        />
      </TableScroll>
    </section>
  );
}

function ruleNames(document: DocumentMeta, meta: Meta): (rule: string) => string {
  const results = membersOf(meta, fieldOf(document, "results")?.message);
  const field = results.find(({ name }) => name === "invariant");
  return (rule) => enumLabel(meta, field?.enum, rule);
}

/** Whose states a sentence names. */
const STATES: Record<string, string> = {
  "case_disagrees.state": "PurchaseRequisition.State",
  "case_disagrees.caseState": "Case.State",
  "an_office_request_is_as_its_case_says.state": "OfficeRequest.State",
  "an_office_request_is_as_its_case_says.caseState": "Case.State",
  "an_open_task_belongs_to_a_live_case.state": "Case.State",
  "a_line_in_the_pool_has_its_task.state": "PurchaseRequisitionLine.State",
  "a_line_in_the_pool_has_its_task.task": "SourcingTask.State",
  "an_order_line_and_its_requisition_line_name_each_other.state": "PurchaseRequisitionLine.State",
};

/** Facts as people read them: times in the reader's zone, names of services, states, documents and actions. */
function readable(meta: Meta, { whatKey, documentType }: ConsistencyFinding, facts: Record<string, string>): Record<string, string> {
  const document = meta.documents[documentType] as DocumentMeta | undefined;
  const read = (name: string, value: string): string => {
    if (name === "time") return timeText(value);
    if (name === "service" || name === "consumer") return serviceName(meta, value);
    // what was done by itself is named by the event that led to it
    const about = value.startsWith("evt.") && meta.documents[value.split(".").slice(1, 3).join(".")];
    if (about) return `${about.title} (${value})`;
    if (name === "method" && document) return actionLabel(meta, document, value);
    return STATES[`${whatKey}.${name}`] ? enumLabel(meta, STATES[`${whatKey}.${name}`], value) : value;
  };
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, read(name, value)]));
}
