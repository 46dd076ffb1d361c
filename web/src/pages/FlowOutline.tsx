import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { FieldValue } from "@/documents/FieldValue";
import { Reference } from "@/documents/Reference";
import { voteText } from "@/documents/vote";
import { childrenOf, type FlowNode, type FlowProblem, type FlowRule } from "./flowTree";

interface Props {
  node: FlowNode;
  problems?: FlowProblem[];
  onChoose?: (id: string) => void;
  /** What stands below a node: the form of the one that is chosen. */
  form?: (node: FlowNode) => ReactNode;
}

/** A flow as people say it: who is asked, when, in which order or side by side. */
export function FlowOutline({ node, problems = [], onChoose, form }: Props) {
  return (
    <ol className="outline">
      <OutlineNode node={node} problems={problems} onChoose={onChoose} form={form} branch={false} />
    </ol>
  );
}

function OutlineNode({ node, problems = [], onChoose, form, branch }: Props & { branch: boolean }) {
  const { t } = useTranslation();
  const kinds: Record<string, string> = {
    sequence: t("flow.sequence"), parallel: t("flow.parallel"), condition: t("flow.condition"), approve: t("flow.approve"), copy: t("flow.copy"),
  };
  const mine = problems.filter(({ nodeId }) => nodeId === node.id);
  const kind = branch ? (node.when ? t("flow.when") : t("flow.branch")) : (kinds[String(node.kind)] ?? String(node.kind ?? ""));
  const branching = node.kind === "parallel" || node.kind === "condition";
  return (
    <li className={mine.some(({ warning }) => !warning) ? "faulty" : undefined}>
      <button type="button" className="outline-node" disabled={!onChoose || !node.id} onClick={() => onChoose?.(node.id!)}>
        <span className={`outline-kind ${node.kind ?? "branch"}`}>{kind}</span>
        {node.name && <strong>{node.name}</strong>}
        {node.when && <code>{node.when}</code>}
        {node.kind === "approve" && <small>{voteText(t, node.vote, node.percent)}</small>}
      </button>
      {form?.(node)}
      {Array.isArray(node.approvers) && (
        <ul className="outline-rules">
          {node.approvers.map((rule, index) => <li key={index}><RuleText rule={rule} />{rule.veto === true && <span className="vote">{t("timeline.veto")}</span>}</li>)}
        </ul>
      )}
      {mine.map(({ path, message, reason, warning }) => <p key={path + reason} className={warning ? undefined : "field-error"}>{warning && "⚠ "}{message || reason}</p>)}
      {childrenOf(node).length > 0 && (
        <ol className={branching ? "outline branching" : "outline"}>
          {childrenOf(node).map((child, index) => <OutlineNode key={child.id ?? index} node={child} problems={problems} onChoose={onChoose} form={form} branch={branching} />)}
        </ol>
      )}
    </li>
  );
}

function RuleText({ rule }: { rule: FlowRule }) {
  const { t } = useTranslation();
  switch (rule.kind) {
    case "user":
      return <Reference document="identity.employee" id={String(rule.employee_id ?? "")} />;
    case "role":
      return <>{t("flow.role", { code: String(rule.role ?? "") })}</>;
    case "post":
      return <>{t("flow.post", { code: String(rule.post ?? "") })}</>;
    case "department_post":
      return <>{rule.department_id ? <Reference document="identity.department" id={String(rule.department_id)} plain /> : t("flow.ownDepartment")} · {t("flow.post", { code: String(rule.post ?? "") })}</>;
    case "field_department_head":
      return <>{t("flow.ruleFieldHead")}<code>{String(rule.field ?? "")}</code></>;
    case "field_user":
      return <>{t("flow.ruleFieldUser")}<code>{String(rule.field ?? "")}</code></>;
    case "previous_choice":
      return <>{t("flow.rulePreviousChoice")}</>;
    case "department_head":
      return <>{t("flow.departmentHead")}</>;
    case "heads_up":
      return <>{t("flow.headsUp", { levels: String(rule.levels ?? "") })}</>;
    case "authority":
      return <>{t("flow.authority")}</>;
    default:
      return <FieldValue field={{ name: "rule", protoName: "rule", label: "", type: "struct" }} value={rule} />;
  }
}
