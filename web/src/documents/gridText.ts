/** Cells as text: what stands in a cell, and what a person typed or pasted into one. */
import type { QueryClient } from "@tanstack/react-query";
import { fetchList } from "@/api/documents";
import { context } from "@/api/context";
import { fromPercent, tidyNumber, toPercent, trim } from "@/contract/decimal";
import { isRate } from "@/contract/format";
import { enumValues, unrecorded, type Field, type Meta, type Row } from "@/contract/meta";

/** The value as it is typed. */
export function typedText(field: Field, value: unknown): string {
  const text = value === undefined || value === null ? "" : String(value);
  if (field.type !== "decimal") return text;
  return isRate(field) ? toPercent(text) : trim(text);
}

/** `2026/1/3`, `2026.01.03` and `20260103` are the same day. */
function day(text: string): string {
  const match = /^(\d{4})\D?(\d{1,2})\D?(\d{1,2})\D?$/.exec(text.trim());
  return match ? `${match[1]}-${match[2].padStart(2, "0")}-${match[3].padStart(2, "0")}` : text.trim();
}

/** Said where a text is none of the values that a cell can have. */
export const UNKNOWN = Symbol("unknown");

export function valueOf(meta: Meta, field: Field, text: string): unknown {
  switch (field.type) {
    case "decimal": {
      const number = tidyNumber(text);
      return isRate(field) ? fromPercent(number) : number;
    }
    case "int":
      return /^-?\d+$/.test(tidyNumber(text)) ? Number(tidyNumber(text)) : text === "" ? undefined : text;
    case "date":
      return day(text);
    case "bool":
      return /^(1|true|yes|y|是|√|✓)$/i.test(text.trim()) || (/^(0|false|no|n|否|×|✗)?$/i.test(text.trim()) ? false : UNKNOWN);
    case "enum":
      return enumValues(meta, field.enum).find(({ name, label }) => name === text.trim() || label === text.trim())?.name ?? (text.trim() ? UNKNOWN : "");
    default:
      return text.replace(/[\r\n\t]+/g, " ").trim();
  }
}

/** Rows and cells of a block copied from a spreadsheet; a quoted cell may hold line breaks. */
export function parseBlock(text: string): string[][] {
  const rows: string[][] = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    const row = rows[rows.length - 1];
    if (letter === '"' && (quoted || row[row.length - 1] === "")) {
      if (quoted && text[at + 1] === '"') {
        row[row.length - 1] += '"';
        at += 1;
      } else quoted = !quoted;
    } else if (letter === "\t" && !quoted) row.push("");
    else if (letter === "\n" && !quoted) rows.push([""]);
    else if (letter !== "\r") row[row.length - 1] += letter;
  }
  const last = rows[rows.length - 1];
  if (rows.length > 1 && last.length === 1 && last[0] === "") rows.pop();
  return rows;
}

/** The record that a pasted code or name means; nothing where it is not certain. */
export async function findReference(client: QueryClient, meta: Meta, key: string, text: string): Promise<Row | undefined> {
  const document = meta.documents[key];
  const wanted = text.trim();
  if (!wanted) return undefined;
  const { rows } = await client.fetchQuery({
    queryKey: [key, "paste", context.company, { text: wanted }],
    queryFn: () => fetchList(document, { search: wanted, pageSize: 5, fields: unrecorded(document) }),
    staleTime: 60_000,
  });
  const exact = rows.filter((row) => ["code", "number", "name"].some((name) => row[name] === wanted));
  return exact.length === 1 ? exact[0] : exact.length === 0 && rows.length === 1 ? rows[0] : undefined;
}
