import { Skeleton } from "antd";
import { useMemo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useDocument, useList } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { useMe } from "@/api/me";
import { nameOf, titleOf } from "@/api/references";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { useRemember } from "@/app/recent";
import { isCustom } from "@/contract/customFields";
import { decimalText } from "@/contract/format";
import { fieldOf, membersOf, NAME_OF_DAY, shownFields, type DocumentMeta, type Field, type Row } from "@/contract/meta";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { AttachmentsPanel } from "@/attachments/AttachmentsPanel";
import { ActionBar, withActions } from "./ActionBar";
import { CaseTimeline } from "./CaseTimeline";
import { FieldValue } from "./FieldValue";
import { History } from "./History";
import { LinesTable } from "./LinesTable";
import { PageProblem } from "./PageProblem";
import { PrintButton } from "./PrintButton";
import { Reference } from "./Reference";
import { RelatedDocuments } from "./RelatedDocuments";
import { StateLine } from "./StateLine";
import { StateTag } from "./StateTag";

interface Props {
  document: DocumentMeta;
  /** Actions with a page or dialog of their own. */
  own?: (row: Row) => Record<string, () => void>;
  next?: (action: string, answer: Row) => string | undefined;
  /** Actions that the page offers in its own place. */
  apart?: string[];
  tools?: (row: Row) => ReactNode;
  /** Above the fields. */
  notes?: (row: Row) => ReactNode;
  /** Below the fields. */
  more?: (row: Row) => ReactNode;
  side?: (row: Row) => ReactNode;
  /** Fields that the page shows in its own place. */
  without?: string[];
}

/** The page of any document: what it is, what may be done, its fields and lines, where it came from and who changed it. */
export default function GenericDetail({ document, ...rest }: Props) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (!data) return <Skeleton active className="page" />;
  return <DetailPage document={document} row={data} {...rest} />;
}

/** Files have no files of their own. */
const FILES = "documents";
const LAST = ["companyId", "departmentId", "departmentHeadName", "ownerId", "createTime", "updateTime"];
const IN_HEADER = ["number", "state", "amount", "currency", "title"];

export function DetailPage({ document, row, own, next, apart = [], tools, notes, more, side, without = [] }: Props & { row: Row }) {
  const fields = shownFields(document.fields).filter(({ name, inputOnly }) => !inputOnly && !IN_HEADER.includes(name) && !without.includes(name));
  useRemember(useMemo(() => ({ to: inItsCompany(routeOf(document, row.id), row), title: nameOf(document, row), document: document.key }), [document, row]));
  const caseId = useCaseId(document, row);
  const linked = document.methods.listLinks !== undefined;
  return (
    <section className="page">
      <DocumentHead document={document} row={row} actions={<ActionBar document={document} row={withActions(row, (name) => !apart.includes(name))} own={own?.(row)} next={next} />} tools={tools?.(row)} />
      <StateLine document={document} row={row} />
      {notes?.(row)}
      <div className={caseId || linked || side ? "with-side" : ""}>
        <FactsCard fields={fields.filter(({ type }) => type !== "message" && type !== "map")} row={row} />
        {(caseId || linked || side) && (
          <aside className="side-column">
            {side?.(row)}
            {caseId && <CaseTimeline caseId={caseId} />}
            {linked && <RelatedDocuments document={document} id={row.id} />}
          </aside>
        )}
      </div>
      {fields.filter(({ type }) => type === "message").map((field) => <MessageCard key={field.name} field={field} value={row[field.name]} currency={row.currency as string} />)}
      {more?.(row)}
      {document.service !== FILES && <AttachmentsPanel documentType={document.key} documentId={row.id} version={row.etag} />}
      <History document={document} id={row.id} />
    </section>
  );
}

/** The case that a document is, or was last, decided in. */
function useCaseId(document: DocumentMeta, row: Row): string {
  const me = useMe();
  const cases = useDocumentMeta("approval.case");
  // the owner has a part in the case that the record names
  const own = row.caseId !== undefined && row.ownerId === me.employee.id;
  const known = document.key === cases.key ? row.id : own ? String(row.caseId) : "";
  // asked as a list: a case that the reader has no part in is left out, not refused
  const wanted = !known && !own && Number(row.submission ?? 0) > 0;
  const latest = useList(cases, { filter: `document_id = "${row.id}"`, orderBy: "create_time desc", pageSize: 1 }, wanted);
  return known || (wanted ? (latest.data?.rows[0]?.id ?? "") : "");
}

/** Type, number, state, owner, amount, and what may be done. */
export function DocumentHead({ document, row, actions, tools }: { document: DocumentMeta; row: Row; actions?: ReactNode; tools?: ReactNode }) {
  const state = fieldOf(document, "state");
  const amount = fieldOf(document, "amount");
  const number = String(row.number || row.documentNumber || row.code || "");
  const name = String(row.title ?? row.name ?? row.supplierName ?? "");
  return (
    <header className="document-head">
      <div className="document-title">
        <AppLink to={document.route} className="quiet-link">{document.title}</AppLink>
        <h1>{number && <span className="number">{number}</span>} {name || (number ? "" : titleOf(document, row))}
          {!number && !name && document.titleFields.map((one) => fieldOf(document, one)).map((one) => one?.references && <span key={one.name}><Reference document={one.references} id={String(row[one.name] ?? "")} plain /> </span>)}</h1>
        <div className="document-facts">
          {state && <StateTag enumName={state.enum} value={row.state} />}
          {typeof row.ownerId === "string" && row.ownerId && <Reference document="identity.employee" id={row.ownerId} plain />}
        </div>
      </div>
      {amount && Boolean(row.amount) && <div className="head-amount"><span className="figure">{decimalText(amount, String(row.amount))}</span> <small>{String(row.currency ?? "")}</small></div>}
      <div className="page-tools"><PrintButton document={document} row={row} />{tools}{actions}</div>
    </header>
  );
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === false || (Array.isArray(value) && value.length === 0) || (typeof value === "string" && value.endsWith("UNSPECIFIED"));
}

/** Fields that have a value, label above value. */
export function FactsCard({ fields, row, title }: { fields: Field[]; row: Record<string, unknown>; title?: string }) {
  const shown = fields.filter((field) => !isEmpty(row[field.name])).toSorted((a, b) => Number(LAST.includes(a.name)) - Number(LAST.includes(b.name)));
  if (shown.length === 0) return null;
  return (
    <section className="card">
      {title && <h2>{title}</h2>}
      <dl className="facts">
        {shown.map((field) => (
          <div key={field.name} className={[field.format === "MULTILINE" || field.type === "struct" ? "long" : "", isCustom(field) && !field.printed ? "on-screen" : ""].join(" ").trim() || undefined}>
            <dt>{field.label}</dt>
            <dd><FieldValue field={field} value={row[field.name]} said={row[NAME_OF_DAY[field.name] ?? ""]} /></dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function MessageCard({ field, value, currency }: { field: Field; value: unknown; currency?: string }) {
  const meta = useMeta();
  const { t } = useTranslation();
  const members = shownFields(membersOf(meta, field.message));
  if (isEmpty(value)) return null;
  if (!field.repeated) return <FactsCard title={field.label} fields={members} row={value as Record<string, unknown>} />;
  const rows = value as Row[];
  return (
    <section className="card">
      <h2>{field.label} <span className="count">{t("list.count", { count: rows.length })}</span></h2>
      <LinesTable label={field.label} fields={members} rows={rows} currency={currency} />
    </section>
  );
}
