import { ExperimentOutlined, HistoryOutlined } from "@ant-design/icons";
import { Alert, Button, Drawer, Form, Input, Popconfirm, Select, Skeleton } from "antd";
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams, useSearchParams } from "react-router";
import { useDocument, useVerb } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { call, fillPath } from "@/api/http";
import { routeOf, useGo } from "@/app/links";
import { notifyError, notifySuccess } from "@/app/notify";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ApprovalPreview } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { EditingNotes } from "@/documents/EditingNotes";
import { FieldsForm } from "@/documents/FieldsForm";
import { useInitialValues, useSaveKey } from "@/documents/GenericForm";
import { PageProblem } from "@/documents/PageProblem";
import { useEditing } from "@/documents/useEditing";
import type { Content } from "@/flow/Differences";
import { ConditionForm } from "@/flow/ConditionForm";
import { FlowToolbar } from "@/flow/FlowToolbar";
import { FlowTree } from "@/flow/FlowTree";
import { NodeDrawer } from "@/flow/NodeDrawer";
import { PublishDialog } from "@/flow/PublishDialog";
import { Simulation, problemsAt } from "@/flow/Simulation";
import { Versions, useVersions, type Version } from "@/flow/Versions";
import { formsAsked } from "@/flow/condition";
import { DocumentTypeContext } from "@/flow/fields";
import { FormsContext } from "@/flow/formFields";
import { asSequence, firstTree, parseTree, standingOf, treeText, type FlowNode, type FlowProblem } from "@/flow/tree";
import { useDesigner } from "@/flow/useDesigner";

/** Draw a flow: cards and lines, the form of a card in a drawer, a try with a document, versions and what changed. */
export default function FlowEditor({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument(document, id);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  if (id && !data) return <Skeleton active className="page" />;
  return <Editor key={id ?? "new"} document={document} row={data} />;
}

function Editor({ document, row }: { document: DocumentMeta; row: Row | undefined }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const go = useGo();
  const client = useQueryClient();
  const initialValues = useInitialValues(document);
  const [first] = useState(() => firstTree({ head: t("flow.departmentHead"), amount: t("flow.byAmount"), authority: t("flow.authority"), otherwise: t("flow.otherwise") }));
  const editing = useEditing(document, row, { ...initialValues, documentType: "procurement.purchase_requisition", tree: first });
  const before = useVerb<{ problems: FlowProblem[] }>(document, "validate", row?.id).data?.problems;
  const [found, setFound] = useState<FlowProblem[]>();
  const problems = found ?? before;
  const [preview, setPreview] = useState<ApprovalPreview>();
  const [panel, setPanel] = useState<"simulation" | "versions" | "publish">();
  const tree = useMemo(() => asSequence((editing.values.tree as FlowNode | null) ?? first), [editing.values.tree, first]);
  const designer = useDesigner(tree, (next) => {
    editing.set("tree", next);
    setPreview(undefined);
  }, (touched) => setFound(problems?.filter(({ nodeId }) => nodeId !== touched)));
  const { saved } = editing;
  const versions = useVersions(document, saved?.id);
  useRestored(versions, restore);
  useLeaveWarning(editing.dirty);

  function restore(version: Version) {
    designer.replace(asSequence(version.tree));
    editing.set("condition", version.condition);
    editing.set("priority", version.priority);
    setPanel(undefined);
    notifySuccess(t("flow.restored", { version: version.version }));
  }
  const check = async (of: Row): Promise<FlowProblem[]> => {
    const answer = await call<{ problems: FlowProblem[] }>("GET", fillPath(methodOf(document, "validate")!.path, { id: of.id }));
    setFound(answer.problems);
    return answer.problems;
  };
  const save = async () => {
    const answer = await editing.submit();
    if (!answer) return;
    if (!row) history.replaceState(history.state, "", `${routeOf(document, answer.id)}/edit${location.search}`);
    const wrong = await check(answer);
    await client.invalidateQueries({ queryKey: [document.key] });
    const faulty = wrong.filter(({ warning }) => !warning).length;
    notifySuccess(faulty === 0 ? t("flow.savedSound") : t("flow.savedWithProblems", { count: faulty }));
  };
  const run = () => void save().catch(notifyError);
  useSaveKey(run);
  const shown = [...(problems ?? []), ...problemsAt(tree, editing.errors)];
  const faulty = shown.filter(({ warning }) => !warning).length;
  const way = useMemo(() => (preview ? new Set(preview.nodeIds) : undefined), [preview]);
  const leave = () => go(saved ? routeOf(document, saved.id) : document.route);
  const opened = standingOf(tree, designer.opened);
  const condition = String(editing.values.condition ?? "");
  const forms = useMemo(() => formsAsked(condition), [condition]);
  const draft: Content = { tree, condition, priority: Number(editing.values.priority ?? 0) };
  return (
    <DocumentTypeContext value={String(editing.values.documentType ?? "")}>
      <FormsContext value={forms}>
      <section className={`page flow-page${opened || panel === "simulation" ? " beside-drawer" : ""}`}>
        <header className="page-head">
          <h1>{row ? t("form.edit", { title: String(editing.values.name ?? "") }) : t("list.new", { title: document.title })}</h1>
          <div className="page-tools">
            <Popconfirm title={t("flow.leaveUnsaved")} okText={t("flow.leave")} cancelText={t("action.cancel")} disabled={!editing.dirty} onConfirm={leave}>
              <Button type="text" onClick={editing.dirty ? undefined : leave}>{t("action.close")}</Button>
            </Popconfirm>
            <Button type="primary" disabled={Boolean(editing.conflict)} loading={editing.saving} onClick={run}>{t("flow.save")}</Button>
            {saved?.allowedActions?.includes("publish") && <Button disabled={editing.dirty || faulty > 0} onClick={() => setPanel("publish")}>{methodOf(document, "publish")?.label}</Button>}
          </div>
        </header>
        <EditingNotes document={document} editing={editing} />
        <AboutFlow document={document} editing={editing} types={Object.values(meta.documents).filter(({ facts }) => facts).map(({ key, title }) => ({ value: key, label: title }))} isNew={!row} />
        <section className="card" aria-label={fieldOf(document, "tree")?.label}>
          <FlowToolbar designer={designer}>
            <span className="flow-panels">
              <Button icon={<ExperimentOutlined />} disabled={!saved} title={saved ? undefined : t("flow.saveFirst")} onClick={() => setPanel("simulation")}>{t("flow.simulation")}</Button>
              <Button icon={<HistoryOutlined />} disabled={versions.length === 0} onClick={() => setPanel("versions")}>{t("flow.versions")}</Button>
            </span>
          </FlowToolbar>
          {problems && <CheckNote problems={shown} tree={tree} faulty={faulty} onGo={designer.setWanted} />}
          {preview && <Alert className="note" type="info" showIcon title={t("flow.wayShown")} closable={{ onClose: () => setPreview(undefined), "aria-label": t("flow.clearWay") }} />}
          <p className="quiet flow-keys">{t("flow.keys")}</p>
          <FlowTree tree={tree} problems={shown} way={way} designer={designer} />
          <TreeText tree={tree} onChange={designer.replace} />
        </section>
        <NodeDrawer
          standing={opened} problems={shown.filter(({ nodeId }) => nodeId === designer.opened)} onChange={designer.change}
          onClose={() => {
            designer.setOpened(undefined);
            designer.setWanted(designer.active);
          }}
          onClosed={() => {
            // what the drawer took along with it
            if (globalThis.document.activeElement === globalThis.document.body) designer.setWanted(designer.active);
          }}
        />
        {saved && (
          <Simulation
            document={document} flow={saved} tree={tree} open={panel === "simulation"} onClose={() => setPanel(undefined)}
            onDone={(answer, wrong) => {
              setPreview(answer);
              if (wrong.length > 0) setFound(wrong);
            }}
          />
        )}
        <Drawer open={panel === "versions"} title={t("flow.versions")} size={720} onClose={() => setPanel(undefined)} destroyOnHidden closable={{ "aria-label": t("action.close") }}>
          <Versions document={document} versions={versions} draft={draft} onRestore={restore} />
        </Drawer>
        {panel === "publish" && saved && (
          <PublishDialog document={document} flow={saved} onClose={() => setPanel(undefined)} onDone={() => go(routeOf(document, saved.id))} />
        )}
      </section>
      </FormsContext>
    </DocumentTypeContext>
  );
}

/** Take a version into the draft that the address asks for, once it is there. */
function useRestored(versions: Version[], restore: (version: Version) => void): void {
  const [params, setParams] = useSearchParams();
  const wanted = params.get("restore");
  const version = versions.find((one) => String(one.version) === wanted);
  const latest = useRef(restore);
  latest.current = restore;
  useEffect(() => {
    if (!version) return;
    latest.current(version);
    setParams((before) => {
      before.delete("restore");
      return before;
    }, { replace: true });
  }, [version, setParams]);
}

function useLeaveWarning(dirty: boolean): void {
  useEffect(() => {
    if (!dirty) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [dirty]);
}

function AboutFlow({ document, editing, types, isNew }: { document: DocumentMeta; editing: ReturnType<typeof useEditing>; types: { value: string; label: string }[]; isNew: boolean }) {
  const id = useId();
  const typeField = fieldOf(document, "documentType")!;
  const fields = editing.fields.filter(({ name }) => name !== "tree" && name !== "documentType" && name !== "condition");
  return (
    <Form layout="vertical" component="div" className="card">
      {!editing.saved && (
        <Form.Item label={typeField.label} htmlFor={id} required>
          <Select id={id} className="service-choice" value={String(editing.values.documentType)} options={types} onChange={(key: string) => editing.set("documentType", key)} />
        </Form.Item>
      )}
      <FieldsForm fields={fields} values={editing.values} onChange={editing.set} errors={editing.errors} autoFocus={isNew} />
      <ConditionForm label={fieldOf(document, "condition")!.label} value={String(editing.values.condition ?? "")} error={editing.errors.condition} onChange={(text) => editing.set("condition", text)} />
    </Form>
  );
}

/** What the check found: how much, and what belongs to no card. */
function CheckNote({ problems, tree, faulty, onGo }: { problems: FlowProblem[]; tree: FlowNode; faulty: number; onGo: (id: string) => void }) {
  const { t } = useTranslation();
  const lost = problems.filter(({ nodeId }) => !standingOf(tree, nodeId)?.above);
  const at = problems.find(({ nodeId, warning }) => !warning && standingOf(tree, nodeId)?.above);
  if (faulty === 0 && lost.length === 0) return <Alert className="note" type="success" showIcon title={t("flow.sound")} />;
  return (
    <Alert
      className="note" type={faulty > 0 ? "error" : "warning"} showIcon title={t("flow.problems", { count: faulty })}
      description={lost.length > 0 ? <ul className="plain-list">{lost.map(({ path, message, reason }) => <li key={path + reason}>{message || reason}</li>)}</ul> : undefined}
      action={at && <Button size="small" onClick={() => onGo(at.nodeId)}>{t("flow.showFirst")}</Button>}
    />
  );
}

/** The tree as its JSON, for whoever keeps flows as text. */
function TreeText({ tree, onChange }: { tree: FlowNode; onChange: (tree: FlowNode) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const [written, setWritten] = useState<string>();
  const problem = written === undefined ? undefined : parseTree(written).problem;
  return (
    <details className="flow-json">
      <summary>{t("flow.json")}</summary>
      <Form.Item label={t("flow.json")} htmlFor={id} layout="vertical" validateStatus={problem ? "error" : undefined} help={problem && <span role="alert">{t("flow.notJson", { problem })}</span>}>
        <Input.TextArea
          id={id} value={written ?? treeText(tree)} className="code-input tall" spellCheck={false} rows={14}
          onChange={({ target }) => {
            setWritten(target.value);
            const read = parseTree(target.value).tree;
            if (read) onChange(asSequence(read));
          }}
          onBlur={() => !problem && setWritten(undefined)}
        />
      </Form.Item>
    </details>
  );
}
