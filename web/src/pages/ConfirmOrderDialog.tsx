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

/** What the supplier confirmed: their number, and the day promised for each line. */
export function ConfirmOrderDialog({ document, order, onClose }: { document: DocumentMeta; order: PurchaseOrder; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const action = useAction(document, true);
  const open = order.lines.filter(({ cancelled }) => !cancelled);
  const [reference, setReference] = useState(order.supplierReference);
  const [days, setDays] = useState<Record<string, string>>(() => Object.fromEntries(open.map((line) => [line.id, line.promisedDate || line.needDate || order.needDate || ""])));
  const id = useId();
  const label = methodOf(document, "confirm")?.label;
  const members = membersOf(meta, fieldOf(document, "lines")!.message);
  const name = (field: string) => members.find((one) => one.name === field)?.label;
  const errors = violationsByField(action.error);
  const submit = () =>
    action.mutate(
      { action: "confirm", id: order.id, body: { etag: order.etag, supplierReference: reference, promises: open.filter((line) => days[line.id]).map((line) => ({ lineId: line.id, promisedDate: days[line.id] })) } },
      {
        onSuccess: () => {
          notifySuccess(t("action.done", { action: label }));
          onClose();
        },
      },
    );
  const first = days[open[0]?.id];
  return (
    <Modal open title={label} width={760} onCancel={onClose} onOk={submit} okText={label} cancelText={t("action.cancel")} confirmLoading={action.isPending} okButtonProps={{ disabled: open.some((line) => !days[line.id]) }}>
      {action.error && <Alert className="in-dialog" type="error" showIcon title={sentenceOf(action.error).title} description={Object.values(errors).join(" ")} />}
      <Form layout="vertical" component="div">
        <Form.Item label={fieldOf(document, "supplierReference")?.label} htmlFor={id}>
          <Input id={id} value={reference} maxLength={60} onChange={({ target }) => setReference(target.value)} autoFocus />
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
                onChange={(day) => setDays({ ...days, [line.id]: day ? day.format("YYYY-MM-DD") : "" })}
              />
            ),
          },
        ]}
      />
      {open.length > 1 && first && <Button type="link" onClick={() => setDays(Object.fromEntries(open.map((line) => [line.id, first])))}>{t("order.sameDay", { day: first })}</Button>}
    </Modal>
  );
}
