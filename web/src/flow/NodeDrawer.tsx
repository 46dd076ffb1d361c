import { Alert, Drawer, Form, Input } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { ConditionForm } from "./ConditionForm";
import { PartFields } from "./PartFields";
import { ProblemLines } from "./ProblemLines";
import { kindOf } from "./kinds";
import { isDefault, type FlowNode, type FlowProblem, type Standing } from "./tree";

interface Props {
  standing: Standing | undefined;
  problems: FlowProblem[];
  /** `key`: changes of one value one after another are one step to undo. */
  onChange: (node: FlowNode, key: string) => void;
  onClose: () => void;
  onClosed: () => void;
}

/** What a node is, in words that can be changed. The tree follows at once. */
export function NodeDrawer({ standing, problems, onChange, onClose, onClosed }: Props) {
  const { t } = useTranslation();
  return (
    <Drawer
      open={standing !== undefined} title={t("flow.node")} placement="right" size={460} mask={false} onClose={onClose} destroyOnHidden focusable={{ focusTriggerAfterClose: false }} closable={{ "aria-label": t("action.close") }}
      afterOpenChange={(open) => !open && onClosed()} className="flow-drawer"
    >
      {standing && (
        <>
          <ProblemLines problems={problems} />
          <NodeForm key={standing.node.id} standing={standing} onChange={onChange} />
        </>
      )}
    </Drawer>
  );
}

function NodeForm({ standing, onChange }: { standing: Standing; onChange: Props["onChange"] }) {
  const { t } = useTranslation();
  const { node, branch } = standing;
  const kind = kindOf(node);
  const name = useId();
  if (!branch && !kind) return <Alert type="info" showIcon title={t("flow.unknownKind", { kind: String(node.kind ?? "") })} description={<pre className="json">{JSON.stringify(node, null, 2)}</pre>} />;
  const put = (key: string, value: unknown) => {
    const changed = { ...node, [key]: value };
    onChange(kind?.tidy ? kind.tidy(changed) : changed, key);
  };
  return (
    <Form layout="vertical" component="div">
      <Form.Item label={t("flow.name")} htmlFor={name}>
        <Input id={name} value={node.name ?? ""} maxLength={100} onChange={({ target }) => put("name", target.value)} />
      </Form.Item>
      {branch && standing.above!.kind === "condition" && (isDefault(standing) ? <p className="quiet">{t("flow.defaultBranch")}</p> : <ConditionForm label={t("flow.when")} value={node.when ?? ""} onChange={(text) => put("when", text || undefined)} />)}
      {kind && <PartFields parts={kind.parts} values={node} node={node} onChange={put} />}
    </Form>
  );
}
