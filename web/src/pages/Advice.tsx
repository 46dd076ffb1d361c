import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { AppLink, routeOf } from "@/app/links";
import { group } from "@/contract/decimal";
import { timeText } from "@/contract/format";
import { fieldOf, membersOf, type DocumentMeta } from "@/contract/meta";
import type { CaseAdvice } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { FieldValue } from "@/documents/FieldValue";
import { StateTag } from "@/documents/StateTag";

/** What earlier cases say: facts with numbers, from those that the reader may see. Nothing is proposed. */
export function Advice({ caseId, currency, about }: { caseId: string; currency: string; about?: DocumentMeta }) {
  const { t } = useTranslation();
  const cases = useDocumentMeta("approval.case");
  const { data } = useVerb<CaseAdvice>(cases, "advise", caseId);
  if (!data) return null;
  const money = (amount: string) => `${group(amount, 2)} ${currency}`;
  const ways: Record<string, string> = { supplier_ids: t("advice.supplier"), categories: t("advice.category"), department: t("advice.department") };
  const by = data.similarBy.map((way) => ways[way] ?? way).join(` ${t("flow.or")} `);
  const deviation: Record<string, string> = { HIGH: t("advice.high"), LOW: t("advice.low"), USUAL: t("advice.usual") };
  return (
    <section className="card" aria-label={t("advice.title")}>
      <h2>{t("advice.title")} <span className="count">{t("list.count", { count: data.similarCount })}</span></h2>
      {data.similarCount === 0 ? <p className="quiet">{t("advice.none", { count: data.lookedAt })}</p> : (
        <>
          <p>{t("advice.outcomes", { count: data.similarCount, by, approved: data.approvedCount, rejected: data.rejectedCount, returned: data.returnedCount })}{data.medianHours && <> {t("advice.took", { hours: group(data.medianHours, 0, 1) })}</>}</p>
          {data.thin ? <p className="quiet">{t("advice.thin", { count: data.similarCount })}</p> : (
            <p className={data.deviation === "USUAL" ? undefined : "advice-unusual"}>
              {t("advice.amounts", { median: money(data.medianAmount), lower: money(data.lowerAmount), upper: money(data.upperAmount) })}{" "}
              {data.ofMedianPercent && t("advice.compared", { percent: group(data.ofMedianPercent, 0, 1) })} <strong>{deviation[data.deviation]}</strong>
            </p>
          )}
          <ul className="plain-list">
            {data.cases.map((one) => (
              <li key={one.caseId}>
                <AppLink to={routeOf(cases, one.caseId)}>{one.documentNumber || one.title}</AppLink> {money(one.amount)} <StateTag enumName={fieldOf(cases, "state")?.enum} value={one.state} /> <small className="quiet">{one.title} · {timeText(one.decideTime)}</small>
              </li>
            ))}
          </ul>
        </>
      )}
      {about && data.unusual.length > 0 && <ul className="plain-list">{data.unusual.map((one) => <Unusual key={one.fact + JSON.stringify(one.of)} value={one} about={about} currency={currency} />)}</ul>}
      <p className="quiet">{t("advice.source")}</p>
    </section>
  );
}

/** A value, such as the price of an item, that is further off than it was before. */
function Unusual({ value, about, currency }: { value: CaseAdvice["unusual"][number]; about: DocumentMeta; currency: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const fact = membersOf(meta, about.facts ?? undefined).find(({ protoName }) => protoName === value.fact);
  const members = membersOf(meta, fact?.message);
  const label = members.find(({ protoName }) => protoName === value.field)?.label ?? value.field;
  const figure = (text: string) => `${group(text, 2, 6)} ${currency}`;
  const facts = { field: label, percent: group(value.abovePercent.replace("-", ""), 0, 1), value: figure(value.value), median: figure(value.median), count: value.comparedCount };
  return (
    <li className="advice-unusual">
      {Object.entries(value.of).map(([name, said]) => {
        const field = members.find(({ protoName }) => protoName === name);
        return <strong key={name}>{field ? <FieldValue field={field} value={said} plain /> : said} </strong>;
      })}
      {value.abovePercent.startsWith("-") ? t("advice.below", facts) : t("advice.above", facts)}
    </li>
  );
}
