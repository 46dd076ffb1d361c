import { Form, Select, Typography } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { fieldOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import GenericForm from "@/documents/GenericForm";
import type { Editing } from "@/documents/useEditing";
import { firstNumber } from "@/pages/numbers";

/** How a type is numbered: the type by its name, and what the format makes of today. */
export default function NumberFormatForm({ document }: { document: DocumentMeta }) {
  return <GenericForm document={document} without={["documentType"]} extra={(editing) => <Numbered document={document} editing={editing} />} />;
}

function Numbered({ document, editing }: { document: DocumentMeta; editing: Editing }) {
  const { t } = useTranslation();
  const documents = useMeta().documents;
  const id = useId();
  const [today] = useState(() => new Date());
  const types = Object.values(documents).filter(({ numbering }) => numbering).map(({ key, title }) => ({ value: key, label: title }));
  const standard = documents[String(editing.values.documentType ?? "")]?.numbering;
  const choose = (key: string) => {
    editing.set("documentType", key);
    if (!editing.values.pattern) editing.set("pattern", documents[key]?.numbering ?? "");
  };
  return (
    <>
      <Form.Item required htmlFor={id} label={fieldOf(document, "documentType")?.label} validateStatus={editing.errors.documentType ? "error" : undefined} help={editing.errors.documentType} extra={standard && t("numbers.standard", { format: standard })}>
        <Select id={id} showSearch={{ optionFilterProp: "label" }} value={editing.values.documentType as string | undefined} disabled={Boolean(editing.values.etag)} options={types} onChange={choose} className="wide-input" />
      </Form.Item>
      <Form.Item label={fieldOf(document, "sample")?.label} extra={t("numbers.parts")}>
        {Boolean(editing.values.pattern) && <Typography.Text code>{firstNumber(String(editing.values.pattern), today)}</Typography.Text>}
      </Form.Item>
    </>
  );
}
