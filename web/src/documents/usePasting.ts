/** A block from a spreadsheet goes into the cells of a grid; what finds no place there is told, nothing is lost without a word. */
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState, type RefObject } from "react";
import { useTranslation } from "react-i18next";
import { sentenceOf } from "@/app/notify";
import type { Field, Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { same, type Values } from "./formValues";
import { findReference, parseBlock, UNKNOWN, valueOf } from "./gridText";

interface Grid {
  columns: Field[];
  /** The lines as they stand now, also between two drawings. */
  latest: RefObject<Values[]>;
  commit: (rows: Values[]) => void;
  prefix: string;
  maxRows: number;
  newRow: (rows: Values[]) => Values;
  derive: (row: Values, field: Field, picked?: Row) => Values;
  readOnly?: (row: Values, field: Field) => boolean;
}

/** A pasted cell; the lines may move while its record is looked for. */
interface Pasted {
  row: number;
  field: Field;
  text: string;
}

interface Unplaced extends Pasted {
  why: "unknown" | "locked" | "failed";
}

const AT_ONCE = 8;

export function usePasting({ columns, latest, commit, prefix, maxRows, newRow, derive, readOnly }: Grid) {
  const { t } = useTranslation();
  const meta = useMeta();
  const client = useQueryClient();
  const [unplaced, setUnplaced] = useState<Unplaced[]>([]);
  const [left, setLeft] = useState({ rows: 0, cells: 0, max: 0, failure: "" });
  const searching = useRef<Pasted[]>([]);
  const keep = (wanted: (cell: Pasted) => boolean) => {
    searching.current = searching.current.filter(wanted);
    setUnplaced((before) => before.filter(wanted));
  };
  const shift = (from: number, by: number) => {
    for (const one of searching.current) if (one.row >= from) one.row += by;
    setUnplaced((before) => before.map((one) => (one.row >= from ? { ...one, row: one.row + by } : one)));
  };

  /** The record of each cell, each looked for once and a few at a time: the suite turns away who asks for all at once. */
  const find = async (wanted: Pasted[]) => {
    const keyOf = ({ field, text }: Pasted) => `${field.references} ${text.trim()}`;
    const distinct = [...new Map(wanted.map((one) => [keyOf(one), one])).values()];
    const found = new Map<string, PromiseSettledResult<Row | undefined>>();
    for (let from = 0; from < distinct.length; from += AT_ONCE) {
      const some = distinct.slice(from, from + AT_ONCE);
      const answers = await Promise.allSettled(some.map(({ field, text }) => findReference(client, meta, field.references!, text)));
      answers.forEach((answer, at) => found.set(keyOf(some[at]), answer));
    }
    return (one: Pasted) => found.get(keyOf(one))!;
  };

  const paste = async (text: string, start: { row: number; column: number }) => {
    const next = [...latest.current];
    const wanted: Pasted[] = [];
    const missed: Unplaced[] = [];
    const out = { rows: 0, cells: 0, max: maxRows, failure: "" };
    const covered = new Set<string>();
    parseBlock(text).forEach((cells, down) => {
      const row = start.row + down;
      if (row >= maxRows) {
        if (cells.some((cell) => cell.trim())) out.rows += 1;
        return;
      }
      let line = next[row] ?? newRow(next);
      cells.forEach((cell, right) => {
        const field = columns[start.column + right];
        if (!field) {
          if (cell.trim()) out.cells += 1;
          return;
        }
        covered.add(`${row} ${field.name}`);
        if (field.references) {
          if (cell.trim()) wanted.push({ row, field, text: cell });
          return;
        }
        const value = valueOf(meta, field, cell);
        if (readOnly?.(line, field)) {
          if (cell.trim() && !same(value, line[field.name])) missed.push({ row, field, text: cell, why: "locked" });
          return;
        }
        if (value === UNKNOWN) missed.push({ row, field, text: cell, why: "unknown" });
        line = derive({ ...line, [field.name]: value === UNKNOWN ? emptied(field) : value }, field);
      });
      next[row] = line;
    });
    const beside = new Map(wanted.map((one) => [one, next[one.row]]));
    keep(({ row, field }) => !covered.has(`${row} ${field.name}`));
    searching.current = [...searching.current, ...wanted];
    setUnplaced((before) => [...before, ...missed]);
    setLeft(out);
    commit(next);

    const answerOf = await find(wanted);
    const resolved = [...latest.current];
    const vain: Unplaced[] = [];
    let failure = "";
    for (const one of wanted) {
      const line = resolved[one.row];
      if (!line || !searching.current.includes(one)) continue;
      const answer = answerOf(one);
      const picked = answer.status === "fulfilled" ? answer.value : undefined;
      if (answer.status === "rejected") failure = sentenceOf(answer.reason).title;
      const locked = readOnly?.(line, one.field);
      if (!picked || locked) vain.push({ ...one, why: locked ? "locked" : answer.status === "rejected" ? "failed" : "unknown" });
      if (locked) continue;
      if (picked) resolved[one.row] = keepPasted(beside.get(one)!, line, derive({ ...line, [one.field.name]: picked.id }, one.field, picked));
      else if (line[one.field.name]) resolved[one.row] = derive({ ...line, [one.field.name]: "" }, one.field);
    }
    searching.current = searching.current.filter((one) => !wanted.includes(one));
    if (wanted.length === 0) return;
    commit(resolved);
    setUnplaced((before) => [...before, ...vain]);
    setLeft((before) => ({ ...before, failure }));
  };

  const shown = unplaced.filter(({ row }) => row < latest.current.length);
  const failed = shown.filter(({ why }) => why === "failed").length;
  const textOf = ({ text, why }: Unplaced) => (why === "locked" ? t("lines.pastedLocked", { text }) : why === "failed" ? t("lines.pastedFailed", { text }) : t("lines.notFound", { text }));
  return {
    paste,
    errors: Object.fromEntries(shown.map((one) => [`${prefix}[${one.row}].${one.field.name}`, textOf(one)])),
    /** What is told of it all. */
    told: [
      ...(shown.length > 0 ? [t("lines.pastedCells", { count: shown.length })] : []),
      ...(failed > 0 ? [t("lines.pastedSearches", { count: failed, error: left.failure })] : []),
      ...(left.rows > 0 ? [t("lines.pastedRows", { count: left.rows, max: left.max })] : []),
      ...(left.cells > 0 ? [t("lines.pastedBeyond", { count: left.cells })] : []),
    ],
    /** Somebody wrote in the cell. */
    written: (at: number, name: string) => keep(({ row, field }) => row !== at || field.name !== name),
    inserted: (at: number) => shift(at, 1),
    removed: (at: number) => {
      keep(({ row }) => row !== at);
      shift(at, -1);
    },
    clear: () => {
      setUnplaced([]);
      setLeft({ rows: 0, cells: 0, max: 0, failure: "" });
    },
  };
}

function emptied(field: Field): unknown {
  return field.type === "bool" ? false : "";
}

/** What was pasted beside a record, or written there since, wins over what the record would fill in. */
function keepPasted(pasted: Values, line: Values, derived: Values): Values {
  const kept = Object.entries(pasted).filter(([, value]) => value !== "" && value !== undefined && value !== null).map(([name]) => [name, line[name]]);
  return { ...derived, ...Object.fromEntries(kept), ...Object.fromEntries(Object.entries(derived).filter(([name]) => /Id$|^kind$/.test(name))) };
}
