import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, DatePicker, Form, Input, Select, Switch } from "antd";
import dayjs from "dayjs";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { tidyNumber } from "@/contract/decimal";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { FilesInput } from "./FieldFiles";
import { TypedValue } from "./TypedValue";
import { longest, mostRows, wordsIn, type TypedField } from "@/contract/typedFields";
import type { TypedValues } from "./typed";

const NAMED: Partial<Record<TypedField["kind"], string>> = { PERSON: "identity.employee", DEPARTMENT: "identity.department" };
const DAY = "YYYY-MM-DD";
const MINUTE = "YYYY-MM-DD HH:mm";

interface Props {
  id: string;
  field: TypedField;
  value: unknown;
  onChange: (value: unknown) => void;
  /** By the paths within the value: `[2].cost`; "" is the value itself. */
  errors?: Record<string, string>;
  required?: boolean;
  describedBy?: string;
}

/** One input of a designed form, by the kind of its field. */
export function TypedInput({ id, field, value, onChange, errors = {}, required, describedBy }: Props) {
  const { t, i18n } = useTranslation();
  const meta = useMeta();
  const invalid = "" in errors;
  const status = invalid ? ("error" as const) : undefined;
  const aria = { id, status, "aria-describedby": describedBy, "aria-invalid": invalid, "aria-required": required };
  const text = typeof value === "string" ? value : value === undefined || value === null ? "" : String(value);
  switch (field.kind) {
    case "LONG_TEXT":
      return <Input.TextArea {...aria} value={text} maxLength={longest(field)} rows={3} onChange={({ target }) => onChange(target.value)} />;
    case "NUMBER":
    case "AMOUNT":
      return <Input {...aria} value={text} inputMode="decimal" className="figure-input" suffix={field.unit || undefined} autoComplete="off" onChange={({ target }) => onChange(tidyNumber(target.value))} />;
    case "DATE":
      return <Day {...aria} value={text} format={DAY} onChange={onChange} />;
    case "DATE_TIME":
      return (
        <DatePicker
          {...aria} className="wide-input" format={MINUTE} showTime={{ format: "HH:mm" }} needConfirm={false} preserveInvalidOnBlur={false} value={text ? dayjs(text) : null}
          onChange={(at) => onChange(at ? at.second(0).millisecond(0).toISOString().replace(".000", "") : undefined)}
        />
      );
    case "DATE_RANGE": {
      const ends = (value ?? {}) as { start?: string; end?: string };
      const put = (next: typeof ends) => onChange(next.start || next.end ? next : undefined);
      return (
        <span className="day-range">
          <Day {...aria} value={ends.start ?? ""} format={DAY} onChange={(start) => put({ ...ends, start })} label={t("form.from")} />
          <span aria-hidden>–</span>
          <Day id={`${id}-end`} status={status} value={ends.end ?? ""} format={DAY} onChange={(end) => put({ ...ends, end })} label={t("form.until")} />
        </span>
      );
    }
    case "CHOICE":
    case "CHOICES": {
      const options = (field.options ?? []).filter(({ retired }) => !retired).map(({ key, label }) => ({ value: key, label: wordsIn(label, i18n.language) }));
      const shared = { ...aria, options, optionFilterProp: "label", className: "wide-input", allowClear: !required };
      if (field.kind === "CHOICE") return <Select {...shared} value={text || undefined} onChange={(key?: string) => onChange(key)} />;
      return <Select {...shared} mode="multiple" value={(value as string[] | undefined) ?? []} onChange={(keys: string[]) => onChange(keys)} />;
    }
    case "YES_NO":
      return <Switch id={id} checked={value === true} onChange={(on) => onChange(on)} aria-describedby={describedBy} />;
    case "PERSON":
    case "DEPARTMENT":
    case "REFERENCE": {
      const document = NAMED[field.kind] ?? field.documentType ?? "";
      if (!meta.documents[document]) return <Input {...aria} value={text} onChange={({ target }) => onChange(target.value)} />;
      return <ReferencePicker id={id} document={document} value={text || undefined} onChange={(key) => onChange(key || undefined)} status={status} />;
    }
    case "TABLE":
      return <Rows field={field} rows={(value as TypedValues[] | undefined) ?? []} onChange={onChange} errors={errors} />;
    case "ATTACHMENT":
      return <FilesInput id={id} field={field} value={value} onChange={onChange} />;
    case "COMPUTED":
      return <output id={id} className="computed" aria-live="polite"><TypedValue field={field} value={value} /></output>;
    default:
      return <Input {...aria} value={text} maxLength={longest(field)} autoComplete="off" onChange={({ target }) => onChange(target.value)} />;
  }
}

function Day({ value, onChange, format, label, ...rest }: { id: string; status?: "error"; value: string; format: string; onChange: (day?: string) => void; label?: string }) {
  return <DatePicker {...rest} aria-label={label} className="wide-input" format={format} preserveInvalidOnBlur={false} value={value ? dayjs(value) : null} onChange={(day) => onChange(day ? day.format(format) : undefined)} />;
}

/** Rows of a table, each a group of inputs: side by side where there is room, one below another on a phone. */
function Rows({ field, rows, onChange, errors }: { field: TypedField; rows: TypedValues[]; onChange: (rows: TypedValues[]) => void; errors: Record<string, string> }) {
  const { t, i18n } = useTranslation();
  const base = useId();
  const columns = field.columns ?? [];
  const label = wordsIn(field.label, i18n.language);
  return (
    <div className="typed-rows">
      {rows.map((row, index) => (
        <fieldset key={index} className="typed-row">
          <legend>{t("form.row", { label, number: index + 1 })}</legend>
          <div className="fields">
            {columns.map((column) => {
              const id = `${base}-${index}-${column.key}`;
              const error = errors[`[${index}].${column.key}`];
              return (
                <Form.Item key={column.key} label={wordsIn(column.label, i18n.language)} htmlFor={id} required={column.required} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>
                  <TypedInput id={id} field={column} value={row[column.key]} required={column.required} errors={error ? { "": error } : {}} onChange={(value) => onChange(rows.map((one, at) => (at === index ? { ...one, [column.key]: value } : one)))} />
                </Form.Item>
              );
            })}
          </div>
          <Button type="text" icon={<DeleteOutlined />} onClick={() => onChange(rows.filter((_, at) => at !== index))} aria-label={t("form.removeRow", { number: index + 1 })} />
        </fieldset>
      ))}
      <Button icon={<PlusOutlined />} disabled={rows.length >= mostRows(field)} onClick={() => onChange([...rows, {}])}>{t("form.addRow", { label })}</Button>
    </div>
  );
}
