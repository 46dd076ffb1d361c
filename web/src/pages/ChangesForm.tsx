import { Checkbox, Form, Input } from "antd";
import { useId } from "react";
import { useTranslation } from "react-i18next";
import { decimalText } from "@/contract/format";
import { isZero } from "@/contract/decimal";
import { isCustom } from "@/contract/customFields";
import type { DocumentMeta, Row } from "@/contract/meta";
import type { FieldChange, Task } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { FieldInput } from "@/documents/FieldInput";
import { holdersOf, inLines, lineAbout, lineIdOf, pathField, pathLabel, type PathField } from "@/documents/paths";
import type { Values } from "@/documents/formValues";
import { OneField } from "@/forms/FormFields";
import { changeText, valueOfChange, type FormVersion, type TypedValues } from "@/forms/typed";
import { linesToCut, type Changes, type Lines } from "./changes";

interface Props {
  task: Task;
  about: DocumentMeta;
  record: Row;
  changes: Changes;
  onChange: (changes: Changes) => void;
}

/** What an approver changes with the decision, as far as the step lets: fields to fill in, less of a line, no line. */
export function ChangesForm({ task, about, record, changes, onChange }: Props) {
  const { t } = useTranslation();
  const meta = useMeta();
  const written = task.fieldRights.filter(({ right }) => right === "WRITE" || right === "REQUIRED");
  const put = (change: FieldChange) => onChange({ ...changes, [`${change.path}/${change.lineId ?? ""}`]: change });
  const fields = written.filter(({ path }) => !path.startsWith("values.")).map(({ path, right }) => ({ required: right === "REQUIRED", known: pathField(meta, about, path) })).filter(({ known }) => known !== undefined);
  const lines = linesToCut(meta, task, about, record);
  const value = (path: string, lineId: string | undefined, now: unknown) => changes[`${path}/${lineId ?? ""}`]?.value ?? (now === null || now === undefined ? "" : String(now));
  // fields of a designed form, which the request knows
  const form = record.form as FormVersion | undefined;
  const typed = written.flatMap(({ path, right }) => {
    const field = form?.fields.find(({ key }) => `values.${key}` === path);
    return field ? [{ path, field, required: right === "REQUIRED" }] : [];
  });
  const before = (record.values ?? {}) as TypedValues;
  return (
    <>
      {typed.map(({ path, field, required }) => (
        <OneField
          key={path} field={field} required={required} errors={{}} value={`${path}/` in changes ? valueOfChange(field, changes[`${path}/`].value) : before[field.key]}
          onChange={(next) => put({ path, value: changeText(next) })}
        />
      ))}
      {fields.flatMap(({ known, required }) => rowsOf(known!, record).map(({ row, lineId, label }) => (
        <WrittenField key={`${known!.path}/${lineId ?? ""}`} known={known!} label={label} required={required} value={value(known!.path, lineId, row[known!.field.name])} onChange={(text) => put({ path: known!.path, ...(lineId ? { lineId } : {}), value: text })} />
      )))}
      {lines && (
        <fieldset className="cut-lines">
          <legend>{t("approval.cutLines")}</legend>
          {lines.rows.map((line) => <CutLine key={line.id} line={line} lines={lines} changes={changes} onChange={onChange} />)}
        </fieldset>
      )}
    </>
  );
}

/** Of a field of lines one for each line. */
function rowsOf(known: PathField, record: Row): { row: Values; lineId?: string; label: string }[] {
  if (isCustom(known.field)) return [{ row: record, label: pathLabel(known) }];
  const holders = holdersOf(record, known.path);
  if (!inLines(known)) return holders.map((row) => ({ row, label: pathLabel(known) }));
  return holders.map((row, index) => ({ row, lineId: lineIdOf(row), label: `${index + 1}. ${String(lineAbout(record, row)?.description ?? "")} ${known.field.label}` }));
}

function WrittenField({ known, label, required, value, onChange }: { known: PathField; label: string; required: boolean; value: string; onChange: (text: string) => void }) {
  const id = useId();
  return (
    <Form.Item label={label} htmlFor={id} required={required}>
      <FieldInput id={id} field={{ ...known.field, label, required }} value={value} invalid={false} onChange={(next) => onChange(String(next ?? ""))} />
    </Form.Item>
  );
}

function CutLine({ line, lines, changes, onChange }: { line: Lines["rows"][number]; lines: Lines; changes: Changes; onChange: (changes: Changes) => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const id = useId();
  const known = pathField(meta, lines.document, lines.cut)!;
  const cutKey = `${lines.cut}/${line.id}`;
  const refuseKey = `${lines.part}/${line.id}`;
  const refused = changes[refuseKey];
  const cut = changes[cutKey];
  const change = refused ?? cut;
  const { title: name, now } = line;
  const set = (next: FieldChange | undefined) => {
    const others = Object.fromEntries(Object.entries(changes).filter(([key]) => key !== cutKey && key !== refuseKey));
    onChange(next ? { ...others, [`${next.path}/${line.id}`]: next } : others);
  };
  const reason = change?.reason ?? "";
  return (
    <div className="cut-line" role="group" aria-label={name}>
      <p><strong>{name}</strong> <small>{now ? t("approval.askedFor", { quantity: decimalText(known.field, now) }) : t("approval.askedToCancel")}</small></p>
      <span className="cut-inputs">
        <FieldInput
          id={id} field={{ ...known.field, label: `${name} ${known.field.label}`, required: false }} value={cut?.value ?? now} invalid={false} disabled={refused !== undefined || !now}
          onChange={(next) => set(String(next ?? "") === now || isZero(String(next ?? "0") || "0") ? undefined : { path: lines.cut, lineId: line.id, value: String(next), reason })}
        />
        <Checkbox checked={refused !== undefined} onChange={({ target }) => set(target.checked ? { path: lines.part, lineId: line.id, value: "", reason } : undefined)}>{t("approval.refuseLine")}</Checkbox>
      </span>
      {change && <Input value={reason} maxLength={200} required aria-required aria-label={`${name} ${t("approval.cutReason")}`} placeholder={t("approval.cutReason")} onChange={({ target }) => set({ ...change, reason: target.value })} />}
    </div>
  );
}
