import type { Row } from "@/contract/meta";
import type { DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { AppLink, routeOf } from "@/app/links";
import GenericList from "@/documents/GenericList";
import { sizeText } from "./useAttachments";

/** The files of all documents that the reader may see, each with the way to its document. */
export default function AttachmentList({ document }: { document: DocumentMeta }) {
  const meta = useMeta();
  const cells = {
    sizeBytes: (row: Row) => <span className="figure">{sizeText(Number(row.sizeBytes))}</span>,
    documentType: (row: Row) => meta.documents[String(row.documentType)]?.title ?? String(row.documentType),
    documentTitle: (row: Row) => {
      const other = meta.documents[String(row.documentType)];
      return other ? <AppLink to={routeOf(other, String(row.documentId))}>{String(row.documentTitle || other.title)}</AppLink> : String(row.documentTitle);
    },
  };
  return <GenericList document={document} cells={cells} madeElsewhere />;
}
