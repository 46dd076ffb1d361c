import { DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Checkbox, Form, Input, Select } from "antd";
import { useId, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { enumLabel } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { RuleInput } from "./RuleInput";
import { COLUMN_KINDS, freeKey, NUMBERS, RESULT_KINDS } from "./design";
import { kindOf, wordsIn, type Kind, type TypedField } from "@/contract/typedFields";

const LANGUAGES = ["zh-CN", "en"] as const;
const KIND = "TypedField.Kind";

interface Props {
  field: TypedField;
  /** The other fields, which rules and formulas may speak of. */
  others: TypedField[];
  errors: Record<string, string>;
  onChange: (field: TypedField) => void;
  /** Columns of a table have neither rules nor help. */
  column?: boolean;
  children?: ReactNode;
}

/** Everything that can be said about one field. */
export function FieldProperties({ field, others, errors, onChange, column = false, children }: Props) {
  const { t, i18n } = useTranslation();
  const meta = useMeta();
  const named = useLanguages();
  const helped = { "zh-CN": t("forms.helpZh"), en: t("forms.helpEn") };
  const put = (more: Partial<TypedField>) => onChange({ ...field, ...more });
  const kindName = Object.keys(meta.enums).find((name) => name.endsWith(KIND));
  const kind = (one: Kind) => enumLabel(meta, kindName, one);
  const plain = (name: "unit" | "minimum" | "maximum", label: string) => <Line label={label} error={errors[name]} value={field[name] ?? ""} onChange={(text) => put({ [name]: text })} />;
  return (
    <div className="fields single">
      {LANGUAGES.map((language) => (
        <Line key={language} label={named[language]} required error={errors[`label.${language}`]} value={field.label[language] ?? ""} onChange={(text) => put({ label: { ...field.label, [language]: text } })} />
      ))}
      <Line label={t("forms.key")} required error={errors.key} value={field.key} onChange={(key) => put({ key: key.toLowerCase() })} />
      {column && <Choice label={t("forms.kind")} value={field.kind} options={COLUMN_KINDS.map((one) => ({ value: one, label: kind(one) }))} error={errors.kind} onChange={(one) => put({ kind: one as Kind })} />}
      {field.kind !== "COMPUTED" && <Checkbox checked={Boolean(field.required)} onChange={({ target }) => put({ required: target.checked })}>{t("forms.required")}</Checkbox>}
      {errors.required && <p className="field-error" role="alert">{errors.required}</p>}
      {children}
      {field.kind === "COMPUTED" && (
        <>
          <Choice label={t("forms.result")} value={field.resultKind} options={RESULT_KINDS.map((one) => ({ value: one, label: kind(one) }))} error={errors.result_kind ?? errors.resultKind} onChange={(one) => put({ resultKind: one as Kind })} />
          <Line label={t("forms.formula")} code required error={errors.formula} value={field.formula ?? ""} onChange={(formula) => put({ formula })} help={t("forms.formulaHelp")} />
        </>
      )}
      {NUMBERS.has(kindOf(field)) && (
        <>
          {kindOf(field) === "NUMBER" && <Choice label={t("forms.scale")} value={String(field.scale ?? 0)} options={["0", "1", "2", "3", "4", "5", "6"].map((one) => ({ value: one, label: one }))} onChange={(one) => put({ scale: Number(one) })} />}
          {kindOf(field) === "NUMBER" && plain("unit", t("forms.unit"))}
          {field.kind !== "COMPUTED" && plain("minimum", t("forms.minimum"))}
          {field.kind !== "COMPUTED" && plain("maximum", t("forms.maximum"))}
        </>
      )}
      {field.kind === "ATTACHMENT" && <Line label={t("forms.mostFiles")} error={errors.max_rows ?? errors.maxRows} value={field.maxRows ? String(field.maxRows) : ""} onChange={(most) => put({ maxRows: Number(most.replaceAll(/\D/g, "")) || undefined })} />}
      {field.kind === "REFERENCE" && (
        <Choice
          label={t("forms.document")} value={field.documentType} error={errors.document_type ?? errors.documentType}
          options={Object.values(meta.documents).filter(({ hidden }) => !hidden).map(({ key, title }) => ({ value: key, label: title }))} onChange={(documentType) => put({ documentType })}
        />
      )}
      {(field.kind === "CHOICE" || field.kind === "CHOICES") && <Options field={field} errors={errors} onChange={(options) => put({ options })} />}
      {field.kind === "TABLE" && (
        <div>
          <h4>{t("forms.columns")}</h4>
          {(field.columns ?? []).map((one, index) => (
            <fieldset key={index} className="typed-row">
              <legend>{wordsIn(one.label, i18n.language)}</legend>
              <FieldProperties column field={one} others={[]} errors={within(errors, `columns[${index}].`)} onChange={(next) => put({ columns: field.columns!.with(index, next) })} />
              <Button type="text" icon={<DeleteOutlined />} aria-label={t("forms.removeColumn", { label: wordsIn(one.label, i18n.language) })} onClick={() => put({ columns: field.columns!.toSpliced(index, 1) })} />
            </fieldset>
          ))}
          <Button icon={<PlusOutlined />} onClick={() => put({ columns: [...(field.columns ?? []), { key: freeKey("column", (field.columns ?? []).map(({ key }) => key)), label: { "zh-CN": "新列", en: "New column" }, kind: "TEXT" }] })}>{t("forms.addColumn")}</Button>
        </div>
      )}
      {!column && (
        <>
          <RuleInput label={t("forms.visibleWhen")} value={field.visibleWhen ?? ""} fields={others} error={errors.visible_when ?? errors.visibleWhen} onChange={(visibleWhen) => put({ visibleWhen })} />
          {field.kind !== "COMPUTED" && <RuleInput label={t("forms.requiredWhen")} value={field.requiredWhen ?? ""} fields={others} error={errors.required_when ?? errors.requiredWhen} onChange={(requiredWhen) => put({ requiredWhen })} />}
          {LANGUAGES.map((language) => (
            <Line key={language} label={helped[language]} error={errors[`help.${language}`]} value={field.help?.[language] ?? ""} onChange={(text) => put({ help: { ...field.help, [language]: text } })} />
          ))}
        </>
      )}
    </div>
  );
}

/** What a name is called in each language. */
export function useLanguages() {
  const { t } = useTranslation();
  return { "zh-CN": t("forms.labelZh"), en: t("forms.labelEn") };
}

/** Errors below a path, without it. */
export function within(errors: Record<string, string>, prefix: string): Record<string, string> {
  return Object.fromEntries(Object.entries(errors).filter(([path]) => path.startsWith(prefix)).map(([path, text]) => [path.slice(prefix.length), text]));
}

function Options({ field, errors, onChange }: { field: TypedField; errors: Record<string, string>; onChange: (options: TypedField["options"]) => void }) {
  const { t } = useTranslation();
  const named = useLanguages();
  const options = field.options ?? [];
  return (
    <div>
      <h4>{t("forms.options")}</h4>
      {errors.options && <p className="field-error" role="alert">{errors.options}</p>}
      {options.map((option, index) => (
        <div key={index} className="form-option">
          <Line label={t("forms.optionKey")} error={errors[`options[${index}].key`]} value={option.key} onChange={(key) => onChange(options.with(index, { ...option, key: key.toLowerCase() }))} />
          {LANGUAGES.map((language) => (
            <Line key={language} label={named[language]} error={errors[`options[${index}].label.${language}`]} value={option.label[language] ?? ""} onChange={(text) => onChange(options.with(index, { ...option, label: { ...option.label, [language]: text } }))} />
          ))}
          <Button type="text" icon={<DeleteOutlined />} aria-label={t("forms.removeOption", { number: index + 1 })} onClick={() => onChange(options.toSpliced(index, 1))} />
        </div>
      ))}
      <Button icon={<PlusOutlined />} onClick={() => onChange([...options, { key: freeKey("option", options.map(({ key }) => key)), label: { "zh-CN": "新选项", en: "New option" } }])}>{t("forms.addOption")}</Button>
    </div>
  );
}

export function Line({ label, value, onChange, error, required, code, help }: { label: string; value: string; onChange: (text: string) => void; error?: string; required?: boolean; code?: boolean; help?: string }) {
  const id = useId();
  return (
    <Form.Item label={label} htmlFor={id} required={required} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : help}>
      <Input id={id} value={value} onChange={({ target }) => onChange(target.value)} className={code ? "code-input" : undefined} spellCheck={!code} autoComplete="off" aria-invalid={Boolean(error)} />
    </Form.Item>
  );
}

export function Choice({ label, value, options, onChange, error }: { label: string; value: string | undefined; options: { value: string; label: string }[]; onChange: (value: string) => void; error?: string }) {
  const id = useId();
  return (
    <Form.Item label={label} htmlFor={id} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>
      <Select id={id} value={value} options={options} optionFilterProp="label" showSearch onChange={onChange} className="wide-input" />
    </Form.Item>
  );
}
