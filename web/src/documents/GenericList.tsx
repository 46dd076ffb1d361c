import { PlusOutlined, SettingOutlined } from "@ant-design/icons";
import { Button, Checkbox, Empty, Popover, Segmented } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useListPages, useListSummary, type ListSummary } from "@/api/documents";
import { useCan } from "@/api/me";
import type { Query } from "@/api/http";
import { AppLink, useGo } from "@/app/links";
import { NAME_OF_DAY, type DocumentMeta, type Field } from "@/contract/meta";
import { DocumentTable, type Cells } from "./DocumentTable";
import { ExportButton } from "./ExportButton";
import { FilterBar } from "./FilterBar";
import { ImportButton } from "./ImportButton";
import { SIZES, useColumns, useListState, USUAL_SIZE, type ListState } from "./listState";
import { SavedViews, ViewTabs } from "./SavedViews";
import { SelectionBar } from "./SelectionBar";
import { useSelection } from "./useSelection";

interface Props {
  document: DocumentMeta;
  cells?: Cells;
  /** Buttons beside the primary one. */
  tools?: ReactNode;
  title?: string;
  /** New ones come about elsewhere. */
  madeElsewhere?: boolean;
  /** What is asked beside the fields of the contract, and where it is chosen. */
  extra?: Query;
  filters?: ReactNode;
}

/** The list of any document: search, filters, columns, totals, export, keys, selection. */
export default function GenericList({ document, cells, tools, title, madeElsewhere = false, extra, filters }: Props) {
  const { t } = useTranslation();
  const can = useCan();
  const go = useGo();
  const state = useListState(document);
  const { columns, choices, choose } = useColumns(document);
  const asked = { filter: state.filter, orderBy: state.orderBy, search: state.search, extra: { ...state.extra, ...extra } };
  const pages = useListPages(document, { ...asked, fields: cells ? undefined : fieldsFor(document, columns), pageSize: state.size });
  const selected = useSelection(pages);
  const summary = useListSummary(document, asked);
  const creatable = !madeElsewhere && can(document.methods.create);
  const empty = (
    <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={state.filtered ? t("list.nothingFound") : t("list.emptyOf", { title: document.plural })}>
      {!state.filtered && creatable && <AppLink to={`${document.route}/new`}>{t("list.new", { title: document.title })}</AppLink>}
    </Empty>
  );
  return (
    <section className="page">
      <header className="page-head">
        <h1>{title ?? document.plural} <ListCount summary={summary} /></h1>
        <div className="page-tools">
          <SavedViews document={document} columns={columns} />
          <ColumnChoice columns={columns} choices={choices} choose={choose} state={state} />
          <ExportButton document={document} asked={asked} columns={columns} />
          {!madeElsewhere && !document.methods.import && <ImportButton document={document} />}
          {tools}
          {creatable && (
            <Button type="primary" icon={<PlusOutlined />} onClick={() => go(`${document.route}/new`)}>{t("list.new", { title: document.title })}</Button>
          )}
        </div>
      </header>
      <ViewTabs document={document} />
      <FilterBar document={document} state={state} />
      {filters}
      <SelectionBar document={document} rows={selected.rows} onClear={selected.clear} />
      <DocumentTable
        document={document} columns={columns} pages={pages} summary={summary} state={state} cells={cells} empty={empty}
        selected={selected.ids} onSelect={selected.choose}
      />
    </section>
  );
}

/** What the columns, the row's name and its actions need. */
function fieldsFor(document: DocumentMeta, columns: Field[]): string[] {
  const known = new Set(document.fields.map(({ name }) => name));
  const needed = ["id", "etag", "companyId", "state", "allowedActions", ...document.titleFields, ...columns.flatMap(({ name }) => [name, NAME_OF_DAY[name] ?? name])];
  return [...new Set(needed)].filter((name) => known.has(name));
}

export function ListCount({ summary }: { summary: ListSummary }) {
  const { t } = useTranslation();
  if (!summary) return null;
  const { totalSize: count, totalSizeCapped } = summary;
  return <span className="count" aria-live="polite">{totalSizeCapped ? t("list.countCapped", { count }) : t("list.count", { count })}</span>;
}

function ColumnChoice({ columns, choices, choose, state }: { columns: Field[]; choices: Field[]; choose: (names: string[]) => void; state: ListState }) {
  const { t } = useTranslation();
  const names = columns.map(({ name }) => name);
  const content = (
    <>
    <Checkbox.Group
      className="column-choice" value={names} options={choices.map(({ name, label }) => ({ value: name, label }))}
      onChange={(chosen) => chosen.length > 0 && choose(choices.map(({ name }) => name).filter((name) => chosen.includes(name)))}
    />
    <div className="size-choice">{t("list.size")} <Segmented size="small" aria-label={t("list.size")} value={state.size ?? USUAL_SIZE} options={SIZES} onChange={state.setSize} /></div>
    </>
  );
  return (
    <Popover trigger="click" placement="bottomRight" content={content} arrow={false}>
      <Button icon={<SettingOutlined />}>{t("list.columns")}</Button>
    </Popover>
  );
}
