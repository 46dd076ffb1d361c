import { CheckOutlined } from "@ant-design/icons";
import { useTranslation } from "react-i18next";
import { decimalText, timeText } from "@/contract/format";
import { DOCUMENT_TYPE, enumLabel, type Field } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { Reference, References } from "./Reference";
import { hasMeaning, StateTag } from "./StateTag";

/** One value as people read it; `said`: what a record was called on the day of the document. */
export function FieldValue({ field, value, plain = false, said }: { field: Field; value: unknown; plain?: boolean; said?: unknown }) {
  const meta = useMeta();
  const { t } = useTranslation();
  if (value === undefined || value === null || value === "") return null;
  if (Array.isArray(value)) {
    if (field.references) return <References document={field.references} ids={value as string[]} plain={plain} />;
    if (field.type === "message") return <span>{t("detail.members", { count: value.length })}</span>;
    const known = (key: string) => (field.enum ? enumLabel(meta, field.enum, key) : field.name === `${DOCUMENT_TYPE}s` ? meta.documents[key]?.title : undefined);
    const names = value.map((key) => known(String(key)) ?? String(key));
    return <span>{names.join(t("list.comma"))}</span>;
  }
  if (field.name === DOCUMENT_TYPE) return <span>{meta.documents[String(value)]?.title ?? String(value)}</span>;
  switch (field.type) {
    case "enum":
      return hasMeaning(field.enum) ? <StateTag enumName={field.enum} value={value} /> : <span>{enumLabel(meta, field.enum, value)}</span>;
    case "reference":
      return <Reference document={field.references!} id={String(value)} plain={plain} said={typeof said === "string" ? said : ""} />;
    case "decimal":
      return <span className="figure">{decimalText(field, String(value))}</span>;
    case "time":
      return <time dateTime={String(value)}>{timeText(value)}</time>;
    case "bool":
      return value ? <CheckOutlined aria-label={t("value.yes")} /> : <span className="quiet">{t("value.no")}</span>;
    case "int":
      return <span className="figure">{String(value)}</span>;
    case "struct":
    case "map":
    case "message":
      return <code className="json">{JSON.stringify(value)}</code>;
    default:
      return <span className={field.format === "MULTILINE" ? "prose" : undefined}>{String(value)}</span>;
  }
}

export function isFigure(field: Field): boolean {
  return (field.type === "decimal" || field.type === "int") && !field.repeated;
}
