import { SafetyCertificateOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useList, remember } from "@/api/documents";
import { call } from "@/api/http";
import { useCan } from "@/api/me";
import { routeOf, useGo } from "@/app/links";
import { methodOf, type DocumentMeta, type Row } from "@/contract/meta";

export const OPEN = ["REQUESTED", "RUNNING"];

/** Have the books compared now; while that waits or is under way the button leads to it. */
export function CheckNow({ document }: { document: DocumentMeta }) {
  const can = useCan();
  const go = useGo();
  const client = useQueryClient();
  const request = methodOf(document, "request");
  const open = useList(document, { filter: OPEN.map((state) => `state = "${state}"`).join(" OR "), pageSize: 1, fields: ["id", "state"] }, can(request)).data?.rows[0];
  const ask = useMutation({
    mutationFn: () => call<Row>("POST", request!.path, { body: {} }),
    onSuccess: (run) => {
      remember(client, document, run);
      go(routeOf(document, run.id));
    },
  });
  if (!can(request)) return null;
  const busy = ask.isPending || Boolean(open);
  return (
    <Button type="primary" icon={<SafetyCertificateOutlined />} loading={busy && { delay: 200 }} disabled={busy} onClick={() => ask.mutate()}>
      {request?.label}
    </Button>
  );
}
