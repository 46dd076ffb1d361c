import { Alert, Button, Form, Input, Select, Skeleton, type GetRef } from "antd";
import { useQueryClient } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useDocument } from "@/api/documents";
import { call, fillPath } from "@/api/http";
import { AppLink, routeOf, useGo } from "@/app/links";
import { notifyError, notifySuccess } from "@/app/notify";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { EditingNotes } from "@/documents/EditingNotes";
import { FieldsForm } from "@/documents/FieldsForm";
import { useInitialValues, useSaveKey } from "@/documents/GenericForm";
import { PageProblem } from "@/documents/PageProblem";
import { useEditing } from "@/documents/useEditing";
import { FlowNodeForm } from "./FlowNodeForm";
import { FlowOutline } from "./FlowOutline";
import { firstTree, parseTree, placeOf, treeText, withNode, type FlowNode, type FlowProblem } from "./flowTree";

/** Edit a flow: its tree as text at the left, what it says at the right, where a node is changed in words. */
export default function FlowEditor({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (id && error) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <Editor key={id ?? "new"} document={document} row={data} />;
}

function Editor({ document, row }: { document: DocumentMeta; row: Row | undefined }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const go = useGo();
  const client = useQueryClient();
  const first = firstTree({ head: t("flow.departmentHead"), amount: t("flow.byAmount"), authority: t("flow.authority"), otherwise: t("flow.otherwise") });
  const initial = { ...useInitialValues(document), documentType: "procurement.purchase_requisition", tree: first };
  const editing = useEditing(document, row, initial);
  const [text, setText] = useState(() => treeText(editing.values.tree ?? first));
  const [problems, setProblems] = useState<FlowProblem[]>();
  const [chosen, setChosen] = useState<string>();
  const area = useRef<GetRef<typeof Input.TextArea>>(null);
  const ids = { tree: useId(), type: useId() };
  const { tree, problem } = parseTree(text);
  const typeField = fieldOf(document, "documentType")!;
  const treeField = fieldOf(document, "tree")!;
  const change = (next: string) => {
    setText(next);
    const parsed = parseTree(next);
    if (parsed.tree) editing.set("tree", parsed.tree);
  };
  const choose = (id: string) => {
    setChosen(id);
    const place = placeOf(text, id);
    const box = area.current?.resizableTextArea?.textArea;
    if (!place || !box) return;
    box.setSelectionRange(...place);
    box.scrollTop = (box.scrollHeight * place[0]) / text.length - box.clientHeight / 3;
  };
  const form = (node: FlowNode) =>
    node.id === chosen && tree && (node.kind === "approve" || node.kind === "copy") ? <FlowNodeForm node={node} onChange={(changed) => change(treeText(withNode(tree, node.id!, changed)))} /> : null;
  const check = async (saved: Row): Promise<FlowProblem[]> => {
    const answer = await call<{ problems: FlowProblem[] }>("GET", fillPath(methodOf(document, "validate")!.path, { id: saved.id }));
    setProblems(answer.problems);
    return answer.problems;
  };
  const save = async () => {
    const answer = await editing.submit();
    if (!answer) return;
    if (!row) history.replaceState(history.state, "", `${routeOf(document, answer.id)}/edit${location.search}`);
    const found = await check(answer);
    await client.invalidateQueries({ queryKey: [document.key] });
    const faulty = found.filter(({ warning }) => !warning).length;
    notifySuccess(faulty === 0 ? t("flow.savedSound") : t("flow.savedWithProblems", { count: faulty }));
  };
  const run = () => void save().catch(notifyError);
  useSaveKey(run);
  const known = new Set((problems ?? []).map(({ nodeId }) => nodeId).filter((id) => placeOf(text, id)));
  const faults = Object.entries(editing.errors).filter(([path]) => path.startsWith("tree"));
  const fields = editing.fields.filter(({ name }) => name !== "tree" && name !== "documentType");
  const types = Object.values(meta.documents).filter(({ fields: all }) => all.some(({ name }) => name === "submission")).map(({ key, title }) => ({ value: key, label: title }));
  return (
    <section className="page">
      <header className="page-head">
        <h1>{row ? t("form.edit", { title: String(editing.values.name ?? "") }) : t("list.new", { title: document.title })}</h1>
        <div className="page-tools">
          <AppLink to={editing.saved ? routeOf(document, editing.saved.id) : document.route} className="quiet-link">{t("action.close")}</AppLink>
          <Button type="primary" disabled={Boolean(problem) || Boolean(editing.conflict)} loading={editing.saving} onClick={run}>{t("flow.save")}</Button>
          {editing.saved && <Button onClick={() => go(routeOf(document, editing.saved!.id))} disabled={editing.dirty}>{t("flow.toPublish")}</Button>}
        </div>
      </header>
      <EditingNotes document={document} editing={editing} />
      <Form layout="vertical" component="div" className="card">
        {!editing.saved && (
          <Form.Item label={typeField.label} htmlFor={ids.type} required>
            <Select id={ids.type} className="service-choice" value={String(editing.values.documentType)} options={types} onChange={(key: string) => editing.set("documentType", key)} />
          </Form.Item>
        )}
        <FieldsForm fields={fields} values={editing.values} onChange={editing.set} errors={editing.errors} autoFocus={!row} />
      </Form>
      <div className="flow-editor">
        <Form.Item className="card" label={treeField.label} htmlFor={ids.tree} layout="vertical" validateStatus={problem || faults.length > 0 ? "error" : undefined} help={<Faults problem={problem} faults={faults} />}>
          <Input.TextArea id={ids.tree} ref={area} value={text} onChange={({ target }) => change(target.value)} className="code-input tall" spellCheck={false} rows={18} />
        </Form.Item>
        <section className="card" aria-label={t("flow.outline")}>
          <h2>{t("flow.outline")}</h2>
          {problems && <ProblemSummary problems={problems.filter(({ nodeId }) => !known.has(nodeId))} count={problems.filter(({ warning }) => !warning).length} />}
          {tree && <FlowOutline node={tree} problems={problems} onChoose={choose} form={form} />}
        </section>
      </div>
    </section>
  );
}

/** Why the text could not be kept as it is. */
function Faults({ problem, faults }: { problem: string | undefined; faults: [string, string][] }) {
  const { t } = useTranslation();
  return (
    <div role="alert">
      {problem && <p>{t("flow.notJson", { problem })}</p>}
      {faults.map(([path, text]) => <p key={path}><code>{path.replace(/^tree\.?/, "")}</code> {text}</p>)}
    </div>
  );
}

function ProblemSummary({ problems, count }: { problems: FlowProblem[]; count: number }) {
  const { t } = useTranslation();
  if (count === 0) return <Alert className="note" type="success" showIcon title={t("flow.sound")} />;
  return (
    <Alert
      className="note" type="error" showIcon title={t("flow.problems", { count })}
      description={problems.length > 0 ? <ul className="plain-list">{problems.map(({ path, message, reason }) => <li key={path + reason}><code>{path}</code> {message || reason}</li>)}</ul> : undefined}
    />
  );
}
