import { useTranslation } from "react-i18next";
import { AppLink, inItsCompany, routeOf } from "@/app/links";
import { group } from "@/contract/decimal";
import { ago } from "@/contract/format";
import { fieldOf, type DocumentMeta } from "@/contract/meta";
import type { Case } from "@/contract/types";
import { ActionBar } from "@/documents/ActionBar";
import { References } from "@/documents/Reference";
import { StateTag } from "@/documents/StateTag";

/** One of my requests: where it stands, on whom it waits and since when; they can be urged from here. */
export function CaseCard({ document, row }: { document: DocumentMeta; row: Case }) {
  const { t } = useTranslation();
  const waits = row.state === "RUNNING" && row.waitingOnIds.length > 0;
  const urgeable = row.allowedActions?.includes("urge") && waits;
  return (
    <div className="request">
      <p>
        <AppLink to={inItsCompany(routeOf(document, row.id), row)}>{row.title || row.documentNumber}</AppLink>
        <span className="figure">{group(row.amount || "0", 2)} {row.currency}</span>
      </p>
      <small>
        <StateTag enumName={fieldOf(document, "state")?.enum} value={row.state} /> {row.documentNumber} {row.flowName}{" "}
        {waits ? <span>{t("portal.waitingOn")} <References document="identity.employee" ids={row.waitingOnIds} plain /> {ago(row.waitingSinceTime)}</span> : ago(row.decideTime ?? row.updateTime)}
      </small>
      {urgeable && <ActionBar document={document} row={{ ...row, allowedActions: ["urge"] }} />}
    </div>
  );
}
