import { PrinterOutlined } from "@ant-design/icons";
import { Alert, Button, Tag } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { context } from "@/api/context";
import { fillPath, queryText } from "@/api/http";
import { useMe } from "@/api/me";
import { AppLink, routeOf } from "@/app/links";
import { group } from "@/contract/decimal";
import { timeText } from "@/contract/format";
import { fieldOf, membersOf, methodOf, shownFields, type DocumentMeta } from "@/contract/meta";
import type { OrderLine, PurchaseOrder } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { askedDifferences } from "@/documents/asked";
import { FieldDifferences } from "@/documents/FieldDifferences";
import GenericDetail from "@/documents/GenericDetail";
import { lineColumns, useLineCells } from "@/documents/lineCells";
import { LinesTable } from "@/documents/LinesTable";
import { Reference } from "@/documents/Reference";
import type { Values } from "@/documents/formValues";
import { ChangeOrderDialog } from "./ChangeOrderDialog";
import { ConfirmOrderDialog } from "./ConfirmOrderDialog";

const ASIDE = ["lines", "pendingChange", "supplierName", "submission", "overdue", "exchangeRate", "exchangeRateDate", "baseAmount", "baseCurrency"];
const LINE_ASIDE = ["unitPriceWithTax", "netAmount", "taxAmount"];
const FIRST_PROMISABLE = ["RELEASED", "CONFIRMED", "CHANGE_PENDING"];

/** An order as the buyer works with it: release, confirmation, changes, print, and the requisitions behind each line. */
export default function OrderPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const [dialog, setDialog] = useState<{ kind: "confirm" | "change"; order: PurchaseOrder }>();
  const print = methodOf(document, "print");
  return (
    <>
      <GenericDetail
        document={document} without={ASIDE}
        own={(row) => ({
          confirm: () => setDialog({ kind: "confirm", order: row as PurchaseOrder }),
          change: () => setDialog({ kind: "change", order: row as PurchaseOrder }),
        })}
        tools={(row) =>
          print && (
            <Button icon={<PrinterOutlined />} href={`${fillPath(print.path, { id: row.id })}${queryText({ company: context.company, locale: context.locale })}`} target="_blank" rel="noopener">
              {print.label ?? t("order.print")}
            </Button>
          )
        }
        notes={(row) => <OrderNotes document={document} order={row as PurchaseOrder} />}
        more={(row) => (
          <>
            <Lines document={document} order={row as PurchaseOrder} />
            {(row as PurchaseOrder).revision > 0 && <Revisions document={document} id={row.id} />}
          </>
        )}
      />
      {dialog?.kind === "confirm" && <ConfirmOrderDialog document={document} order={dialog.order} onClose={() => setDialog(undefined)} />}
      {dialog?.kind === "change" && <ChangeOrderDialog document={document} order={dialog.order} onClose={() => setDialog(undefined)} />}
    </>
  );
}

function OrderNotes({ document, order }: { document: DocumentMeta; order: PurchaseOrder }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const label = fieldOf(document, "overdue")?.label;
  const change = order.pendingChange;
  return (
    <>
      {order.overdue && <Alert className="note" type="error" showIcon title={t("order.overdue", { label })} />}
      {change && (
        <Alert
          className="note" type="warning" showIcon title={!change.amountAfter ? t("order.changePendingBlind") : t("order.changePending", { before: group(change.amountBefore || "0", 2), after: group(change.amountAfter || "0", 2), currency: order.currency })}
          description={<><span>{change.reason} — <Reference document="identity.employee" id={change.askedById} plain /> {timeText(change.askTime)}</span><FieldDifferences document={document} changes={askedDifferences(meta, document, order as unknown as Values)} /></>}
        />
      )}
    </>
  );
}

function Lines({ document, order }: { document: DocumentMeta; order: PurchaseOrder }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const requisitions = useDocumentMeta("procurement.purchase_requisition");
  const field = fieldOf(document, "lines")!;
  const members = lineColumns(shownFields(membersOf(meta, field.message)), LINE_ASIDE);
  const lineCells = useLineCells();
  const sources = members.find(({ name }) => name === "sources");
  const promisable = FIRST_PROMISABLE.includes(order.state);
  const today = useMe().todayDate;
  const cells = {
    ...lineCells,
    promisedDate: (line: Values) => {
      const day = String(line.promisedDate || "");
      const late = order.overdue && promisable && !line.cancelled && (day || String(line.needDate || "9999")) < today;
      return <span className={late ? "late" : undefined}>{day || (late ? t("order.late") : "")}</span>;
    },
    sources: (line: Values) => (
      <span className="references">
        {(line as unknown as OrderLine).sources.map((source) => (
          <Tag key={`${source.requisitionId}${source.requisitionLineNumber}`}>
            <AppLink to={routeOf(requisitions, source.requisitionId)}>{t("order.source", { number: source.requisitionNumber, line: source.requisitionLineNumber, quantity: group(source.quantity, 0, 6) })}</AppLink>
          </Tag>
        ))}
      </span>
    ),
  };
  const shown = members.filter(({ name, type }) => (type !== "message" || name === "sources") && name !== "cancelled");
  const columns = shown.map((one) => (one === sources ? { ...one, type: "string" as const, repeated: false } : one));
  return (
    <section className="card">
      <h2>{field.label} <span className="count">{t("list.count", { count: order.lines.length })}</span></h2>
      <LinesTable label={field.label} fields={columns} rows={order.lines as unknown as Values[]} currency={order.currency} cells={cells} />
    </section>
  );
}

interface Revision {
  revision: number;
  createTime: string;
  changedById: string;
  reason: string;
  amount: string;
}

function Revisions({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const { data } = useVerb<{ revisions: Revision[] }>(document, "listRevisions", id);
  const fields = membersOf(meta, "PurchaseOrderRevision").filter(({ type }) => type !== "message");
  if (!data || data.revisions.length === 0) return null;
  return (
    <section className="card">
      <h2>{t("order.revisions")}</h2>
      <LinesTable label={t("order.revisions")} fields={fields} rows={data.revisions.map((one) => ({ ...one, id: String(one.revision) }))} />
    </section>
  );
}
