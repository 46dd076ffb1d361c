import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { AutoComplete, Button, Checkbox, Form, InputNumber, Select } from "antd";
import type { TFunction } from "i18next";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { voteText } from "@/documents/vote";
import type { FlowNode, FlowRule } from "./flowTree";

interface Props {
  node: FlowNode;
  onChange: (node: FlowNode) => void;
}

/** Who is asked at a node and how they decide, chosen in words; the text of the flow follows. */
export function FlowNodeForm({ node, onChange }: Props) {
  const { t } = useTranslation();
  const ids = { vote: useId(), percent: useId() };
  const rules = Array.isArray(node.approvers) ? node.approvers : [];
  const share = node.vote === "ratio";
  const change = (changes: Partial<FlowNode>) => onChange({ ...node, ...changes });
  const put = (at: number, rule: FlowRule) => change({ approvers: rules.map((one, index) => (index === at ? rule : one)) });
  return (
    <Form layout="vertical" component="div" className="node-form">
      {node.kind === "approve" && (
        <Form.Item label={t("flow.howDecided")} htmlFor={ids.vote}>
          <Select
            id={ids.vote} value={node.vote ?? "all"} className="wide-input" onChange={(vote: string) => onChange(withVote(node, vote))}
            options={["all", "any", "sequential", "ratio"].map((value) => ({ value, label: value === "ratio" ? t("flow.share") : voteText(t, value, undefined) }))}
          />
        </Form.Item>
      )}
      {share && (
        <Form.Item label={t("flow.sharePercent")} htmlFor={ids.percent}>
          <InputNumber id={ids.percent} min={1} max={100} precision={0} suffix="%" value={node.percent} onChange={(percent) => change({ percent: percent ?? undefined })} />
        </Form.Item>
      )}
      <fieldset className="node-rules">
        <legend>{node.kind === "copy" ? t("flow.whoIsTold") : t("flow.whoIsAsked")}</legend>
        {rules.map((rule, index) => (
          <div key={index} className="node-rule">
            <Select
              aria-label={t("flow.rule")} value={String(rule.kind ?? "")} className="node-rule-kind" popupMatchSelectWidth={false}
              options={Object.entries(ruleNames(t)).map(([value, label]) => ({ value, label }))} onChange={(kind: string) => put(index, kind === "heads_up" ? { kind, levels: 1 } : { kind })}
            />
            <RuleValue rule={rule} onChange={(next) => put(index, next)} />
            {share && <Checkbox checked={rule.veto === true} onChange={({ target }) => put(index, { ...rule, veto: target.checked || undefined })}>{t("timeline.veto")}</Checkbox>}
            <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeRule")} onClick={() => change({ approvers: rules.filter((_, at) => at !== index) })} />
          </div>
        ))}
        <Button icon={<PlusOutlined />} onClick={() => change({ approvers: [...rules, { kind: "department_head" }] })}>{t("flow.addRule")}</Button>
      </fieldset>
    </Form>
  );
}

/** Share and veto belong to the vote by share alone. */
function withVote(node: FlowNode, vote: string): FlowNode {
  const { percent, ...rest } = node;
  if (vote === "ratio") return { ...rest, vote, percent: percent ?? 50 };
  return { ...rest, vote, approvers: (node.approvers ?? []).map((rule) => ({ ...rule, veto: undefined })) };
}

function ruleNames(t: TFunction): Record<string, string> {
  return {
    department_head: t("flow.departmentHead"), heads_up: t("flow.ruleHeadsUp"), department_post: t("flow.ruleDepartmentPost"), post: t("flow.rulePost"), role: t("flow.ruleRole"), user: t("flow.ruleUser"), authority: t("flow.authority"),
    field_department_head: t("flow.ruleFieldHead"), field_user: t("flow.ruleFieldUser"), previous_choice: t("flow.rulePreviousChoice"),
  };
}

/** Facts of the documents there are that name departments or people. */
const FIELDS = { field_department_head: ["cost_department_ids"], field_user: [] as string[] };

function RuleValue({ rule, onChange }: { rule: FlowRule; onChange: (rule: FlowRule) => void }) {
  const { t } = useTranslation();
  switch (rule.kind) {
    case "user":
      return <ReferencePicker label={t("flow.ruleUser")} document="identity.employee" value={rule.employee_id as string | undefined} onChange={(employee_id) => onChange({ ...rule, employee_id })} />;
    case "role":
      return <CodePicker label={t("flow.ruleRole")} document="identity.role" value={rule.role as string | undefined} onChange={(role) => onChange({ ...rule, role })} />;
    case "post":
      return <CodePicker label={t("flow.rulePost")} document="identity.post" value={rule.post as string | undefined} onChange={(post) => onChange({ ...rule, post })} />;
    case "department_post":
      return (
        <>
          <CodePicker label={t("flow.rulePost")} document="identity.post" value={rule.post as string | undefined} onChange={(post) => onChange({ ...rule, post })} />
          <ReferencePicker label={t("flow.ownDepartment")} placeholder={t("flow.ownDepartment")} document="identity.department" value={rule.department_id as string | undefined} onChange={(id) => onChange({ ...rule, department_id: id || undefined })} />
        </>
      );
    case "field_department_head":
    case "field_user":
      return <AutoComplete aria-label={t("flow.field")} placeholder={t("flow.field")} className="wide-input" value={rule.field as string | undefined} options={FIELDS[rule.kind].map((value) => ({ value }))} onChange={(field) => onChange({ ...rule, field })} />;
    case "heads_up":
      return <InputNumber aria-label={t("flow.levels")} min={1} max={20} precision={0} value={rule.levels as number | undefined} onChange={(levels) => onChange({ ...rule, levels })} />;
    default:
      return null;
  }
}

/** A code, written or picked from those that are there. */
function CodePicker({ document, label, value, onChange }: { document: string; label: string; value: string | undefined; onChange: (code: string) => void }) {
  const list = useList(useMeta().documents[document], { pageSize: 200 });
  const options = (list.data?.rows ?? []).map((row) => ({ value: String(row.code), label: `${String(row.code)} ${String(row.name)}` }));
  return <AutoComplete aria-label={label} className="wide-input" value={value} options={options} showSearch={{ filterOption: (text, option) => option!.label.toLowerCase().includes(text.toLowerCase()) }} popupMatchSelectWidth={false} onChange={onChange} />;
}
