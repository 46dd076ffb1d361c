import { Form } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { TypedInput } from "./TypedInput";
import { TypedValue } from "./TypedValue";
import { wordsIn, type TypedField } from "@/contract/typedFields";
import { isEmpty, sectionsOf, type FormVersion, type TypedValues } from "./typed";

const LONG = new Set(["LONG_TEXT", "TABLE", "ATTACHMENT"]);

interface Shown {
  form: Pick<FormVersion, "fields" | "sections" | "approverKeys">;
  values: TypedValues;
  hidden: string[];
}

/** A designed form, to be filled in: as its designer sees it in the preview and its requester on the phone. */
export function FormFields({ form, values, hidden, required, errors, onChange }: Shown & { required: string[]; errors: Record<string, string>; onChange: (key: string, value: unknown) => void }) {
  const { i18n } = useTranslation();
  const asked = (field: TypedField) => !hidden.includes(field.key) && !form.approverKeys.includes(field.key);
  return (
    <>
      {sectionsOf(form).map(({ label, fields }, index) => {
        const shown = fields.filter(asked);
        if (shown.length === 0) return null;
        return (
          <Form key={index} layout="vertical" component="section" className="card">
            {label && <h2>{wordsIn(label, i18n.language)}</h2>}
            <div className="fields">
              {shown.map((field) => <OneField key={field.key} field={field} value={values[field.key]} required={Boolean(field.required) || required.includes(field.key)} errors={errorsOf(errors, field.key)} onChange={(value) => onChange(field.key, value)} />)}
            </div>
          </Form>
        );
      })}
    </>
  );
}

/** Errors of one field, by what follows its key: "" is the field itself. */
function errorsOf(errors: Record<string, string>, key: string): Record<string, string> {
  const mine = Object.entries(errors).filter(([path]) => path === key || path.startsWith(`${key}[`) || path.startsWith(`${key}.`));
  return Object.fromEntries(mine.map(([path, text]) => [path.slice(key.length), text]));
}

export function OneField({ field, value, required, errors, onChange }: { field: TypedField; value: unknown; required: boolean; errors: Record<string, string>; onChange: (value: unknown) => void }) {
  const { i18n } = useTranslation();
  const id = useId();
  const help = wordsIn(field.help, i18n.language);
  const table = field.kind === "TABLE";
  // of a table only what is about all of it: cells say their own
  const error = errors[""] ?? (table ? undefined : Object.values(errors)[0]);
  return (
    <Form.Item
      label={wordsIn(field.label, i18n.language)} htmlFor={table || field.kind === "ATTACHMENT" ? undefined : id} required={required} className={LONG.has(field.kind) ? "long" : undefined}
      validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : help ? <span id={`${id}-help`}>{help}</span> : undefined}
    >
      <TypedInput id={id} field={field} value={value} required={required} errors={error && !table ? { "": error } : errors} onChange={onChange} describedBy={help && !error ? `${id}-help` : undefined} />
    </Form.Item>
  );
}

/** A designed form, to be read: fields that say something, by their sections. */
export function FormValues({ form, values, hidden }: Shown) {
  const { i18n } = useTranslation();
  return (
    <>
      {sectionsOf(form).map(({ label, fields }, index) => {
        const shown = fields.filter(({ key }) => !hidden.includes(key) && !isEmpty(values[key]));
        if (shown.length === 0) return null;
        return (
          <section key={index} className="card">
            {label && <h2>{wordsIn(label, i18n.language)}</h2>}
            <dl className="facts">
              {shown.map((field) => (
                <div key={field.key} className={LONG.has(field.kind) ? "long" : undefined}>
                  <dt>{wordsIn(field.label, i18n.language)}</dt>
                  <dd><TypedValue field={field} value={values[field.key]} /></dd>
                </div>
              ))}
            </dl>
          </section>
        );
      })}
    </>
  );
}
