import { Alert, Skeleton, Table } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { AppLink } from "@/app/links";
import { membersOf, methodOf } from "@/contract/meta";
import type { RuleStatistics } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";

interface Props {
  /** Of one flow; else of all, each named. */
  flow?: string;
  from?: string;
  until?: string;
  off?: boolean;
}

const COUNTS = ["agreedCount", "refusedCount", "undecidedCount", "sampledCount", "answeredCount", "otherwiseCount"] as const;
/** What the log is narrowed to behind a number. */
const BEHIND: Record<(typeof COUNTS)[number], string> = {
  agreedCount: "&f.outcome=AGREED&f.sampled=false", refusedCount: "&f.outcome=REFUSED&f.sampled=false", undecidedCount: "&f.outcome=OVER_LIMIT,FAILED",
  sampledCount: "&f.sampled=true", answeredCount: "&f.sampled=true&f.answer=AGREE,REFUSE,SEND_BACK", otherwiseCount: "&f.sampled=true&f.answer=AGREE,REFUSE,SEND_BACK",
};

/** How often rules decided instead of people, and how often people decided the samples otherwise; nothing where no rule did. */
export function RuleFigures({ flow = "", from, until, off = false }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const meta = useMeta();
  const log = useDocumentMeta("approval.automatic_decision");
  const method = methodOf(log, "analyze");
  const { data, error, isLoading, refetch } = useQuery({
    queryKey: ["approval.automatic_decision", "analyze", context.company, flow, from, until],
    queryFn: ({ signal }) => call<{ rules: RuleStatistics[] }>("GET", method!.path, { query: { flowDefinitionId: flow, ...(from ? { fromTime: from } : {}), ...(until ? { untilTime: until } : {}) }, signal }),
    enabled: can(method),
  });
  if (!can(method)) return null;
  const label = (name: string) => membersOf(meta, "RuleStatistics").find((field) => field.name === name)?.label;
  const to = (row: RuleStatistics) => `${log.route}?f.flowDefinitionId=${row.flowDefinitionId}&f.ruleName=${encodeURIComponent(row.ruleName)}`;
  return (
    <section className="card" aria-label={t("rules.title")}>
      <h2>{t("rules.title")}</h2>
      {off && <Alert className="note" type="warning" showIcon title={t("rules.off")} />}
      <p className="quiet">{!from && t("rules.period")}{t("rules.help")}</p>
      {problemOf({ data, error }) ? <PageProblem error={error} retry={() => void refetch()} /> : isLoading ? <Skeleton active title={false} /> : (
        <TableScroll label={t("rules.title")}>
          <Table<RuleStatistics>
            size="small" pagination={false} dataSource={data?.rules} locale={{ emptyText: t("rules.none") }}
            rowKey={(row) => `${row.flowDefinitionId} ${row.flowVersion} ${row.nodeId} ${row.ruleName}`}
            columns={[
              {
                title: label("ruleName"),
                render: (_, row) => <><strong>{row.ruleName}</strong> <small className="quiet">{row.nodeName} · {t("flow.version", { version: row.flowVersion })}{!flow && <> · <Reference document="approval.flow_definition" id={row.flowDefinitionId} plain /></>}</small></>,
              },
              ...COUNTS.map((name) => ({ key: name, title: label(name), align: "right" as const, render: (_: unknown, row: RuleStatistics) => (row[name] === 0 ? 0 : <AppLink to={`${to(row)}${BEHIND[name]}`}>{row[name]}</AppLink>) })),
              {
                key: "error", title: label("errorPercent"), align: "right",
                render: (_, row) => (row.errorPercent === "" ? "—" : <span title={t("rules.interval")}>{row.errorPercent} <small className="quiet">({row.errorFromPercent}–{row.errorToPercent})</small></span>),
              },
            ]}
          />
        </TableScroll>
      )}
    </section>
  );
}
