import { useState } from "react";
import { useTranslation } from "react-i18next";
import { routeOf, useGo } from "@/app/links";
import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import type { Content } from "@/flow/Differences";
import { FlowTree } from "@/flow/FlowTree";
import { PublishDialog } from "@/flow/PublishDialog";
import { Versions, useVersions } from "@/flow/Versions";
import { DocumentTypeContext } from "@/flow/fields";

/** A flow: its draft as it is drawn, and what was published before. */
export default function FlowPage({ document }: { document: DocumentMeta }) {
  const [publishing, setPublishing] = useState<Row>();
  return (
    <>
      <GenericDetail document={document} without={["tree"]} own={(row) => ({ publish: () => setPublishing(row) })} more={(row) => <Drawn document={document} row={row} />} />
      {publishing && (
        <DocumentTypeContext value={String(publishing.documentType)}>
          <PublishDialog document={document} flow={publishing} onClose={() => setPublishing(undefined)} onDone={() => setPublishing(undefined)} />
        </DocumentTypeContext>
      )}
    </>
  );
}

function Drawn({ document, row }: { document: DocumentMeta; row: Row }) {
  const { t } = useTranslation();
  const go = useGo();
  const content = row as unknown as Content;
  const versions = useVersions(document, row.id);
  return (
    <DocumentTypeContext value={String(row.documentType)}>
      <section className="card">
        <h2>{fieldOf(document, "tree")?.label}</h2>
        {content.tree && <FlowTree tree={content.tree} />}
      </section>
      {versions.length > 0 && (
        <section className="card" aria-label={t("flow.versions")}>
          <h2>{t("flow.versions")}</h2>
          <Versions document={document} versions={versions} draft={content} onRestore={({ version }) => go(`${routeOf(document, row.id)}/edit?restore=${version}`)} />
        </section>
      )}
    </DocumentTypeContext>
  );
}
