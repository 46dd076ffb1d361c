import { ArrowDownOutlined, ArrowUpOutlined } from "@ant-design/icons";
import { Grid } from "antd";
import { useTranslation } from "react-i18next";
import { compare, isZero } from "@/contract/decimal";
import { decimalText } from "@/contract/format";
import { fieldOf, membersOf, shownFields, type DocumentMeta, type Field, type Row } from "@/contract/meta";
import type { RequisitionLine } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { FactsCard } from "@/documents/GenericDetail";
import { askedDifferences } from "@/documents/asked";
import { FieldDifferences } from "@/documents/FieldDifferences";
import { FieldValue } from "@/documents/FieldValue";
import { LinesTable } from "@/documents/LinesTable";
import { Reference } from "@/documents/Reference";
import type { Values } from "@/documents/formValues";
import { RequestContent } from "./OfficeRequestPage";

/** Of the record's own bookkeeping an approver needs nothing: only what is asked for. */
const ASIDE = new Set([
  "number", "state", "amount", "currency", "title", "createTime", "updateTime", "ownerId", "caseId", "submission", "submitTime", "decideTime", "waitingOnIds", "waitingSinceTime",
  "baseAmount", "baseCurrency", "exchangeRate", "exchangeRateDate", "copiedFromId", "orderedPercent", "outcomeNote", "companyId",
]);
/** Of a designed form its own fields say all. */
const FORM = new Set(["formId", "formCode", "formName", "formVersion", "values", "hiddenKeys"]);
const LINE_COLUMNS = ["description", "specification", "quantity", "unitPrice", "lastUnitPrice", "amount", "needDate", "supplierId", "note"];

/** What an approver agrees to: lines first, then the rest. */
export function TaskContent({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const wide = Grid.useBreakpoint().lg ?? true;
  const fields = shownFields(document.fields).filter(({ name, type }) => !ASIDE.has(name) && type !== "message" && type !== "map" && !(row.form && FORM.has(name)));
  const change = fieldOf(document, "pendingChange");
  const lines = fieldOf(document, "lines");
  const members = membersOf(meta, lines?.message);
  const shown = LINE_COLUMNS.map((name) => members.find((field) => field.name === name)).filter((field) => field !== undefined);
  const rows = (row.lines ?? []) as RequisitionLine[];
  const asked = askedDifferences(meta, document, row as Values);
  const changeFields = membersOf(meta, change?.message).filter(({ type }) => type !== "message");
  return (
    <>
      {Boolean(row.form) && <RequestContent row={row} />}
      {change && Boolean(row.pendingChange) && <FactsCard title={change.label} fields={changeFields} row={row.pendingChange as Values} />}
      {asked.length > 0 && <section className="card" aria-label={t("order.changedLines")}><h2>{t("order.changedLines")}</h2><FieldDifferences document={document} changes={asked} /></section>}
      {lines && rows.length > 0 && (
        <section className="card">
          <h2>{lines.label} <span className="count">{t("list.count", { count: rows.length })}</span></h2>
          {wide ? (
            <LinesTable label={lines.label} fields={shown} rows={rows as Values[]} currency={String(row.currency ?? "")} cells={{ lastUnitPrice: (line) => <LastPrice line={line as RequisitionLine} fields={members} /> }} />
          ) : (
            <ul className="line-cards">
              {rows.map((line) => <li key={line.id}><LineCard line={line} fields={members} /></li>)}
            </ul>
          )}
        </section>
      )}
      <FactsCard fields={fields} row={row} />
    </>
  );
}

function LastPrice({ line, fields }: { line: RequisitionLine; fields: Field[] }) {
  const { t } = useTranslation();
  const field = fields.find(({ name }) => name === "lastUnitPrice");
  if (!field || !line.lastUnitPrice || isZero(line.lastUnitPrice)) return <span className="quiet">{t("approval.noLastPrice")}</span>;
  const trend = compare(line.unitPrice ?? "", line.lastUnitPrice);
  return (
    <span className="last-price" title={line.lastPriceDate}>
      {trend > 0 && <ArrowUpOutlined className="worse" aria-label={t("approval.dearer")} />}
      {trend < 0 && <ArrowDownOutlined className="better" aria-label={t("approval.cheaper")} />}
      <span className="figure">{decimalText(field, line.lastUnitPrice)}</span>
    </span>
  );
}

/** A line on a phone. */
function LineCard({ line, fields }: { line: RequisitionLine; fields: Field[] }) {
  const { t } = useTranslation();
  const field = (name: string) => fields.find((one) => one.name === name)!;
  const value = (name: keyof RequisitionLine) => <FieldValue field={field(name)} value={line[name]} plain />;
  return (
    <div className="line-card">
      <p><strong>{line.description}</strong> <span className="figure">{value("amount")}</span></p>
      {line.specification && <small>{line.specification}</small>}
      <small>
        {value("quantity")} {line.unitId ? <Reference document="inventory.unit" id={line.unitId} plain /> : line.unitText} × {value("unitPrice")}
        {" · "}{!isZero(line.lastUnitPrice || "0") && t("approval.lastPrice")} <LastPrice line={line} fields={fields} />
      </small>
    </div>
  );
}
