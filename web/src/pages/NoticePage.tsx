import { Skeleton } from "antd";
import { useEffect } from "react";
import { useParams } from "react-router";
import { useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { useOpenNotice, type Notice } from "@/app/NoticeBell";
import type { DocumentMeta } from "@/contract/meta";
import { PageProblem } from "@/documents/PageProblem";

/** Where the link of a mail or of a group chat leads: to what the notice is about, for its reader alone. */
export default function NoticePage({ document }: { document: DocumentMeta }) {
  const { id } = useParams();
  const { data, error, refetch } = useDocument<Notice>(document, id);
  const open = useOpenNotice();
  const known = data?.id;
  useEffect(() => {
    if (data) open(data);
    // once for each notice: opening it marks it as read, which changes it
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [known]);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  return <Skeleton active className="page" />;
}
