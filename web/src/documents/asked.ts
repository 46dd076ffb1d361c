import { camel, membersOf, type DocumentMeta, type Meta } from "@/contract/meta";
import type { FieldDifference } from "@/contract/types";
import type { Values } from "./formValues";
import { lineAbout, lineIdOf, pathField } from "./paths";

/** What is asked for in lines of a document, against what they say now; approvers' cuts with their reasons. */
export function askedDifferences(meta: Meta, document: DocumentMeta, record: Values): FieldDifference[] {
  const part = (document.cut ?? "").split(".").slice(0, -1).join(".");
  const known = document.asks ? pathField(meta, document, part) : undefined;
  const asked = (document.asks ? record[camel(document.asks)] : undefined) as Values | null | undefined;
  if (!known || !asked) return [];
  const fields = membersOf(meta, known.field.message).filter(({ agreed, readOnly, immutable }) => agreed && !readOnly && !immutable);
  return ((asked[known.field.name] ?? []) as Values[]).flatMap((line) => {
    const now = lineAbout(record, line);
    const about = { lineId: lineIdOf(line), lineNumber: Number(now?.lineNumber ?? 0), lineTitle: String(now?.description ?? "") };
    const reason = String(line.cutReason ?? "");
    if (line.refused === true) return [{ ...about, path: part, before: "", after: "", reason }];
    return fields.filter(({ name }) => Boolean(line[name]) && line[name] !== now?.[name]).map(({ name, protoName }) => {
      const path = `${part}.${protoName}`;
      return { ...about, path, before: String(now?.[name] ?? ""), after: String(line[name]), reason: path === document.cut ? reason : "" };
    });
  });
}
