import { Alert, Button } from "antd";
import { useTranslation } from "react-i18next";
import { timeText } from "@/contract/format";
import { fieldOf, type DocumentMeta } from "@/contract/meta";
import { sentenceOf } from "@/app/notify";
import { FieldValue } from "./FieldValue";
import type { Editing } from "./useEditing";

/** What stands above a form: a draft of this device, a refusal, a conflict field by field. */
export function EditingNotes({ document, editing }: { document: DocumentMeta; editing: Editing }) {
  const { t } = useTranslation();
  const { draft, conflict, refusal } = editing;
  const refused = refusal && !conflict ? sentenceOf(refusal) : undefined;
  const elsewhere = Object.entries(editing.errors).filter(([path]) => !fieldOf(document, path.split(/[.[]/)[0]));
  return (
    <>
      {draft && (
        <Alert
          className="note" type="info" showIcon title={t("form.localDraft", { time: timeText(draft.time) })}
          action={
            <span className="note-actions">
              <Button size="small" onClick={editing.restoreDraft}>{t("form.restoreDraft")}</Button>
              <Button size="small" type="text" onClick={editing.discardDraft}>{t("form.discardDraft")}</Button>
            </span>
          }
        />
      )}
      {refused && (
        <Alert
          className="note" type="error" showIcon title={refused.title} closable={{ onClose: editing.clearRefusal }}
          description={elsewhere.length > 0 ? elsewhere.map(([, text]) => text).join(" ") : Object.keys(editing.errors).length > 0 ? t("form.seeFields") : refused.description}
        />
      )}
      {conflict && <ConflictTable document={document} editing={editing} />}
    </>
  );
}

/** Two people changed the same fields: each is decided by hand, nothing is lost. */
function ConflictTable({ document, editing }: { document: DocumentMeta; editing: Editing }) {
  const { t } = useTranslation();
  const { conflict, values, resolve } = editing;
  return (
    <Alert
      className="note" type="warning" showIcon title={t("conflict.title")}
      description={
        <table className="conflict">
          <thead>
            <tr>
              <th scope="col">{t("conflict.field")}</th>
              <th scope="col">{t("conflict.mine")}</th>
              <th scope="col">{t("conflict.theirs")}</th>
            </tr>
          </thead>
          <tbody>
            {conflict!.fields.map((name) => {
              const field = fieldOf(document, name);
              if (!field) return null;
              const sides = [{ key: "mine", value: values[name], text: t("conflict.keepMine") }, { key: "theirs", value: conflict!.theirs[name], text: t("conflict.takeTheirs") }];
              return (
                <tr key={name}>
                  <th scope="row">{field.label}</th>
                  {sides.map(({ key, value, text }) => (
                    <td key={key}>
                      <FieldValue field={field} value={value} plain />
                      <Button size="small" onClick={() => resolve(name, value)}>{text}</Button>
                    </td>
                  ))}
                </tr>
              );
            })}
          </tbody>
        </table>
      }
    />
  );
}
