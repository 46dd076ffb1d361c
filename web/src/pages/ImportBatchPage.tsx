import { DownloadOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Form, Input, Modal, Progress, Select, Skeleton, Steps, Table } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { context } from "@/api/context";
import { problemOf, violationsByField } from "@/api/errors";
import { download } from "@/api/http";
import { correctionPath, underWay, useBatch, useBatchAction, useProblems, type ImportBatch, type ImportProblem } from "@/api/imports";
import { AppLink, useGo } from "@/app/links";
import { timeText } from "@/contract/format";
import { camel, textOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { pathField, pathLabel } from "@/documents/paths";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";

const STEP_OF: Record<string, number> = { UPLOADING: 0, UPLOADED: 1, CANCELLED: 1, CHECKING: 2, CHECKED: 2, IMPORTING: 3, IMPORTED: 4, UNDOING: 4, UNDONE: 4 };

interface Props {
  document: DocumentMeta;
  batch: ImportBatch;
}

/** One file on its way: columns, check, import, result; what is wrong, and the way back. */
export default function ImportBatchPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const { id = "" } = useParams();
  const { data: batch, error, refetch } = useBatch(document, id);
  const [changing, setChanging] = useState(false);
  if (problemOf({ data: batch, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (!batch) return <Skeleton active className="page" />;
  const choosing = batch.state === "UPLOADED" || (batch.state === "CHECKED" && changing);
  return (
    <section className="page">
      <header className="page-head">
        <h1>{batch.fileName} <span className="count"><AppLink to={`${document.route}/import`}>{t("import.title", { title: document.plural })}</AppLink></span></h1>
      </header>
      <Steps
        size="small" current={choosing ? 1 : STEP_OF[batch.state]} responsive className="import-steps"
        items={[t("import.step.file"), t("import.step.columns"), t("import.step.check"), t("import.step.import"), t("import.step.result")].map((title) => ({ title }))}
      />
      {batch.trouble && <Trouble batch={batch} />}
      {choosing ? <Columns document={document} batch={batch} onChecked={() => setChanging(false)} /> : <Outcome document={document} batch={batch} onChange={() => setChanging(true)} />}
      {!choosing && !underWay(batch) && batch.problemCount + batch.keptCount > 0 && <Problems document={document} batch={batch} />}
      <History batch={batch} />
    </section>
  );
}

function Trouble({ batch }: { batch: ImportBatch }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const said = meta.refusals[batch.trouble];
  return <Alert className="note" type="error" showIcon role="alert" title={t("import.trouble")} description={[said?.message, said?.remedy].filter(Boolean).join(" ")} />;
}

function Columns({ document, batch, onChecked }: Props & { onChecked: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const [fields, setFields] = useState(() => Object.fromEntries(batch.columns.map(({ position, field }) => [position, field])));
  const act = useBatchAction(document, batch.id);
  const wrong = violationsByField(act.error);
  const labelOf = (path: string) => {
    const found = pathField(meta, document, path);
    return found ? pathLabel(found) : path;
  };
  const options = [
    { value: "", label: t("import.leftOut") },
    ...batch.fields.map(({ path, required }) => ({ value: path, label: required ? `${labelOf(path)} *` : labelOf(path) })),
  ];
  const missing = batch.fields.filter(({ path, required }) => required && (!path.includes(".") || path.startsWith("custom_fields.")) && !Object.values(fields).includes(path));
  return (
    <section className="card">
      <p className="quiet">{t("import.columnsHelp")}</p>
      {missing.length > 0 && <Alert className="note" type="warning" showIcon title={missing.map(({ path }) => labelOf(path)).join(", ")} description={meta.refusals.IMPORT_FIELD_MISSING?.message} />}
      <ul className="import-columns">
        {batch.columns.map(({ position, header, examples }) => (
          <li key={position}>
            <span className="import-column"><b>{header || position}</b><small>{examples.join(" · ")}</small></span>
            <Select
              aria-label={t("import.fieldOf", { column: header || position })} value={fields[position]} options={options} showSearch={{ optionFilterProp: "label" }} popupMatchSelectWidth={false}
              status={wrong[camel(fields[position])] || wrong[fields[position]] ? "error" : undefined} onChange={(value: string) => setFields({ ...fields, [position]: value })}
            />
          </li>
        ))}
      </ul>
      <div className="action-bar">
        <Button
          type="primary" loading={act.isPending && act.variables.verb === "check"} disabled={missing.length > 0}
          onClick={() => act.mutate({ verb: "check", body: { columns: batch.columns.map(({ position }) => ({ position, field: fields[position] })) } }, { onSuccess: onChecked })}
        >
          {t("import.check")}
        </Button>
        <Button loading={act.isPending && act.variables.verb === "cancel"} onClick={() => act.mutate({ verb: "cancel" })}>{t("import.giveUp")}</Button>
      </div>
    </section>
  );
}

function Outcome({ document, batch, onChange }: Props & { onChange: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const act = useBatchAction(document, batch.id);
  const [undoing, setUndoing] = useState(false);
  const { documentCount: count, problemCount: bad, skippedCount: skipped, importedCount: imported, undoneCount: undone, keptCount: kept } = batch;
  const good = count - bad - skipped - imported;
  const another = <Button onClick={() => go(`${document.route}/import`)}>{t("import.bringCorrected")}</Button>;
  const list = <Button onClick={() => go(document.route)}>{t("import.toList")}</Button>;
  const undo = <Button danger onClick={() => setUndoing(true)}>{t("import.undo")}</Button>;
  const correct = bad > 0 && batch.expireTime && <Correction document={document} batch={batch} />;
  const start = (label: string, primary: boolean) => <Button type={primary ? "primary" : "default"} loading={act.isPending && act.variables.verb === "start"} onClick={() => act.mutate({ verb: "start" })}>{label}</Button>;
  const more = [bad > 0 && t("import.badHelp", { count: bad }), skipped > 0 && t("import.skipped", { count: skipped })].filter(Boolean).join(" ");
  switch (batch.state) {
    case "CHECKING":
      return <UnderWay batch={batch} label={t("import.checking", { done: batch.doneCount, total: batch.totalCount })} onStop={() => act.mutate({ verb: "cancel" })} />;
    case "IMPORTING":
      return <UnderWay batch={batch} label={t("import.importing", { done: batch.doneCount, total: batch.totalCount })} onStop={() => act.mutate({ verb: "cancel" })} />;
    case "UNDOING":
      return <UnderWay batch={batch} label={t("import.undoing", { done: batch.doneCount, total: batch.totalCount })} />;
    case "CHECKED":
      return (
        <section className="card">
          <Alert className="note" role="status" showIcon type={good === 0 ? "error" : bad ? "warning" : "success"} title={good === 0 ? t("import.noneGood", { count }) : bad + skipped ? t("import.good", { good, count }) : t("import.allGood", { count })} description={more} />
          <div className="action-bar">
            {good > 0 && start(t("import.start", { count: good }), true)}
            {correct}
            <Button onClick={onChange}>{t("import.changeColumns")}</Button>
            {bad > 0 && another}
            <Button onClick={() => act.mutate({ verb: "cancel" })}>{t("import.giveUp")}</Button>
          </div>
        </section>
      );
    case "IMPORTED":
    case "UNDONE":
      return (
        <section className="card">
          <Alert
            className="note" role="status" showIcon type={batch.state === "UNDONE" && kept ? "warning" : "success"}
            title={batch.state === "UNDONE" ? t("import.undone", { count: undone }) : t("import.done", { count: imported })}
            description={[batch.state === "UNDONE" && kept > 0 && t("import.kept", { count: kept }), batch.state === "IMPORTED" && bad > 0 && t("import.doneBad", { count: bad })].filter(Boolean).join(" ")}
          />
          <div className="action-bar">
            {list}
            {batch.state === "IMPORTED" && good > 0 && start(t("import.rest", { count: good }), false)}
            {correct}
            {another}
            {batch.expireTime && imported > undone && !batch.noWayBack && undo}
          </div>
          {imported > undone && batch.noWayBack && <NoWayBack batch={batch} />}
          {undoing && <Undo document={document} batch={batch} onClose={() => setUndoing(false)} />}
        </section>
      );
    default:
      return <section className="card"><Alert className="note" type="info" showIcon title={batch.state === "CANCELLED" ? t("import.cancelled") : t("import.uploading")} />{another}</section>;
  }
}

/** Why what came in stays in. */
function NoWayBack({ batch }: { batch: ImportBatch }) {
  const { t } = useTranslation();
  const said = useMeta().refusals[batch.noWayBack];
  return <p className="quiet">{batch.noWayBack === "PERMISSION_MISSING" ? t("import.undoNotYours") : [said?.message, said?.remedy].filter(Boolean).join(" ")}</p>;
}

function UnderWay({ batch, label, onStop }: { batch: ImportBatch; label: string; onStop?: () => void }) {
  const { t } = useTranslation();
  return (
    <section className="card" aria-live="polite">
      <p>{label}</p>
      <Progress aria-label={label} percent={Math.min(100, Math.round((100 * batch.doneCount) / Math.max(1, batch.totalCount)))} />
      <p className="quiet">{t("import.leave")}</p>
      {onStop && <Button onClick={onStop}>{t("import.stop")}</Button>}
    </section>
  );
}

function Correction({ document, batch }: Props) {
  const { t } = useTranslation();
  const run = useMutation({ mutationFn: () => download(correctionPath(document, batch.id), { company: context.company, locale: context.locale }, () => undefined) });
  return <Button icon={<DownloadOutlined />} loading={run.isPending} onClick={() => run.mutate()}>{t("import.correct")}</Button>;
}

function Undo({ document, batch, onClose }: Props & { onClose: () => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [reason, setReason] = useState("");
  const act = useBatchAction(document, batch.id);
  return (
    <Modal
      open title={t("import.undoTitle")} okText={t("import.undo")} okButtonProps={{ danger: true, disabled: !reason.trim(), loading: act.isPending }} onCancel={onClose}
      onOk={() => act.mutate({ verb: "undo", body: { reason: reason.trim() } }, { onSuccess: onClose })}
    >
      <p>{t("import.undoHelp", { count: batch.importedCount - batch.undoneCount })}</p>
      <Form.Item label={t("import.undoReason")} htmlFor={id} required layout="vertical">
        <Input id={id} value={reason} maxLength={200} autoFocus onChange={({ target }) => setReason(target.value)} />
      </Form.Item>
    </Modal>
  );
}

function Problems({ document, batch }: Props) {
  const { t } = useTranslation();
  const meta = useMeta();
  const [pages, setPages] = useState(1);
  const { data, isLoading } = useProblems(document, batch, pages);
  const title = batch.state === "UNDONE" ? t("import.keptTitle") : t("import.problems");
  const columnOf = ({ header, field, position }: ImportProblem) => {
    const found = field ? pathField(meta, document, field) : undefined;
    return header || (found ? pathLabel(found) : position ? String(position) : t("import.wholeRow"));
  };
  return (
    <section className="card import-problems">
      <h2>{title}</h2>
      <TableScroll busy={isLoading} label={title}>
        <Table<ImportProblem>
          size="small" pagination={false} loading={{ spinning: isLoading, delay: 200 }} dataSource={data?.problems} rowKey={(one) => `${one.rowNumber} ${one.position} ${one.field} ${one.reason}`}
          columns={[
            { title: t("import.row"), dataIndex: "rowNumber", align: "right" },
            { title: t("import.column"), render: (_, one) => columnOf(one) },
            { title: t("import.value"), render: (_, { value }) => <span className="import-value">{value}</span> },
            { title: t("import.toDo"), dataIndex: "message" },
          ]}
        />
      </TableScroll>
      {data?.more && <Button onClick={() => setPages(pages + 1)}>{t("import.more")}</Button>}
    </section>
  );
}

function History({ batch }: { batch: ImportBatch }) {
  const { t } = useTranslation();
  const meta = useMeta();
  return (
    <section className="card">
      <h2>{t("import.steps")}</h2>
      <ol className="import-history">
        {batch.steps.map(({ kind, createTime, actorId, documentCount, problemCount, reason }) => (
          <li key={createTime}>
            <b>{textOf(meta, `import.did.${kind}`, {})}</b> <Reference document="identity.employee" id={actorId} plain /> <time className="quiet">{timeText(createTime)}</time>
            {documentCount + problemCount > 0 && <span className="quiet"> {t("import.didCount", { count: documentCount, problems: problemCount })}</span>}
            {reason && <span> {reason}</span>}
          </li>
        ))}
      </ol>
      {batch.expireTime && <p className="quiet">{t("import.expires", { time: timeText(batch.expireTime) })}</p>}
    </section>
  );
}
