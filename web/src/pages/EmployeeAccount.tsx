import { Alert, Button, Skeleton } from "antd";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { callMethod } from "@/api/documents";
import { useCan } from "@/api/me";
import { sentenceOf } from "@/app/notify";
import { timeText } from "@/contract/format";
import { methodOf, type DocumentMeta, type Method, type Row } from "@/contract/meta";
import { ActionBar, withActions } from "@/documents/ActionBar";

export const ACCOUNT_ACTIONS = ["unlock", "reset_password", "reset_second_factor"];
/** How often a locked account is looked at: it is opened beside the page. */
const LOCKED_MS = 3_000;

interface Standing {
  found: boolean;
  locked: boolean;
  failureCount: number;
  lastFailureTime?: string;
  twoSteps: boolean;
  passwordTemporary: boolean;
}

/** How the sign-in account stands in Keycloak, for whoever helps people with it. */
export function EmployeeAccount({ document, row }: { document: DocumentMeta; row: Row }) {
  const method = methodOf(document, "inspectAccount");
  const can = useCan();
  return method && can(method) ? <Account document={document} method={method} row={row} /> : null;
}

function Account({ document, method, row }: { document: DocumentMeta; method: Method; row: Row }) {
  const { t } = useTranslation();
  const { data, error, refetch } = useQuery({
    // what was done about it changes the row
    queryKey: [document.key, "inspectAccount", context.company, row.id, row.etag, row.accountState],
    queryFn: () => callMethod<Standing>(method, row.id, {}),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => (state.data?.locked ? LOCKED_MS : false),
    meta: { shown: true },
  });
  return (
    <section className="card" aria-label={t("account.title")}>
      <h2>{t("account.title")} <Button type="link" size="small" onClick={() => void refetch()}>{t("account.again")}</Button></h2>
      {error ? <p className="field-error" role="alert">{sentenceOf(error).title}</p> : !data ? <Skeleton active title={false} paragraph={{ rows: 1 }} /> : <Said standing={data} />}
      <ActionBar document={document} row={withActions(row, (name) => ACCOUNT_ACTIONS.includes(name))} />
    </section>
  );
}

function Said({ standing }: { standing: Standing }) {
  const { t } = useTranslation();
  if (!standing.found) return <p className="quiet">{t("account.none")}</p>;
  return (
    <>
      {standing.locked && <Alert className="note" type="warning" showIcon title={t("account.locked")} description={t("account.unlock")} />}
      <ul className="plain-list">
        {standing.failureCount > 0 && <li>{t("account.failures", { count: standing.failureCount, time: standing.lastFailureTime ? timeText(standing.lastFailureTime) : "" })}</li>}
        <li>{standing.twoSteps ? t("account.twoSteps") : t("account.oneStep")}</li>
        {standing.passwordTemporary && <li>{t("account.temporary")}</li>}
      </ul>
    </>
  );
}
