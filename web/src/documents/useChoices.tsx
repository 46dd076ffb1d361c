import { Alert, Form, Modal } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { ApiError } from "@/api/errors";
import { sentenceOf } from "@/app/notify";
import { ReferencesPicker } from "./ReferencePicker";

/** Sends a document for approval; with whom the requester chose, once that is known. */
type Send = (chosen: { choices?: { nodeId: string; employeeIds: string[] }[] }) => Promise<void>;

interface Asked {
  steps: { nodeId: string; name: string }[];
  send: Send;
}

/** The steps of the approval that leave it to the requester who is asked, as a refusal names them. */
function stepsToChoose(error: unknown): Asked["steps"] {
  const missing = error instanceof ApiError ? error.violations.filter(({ reason }) => reason?.endsWith("_CHOICE_MISSING")) : [];
  return missing.map(({ facts }) => ({ nodeId: facts?.node_id ?? "", name: facts?.node ?? "" }));
}

/** Send for approval. Where the flow leaves it to the requester who is asked, a dialog asks for that first. */
export function useChoices(label: string | undefined) {
  const [asked, setAsked] = useState<Asked>();
  const [pending, setPending] = useState(false);
  /** Fails with every other refusal. */
  const submit = async (send: Send) => {
    setPending(true);
    try {
      await send({});
    } catch (error) {
      const steps = stepsToChoose(error);
      if (steps.length === 0) throw error;
      setAsked({ steps, send });
    } finally {
      setPending(false);
    }
  };
  const dialog: ReactNode = asked && <ChoiceDialog label={label} {...asked} onClose={() => setAsked(undefined)} />;
  return { submit, pending, dialog };
}

/** A picker for each step that wants it. */
function ChoiceDialog({ label, steps, send, onClose }: Asked & { label: string | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState<Record<string, string[]>>({});
  const [pending, setPending] = useState(false);
  const [error, setError] = useState<unknown>();
  const choices = steps.map(({ nodeId }) => ({ nodeId, employeeIds: chosen[nodeId] ?? [] }));
  const submit = async () => {
    setPending(true);
    try {
      await send({ choices });
      onClose();
    } catch (refused) {
      setError(refused);
    } finally {
      setPending(false);
    }
  };
  const sentence = error === undefined ? undefined : sentenceOf(error);
  return (
    <Modal
      open title={label} onCancel={onClose} onOk={() => void submit()} okText={label} cancelText={t("action.cancel")}
      confirmLoading={pending} okButtonProps={{ disabled: choices.some(({ employeeIds }) => employeeIds.length === 0) }}
    >
      <p className="consequence">{t("choices.help")}</p>
      {sentence && <Alert type="error" showIcon className="in-dialog" title={sentence.title} description={sentence.description} />}
      <Form layout="vertical" component="div">
        {steps.map(({ nodeId, name }) => (
          <Form.Item key={nodeId} label={name} htmlFor={`choice-${nodeId}`} required>
            <ReferencesPicker id={`choice-${nodeId}`} document="identity.employee" value={chosen[nodeId] ?? []} onChange={(ids) => setChosen({ ...chosen, [nodeId]: ids })} />
          </Form.Item>
        ))}
      </Form>
    </Modal>
  );
}
