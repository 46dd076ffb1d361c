import { Table, type TableColumnsType } from "antd";
import type { ReactNode } from "react";
import { NAME_OF_DAY, type Field } from "@/contract/meta";
import { FieldValue, isFigure } from "./FieldValue";
import { TableScroll } from "./TableScroll";
import type { Values } from "./formValues";

interface Props {
  label: string;
  fields: Field[];
  rows: Values[];
  currency?: string;
  cells?: Record<string, (row: Values) => ReactNode>;
}

const VIRTUAL_FROM = 120;
const WIDTHS: Record<string, number> = { decimal: 120, date: 110, enum: 100, int: 70, bool: 70, time: 140 };

/** Lines as they stand; columns that are empty in every line are left out. */
export function LinesTable({ label, fields, rows, currency, cells = {} }: Props) {
  const filled = fields.filter(({ name, type }) => type !== "message" && rows.some((row) => cells[name] || (row[name] && !String(row[name]).endsWith("UNSPECIFIED"))));
  const virtual = rows.length > VIRTUAL_FROM;
  const columns: TableColumnsType<Values> = filled.map((field) => ({
    key: field.name,
    title: /amount$/i.test(field.name) && currency ? `${field.label} ${currency}` : field.label,
    align: isFigure(field) ? "right" : undefined,
    width: virtual ? (WIDTHS[field.type] ?? 180) : undefined,
    render: (_, row) => cells[field.name]?.(row) ?? <FieldValue field={field} value={row[field.name]} said={row[NAME_OF_DAY[field.name] ?? ""]} plain={!field.references?.startsWith("procurement")} />,
  }));
  const width = columns.reduce((total, { width: one }) => total + Number(one ?? 0), 0);
  const table = (
    <Table<Values>
      size="small" rowKey={(row) => String(row.id ?? row.lineNumber)} pagination={false} dataSource={rows} columns={columns} virtual={virtual} aria-label={label}
      scroll={virtual ? { x: width, y: 480 } : undefined}
    />
  );
  return virtual ? table : <TableScroll label={label}>{table}</TableScroll>;
}
