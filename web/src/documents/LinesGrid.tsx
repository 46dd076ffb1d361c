import { CopyOutlined, DeleteOutlined, PlusOutlined } from "@ant-design/icons";
import { Alert, Button, Tooltip } from "antd";
import { useEffect, useMemo, useRef, useState, type ClipboardEvent, type FocusEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { notifyError } from "@/app/notify";
import { writableFields, type Field, type Row } from "@/contract/meta";
import { CellEditor } from "./CellEditor";
import { FieldValue, isFigure } from "./FieldValue";
import type { Values } from "./formValues";
import { usePasting } from "./usePasting";

export interface PreviewColumn {
  key: string;
  label: string;
  text: (row: Values) => string;
}

interface Props {
  label: string;
  fields: Field[];
  rows: Values[];
  onChange: (rows: Values[]) => void;
  errors: Record<string, string>;
  /** Path of the lines in the request: `lines`. */
  prefix: string;
  maxRows?: number;
  newRow?: (rows: Values[]) => Values;
  /** What else changes in a line when one field does; `picked` is the record that was chosen. */
  derive?: (row: Values, field: Field, picked?: Row) => Values;
  previews?: PreviewColumn[];
  /** The field behind which they stand; at the end where it is not said. */
  previewsAfter?: string;
  /** Lines stay as they are in number; only cells change. */
  fixedRows?: boolean;
  readOnly?: (row: Values, field: Field) => boolean;
}

const ROW_HEIGHT = 36;
const VISIBLE_HEIGHT = 432;
const OVERSCAN = 6;
const WIDTHS: Record<string, number> = { decimal: 104, date: 112, enum: 100, bool: 72, int: 80, reference: 164, description: 184, taxRate: 72, unitText: 72 };
const NUMBER_WIDTH = 42;
const TOOLS_WIDTH = 76;
const PREVIEW_WIDTH = 128;

interface Cell {
  row: number;
  column: number;
}

function widthOf(field: Field): number {
  if (field.references === "inventory.unit") return WIDTHS.unitText;
  return WIDTHS[field.name] ?? WIDTHS[field.references ? "reference" : field.type] ?? ((field.maxLength ?? 200) >= 120 ? 156 : 116);
}

/** Lines of a document, entered by keyboard or pasted from a spreadsheet; only the rows in sight are drawn. */
export function LinesGrid(props: Props) {
  const { label, fields, rows, onChange, errors: refused, prefix, maxRows = 1000, newRow = () => ({}), derive = (row) => row, previews = [], previewsAfter, fixedRows = false, readOnly } = props;
  const { t } = useTranslation();
  const columns = useMemo(() => (fixedRows ? fields : writableFields(fields, true)), [fields, fixedRows]);
  const [active, setActive] = useState<Cell>();
  const [scrollTop, setScrollTop] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const latest = useRef(rows);
  latest.current = rows;

  const changed = useRef(onChange);
  changed.current = onChange;
  const commit = (next: Values[]) => {
    latest.current = next;
    changed.current(next); // the page of now: pasted records are looked for a while
  };
  const pasting = usePasting({ columns, latest, commit, prefix, maxRows: fixedRows ? rows.length : maxRows, newRow, derive, readOnly });
  const errors = { ...pasting.errors, ...refused };
  const setCell = (row: number, field: Field, value: unknown, picked?: Row) => {
    const line = latest.current[row];
    if (!line) return;
    pasting.written(row, field.name);
    if ((line[field.name] ?? "") === (value ?? "")) return;
    commit(latest.current.map((one, index) => (index === row ? derive({ ...line, [field.name]: value }, field, picked) : one)));
  };
  const addRow = (at: number, row: Values) => {
    if (fixedRows || latest.current.length >= maxRows) return;
    pasting.inserted(at);
    commit(latest.current.toSpliced(at, 0, row));
    setActive({ row: at, column: 0 });
  };
  const removeRow = (at: number) => {
    if (fixedRows) return;
    pasting.removed(at);
    commit(latest.current.toSpliced(at, 1));
    setActive(latest.current.length > 0 ? { row: Math.min(at, latest.current.length - 1), column: active?.column ?? 0 } : undefined);
  };
  const copyRow = (at: number) => {
    const { id: _id, ...copied } = latest.current[at];
    addRow(at + 1, copied);
  };

  const isReadOnly = (row: number, field: Field) => Boolean(readOnly?.(latest.current[row] ?? {}, field));
  const move = (from: Cell, rowStep: number, columnStep: number): boolean => {
    let { row, column } = from;
    do {
      row += rowStep;
      column += columnStep;
      if (columnStep !== 0 && column >= columns.length) [row, column] = [row + 1, 0];
      if (columnStep !== 0 && column < 0) [row, column] = [row - 1, columns.length - 1];
      if (row < 0 || row >= latest.current.length) return false;
    } while (isReadOnly(row, columns[column]));
    setActive({ row, column });
    return true;
  };
  useEffect(() => {
    const box = scroller.current;
    if (!active || !box) return;
    const top = active.row * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + 2 * ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + 2 * ROW_HEIGHT - box.clientHeight;
  }, [active]);

  const paste = async (event: ClipboardEvent) => {
    const text = event.clipboardData.getData("text/plain");
    if (!active || !/[\t\n]/.test(text.replace(/\n$/, ""))) return;
    event.preventDefault();
    setActive(undefined);
    await pasting.paste(text, active);
  };

  const onKey = (event: KeyboardEvent) => {
    if (!active || event.nativeEvent.isComposing) return;
    const control = event.ctrlKey || event.metaKey;
    const last = active.row === latest.current.length - 1;
    let handled = true;
    if (control && event.key === "Enter") addRow(active.row + 1, newRow(latest.current));
    else if (control && event.key.toLowerCase() === "d" && !fixedRows) copyRow(active.row);
    else if (control && event.key === "Delete") removeRow(active.row);
    else if (event.key === "ArrowDown") move(active, 1, 0);
    else if (event.key === "ArrowUp") move(active, -1, 0);
    else if (event.key === "Enter" && last && !fixedRows) addRow(active.row + 1, newRow(latest.current));
    else if (event.key === "Enter") move(active, 1, 0);
    else if (event.key === "Tab") handled = move(active, 0, event.shiftKey ? -1 : 1);
    else if (event.key === "ArrowRight") move(active, 0, 1);
    else if (event.key === "ArrowLeft") move(active, 0, -1);
    else handled = false;
    if (handled) event.preventDefault();
  };
  const onBlur = (event: FocusEvent) => {
    if (!event.currentTarget.contains(event.relatedTarget)) setActive(undefined);
  };

  const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - OVERSCAN);
  const until = Math.min(rows.length, Math.ceil((scrollTop + VISIBLE_HEIGHT) / ROW_HEIGHT) + OVERSCAN);
  const drawn = Array.from({ length: Math.max(0, until - first) }, (_, index) => first + index);
  if (active && active.row < rows.length && (active.row < first || active.row >= until)) drawn.push(active.row);
  const place = columns.findIndex(({ name }) => name === previewsAfter) + 1 || columns.length;
  const between = <T,>(cells: T[], inserted: T[]): T[] => cells.toSpliced(place, 0, ...inserted);
  const template = [NUMBER_WIDTH, ...between(columns.map(widthOf), previews.map(() => PREVIEW_WIDTH)), ...(fixedRows ? [] : [TOOLS_WIDTH])].map((width) => `${width}px`).join(" ");
  const style = { gridTemplateColumns: template };
  const entryRow = Math.min(rows.length - 1, Math.ceil(scrollTop / ROW_HEIGHT));
  const entry = columns.findIndex((field) => rows[entryRow] && !readOnly?.(rows[entryRow], field));
  const faults = rowFaults(errors, prefix, fields);
  return (
    <div className="lines">
      <div className="grid" role="grid" aria-label={label} aria-rowcount={rows.length + 1} aria-colcount={columns.length + previews.length} onKeyDown={onKey} onBlur={onBlur} onPaste={(event) => void paste(event).catch(notifyError)} tabIndex={entry < 0 ? 0 : -1} ref={scroller} onScroll={({ currentTarget }) => setScrollTop(currentTarget.scrollTop)}>
        <div className="grid-row grid-head" role="row" style={style}>
          <span role="columnheader" aria-label={t("lines.number")}>#</span>
          {between(columns.map((field) => (
            <span key={field.name} role="columnheader" className={isFigure(field) ? "right" : undefined} title={field.label}>
              {field.label}{field.required && <em aria-hidden="true"> *</em>}
            </span>
          )), previews.map(({ key, label: text }) => <span key={key} role="columnheader" className="right quiet" title={t("lines.preview", { label: text })}>{t("lines.preview", { label: text })}</span>))}
          {!fixedRows && <span role="columnheader"><span className="hidden-text">{t("lines.tools")}</span></span>}
        </div>
        <div className="grid-body" role="rowgroup" style={{ height: rows.length * ROW_HEIGHT }}>
          {drawn.map((row) => (
            <div key={row} className={active?.row === row ? "grid-row here" : "grid-row"} role="row" aria-rowindex={row + 2} style={{ ...style, transform: `translateY(${row * ROW_HEIGHT}px)` }}>
              <span role="rowheader" className="line-number">{row + 1}</span>
              {between(columns.map((field, column) => {
                const error = errors[`${prefix}[${row}].${field.name}`];
                const here = active?.row === row && active.column === column;
                const locked = isReadOnly(row, field);
                return (
                  <div
                    key={field.name} role="gridcell" title={error} aria-invalid={error ? true : undefined} aria-readonly={locked || undefined}
                    className={`cell ${isFigure(field) ? "right" : ""} ${error ? "invalid" : ""} ${locked ? "locked" : ""} ${here ? "active" : ""}`}
                    tabIndex={!here && !locked && !active && row === entryRow && column === entry ? 0 : -1} onFocus={() => !here && !locked && setActive({ row, column })}
                    onMouseDown={(event) => {
                      if (here || locked) return;
                      event.preventDefault();
                      setActive({ row, column });
                    }}
                  >
                    {here && !locked ? (
                      <CellEditor field={field} value={rows[row][field.name]} label={t("lines.cell", { label: field.label, line: row + 1 })} onKey={onKey} onCommit={(value, picked) => setCell(row, field, value, picked)} />
                    ) : (
                      <FieldValue field={field} value={rows[row][field.name]} plain />
                    )}
                  </div>
                );
              }), previews.map(({ key, text }) => <span key={key} role="gridcell" className="cell right quiet figure">{text(rows[row])}</span>))}
              {!fixedRows && (
                <span role="gridcell" className="cell line-tools">
                  <Tooltip title={t("lines.copy")}><Button type="text" size="small" tabIndex={-1} icon={<CopyOutlined />} aria-label={t("lines.copyLine", { line: row + 1 })} onClick={() => copyRow(row)} /></Tooltip>
                  <Tooltip title={t("lines.remove")}><Button type="text" size="small" tabIndex={-1} icon={<DeleteOutlined />} aria-label={t("lines.removeLine", { line: row + 1 })} onClick={() => removeRow(row)} /></Tooltip>
                </span>
              )}
            </div>
          ))}
        </div>
      </div>
      {!fixedRows && (
        <div className="grid-foot">
          <Button type="dashed" icon={<PlusOutlined />} disabled={rows.length >= maxRows} onClick={() => addRow(rows.length, newRow(rows))}>{t("lines.add")}</Button>
          <small className="quiet">{t("lines.hint")}</small>
        </div>
      )}
      {pasting.told.length > 0 && <Alert className="note" type="warning" showIcon title={t("lines.pastedNotAll")} description={<ul className="plain-list">{pasting.told.map((text) => <li key={text}>{text}</li>)}</ul>} closable={{ onClose: pasting.clear }} />}
      {faults.length > 0 && (
        <div className="line-faults" role="alert">
          <ul>
            {faults.map(({ path, row, label: name, text }) => (
              <li key={path}>
                <button type="button" className="link-button" onClick={() => setActive({ row, column: Math.max(0, columns.findIndex((field) => path.endsWith(`.${field.name}`))) })}>{t("lines.fault", { line: row + 1, label: name })}</button>
                {text}
              </li>
            ))}
          </ul>
        </div>
      )}
    </div>
  );
}

function rowFaults(errors: Record<string, string>, prefix: string, fields: Field[]) {
  return Object.entries(errors).flatMap(([path, text]) => {
    const match = path.startsWith(`${prefix}[`) ? /\[(\d+)\](?:\.(\w+))?/.exec(path.slice(prefix.length)) : null;
    if (!match) return [];
    return [{ path, text, row: Number(match[1]), label: fields.find(({ name }) => name === match[2])?.label ?? "" }];
  });
}
