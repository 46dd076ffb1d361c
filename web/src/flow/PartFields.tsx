import { ArrowDownOutlined, ArrowUpOutlined, DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Form } from "antd";
import { useContext, useId, type MouseEvent } from "react";
import { useTranslation } from "react-i18next";
import { useMeta } from "@/contract/useMeta";
import { ConditionForm } from "./ConditionForm";
import { PartInput, SentenceInput } from "./PartInput";
import { DocumentTypeContext } from "./fields";
import { RightsForm } from "./RightsForm";
import { RulesForm } from "./RulesForm";
import { isValues, listMembers, tidied, type Part, type Values } from "./kinds";
import type { FlowNode } from "./tree";

interface Props {
  parts: Part[];
  values: Values;
  /** The node that they belong to. */
  node: FlowNode;
  onChange: (key: string, value: unknown) => void;
}

/** Values below each other, each with its label; those that are asked for as the others stand. */
export function PartFields({ parts, values, node, onChange }: Props) {
  return parts.filter(({ shown }) => shown?.(values) ?? true).map((part) => <PartField key={part.key} part={part} value={values[part.key]} node={node} onChange={(value) => onChange(part.key, value)} />);
}

interface FieldProps {
  part: Part;
  value: unknown;
  node: FlowNode;
  onChange: (value: unknown) => void;
}

function PartField({ part, value, node, onChange }: FieldProps) {
  const { t } = useTranslation();
  const id = useId();
  const document = useMeta().documents[useContext(DocumentTypeContext)];
  // of a type whose contract names nothing to cut it is not offered
  if (part.key === "cuts" && !document?.cut && value !== true) return null;
  switch (part.input) {
    case "rules":
      return <RulesForm node={node} label={part.label(t)} onChange={onChange} />;
    case "sentence":
      return <SentenceForm part={part} value={value} node={node} onChange={onChange} />;
    case "rights":
      return <RightsForm part={part} value={value} onChange={onChange} />;
    case "condition":
      return <ConditionForm label={part.label(t)} value={typeof value === "string" ? value : ""} onChange={(text) => onChange(text || undefined)} />;
    case "list":
      return <ListForm part={part} value={value} node={node} onChange={onChange} />;
    default:
      return <Form.Item label={part.label(t)} htmlFor={id} extra={part.note?.(t, node)}><PartInput part={part} id={id} value={value} onChange={onChange} /></Form.Item>;
  }
}

/** A sentence that may be left out. */
function SentenceForm({ part, value, node, onChange }: FieldProps) {
  const { t } = useTranslation();
  const note = part.note?.(t, node);
  return (
    <fieldset className="node-rules">
      <legend>{part.label(t)}</legend>
      {isValues(value) ? (
        <div className="node-rule">
          <SentenceInput of={part.of!} values={value} onChange={(next) => onChange(tidied(part.of!.parts, next))} />
          <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeOne", { name: part.label(t) })} onClick={() => onChange(undefined)} />
          {note && <p className="quiet">{note}</p>}
        </div>
      ) : <Button icon={<PlusOutlined />} onClick={() => onChange(part.make!(t, []))}>{part.add!(t)}</Button>}
    </fieldset>
  );
}

/** Members one below another; each can be changed, moved and removed. */
function ListForm({ part, value, node, onChange }: FieldProps) {
  const { t } = useTranslation();
  const written: unknown[] = Array.isArray(value) ? value : [];
  const members = listMembers(part, value);
  const move = (at: number, by: -1 | 1, { currentTarget }: MouseEvent<HTMLElement>) => {
    onChange(written.toSpliced(at, 1).toSpliced(at + by, 0, written[at]));
    // the focus goes along with what was moved
    const tools = currentTarget.closest("fieldset")!.querySelector(`:scope > [data-member="${at + by}"] > .member-tools`)!;
    (tools.querySelector<HTMLElement>(`[data-by="${by}"]:enabled`) ?? tools.querySelector<HTMLElement>("[data-by]:enabled"))?.focus();
  };
  return (
    <fieldset className="node-rules">
      <legend>{part.label(t)}</legend>
      {members.map((member, at) => {
        const name = `${part.label(t)} ${at + 1}`;
        return (
          <div key={at} data-member={at} role="group" aria-label={name} className="node-rule list-member">
            <PartFields parts={part.of!.parts} values={member} node={node} onChange={(key, changed) => onChange(written.with(at, tidied(part.of!.parts, { ...member, [key]: changed })))} />
            <span className="member-tools">
              <Button type="text" data-by={-1} icon={<ArrowUpOutlined />} disabled={at === 0} aria-label={t("flow.moveUpOne", { name })} onClick={(event) => move(at, -1, event)} />
              <Button type="text" data-by={1} icon={<ArrowDownOutlined />} disabled={at === members.length - 1} aria-label={t("flow.moveDownOne", { name })} onClick={(event) => move(at, 1, event)} />
              <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeOne", { name })} onClick={() => onChange(written.toSpliced(at, 1))} />
            </span>
          </div>
        );
      })}
      <Button icon={<PlusOutlined />} disabled={members.length >= part.most!} onClick={() => onChange([...written, part.make!(t, members)])}>{part.add!(t)}</Button>
    </fieldset>
  );
}
