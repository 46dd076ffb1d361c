import { fieldOf, type DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { PermissionEditor } from "./PermissionEditor";

export default function RolePage({ document }: { document: DocumentMeta }) {
  return (
    <GenericDetail
      document={document} without={["permissions"]}
      more={(row) => (
        <section className="card">
          <h2>{fieldOf(document, "permissions")?.label}</h2>
          <PermissionEditor value={(row.permissions as string[] | undefined) ?? []} />
        </section>
      )}
    />
  );
}
