import { DownloadOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { download } from "@/api/http";
import type { DocumentMeta, Field } from "@/contract/meta";
import type { ListState } from "./listState";

const KILO = 1024;

/** An Excel file of exactly this filter and these columns. */
export function ExportButton({ document, state, columns }: { document: DocumentMeta; state: ListState; columns: Field[] }) {
  const { t } = useTranslation();
  const [bytes, setBytes] = useState(0);
  const run = useMutation({
    mutationFn: () => {
      setBytes(0);
      const query = { filter: state.filter, order_by: state.orderBy, search: state.search, columns: columns.map(({ name }) => name).join(","), company: context.company, locale: context.locale, ...state.extra };
      return download(`${document.path}:export`, query, setBytes);
    },
  });
  return (
    <Button icon={<DownloadOutlined />} loading={run.isPending} onClick={() => run.mutate()}>
      {run.isPending && bytes > 0 ? t("list.exporting", { size: Math.ceil(bytes / KILO) }) : t("list.export")}
    </Button>
  );
}
