import { Button, Form, Modal, Table } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useQueryClient } from "@tanstack/react-query";
import { callMethod } from "@/api/documents";
import { titleOf } from "@/api/references";
import { sentenceOf } from "@/app/notify";
import type { DocumentMeta, Row } from "@/contract/meta";
import { askedFields, offeredActions, type OfferedAction } from "./ActionBar";
import { FieldsForm } from "./FieldsForm";
import type { Values } from "./formValues";

interface Outcome {
  id: string;
  name: string;
  done: boolean;
  text: string;
}

interface Offer {
  action: OfferedAction;
  able: Row[];
  /** All that were chosen when it was begun: what is confirmed is what is done, though the list goes on changing. */
  rows: Row[];
}

interface Props {
  document: DocumentMeta;
  rows: Row[];
  onClear: () => void;
  /** Only these actions. */
  only?: string[];
  /** Fields that nobody is asked for, since each record has its own. */
  given?: string[];
  /** What is sent of a record beside what is the same for all. */
  give?: (row: Row) => Promise<Values>;
}

/** What can be done to all that are selected, and what cannot; each record has its own result, also of those that leave the list with it. */
export function SelectionBar({ document, rows, onClear, only, given = [], give }: Props) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [asking, setAsking] = useState<Offer>();
  const [values, setValues] = useState<Values>({});
  const [running, setRunning] = useState<string>();
  const [outcomes, setOutcomes] = useState<Outcome[]>();
  const counts = new Map<string, Offer>();
  for (const row of rows) {
    for (const action of offeredActions(document, row.allowedActions)) {
      if (only ? !only.includes(action.name) : action.name === "update" || action.name === "copy") continue;
      const entry = counts.get(action.name) ?? { action, able: [], rows };
      entry.able.push(row);
      counts.set(action.name, entry);
    }
  }
  const run = async ({ action, able, rows: begun }: Offer, said: Values) => {
    setAsking(undefined);
    setRunning(action.name);
    const results: Outcome[] = [];
    for (const row of begun) {
      const name = titleOf(document, row) || row.id;
      if (!able.includes(row)) {
        results.push({ id: row.id, name, done: false, text: t("selection.notAllowed") });
        continue;
      }
      try {
        await callMethod<Row>(action.method, row.id, { ...said, ...(await give?.(row)), etag: row.etag });
        results.push({ id: row.id, name, done: true, text: t("selection.done") });
      } catch (error) {
        results.push({ id: row.id, name, done: false, text: sentenceOf(error).title });
      }
    }
    setRunning(undefined);
    setOutcomes(results);
    await client.invalidateQueries({ queryKey: [document.key] });
  };
  const fieldsOf = ({ action }: Offer) => askedFields(action.method).filter(({ name }) => !given.includes(name));
  const start = (offer: Offer) => {
    setValues({});
    if (offer.action.method.confirm || fieldsOf(offer).length > 0) setAsking(offer);
    else void run(offer, {});
  };
  const fields = asking ? fieldsOf(asking) : [];
  const missing = fields.some(({ name, required }) => required && !values[name]);
  return (
    <>
      {rows.length > 0 && (
        <div className="selection-bar" role="region" aria-label={t("selection.title")}>
          <span>{t("selection.count", { count: rows.length })}</span>
          {[...counts.values()].map((offer) => (
            <Button key={offer.action.name} size="small" danger={Boolean(offer.action.method.confirm)} loading={running === offer.action.name} onClick={() => start(offer)}>
              {offer.able.length === rows.length ? offer.action.label : t("selection.some", { action: offer.action.label, able: offer.able.length, count: rows.length })}
            </Button>
          ))}
          {counts.size === 0 && <span className="quiet">{t("selection.nothing")}</span>}
          <Button size="small" type="link" onClick={onClear}>{t("selection.clear")}</Button>
        </div>
      )}
      {asking && (
        <Modal
          open title={t("selection.some", { action: asking.action.label, able: asking.able.length, count: asking.rows.length })} onCancel={() => setAsking(undefined)} onOk={() => void run(asking, values)}
          okText={asking.action.label} cancelText={t("action.cancel")} okButtonProps={{ danger: Boolean(asking.action.method.confirm), disabled: missing }}
        >
          {asking.action.method.confirm && <p className="consequence">{asking.action.method.confirm}</p>}
          <Form layout="vertical" component="div">
            <FieldsForm fields={fields} values={values} errors={{}} single autoFocus onChange={(name, value) => setValues({ ...values, [name]: value })} />
          </Form>
        </Modal>
      )}
      <Modal open={Boolean(outcomes)} title={t("selection.results")} onCancel={() => setOutcomes(undefined)} onOk={() => { setOutcomes(undefined); onClear(); }} cancelButtonProps={{ className: "gone" }} okText={t("action.close")}>
        <Table
          size="small" rowKey="id" pagination={false} dataSource={outcomes}
          columns={[
            { title: document.title, dataIndex: "name" },
            { title: t("selection.result"), render: (_, { done, text }) => <span className="state"><i className={`dot ${done ? "done" : "wrong"}`} aria-hidden="true" />{text}</span> },
          ]}
        />
      </Modal>
    </>
  );
}
