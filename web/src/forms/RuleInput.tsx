import { Button, Form, Input, Select } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { TypedInput } from "./TypedInput";
import { both, comparisonsOf, conditionText } from "./design";
import { kindOf, wordsIn, type TypedField } from "@/contract/typedFields";

interface Props {
  label: string;
  value: string;
  /** What it can ask. */
  fields: TypedField[];
  error?: string;
  hint?: string;
  disabled?: boolean;
  onChange: (rule: string) => void;
}

/** A rule of a form: chosen field by field, and readable as the formula that it is. */
export function RuleInput({ label, value, fields, error, hint, disabled = false, onChange }: Props) {
  const { t, i18n } = useTranslation();
  const id = useId();
  const said: Record<string, string> = { in: t("forms.has"), yes: t("forms.isYes"), no: t("forms.isNo") };
  const [key, setKey] = useState<string>();
  const [comparison, setComparison] = useState<string>();
  const [wanted, setWanted] = useState<unknown>();
  const asked = fields.filter((field) => comparisonsOf(field).length > 0);
  const field = asked.find((one) => one.key === key);
  const chosen = comparison ?? (field && comparisonsOf(field)[0]);
  const bare = chosen === "yes" || chosen === "no";
  const kind = field && kindOf(field);
  return (
    <Form.Item label={label} htmlFor={id} extra={hint} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>
      {!disabled && asked.length > 0 && <div className="form-filter">
        <Select
          aria-label={`${label}: ${t("forms.field")}`} className="form-choice" placeholder={t("forms.field")} value={key} options={asked.map((one) => ({ value: one.key, label: wordsIn(one.label, i18n.language) }))}
          onChange={(next: string) => {
            setKey(next);
            setComparison(undefined);
            setWanted(undefined);
          }}
        />
        {field && <Select aria-label={`${label}: ${t("forms.operator")}`} value={chosen} options={comparisonsOf(field).map((one) => ({ value: one, label: said[one] ?? one }))} onChange={setComparison} />}
        {field && !bare && <span className="form-term"><TypedInput id={`${id}-value`} field={{ ...field, kind: kind === "CHOICES" ? "CHOICE" : kind!, required: true }} value={wanted} onChange={setWanted} /></span>}
        {field && (
          <Button disabled={!bare && (wanted === undefined || wanted === "")} onClick={() => onChange(both(value, conditionText(field, chosen!, String(wanted ?? ""))))}>{t("forms.addTerm")}</Button>
        )}
      </div>}
      <Input.TextArea id={id} value={value} disabled={disabled} onChange={({ target }) => onChange(target.value)} rows={2} className="code-input" spellCheck={false} maxLength={1000} aria-invalid={Boolean(error)} />
    </Form.Item>
  );
}
