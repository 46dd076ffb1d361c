import { DeleteOutlined } from "@ant-design/icons";
import { Button, Select } from "antd";
import { useContext, useId } from "react";
import { useTranslation } from "react-i18next";
import { useMeta } from "@/contract/useMeta";
import { canBeWritten, pathField, pathFields, pathLabel } from "@/documents/paths";
import { DocumentTypeContext } from "./fields";
import { canBeTyped, useFormFields } from "./formFields";
import { isValues, rightText, rightsOffered, type Part } from "./kinds";

/** What may be done with single fields of the document, each with its right; what is not listed may be read. */
export function RightsForm({ part, value, onChange }: { part: Part; value: unknown; onChange: (value: unknown) => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const id = useId();
  const documentType = useContext(DocumentTypeContext);
  const ofForms = useFormFields(documentType);
  const document = meta.documents[documentType];
  if (!document?.hides) return null;
  const said = isValues(value) ? value : {};
  const put = (next: Record<string, unknown>) => onChange(Object.keys(next).length > 0 ? next : undefined);
  const named = [...pathFields(meta, document).map((one) => ({ path: one.path, label: pathLabel(one) })), ...ofForms];
  const offered = named.filter(({ path }) => !(path in said));
  return (
    <fieldset className="node-rules">
      <legend>{part.label(t)}</legend>
      {Object.entries(said).map(([path, right]) => {
        const known = pathField(meta, document, path);
        const inForm = ofForms.find((one) => one.path === path);
        const label = inForm?.label ?? (known ? pathLabel(known) : path);
        const rights = rightsOffered(part, inForm ? canBeTyped(inForm) : known !== undefined && canBeWritten(document, known));
        return (
          <div key={path} className="node-rule right-row" role="group" aria-label={label}>
            <span>{label}</span>
            <Select aria-label={`${label}: ${part.label(t)}`} className="part-choice" popupMatchSelectWidth={false} value={String(right)} options={rights.map((one) => ({ value: one, label: rightText(t, one) }))} onChange={(next: string) => put({ ...said, [path]: next })} />
            <Button type="text" icon={<DeleteOutlined />} aria-label={t("flow.removeOne", { name: label })} onClick={() => put(Object.fromEntries(Object.entries(said).filter(([one]) => one !== path)))} />
          </div>
        );
      })}
      <Select
        id={id} aria-label={t("flow.rightAdd")} placeholder={t("flow.rightAdd")} className="wide-input" showSearch={{ optionFilterProp: "label" }} value={null}
        options={offered.map(({ path, label }) => ({ value: path, label }))} onChange={(path: string | null) => path && put({ ...said, [path]: "hidden" })}
      />
      <p className="quiet">{t("flow.rightsNote")}</p>
    </fieldset>
  );
}
