import { DownloadOutlined, InboxOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Alert, Button, Empty, Segmented, Spin, Table, Upload } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { download } from "@/api/http";
import { underWay, uploadFile, useBatches, type ImportBatch } from "@/api/imports";
import { useHolds } from "@/api/me";
import { AppLink, useGo } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { timeText } from "@/contract/format";
import { textOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";

/** Where an import begins: the template, the file, and what was imported before. */
export default function ImportPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const template = useMutation({ mutationFn: () => download(`${document.path}:importTemplate`, { company: context.company, locale: context.locale }, () => undefined) });
  const upload = useMutation({
    meta: { shown: true },
    mutationFn: (file: File) => uploadFile(document, file),
    onSuccess: (batch) => go(`${document.route}/import/${batch.id}`),
  });
  const problem = upload.error && sentenceOf(upload.error);
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("import.title", { title: document.plural })}</h1>
        <div className="page-tools">
          <Button icon={<DownloadOutlined />} loading={template.isPending} onClick={() => template.mutate()}>{t("import.template")}</Button>
        </div>
      </header>
      <p className="quiet lead">{t("import.help")}</p>
      {problem && <Alert className="note" type="error" showIcon role="alert" title={problem.title} description={problem.description} />}
      <Spin spinning={upload.isPending} description={t("import.reading")}>
        <Upload.Dragger
          accept=".xlsx,.xlsm,.csv,.txt" maxCount={1} showUploadList={false} disabled={upload.isPending} className="import-drop"
          beforeUpload={(file) => {
            upload.mutate(file);
            return Upload.LIST_IGNORE;
          }}
        >
          <p className="ant-upload-drag-icon"><InboxOutlined /></p>
          <p className="ant-upload-text">{t("import.choose")}</p>
          <p className="quiet">{t("import.kinds")}</p>
        </Upload.Dragger>
      </Spin>
      <Batches document={document} />
    </section>
  );
}

function Batches({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const oversees = useHolds("platform.import_batch.list");
  const [everybody, setEverybody] = useState(false);
  const { data, error, isLoading, refetch } = useBatches(document, everybody);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  return (
    <section className="card import-batches">
      <div className="page-head">
        <h2>{t("import.batches")}</h2>
        {oversees && (
          <Segmented
            aria-label={t("import.batches")} value={everybody ? "all" : "mine"} onChange={(value) => setEverybody(value === "all")}
            options={[{ value: "mine", label: t("import.mine") }, { value: "all", label: t("import.all") }]}
          />
        )}
      </div>
      <TableScroll busy={isLoading} label={t("import.batches")}>
        <Table<ImportBatch>
          size="small" rowKey="id" pagination={false} loading={{ spinning: isLoading, delay: 200 }} dataSource={data?.importBatches}
          locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("import.none")} /> }}
          columns={[
            { title: t("import.file"), render: (_, { id, fileName }) => <AppLink to={`${document.route}/import/${id}`}>{fileName}</AppLink> },
            { title: t("import.state"), render: (_, batch) => <BatchState batch={batch} /> },
            { title: t("import.counts"), dataIndex: "documentCount", align: "right" },
            { title: t("import.imported"), dataIndex: "importedCount", align: "right" },
            { title: t("import.wrong"), dataIndex: "problemCount", align: "right" },
            { title: t("import.who"), render: (_, { actorId }) => <Reference document="identity.employee" id={actorId} plain /> },
            { title: t("import.when"), render: (_, { createTime }) => timeText(createTime) },
          ]}
        />
      </TableScroll>
    </section>
  );
}

export function BatchState({ batch }: { batch: ImportBatch }) {
  const meta = useMeta();
  const meaning = batch.trouble ? "wrong" : underWay(batch) || batch.state === "UPLOADED" ? "waits" : batch.state === "IMPORTED" ? "done" : batch.state === "CHECKED" ? "act" : "quiet";
  return (
    <span className="state">
      <i className={`dot ${meaning}`} aria-hidden="true" />
      {textOf(meta, `import.state.${batch.state}`, {})}
    </span>
  );
}
