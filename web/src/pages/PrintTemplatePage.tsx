import { Button, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { titleOf } from "@/api/references";
import { membersOf, fieldOf, type DocumentMeta, type Meta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { Preview, printAddress, type PrintTemplate } from "@/documents/PrintButton";

const ASIDE = ["logo", "fieldNames", "lineColumns"];

/** A print template with the names of what it prints, and how a document of its type looks with it. */
export default function PrintTemplatePage({ document }: { document: DocumentMeta }) {
  const meta = useMeta();
  return (
    <GenericDetail
      document={document} without={ASIDE}
      more={(row) => (
        <>
          <Chosen meta={meta} document={document} row={row} />
          <Example template={row as PrintTemplate} />
        </>
      )}
    />
  );
}

function Chosen({ meta, document, row }: { meta: Meta; document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const type = meta.documents[String(row.documentType)];
  const label = (path: string) => {
    const [part, name] = path.split(".");
    const field = type && fieldOf(type, part === "custom_fields" ? `customFields.${name}` : part);
    return (part !== "custom_fields" && name ? membersOf(meta, field?.message).find(({ protoName }) => protoName === name) : field)?.label ?? path;
  };
  return (
    <section className="card">
      <h2>{type?.title}</h2>
      <dl className="facts">
        {["fieldNames", "lineColumns"].map((name) => {
          const names = (row[name] as string[] | undefined) ?? [];
          return <div key={name} className="long"><dt>{fieldOf(document, name)?.label}</dt><dd>{names.length > 0 ? names.map(label).join(" · ") : t("print.whenNone")}</dd></div>;
        })}
      </dl>
      {Boolean(row.logo) && <img className="logo-preview" src={String(row.logo)} alt={fieldOf(document, "logo")?.label} />}
    </section>
  );
}

/** One of the documents, printed with the template as it is saved. */
function Example({ template }: { template: PrintTemplate }) {
  const { t } = useTranslation();
  const type = useMeta().documents[template.documentType];
  const rows = useList(type, { pageSize: 20 }).data?.rows ?? [];
  const [chosen, choose] = useState<string>();
  // a print costs seconds of the server: it is made when somebody wants to see it
  const [asked, ask] = useState(false);
  const id = chosen ?? rows[0]?.id;
  if (template.state !== "ACTIVE" || !type || !id) return null;
  return (
    <section className="card">
      <h2>{t("print.preview")}</h2>
      <Select aria-label={t("print.example")} value={id} onChange={choose} className="wide-input" options={rows.map((row) => ({ value: row.id, label: titleOf(type, row) }))} />
      {asked ? <Preview version={template.etag} address={printAddress(type, id, template.id)} /> : <Button onClick={() => ask(true)}>{t("print.showExample")}</Button>}
    </section>
  );
}
