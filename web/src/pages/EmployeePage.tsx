import type { DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { EmployeeAccess } from "./EmployeeAccess";
import { EmployeeAccount } from "./EmployeeAccount";
import { Dated } from "./Dated";
import { Violations } from "./Violations";

/** An employee: who it is, where they stand and stood, which separated duties are in this hand, and what the person may do, and why. */
export default function EmployeePage({ document }: { document: DocumentMeta }) {
  return (
    <GenericDetail
      document={document}
      more={(row) => (
        <>
          <Dated of="identity.placement" by="employeeId" id={row.id} without="employeeId" />
          <Violations employeeId={row.id} />
          <EmployeeAccount document={document} row={row} />
          <EmployeeAccess document={document} id={row.id} />
        </>
      )}
    />
  );
}
