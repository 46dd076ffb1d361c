import { useCan } from "@/api/me";
import { methodOf, type DocumentMeta } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { EmployeeAccess } from "./EmployeeAccess";
import { ACCOUNT_ACTIONS, EmployeeAccount } from "./EmployeeAccount";
import { Dated } from "./Dated";
import { Violations } from "./Violations";

/** An employee: who it is, where they stand and stood, which separated duties are in this hand, and what the person may do, and why. */
export default function EmployeePage({ document }: { document: DocumentMeta }) {
  const helps = useCan()(methodOf(document, "inspectAccount"));
  return (
    <GenericDetail
      document={document} apart={helps ? ACCOUNT_ACTIONS : undefined}
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
