import { UploadOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useTranslation } from "react-i18next";
import { useCan } from "@/api/me";
import { useGo } from "@/app/links";
import type { DocumentMeta } from "@/contract/meta";

/** To the imports of a type of documents, for whoever may make some. */
export function ImportButton({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  if (!document.importable || !can(document.methods.create)) return null;
  return <Button icon={<UploadOutlined />} onClick={() => go(`${document.route}/import`)}>{t("import.import")}</Button>;
}
