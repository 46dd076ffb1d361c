import { ExperimentOutlined } from "@ant-design/icons";
import { Button, Collapse } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { timeText } from "@/contract/format";
import { fieldOf, methodOf, type DocumentMeta, type Row } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { Reference } from "@/documents/Reference";
import { FlowDownload } from "./flowExport/FlowDownload";
import { FlowOutline } from "./FlowOutline";
import { CompareFlowDialog, MigrateFlowDialog } from "./FlowVersionsWork";
import { TryFlowDialog } from "./TryFlowDialog";
import type { FlowNode } from "./flowTree";

interface Version {
  version: number;
  tree: FlowNode;
  publishedById: string;
  publishTime: string;
  note: string;
  runningCases: number;
}

/** A flow: its draft as an outline, what was published before, and a try with an imagined document. */
export default function FlowPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const [trying, setTrying] = useState<Row>();
  const [comparing, setComparing] = useState<Row>();
  const [migrating, setMigrating] = useState<Row>();
  return (
    <>
      <GenericDetail
        document={document} without={["tree"]}
        tools={(row) => (
          <>
            <FlowDownload document={document} id={row.id} />
            <Button icon={<ExperimentOutlined />} onClick={() => setTrying(row)}>{t("flow.try")}</Button>
            {Number(row.publishedVersion) > 0 && methodOf(document, "compare") && <Button onClick={() => setComparing(row)}>{methodOf(document, "compare")!.label}</Button>}
            {Number(row.publishedVersion) > 1 && methodOf(document, "previewMigration") && <Button onClick={() => setMigrating(row)}>{methodOf(document, "previewMigration")!.label}</Button>}
          </>
        )}
        more={(row) => (
          <>
            <section className="card">
              <h2>{fieldOf(document, "tree")?.label}</h2>
              <FlowOutline node={row.tree as FlowNode} />
            </section>
            <Versions document={document} id={row.id} />
          </>
        )}
      />
      {trying && <TryFlowDialog document={document} flow={trying} onClose={() => setTrying(undefined)} />}
      {comparing && <CompareFlowDialog document={document} flow={comparing} onClose={() => setComparing(undefined)} />}
      {migrating && <MigrateFlowDialog document={document} flow={migrating} onClose={() => setMigrating(undefined)} />}
    </>
  );
}

function Versions({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const { data } = useVerb<{ versions: Version[] }>(document, "listVersions", id);
  if (!data || data.versions.length === 0) return null;
  return (
    <section className="card">
      <h2>{t("flow.versions")}</h2>
      <Collapse
        size="small"
        items={data.versions.map(({ version, tree, publishedById, publishTime, note, runningCases }) => ({
          key: String(version),
          label: <span>{t("flow.version", { version })} · {timeText(publishTime)} · <Reference document="identity.employee" id={publishedById} plain /> · {t("flow.running", { count: runningCases })} {note}</span>,
          children: <><FlowDownload document={document} id={id} version={version} size="small" /><FlowOutline node={tree} /></>,
        }))}
      />
    </section>
  );
}
