import { App, Button, Empty, Modal } from "antd";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useListPages, useListSummary, useSave } from "@/api/documents";
import { call } from "@/api/http";
import { AppLink, routeOf } from "@/app/links";
import { notifyError } from "@/app/notify";
import { fromPercent, group, tidyNumber, toPercent, trim } from "@/contract/decimal";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { PurchaseOrder, SourcingTask } from "@/contract/types";
import { useDocumentMeta } from "@/contract/useMeta";
import { DocumentTable } from "@/documents/DocumentTable";
import { ExportButton } from "@/documents/ExportButton";
import { FilterBar } from "@/documents/FilterBar";
import { ListCount } from "@/documents/GenericList";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { SelectionBar } from "@/documents/SelectionBar";
import { useSelection } from "@/documents/useSelection";
import { useColumns, useListState } from "@/documents/listState";

/** What a buyer decides stands at the left. */
const FIRST = ["description", "quantity", "itemId", "supplierId", "unitPrice", "taxRate", "needDate", "reason"];
const OPEN = 'state = "OPEN"';

/** The buyer's pool: code lines, give them a supplier and a price where they stand, and bundle them into orders. */
export default function SourcingPool({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { modal } = App.useApp();
  const state = useListState(document);
  const { columns: kept } = useColumns(document);
  const columns = [...FIRST.map((name) => fieldOf(document, name)!), ...kept.filter(({ name }) => !FIRST.includes(name))];
  const [orders, setOrders] = useState<PurchaseOrder[]>();
  const filter = state.filters.state ? state.filter : [OPEN, state.filter].filter(Boolean).join(" AND ");
  const asked = { filter, orderBy: state.orderBy, search: state.search };
  const pages = useListPages(document, asked);
  const summary = useListSummary(document, asked);
  const selected = useSelection(pages);
  const save = useSave<SourcingTask>(document);
  const order = methodOf(document, "order");
  const chosen = selected.rows as SourcingTask[];
  const incomplete = chosen.filter((task) => !task.supplierId || !task.unitPrice || !task.taxRate);
  const run = useMutation({
    mutationFn: (ids: string[]) => call<{ purchaseOrders: PurchaseOrder[] }>("POST", order!.path, { body: { ids } }),
    onSuccess: ({ purchaseOrders }) => {
      setOrders(purchaseOrders);
      selected.clear();
      void client.invalidateQueries({ predicate: ({ queryKey }) => String(queryKey[0]).startsWith("procurement.") });
    },
  });
  const groups = new Set(chosen.map(({ supplierId, currency, deliveryPlace }) => `${supplierId} ${currency} ${deliveryPlace}`)).size;
  const bundle = () =>
    void modal.confirm({
      title: t("pool.bundle", { count: chosen.length }), content: t("pool.groups", { count: groups }), okText: order?.label, cancelText: t("action.cancel"), onOk: () => run.mutateAsync(selected.ids).catch(notifyError),
    });
  // A row's changes go one after the other, each upon what the one before left: the list itself is asked again later.
  const turns = useRef(new Map<string, Promise<SourcingTask | undefined>>());
  const change = async (task: SourcingTask, values: Partial<SourcingTask>) => {
    const turn = (turns.current.get(task.id) ?? Promise.resolve(undefined)).then((left) => save.mutateAsync({ row: left && left.updateTime > task.updateTime ? left : task, values }));
    const settled = turn.catch(() => undefined); // told by the mutation itself; the next change begins at the list's row
    turns.current.set(task.id, settled);
    return Boolean(await settled);
  };
  const editable = (task: SourcingTask) => task.state === "OPEN" && (task.allowedActions ?? []).includes("update");
  const picker = (name: "itemId" | "supplierId", key: string) => (row: Row) => {
    const task = row as SourcingTask;
    if (!editable(task)) return undefined;
    const label = fieldOf(document, name)?.label ?? "";
    const suggestion = name === "supplierId" && !task.supplierId ? task.suggestedSupplierId : "";
    return (
      <span className="pool-cell">
        <ReferencePicker label={t("pool.cell", { label, name: task.description })} document={key} value={task[name]} onChange={(id) => void change(task, { [name]: id })} />
        {suggestion && <Suggestion task={task} onTake={() => void change(task, { supplierId: suggestion, ...(task.unitPrice ? {} : { unitPrice: task.suggestedUnitPrice }) })} />}
      </span>
    );
  };
  return (
    <section className="page">
      <header className="page-head">
        <h1>{document.plural} <ListCount summary={summary} /></h1>
        <div className="page-tools">
          <ExportButton document={document} asked={{ ...state, filter }} columns={columns} />
          <Button type="primary" disabled={chosen.length === 0 || incomplete.length > 0} loading={run.isPending} onClick={bundle} data-action="order">
            {chosen.length > 0 ? t("pool.order", { action: order?.label, count: chosen.length }) : order?.label}
          </Button>
        </div>
      </header>
      <FilterBar document={document} state={state} />
      <SelectionBar document={document} rows={chosen} onClear={selected.clear} />
      {incomplete.length > 0 && <p className="quiet" role="status">{t("pool.incomplete", { count: incomplete.length })}</p>}
      <DocumentTable
        document={document} columns={columns} pages={pages} summary={summary} state={state} selected={selected.ids} onSelect={selected.choose}
        empty={<Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("pool.empty")} />}
        cells={{
          itemId: picker("itemId", "inventory.item"),
          supplierId: picker("supplierId", "procurement.supplier"),
          unitPrice: (row) => (editable(row as SourcingTask) ? <PriceCell key={row.id} document={document} name="unitPrice" task={row as SourcingTask} onChange={change} /> : undefined),
          taxRate: (row) => (editable(row as SourcingTask) ? <PriceCell key={row.id} document={document} name="taxRate" task={row as SourcingTask} onChange={change} /> : undefined),
        }}
      />
      <OrdersDialog orders={orders} onClose={() => setOrders(undefined)} />
    </section>
  );
}

/** The supplier and price that the agreement or the last order propose. */
function Suggestion({ task, onTake }: { task: SourcingTask; onTake: () => void }) {
  const { t } = useTranslation();
  return <Button size="small" type="link" onClick={onTake}>{task.suggestedUnitPrice ? t("pool.suggestion", { price: group(task.suggestedUnitPrice, 2, 6), currency: task.currency }) : t("pool.suggestedSupplier")}</Button>;
}

function PriceCell({ document, name, task, onChange }: { document: DocumentMeta; name: "unitPrice" | "taxRate"; task: SourcingTask; onChange: (task: SourcingTask, values: Partial<SourcingTask>) => Promise<boolean> }) {
  const { t } = useTranslation();
  const rate = name === "taxRate";
  const kept = rate ? toPercent(task[name] || "") : trim(task[name] || "");
  const [text, setText] = useState(kept);
  // Enter and leaving the cell are one change, not two.
  const [sent, setSent] = useState(kept);
  const [seen, setSeen] = useState(kept);
  if (kept !== seen) {
    // What is being typed stays when another change of the row is answered.
    setSeen(kept);
    setSent(kept);
    if (text === sent) setText(kept);
  }
  const commit = () => {
    if (text === sent) return;
    setSent(text);
    // Refused: it stays to be mended, and can be sent again.
    void onChange(task, { [name]: rate ? fromPercent(text) : text }).then((saved) => saved || setSent(kept));
  };
  const input = (
    <input
      className="cell-input boxed figure" inputMode="decimal" value={text} aria-label={t("pool.cell", { label: fieldOf(document, name)?.label, name: task.description })}
      onChange={({ target }) => setText(tidyNumber(target.value))} onBlur={commit} onKeyDown={({ key }) => key === "Enter" && commit()}
    />
  );
  return rate ? <span className="rate-cell">{input} %</span> : input;
}

function OrdersDialog({ orders, onClose }: { orders: PurchaseOrder[] | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const document = useDocumentMeta("procurement.purchase_order");
  return (
    <Modal open={Boolean(orders)} title={t("pool.ordered", { count: orders?.length ?? 0 })} onCancel={onClose} onOk={onClose} okText={t("action.close")} cancelButtonProps={{ className: "gone" }}>
      <ul className="related">
        {orders?.map((order) => (
          <li key={order.id}>
            <AppLink to={routeOf(document, order.id)}>{order.number}</AppLink>
            <span>{order.supplierName}</span>
            <span className="figure">{group(order.amount || "0", 2)} {order.currency}</span>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
