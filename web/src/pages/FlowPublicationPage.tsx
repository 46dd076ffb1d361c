import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useCan } from "@/api/me";
import { routeOf, useGo } from "@/app/links";
import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { Differences, type Content } from "@/flow/Differences";
import { FlowTree } from "@/flow/FlowTree";
import type { Version } from "@/flow/Versions";
import { DocumentTypeContext } from "@/flow/fields";

/** A flow that is to be published: what changes, who asks and why, the whole flow, and the owner's answer. */
export default function FlowPublicationPage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} without={["tree", "before", "documentType", "flowDefinitionId", "publishedVersion"]} tools={(row) => <ToFlow row={row} />} more={(row) => <Asked document={document} row={row} />} />;
}

/** The flow itself, where it can be simulated and compared with earlier requests. */
function ToFlow({ row }: { row: Row }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const flows = useDocumentMeta("approval.flow_definition");
  const id = String(row.flowDefinitionId);
  return (
    <>
      {can(flows.methods.get) && <Button onClick={() => go(routeOf(flows, id))}>{flows.title}</Button>}
      {can(flows.methods.update) && <Button onClick={() => go(`${routeOf(flows, id)}/edit`)}>{t("flow.simulation")}</Button>}
    </>
  );
}

function Asked({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const content = row as unknown as Content;
  const before = row.before as Version | null;
  return (
    <DocumentTypeContext value={String(row.documentType)}>
      {before && before.version > 0 && (
        <section className="card" aria-label={t("flow.differences")}>
          <h2>{t("flow.sinceVersion", { version: before.version })}</h2>
          <Differences document={document} before={before} after={content} />
        </section>
      )}
      <section className="card">
        <h2>{fieldOf(document, "tree")?.label}</h2>
        <FlowTree tree={content.tree} />
      </section>
    </DocumentTypeContext>
  );
}
