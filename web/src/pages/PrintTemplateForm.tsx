import { Button, Form, Select, Upload } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { isCustom } from "@/contract/customFields";
import { fieldOf, membersOf, shownFields, type DocumentMeta, type Field } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import GenericForm from "@/documents/GenericForm";
import type { Editing } from "@/documents/useEditing";

/** Chosen here by their names, in the order in which they were chosen. */
const CHOSEN = ["documentType", "fieldNames", "lineColumns", "logo"];
/** As the service takes it: base64 makes four of three bytes. */
const LARGEST_LOGO = 44_000;

/** A print template: its type, fields and columns are chosen by their names, the logo is a file. */
export default function PrintTemplateForm({ document }: { document: DocumentMeta }) {
  return <GenericForm document={document} without={CHOSEN} extra={(editing) => <Choices document={document} editing={editing} />} />;
}

/** What can be printed of a type: not the parts, which are its lines. */
function printed(fields: Field[]): Field[] {
  return shownFields(fields).filter(({ type, inputOnly, name }) => type !== "message" && type !== "struct" && type !== "map" && type !== "range" && !inputOnly && name !== "companyId");
}

function Choices({ document, editing }: { document: DocumentMeta; editing: Editing }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const base = useId();
  const type = meta.documents[String(editing.values.documentType ?? "")];
  const types = Object.values(meta.documents).filter(({ methods }) => methods.get).map(({ key, title }) => ({ value: key, label: title }));
  const fields = printed(type?.fields ?? []).map((field) => ({ value: isCustom(field) ? field.name.replace("customFields.", "custom_fields.") : field.protoName, label: field.label }));
  const columns = (type?.fields ?? []).filter(({ type: kind, repeated }) => kind === "message" && repeated)
    .flatMap((part) => printed(membersOf(meta, part.message)).map((field) => ({ value: `${part.protoName}.${field.protoName}`, label: `${part.label}: ${field.label}` })));
  const logo = String(editing.values.logo ?? "");
  const [tooLarge, setTooLarge] = useState(false);
  const read = (file: Blob) => {
    setTooLarge(file.size > LARGEST_LOGO);
    if (file.size > LARGEST_LOGO) return false;
    const reader = new FileReader();
    reader.addEventListener("load", () => editing.set("logo", String(reader.result)));
    reader.readAsDataURL(file);
    return false;
  };
  const item = (name: string) => ({ htmlFor: `${base}${name}`, label: fieldOf(document, name)?.label, validateStatus: editing.errors[name] ? ("error" as const) : undefined, help: editing.errors[name] });
  const select = (name: string, options: { value: string; label: string }[], extra: string) => (
    <Form.Item {...item(name)} extra={extra}>
      <Select id={`${base}${name}`} mode="multiple" value={(editing.values[name] as string[] | undefined) ?? []} options={options} optionFilterProp="label" onChange={(names) => editing.set(name, names)} className="wide-input" />
    </Form.Item>
  );
  return (
    <>
      <Form.Item {...item("documentType")} required>
        <Select id={`${base}documentType`} showSearch={{ optionFilterProp: "label" }} value={type?.key} disabled={Boolean(editing.values.etag)} options={types} onChange={(key) => editing.set("documentType", key)} className="wide-input" />
      </Form.Item>
      {type && select("fieldNames", fields, t("print.whenNone"))}
      {columns.length > 0 && select("lineColumns", columns, t("print.whenNoColumns"))}
      <Form.Item {...item("logo")} {...(tooLarge ? { validateStatus: "error", help: t("print.logoTooLarge") } : {})} extra={t("print.logoWhat")}>
        <div className="page-tools">
          {logo && <img className="logo-preview" src={logo} alt={fieldOf(document, "logo")?.label} />}
          <Upload accept="image/png,image/jpeg" maxCount={1} showUploadList={false} beforeUpload={read}><Button id={`${base}logo`}>{t("print.chooseLogo")}</Button></Upload>
          {logo && <Button onClick={() => editing.set("logo", "")}>{t("print.noLogo")}</Button>}
        </div>
      </Form.Item>
    </>
  );
}
