import { Form, Modal, Radio } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";
import { useAction } from "@/api/documents";
import { notifyError, notifySuccess } from "@/app/notify";
import { enumValues, fieldOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { ReferencePicker } from "./ReferencePicker";
import type { SavedView } from "./savedViews";
import { useFresh } from "./useFresh";

/** With whom a view is shared: the company, a role in it, a department with those below, or nobody. */
export function ShareDialog({ saved, view: opened, onClose }: { saved: DocumentMeta; view: SavedView; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const id = useId();
  const fresh = useFresh(saved, opened);
  const view = fresh.record;
  const [chosen, setChosen] = useState<Partial<Pick<SavedView, "sharing" | "sharedRoleId" | "sharedDepartmentId">>>({});
  const { sharing, sharedRoleId: roleId, sharedDepartmentId: departmentId } = { ...view, ...chosen };
  const share = useAction(saved, true);
  const able = (sharing !== "ROLE" || roleId) && (sharing !== "DEPARTMENT" || departmentId);
  const run = () =>
    fresh.send(async () => {
      await share.mutateAsync({ action: "share", id: view.id, body: { etag: view.etag, sharing, roleId, departmentId } });
      notifySuccess(sharing === "PRIVATE" ? t("views.notShared", { name: view.name }) : t("views.shared", { name: view.name }));
      onClose();
    }).catch(notifyError);
  return (
    <Modal open title={t("views.share")} onCancel={onClose} onOk={() => void run()} okText={t("action.save")} cancelText={t("action.cancel")} okButtonProps={{ disabled: !able, loading: share.isPending }}>
      <p className="consequence">{t("views.shareWhat")}</p>
      {fresh.note}
      <Form layout="vertical" component="div">
        <Radio.Group
          className="sharing" aria-label={fieldOf(saved, "sharing")?.label} value={sharing} onChange={({ target }) => setChosen({ ...chosen, sharing: String(target.value) })}
          options={enumValues(meta, fieldOf(saved, "sharing")?.enum).map(({ name, label }) => ({ value: name, label }))}
        />
        {sharing === "ROLE" && (
          <Form.Item label={fieldOf(saved, "sharedRoleId")?.label} htmlFor={id} required>
            <ReferencePicker id={id} document="identity.role" value={roleId} onChange={(key) => setChosen({ ...chosen, sharedRoleId: key ?? "" })} />
          </Form.Item>
        )}
        {sharing === "DEPARTMENT" && (
          <Form.Item label={fieldOf(saved, "sharedDepartmentId")?.label} htmlFor={id} required>
            <ReferencePicker id={id} document="identity.department" value={departmentId} onChange={(key) => setChosen({ ...chosen, sharedDepartmentId: key ?? "" })} />
          </Form.Item>
        )}
      </Form>
    </Modal>
  );
}
