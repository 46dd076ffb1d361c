import { Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { AppLink, routeOf } from "@/app/links";
import { group } from "@/contract/decimal";
import type { DocumentMeta } from "@/contract/meta";
import { fieldOf } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { StateTag } from "./StateTag";

interface DocumentLink {
  documentType: string;
  documentId: string;
  number: string;
  state: string;
  amount: string;
  currency: string;
  direction: string;
}

/** What a document was made from and what was made from it, with amounts. */
export function RelatedDocuments({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const { data } = useVerb<{ links: DocumentLink[] }>(document, "listLinks", id);
  const links = data?.links ?? [];
  return (
    <section className="card" aria-label={t("related.title")}>
      <h2>{t("related.title")}</h2>
      {!data && <Skeleton active title={false} paragraph={{ rows: 2 }} />}
      {data && links.length === 0 && <p className="quiet">{t("related.none")}</p>}
      <ul className="related">
        {links.map((link) => {
          const other = meta.documents[link.documentType];
          return (
            <li key={link.documentId} className={link.direction}>
              <span className="related-way">{link.direction === "source" ? t("related.source") : t("related.result")}</span>
              {other ? <AppLink to={routeOf(other, link.documentId)}>{link.number || other.title}</AppLink> : link.number}
              <span className="related-facts">
                {other && <StateTag enumName={fieldOf(other, "state")?.enum} value={link.state} />}
                {link.amount && <span className="figure">{group(link.amount, 2)} {link.currency}</span>}
              </span>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
