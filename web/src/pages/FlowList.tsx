import type { DocumentMeta } from "@/contract/meta";
import GenericList from "@/documents/GenericList";
import { FlowImport } from "./flowExport/FlowImport";

/** Flows, and a way in for those that come as files. */
export default function FlowList({ document }: { document: DocumentMeta }) {
  return <GenericList document={document} tools={<FlowImport document={document} />} />;
}
