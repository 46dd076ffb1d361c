import { DownloadOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import type { ListParams } from "@/api/documents";
import { download, type Query } from "@/api/http";
import { fieldOf, NAME_OF_DAY, type DocumentMeta, type Field } from "@/contract/meta";

const KILO = 1024;

/** An Excel file of exactly this filter and these columns; departments and posts by their names of the day, as the list shows them. */
export function ExportButton({ document, asked, columns }: { document: DocumentMeta; asked: ListParams; columns: Field[] }) {
  const names = columns.map(({ name }) => fieldOf(document, NAME_OF_DAY[name] ?? "")?.name ?? name);
  return <FileButton path={document.path} query={{ filter: asked.filter, order_by: asked.orderBy, search: asked.search, columns: names.join(","), ...asked.extra }} />;
}

/** An Excel file of what a list answers. */
export function FileButton({ path, query }: { path: string; query: Query }) {
  const { t } = useTranslation();
  const [bytes, setBytes] = useState(0);
  const run = useMutation({
    mutationFn: () => {
      setBytes(0);
      return download(`${path}:export`, { ...query, company: context.company, locale: context.locale }, setBytes);
    },
  });
  return (
    <Button icon={<DownloadOutlined />} loading={run.isPending} onClick={() => run.mutate()}>
      {run.isPending && bytes > 0 ? t("list.exporting", { size: Math.ceil(bytes / KILO) }) : t("list.export")}
    </Button>
  );
}
