import { Empty, Skeleton, Switch } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { AppLink } from "@/app/links";
import { timeText } from "@/contract/format";
import { useMeta } from "@/contract/useMeta";
import { PageProblem } from "@/documents/PageProblem";
import { TableScroll } from "@/documents/TableScroll";
import { inOrder, servicesOf, type TraceSpan } from "./traceTree";

interface TraceOfDocument {
  traceId: string;
  createTime: string;
  method: string;
}

/** What happened in one action, step by step: of a document the traces that changed it, of a trace its waterfall. */
export default function Traces() {
  const { t } = useTranslation();
  const meta = useMeta();
  const [params] = useSearchParams();
  const document = params.get("document") ?? "";
  const service = params.get("service") ?? meta.services[0]?.name ?? "";
  const { data, error } = useQuery({
    queryKey: ["platform.traces", service, document],
    queryFn: () => call<{ traces: TraceOfDocument[] }>("GET", `/v1/${service}/operations/documents/${document}/traces`),
    enabled: document !== "",
  });
  const trace = params.get("trace") ?? data?.traces[0]?.traceId ?? "";
  if (problemOf({ data, error })) return <PageProblem error={error} />;
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("trace.title")}</h1>
        <AppLink to="/platform/operations">{t("operations.title")}</AppLink>
      </header>
      <p className="quiet lead">{t("trace.help")}</p>
      {data && (
        <section className="card" aria-label={t("operations.document")}>
          {data.traces.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("trace.none")} />}
          <ul className="trace-list">
            {data.traces.map(({ traceId, createTime, method }) => (
              <li key={`${traceId} ${createTime}`}>
                <AppLink to={`/platform/traces?service=${service}&document=${document}&trace=${traceId}`} className={traceId === trace ? "here" : ""}>
                  <time dateTime={createTime}>{timeText(createTime)}</time> {method}
                </AppLink>
              </li>
            ))}
          </ul>
        </section>
      )}
      {trace && <Waterfall key={trace} service={service} id={trace} />}
    </section>
  );
}

function Waterfall({ service, id }: { service: string; id: string }) {
  const { t } = useTranslation();
  const [statements, setStatements] = useState(false);
  const { data, error } = useQuery({
    queryKey: ["platform.trace", id],
    queryFn: () => call<{ spans: TraceSpan[] }>("GET", `/v1/${service}/operations/traces/${id}`),
  });
  if (problemOf({ data, error })) return <PageProblem error={error} />;
  if (!data) return <Skeleton active />;
  const traces = [...new Set([id, ...data.spans.map(({ traceId }) => traceId)])];
  const services = servicesOf(data.spans);
  return (
    <>
      <label className="trace-switch">
        <Switch size="small" checked={statements} onChange={setStatements} aria-label={t("trace.sql")} /> {t("trace.sql")}
      </label>
      {traces.map((one) => {
        const spans = data.spans.filter(({ traceId }) => traceId === one);
        const title = one === id ? t("trace.chosen", { id: one }) : t("trace.linked", { id: one });
        return spans.length > 0 && (
          <section key={one} className="card" aria-label={title}>
            <h2>{title}</h2>
            <ol className="legend">{services.map((name, index) => <li key={name}><span className={`swatch s${index % 6}`} aria-hidden="true" />{name}</li>)}</ol>
            <TableScroll label={title}><Steps spans={spans} services={services} statements={statements} /></TableScroll>
          </section>
        );
      })}
    </>
  );
}

function Steps({ spans, services, statements }: { spans: TraceSpan[]; services: string[]; statements: boolean }) {
  const { t } = useTranslation();
  const whole = Math.max(1, ...spans.map(({ beginMicros, durationMicros }) => beginMicros + durationMicros));
  return (
    <table className="waterfall">
      <thead>
        <tr><th scope="col">{t("trace.step")}</th><th scope="col">{t("operations.service")}</th><th scope="col">{t("trace.timeline")}</th><th scope="col" className="number">{t("trace.duration")}</th></tr>
      </thead>
      <tbody>
        {inOrder(spans).filter(({ span }) => statements || span.kind !== "sql").map(({ span, depth }) => {
          const [from, took] = [(span.beginMicros / 1000).toFixed(1), (span.durationMicros / 1000).toFixed(1)];
          return (
            <tr key={span.spanId}>
              <th scope="row" title={Object.entries(span.attributes).map(([name, value]) => `${name} ${value}`).join("\n")}>
                <span className={span.kind === "sql" ? "step quiet" : "step"} style={{ paddingLeft: depth * 14 }}>{span.name}</span>
                {span.error && <span className="worse"> {span.error}</span>}
              </th>
              <td>{span.service}</td>
              <td className="lane"><span className={`bar s${services.indexOf(span.service) % 6}`} role="img" aria-label={t("trace.bar", { from, took })} style={{ left: `${(span.beginMicros / whole) * 100}%`, width: `${Math.max(0.3, (span.durationMicros / whole) * 100)}%` }} /></td>
              <td className="number">{t("operations.millis", { count: Number(took) })}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
