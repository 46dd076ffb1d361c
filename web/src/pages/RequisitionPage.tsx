import { useTranslation } from "react-i18next";
import { AppLink, routeOf } from "@/app/links";
import { notifyError, notifySuccess } from "@/app/notify";
import { fieldOf, membersOf, shownFields, type DocumentMeta } from "@/contract/meta";
import type { Requisition } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { lineColumns, useLineCells } from "@/documents/lineCells";
import { LinesTable } from "@/documents/LinesTable";
import type { Values } from "@/documents/formValues";
import { ApprovalPath } from "./ApprovalPath";
import { Whereabouts } from "./Whereabouts";
import { useSubmit } from "./useSubmit";

const ASIDE = ["lines", "waitingOnIds", "waitingSinceTime", "caseId", "outcomeNote", "submission", "exchangeRate", "exchangeRateDate", "baseAmount", "baseCurrency"];
const LINE_ASIDE = ["orderId", "orderLineId", "netAmount", "taxAmount", "unitPriceWithTax"];

/** A requisition as its owner and the buyer see it: where it is, with whom, since when, and the orders made from it. */
export default function RequisitionPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const { submit, dialog } = useSubmit(document, () => notifySuccess(t("requisition.submitted")), notifyError);
  return (
    <>
      <GenericDetail
        document={document} without={ASIDE} own={(row) => ({ submit: () => void submit(row) })}
        next={(action, answer) => (action === "copy" ? `${routeOf(document, answer.id)}/edit` : undefined)}
        notes={(row) => <Whereabouts row={row} />}
        side={(row) => row.state === "DRAFT" && <ApprovalPath document={document} id={row.id} version={row.etag} />}
        more={(row) => <Lines document={document} row={row as Requisition} />}
      />
      {dialog}
    </>
  );
}

function Lines({ document, row }: { document: DocumentMeta; row: Requisition }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const orders = useDocumentMeta("procurement.purchase_order");
  const field = fieldOf(document, "lines")!;
  const members = lineColumns(shownFields(membersOf(meta, field.message)), LINE_ASIDE);
  const cells = useLineCells();
  const order = (line: Values) => (line.orderId ? <AppLink to={routeOf(orders, String(line.orderId))}>{String(line.orderNumber || orders.title)}</AppLink> : null);
  const anyOrder = row.lines.some(({ orderId }) => orderId);
  return (
    <section className="card">
      <h2>{field.label} <span className="count">{t("list.count", { count: row.lines.length })}</span></h2>
      <LinesTable label={field.label} fields={members} rows={row.lines as Values[]} currency={row.currency} cells={anyOrder ? { ...cells, orderNumber: order } : cells} />
    </section>
  );
}

