import { Alert, Form, Input, Modal, Select } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction, useDocument } from "@/api/documents";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { Case } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { HandledValues, lastHandled } from "@/documents/Handled";
import { Advice } from "./Advice";
import { CaseWay } from "./flowExport/CaseWay";
import { TaskContent } from "./TaskContent";

/** Shown in the header, the timeline or the request itself, or of use to programs only. */
const ASIDE = [
  "documentType", "documentId", "documentNumber", "facts", "tasks", "opinions", "upcoming", "nodes", "parkReason", "parkFacts", "note",
  "contentHash", "submission", "requesterId", "flowVersion", "flowName", "waitingSinceTime", "createTime", "updateTime", "ownerId",
];

/** A case as everybody who takes part in it sees it: what is asked for, where it stands, what was said. */
export default function CasePage({ document }: { document: DocumentMeta }) {
  const meta = useMeta();
  const [jumping, setJumping] = useState<string>();
  return (
    <>
      <GenericDetail
        document={document} without={ASIDE} own={(row) => ({ jump: () => setJumping(row.id) })}
        side={(row) => <Asked row={row as Case} />} more={(row) => <><CaseWay document={document} id={row.id} etag={row.etag} /><Advice caseId={row.id} currency={String(row.currency ?? "")} about={meta.documents[String(row.documentType)]} /><Handled row={row as Case} /><Content row={row as Case} /></>}
      />
      {jumping && <JumpDialog document={document} id={jumping} onClose={() => setJumping(undefined)} />}
    </>
  );
}

/** Lead the case to another step of its flow: which one, and why. */
function JumpDialog({ document, id, onClose }: { document: DocumentMeta; id: string; onClose: () => void }) {
  const { t } = useTranslation();
  // As the case stands: what an action before this one answered names no steps.
  const { data: row } = useDocument<Case>(document, id);
  const run = useAction(document, true);
  const [nodeId, setNodeId] = useState<string>();
  const [reason, setReason] = useState("");
  const ids = { node: useId(), reason: useId() };
  const method = methodOf(document, "jump")!;
  const label = (name: string) => method.requestFields?.find((field) => field.name === name)?.label;
  const submit = () =>
    run.mutate({ action: "jump", id, body: { nodeId, reason, etag: row?.etag } }, {
      onSuccess: () => {
        onClose();
        notifySuccess(t("action.done", { action: method.label }));
      },
    });
  return (
    <Modal
      open title={method.label} onCancel={onClose} onOk={submit} okText={method.label} cancelText={t("action.cancel")} confirmLoading={run.isPending}
      okButtonProps={{ danger: true, disabled: !nodeId || reason.trim() === "" }}
    >
      <p className="consequence">{method.confirm}</p>
      {run.error && <Alert type="error" showIcon title={sentenceOf(run.error).title} description={sentenceOf(run.error).description} className="in-dialog" />}
      <Form layout="vertical" component="div">
        <Form.Item label={label("nodeId")} htmlFor={ids.node} required>
          <Select id={ids.node} className="wide-input" value={nodeId} onChange={setNodeId} options={row?.nodes.map((node) => ({ value: node.nodeId, label: node.nodeName }))} />
        </Form.Item>
        <Form.Item label={label("reason")} htmlFor={ids.reason} required>
          <Input id={ids.reason} value={reason} maxLength={200} onChange={({ target }) => setReason(target.value)} />
        </Form.Item>
      </Form>
    </Modal>
  );
}

/** The way to the document that is decided about. */
function Asked({ row }: { row: Case }) {
  const { t } = useTranslation();
  const other = useMeta().documents[row.documentType];
  if (!other) return null;
  return (
    <section className="card" aria-label={t("case.asked")}>
      <h2>{t("case.asked")}</h2>
      <small>{other.title}</small>
      <div><AppLink to={inItsCompany(routeOf(other, row.documentId), row)}>{row.documentNumber || row.title}</AppLink></div>
    </section>
  );
}

/** What was filled in on the way. */
function Handled({ row }: { row: Case }) {
  const { t } = useTranslation();
  const fields = lastHandled(row.opinions);
  if (fields.length === 0) return null;
  return (
    <section className="card" aria-label={t("case.handled")}>
      <h2>{t("case.handled")}</h2>
      <HandledValues fields={fields} />
    </section>
  );
}

/** What is asked for, as it stands now; nothing where the reader may not see the document itself. */
function Content({ row }: { row: Case }) {
  const other = useMeta().documents[row.documentType];
  const { data } = useDocument<Row>(other, row.documentId);
  return data && other ? <TaskContent document={other} row={data} /> : null;
}
