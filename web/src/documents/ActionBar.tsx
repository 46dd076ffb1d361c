import { MoreOutlined } from "@ant-design/icons";
import { Alert, Button, Dropdown, Form, Modal } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { violationsByField } from "@/api/errors";
import { notifyOnce, notifySuccess, sentenceOf } from "@/app/notify";
import { routeOf, useGo } from "@/app/links";
import { membersOf, methodOf, type DocumentMeta, type Field, type Method, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { FieldsForm } from "./FieldsForm";
import { FieldValue } from "./FieldValue";
import { withoutErrors, type Values } from "./formValues";

/** The step that is most often next comes first and is the primary one. */
const LIKELY = ["submit", "release", "confirm", "publish", "approve", "qualify", "reinstate", "activate", "enable", "retry"];
const SHOWN_BUTTONS = 4;

export interface OfferedAction {
  name: string;
  method: Method;
  label: string;
}

export function offeredActions(document: DocumentMeta, allowed: string[] | undefined): OfferedAction[] {
  const found = (allowed ?? []).flatMap((name) => {
    const method = methodOf(document, name);
    return method && !method.read && !method.collection ? [{ name, method, label: method.label ?? name }] : [];
  });
  const rank = ({ name, method }: OfferedAction) => (LIKELY.includes(name) ? 0 : name === "update" ? 1 : method.confirm ? 3 : 2);
  return found.toSorted((a, b) => rank(a) - rank(b));
}

/** A row as if only some of what it allows were allowed. */
export function withActions(row: Row, kept: (name: string) => boolean): Row {
  return { ...row, allowedActions: row.allowedActions?.filter(kept) };
}

/** What a dialog asks for; whom the requester chooses is asked in one of its own. */
export function askedFields(method: Method): Field[] {
  return (method.requestFields ?? []).filter(({ name, readOnly, message }) => name !== "id" && name !== "etag" && !readOnly && !message?.endsWith("ApprovalChoice"));
}

interface Props {
  document: DocumentMeta;
  row: Row;
  /** Actions with a page of their own, by name. */
  own?: Record<string, () => void>;
  /** Where to go after an action; nowhere: stay, or the record that was made. */
  next?: (action: string, answer: Row) => string | undefined;
  before?: () => Promise<Row | undefined>;
}

/** What the caller may do now, as the server says. */
export function ActionBar({ document, row, own = {}, next, before }: Props) {
  const { t } = useTranslation();
  const go = useGo();
  const action = useAction(document);
  const [asking, setAsking] = useState<OfferedAction>();
  const [answer, setAnswer] = useState<Values>();
  const offered = offeredActions(document, row.allowedActions);
  const done = (name: string, result: Row, label: string) => {
    setAsking(undefined);
    if (!result?.id && name !== "delete") return setAnswer(result);
    notifySuccess(t("action.done", { action: label }));
    notifyOnce(document, result);
    const there = next?.(name, result);
    if (there) go(there);
    else if (name === "delete") go(document.route);
    else if (result.id !== row.id) go(routeOf(document, result.id));
  };
  const start = async (one: OfferedAction) => {
    if (own[one.name]) return own[one.name]();
    if (one.name === "update") return go(`${routeOf(document, row.id)}/edit`);
    if (one.method.confirm || askedFields(one.method).length > 0) return setAsking(one);
    const saved = (await before?.()) ?? row;
    const body = saved.etag ? { etag: saved.etag } : {};
    action.mutate({ action: one.name, id: saved.id, body }, { onSuccess: (result) => done(one.name, result, one.label) });
  };
  const [shown, folded] = [offered.slice(0, SHOWN_BUTTONS), offered.slice(SHOWN_BUTTONS)];
  return (
    <div className="action-bar">
      {shown.map((one, index) => (
        <Button
          key={one.name} type={index === 0 && !one.method.confirm ? "primary" : "default"} danger={Boolean(one.method.confirm) && one.name !== "submit" && one.name !== "release"}
          loading={action.isPending && action.variables.action === one.name} onClick={() => void start(one)} data-action={one.name}
        >
          {one.label}
        </Button>
      ))}
      {folded.length > 0 && (
        <Dropdown trigger={["click"]} menu={{ items: folded.map((one) => ({ key: one.name, label: one.label, danger: Boolean(one.method.confirm), onClick: () => void start(one) })) }}>
          <Button icon={<MoreOutlined />} aria-label={t("action.more")} />
        </Dropdown>
      )}
      {asking && <ActionDialog document={document} row={row} action={asking} before={before} onClose={() => setAsking(undefined)} onDone={(result) => done(asking.name, result, asking.label)} />}
      {answer && <AnswerDialog document={document} answer={answer} onClose={() => setAnswer(undefined)} />}
    </div>
  );
}

interface DialogProps {
  document: DocumentMeta;
  row: Row;
  action: OfferedAction;
  before?: () => Promise<Row | undefined>;
  onClose: () => void;
  onDone: (answer: Row) => void;
}

/** Say the consequence, ask what the method wants to know, show a refusal where it belongs. */
export function ActionDialog({ document, row, action, before, onClose, onDone }: DialogProps) {
  const { t } = useTranslation();
  const [values, setValues] = useState<Values>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const run = useAction(document, true);
  const fields = askedFields(action.method);
  const submit = async () => {
    const saved = (await before?.()) ?? row;
    run.mutate(
      { action: action.name, id: saved.id, body: { ...values, ...(saved.etag ? { etag: saved.etag } : {}) } },
      { onSuccess: onDone, onError: (error) => setErrors(violationsByField(error)) },
    );
  };
  const refused = run.error ? sentenceOf(run.error) : undefined;
  return (
    <Modal
      open title={action.label} onCancel={onClose} onOk={() => void submit()} okText={action.label} cancelText={t("action.cancel")} confirmLoading={run.isPending}
      okButtonProps={{ danger: Boolean(action.method.confirm) }} destroyOnHidden
    >
      <Form layout="vertical" component="div">
        {action.method.confirm && <p className="consequence">{action.method.confirm}</p>}
        {refused && <Alert type="error" showIcon title={refused.title} description={Object.keys(errors).length > 0 ? undefined : refused.description} className="in-dialog" />}
        <FieldsForm
          fields={fields} values={values} errors={errors} single autoFocus
          onChange={(name, value) => {
            setValues({ ...values, [name]: value });
            setErrors(withoutErrors(errors, name));
          }}
        />
      </Form>
    </Modal>
  );
}

/** What a method answered that is not the record itself. */
function AnswerDialog({ document, answer, onClose }: { document: DocumentMeta; answer: Values; onClose: () => void }) {
  const meta = useMeta();
  const { t } = useTranslation();
  return (
    <Modal open title={document.title} onCancel={onClose} onOk={onClose} cancelButtonProps={{ className: "gone" }} okText={t("action.close")}>
      {Object.entries(answer).map(([name, value]) => {
        const field = document.fields.find((one) => one.name === name);
        const members = membersOf(meta, field?.message).filter((one) => one.name !== "id");
        return (Array.isArray(value) ? (value as Values[]) : []).map((member, index) => (
          <dl key={`${name}${index}`} className="facts">
            {members.map((one) => (
              <div key={one.name}>
                <dt>{one.label}</dt>
                <dd><FieldValue field={one} value={member[one.name]} /></dd>
              </div>
            ))}
          </dl>
        ));
      })}
    </Modal>
  );
}
