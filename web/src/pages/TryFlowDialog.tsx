import { Alert, Form, Input, Modal } from "antd";
import { useMutation } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { call, fillPath } from "@/api/http";
import { useMe } from "@/api/me";
import { sentenceOf } from "@/app/notify";
import { tidyNumber } from "@/contract/decimal";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ApprovalPreview } from "@/contract/types";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { Steps } from "./ApprovalPath";

/** Who would be asked for an imagined document. Nothing is opened. */
export function TryFlowDialog({ document, flow, onClose }: { document: DocumentMeta; flow: Row; onClose: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const [requester, setRequester] = useState(me.employee.id);
  const [department, setDepartment] = useState(me.employee.departmentId);
  const [amount, setAmount] = useState("10000");
  const ids = { requester: useId(), department: useId(), amount: useId() };
  const currency = me.companies.find(({ id }) => id === me.companyId)?.baseCurrency ?? "CNY";
  const run = useMutation({
    mutationFn: () =>
      call<ApprovalPreview>("POST", fillPath(methodOf(document, "try")!.path, { id: flow.id }), {
        body: { approval: { documentType: flow.documentType, companyId: me.companyId, requesterId: requester, departmentId: department, amount, currency, title: String(flow.name), submission: 1, facts: {} } },
      }),
    meta: { shown: true },
  });
  return (
    <Modal open title={t("flow.try")} onCancel={onClose} onOk={() => run.mutate()} okText={t("flow.simulate")} cancelText={t("action.close")} confirmLoading={run.isPending}>
      <Form layout="vertical" component="div">
        <Form.Item label={t("flow.requester")} htmlFor={ids.requester}>
          <ReferencePicker id={ids.requester} document="identity.employee" value={requester} onChange={(id, row) => {
            setRequester(id);
            if (row) setDepartment(String(row.departmentId));
          }} />
        </Form.Item>
        <Form.Item label={t("flow.department")} htmlFor={ids.department}>
          <ReferencePicker id={ids.department} document="identity.department" value={department} onChange={setDepartment} />
        </Form.Item>
        <Form.Item label={t("flow.amount", { currency })} htmlFor={ids.amount}>
          <Input id={ids.amount} value={amount} inputMode="decimal" className="figure-input" onChange={({ target }) => setAmount(tidyNumber(target.value))} />
        </Form.Item>
      </Form>
      {run.error && <Alert type="error" showIcon title={sentenceOf(run.error).title} description={sentenceOf(run.error).description} />}
      {run.data && <Steps preview={run.data} />}
    </Modal>
  );
}
