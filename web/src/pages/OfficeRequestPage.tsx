import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { routeOf } from "@/app/links";
import { notifyError, notifySuccess } from "@/app/notify";
import type { DocumentMeta, Row } from "@/contract/meta";
import GenericDetail from "@/documents/GenericDetail";
import { FilesOf } from "@/forms/FieldFiles";
import { FormValues } from "@/forms/FormFields";
import type { FormVersion, TypedValues } from "@/forms/typed";
import { ApprovalPath } from "./ApprovalPath";
import { Whereabouts } from "./Whereabouts";
import { useSubmit } from "./useSubmit";

const ASIDE = ["formId", "formCode", "formVersion", "values", "form", "hiddenKeys", "names", "waitingOnIds", "waitingSinceTime", "caseId", "outcomeNote", "submission"];
const OWNERS = ["DRAFT", "RETURNED", "WITHDRAWN"];

/** A request as it was filled in: where it is, with whom, since when. */
export default function OfficeRequestPage({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const { submit, dialog } = useSubmit(document, () => notifySuccess(t("requisition.submitted")), notifyError);
  return (
    <>
      <GenericDetail
        document={document} without={ASIDE} own={(row) => ({ submit: () => void submit(row) })}
        next={(action, answer) => (action === "copy" ? `${routeOf(document, answer.id)}/edit` : undefined)}
        notes={(row) => (
          <>
            <Whereabouts row={row} />
            <RequestContent row={row} />
          </>
        )}
        side={(row) => OWNERS.includes(String(row.state)) && <ApprovalPath document={document} id={row.id} version={row.etag} />}
      />
      {dialog}
    </>
  );
}

/** What was filled in. */
export function RequestContent({ row }: { row: Row }) {
  const form = row.form as FormVersion | undefined;
  const owner = useMemo(() => ({ documentType: "approval.office_request", documentId: row.id, version: row.etag }), [row.id, row.etag]);
  return form ? <FilesOf value={owner}><FormValues form={form} values={(row.values ?? {}) as TypedValues} hidden={(row.hiddenKeys ?? []) as string[]} /></FilesOf> : null;
}
