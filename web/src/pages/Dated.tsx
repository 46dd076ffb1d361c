import { PlusOutlined } from "@ant-design/icons";
import { Button, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { useCan } from "@/api/me";
import { AppLink, routeOf, useGo } from "@/app/links";
import { fieldOf, type Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { LinesTable } from "@/documents/LinesTable";

const PAGE = 50;

/** What somebody or something was from day to day: the records of another document that name it, the newest first. */
export function Dated({ of: key, by, id, without }: { of: string; by: string; id: string; without: string }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const document = useDocumentMeta(key);
  const named = fieldOf(document, by)!;
  const filter = `${named.protoName} = "${id}"`;
  const { data } = useList<Row>(document, { filter, orderBy: "from_date desc", pageSize: PAGE, summarize: true }, can(document.methods.list));
  if (!can(document.methods.list)) return null;
  const fields = document.fields.filter(({ name, column }) => column && name !== without);
  const begins = fieldOf(document, "fromDate")!;
  const cells = { [begins.name]: (row: Record<string, unknown>) => <AppLink to={routeOf(document, String(row.id))}>{String(row[begins.name])}</AppLink> };
  return (
    <section className="card" aria-label={document.plural}>
      <header className="page-head">
        <h2>{document.plural} {data && <span className="count">{t("list.count", { count: data.totalSize })}</span>}</h2>
        {can(document.methods.create) && <Button icon={<PlusOutlined />} onClick={() => go(`${document.route}/new?v.${by}=${id}`)}>{t("list.new", { title: document.title })}</Button>}
      </header>
      {!data ? <Skeleton active title={false} /> : data.rows.length === 0 ? <p className="quiet">{t("list.empty")}</p> : <LinesTable label={document.plural} fields={fields} rows={data.rows} cells={cells} />}
      {data && data.totalSize > data.rows.length && <AppLink to={`${document.route}?f.${by}=${id}`}>{t("organisation.all")}</AppLink>}
    </section>
  );
}
