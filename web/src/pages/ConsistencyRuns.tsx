import { useTranslation } from "react-i18next";
import type { DocumentMeta } from "@/contract/meta";
import GenericList from "@/documents/GenericList";
import { CheckNow } from "./CheckNow";

/** Comparisons of the books, the latest first. */
export default function ConsistencyRuns({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  return (
    <GenericList
      document={document} tools={<CheckNow document={document} />}
      cells={{ requesterId: (row) => (row.requesterId ? undefined : <span className="quiet">{t("books.nobody")}</span>) }}
    />
  );
}
