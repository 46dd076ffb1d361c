import { Fragment, useContext, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { group } from "@/contract/decimal";
import { useMeta } from "@/contract/useMeta";
import { pathField, pathLabel } from "@/documents/paths";
import { Reference, References } from "@/documents/Reference";
import { isGroup, readCondition, type Comparison, type Group, type Literal } from "./condition";
import { DocumentTypeContext, fieldNamed, operatorText, useConditionFields, useNamed, type ConditionField } from "./fields";
import { choiceText, isValues, kindOf, listMembers, piecesOf, rightText, ruleKindOf, textIn, type Part, type Sentence, type Values } from "./kinds";
import type { FlowNode, FlowRule } from "./tree";

const UUID = /^[0-9a-f]{8}-[0-9a-f-]{27}$/;

/** The name behind a code. */
export function Named({ document, by, value }: { document: string; by?: "code" | "name"; value: string }) {
  const options = useNamed(document, by, !UUID.test(value));
  if (UUID.test(value)) return <Reference document={document} id={value} plain />;
  return <>{options.find((one) => one.value === value)?.label ?? value}</>;
}

/** A value of a node or a rule in words. */
export function PartText({ part, value }: { part: Part; value: unknown }) {
  const { t } = useTranslation();
  const fields = useConditionFields();
  if (part.input === "choice") return <>{choiceText(t, part, value)}</>;
  if (part.input === "rules") return <RulesText rules={Array.isArray(value) ? (value as FlowRule[]) : []} />;
  if (part.input === "rights") return <RightsText value={value} />;
  if (part.input === "list") return <ListText part={part} value={value} />;
  if (part.input === "label") return <>{isValues(value) ? [...new Set(Object.values(value))].join(" / ") : textIn(value, "")}</>;
  if (value === undefined || value === null || value === "") return <>{part.empty?.(t) ?? "…"}</>;
  if (part.input === "sentence") return isValues(value) ? <SentenceText of={part.of!} values={value} /> : <code>{JSON.stringify(value)}</code>;
  const text = String(value);
  switch (part.input) {
    case "employee":
      return <Reference document="identity.employee" id={text} plain />;
    case "department":
      return <Reference document="identity.department" id={text} plain />;
    case "employees":
      return <References document="identity.employee" ids={Array.isArray(value) ? (value as string[]) : []} plain />;
    case "code":
      return <Named document={part.document!} value={text} />;
    case "condition":
      return <ConditionWords text={text} />;
    case "fact":
      return <>{fieldNamed(fields, `facts.${text}`).label}</>;
    default:
      return <>{text}{part.suffix}</>;
  }
}

function RightsText({ value }: { value: unknown }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = meta.documents[useContext(DocumentTypeContext)];
  if (!isValues(value)) return <>—</>;
  const label = (path: string) => {
    const known = document && pathField(meta, document, path);
    return known ? pathLabel(known) : path;
  };
  return <>{Object.entries(value).map(([path, right]) => `${label(path)}: ${rightText(t, String(right))}`).join(t("flow.semicolon"))}</>;
}

function SentenceText({ of, values }: { of: Sentence; values: Values }) {
  const { t } = useTranslation();
  return <>{piecesOf(t, of, values).map((piece, at) => <Fragment key={at}>{typeof piece === "string" ? piece : <PartText part={piece} value={values[piece.key]} />}</Fragment>)}</>;
}

function ListText({ part, value }: { part: Part; value: unknown }) {
  const { t } = useTranslation();
  const members = listMembers(part, value);
  return members.length === 0 ? <>—</> : <>{members.map((member, at) => <Fragment key={at}>{at > 0 && part.between!(t)}<SentenceText of={part.of!} values={member} /></Fragment>)}</>;
}

export function RuleText({ rule }: { rule: FlowRule }) {
  const { t } = useTranslation();
  const kind = ruleKindOf(rule);
  if (!kind) return <code>{String(rule.kind ?? JSON.stringify(rule))}</code>;
  return (
    <>
      <SentenceText of={kind} values={rule} />
      {rule.veto === true && ` (${t("timeline.veto")})`}
    </>
  );
}

function RulesText({ rules }: { rules: FlowRule[] }) {
  const { t } = useTranslation();
  return <>{rules.map((rule, at) => <Fragment key={at}>{at > 0 && t("flow.andAlso")}<RuleText rule={rule} /></Fragment>)}</>;
}

/** Who is asked at a node, how they decide and what happens otherwise, as one sentence. */
export function NodeText({ node }: { node: FlowNode }) {
  const { t, i18n } = useTranslation();
  const kind = kindOf(node);
  const said = kind?.parts.filter(({ key }) => node[key] !== undefined) ?? [];
  if (!kind?.parts.some(({ input }) => input === "rules")) return <>{said.map((part, at) => <Fragment key={part.key}>{at > 0 && t("flow.comma")}{part.label(t)} <PartText part={part} value={node[part.key]} /></Fragment>)}</>;
  const rules = Array.isArray(node.approvers) ? node.approvers : [];
  if (rules.length === 0) return <>{t("flow.nobodyYet")}</>;
  const how = kind.how?.(t, node, i18n.language);
  return (
    <>
      <RulesText rules={rules} />{how && t("flow.comma")}{how}
      {said.filter(({ input }) => input === "sentence").map((part) => <Fragment key={part.key}>{t("flow.comma")}<PartText part={part} value={node[part.key]} /></Fragment>)}
    </>
  );
}

/** A condition in words; what says more than comparisons is shown as it is written. */
export function ConditionWords({ text }: { text: string }) {
  const fields = useConditionFields();
  const read = readCondition(text);
  return read && read.members.length > 0 ? <GroupWords group={read} fields={fields} /> : <code>{text}</code>;
}

function GroupWords({ group: { join, members }, fields }: { group: Group; fields: ConditionField[] }) {
  const { t } = useTranslation();
  return (
    <>
      {members.map((one, at) => (
        <Fragment key={at}>
          {at > 0 && ` ${join === "and" ? t("flow.and") : t("flow.or")} `}
          {isGroup(one) ? <>(<GroupWords group={one} fields={fields} />)</> : <ComparisonWords comparison={one} fields={fields} />}
        </Fragment>
      ))}
    </>
  );
}

function ComparisonWords({ comparison: { field: name, operator, values }, fields }: { comparison: Comparison; fields: ConditionField[] }) {
  const { t } = useTranslation();
  const field = fieldNamed(fields, name, operator, values[0]);
  return (
    <>
      {field.label} {operatorText(t, operator, field.type)}{" "}
      {values.map((value, at) => <Fragment key={at}>{at > 0 && t("list.comma")}<LiteralText field={field} value={value} /></Fragment>)}
    </>
  );
}

function LiteralText({ field, value: { type, text } }: { field: ConditionField; value: Literal }): ReactNode {
  const { t } = useTranslation();
  if (type === "bool") return text === "true" ? t("value.yes") : t("value.no");
  if (type === "number") return group(text, 0, 6);
  const option = field.options?.find(({ value }) => value === text);
  if (option) return option.label;
  if (field.document) return field.by === "id" ? <Reference document={field.document} id={text} plain /> : <Named document={field.document} by={field.by} value={text} />;
  return text || "…";
}
