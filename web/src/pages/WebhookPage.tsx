import type { DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { RowsOf } from "@/documents/RowsOf";

/** A webhook, with what was sent to it and how it answered. */
export default function WebhookPage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} more={(row) => <RowsOf document="approval.webhook_delivery" filter={`webhook_id = "${row.id}"`} without={["webhookId"]} />} />;
}
