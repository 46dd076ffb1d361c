import { Form, Radio } from "antd";
import { useTranslation } from "react-i18next";
import { enumValues, methodOf, type DocumentMeta } from "@/contract/meta";
import type { Task } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";

export interface ReturnTo {
  nodeId: string;
  afterwards: string;
}

export const TO_REQUESTER: ReturnTo = { nodeId: "", afterwards: "STEP_BY_STEP" };

interface Props {
  document: DocumentMeta;
  task: Task;
  value: ReturnTo;
  onChange: (value: ReturnTo) => void;
  error?: string;
}

/** Where a return goes: to the requester or to a step before; and what follows there. */
export function ReturnChoice({ document, task, value, onChange, error }: Props) {
  const { t } = useTranslation();
  const meta = useMeta();
  const field = (name: string) => methodOf(document, "return")?.requestFields?.find((one) => one.name === name);
  const steps = [{ value: "", label: t("approval.toRequester") }, ...task.returnTargets.map(({ nodeId, nodeName }) => ({ value: nodeId, label: nodeName }))];
  const ways = enumValues(meta, field("afterwards")?.enum).map(({ name, label }) => ({ value: name, label }));
  return (
    <>
      <Form.Item label={field("nodeId")?.label} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>
        <Radio.Group
          vertical aria-label={field("nodeId")?.label} value={value.nodeId} options={steps}
          onChange={({ target }) => onChange(target.value ? { ...value, nodeId: String(target.value) } : TO_REQUESTER)}
        />
      </Form.Item>
      {value.nodeId && (
        <Form.Item label={field("afterwards")?.label}>
          <Radio.Group vertical aria-label={field("afterwards")?.label} value={value.afterwards} options={ways} onChange={({ target }) => onChange({ ...value, afterwards: String(target.value) })} />
        </Form.Item>
      )}
    </>
  );
}
