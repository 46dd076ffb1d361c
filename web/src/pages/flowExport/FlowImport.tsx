import { ImportOutlined } from "@ant-design/icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Form, Input, Modal } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { remember } from "@/api/documents";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { routeOf, useGo } from "@/app/links";
import { notifySuccess, sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import type { FlowProblem } from "@/flow/tree";

interface Outcome {
  flowDefinitionId: string;
  code: string;
  name: string;
  documentType: string;
  problems: FlowProblem[];
}

/** A new draft out of a flow's file. The file is checked as soon as it is chosen; nothing is saved before that is confirmed. */
export function FlowImport({ document }: { document: DocumentMeta }) {
  const [open, setOpen] = useState(false);
  const method = methodOf(document, "import");
  const can = useCan();
  if (!method || !can(method)) return null;
  return (
    <>
      <Button icon={<ImportOutlined />} onClick={() => setOpen(true)}>{method.label}</Button>
      {open && <ImportDialog document={document} onClose={() => setOpen(false)} />}
    </>
  );
}

function ImportDialog({ document, onClose }: { document: DocumentMeta; onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const client = useQueryClient();
  const method = methodOf(document, "import")!;
  const [content, setContent] = useState("");
  const [code, setCode] = useState("");
  const [name, setName] = useState("");
  const label = (field: string) => method.requestFields?.find((one) => one.name === field)?.label;
  const ids = { file: useId(), code: useId(), name: useId() };
  const run = useMutation({
    mutationFn: (body: { content: string; code: string; name: string; dryRun: boolean }) => call<Outcome>(method.verb, method.path, { body }),
    meta: { shown: true },
    onSuccess: (made, { dryRun }) => {
      setCode(made.code);
      setName(made.name);
      if (dryRun) return;
      remember(client, document, undefined);
      notifySuccess(t("action.done", { action: method.label }));
      onClose();
      go(routeOf(document, made.flowDefinitionId));
    },
  });
  const check = (text: string) => {
    setContent(text);
    run.mutate({ content: text, code: "", name: "", dryRun: true });
  };
  const problems = run.data?.problems ?? [];
  const refused = run.error && sentenceOf(run.error);
  return (
    <Modal
      open title={method.label} onCancel={onClose} cancelText={t("action.cancel")} okText={method.label} confirmLoading={run.isPending}
      okButtonProps={{ disabled: content === "" }} onOk={() => run.mutate({ content, code, name, dryRun: false })}
    >
      <Form layout="vertical" component="div">
        <Form.Item label={t("flow.file")} htmlFor={ids.file} extra={t("flow.fileHint")}>
          <input id={ids.file} type="file" accept=".json,.bpmn,.xml" onChange={({ target }) => void target.files?.[0]?.text().then(check)} />
        </Form.Item>
        {content !== "" && (
          <>
            <Form.Item label={label("code")} htmlFor={ids.code}>
              <Input id={ids.code} value={code} maxLength={40} onChange={({ target }) => setCode(target.value)} />
            </Form.Item>
            <Form.Item label={label("name")} htmlFor={ids.name}>
              <Input id={ids.name} value={name} maxLength={100} onChange={({ target }) => setName(target.value)} />
            </Form.Item>
          </>
        )}
      </Form>
      {refused && <Alert type="error" showIcon title={refused.title} description={refused.description} />}
      {run.isSuccess && problems.length === 0 && <Alert type="success" showIcon title={t("flow.sound")} />}
      {problems.length > 0 && (
        <Alert
          type="warning" showIcon title={t("flow.importProblems", { count: problems.length })}
          description={<ul>{problems.map(({ path, reason, message }) => <li key={path + reason}>{message || reason}</li>)}</ul>}
        />
      )}
    </Modal>
  );
}
