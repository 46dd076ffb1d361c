import { useTranslation } from "react-i18next";
import { AppLink, routeOf } from "@/app/links";
import type { DocumentMeta, Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { FileRow } from "./FileRow";
import type { Attachment } from "./upload";

/** What the page shows in its own place, or says to programs only. */
const ASIDE = ["name", "documentType", "documentId", "documentTitle", "partId", "receivedBytes", "sizeBytes", "view", "refusal", "refusalFacts"];

/** One file, and the document that it belongs to. */
export default function AttachmentPage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} without={ASIDE} notes={(row) => <ul className="files card"><FileRow file={row as Attachment} scanned={false} onChanged={() => undefined} /></ul>} side={(row) => <Belongs row={row} />} />;
}

function Belongs({ row }: { row: Row }) {
  const { t } = useTranslation();
  const other = useMeta().documents[String(row.documentType)];
  if (!other) return null;
  return (
    <section className="card" aria-label={t("attachments.belongs")}>
      <h2>{t("attachments.belongs")}</h2>
      <small>{other.title}</small>
      <div><AppLink to={routeOf(other, String(row.documentId))}>{String(row.documentTitle || other.title)}</AppLink></div>
    </section>
  );
}
