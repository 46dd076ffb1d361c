import { Alert, Button, Skeleton } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useAction, useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { notifySuccess } from "@/app/notify";
import { lasting, refusalText, timeText } from "@/contract/format";
import { enumLabel, methodOf, textOf } from "@/contract/meta";
import type { ApprovalStep, Case, Task } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { FileRow } from "@/attachments/FileRow";
import { useAttachments } from "@/attachments/useAttachments";
import { ActionDialog, offeredActions } from "./ActionBar";
import { CopyLink } from "./CopyLink";
import { DueTime } from "./DueTime";
import { FieldDifferences } from "./FieldDifferences";
import { HandledValues } from "./Handled";
import { Reference, References } from "./Reference";
import { voteText } from "./vote";

const GOOD = new Set(["APPROVE", "HANDLE", "SUBMIT"]);
const DECIDED = new Set(["APPROVE", "REJECT", "RETURN", "HANDLE"]);
const BAD = new Set(["REJECT", "RETURN", "WITHDRAW"]);

/** Where a request is, with whom, since when; what was said; what comes next. */
export function CaseTimeline({ caseId, tools = true }: { caseId: string; tools?: boolean }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const document = useDocumentMeta("approval.case");
  const { data, error } = useDocument<Case>(document, caseId);
  const act = useAction(document);
  const [asking, setAsking] = useState<string>();
  const tasks = useDocumentMeta("approval.task");
  const [turn, setTurn] = useState<{ row: Task; action: string }>();
  const kindEnum = meta.documents["approval.opinion"].fields.find(({ name }) => name === "kind")?.enum;
  if (problemOf({ data, error })) return null;
  if (!data) return <section className="card"><Skeleton active title={false} /></section>;
  const open = data.tasks.filter(({ state }) => state === "OPEN");
  const later = data.tasks.filter(({ state }) => state === "WAITING");
  // also when some of them have answered: the others see that theirs is not the only one
  const several = (task: Task) => data.tasks.filter(({ nodeId, visit }) => nodeId === task.nodeId && visit === task.visit).length > 1;
  const taken = data.tasks.find(({ allowedActions }) => allowedActions?.includes("take_back"));
  const allowed = tools ? (data.allowedActions ?? []) : [];
  const button = (action: string) =>
    allowed.includes(action) && (
      <Button
        size="small" danger={action === "withdraw"} loading={act.isPending && act.variables.action === action}
        onClick={() => methodOf(document, action)?.confirm ? setAsking(action) : act.mutate({ action, id: data.id, body: { etag: data.etag } }, { onSuccess: () => notifySuccess(t("action.done", { action: methodOf(document, action)?.label })) })}
      >
        {methodOf(document, action)?.label}
      </Button>
    );
  return (
    <section className="card" aria-label={t("timeline.title")}>
      <h2>{t("timeline.title")} <span className="count">{data.flowName}</span></h2>
      {data.state === "SUSPENDED" && <Alert type="warning" showIcon className="note" title={refusalText(meta.refusals[data.parkReason]?.message ?? data.parkReason, data.parkFacts)} />}
      {data.changing === true && <Alert type="info" showIcon className="note" title={meta.refusals.CASE_CHANGING?.message} />}
      {data.state === "PARKED" && <Alert type="error" showIcon className="note" title={t("timeline.parked")} description={refusalText(meta.refusals[data.parkReason]?.message ?? data.parkReason, data.parkFacts)} />}
      <ol className="timeline">
        {data.opinions.toSorted((a, b) => a.createTime.localeCompare(b.createTime)).map((opinion) => (
          <Moment key={opinion.id} tone={GOOD.has(opinion.kind) ? "done" : BAD.has(opinion.kind) ? "wrong" : "quiet"}>
            <p>
              {opinion.authorId || opinion.onBehalfOfId ? <Reference document="identity.employee" id={opinion.authorId || opinion.onBehalfOfId} plain /> : t("timeline.system")}{" "}
              {opinion.authorId && opinion.onBehalfOfId && <span className="delegated">{t("timeline.for")} <Reference document="identity.employee" id={opinion.onBehalfOfId} plain /></span>}{" "}
              <strong>{enumLabel(meta, kindEnum, opinion.kind)}</strong>
              <time dateTime={opinion.createTime}>{timeText(opinion.createTime)}</time>
            </p>
            {opinion.employeeIds.length > 0 && <p><span aria-hidden="true">→</span> <References document="identity.employee" ids={opinion.employeeIds} plain /></p>}
            {opinion.nodeName && <small>{opinion.nodeName}</small>}
            {opinion.targetName && <p><span aria-hidden="true">→</span> {opinion.targetName}{opinion.straightBack && <span className="vote">{t("timeline.straightBack")}</span>}</p>}
            {opinion.handled?.fields && <HandledValues fields={opinion.handled.fields} />}
            {opinion.changes.length > 0 && <FieldDifferences document={meta.documents[data.documentType]} changes={opinion.changes} />}
            {opinion.earlier && <small className="earlier">{t("timeline.earlier")}</small>}
            {opinion.reason && <p className="quiet">{textOf(meta, opinion.reason, opinion.reasonFacts)}</p>}
            {opinion.text && <blockquote>{opinion.text}</blockquote>}
            {opinion.taskId && DECIDED.has(opinion.kind) && <OpinionFiles caseId={caseId} taskId={opinion.taskId} />}
          </Moment>
        ))}
        {open.map((task) => (
          <Moment key={task.id} tone="waits">
            <p><Reference document="identity.employee" id={task.assigneeId} plain /> {task.delegateId && <span className="delegated">{t("timeline.or")} <Reference document="identity.employee" id={task.delegateId} plain /></span>} <strong>{task.nodeKind === "handle" ? t("timeline.handling") : t("timeline.deciding")}</strong>{several(task) && <span className="vote">{voteText(t, task.vote, task.votePercent)}</span>}{task.veto && <span className="vote">{t("timeline.veto")}</span>}<span>{t("timeline.since", { time: lasting(task.openTime) })}</span><DueTime due={task.dueTime} /></p>
            <small>{[task.nodeName, textOf(meta, task.reason, task.reasonFacts)].filter(Boolean).join(" · ")}</small>
            {task.allowedActions?.includes("remove_signer") && <Button size="small" onClick={() => setTurn({ row: task, action: "remove_signer" })}>{methodOf(tasks, "remove_signer")?.label}</Button>}
            {tools && <CopyLink document={tasks} id={task.id} />}
          </Moment>
        ))}
        {data.delays.map(({ nodeId, nodeName, dueTime }) => (
          <Moment key={nodeId} tone="waits">
            <p><strong>{t("timeline.waiting")}</strong>{dueTime && <time dateTime={dueTime}>{t("timeline.until", { time: timeText(dueTime) })}</time>}</p>
            <small>{nodeName}</small>
          </Moment>
        ))}
        {later.map((task) => (
          <Moment key={task.id} tone="ahead">
            <p><Reference document="identity.employee" id={task.assigneeId} plain /> <span className="vote">{t("timeline.later")}</span></p>
            <small>{[task.nodeName, textOf(meta, task.reason, task.reasonFacts)].filter(Boolean).join(" · ")}</small>
            {task.allowedActions?.includes("remove_signer") && <Button size="small" onClick={() => setTurn({ row: task, action: "remove_signer" })}>{methodOf(tasks, "remove_signer")?.label}</Button>}
          </Moment>
        ))}
        {data.upcoming.map((step, index) => (
          <Moment key={`${step.nodeId}${index}`} tone="ahead"><StepText step={step} /></Moment>
        ))}
      </ol>
      {allowed.length > 0 && <div className="timeline-tools">{button("urge")}{button("withdraw")}</div>}
      {taken && <div className="timeline-tools"><Button size="small" onClick={() => setTurn({ row: taken, action: "take_back" })}>{methodOf(tasks, "take_back")?.label}</Button></div>}
      {turn && (
        <ActionDialog
          document={tasks} row={turn.row} action={offeredActions(tasks, [turn.action])[0]} onClose={() => setTurn(undefined)}
          onDone={() => {
            setTurn(undefined);
            notifySuccess(t("action.done", { action: methodOf(tasks, turn.action)?.label }));
          }}
        />
      )}
      {asking && (
        <ActionDialog
          document={document} row={data} action={offeredActions(document, [asking])[0]} onClose={() => setAsking(undefined)}
          onDone={() => {
            setAsking(undefined);
            notifySuccess(t("action.done", { action: methodOf(document, asking)?.label }));
          }}
        />
      )}
    </section>
  );
}

/** The files that somebody added to an opinion. */
function OpinionFiles({ caseId, taskId }: { caseId: string; taskId: string }) {
  const { files, admission, refresh } = useAttachments("approval.case", caseId);
  const rows = (files.data?.rows ?? []).filter(({ partId, state }) => partId === taskId && state === "READY");
  if (rows.length === 0) return null;
  return <ul className="files">{rows.map((file) => <FileRow key={file.id} file={file} scanned={admission?.scanned ?? false} onChanged={refresh} />)}</ul>;
}

export function Moment({ tone, children }: { tone: string; children: ReactNode }) {
  return (
    <li className={tone}>
      <i className={`dot ${tone}`} aria-hidden="true" />
      <div>{children}</div>
    </li>
  );
}

/** One step of a way through a flow: who, how many of them, why these. */
export function StepText({ step }: { step: ApprovalStep }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const several = step.employeeIds.length > 1;
  const vote = step.kind === "copy" ? t("timeline.copy") : several ? voteText(t, step.vote, step.votePercent) : "";
  return (
    <>
      <p><References document="identity.employee" ids={step.employeeIds} plain /> {vote && <span className="vote">{vote}</span>}</p>
      <small>{[step.nodeName, textOf(meta, step.reason, step.reasonFacts)].filter(Boolean).join(" · ")}</small>
    </>
  );
}
