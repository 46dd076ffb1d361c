import { Empty, Skeleton, Table, type TableColumnsType, type TableProps } from "antd";
import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { totalOf, type ListSummary, type useListPages } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { AppLink, inItsCompany, routeOf, useGo } from "@/app/links";
import { decimalText } from "@/contract/format";
import { MoreButton } from "@/documents/MoreButton";
import { NAME_OF_DAY, type DocumentMeta, type Field, type Row } from "@/contract/meta";
import { FieldValue, isFigure } from "./FieldValue";
import { isTyping } from "./FilterBar";
import { TableScroll } from "./TableScroll";
import { PageProblem } from "./PageProblem";
import type { ListState } from "./listState";

export type Cells = Record<string, (row: Row) => ReactNode>;

interface Props {
  document: DocumentMeta;
  columns: Field[];
  pages: ReturnType<typeof useListPages>;
  summary: ListSummary;
  state: ListState;
  selected?: string[];
  onSelect?: (ids: string[]) => void;
  cells?: Cells;
  /** Columns that the contract does not know. */
  trailing?: TableColumnsType<Row>;
  empty?: ReactNode;
  /** Rows that open elsewhere than at their own page. */
  rowRoute?: (row: Row) => string;
}

const RIGHT = { textAlign: "right" } as const;

/** Rows of a list: sort by header, totals of the whole filter, `j k Enter x`, load more. */
export function DocumentTable({ document, columns, pages, summary, state, selected, onSelect, cells = {}, trailing = [], empty, rowRoute }: Props) {
  const { t } = useTranslation();
  const go = useGo();
  const rows = useMemo(() => pages.data?.pages.flatMap((page) => page.rows) ?? [], [pages.data]);
  const totals = summary?.totals ?? {};
  const route = rowRoute ?? ((row: Row) => inItsCompany(routeOf(document, row.id), row));
  const cursor = useRowKeys(rows, (row) => go(route(row)), (row) => onSelect && toggle(row.id));
  const toggle = (id: string) => {
    const next = selected?.includes(id) ? selected.filter((one) => one !== id) : [...(selected ?? []), id];
    onSelect?.(next);
  };
  const [sortField, direction] = state.orderBy.split(" ");
  const first = columns.find(({ name }) => document.titleFields.includes(name)) ?? columns[0];
  const tableColumns: TableColumnsType<Row> = columns.map((field) => ({
    key: field.protoName,
    title: field.label,
    align: isFigure(field) ? "right" : undefined,
    sorter: field.sort,
    showSorterTooltip: false,
    sortOrder: sortField === field.protoName ? (direction === "desc" ? "descend" : "ascend") : null,
    className: `column-${field.type}`,
    render: (_: unknown, row: Row) => {
      const cell = cells[field.name]?.(row);
      if (cell !== undefined) return cell;
      const value = <FieldValue field={field} value={row[field.name]} said={row[NAME_OF_DAY[field.name] ?? ""]} plain />;
      return field === first ? <AppLink to={route(row)}>{row[field.name] ? value : t("list.unnamed")}</AppLink> : value;
    },
  }));
  const onChange: TableProps<Row>["onChange"] = (_pagination, _filters, sorter) => {
    const one = Array.isArray(sorter) ? sorter[0] : sorter;
    state.setOrder(one.order ? `${String(one.columnKey)}${one.order === "descend" ? " desc" : ""}` : "");
  };
  if (problemOf(pages)) return <PageProblem error={pages.error} retry={() => void pages.refetch()} />;
  if (pages.isLoading) return <Skeleton active title={false} paragraph={{ rows: 8 }} className="table-skeleton" />;
  const summed = columns.some((field) => field.total && totalOf(totals, field) !== undefined);
  return (
    <>
      <TableScroll label={document.plural} tall>
        <Table<Row>
          size="small" rowKey="id" dataSource={rows} columns={[...tableColumns, ...trailing]} pagination={false} onChange={onChange}
          loading={{ spinning: pages.isFetching && !pages.isFetchingNextPage && pages.isPlaceholderData, delay: 200 }}
          rowClassName={(_, index) => (index === cursor ? "at-cursor" : "")}
          rowSelection={onSelect && { selectedRowKeys: selected, onChange: (keys) => onSelect(keys as string[]), getCheckboxProps: (row) => ({ "aria-label": t("list.selectRow", { name: String(row[first?.name] ?? row.id) }) }) as object }}
          onRow={(row) => ({
            onClick: (event) => {
              const target = event.target as HTMLElement;
              // Clicks in a list that belongs to a cell arrive here too, though it is drawn elsewhere.
              if (!event.currentTarget.contains(target)) return;
              if (!target.closest("a, button, input, label, .ant-select, .ant-picker, .ant-checkbox-wrapper, .ant-table-selection-column")) go(route(row));
            },
          })}
          locale={{ emptyText: empty ?? <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={state.filtered ? t("list.nothingFound") : t("list.empty")} /> }}
          summary={() =>
            summed && (
              <Table.Summary>
                <Table.Summary.Row>
                  {onSelect && <Table.Summary.Cell index={0} />}
                  {columns.map((field, index) => {
                    const total = field.total ? totalOf(totals, field) : undefined;
                    return (
                      <Table.Summary.Cell key={field.name} index={index + (onSelect ? 1 : 0)}>
                        {total !== undefined ? <div style={RIGHT} className="figure total">{decimalText(field, total)}</div> : index === 0 ? <span className="total">{t("list.totals")}</span> : null}
                      </Table.Summary.Cell>
                    );
                  })}
                  {trailing.map((column, index) => <Table.Summary.Cell key={String(column.key)} index={columns.length + index + 1} />)}
                </Table.Summary.Row>
              </Table.Summary>
            )
          }
        />
      </TableScroll>
      {pages.hasNextPage && (
        <div className="load-more">
          <MoreButton pages={pages}>{t("list.more", { shown: rows.length })}</MoreButton>
        </div>
      )}
    </>
  );
}

/** The row under the cursor, moved by `j` and `k`. */
function useRowKeys(rows: Row[], open: (row: Row) => void, select: (row: Row) => void): number {
  const [cursor, setCursor] = useState(-1);
  const latest = useRef({ rows, open, select, cursor });
  latest.current = { rows, open, select, cursor };
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
      const { rows: now, cursor: at, open: openRow, select: selectRow } = latest.current;
      if (event.key === "j") setCursor(Math.min(at + 1, now.length - 1));
      else if (event.key === "k") setCursor(Math.max(at - 1, 0));
      else if (event.key === "Enter" && now[at] && !(event.target as HTMLElement).closest("a, button")) openRow(now[at]);
      else if (event.key === "x" && now[at]) selectRow(now[at]);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  useEffect(() => {
    if (cursor >= 0) window.document.querySelector(".at-cursor")?.scrollIntoView({ block: "nearest" });
  }, [cursor]);
  return cursor;
}
