import { CopyOutlined } from "@ant-design/icons";
import { useQuery } from "@tanstack/react-query";
import { Button, Modal, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { useSave } from "@/api/documents";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { AppLink, routeOf, useGo } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import type { RoleTemplate } from "@/contract/types";
import GenericList from "@/documents/GenericList";

/** The roles, and those for the posts of a factory that can be taken over. */
export default function Roles({ document }: { document: DocumentMeta }) {
  const can = useCan();
  return <GenericList document={document} tools={can(document.methods.create) && <FromTemplate document={document} />} />;
}

function FromTemplate({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const [open, setOpen] = useState(false);
  const method = methodOf(document, "listTemplates")!;
  const { data, error } = useQuery({
    queryKey: [document.key, "listTemplates", context.company, context.locale],
    queryFn: ({ signal }) => call<{ templates: RoleTemplate[] }>("GET", method.path, { signal }),
    enabled: open,
  });
  const save = useSave(document, true);
  const take = ({ code, name, description, permissions }: RoleTemplate) =>
    save.mutate({ row: {}, values: { code, name, description, permissions } }, { onSuccess: (row) => go(routeOf(document, row.id)) });
  const problem = error ?? save.error;
  return (
    <>
      <Button icon={<CopyOutlined />} onClick={() => { save.reset(); setOpen(true); }}>{t("role.fromTemplate")}</Button>
      <Modal open={open} title={t("role.fromTemplate")} onCancel={() => setOpen(false)} footer={null}>
        <p>{t("role.templateHelp")}</p>
        {problem && <p className="field-error" role="alert">{sentenceOf(problem).title}</p>}
        {!data ? !error && <Skeleton active title={false} /> : (
          <ul className="templates">
            {data.templates.map((one) => (
              <li key={one.code}>
                <div>
                  <h3>{one.name} <small className="quiet">{t("role.permissionCount", { count: one.permissions.length })}</small></h3>
                  <p className="quiet">{one.description}</p>
                </div>
                {one.roleId
                  ? <AppLink to={routeOf(document, one.roleId)} onClick={() => setOpen(false)}>{t("role.thereAlready")}</AppLink>
                  : <Button aria-label={t("role.takeOverNamed", { name: one.name })} loading={save.isPending && save.variables.values.code === one.code} disabled={save.isPending} onClick={() => take(one)}>{t("role.takeOver")}</Button>}
              </li>
            ))}
          </ul>
        )}
      </Modal>
    </>
  );
}
