import type { DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { Dated } from "./Dated";

/** A department: what it is and was, who heads it and did, who belongs to it. */
export default function DepartmentPage({ document }: { document: DocumentMeta }) {
  return (
    <GenericDetail
      document={document}
      more={(row) => (
        <>
          <Dated of="identity.headship" by="departmentId" id={row.id} without="departmentId" />
          <Dated of="identity.placement" by="departmentId" id={row.id} without="departmentId" />
        </>
      )}
    />
  );
}
