import { DownloadOutlined } from "@ant-design/icons";
import { useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { Alert, Button, DatePicker, Dropdown, Empty, Input, Select, Table, Tag } from "antd";
import dayjs from "dayjs";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { call, download, type Query } from "@/api/http";
import { useMe } from "@/api/me";
import { notifyError } from "@/app/notify";
import { instant, timeText } from "@/contract/format";
import { serviceName, type Meta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { actionLabel } from "@/documents/History";
import { MoreButton } from "@/documents/MoreButton";
import { PageProblem } from "@/documents/PageProblem";
import { Reference } from "@/documents/Reference";
import { ReferencePicker } from "@/documents/ReferencePicker";
import { TableScroll } from "@/documents/TableScroll";
import { AuditDrawer, KINDS, OUTCOMES, useAuditWords, type AuditEntry } from "./AuditDrawer";

interface Page {
  entries: AuditEntry[];
  nextPageToken: string;
  unansweredServices: string[];
  retentions: { kind: string; days: number }[];
}

const PATH = "/v1/all/audit-entries";
const PLAIN = ["actorId", "onBehalfId", "actingService", "outcome", "documentType", "document", "companyId", "ipAddress", "traceId"] as const;
const COLUMNS = "createTime,service,kind,outcome,actorId,actingService,onBehalfId,method,documentType,documentTitle,documentCount,companyId,ipAddress,reason,traceId";
const KILO = 1024;
const DAYS_OF_A_YEAR = 365.25;

/** Days of the company's calendar as they are chosen, as the instants between which they lie. */
export function askedOf(params: URLSearchParams): Query {
  const [from, until] = [params.get("from"), params.get("until")];
  return {
    ...Object.fromEntries(PLAIN.map((name) => [name, params.get(name) ?? undefined])),
    kinds: params.get("kinds")?.split(",").filter(Boolean),
    startTime: from ? instant(from, false) : undefined,
    endTime: until ? instant(until, true) : undefined,
  };
}

export function methodLabel(meta: Meta, { method, documentType, service }: AuditEntry): string {
  const document = meta.documents[documentType];
  const last = method.split("/").at(-1) ?? method;
  return meta.texts[`history.${last}`] ?? (document && document.service === service ? actionLabel(meta, document, method) : last).split("/").at(-1)!;
}

/** Who did, saw, took out, or tried what, in all services: one list by time. */
export default function Audit() {
  const { t } = useTranslation();
  const meta = useMeta();
  const words = useAuditWords();
  const { companies } = useMe();
  const [params, setParams] = useSearchParams();
  const [opened, setOpened] = useState<AuditEntry>();
  const asked = askedOf(params);
  const pages = useInfiniteQuery({
    queryKey: ["platform.audit_entry", context.company, asked],
    queryFn: ({ pageParam, signal }) => call<Page>("GET", PATH, { query: { ...asked, pageSize: 50, pageToken: pageParam || undefined }, signal }),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextPageToken || undefined,
  });
  const set = (changes: Record<string, string | undefined>) =>
    setParams((before) => {
      const next = new URLSearchParams(before);
      for (const [name, value] of Object.entries(changes)) {
        if (value) next.set(name, value);
        else next.delete(name);
      }
      return next;
    }, { replace: true });
  const choice = (name: (typeof PLAIN)[number], label: string, options: { value: string; label: string }[]) => (
    <Select aria-label={label} placeholder={label} allowClear value={params.get(name) ?? undefined} options={options} popupMatchSelectWidth={false} onChange={(value?: string) => set({ [name]: value })} />
  );
  const typed = (name: (typeof PLAIN)[number], label: string) => (
    <Input.Search key={`${name} ${params.get(name) ?? ""}`} aria-label={label} placeholder={label} allowClear defaultValue={params.get(name) ?? ""} onSearch={(value) => set({ [name]: value.trim() })} />
  );
  const people = (name: (typeof PLAIN)[number], label: string) => <ReferencePicker document="identity.employee" label={label} placeholder={label} value={params.get(name) ?? undefined} onChange={(id) => set({ [name]: id })} />;
  const entries = pages.data?.pages.flatMap((page) => page.entries) ?? [];
  const silent = [...new Set(pages.data?.pages.flatMap((page) => page.unansweredServices))];
  const kept = pages.data?.pages[0]?.retentions ?? [];
  const [from, until] = [params.get("from"), params.get("until")];
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("audit.title")}</h1>
        <div className="page-tools"><Export asked={asked} /></div>
      </header>
      <p className="quiet lead">{t("audit.help")}</p>
      <search className="audit-filters" aria-label={t("audit.filters")}>
        <DatePicker.RangePicker
          aria-label={t("audit.when")} value={[from ? dayjs(from) : null, until ? dayjs(until) : null]} allowEmpty={[true, true]} format="YYYY-MM-DD"
          onChange={(days) => set({ from: days?.[0]?.format("YYYY-MM-DD"), until: days?.[1]?.format("YYYY-MM-DD") })}
        />
        <Select mode="multiple" aria-label={t("audit.kind")} placeholder={t("audit.kind")} value={params.get("kinds")?.split(",") ?? []} options={KINDS.map((value) => ({ value, label: words.kind(value) }))} popupMatchSelectWidth={false} onChange={(kinds: string[]) => set({ kinds: kinds.join(",") })} />
        {choice("outcome", t("audit.outcome"), OUTCOMES.map((value) => ({ value, label: words.outcome(value) })))}
        {people("actorId", t("audit.who"))}
        {people("onBehalfId", t("audit.onBehalf"))}
        {choice("actingService", t("audit.actingService"), meta.services.map(({ name, title }) => ({ value: name, label: title })))}
        {choice("documentType", t("audit.documentType"), Object.values(meta.documents).map(({ key, title }) => ({ value: key, label: title })))}
        {typed("document", t("audit.document"))}
        {choice("companyId", t("audit.company"), companies.map(({ id, name }) => ({ value: id, label: name })))}
        {typed("ipAddress", t("audit.ip"))}
        {typed("traceId", t("audit.request"))}
        {params.size > 0 && <Button type="link" onClick={() => set(Object.fromEntries([...params.keys()].filter((name) => name !== "company").map((name) => [name, undefined])))}>{t("audit.clear")}</Button>}
      </search>
      {silent.length > 0 && <Alert type="warning" showIcon title={t("audit.unanswered", { services: silent.map((name) => serviceName(meta, name)).join(t("list.comma")) })} action={<Button size="small" onClick={() => void pages.refetch()}>{t("action.retry")}</Button>} />}
      {problemOf(pages) ? (
        <PageProblem error={pages.error} retry={() => void pages.refetch()} />
      ) : (
        <TableScroll busy={pages.isLoading} label={t("audit.title")} tall>
          <Table<AuditEntry>
            size="small" rowKey={({ service, id }) => `${service} ${id}`} pagination={false} dataSource={entries} loading={{ spinning: pages.isLoading, delay: 200 }}
            locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("audit.none")} /> }}
            columns={[
              { title: t("audit.time"), render: (_, entry) => <button type="button" className="link-button" onClick={() => setOpened(entry)}><time dateTime={entry.createTime}>{timeText(entry.createTime)}</time></button> },
              { title: t("audit.who"), render: (_, { actorId, actingService }) => (actorId ? <Reference document="identity.employee" id={actorId} plain /> : actingService ? serviceName(meta, actingService) : t("audit.nobody")) },
              { title: t("audit.kind"), render: (_, { kind }) => words.kind(kind) },
              { title: t("audit.what"), render: (_, entry) => methodLabel(meta, entry) },
              { title: t("audit.document"), render: (_, { documentType, documentTitle, documentCount }) => [meta.documents[documentType]?.title, documentTitle, documentCount > 1 && t("audit.andMore", { count: documentCount - 1 })].filter(Boolean).join(" ") },
              { title: t("audit.outcome"), render: (_, { outcome }) => (outcome === "REFUSED" ? <Tag color="error">{words.outcome(outcome)}</Tag> : words.outcome(outcome)) },
              { title: t("audit.ip"), dataIndex: "ipAddress" },
            ]}
          />
        </TableScroll>
      )}
      {pages.hasNextPage && <MoreButton pages={pages}>{t("audit.older")}</MoreButton>}
      {kept.length > 0 && (
        <section className="card" aria-label={t("audit.retention")}>
          <h2>{t("audit.retention")}</h2>
          <p className="quiet">{t("audit.retentionHelp")}</p>
          <ul className="retention">{kept.map(({ kind, days }) => <li key={kind}>{t("audit.kept", { kind: words.kind(kind), years: Math.round((days / DAYS_OF_A_YEAR) * 10) / 10, days })}</li>)}</ul>
        </section>
      )}
      <AuditDrawer entry={opened} onClose={() => setOpened(undefined)} />
    </section>
  );
}

/** Exactly this filter as a file. A CSV file comes while it is made; taking it is in the trail itself. */
function Export({ asked }: { asked: Query }) {
  const { t } = useTranslation();
  const [bytes, setBytes] = useState(0);
  const run = useMutation({
    mutationFn: (format: string) => {
      setBytes(0);
      return download(`${PATH}:export`, { ...asked, columns: COLUMNS, format: format === "csv" ? "csv" : undefined, company: context.company, locale: context.locale }, setBytes);
    },
    onError: notifyError,
  });
  return (
    <Dropdown trigger={["click"]} menu={{ items: [{ key: "xlsx", label: t("audit.excel") }, { key: "csv", label: t("audit.csv") }], onClick: ({ key }) => run.mutate(key) }}>
      <Button icon={<DownloadOutlined />} loading={run.isPending}>{run.isPending && bytes > 0 ? t("list.exporting", { size: Math.ceil(bytes / KILO) }) : t("audit.export")}</Button>
    </Dropdown>
  );
}
