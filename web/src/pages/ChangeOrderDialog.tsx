import { Alert, Form, Modal } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { violationsByField } from "@/api/errors";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { fieldOf, membersOf, methodOf, type DocumentMeta, type Field } from "@/contract/meta";
import type { PurchaseOrder } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { FieldsForm } from "@/documents/FieldsForm";
import { LinesGrid } from "@/documents/LinesGrid";
import { useChoices } from "@/documents/useChoices";
import { useFresh } from "@/documents/useFresh";
import { changedFields, same, withoutErrors, type Values } from "@/documents/formValues";

const CHANGEABLE = ["quantity", "unitPrice", "needDate", "cancel"];
const SHOWN = ["lineNumber", "description"];

/** The open lines of an order with what was typed into them, which stays theirs when the order is read again. */
export function useLineEdits(order: PurchaseOrder) {
  const open = useMemo(() => order.lines.filter(({ cancelled }) => !cancelled) as unknown as Values[], [order]);
  const [edits, setEdits] = useState<Record<string, Values>>({});
  const lines = useMemo(() => open.map((line) => ({ ...line, ...edits[String(line.id)] })), [open, edits]);
  const editOf = (line: Values) => {
    const now = open.find(({ id }) => id === line.id) ?? {};
    return Object.fromEntries(CHANGEABLE.filter((name) => !same(line[name], now[name])).map((name) => [name, line[name]]));
  };
  return {
    lines,
    setLines: (next: Values[]) => setEdits((before) => ({ ...before, ...Object.fromEntries(next.map((line) => [String(line.id), editOf(line)])) })),
    changedLines: lines.map((line) => ({ lineId: String(line.id), ...editOf(line) })).filter((line) => Object.keys(line).length > 1),
  };
}

/** Change a released order: only what differs is sent, and a rise above the threshold is agreed to first. */
export function ChangeOrderDialog({ document, order: opened, onClose }: { document: DocumentMeta; order: PurchaseOrder; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const action = useAction(document, true);
  const method = methodOf(document, "change");
  const sending = useChoices(method?.label);
  const fresh = useFresh(document, opened);
  const order = fresh.record;
  const [refused, setRefused] = useState<unknown>();
  const before: Values = { paymentTerms: order.paymentTerms, needDate: order.needDate };
  const [typed, setTyped] = useState<Values>({});
  const head: Values = { ...before, ...typed };
  const { lines, setLines, changedLines } = useLineEdits(order);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const changeFields = membersOf(meta, fieldOf(document, "pendingChange")!.message).filter(({ readOnly }) => !readOnly);
  const lineChange = membersOf(meta, changeFields.find(({ name }) => name === "lines")?.message);
  const orderLine = membersOf(meta, fieldOf(document, "lines")!.message);
  const columns = [...SHOWN.map((name) => orderLine.find((field) => field.name === name)), ...CHANGEABLE.map((name) => lineChange.find((field) => field.name === name))].filter((field): field is Field => field !== undefined);
  const refuse = (error: unknown) => {
    setRefused(error);
    setErrors(Object.fromEntries(Object.entries(violationsByField(error)).map(([path, text]) => [path.replace(/^change\./, ""), text])));
  };
  const submit = () => {
    setRefused(undefined);
    setErrors({});
    return sending.submit((chosen) => fresh.send(async () => {
      await action.mutateAsync({ action: "change", id: order.id, body: { etag: order.etag, change: { ...changedFields(before, head), lines: changedLines }, ...chosen } });
      notifySuccess(t("action.done", { action: method?.label }));
      onClose();
    })).catch(refuse);
  };
  return (
    <Modal open title={method?.label} width={860} onCancel={onClose} onOk={() => void submit()} okText={method?.label} cancelText={t("action.cancel")} confirmLoading={sending.pending} okButtonProps={{ disabled: !head.reason }}>
      <p className="consequence">{method?.confirm ?? t("order.changeHelp")}</p>
      {fresh.note}
      {refused !== undefined && <Alert className="in-dialog" type="error" showIcon title={sentenceOf(refused).title} description={Object.values(errors).join(" ")} />}
      <Form layout="vertical" component="div">
        <FieldsForm
          fields={changeFields.filter(({ type }) => type !== "message")} values={head} errors={errors} autoFocus
          onChange={(name, value) => {
            setTyped(changedFields(before, { ...head, [name]: value }));
            setErrors(withoutErrors(errors, name));
          }}
        />
      </Form>
      <LinesGrid label={fieldOf(document, "lines")!.label} fields={columns} rows={lines} onChange={setLines} errors={errors} prefix="lines" fixedRows readOnly={(_, field) => SHOWN.includes(field.name)} />
      {sending.dialog}
    </Modal>
  );
}
