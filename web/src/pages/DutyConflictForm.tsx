import { Form } from "antd";
import { useTranslation } from "react-i18next";
import { fieldOf, type DocumentMeta } from "@/contract/meta";
import { FieldsForm } from "@/documents/FieldsForm";
import GenericForm from "@/documents/GenericForm";
import type { Editing } from "@/documents/useEditing";
import { PermissionsSelect } from "./PermissionSelect";

export const SIDES = ["first", "second"] as const;
export const OF_DUTIES = SIDES.flatMap((side) => [`${side}Duty`, `${side}Permissions`, `${side}RoleIds`]);

/** A pair of duties: what it is, then each duty with the permissions and roles that make it. */
export default function DutyConflictForm({ document }: { document: DocumentMeta }) {
  return <GenericForm document={document} without={OF_DUTIES} extra={(editing) => SIDES.map((side) => <Duty key={side} document={document} side={side} editing={editing} />)} />;
}

function Duty({ document, side, editing: { values, set, errors } }: { document: DocumentMeta; side: string; editing: Editing }) {
  const { t } = useTranslation();
  const name = `${side}Permissions`;
  const label = fieldOf(document, name)?.label ?? name;
  const error = Object.entries(errors).find(([path]) => path === name || path.startsWith(`${name}[`))?.[1];
  const roleError = Object.entries(errors).find(([path]) => path.startsWith(`${side}RoleIds[`))?.[1];
  const fields = [`${side}Duty`, `${side}RoleIds`].flatMap((one) => fieldOf(document, one) ?? []);
  return (
    <section>
      <h2 className="section-title">{fieldOf(document, `${side}Duty`)?.label}</h2>
      <FieldsForm fields={fields} values={values} onChange={set} errors={roleError ? { ...errors, [`${side}RoleIds`]: roleError } : errors} />
      <Form.Item label={label} htmlFor={name} layout="vertical" validateStatus={error ? "error" : undefined} help={error ? <span role="alert">{error}</span> : t("duty.any")}>
        <PermissionsSelect id={name} label={label} value={(values[name] as string[] | undefined) ?? []} onChange={(permissions) => set(name, permissions)} invalid={Boolean(error)} />
      </Form.Item>
    </section>
  );
}
