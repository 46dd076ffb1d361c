import { useTranslation } from "react-i18next";
import { useMeta } from "@/contract/useMeta";
import { Reference } from "@/documents/Reference";
import { TableScroll } from "@/documents/TableScroll";
import { kindOf, wordsIn, type TypedField } from "@/contract/typedFields";
import { FilesValue } from "./FieldFiles";
import { isEmpty, shownText, type TypedValues } from "./typed";

const NAMED: Record<string, string> = { PERSON: "identity.employee", DEPARTMENT: "identity.department" };

/** A value of a designed form, to be read. */
export function TypedValue({ field, value }: { field: TypedField; value: unknown }) {
  const { t, i18n } = useTranslation();
  const meta = useMeta();
  if (isEmpty(value)) return <>—</>;
  const kind = kindOf(field);
  const document = kind === "REFERENCE" ? (field.documentType ?? "") : NAMED[kind];
  if (document && meta.documents[document]) return <Reference document={document} id={String(value)} plain={kind !== "REFERENCE"} />;
  if (kind === "ATTACHMENT") return <FilesValue field={field} value={value} />;
  if (kind === "TABLE") return <RowsTable field={field} rows={value as TypedValues[]} />;
  const text = shownText(field, value, i18n.language, [t("value.yes"), t("value.no")]);
  return <span className={kind === "NUMBER" || kind === "AMOUNT" ? "figure" : kind === "LONG_TEXT" ? "long-text" : undefined}>{text}</span>;
}

function RowsTable({ field, rows }: { field: TypedField; rows: TypedValues[] }) {
  const { i18n } = useTranslation();
  const columns = field.columns ?? [];
  return (
    <TableScroll label={wordsIn(field.label, i18n.language)}>
      <table className="plain-table">
        <thead><tr>{columns.map((column) => <th key={column.key} scope="col">{wordsIn(column.label, i18n.language)}</th>)}</tr></thead>
        <tbody>{rows.map((row, index) => <tr key={index}>{columns.map((column) => <td key={column.key}><TypedValue field={column} value={row[column.key]} /></td>)}</tr>)}</tbody>
      </table>
    </TableScroll>
  );
}
