import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { useCan } from "@/api/me";
import { AppLink, routeOf } from "@/app/links";
import { lasting, timeText } from "@/contract/format";
import { fieldOf } from "@/contract/meta";
import type { ConsistencyRun } from "@/contract/types";
import { useDocumentMeta } from "@/contract/useMeta";
import { StateTag } from "@/documents/StateTag";
import { CheckNow } from "./CheckNow";

/** What the last comparison of the books came to, for whoever may see it. */
export function LastCheck() {
  const { t } = useTranslation();
  const document = useDocumentMeta("identity.consistency_run");
  const mayList = useCan()(document.methods.list);
  const { data } = useList<ConsistencyRun>(document, { pageSize: 1 }, mayList);
  if (!mayList || !data) return null;
  const [last] = data.rows as (ConsistencyRun | undefined)[];
  const at = last && String(last.finishTime ?? last.createTime);
  return (
    <section className="card" aria-label={document.plural}>
      <header className="page-head">
        <h2><AppLink to={document.route}>{document.plural}</AppLink></h2>
        <CheckNow document={document} />
      </header>
      {last ? (
        <p className="verdict">
          <StateTag enumName={fieldOf(document, "state")?.enum} value={last.state} />
          {last.findingCount > 0 && <span className="worse">{t("books.findings", { count: last.findingCount })}</span>}
          <AppLink to={routeOf(document, last.id)}>{last.number}</AppLink>
          <time dateTime={at} title={timeText(at)} className="quiet">{t("operations.ago", { time: lasting(at) })}</time>
        </p>
      ) : (
        <p className="quiet">{t("books.never")}</p>
      )}
    </section>
  );
}
