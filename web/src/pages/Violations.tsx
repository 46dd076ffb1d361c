import { Alert, Skeleton, Table } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { AppLink } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { timeText } from "@/contract/format";
import { membersOf, methodOf } from "@/contract/meta";
import type { DutyHolding, DutyViolation } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";

interface Answer {
  violations: DutyViolation[];
  totalSize: number;
}

/** Who holds both duties of a pair, by which grants and since when: of one pair, of one person, or all. */
export function Violations({ pairId = "", employeeId = "" }: { pairId?: string; employeeId?: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const pairs = useDocumentMeta("identity.duty_conflict");
  const method = methodOf(pairs, "listViolations");
  const allowed = useCan()(method);
  const { data, error } = useQuery({
    // grants and roles change it as much as the pairs do: always asked anew
    queryKey: [pairs.key, "listViolations", context.company, pairId, employeeId],
    queryFn: ({ signal }) => call<Answer>("GET", method!.path, { query: { dutyConflictId: pairId, employeeId }, signal }),
    enabled: allowed,
    staleTime: 0,
  });
  if (!allowed || (employeeId && data?.violations.length === 0)) return null;
  const labels = Object.fromEntries(membersOf(meta, "DutyViolation").map(({ name, label }) => [name, label]));
  return (
    <section className="card" aria-label={t("duty.violations")}>
      <h2>{t("duty.violations")} {data && <span className="count">{t("list.count", { count: data.totalSize })}</span>}</h2>
      {error ? <p className="field-error" role="alert">{sentenceOf(error).title}</p> : !data ? <Skeleton active title={false} /> : data.violations.length === 0
        ? <Alert type="success" showIcon role="status" title={t("duty.none")} description={t("duty.noneHelp")} />
        : (
          <>
            <Alert className="note" type="warning" showIcon role="status" title={t("duty.found", { count: data.totalSize })} description={t("duty.foundHelp")} />
            <TableScroll label={t("duty.found", { count: data.totalSize })}>
              <Table<DutyViolation>
                size="small" rowKey={(row) => `${row.dutyConflictId} ${row.employeeId} ${row.companyId}`} pagination={false} dataSource={data.violations}
                columns={[
                  ...(employeeId ? [] : [{ title: labels.employeeId, render: (_: unknown, row: DutyViolation) => <Reference document="identity.employee" id={row.employeeId} /> }]),
                  ...(pairId ? [] : [{ title: labels.dutyConflictId, render: (_: unknown, row: DutyViolation) => <Reference document={pairs.key} id={row.dutyConflictId} /> }]),
                  { title: labels.companyId, render: (_, row) => row.companyId ? <Reference document="identity.company" id={row.companyId} plain /> : t("why.everyCompany") },
                  { title: labels.first, render: (_, row) => <Holding held={row.first} /> },
                  { title: labels.second, render: (_, row) => <Holding held={row.second} /> },
                  { title: labels.sinceTime, render: (_, row) => <time dateTime={row.sinceTime}>{timeText(row.sinceTime)}</time> },
                ]}
              />
            </TableScroll>
            {data.totalSize > data.violations.length && <p className="quiet">{t("duty.more", { count: data.totalSize - data.violations.length })}</p>}
          </>
        )}
    </section>
  );
}

/** The role and the grant by which a duty is held. */
function Holding({ held }: { held: DutyHolding }) {
  const { t } = useTranslation();
  const until = held.validUntilDate && ` · ${t("duty.until", { date: held.validUntilDate })}`;
  return (
    <>
      {held.grantId ? <AppLink to={`/identity/grants/${held.grantId}`}>{held.roleName}</AppLink> : held.roleName}
      {" "}<small className="quiet">{held.grantId ? timeText(held.sinceTime) : t("why.everybodysRole")}{until}</small>
    </>
  );
}
