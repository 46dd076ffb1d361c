import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Empty, Input, Modal, Skeleton } from "antd";
import { useId, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { callMethod, useVerb } from "@/api/documents";
import { AppLink, routeOf } from "@/app/links";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { decimalText } from "@/contract/format";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ApprovalStep } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { Steps } from "./ApprovalPath";

interface Difference {
  caseId: string;
  etag: string;
  documentNumber: string;
  title: string;
  amount: string;
  currency: string;
  flowVersion: number;
  before: ApprovalStep[];
  after: ApprovalStep[];
  problemBefore: string;
  factsBefore: Record<string, string>;
  problem: string;
  facts: Record<string, string>;
  movable: boolean;
}

interface Dialog {
  document: DocumentMeta;
  flow: Row;
  onClose: () => void;
}

/** Which of the last finished approvals the draft would lead another way. Nothing is changed. */
export function CompareFlowDialog({ document, flow, onClose }: Dialog) {
  const { t } = useTranslation();
  const { data, error } = useVerb<{ compared: number; different: number; differences: Difference[] }>(document, "compare", flow.id);
  return (
    <Modal open title={methodOf(document, "compare")!.label} width="min(960px, 100vw)" onCancel={onClose} footer={<Button onClick={onClose}>{t("action.close")}</Button>}>
      {error && <Alert type="error" showIcon title={sentenceOf(error).title} description={sentenceOf(error).description} />}
      {!data && !error && <Skeleton active />}
      {data && (
        <>
          <Alert className="note" showIcon type={data.different === 0 ? "success" : "warning"} title={t("flow.compared", { compared: data.compared, different: data.different })} description={t("flow.comparedHow")} />
          <Ways found={data.differences} />
        </>
      )}
    </Modal>
  );
}

/** Running approvals of older versions: what each becomes by the newest, and the move of all that can be moved. */
export function MigrateFlowDialog({ document, flow, onClose }: Dialog) {
  const { t } = useTranslation();
  const cases = useMeta().documents["approval.case"];
  const client = useQueryClient();
  const { data, error } = useVerb<{ cases: Difference[]; more: boolean }>(document, "previewMigration", flow.id);
  const [reason, setReason] = useState("");
  const [moved, setMoved] = useState<Record<string, string>>({});
  const id = useId();
  const movable = (data?.cases ?? []).filter(({ movable: may, caseId }) => may && moved[caseId] !== "");
  const method = methodOf(cases, "migrate");
  const run = useMutation({
    meta: { shown: true },
    mutationFn: async () => {
      const results: Record<string, string> = {};
      for (const { caseId, etag } of movable) {
        try {
          await callMethod<Row>(method!, caseId, { etag, reason });
          results[caseId] = "";
        } catch (refused) {
          results[caseId] = sentenceOf(refused).title;
        }
        setMoved({ ...moved, ...results });
      }
      return Object.values(results).filter((text) => text === "").length;
    },
    onSuccess: async (count) => {
      notifySuccess(t("flow.moved", { count }));
      await client.invalidateQueries({ queryKey: [cases.key] });
    },
  });
  return (
    <Modal
      open title={methodOf(document, "previewMigration")!.label} width="min(960px, 100vw)" onCancel={onClose} cancelText={t("action.close")}
      onOk={() => run.mutate()} confirmLoading={run.isPending} okText={t("flow.move", { count: movable.length })}
      okButtonProps={{ danger: true, disabled: !method || movable.length === 0 || reason.trim() === "" }}
    >
      {error && <Alert type="error" showIcon title={sentenceOf(error).title} description={sentenceOf(error).description} />}
      {!data && !error && <Skeleton active />}
      {data && data.cases.length === 0 && <Empty description={t("flow.noOlder")} />}
      {data && data.cases.length > 0 && (
        <>
          <p className="consequence">{method?.confirm}</p>
          <label htmlFor={id}>{t("flow.moveReason")}</label>
          <Input id={id} value={reason} maxLength={200} className="in-dialog" onChange={({ target }) => setReason(target.value)} />
          {data.more && <Alert className="note" type="info" showIcon title={t("flow.moreOlder", { count: data.cases.length })} />}
          <Ways found={data.cases} result={({ caseId }) => moved[caseId] === undefined ? null : moved[caseId] === "" ? <Alert type="success" showIcon title={t("selection.done")} /> : <Alert type="error" showIcon title={moved[caseId]} />} />
        </>
      )}
    </Modal>
  );
}

/** Approvals with who is asked before and after. */
function Ways({ found, result }: { found: Difference[]; result?: (one: Difference) => ReactNode }) {
  const { t } = useTranslation();
  const cases = useMeta().documents["approval.case"];
  return (
    <ul className="plain-list ways">
      {found.map((one) => (
        <li key={one.caseId} className="card">
          <h3>
            <AppLink to={routeOf(cases, one.caseId)}>{one.documentNumber || one.title}</AppLink> <small>{one.title} · {decimalText(fieldOf(cases, "amount")!, one.amount)} {one.currency} · {t("flow.version", { version: one.flowVersion })}</small>
          </h3>
          {result?.(one)}
          <div className="before-after">
            <section aria-label={t("flow.before")}><h4>{t("flow.before")}</h4><Steps preview={{ steps: one.before, problem: one.problemBefore, problemFacts: one.factsBefore }} /></section>
            <section aria-label={t("flow.after")}><h4>{t("flow.after")}</h4><Steps preview={{ steps: one.after, problem: one.problem, problemFacts: one.facts }} /></section>
          </div>
        </li>
      ))}
    </ul>
  );
}
