import { useTranslation } from "react-i18next";
import { useDocument } from "@/api/documents";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import type { DocumentMeta, Row } from "@/contract/meta";
import type { Case } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import GenericDetail from "@/documents/GenericDetail";
import { TaskContent } from "./TaskContent";

/** Shown in the header, the timeline or the request itself, or of use to programs only. */
const ASIDE = [
  "documentType", "documentId", "documentNumber", "facts", "tasks", "opinions", "upcoming", "parkReason", "parkFacts", "note",
  "contentHash", "submission", "requesterId", "flowVersion", "flowName", "waitingSinceTime", "createTime", "updateTime", "ownerId",
];

/** A case as everybody who takes part in it sees it: what is asked for, where it stands, what was said. */
export default function CasePage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} without={ASIDE} side={(row) => <Asked row={row as Case} />} more={(row) => <Content row={row as Case} />} />;
}

/** The way to the document that is decided about. */
function Asked({ row }: { row: Case }) {
  const { t } = useTranslation();
  const other = useMeta().documents[row.documentType];
  if (!other) return null;
  return (
    <section className="card" aria-label={t("case.asked")}>
      <h2>{t("case.asked")}</h2>
      <small>{other.title}</small>
      <div><AppLink to={inItsCompany(routeOf(other, row.documentId), row)}>{row.documentNumber || row.title}</AppLink></div>
    </section>
  );
}

/** What is asked for, as it stands now; nothing where the reader may not see the document itself. */
function Content({ row }: { row: Case }) {
  const other = useMeta().documents[row.documentType];
  const { data } = useDocument<Row>(other, row.documentId);
  return data && other ? <TaskContent document={other} row={data} /> : null;
}
