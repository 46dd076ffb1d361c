import type { DocumentMeta } from "@/contract/meta";
import GenericList from "@/documents/GenericList";
import { Violations } from "./Violations";

/** The pairs of separated duties, and everybody who holds both duties of one. */
export default function DutyConflicts({ document }: { document: DocumentMeta }) {
  return (
    <>
      <GenericList document={document} />
      <div className="page"><Violations /></div>
    </>
  );
}
