import { useQueryClient } from "@tanstack/react-query";
import { callMethod, remember } from "@/api/documents";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useChoices } from "@/documents/useChoices";

/** Submit a requisition. */
export function useSubmit(document: DocumentMeta, onDone: (answer: Row) => void, onRefused: (error: unknown) => void) {
  const client = useQueryClient();
  const method = methodOf(document, "submit")!;
  const { submit, ...rest } = useChoices(method.label);
  const send = (row: Row) =>
    submit(async (chosen) => {
      const answer = await callMethod<Row>(method, row.id, { etag: row.etag, ...chosen });
      remember(client, document, answer);
      onDone(answer);
    }).catch(onRefused);
  return { submit: send, ...rest };
}
