import { fieldOf, type DocumentMeta } from "@/contract/meta";
import GenericForm from "@/documents/GenericForm";
import { PermissionEditor } from "./PermissionEditor";

/** A role or an API key: its name, and what it may do. What it reaches is decided where it is granted. */
export default function RoleForm({ document }: { document: DocumentMeta }) {
  return (
    <GenericForm
      document={document} without={["permissions"]}
      extra={({ values, set, errors }) => (
        <section aria-label={fieldOf(document, "permissions")?.label}>
          <h2 className="section-title">{fieldOf(document, "permissions")?.label}</h2>
          {errors.permissions && <p className="field-error" role="alert">{errors.permissions}</p>}
          <PermissionEditor value={(values.permissions as string[] | undefined) ?? []} onChange={(permissions) => set("permissions", permissions)} spelled={document.key === "identity.api_key"} />
        </section>
      )}
    />
  );
}
