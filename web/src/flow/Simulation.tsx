import { Alert, AutoComplete, Button, Drawer, Form, Input, InputNumber, Segmented, Select } from "antd";
import { useMutation } from "@tanstack/react-query";
import { useContext, useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { fetchDocument, fetchList } from "@/api/documents";
import { violationsByField } from "@/api/errors";
import { call, fillPath } from "@/api/http";
import { useMe } from "@/api/me";
import { sentenceOf } from "@/app/notify";
import { customFacts } from "@/contract/customFields";
import { tidyNumber } from "@/contract/decimal";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import type { ApprovalPreview } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { refusalText } from "@/contract/format";
import { Moment, StepText } from "@/documents/CaseTimeline";
import { ReferencePicker, ReferencesPicker } from "@/documents/ReferencePicker";
import { ConditionWords } from "./Words";
import { DocumentTypeContext, fieldNamed, useConditionFields, type ConditionField } from "./fields";
import { factsUsed, nodeAt, standingOf, type FlowNode, type FlowProblem } from "./tree";

interface Props {
  document: DocumentMeta;
  flow: Row;
  tree: FlowNode;
  open: boolean;
  onClose: () => void;
  /** The way that was found, or what keeps the tree from being tried. */
  onDone: (preview: ApprovalPreview | undefined, problems: FlowProblem[]) => void;
}

interface Imagined {
  requesterId: string;
  departmentId: string;
  amount: string;
  currency: string;
  facts: Record<string, unknown>;
}

class NothingFound extends Error {}

/** Who would be asked for an imagined document, or for one that was sent before. The tree as it stands is tried; nothing is opened. */
export function Simulation({ document, flow, tree, open, onClose, onDone }: Props) {
  const { t } = useTranslation();
  const me = useMe();
  const meta = useMeta();
  const cases = useDocumentMeta("approval.case");
  const documentType = useContext(DocumentTypeContext);
  const fields = useConditionFields();
  const currency = me.companies.find(({ id }) => id === me.companyId)?.baseCurrency ?? "CNY";
  const [how, setHow] = useState<"imagined" | "real">("imagined");
  const [number, setNumber] = useState("");
  const [said, setSaid] = useState<Imagined>({ requesterId: me.employee.id, departmentId: me.employee.departmentId, amount: "10000", currency, facts: {} });
  const put = (changes: Partial<Imagined>) => setSaid({ ...said, ...changes });
  const ids = { number: useId(), requester: useId(), department: useId(), amount: useId(), currency: useId() };
  const run = useMutation({
    mutationFn: async () => {
      const approval = how === "real" ? await sent() : said;
      return call<ApprovalPreview>("POST", fillPath(methodOf(document, "try")!.path, { id: flow.id }), {
        body: { tree, approval: { documentType, companyId: me.companyId, title: String(flow.name), submission: 1, ...approval } },
      });
    },
    meta: { shown: true },
    onSuccess: (preview) => onDone(preview, []),
    onError: (error) => onDone(undefined, problemsAt(tree, violationsByField(error))),
  });
  /** What the newest case of a document says of it. */
  const sent = async (): Promise<Imagined> => {
    const { rows } = await fetchList(cases, { filter: `document_number = "${number.trim().replace(/["\\]/g, "")}" AND document_type = "${documentType}"`, orderBy: "create_time desc", pageSize: 1 });
    if (rows.length === 0) throw new NothingFound(t("flow.noSuchDocument", { number }));
    const [{ documentId, requesterId, departmentId, amount, currency: money, facts }] = rows as unknown as (Imagined & { documentId: string })[];
    // what was added to it is told by the document itself, to who may see it
    const added = factsUsed(tree).includes("custom_fields") ? { custom_fields: customFacts(meta, meta.documents[documentType], await fetchDocument(meta.documents[documentType], documentId)) } : {};
    return { requesterId, departmentId, amount, currency: money, facts: { ...facts, ...added } };
  };
  const refused = run.error ? (run.error instanceof NothingFound ? { title: run.error.message, description: "" } : sentenceOf(run.error)) : undefined;
  return (
    <Drawer open={open} title={t("flow.simulation")} placement="right" size={420} mask={false} onClose={onClose} className="flow-drawer" closable={{ "aria-label": t("action.close") }}>
      <Form layout="vertical" component="div">
        <Segmented<"imagined" | "real"> block className="note" value={how} onChange={setHow} options={[{ value: "imagined", label: t("flow.imagined") }, { value: "real", label: t("flow.sentBefore") }]} />
        {how === "real" ? (
          <Form.Item label={t("flow.documentNumber")} htmlFor={ids.number}><Input id={ids.number} value={number} onChange={({ target }) => setNumber(target.value)} /></Form.Item>
        ) : (
          <>
            <Form.Item label={t("flow.requester")} htmlFor={ids.requester}>
              <ReferencePicker id={ids.requester} document="identity.employee" value={said.requesterId} onChange={(requesterId, row) => put({ requesterId, ...(row ? { departmentId: String(row.departmentId) } : {}) })} />
            </Form.Item>
            <Form.Item label={t("flow.department")} htmlFor={ids.department}>
              <ReferencePicker id={ids.department} document="identity.department" value={said.departmentId} onChange={(departmentId) => put({ departmentId })} />
            </Form.Item>
            <div className="flow-pair">
              <Form.Item label={t("flow.fieldAmount")} htmlFor={ids.amount}>
                <Input id={ids.amount} value={said.amount} inputMode="decimal" className="figure-input" onChange={({ target }) => put({ amount: tidyNumber(target.value) })} />
              </Form.Item>
              <Form.Item label={t("flow.fieldCurrency")} htmlFor={ids.currency}>
                <Input id={ids.currency} value={said.currency} maxLength={3} onChange={({ target }) => put({ currency: target.value.toUpperCase() })} />
              </Form.Item>
            </div>
            {factsUsed(tree).map((name) => (
              <FactInput key={name} field={fieldNamed(fields, `facts.${name}`)} value={said.facts[name]} onChange={(value) => put({ facts: Object.fromEntries(Object.entries({ ...said.facts, [name]: value }).filter(([, one]) => one !== undefined)) })} />
            ))}
          </>
        )}
        <Button type="primary" loading={run.isPending} onClick={() => run.mutate()}>{t("flow.simulate")}</Button>
      </Form>
      {refused && <Alert className="note after" type="error" showIcon title={refused.title} description={refused.description} />}
      {run.data && <Way preview={run.data} tree={tree} />}
    </Drawer>
  );
}

/** Problems at the nodes that a refusal names. */
export function problemsAt(tree: FlowNode, errors: Record<string, string>): FlowProblem[] {
  return Object.entries(errors).filter(([path]) => path.startsWith("tree")).map(([path, message]) => ({ nodeId: nodeAt(tree, path).id ?? "", path, reason: "", facts: {}, message, warning: false }));
}

function FactInput({ field, value, onChange }: { field: ConditionField; value: unknown; onChange: (value: unknown) => void }) {
  const { t } = useTranslation();
  const id = useId();
  const texts = Array.isArray(value) ? (value as string[]) : [];
  const text = typeof value === "string" ? value : undefined;
  const written = () => {
    if (field.type === "number") return <InputNumber id={id} className="wide-input" value={value as number | undefined} onChange={(number) => onChange(number ?? undefined)} />;
    if (field.type === "bool") return <Select id={id} allowClear value={typeof value === "boolean" ? String(value) : undefined} options={[{ value: "true", label: t("value.yes") }, { value: "false", label: t("value.no") }]} onChange={(chosen?: string) => onChange(chosen === undefined ? undefined : chosen === "true")} />;
    if (field.type === "list" && field.document) return <ReferencesPicker id={id} document={field.document} value={texts} onChange={onChange} />;
    if (field.type === "list") return <Select id={id} mode="tags" value={texts} options={field.options} onChange={onChange} />;
    if (field.document) return <ReferencePicker id={id} document={field.document} value={text} onChange={(key) => onChange(key || undefined)} />;
    if (field.options) return <Select id={id} allowClear value={text} options={field.options} onChange={onChange} />;
    return <AutoComplete id={id} value={text} onChange={(typed: string) => onChange(typed || undefined)} />;
  };
  return <Form.Item label={field.label} htmlFor={id}>{written()}</Form.Item>;
}

/** The way in the order in which it is gone: which branch and why, who is asked and why. */
function Way({ preview, tree }: { preview: ApprovalPreview; tree: FlowNode }) {
  const { t } = useTranslation();
  const meta = useMeta();
  return (
    <section aria-label={t("flow.way")} className="flow-way">
      <h3 className="section-title">{t("flow.way")}</h3>
      {preview.problem && <Alert type="warning" showIcon className="note" title={t("path.problem")} description={refusalText(meta.refusals[preview.problem]?.message ?? preview.problem, preview.problemFacts)} />}
      <ol className="timeline">
        {preview.nodeIds.map((id) => {
          const standing = standingOf(tree, id);
          if (standing?.branch && standing.above!.kind === "condition") {
            return <Moment key={id} tone="quiet"><p>{standing.above!.name} → <strong>{standing.node.name}</strong></p><small>{standing.node.when ? <ConditionWords text={standing.node.when} /> : t("flow.defaultBranch")}</small></Moment>;
          }
          return preview.steps.filter(({ nodeId }) => nodeId === id).map((step, at) => <Moment key={`${id}${at}`} tone={step.kind === "copy" ? "quiet" : "ahead"}><StepText step={step} /></Moment>);
        })}
      </ol>
    </section>
  );
}
