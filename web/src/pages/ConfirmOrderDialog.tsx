import { Alert, Button, DatePicker, Form, Input, Modal, Table } from "antd";
import dayjs from "dayjs";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { violationsByField } from "@/api/errors";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { group } from "@/contract/decimal";
import { fieldOf, membersOf, methodOf, type DocumentMeta } from "@/contract/meta";
import type { OrderLine, PurchaseOrder } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { useFresh } from "@/documents/useFresh";

/** What the supplier confirmed: their number, and the day promised for each line. */
export function ConfirmOrderDialog({ document, order: opened, onClose }: { document: DocumentMeta; order: PurchaseOrder; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const action = useAction(document, true);
  const fresh = useFresh(document, opened);
  const order = fresh.record;
  const [refused, setRefused] = useState<unknown>();
  const open = order.lines.filter(({ cancelled }) => !cancelled);
  const [typed, setTyped] = useState<{ reference?: string; days: Record<string, string> }>({ days: {} });
  const reference = typed.reference ?? order.supplierReference;
  const days = Object.fromEntries(open.map((line) => [line.id, typed.days[line.id] ?? (line.promisedDate || line.needDate || order.needDate || "")]));
  const id = useId();
  const label = methodOf(document, "confirm")?.label;
  const members = membersOf(meta, fieldOf(document, "lines")!.message);
  const name = (field: string) => members.find((one) => one.name === field)?.label;
  const errors = violationsByField(refused);
  const submit = () => {
    setRefused(undefined);
    return fresh.send(async () => {
      await action.mutateAsync({ action: "confirm", id: order.id, body: { etag: order.etag, supplierReference: reference, promises: open.filter((line) => days[line.id]).map((line) => ({ lineId: line.id, promisedDate: days[line.id] })) } });
      notifySuccess(t("action.done", { action: label }));
      onClose();
    }).catch(setRefused);
  };
  const first = days[open[0]?.id];
  return (
    <Modal open title={label} width={760} onCancel={onClose} onOk={() => void submit()} okText={label} cancelText={t("action.cancel")} confirmLoading={action.isPending} okButtonProps={{ disabled: open.some((line) => !days[line.id]) }}>
      {fresh.note}
      {refused !== undefined && <Alert className="in-dialog" type="error" showIcon title={sentenceOf(refused).title} description={Object.values(errors).join(" ")} />}
      <Form layout="vertical" component="div">
        <Form.Item label={fieldOf(document, "supplierReference")?.label} htmlFor={id}>
          <Input id={id} value={reference} maxLength={60} onChange={({ target }) => setTyped({ ...typed, reference: target.value })} autoFocus />
        </Form.Item>
      </Form>
      <Table<OrderLine>
        size="small" rowKey="id" pagination={false} dataSource={open} scroll={{ y: 360 }}
        columns={[
          { title: "#", dataIndex: "lineNumber", width: 48 },
          { title: name("description"), dataIndex: "description" },
          { title: name("quantity"), align: "right", render: (_, line) => <span className="figure">{group(line.quantity, 0, 6)}</span> },
          { title: name("needDate"), dataIndex: "needDate" },
          {
            title: name("promisedDate"),
            render: (_, line) => (
              <DatePicker
                aria-label={t("lines.cell", { label: name("promisedDate"), line: line.lineNumber })} value={days[line.id] ? dayjs(days[line.id]) : null} format="YYYY-MM-DD"
                onChange={(day) => setTyped({ ...typed, days: { ...typed.days, [line.id]: day ? day.format("YYYY-MM-DD") : "" } })}
              />
            ),
          },
        ]}
      />
      {open.length > 1 && first && <Button type="link" onClick={() => setTyped({ ...typed, days: Object.fromEntries(open.map((line) => [line.id, first])) })}>{t("order.sameDay", { day: first })}</Button>}
    </Modal>
  );
}
