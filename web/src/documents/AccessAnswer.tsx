import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { AppLink } from "@/app/links";
import { timeText } from "@/contract/format";
import { enumLabel, type Meta } from "@/contract/meta";
import type { AccessExplanation, AccessRight } from "@/contract/types";
import { useMeta } from "@/contract/useMeta";
import { Reference, References } from "./Reference";

const SCOPE = "Grant.Scope";
const MAY = ["ALLOWED", "EVERYBODY"];

/** A permission as the catalogue names it. */
export function permissionLabel(meta: Meta, name: string): string {
  return meta.permissions.find((one) => one.name === name)?.label ?? name;
}

/** One answer to "why": the rule that decided, where it comes from, how far it reaches, and who can change it. */
export function AccessAnswer({ answer, mine = false }: { answer: AccessExplanation; mine?: boolean }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const held = answer.verdict === "ALLOWED" || answer.verdict === "OUT_OF_REACH";
  return (
    <div className="access-answer">
      <h3>{permissionLabel(meta, answer.permission)}</h3>
      <Alert className="note" type={MAY.includes(answer.verdict) ? "success" : "warning"} showIcon title={enumLabel(meta, "AccessExplanation.Verdict", answer.verdict)} description={<Rule answer={answer} mine={mine} />} />
      {answer.rights.length > 0 && (
        <>
          <h4>{held ? t("why.from") : t("why.wouldCome")}</h4>
          <ul className="plain-list rights">
            {answer.rights.map((right, index) => <li key={index}><RightLine right={right} /></li>)}
          </ul>
        </>
      )}
      {held && (
        <>
          <h4>{t("why.reach")}</h4>
          <p>{enumLabel(meta, SCOPE, answer.scope)} {answer.departmentIds.length > 0 && <References document="identity.department" ids={answer.departmentIds} plain />}</p>
        </>
      )}
      <h4>{t("why.help")}</h4>
      {answer.helpers.length > 0
        ? <p><span className="references">{answer.helpers.map(({ employeeId }) => <Reference key={employeeId} document="identity.employee" id={employeeId} plain />)}</span></p>
        : <p className="quiet">{t("why.nobody")}</p>}
    </div>
  );
}

function Rule({ answer, mine }: { answer: AccessExplanation; mine: boolean }) {
  const { t } = useTranslation();
  switch (answer.verdict) {
    case "ALLOWED":
      return mine ? t("why.allowedMine") : t("why.allowed");
    case "OUT_OF_REACH":
      return t("why.outOfReach");
    case "ELSEWHERE":
      return t("why.elsewhere");
    case "NOT_TODAY":
      return t("why.notToday");
    case "DISABLED":
      return t("why.disabled");
    case "EVERYBODY":
      return t("why.everybody");
    case "SERVICES_ONLY":
      return t("why.servicesOnly");
    default:
      return t("why.notHeld");
  }
}

/** A role, how it came, how far it reaches and since when. */
export function RightLine({ right }: { right: AccessRight }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const days = [right.validFromDate, right.validUntilDate].some(Boolean) ? t("why.days", { from: right.validFromDate || "…", until: right.validUntilDate || "…" }) : "";
  return (
    <>
      {right.grantId ? <AppLink to={`/identity/grants/${right.grantId}`}>{right.roleName}</AppLink> : <span title={t("why.everybodysRole")}>{right.roleName}</span>}
      {right.pattern && <> <code>{right.pattern}</code></>}
      <small className="quiet">
        {right.companyId ? <Reference document="identity.company" id={right.companyId} plain /> : t("why.everyCompany")}
        {" · "}{enumLabel(meta, SCOPE, right.scope)}{right.departmentIds.length > 0 && <> <References document="identity.department" ids={right.departmentIds} plain /></>}
        {" · "}{t("why.since", { time: timeText(right.sinceTime) })}{days && ` · ${days}`}
        {!right.grantId && ` · ${t("why.everybodysRole")}`}
      </small>
    </>
  );
}
