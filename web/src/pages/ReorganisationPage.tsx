import { Alert, Skeleton } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { useReference } from "@/api/references";
import { call, fillPath } from "@/api/http";
import { AppLink, routeOf } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { fieldOf, membersOf, methodOf, textOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ReorganisationFinding, ReorganisationPreview } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { LinesTable } from "@/documents/LinesTable";
import type { Values } from "@/documents/formValues";

const OPEN = ["DRAFT", "SCHEDULED"];
const CHANGES = ["NEW", "CHANGED", "DISSOLVED"];

/** A reorganisation: its changes, what the organisation would be, and what stands against it. */
export default function ReorganisationPage({ document }: { document: DocumentMeta }) {
  return (
    <GenericDetail
      document={document} without={["findings"]}
      more={(row) => (OPEN.includes(String(row.state)) ? <Preview document={document} row={row} /> : <Findings findings={row.findings as ReorganisationFinding[]} />)}
    />
  );
}

function Preview({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const method = methodOf(document, "preview")!;
  const { data, error } = useQuery({
    // people and departments change it as much as its own lines do: always asked anew
    queryKey: [document.key, "preview", context.company, row.id, row.etag],
    queryFn: ({ signal }) => call<ReorganisationPreview>("GET", fillPath(method.path, { id: row.id }), { signal }),
    staleTime: 0,
  });
  if (problemOf({ data, error })) return <Alert className="note" role="alert" type="error" showIcon title={sentenceOf(error).title} />;
  if (!data) return <Skeleton active />;
  const names = new Map(data.units.map(({ departmentId, name }) => [departmentId, name]));
  const fields = membersOf(meta, "ReorganisationPreview.Unit").filter(({ name }) => name !== "departmentId").map((one) => (one.name === "parentId" ? { ...one, type: "string" as const, references: undefined } : one));
  const rows = data.units.filter(({ change }) => CHANGES.includes(change)).map((unit) => ({ ...unit, id: unit.departmentId, parentId: names.get(unit.parentId) ?? "" }));
  return (
    <>
      <Findings findings={data.findings} clear={t("organisation.nothingAgainst")} />
      <section className="card">
        <h2>{t("organisation.preview", { date: String(row.effectiveDate) })} <span className="count">{t("list.count", { count: rows.length })}</span></h2>
        {rows.length === 0 ? <p className="quiet">{t("organisation.sameUnits")}</p> : <LinesTable label={t("organisation.preview", { date: String(row.effectiveDate) })} fields={fields} rows={rows} />}
      </section>
      <Approvals preview={data} />
    </>
  );
}

/** The steps of running approvals that it concerns: turns that are open stay, steps to come ask by the new organisation. */
function Approvals({ preview }: { preview: ReorganisationPreview }) {
  const { t } = useTranslation();
  const { approvals, approvalsLookedAt: count } = preview;
  const fields = membersOf(useMeta(), "ApprovalEffect").filter(({ name }) => name !== "caseId");
  const without = approvals.filter(({ effect }) => effect === "WITHOUT_APPROVER").length;
  const title = t("organisation.approvals");
  const cells = { documentNumber: (row: Values) => <CaseLink id={String(row.caseId)} number={String(row.documentNumber)} /> };
  return (
    <section className="card">
      <h2>{title} <span className="count">{t("list.count", { count: approvals.length })}</span></h2>
      <p className="quiet">{t("organisation.approvalsRule")}</p>
      {without > 0 && <Alert className="note" type="warning" showIcon role="status" title={t("organisation.approvalsWithout", { count: without })} description={t("organisation.approvalsWithoutHelp")} />}
      {preview.approvalsUnknown && <Alert className="note" type="warning" showIcon role="status" title={t("organisation.approvalsUnknown")} description={t("organisation.approvalsUnknownHelp")} />}
      {!preview.approvalsUnknown && approvals.length === 0 && <p>{t("organisation.approvalsNone", { count })}</p>}
      {approvals.length > 0 && <LinesTable label={title} fields={fields} rows={approvals.map((one) => ({ ...one, id: `${one.caseId} ${one.nodeName} ${one.effect}` }))} cells={cells} />}
      {preview.approvalsCapped && <p className="quiet">{t("organisation.approvalsCapped", { count })}</p>}
    </section>
  );
}

/** The number leads to the approval, where the reader may see it. */
function CaseLink({ id, number }: { id: string; number: string }) {
  const document = useDocumentMeta("approval.case");
  const known = useReference(document.key, id);
  return known ? <AppLink to={routeOf(document, id)}>{number}</AppLink> : <>{number}</>;
}

/** What stands against it, and what somebody should look at. */
function Findings({ findings, clear }: { findings: ReorganisationFinding[]; clear?: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const label = fieldOf({ fields: membersOf(meta, "ReorganisationFinding") } as DocumentMeta, "aboutLine")?.label ?? "";
  const said = (blocking: boolean) => findings.filter((one) => one.blocking === blocking);
  const list = (some: ReorganisationFinding[]) => (
    <ul className="plain-list">{some.map((one) => <li key={one.lineNumber}>{one.aboutLine > 0 && `${label} ${one.aboutLine}: `}{textOf(meta, `reorganisation.what.${one.whatKey}`, one.whatFacts)}</li>)}</ul>
  );
  const [against, look] = [said(true), said(false)];
  return (
    <>
      {against.length > 0 && <Alert className="note" type="error" showIcon title={t("organisation.against", { count: against.length })} description={list(against)} />}
      {look.length > 0 && <Alert className="note" type="warning" showIcon title={t("organisation.look", { count: look.length })} description={list(look)} />}
      {findings.length === 0 && clear && <Alert className="note" type="success" showIcon title={clear} />}
    </>
  );
}
