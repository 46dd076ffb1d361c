import { Result } from "antd";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { AppLink } from "@/app/links";
import type { DocumentMeta } from "@/contract/meta";
import GenericForm from "@/documents/GenericForm";

/** Another name or description. A new file is added on the page of its document. */
export default function AttachmentForm({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  if (useParams().id) return <GenericForm document={document} />;
  return <Result status="info" title={t("attachments.addElsewhere")} extra={<AppLink to={document.route}>{document.plural}</AppLink>} />;
}
