import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { lasting } from "@/contract/format";
import type { Row } from "@/contract/meta";
import { References } from "@/documents/Reference";

/** With whom a document is that asked for agreement, since when; or what was said of it at the end. */
export function Whereabouts({ row }: { row: Row }) {
  const { t } = useTranslation();
  const waitingOn = (row.waitingOnIds ?? []) as string[];
  if (row.state === "SUBMITTED" && waitingOn.length > 0) {
    return (
      <Alert
        className="note" type="info" showIcon
        title={<span>{t("portal.waitingOn")} <References document="identity.employee" ids={waitingOn} plain /> {row.waitingSinceTime ? t("timeline.since", { time: lasting(String(row.waitingSinceTime)) }) : null}</span>}
      />
    );
  }
  if (row.outcomeNote) return <Alert className="note" type={row.state === "REJECTED" ? "error" : "warning"} showIcon title={String(row.outcomeNote)} />;
  return null;
}
