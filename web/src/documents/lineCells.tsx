import type { Field } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { AppLink, routeOf } from "@/app/links";
import { Reference } from "./Reference";
import type { Values } from "./formValues";

const FIRST = ["lineNumber", "description", "specification", "quantity", "unitId", "unitPrice", "taxRate", "amount", "state", "orderNumber", "needDate", "promisedDate", "sources"];
/** Said by another column: the item by its description, the unit in words by the unit. */
const MERGED = new Set(["itemId", "unitText"]);

/** Columns of lines that buy something, in the order in which they are read. */
export function lineColumns(fields: Field[], without: string[]): Field[] {
  const rank = ({ name }: Field) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return fields.filter(({ name }) => !MERGED.has(name) && !without.includes(name)).toSorted((a, b) => rank(a) - rank(b));
}

/** The description leads to its item; the unit is the item's, or as it was written. */
export function useLineCells() {
  const items = useDocumentMeta("inventory.item");
  return {
    description: (line: Values) => {
      const text = <span className={line.cancelled ? "struck" : undefined}>{String(line.description ?? "")}</span>;
      return line.itemId ? <AppLink to={routeOf(items, String(line.itemId))}>{text}</AppLink> : text;
    },
    unitId: (line: Values) => (line.unitId ? <Reference document="inventory.unit" id={String(line.unitId)} plain /> : String(line.unitText ?? "")),
  };
}
