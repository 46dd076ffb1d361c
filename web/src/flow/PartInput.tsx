import { AutoComplete, Input, InputNumber, Select } from "antd";
import { useContext } from "react";
import { useTranslation } from "react-i18next";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { DocumentTypeContext, factFields, useNamed } from "./fields";
import type { Part } from "./kinds";

interface Props {
  part: Part;
  value: unknown;
  onChange: (value: unknown) => void;
  id?: string;
}

/** The input for a value of a node or a rule; rules have a form of their own. */
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
      return <InputNumber id={id} aria-label={label} min={part.least} max={part.most} precision={0} suffix={part.suffix} value={value as number | undefined} onChange={(number) => onChange(number ?? undefined)} />;
    case "employee":
    case "department":
      return <ReferencePicker id={id} label={label} placeholder={part.empty?.(t) ?? label} document={`identity.${part.input}`} value={text} onChange={(key) => onChange(key || undefined)} />;
    case "code":
      return <CodePicker id={id} label={label} document={part.document!} value={text} onChange={onChange} />;
    case "text":
      return <Input id={id} aria-label={label} maxLength={part.most ?? 60} value={text} onChange={({ target }) => onChange(target.value || undefined)} />;
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
  value: string | undefined;
  onChange: (code: string | undefined) => void;
}

/** A record that flows know by its code, shown by its name. */
export function CodePicker({ id, label, document, by, value, onChange }: CodeProps) {
  const options = useNamed(document, by);
  const known = value === undefined || options.some((one) => one.value === value);
  return (
    <Select
      id={id} aria-label={label} placeholder={label} className="wide-input" popupMatchSelectWidth={false} value={value} options={known ? options : [{ value, label: value }, ...options]}
      showSearch={{ filterOption: (typed, option) => `${option!.label} ${option!.value}`.toLowerCase().includes(typed.toLowerCase()) }} onChange={onChange}
    />
  );
}

/** A fact that names departments or people; another one can be written, for what the contract does not tell. */
function FactPicker({ id, label, document, value, onChange }: CodeProps) {
  const meta = useMeta();
  const facts = factFields(meta, useContext(DocumentTypeContext)).filter(({ references }) => references === document);
  const known = facts.find(({ protoName }) => protoName === value);
  return <AutoComplete id={id} aria-label={label} placeholder={label} className="wide-input" popupMatchSelectWidth={false} value={known?.label ?? value} options={facts.map((field) => ({ value: field.label }))} onChange={(text: string) => onChange(facts.find((field) => field.label === text)?.protoName ?? text)} />;
}
