import { Form, Select } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { group } from "@/contract/decimal";
import { camel, type Field } from "@/contract/meta";
import type { FormField, HandledField, Opinion } from "@/contract/types";
import { FieldInput } from "./FieldInput";

/** How an input of the contract shows what a flow asks for. */
const INPUTS: Record<string, Pick<Field, "type" | "decimal" | "maxLength">> = {
  text: { type: "string", maxLength: 500 },
  number: { type: "decimal", decimal: { precision: 15, scale: 6, signed: true } },
  amount: { type: "decimal", decimal: { precision: 15, scale: 2, signed: true } },
  date: { type: "date" },
};

interface Props {
  fields: FormField[];
  values: Record<string, string>;
  onChange: (key: string, value: string) => void;
  /** Violations by the path of the request: `values.invoice_no`. */
  errors: Record<string, string>;
}

/** What whoever handles a task fills in, as the flow asks for it. */
export function HandledForm({ fields, values, onChange, errors }: Props) {
  const base = useId();
  const { i18n } = useTranslation();
  const textOf = (label: Record<string, string>) => label[i18n.language] ?? "";
  return fields.map((field, index) => {
    const id = `${base}${field.key}`;
    const error = errors[`values.${field.key}`] ?? errors[`values.${camel(field.key)}`];
    const label = textOf(field.label);
    const common = { id, "aria-invalid": Boolean(error), "aria-required": field.required };
    return (
      <Form.Item
        key={field.key} label={label} htmlFor={id} required={field.required} validateStatus={error ? "error" : undefined}
        help={error ? <span id={`${id}-error`} role="alert">{error}</span> : undefined}
      >
        {field.type === "choice" ? (
          <Select
            {...common} className="wide-input" value={values[field.key] || undefined} allowClear={!field.required} onChange={(value?: string) => onChange(field.key, value ?? "")}
            options={field.choices.map((choice) => ({ value: choice.value, label: textOf(choice.label) }))}
          />
        ) : (
          <FieldInput
            id={id} field={{ name: field.key, protoName: field.key, label, required: field.required, ...INPUTS[field.type] }} value={values[field.key]} invalid={Boolean(error)}
            autoFocus={index === 0} describedBy={error ? `${id}-error` : undefined} onChange={(value) => onChange(field.key, String(value ?? ""))}
          />
        )}
      </Form.Item>
    );
  });
}

/** What was filled in, with the words of the form at that time. */
export function HandledValues({ fields }: { fields: HandledField[] }) {
  const { i18n } = useTranslation();
  const said = ({ type, value, text }: HandledField) => (type === "amount" ? group(value, 2) : (text?.[i18n.language] ?? value));
  return (
    <dl className="facts handled">
      {fields.map((field) => (
        <div key={field.key}>
          <dt>{field.label[i18n.language]}</dt>
          <dd>{said(field)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Of what was filled in again, the last counts. */
export function lastHandled(opinions: Opinion[]): HandledField[] {
  const known = new Map<string, HandledField>();
  for (const { handled } of opinions.toSorted((a, b) => a.createTime.localeCompare(b.createTime))) for (const field of handled?.fields ?? []) known.set(field.key, field);
  return [...known.values()];
}
