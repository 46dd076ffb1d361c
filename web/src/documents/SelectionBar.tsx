import { App, Button, Modal, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQueryClient } from "@tanstack/react-query";
import { callMethod } from "@/api/documents";
import { titleOf } from "@/api/references";
import { sentenceOf } from "@/app/notify";
import type { DocumentMeta, Row } from "@/contract/meta";
import { askedFields, offeredActions, type OfferedAction } from "./ActionBar";

interface Outcome {
  id: string;
  name: string;
  done: boolean;
  text: string;
}

/** What can be done to all that are selected, and what cannot; each record has its own result. */
export function SelectionBar({ document, rows, onClear }: { document: DocumentMeta; rows: Row[]; onClear: () => void }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const { modal } = App.useApp();
  const [running, setRunning] = useState<string>();
  const [outcomes, setOutcomes] = useState<Outcome[]>();
  const counts = new Map<string, { action: OfferedAction; able: Row[] }>();
  for (const row of rows) {
    for (const action of offeredActions(document, row.allowedActions)) {
      if (action.name === "update" || action.name === "copy" || askedFields(action.method).some(({ required }) => required)) continue;
      const entry = counts.get(action.name) ?? { action, able: [] };
      entry.able.push(row);
      counts.set(action.name, entry);
    }
  }
  const run = async (action: OfferedAction, able: Row[]) => {
    setRunning(action.name);
    const results: Outcome[] = [];
    for (const row of rows) {
      const name = titleOf(document, row) || row.id;
      if (!able.includes(row)) {
        results.push({ id: row.id, name, done: false, text: t("selection.notAllowed") });
        continue;
      }
      try {
        await callMethod<Row>(action.method, row.id, { etag: row.etag });
        results.push({ id: row.id, name, done: true, text: t("selection.done") });
      } catch (error) {
        results.push({ id: row.id, name, done: false, text: sentenceOf(error).title });
      }
    }
    setRunning(undefined);
    setOutcomes(results);
    await client.invalidateQueries({ queryKey: [document.key] });
  };
  const ask = (action: OfferedAction, able: Row[]) => {
    if (!action.method.confirm) return void run(action, able);
    modal.confirm({ title: action.label, content: action.method.confirm, okText: action.label, cancelText: t("action.cancel"), onOk: () => run(action, able) });
  };
  return (
    <div className="selection-bar" role="region" aria-label={t("selection.title")}>
      <span>{t("selection.count", { count: rows.length })}</span>
      {[...counts.values()].map(({ action, able }) => (
        <Button key={action.name} size="small" danger={Boolean(action.method.confirm)} loading={running === action.name} onClick={() => ask(action, able)}>
          {able.length === rows.length ? action.label : t("selection.some", { action: action.label, able: able.length, count: rows.length })}
        </Button>
      ))}
      {counts.size === 0 && <span className="quiet">{t("selection.nothing")}</span>}
      <Button size="small" type="link" onClick={onClear}>{t("selection.clear")}</Button>
      <Modal open={Boolean(outcomes)} title={t("selection.results")} onCancel={() => setOutcomes(undefined)} onOk={() => { setOutcomes(undefined); onClear(); }} cancelButtonProps={{ className: "gone" }} okText={t("action.close")}>
        <Table
          size="small" rowKey="id" pagination={false} dataSource={outcomes}
          columns={[
            { title: document.title, dataIndex: "name" },
            { title: t("selection.result"), render: (_, { done, text }) => <span className="state"><i className={`dot ${done ? "done" : "wrong"}`} aria-hidden="true" />{text}</span> },
          ]}
        />
      </Modal>
    </div>
  );
}
