import { DownloadOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Button, Dropdown } from "antd";
import { context } from "@/api/context";
import { download, fillPath } from "@/api/http";
import { enumValues, methodOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";

/** The draft of a flow, or one of its versions, as a file. */
export function FlowDownload({ document, id, version = 0, size }: { document: DocumentMeta; id: string; version?: number; size?: "small" }) {
  const method = methodOf(document, "download")!;
  const formats = enumValues(useMeta(), method.requestFields?.find(({ name }) => name === "format")?.enum);
  const run = useMutation({
    mutationFn: (format: string) => download(fillPath(method.path, { id }), { format, version, company: context.company, locale: context.locale }, () => undefined),
  });
  return (
    <Dropdown trigger={["click"]} menu={{ items: formats.map(({ name, label }) => ({ key: name, label })), onClick: ({ key }) => run.mutate(key) }}>
      <Button icon={<DownloadOutlined />} loading={run.isPending} size={size}>{method.label}</Button>
    </Dropdown>
  );
}
