import { useTranslation } from "react-i18next";
import { isCustom } from "@/contract/customFields";
import type { DocumentMeta, Field } from "@/contract/meta";
import type { FieldDifference } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { FieldValue } from "./FieldValue";
import { pathField } from "./paths";

/** What was changed with a decision: each field as it was and as it is, and why. */
export function FieldDifferences({ document, changes }: { document: DocumentMeta | undefined; changes: FieldDifference[] }) {
  const { t } = useTranslation();
  const meta = useMeta();
  return (
    <div className="field-differences">
      {changes.map((change, index) => {
        const known = document && pathField(meta, document, change.path);
        const refused = known?.field.repeated === true && !isCustom(known.field);
        const said = (field: Field, text: string): unknown => (field.type === "bool" ? text === "true" : isCustom(field) && (field.repeated || field.type === "range") ? JSON.parse(text) : text);
        const value = (text: string) => (text === "" ? "—" : known ? <FieldValue field={known.field} value={said(known.field, text)} plain /> : text);
        return (
          <p key={index}>
            {change.lineNumber > 0 && <strong>{change.lineNumber}. {change.lineTitle} </strong>}
            {refused ? <span className="wrong">{t("approval.lineRefused")}</span> : <span>{known?.field.label ?? (change.lineTitle || change.path)}: <s>{value(change.before)}</s> → {value(change.after)}</span>}
            {change.reason && <q>{change.reason}</q>}
          </p>
        );
      })}
    </div>
  );
}
