import { Form } from "antd";
import { useId } from "react";
import { isCustom } from "@/contract/customFields";
import { useMeta } from "@/contract/useMeta";
import { membersOf, type Field, type Row } from "@/contract/meta";
import { FieldInput } from "./FieldInput";
import { LinesGrid } from "./LinesGrid";
import type { Values } from "./formValues";

interface Props {
  fields: Field[];
  values: Values;
  onChange: (name: string, value: unknown, picked?: Row) => void;
  errors: Record<string, string>;
  /** Path of these fields in the request: `change.` for `change.reason`. */
  prefix?: string;
  autoFocus?: boolean;
  single?: boolean;
}

function isLong(field: Field): boolean {
  return field.format === "MULTILINE" || field.format === "CEL" || field.type === "struct" || (field.type === "message" && Boolean(field.repeated)) || (field.maxLength ?? 0) > 400;
}

function isWide(field: Field): boolean {
  return field.type === "string" && /title|name$|address|place|reason|terms|note/i.test(field.name) && (field.maxLength ?? 0) >= 100;
}

/** Labelled inputs for fields of the contract, long ones across the page, lines as a grid. */
export function FieldsForm({ fields, values, onChange, errors, prefix = "", autoFocus, single }: Props) {
  const base = useId();
  const meta = useMeta();
  const first = fields.find(({ type }) => type === "string")?.name;
  return (
    <div className={single ? "fields single" : "fields"}>
      {fields.toSorted((a, b) => Number(isLong(a)) - Number(isLong(b))).map((field) => {
        const path = `${prefix}${field.name}`;
        const id = `${base}${path}`;
        const error = errors[path];
        if (field.type === "message") {
          const members = membersOf(meta, field.message);
          if (!field.repeated) {
            const inner = (values[field.name] as Values | undefined) ?? {};
            return (
              <fieldset key={field.name} className="long">
                <legend>{field.label}</legend>
                <FieldsForm
                  fields={members.filter(({ readOnly }) => !readOnly)} values={inner} errors={errors} prefix={`${path}.`} single={single}
                  onChange={(name, value) => onChange(field.name, { ...inner, [name]: value })}
                />
              </fieldset>
            );
          }
          return (
            <section key={field.name} className="long" aria-label={field.label}>
              <h3 className="section-title">{field.label}</h3>
              <LinesGrid
                label={field.label} fields={members} rows={(values[field.name] as Values[] | undefined) ?? []} maxRows={field.maxItems}
                onChange={(rows) => onChange(field.name, rows)} errors={errors} prefix={path}
              />
              {error && <p className="field-error" role="alert">{error}</p>}
            </section>
          );
        }
        return (
          <Form.Item
            key={field.name} label={field.label} htmlFor={id} required={field.required} validateStatus={error ? "error" : undefined} className={isLong(field) ? "long" : isWide(field) ? "wide" : undefined}
            help={error ? <span id={`${id}-error`} role="alert">{error}</span> : undefined} extra={isCustom(field) ? field.description || undefined : undefined} layout="vertical"
          >
            <FieldInput
              id={id} field={field} disabled={field.readOnly} value={values[field.name]} invalid={Boolean(error)} autoFocus={autoFocus && field.name === first}
              describedBy={error ? `${id}-error` : undefined} onChange={(value, picked) => onChange(field.name, value, picked)}
            />
          </Form.Item>
        );
      })}
    </div>
  );
}
