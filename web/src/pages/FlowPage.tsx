import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { routeOf, useGo } from "@/app/links";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import type { Content } from "@/flow/Differences";
import { FlowTree } from "@/flow/FlowTree";
import { PublishDialog } from "@/flow/PublishDialog";
import { Versions, useVersions } from "@/flow/Versions";
import { DocumentTypeContext } from "@/flow/fields";
import { FlowDownload } from "./flowExport/FlowDownload";
import { RuleFigures } from "./RuleFigures";
import { CompareFlowDialog, MigrateFlowDialog } from "./FlowVersionsWork";

/** A flow: its draft as it is drawn, what was published before, and what a new version means for approvals. */
export default function FlowPage({ document }: { document: DocumentMeta }) {
  const [asking, setAsking] = useState<{ what: "publish" | "compare" | "migrate"; flow: Row }>();
  const close = () => setAsking(undefined);
  return (
    <>
      <GenericDetail
        document={document} without={["tree"]} own={(row) => ({ publish: () => setAsking({ what: "publish", flow: row }) })}
        tools={(row) => (
          <>
            <FlowDownload document={document} id={row.id} />
            {Number(row.publishedVersion) > 0 && methodOf(document, "compare") && <Button onClick={() => setAsking({ what: "compare", flow: row })}>{methodOf(document, "compare")!.label}</Button>}
            {Number(row.publishedVersion) > 1 && methodOf(document, "previewMigration") && <Button onClick={() => setAsking({ what: "migrate", flow: row })}>{methodOf(document, "previewMigration")!.label}</Button>}
          </>
        )}
        more={(row) => <Drawn document={document} row={row} />}
      />
      {asking?.what === "publish" && (
        <DocumentTypeContext value={String(asking.flow.documentType)}>
          <PublishDialog document={document} flow={asking.flow} onClose={close} onDone={close} />
        </DocumentTypeContext>
      )}
      {asking?.what === "compare" && <CompareFlowDialog document={document} flow={asking.flow} onClose={close} />}
      {asking?.what === "migrate" && <MigrateFlowDialog document={document} flow={asking.flow} onClose={close} />}
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
      {Boolean(row.automated) && <RuleFigures flow={row.id} off={Boolean(row.automaticOff)} />}
      {versions.length > 0 && (
        <section className="card" aria-label={t("flow.versions")}>
          <h2>{t("flow.versions")}</h2>
          <Versions document={document} versions={versions} draft={content} tools={({ version }) => <FlowDownload document={document} id={row.id} version={version} size="small" />} onRestore={({ version }) => go(`${routeOf(document, row.id)}/edit?restore=${version}`)} />
        </section>
      )}
    </DocumentTypeContext>
  );
}
