import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Alert, Form, Modal, Skeleton } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { callMethod, remember } from "@/api/documents";
import { ApiError } from "@/api/errors";
import { call, fillPath } from "@/api/http";
import { sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ApprovalPreview } from "@/contract/types";
import { ReferencesPicker } from "@/documents/ReferencePicker";

interface Choice {
  nodeId: string;
  employeeIds: string[];
}

/** A step of the approval leaves it to the requester who is asked, and nothing was said. */
function wantsChoice(error: unknown): boolean {
  const missing = "PURCHASE_REQUISITION_CHOICE_MISSING";
  return error instanceof ApiError && (error.reason === missing || error.violations.some(({ reason }) => reason === missing));
}

/** Submit a requisition. Where the flow leaves it to the requester who is asked, a dialog asks for that first. */
export function useSubmit(document: DocumentMeta, onDone: (answer: Row) => void, onRefused: (error: unknown) => void) {
  const client = useQueryClient();
  const [choosing, setChoosing] = useState<Row>();
  const [pending, setPending] = useState(false);
  const send = async (row: Row, choices: Choice[], refused: (error: unknown) => void) => {
    setPending(true);
    try {
      const answer = await callMethod<Row>(methodOf(document, "submit")!, row.id, { etag: row.etag, ...(choices.length > 0 ? { choices } : {}) });
      remember(client, document, answer);
      setChoosing(undefined);
      onDone(answer);
    } catch (error) {
      refused(error);
    } finally {
      setPending(false);
    }
  };
  const submit = (row: Row) => send(row, [], (error) => (wantsChoice(error) ? setChoosing(row) : onRefused(error)));
  const dialog: ReactNode = choosing && (
    <ChoiceDialog document={document} row={choosing} pending={pending} send={(choices, refused) => void send(choosing, choices, refused)} onClose={() => setChoosing(undefined)} />
  );
  return { submit, pending, dialog };
}

interface DialogProps {
  document: DocumentMeta;
  row: Row;
  pending: boolean;
  send: (choices: Choice[], refused: (error: unknown) => void) => void;
  onClose: () => void;
}

/** A picker for each step that wants it. */
function ChoiceDialog({ document, row, pending, send, onClose }: DialogProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<Record<string, string[]>>({});
  const [error, setError] = useState<unknown>();
  const preview = useQuery({
    queryKey: [document.key, "preview", context.company, row.id, row.etag],
    queryFn: () => call<ApprovalPreview>("GET", fillPath(methodOf(document, "preview")!.path, { id: row.id })),
  });
  const nodes = new Map((preview.data?.steps ?? []).filter(({ needsChoice }) => needsChoice).map(({ nodeId, nodeName }) => [nodeId, nodeName]));
  const submit = methodOf(document, "submit")!;
  const complete = nodes.size > 0 && [...nodes.keys()].every((nodeId) => (chosen[nodeId] ?? []).length > 0);
  const refused = (error ?? preview.error) as Error | undefined;
  return (
    <Modal
      open title={submit.label} onCancel={onClose} okText={submit.label} cancelText={t("action.cancel")} confirmLoading={pending} okButtonProps={{ disabled: !complete }}
      onOk={() => send([...nodes.keys()].map((nodeId) => ({ nodeId, employeeIds: chosen[nodeId] })), setError)}
    >
      <p className="consequence">{t("requisition.choose")}</p>
      {refused && <Alert type="error" showIcon className="in-dialog" title={sentenceOf(refused).title} description={sentenceOf(refused).description} />}
      {preview.isLoading && <Skeleton active title={false} />}
      <Form layout="vertical" component="div">
        {[...nodes].map(([nodeId, nodeName]) => (
          <Form.Item key={nodeId} label={nodeName} htmlFor={`choice-${nodeId}`} required>
            <ReferencesPicker id={`choice-${nodeId}`} document="identity.employee" value={chosen[nodeId] ?? []} onChange={(ids) => setChosen({ ...chosen, [nodeId]: ids })} />
          </Form.Item>
        ))}
      </Form>
    </Modal>
  );
}
