import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { AutoComplete, Button, Input, InputNumber, Select } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { ReferencePicker, ReferencesPicker } from "@/documents/ReferencePicker";
import { conditionText, isGroup, readCondition, type Comparison, type Group, type Literal } from "./condition";
import { OPERATORS, fieldNamed, operatorText, useConditionFields, useNamed, type ConditionField } from "./fields";

interface Props {
  label: string;
  value: string;
  error?: string;
  onChange: (text: string) => void;
}

/** A condition put together from comparisons, with its text below it. Text that says more stays text. */
export function ConditionForm({ label, value, error, onChange }: Props) {
  const { t } = useTranslation();
  const fields = useConditionFields();
  const id = useId();
  const read = readCondition(value);
  return (
    <fieldset className="node-rules condition-form">
      <legend>{label}</legend>
      {read ? <GroupForm group={read} fields={fields} onChange={(group) => onChange(conditionText(group))} /> : <p className="quiet">{t("flow.onlyText")}</p>}
      <details open={!read || Boolean(error) || undefined}>
        <summary>{t("flow.asText")}</summary>
        <label htmlFor={id} className="hidden-text">{t("flow.asText")}</label>
        <Input.TextArea id={id} className="code-input" rows={3} spellCheck={false} value={value} onChange={({ target }) => onChange(target.value)} />
      </details>
      {error && <p className="field-error" role="alert">{error}</p>}
    </fieldset>
  );
}

interface GroupProps {
  group: Group;
  fields: ConditionField[];
  onChange: (group: Group) => void;
}

function GroupForm({ group: { join, members }, fields, onChange }: GroupProps) {
  const { t } = useTranslation();
  const change = (next: Group["members"]) => onChange({ join, members: next });
  const first: Comparison = { field: fields[0].name, operator: ">=", values: [{ type: "number", text: "10000" }] };
  return (
    <div className="condition-group">
      {members.length > 1 && (
        <Select
          aria-label={t("flow.join")} value={join} popupMatchSelectWidth={false} onChange={(next: Group["join"]) => onChange({ join: next, members })}
          options={[{ value: "and", label: t("flow.allHold") }, { value: "or", label: t("flow.anyHolds") }]}
        />
      )}
      {members.map((one, at) => (
        <div key={at} className="comparison">
          {isGroup(one)
            ? <GroupForm group={one} fields={fields} onChange={(next) => change(members.with(at, next))} />
            : <ComparisonForm comparison={one} fields={fields} onChange={(next) => change(members.with(at, next))} />}
          <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeComparison")} onClick={() => change(members.toSpliced(at, 1))} />
        </div>
      ))}
      <div className="condition-tools">
        <Button size="small" icon={<PlusOutlined />} onClick={() => change([...members, first])}>{t("flow.addComparison")}</Button>
        {members.length > 1 && <Button size="small" icon={<PlusOutlined />} onClick={() => change([...members, { join: join === "and" ? "or" : "and", members: [first, first] }])}>{t("flow.addGroup")}</Button>}
      </div>
    </div>
  );
}

/** What a field is compared with first. */
function proposed(field: ConditionField): Comparison {
  const text = { number: "0", bool: "true", string: field.options?.[0].value ?? "", list: field.options?.[0].value ?? "" }[field.type];
  return { field: field.name, operator: OPERATORS[field.type][0], values: [{ type: field.type === "list" ? "string" : field.type, text }] };
}

function ComparisonForm({ comparison, fields, onChange }: { comparison: Comparison; fields: ConditionField[]; onChange: (comparison: Comparison) => void }) {
  const { t } = useTranslation();
  const field = fieldNamed(fields, comparison.field, comparison.operator, comparison.values[0]);
  const names = fields.some(({ name }) => name === field.name) ? fields : [field, ...fields];
  const operators = OPERATORS[field.type].includes(comparison.operator) ? OPERATORS[field.type] : [comparison.operator, ...OPERATORS[field.type]];
  const several = comparison.operator === "in" || comparison.operator === "notIn";
  return (
    <>
      <Select
        aria-label={t("flow.conditionField")} value={field.name} className="comparison-field" popupMatchSelectWidth={false} options={names.map(({ name, label }) => ({ value: name, label }))}
        showSearch={{ optionFilterProp: "label" }} onChange={(name: string) => onChange(proposed(fieldNamed(fields, name)))}
      />
      <Select
        aria-label={t("flow.operator")} value={comparison.operator} className="comparison-operator" popupMatchSelectWidth={false} options={operators.map((value) => ({ value, label: operatorText(t, value, field.type) }))}
        onChange={(operator: Comparison["operator"]) => onChange({ ...comparison, operator, values: operator === "in" || operator === "notIn" ? comparison.values.filter(({ text }) => text) : comparison.values.length > 0 ? comparison.values.slice(0, 1) : proposed(field).values })}
      />
      <span className="comparison-value">
        {several
          ? <SeveralValues field={field} values={comparison.values} onChange={(values) => onChange({ ...comparison, values })} />
          : <OneValue field={field} value={comparison.values[0] ?? proposed(field).values[0]} onChange={(value) => onChange({ ...comparison, values: [value] })} />}
      </span>
    </>
  );
}

function useOptions(field: ConditionField) {
  const named = useNamed(field.document, field.by === "name" ? "name" : "code", field.by !== "id");
  return field.options ?? (field.document && field.by !== "id" ? named : []);
}

function OneValue({ field, value, onChange }: { field: ConditionField; value: Literal; onChange: (value: Literal) => void }) {
  const { t } = useTranslation();
  const options = useOptions(field);
  const put = (text: string) => onChange({ type: value.type, text });
  if (value.type === "number") return <InputNumber<string> stringMode aria-label={t("flow.value")} className="wide-input" value={value.text} onChange={(number) => put(number === null ? "0" : plainNumber(String(number)))} />;
  if (value.type === "bool") return <Select aria-label={t("flow.value")} className="wide-input" value={value.text} options={[{ value: "true", label: t("value.yes") }, { value: "false", label: t("value.no") }]} onChange={put} />;
  if (field.by === "id") return <ReferencePicker label={t("flow.value")} document={field.document!} value={value.text} onChange={put} />;
  if (options.length === 0) return <Input aria-label={t("flow.value")} className="wide-input" value={value.text} onChange={({ target }) => put(target.value)} />;
  const chosen = options.find((one) => one.value === value.text);
  return (
    <AutoComplete
      aria-label={t("flow.value")} className="wide-input" popupMatchSelectWidth={false} value={chosen?.label ?? value.text} options={options.map(({ label }) => ({ value: label }))}
      onChange={(text: string) => put(options.find(({ label }) => label === text)?.value ?? text)}
    />
  );
}

/** CEL writes no exponents. */
function plainNumber(text: string): string {
  return /^-?\d+(\.\d+)?$/.test(text) ? text : Number(text).toFixed(2);
}

function SeveralValues({ field, values, onChange }: { field: ConditionField; values: Literal[]; onChange: (values: Literal[]) => void }) {
  const { t } = useTranslation();
  const options = useOptions(field);
  const texts = values.map(({ text }) => text);
  const type = values[0]?.type ?? "string";
  const put = (chosen: string[]) => onChange(chosen.map((text) => ({ type, text })));
  if (field.by === "id") return <ReferencesPicker label={t("flow.value")} document={field.document!} value={texts} onChange={put} />;
  return <Select mode="tags" aria-label={t("flow.value")} className="wide-input" value={texts} options={options} onChange={put} />;
}
