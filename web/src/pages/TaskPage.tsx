import { MoreOutlined } from "@ant-design/icons";
import { Alert, Button, Dropdown, Form, Grid, Input, Modal, Skeleton } from "antd";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction, useDocument } from "@/api/documents";
import { ApiError, Unreachable, problemOf, violationsByField } from "@/api/errors";
import { AppLink, routeOf } from "@/app/links";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { group } from "@/contract/decimal";
import { ago, refusalText } from "@/contract/format";
import { fieldOf, methodOf, textOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { Requisition, Task } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { AttachmentsPanel } from "@/attachments/AttachmentsPanel";
import { ActionDialog, offeredActions, type OfferedAction } from "@/documents/ActionBar";
import { CaseTimeline } from "@/documents/CaseTimeline";
import { FieldDifferences } from "@/documents/FieldDifferences";
import { CopyLink } from "@/documents/CopyLink";
import { DueTime } from "@/documents/DueTime";
import { isTyping } from "@/documents/FilterBar";
import { HandledForm } from "@/documents/Handled";
import { PageProblem } from "@/documents/PageProblem";
import { Reference } from "@/documents/Reference";
import { ReferencesPicker } from "@/documents/ReferencePicker";
import { StateTag } from "@/documents/StateTag";
import { ChangesForm } from "./ChangesForm";
import { lacksReason, linesToCut, refusesAll, type Changes } from "./changes";
import { Advice } from "./Advice";
import { ReturnChoice, TO_REQUESTER } from "./ReturnChoice";
import { Delegated } from "./Delegated";
import { TaskContent } from "./TaskContent";

type Decision = "approve" | "reject" | "return" | "handle";
/** What is asked by the fields that the contract names. */
const HANDING = ["transfer", "add_signer", "unclaim"];

/** One request for a decision: who asks for what, how much, why it came to me; then the content; then the answer. */
export function TaskPage({ id, onDecided }: { id: string; onDecided: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = useDocumentMeta("approval.task");
  const task = useDocument<Task>(document, id);
  const about = task.data ? meta.documents[task.data.documentType] : undefined;
  const record = useDocument<Requisition>(about, task.data?.documentId);
  const shown = problemOf(record) ? undefined : record.data;
  // the live line may tell of the own decision before its answer comes, or where that is lost: the sheet stays until it is known
  const [answering, setAnswering] = useState(false);
  if (problemOf(task)) return <PageProblem error={task.error} retry={() => void task.refetch()} />;
  if (!task.data) return <Skeleton active className="page" />;
  const { requesterId, title, documentNumber, amount, currency, reason, reasonFacts, state, openTime, dueTime, caseId, superviseDueDate } = task.data;
  return (
    <article className="page task-page">
      <header className="task-head">
        <p className="task-who">
          <Reference document="identity.employee" id={requesterId} plain /> {t("approval.asks")}{" "}
          {about ? <AppLink to={routeOf(about, task.data.documentId)}>{about.title} {documentNumber}</AppLink> : documentNumber}
        </p>
        <h1>{title || documentNumber}</h1>
        {amount && <p className="task-amount"><span className="figure">{group(amount, 2)}</span> <small>{currency}</small></p>}
        <p className="task-why">
          {state === "OPEN" ? <span className="why">{t("approval.why", { reason: textOf(meta, reason, reasonFacts) })}</span> : <StateTag enumName={fieldOf(document, "state")?.enum} value={state} />}
          <small>{ago(openTime)}{state === "OPEN" && <DueTime due={dueTime} />}</small>
          {state === "OPEN" && superviseDueDate && <strong className="urged">{t("approval.supervised", { day: superviseDueDate })}</strong>}
          {state === "OPEN" && <CopyLink document={document} id={id} />}
          <Delegated task={task.data} />
        </p>
        {state === "CANCELLED" && task.data.endReason && <p className="quiet">{textOf(meta, task.data.endReason, task.data.endFacts)}</p>}
      </header>
      {record.error && <Alert type="error" showIcon className="note" title={sentenceOf(record.error).title} />}
      {shown && about && !task.data.changing && <ChangedNote task={task.data} record={shown} />}
      {task.data.findings.length > 0 && <Findings task={task.data} />}
      {task.data.again && task.data.changedSince.length > 0 && (
        <Alert type="info" showIcon className="note" title={t("approval.changedSince")} description={<FieldDifferences document={about} changes={task.data.changedSince} />} />
      )}
      {shown && about ? <TaskContent document={about} row={shown} /> : !record.error && <Skeleton active />}
      {shown && about && <AttachmentsPanel documentType={about.key} documentId={shown.id} version={shown.etag} />}
      {state === "OPEN" && <Advice caseId={caseId} currency={currency} about={about} />}
      <CaseTimeline caseId={caseId} tools={false} />
      {(state === "OPEN" || answering) && <DecisionBar document={document} task={task.data} record={shown} onDecided={onDecided} onChanged={() => void task.refetch()} onAnswering={setAnswering} />}
    </article>
  );
}

/** What was submitted is not what stands there now. */
function ChangedNote({ task, record }: { task: Task; record: Row }) {
  const { t } = useTranslation();
  // where the step hides something, whoever may read all of it in an own right is shown another hash than the turn's
  const hides = task.fieldRights.some(({ right }) => right === "HIDDEN");
  if (task.state !== "OPEN" || hides || !record.contentHash || record.contentHash === task.contentHash) return null;
  return <Alert type="warning" showIcon className="note" title={t("approval.changed")} />;
}

/** Why the document's service made none of the changes with which the person agreed. */
function Findings({ task }: { task: Task }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const said = task.findings.map(({ reason, facts }) => [meta.refusals[reason]?.message ?? reason, meta.refusals[reason]?.remedy ?? ""].map((sentence) => refusalText(sentence, facts)).join(" "));
  return <Alert type="error" showIcon className="note" title={t("approval.notChanged")} description={<ul>{said.map((sentence, index) => <li key={index}>{sentence}</li>)}</ul>} />;
}

interface BarProps {
  document: DocumentMeta;
  task: Task;
  record: Row | undefined;
  onDecided: () => void;
  /** The turn is still open, and something else can be done with it. */
  onChanged: () => void;
  /** Whether a decision is under way, or it is not known how it ended. */
  onAnswering: (answering: boolean) => void;
}

function DecisionBar({ document, task, record, onDecided, onChanged, onAnswering }: BarProps) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().lg ?? true;
  const [deciding, setDeciding] = useState<Decision>();
  const [handing, setHanding] = useState<{ document: DocumentMeta; row: Row; action: OfferedAction }>();
  const cases = useDocumentMeta("approval.case");
  const allowed = new Set(task.allowedActions);
  const claim = useAction(document);
  const first: Decision = task.nodeKind === "handle" ? "handle" : "approve";
  const can = (decision: Decision) => allowed.has(decision);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey || !record) return;
      const decision = event.key === "a" ? first : event.key === "r" ? "reject" : undefined;
      if (!decision || !task.allowedActions?.includes(decision)) return;
      event.preventDefault();
      setDeciding(decision);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [record, first, task.allowedActions]);
  const label = (decision: Decision) => methodOf(document, decision)?.label ?? decision;
  const more = [
    ...(["return"] as Decision[]).filter(can).map((decision) => ({ key: decision as string, label: label(decision), onClick: () => setDeciding(decision) })),
    ...offeredActions(document, HANDING.filter((action) => allowed.has(action))).map((action) => ({ key: action.name, label: action.label, onClick: () => setHanding({ document, row: task, action }) })),
    ...offeredActions(cases, ["comment"]).map((action) => ({ key: action.name, label: action.label, onClick: () => setHanding({ document: cases, row: { id: task.caseId }, action }) })),
  ];
  return (
    <>
      <div className="decision-bar" role="toolbar" aria-label={t("approval.decide")}>
        {allowed.has("claim") ? (
          <Button type="primary" size="large" loading={claim.isPending} onClick={() => claim.mutate({ action: "claim", id: task.id, body: { etag: task.etag } }, { onSuccess: onChanged })} data-action="claim">
            {methodOf(document, "claim")?.label}
          </Button>
        ) : (
          <Button type="primary" size="large" disabled={!record || !can(first)} onClick={() => setDeciding(first)} data-action={first}>
            {label(first)}{wide && <kbd aria-hidden="true">a</kbd>}
          </Button>
        )}
        {first === "approve" && (
          <Button danger size="large" disabled={!record || !can("reject")} onClick={() => setDeciding("reject")} data-action="reject">
            {label("reject")}{wide && <kbd aria-hidden="true">r</kbd>}
          </Button>
        )}
        <Dropdown menu={{ items: more }} trigger={["click"]} placement="topRight">
          <Button size="large" icon={<MoreOutlined />} data-action="more">{t("action.more")}</Button>
        </Dropdown>
      </div>
      {handing && (
        <ActionDialog
          {...handing} onClose={() => setHanding(undefined)}
          onDone={(answer) => {
            setHanding(undefined);
            notifySuccess(t("action.done", { action: handing.action.label }));
            if (handing.document === document && answer.state !== "OPEN") onDecided();
            else onChanged();
          }}
        />
      )}
      {deciding && record && (
        <DecisionSheet
          document={document} task={task} record={record} decision={deciding} label={label(deciding)} onAnswering={onAnswering}
          onClose={() => {
            onAnswering(false);
            setDeciding(undefined);
          }}
          onDone={() => {
            onAnswering(false);
            setDeciding(undefined);
            notifySuccess(t("action.done", { action: label(deciding) }));
            onDecided();
          }}
        />
      )}
    </>
  );
}

interface SheetProps {
  document: DocumentMeta;
  task: Task;
  record: Row;
  decision: Decision;
  label: string;
  onClose: () => void;
  onDone: () => void;
  onAnswering: (answering: boolean) => void;
}

/** The last tap: an opinion where one is wanted, and the decision about exactly what was shown. */
function DecisionSheet({ document, task, record, decision, label, onClose, onDone, onAnswering }: SheetProps) {
  const { t } = useTranslation();
  const meta = useMeta();
  const client = useQueryClient();
  const decide = useAction(document, true);
  const [text, setText] = useState("");
  const id = useId();
  const required = decision === "reject" || decision === "return";
  const [returnTo, setReturnTo] = useState(TO_REQUESTER);
  const [values, setValues] = useState<Record<string, string>>({});
  const [nextIds, setNextIds] = useState<string[]>([]);
  const nextField = methodOf(document, "approve")?.requestFields?.find(({ name }) => name === "nextIds");
  const next = useId();
  const violations = decide.error ? violationsByField(decide.error) : {};
  const nextProblem = Object.entries(violations).find(([field]) => /^next_?ids/i.test(field))?.[1];
  // another's answer may have made this one the last of the node meanwhile: then the refusal asks for the name
  const choosing = !required && (task.choosesNext || nextProblem !== undefined);
  const nodeProblem = violations.nodeId ?? violations.node_id;
  const elsewhere = nextProblem ?? nodeProblem ?? Object.keys(violations).find((field) => field.startsWith("values."));
  const torn = decide.error instanceof Unreachable;
  const error = decide.error && !elsewhere ? (violationsByField(decide.error).text ?? (torn ? t("approval.torn") : sentenceOf(decide.error).title)) : "";
  const said = decision === "handle" ? { values } : decision === "return" && returnTo.nodeId ? returnTo : {};
  const about = meta.documents[task.documentType];
  const [changes, setChanges] = useState<Changes>({});
  const changing = decision === "approve" && about !== undefined && (task.cuts || task.fieldRights.some(({ right }) => right === "WRITE" || right === "REQUIRED"));
  const lines = changing ? linesToCut(meta, task, about, record) : undefined;
  const refusing = refusesAll(lines, changes);
  const listed = Object.values(changes);
  const lacksWhy = lacksReason(lines, changes);
  const lacks = decision === "handle" && task.formFields.some(({ key, required: needed }) => needed && !values[key]?.trim());
  const submit = () => {
    const onSuccess = () => {
      // after a decision the next request is shown: what this page showed is asked for again when somebody looks
      void client.invalidateQueries({ refetchType: "none", predicate: ({ queryKey }) => String(queryKey[0]).startsWith("approval.") });
      onDone();
    };
    onAnswering(true);
    const onError = (problem: Error) => onAnswering(problem instanceof Unreachable);
    // no line is left: that is a refusal of the whole, with the reasons of the lines
    const reasons = [text, ...listed.map(({ reason }) => reason ?? "")].filter(Boolean).join("\n");
    if (refusing) return decide.mutate({ action: "reject", id: task.id, body: { contentHash: record.contentHash ?? task.contentHash, text: reasons } }, { onSuccess, onError });
    decide.mutate({ action: decision, id: task.id, body: { ...(listed.length > 0 ? { changes: listed } : {}), contentHash: record.contentHash ?? task.contentHash, text, ...(choosing ? { nextIds } : {}), ...said } }, { onSuccess, onError });
  };
  const changed = decide.error instanceof ApiError && decide.error.reason === "TASK_CONTENT_CHANGED";
  return (
    <Modal
      open title={label} onCancel={onClose} onOk={submit} okText={refusing ? methodOf(document, "reject")?.label : listed.length > 0 ? t("approval.agreeWithChanges") : label} cancelText={t("action.cancel")} confirmLoading={decide.isPending} className="decision-sheet"
      okButtonProps={{ danger: decision === "reject" || refusing, disabled: lacksWhy || (required && text.trim() === "") || (choosing && nextIds.length === 0) || lacks || changed, autoFocus: decision === "approve" && !choosing, size: "large" }} cancelButtonProps={{ size: "large" }}
    >
      <p className="consequence">{task.amount ? t("approval.about", { title: task.title || task.documentNumber, amount: group(task.amount, 2), currency: task.currency }) : task.title || task.documentNumber}</p>
      <Form layout="vertical" component="div">
        {changing && <ChangesForm task={task} about={about} record={record} changes={changes} onChange={setChanges} />}
        {refusing && <Alert type="warning" showIcon className="note" title={t("approval.nothingLeft")} />}
        {decision === "handle" && <HandledForm fields={task.formFields} values={values} errors={violations} onChange={(key, value) => setValues({ ...values, [key]: value })} />}
        {decision === "return" && task.returnTargets.length > 0 && <ReturnChoice document={document} task={task} value={returnTo} onChange={setReturnTo} error={nodeProblem} />}
        {choosing && (
          <Form.Item label={nextField?.label} htmlFor={next} required validateStatus={nextProblem ? "error" : undefined} help={nextProblem ? <span role="alert">{nextProblem}</span> : undefined}>
            <ReferencesPicker id={next} document="identity.employee" value={nextIds} onChange={setNextIds} />
          </Form.Item>
        )}
        <Form.Item label={t("approval.opinion")} htmlFor={id} required={required} validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : undefined}>
          <Input.TextArea id={id} value={text} onChange={({ target }) => setText(target.value)} autoFocus={required} rows={2} maxLength={2000} aria-required={required} />
        </Form.Item>
        <AttachmentsPanel documentType="approval.case" documentId={task.caseId} partId={task.id} plain />
      </Form>
    </Modal>
  );
}
