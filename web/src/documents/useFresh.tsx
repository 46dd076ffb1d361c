/** A dialog about a record that somebody else changes while it is open. */
import { useQueryClient } from "@tanstack/react-query";
import { Alert } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { documentKey, fetchDocument } from "@/api/documents";
import { ApiError } from "@/api/errors";
import { isCustom } from "@/contract/customFields";
import { membersOf, shownFields, type DocumentMeta, type Field, type Meta, type Row } from "@/contract/meta";
import type { FieldDifference } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { FieldDifferences } from "./FieldDifferences";
import { same, type Values } from "./formValues";

/** The record as it stands: `opened` until a sending was refused because it is another by now. `onFresh`: a form that holds all values brings them up to date. */
export function useFresh<T extends Row>(document: DocumentMeta, opened: T, onFresh?: (before: T, theirs: T) => void) {
  const { t } = useTranslation();
  const meta = useMeta();
  const client = useQueryClient();
  const [record, setRecord] = useState(opened);
  /** Does `work`; where that is refused because the record is stale, the record is read again and it is for the person to look and send once more. Fails with every other refusal. */
  const send = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError) || !error.stale) throw error;
      const theirs = await fetchDocument<T>(document, record.id);
      client.setQueryData(documentKey(document, theirs.id), theirs);
      onFresh?.(record, theirs);
      setRecord(theirs);
    }
  };
  const changes = record === opened ? [] : differences(meta, document, opened, record);
  const note: ReactNode = record !== opened && (
    <Alert className="in-dialog" type="warning" showIcon title={t("fresh.title")} description={<>{t("fresh.help")}<FieldDifferences document={document} changes={changes} /></>} />
  );
  return { record, send, changes, note };
}

const NO_LINE = { lineId: "", lineNumber: 0, lineTitle: "" };

/** Which fields of a record, and of its lines by their ids, say something else now. */
export function differences(meta: Meta, document: DocumentMeta, before: Values, after: Values): FieldDifference[] {
  const isLines = (field: Field) => field.type === "message" && field.repeated === true && !isCustom(field) && membersOf(meta, field.message).some(({ name }) => name === "id");
  return shownFields(document.fields).flatMap((field) => {
    const members = field.type === "message" && !field.repeated ? shownFields(membersOf(meta, field.message)) : [];
    if (members.length > 0) return between(members, (before[field.name] ?? {}) as Values, (after[field.name] ?? {}) as Values, NO_LINE, `${field.protoName}.`);
    if (!isLines(field)) return between([field], before, after, NO_LINE);
    const [old, now] = [before, after].map((record) => new Map(((record[field.name] ?? []) as Values[]).map((line) => [String(line.id), line])));
    return [...new Set([...old.keys(), ...now.keys()])].flatMap((id) => {
      const line = now.get(id) ?? old.get(id)!;
      return between(shownFields(membersOf(meta, field.message)), old.get(id) ?? {}, now.get(id) ?? {}, { lineId: id, lineNumber: Number(line.lineNumber ?? 0), lineTitle: String(line.description ?? "") }, `${field.protoName}.`);
    });
  });
}

function between(fields: Field[], before: Values, after: Values, line: Pick<FieldDifference, "lineId" | "lineNumber" | "lineTitle">, prefix = ""): FieldDifference[] {
  return fields.filter(({ name }) => !same(before[name], after[name])).map((field) => {
    // what is not one value is named, and looked at in the record
    const single = isCustom(field) || (!field.repeated && field.type !== "message" && field.type !== "struct");
    const text = (value: unknown) => (value === undefined || value === null || value === "" ? "" : !single ? "…" : typeof value === "object" ? JSON.stringify(value) : String(value));
    return { ...line, path: single ? `${prefix}${field.protoName}` : field.label, before: text(before[field.name]), after: text(after[field.name]), reason: "" };
  });
}
