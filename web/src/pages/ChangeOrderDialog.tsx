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
import { changedFields, same, withoutErrors, type Values } from "@/documents/formValues";

const CHANGEABLE = ["quantity", "unitPrice", "needDate", "cancel"];
const SHOWN = ["lineNumber", "description"];

/** Change a released order: only what differs is sent, and a rise above the threshold is agreed to first. */
export function ChangeOrderDialog({ document, order, onClose }: { document: DocumentMeta; order: PurchaseOrder; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const action = useAction(document, true);
  const method = methodOf(document, "change");
  const sending = useChoices(method?.label);
  const [refused, setRefused] = useState<unknown>();
  const open = useMemo(() => order.lines.filter(({ cancelled }) => !cancelled) as unknown as Values[], [order]);
  const before: Values = { paymentTerms: order.paymentTerms, needDate: order.needDate };
  const [head, setHead] = useState<Values>(before);
  const [lines, setLines] = useState<Values[]>(open);
  const [errors, setErrors] = useState<Record<string, string>>({});
  const changeFields = membersOf(meta, fieldOf(document, "pendingChange")!.message).filter(({ readOnly }) => !readOnly);
  const lineChange = membersOf(meta, changeFields.find(({ name }) => name === "lines")?.message);
  const orderLine = membersOf(meta, fieldOf(document, "lines")!.message);
  const columns = [...SHOWN.map((name) => orderLine.find((field) => field.name === name)), ...CHANGEABLE.map((name) => lineChange.find((field) => field.name === name))].filter((field): field is Field => field !== undefined);
  const changedLines = lines.flatMap((line, index) => {
    const changed = CHANGEABLE.filter((name) => !same(line[name], open[index][name]));
    return changed.length > 0 ? [{ lineId: String(line.id), ...Object.fromEntries(changed.map((name) => [name, line[name]])) }] : [];
  });
  const refuse = (error: unknown) => {
    setRefused(error);
    setErrors(Object.fromEntries(Object.entries(violationsByField(error)).map(([path, text]) => [path.replace(/^change\./, ""), text])));
  };
  const submit = () => {
    setRefused(undefined);
    return sending.submit(async (chosen) => {
      await action.mutateAsync({ action: "change", id: order.id, body: { etag: order.etag, change: { ...changedFields(before, head), lines: changedLines }, ...chosen } });
      notifySuccess(t("action.done", { action: method?.label }));
      onClose();
    }).catch(refuse);
  };
  return (
    <Modal open title={method?.label} width={860} onCancel={onClose} onOk={() => void submit()} okText={method?.label} cancelText={t("action.cancel")} confirmLoading={sending.pending} okButtonProps={{ disabled: !head.reason }}>
      <p className="consequence">{method?.confirm ?? t("order.changeHelp")}</p>
      {refused !== undefined && <Alert className="in-dialog" type="error" showIcon title={sentenceOf(refused).title} description={Object.values(errors).join(" ")} />}
      <Form layout="vertical" component="div">
        <FieldsForm
          fields={changeFields.filter(({ type }) => type !== "message")} values={head} errors={errors} autoFocus
          onChange={(name, value) => {
            setHead({ ...head, [name]: value });
            setErrors(withoutErrors(errors, name));
          }}
        />
      </Form>
      <LinesGrid label={fieldOf(document, "lines")!.label} fields={columns} rows={lines} onChange={setLines} errors={errors} prefix="lines" fixedRows readOnly={(_, field) => SHOWN.includes(field.name)} />
      {sending.dialog}
    </Modal>
  );
}
