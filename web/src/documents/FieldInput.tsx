import { DatePicker, Input, Select, Switch } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fromPercent, tidyNumber, toPercent, trim } from "@/contract/decimal";
import { isRate } from "@/contract/format";
import { DOCUMENT_TYPE, enumValues, submittedTypes, type Field, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker, ReferencesPicker } from "./ReferencePicker";

export interface FieldInputProps {
  id: string;
  field: Field;
  value: unknown;
  onChange: (value: unknown, picked?: Row) => void;
  invalid?: boolean;
  disabled?: boolean;
  autoFocus?: boolean;
  describedBy?: string;
}

/** One input, by the kind of field. */
export function FieldInput(props: FieldInputProps) {
  const { id, field, value, onChange, invalid, disabled, autoFocus, describedBy } = props;
  const meta = useMeta();
  const { t } = useTranslation();
  const status = invalid ? ("error" as const) : undefined;
  const aria = { id, disabled, status, "aria-describedby": describedBy, "aria-invalid": invalid, "aria-required": field.required };
  if (field.references && field.repeated) {
    return <ReferencesPicker id={id} document={field.references} value={(value as string[] | undefined) ?? []} onChange={onChange} disabled={disabled} status={status} />;
  }
  if (field.references) {
    return <ReferencePicker id={id} document={field.references} value={value as string | undefined} onChange={onChange} disabled={disabled} status={status} />;
  }
  if (field.name === `${DOCUMENT_TYPE}s`) {
    const options = submittedTypes(meta).map((one) => ({ value: one.key, label: one.title }));
    return <Select {...aria} mode="multiple" value={(value as string[] | undefined) ?? []} options={options} optionFilterProp="label" onChange={(keys) => onChange(keys)} className="wide-input" />;
  }
  if (field.repeated && field.type === "enum") {
    const options = enumValues(meta, field.enum).map(({ name, label }) => ({ value: name, label }));
    return <Select {...aria} mode="multiple" value={(value as string[] | undefined) ?? []} options={options} optionFilterProp="label" onChange={(names) => onChange(names)} className="wide-input" />;
  }
  if (field.repeated && field.type !== "message") {
    return <Select {...aria} mode="tags" value={(value as string[] | undefined) ?? []} onChange={(texts) => onChange(texts)} className="wide-input" tokenSeparators={[",", "，"]} />;
  }
  switch (field.type) {
    case "enum": {
      const options = enumValues(meta, field.enum).map(({ name, label }) => ({ value: name, label }));
      const chosen = value && !String(value).endsWith("UNSPECIFIED") ? String(value) : undefined;
      return <Select {...aria} value={chosen} options={options} allowClear={!field.required} onChange={(next?: string) => onChange(next ?? "")} className="wide-input" />;
    }
    case "date":
      return (
        <DatePicker
          {...aria} value={value ? dayjs(String(value)) : null} onChange={(day) => onChange(day ? day.format("YYYY-MM-DD") : "")} className="wide-input" format="YYYY-MM-DD" preserveInvalidOnBlur={false}
        />
      );
    case "bool":
      return <Switch id={id} checked={Boolean(value)} onChange={(on) => onChange(on)} disabled={disabled} aria-describedby={describedBy} />;
    case "decimal":
      return <DecimalInput {...props} />;
    case "int":
      return (
        <Input
          {...aria} value={value === undefined || value === null ? "" : String(value)} inputMode="numeric" className="figure-input"
          onChange={({ target }) => {
            const text = tidyNumber(target.value);
            if (/^-?\d*$/.test(text)) onChange(text === "" || text === "-" ? undefined : Number(text));
          }}
        />
      );
    case "struct":
      return <Input.TextArea {...aria} value={typeof value === "string" ? value : JSON.stringify(value ?? {}, null, 2)} onChange={({ target }) => onChange(target.value)} rows={4} className="code-input" />;
    default:
      break;
  }
  const text = value === undefined || value === null ? "" : String(value);
  const shared = { ...aria, value: text, maxLength: field.maxLength, autoFocus, onChange: ({ target }: { target: { value: string } }) => onChange(target.value) };
  if (field.format === "PASSWORD") return <Input.Password {...shared} autoComplete="new-password" />;
  if (field.format === "MULTILINE") return <Input.TextArea {...shared} rows={2} />;
  if (field.format === "CEL") return <Input.TextArea {...shared} rows={2} className="code-input" spellCheck={false} />;
  if (field.format === "CURRENCY") return <Input {...shared} maxLength={3} placeholder={t("field.currencyExample")} onChange={({ target }) => onChange(target.value.toUpperCase())} />;
  return <Input {...shared} inputMode={field.format === "PHONE" ? "tel" : field.format === "EMAIL" ? "email" : undefined} autoComplete="off" />;
}

/** Decimals stay text from the first key to the server; rates are typed in per cent. */
function DecimalInput({ id, field, value, onChange, invalid, disabled, describedBy }: FieldInputProps) {
  const rate = isRate(field);
  const stored = value === undefined || value === null ? "" : String(value);
  const [typed, setTyped] = useState<string>();
  const shown = typed ?? (rate ? toPercent(stored) : trim(stored));
  return (
    <Input
      id={id} value={shown} inputMode="decimal" disabled={disabled} status={invalid ? "error" : undefined} suffix={rate ? "%" : undefined} className="figure-input"
      aria-describedby={describedBy} aria-invalid={invalid} aria-required={field.required} autoComplete="off"
      onChange={({ target }) => {
        const text = tidyNumber(target.value);
        setTyped(text);
        onChange(rate ? fromPercent(text) : text);
      }}
      onBlur={() => setTyped(undefined)}
    />
  );
}
