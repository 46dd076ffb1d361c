import { DownloadOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { context } from "@/api/context";
import { call, fillPath, queryText } from "@/api/http";
import { timeText } from "@/contract/format";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";
import { FormFields } from "@/forms/FormFields";
import type { FormVersion } from "@/forms/typed";

const ASIDE = ["fields", "sections", "amountKey", "summaryKeys", "approverKeys"];

interface Version extends FormVersion {
  publishedById: string;
  publishTime: string;
  note: string;
}

/** A form as it stands: its fields, its versions and what they changed, and the file to take elsewhere. */
export default function FormPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const download = methodOf(document, "download");
  return (
    <GenericDetail
      document={document} without={ASIDE}
      tools={(row) => download && (
        <Button icon={<DownloadOutlined />} href={`${fillPath(download.path, { id: row.id })}${queryText({ company: context.company })}`}>{download.label}</Button>
      )}
      more={(row) => (
        <>
          <section className="card" aria-label={t("forms.preview")}>
            <h2>{t("forms.preview")}</h2>
            <FormFields form={row as unknown as FormVersion} values={{}} hidden={[]} required={[]} errors={{}} onChange={() => undefined} />
          </section>
          <Versions document={document} row={row} />
        </>
      )}
    />
  );
}

function Versions({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const { data } = useVerb<{ versions: Version[] }>(document, "listVersions", row.id);
  const [shown, setShown] = useState<number>();
  if (!data?.versions.length) return null;
  return (
    <section className="card" aria-label={t("forms.versions")}>
      <h2>{t("forms.versions")}</h2>
      <TableScroll label={t("forms.versions")}>
        <table className="plain-table">
          <tbody>
            {data.versions.map(({ version, publishTime, publishedById, note }) => (
              <tr key={version}>
                <th scope="row">{version}</th>
                <td>{timeText(publishTime)}</td>
                <td><Reference document="identity.employee" id={publishedById} plain /></td>
                <td>{note}</td>
                <td>{version > 1 && <Button size="small" onClick={() => setShown(version)}>{t("forms.changes")}</Button>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableScroll>
      {shown !== undefined && <Changes document={document} id={row.id} version={shown} />}
    </section>
  );
}

function Changes({ document, id, version }: { document: DocumentMeta; id: string; version: number }) {
  const { t } = useTranslation();
  const method = methodOf(document, "compare");
  const { data } = useQuery({
    queryKey: [document.key, "compare", context.company, id, version],
    queryFn: ({ signal }) => call<{ differences: { path: string; title: string; before: string; after: string }[] }>("GET", fillPath(method!.path, { id }), { query: { before: version - 1, after: version }, signal }),
    enabled: method !== undefined,
  });
  if (!data) return null;
  return (
    <div className="field-differences">
      <h3>{t("forms.changesOf", { version })}</h3>
      {data.differences.length === 0 && <p className="quiet">{t("forms.noChanges")}</p>}
      {data.differences.map(({ path, title, before, after }) => <p key={path}><strong>{title || path}</strong>: {before ? <s>{before}</s> : "—"} → {after || "—"}</p>)}
    </div>
  );
}
