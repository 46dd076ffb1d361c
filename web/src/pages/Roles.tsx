import { useTranslation } from "react-i18next";
import { useCan } from "@/api/me";
import type { DocumentMeta } from "@/contract/meta";
import type { RoleTemplate } from "@/contract/types";
import { FromTemplate } from "@/documents/FromTemplate";
import GenericList from "@/documents/GenericList";

/** The roles, and those for the posts of a factory that can be taken over. */
export default function Roles({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const can = useCan();
  const offer = ({ roleId, ...values }: RoleTemplate) => (
    { name: values.name, note: t("role.permissionCount", { count: values.permissions.length }), description: values.description, thereId: roleId, values }
  );
  return <GenericList document={document} tools={can(document.methods.create) && <FromTemplate document={document} help={t("role.templateHelp")} offer={offer} />} />;
}
