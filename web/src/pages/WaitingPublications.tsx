import { useList } from "@/api/documents";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { ago } from "@/contract/format";
import type { Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { Reference } from "@/documents/Reference";

const ASKED = { filter: 'state = "WAITING"', pageSize: 50 };

/** Flows whose publication waits for the reader's answer; nothing where none does. */
export function WaitingPublications() {
  const document = useDocumentMeta("approval.flow_publication");
  const mine = (useList<Row>(document, ASKED).data?.rows ?? []).filter(({ allowedActions }) => allowedActions?.includes("approve"));
  if (mine.length === 0) return null;
  return (
    <section aria-label={document.plural}>
      <h2 className="section-title">{document.plural} <span className="count">{mine.length}</span></h2>
      <ul className="request-list">
        {mine.map((row) => (
          <li key={row.id}>
            <AppLink to={inItsCompany(routeOf(document, row.id), row)}>{String(row.name)} <small>{String(row.code)}</small></AppLink>{" "}
            <small><Reference document="identity.employee" id={String(row.requestedById)} plain /> · {ago(String(row.createTime))}{row.note ? ` · ${String(row.note)}` : ""}</small>
          </li>
        ))}
      </ul>
    </section>
  );
}
