/** What a requisition line takes from the item that was picked, and when a line is complete enough to be kept by the server. */
import { linePreview } from "@/contract/decimal";
import type { Field, Row } from "@/contract/meta";
import type { Values } from "@/documents/formValues";

const TYPED_FIRST = ["itemId", "description", "specification", "quantity", "unitId", "unitText", "unitPrice", "taxRate"];
const USUAL_RATE: Record<string, string> = { ITEM: "0.13", FREE_TEXT: "0.13", SERVICE: "0.06" };

/** Columns in the order in which a line is thought of. */
export function orderColumns(fields: Field[]): Field[] {
  const rank = ({ name }: Field) => (TYPED_FIRST.includes(name) ? TYPED_FIRST.indexOf(name) : TYPED_FIRST.length);
  return fields.toSorted((a, b) => rank(a) - rank(b));
}

export function deriveLine(line: Values, field: Field, picked: Row | undefined, rateOfCategory: (id: string) => string): Values {
  if (field.name === "itemId") {
    if (!line.itemId) return { ...line, kind: "FREE_TEXT", unitId: "" };
    if (!picked) return { ...line, kind: "ITEM" };
    const rate = String(picked.taxRate || rateOfCategory(String(picked.categoryId)) || USUAL_RATE.ITEM);
    return {
      ...line, kind: "ITEM", description: picked.name, specification: picked.specification ?? "", categoryId: picked.categoryId, unitId: picked.baseUnitId, unitText: "",
      unitPrice: picked.standardPrice ?? "", taxRate: rate,
    };
  }
  if (field.name === "kind") return { ...line, taxRate: USUAL_RATE[String(line.kind)] ?? line.taxRate, ...(line.kind === "ITEM" ? {} : { itemId: "", unitId: "" }) };
  if (!line.kind && field.name === "description") return { ...line, kind: "FREE_TEXT", taxRate: line.taxRate || USUAL_RATE.FREE_TEXT };
  return line;
}

/** The unit is picked with an item and written where there is none. */
export function isLocked(line: Values, field: Field): boolean {
  return field.name === "unitText" ? Boolean(line.itemId) : field.name === "unitId" ? !line.itemId : false;
}

export function isBlank(line: Values): boolean {
  return !line.itemId && !line.description && !line.quantity;
}

/** Lines at the end in which nothing stands are not sent. */
export function withoutBlankEnd(lines: Values[]): Values[] {
  const last = lines.findLastIndex((line) => !isBlank(line));
  return lines.slice(0, last + 1);
}

/** The first line that misses something required, and what. */
export function incompleteLine(lines: Values[], fields: Field[]): { line: number; field: Field } | undefined {
  const required = fields.filter((field) => field.required && !field.readOnly);
  for (const [index, line] of lines.entries()) {
    const field = required.find(({ name }) => line[name] === undefined || line[name] === "");
    if (field) return { line: index + 1, field };
  }
  return undefined;
}

export function amountOf(line: Values): string {
  if (!line.quantity || !line.unitPrice) return "";
  return linePreview(String(line.quantity), String(line.unitPrice), String(line.taxRate ?? "")).amount;
}
