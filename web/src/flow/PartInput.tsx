import { AutoComplete, Checkbox, DatePicker, Input, InputNumber, Select } from "antd";
import dayjs, { type Dayjs } from "dayjs";
import { Fragment, useContext } from "react";
import { useTranslation } from "react-i18next";
import { LOCALES } from "@/app/i18n";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker, ReferencesPicker } from "@/documents/ReferencePicker";
import { DocumentTypeContext, factFields, useNamed } from "./fields";
import { useFormFacts } from "./formFields";
import { isValues, piecesOf, textIn, type Part, type Sentence, type Values } from "./kinds";

interface Props {
  part: Part;
  value: unknown;
  onChange: (value: unknown) => void;
  id?: string;
}

/** A sentence whose parts are chosen in their place. */
export function SentenceInput({ of, values, onChange }: { of: Sentence; values: Values; onChange: (values: Values) => void }) {
  const { t } = useTranslation();
  return (
    <div className="rule-sentence">
      {piecesOf(t, of, values).map((piece, at) => (
        <Fragment key={typeof piece === "string" ? at : piece.key}>{typeof piece === "string" ? <span>{piece}</span> : <PartInput part={piece} value={values[piece.key]} onChange={(value) => onChange({ ...values, [piece.key]: value })} />}</Fragment>
      ))}
    </div>
  );
}

/** The input for a value of a node or a rule; rules, sentences and lists have forms of their own. */
export function PartInput({ part, value, onChange, id }: Props) {
  const { t } = useTranslation();
  const label = part.label(t);
  const text = typeof value === "string" && value ? value : undefined;
  switch (part.input) {
    case "choice": {
      const options = part.options!(t);
      const chosen = options.findIndex(([one]) => one === (value ?? options[0][0]));
      return <Select id={id} aria-label={label} className="part-choice" popupMatchSelectWidth={false} value={chosen < 0 ? undefined : chosen} options={options.map(([, word], at) => ({ value: at, label: word }))} onChange={(at: number) => onChange(options[at][0])} />;
    }
    case "number":
      return <InputNumber id={id} aria-label={label} min={part.least} max={part.most} precision={part.decimals ? undefined : 0} suffix={part.suffix} value={value as number | undefined} onChange={(number) => onChange(number ?? undefined)} />;
    case "employee":
    case "department":
      return <ReferencePicker id={id} label={label} placeholder={part.empty?.(t) ?? label} document={`identity.${part.input}`} value={text} onChange={(key) => onChange(key || undefined)} />;
    case "employees":
      return <ReferencesPicker id={id} label={label} document="identity.employee" value={Array.isArray(value) ? (value as string[]) : []} onChange={(keys) => onChange(keys.length > 0 ? keys : undefined)} />;
    case "code":
      return <CodePicker id={id} label={label} document={part.document!} empty={part.empty?.(t)} value={text} onChange={onChange} />;
    case "text":
      return <Input id={id} aria-label={label} maxLength={part.most ?? 60} value={text} onChange={({ target }) => onChange(target.value || undefined)} />;
    case "day":
      return <DatePicker id={id} aria-label={label} placeholder={part.empty?.(t)} format="YYYY-MM-DD" value={text ? dayjs(text) : null} onChange={(day: Dayjs | null) => onChange(day?.format("YYYY-MM-DD"))} />;
    case "label":
      return <LabelInput id={id} label={label} empty={part.empty?.(t)} value={value} onChange={onChange} />;
    case "fact":
      return <FactPicker id={id} label={label} document={part.document!} value={text} onChange={onChange} />;
    default:
      return null;
  }
}

interface CodeProps {
  id?: string;
  label: string;
  document: string;
  by?: "code" | "name";
  /** What it means to choose nothing, where that can be. */
  empty?: string;
  value: string | undefined;
  onChange: (code: string | undefined) => void;
}

/** A record that flows know by its code, shown by its name. */
export function CodePicker({ id, label, document, by, empty, value, onChange }: CodeProps) {
  const options = useNamed(document, by);
  const known = value === undefined || options.some((one) => one.value === value);
  return (
    <Select
      id={id} aria-label={label} placeholder={empty ?? label} allowClear={empty !== undefined} className="wide-input" popupMatchSelectWidth={false} value={value} options={known ? options : [{ value, label: value }, ...options]}
      showSearch={{ filterOption: (typed, option) => `${option!.label} ${option!.value}`.toLowerCase().includes(typed.toLowerCase()) }} onChange={onChange}
    />
  );
}

/** A fact that names departments or people; another one can be written, for what the contract does not tell. */
function FactPicker({ id, label, document, value, onChange }: CodeProps) {
  const meta = useMeta();
  const documentType = useContext(DocumentTypeContext);
  const ofForms = useFormFacts(documentType).filter((fact) => fact.document === document).map(({ name, label: said }) => ({ protoName: name.replace("facts.", ""), label: said }));
  const facts = [...factFields(meta, documentType).filter(({ references }) => references === document), ...ofForms];
  const known = facts.find(({ protoName }) => protoName === value);
  return <AutoComplete id={id} aria-label={label} placeholder={label} className="wide-input" popupMatchSelectWidth={false} value={known?.label ?? value} options={facts.map((field) => ({ value: field.label }))} onChange={(text: string) => onChange(facts.find((field) => field.label === text)?.protoName ?? text)} />;
}

interface LabelProps {
  id?: string;
  label: string;
  empty?: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

/** A text of the flow: one for every language, or one for each. */
function LabelInput({ id, label, empty, value, onChange }: LabelProps) {
  const { t, i18n } = useTranslation();
  const each = isValues(value);
  return (
    <div className="label-input">
      {each
        ? LOCALES.map((one, at) => (
          <Input
            key={one.value} id={at === 0 ? id : undefined} aria-label={`${label} (${one.label})`} prefix={<span className="quiet">{one.label}</span>} maxLength={100} value={textIn(value, one.value)}
            onChange={({ target }) => onChange({ ...value, [one.value]: target.value })}
          />
        ))
        : <Input id={id} aria-label={label} placeholder={empty} maxLength={100} value={textIn(value, i18n.language)} onChange={({ target }) => onChange(target.value || undefined)} />}
      <Checkbox checked={each} onChange={({ target }) => onChange(target.checked ? Object.fromEntries(LOCALES.map((one) => [one.value, textIn(value, i18n.language)])) : textIn(value, i18n.language) || undefined)}>{t("flow.eachLanguage")}</Checkbox>
    </div>
  );
}
