import type { DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { RowsOf } from "@/documents/RowsOf";

/** An access review with its lines: a reviewer sees and answers the own ones, an administrator sees all. */
export default function AccessReviewPage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} more={(row) => <RowsOf document="identity.access_review_line" filter={`access_review_id = "${row.id}"`} />} />;
}
