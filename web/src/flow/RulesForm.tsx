import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Checkbox, Select } from "antd";
import { useTranslation } from "react-i18next";
import { SentenceInput } from "./PartInput";
import { RULE_KINDS, ruleKindOf, ruleName } from "./kinds";
import type { FlowNode, FlowRule } from "./tree";

/** Who is found: each rule a sentence whose parts are chosen in their place. */
export function RulesForm({ node, label, onChange }: { node: FlowNode; label: string; onChange: (rules: FlowRule[]) => void }) {
  const { t } = useTranslation();
  const rules = Array.isArray(node.approvers) ? node.approvers : [];
  const put = (at: number, rule: FlowRule) => onChange(rules.with(at, rule));
  const options = Object.entries(RULE_KINDS).map(([value, kind]) => ({ value, label: ruleName(t, kind) }));
  return (
    <fieldset className="node-rules">
      <legend>{label}</legend>
      {rules.map((rule, at) => {
        const kind = ruleKindOf(rule);
        return (
          <div key={at} className="node-rule">
            <Select
              aria-label={t("flow.rule")} value={String(rule.kind ?? "")} className="node-rule-kind" popupMatchSelectWidth={false} options={kind ? options : [{ value: String(rule.kind ?? ""), label: String(rule.kind ?? "") }, ...options]}
              onChange={(chosen: string) => put(at, { kind: chosen, ...RULE_KINDS[chosen].make, ...(rule.veto === true ? { veto: true } : {}) })}
            />
            <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeRule")} onClick={() => onChange(rules.toSpliced(at, 1))} />
            {kind && kind.parts.length > 0 && <SentenceInput of={kind} values={rule} onChange={(next) => put(at, next)} />}
            {node.vote === "ratio" && <Checkbox checked={rule.veto === true} onChange={({ target }) => put(at, { ...rule, veto: target.checked || undefined })}>{t("timeline.veto")}</Checkbox>}
          </div>
        );
      })}
      <Button icon={<PlusOutlined />} onClick={() => onChange([...rules, { kind: "department_head" }])}>{t("flow.addRule")}</Button>
    </fieldset>
  );
}
