import { useQuery } from "@tanstack/react-query";
import { Descriptions, Drawer, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { call } from "@/api/http";
import { useHolds } from "@/api/me";
import { AppLink, routeOf } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { timeText } from "@/contract/format";
import { serviceName } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { Changes, type FieldChange } from "@/documents/History";
import { Reference } from "@/documents/Reference";

export interface AuditEntry {
  id: string;
  createTime: string;
  service: string;
  kind: string;
  outcome: string;
  actorId: string;
  actingService: string;
  onBehalfId: string;
  method: string;
  documentType: string;
  documentTitle: string;
  documentCount: number;
  companyId: string;
  ipAddress: string;
  reason: string;
  traceId: string;
}

interface Opened {
  documents: { documentType: string; documentId: string; title: string; version: number; changes: FieldChange[] }[];
  facts: Record<string, string>;
}

export const KINDS = ["CHANGED", "READ", "EXPORTED", "PRINTED", "SIGNED_IN", "SIGNED_OUT", "RIGHTS_CHANGED"];
export const OUTCOMES = ["DONE", "REFUSED"];

export function useAuditWords() {
  const { t } = useTranslation();
  const words: Record<string, string> = {
    CHANGED: t("audit.kindChanged"), READ: t("audit.kindRead"), EXPORTED: t("audit.kindExported"), PRINTED: t("audit.kindPrinted"), SIGNED_IN: t("audit.kindSignedIn"),
    SIGNED_OUT: t("audit.kindSignedOut"), RIGHTS_CHANGED: t("audit.kindRights"), DONE: t("audit.outcomeDone"), REFUSED: t("audit.outcomeRefused"),
  };
  const word = (name: string) => words[name] ?? name;
  return { kind: word, outcome: word };
}

/** One entry: all that is known of it, and field by field what was before and after. */
export function AuditDrawer({ entry, onClose }: { entry: AuditEntry | undefined; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Drawer open={entry !== undefined} onClose={onClose} title={t("audit.entry")} size={640} destroyOnHidden>
      {entry && <Entry entry={entry} />}
    </Drawer>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const words = useAuditWords();
  const traces = useHolds("platform.operations_report.get");
  const { data, error } = useQuery({ queryKey: ["platform.audit_entry", entry.service, entry.id], queryFn: () => call<Opened>("GET", `/v1/${entry.service}/audit-entries/${entry.id}`) });
  const items = [
    { label: t("audit.time"), children: timeText(entry.createTime) },
    { label: t("audit.kind"), children: words.kind(entry.kind) },
    { label: t("audit.outcome"), children: [words.outcome(entry.outcome), meta.refusals[entry.reason]?.message ?? entry.reason].filter(Boolean).join(" · ") },
    { label: t("audit.who"), children: entry.actorId ? <Reference document="identity.employee" id={entry.actorId} /> : t("audit.nobody") },
    entry.onBehalfId ? { label: t("audit.onBehalf"), children: <Reference document="identity.employee" id={entry.onBehalfId} /> } : undefined,
    entry.actingService ? { label: t("audit.actingService"), children: serviceName(meta, entry.actingService) } : undefined,
    { label: t("audit.what"), children: <code>{entry.method}</code> },
    { label: t("audit.service"), children: serviceName(meta, entry.service) },
    entry.companyId ? { label: t("audit.company"), children: <Reference document="identity.company" id={entry.companyId} plain /> } : undefined,
    entry.ipAddress ? { label: t("audit.ip"), children: entry.ipAddress } : undefined,
    entry.traceId ? { label: t("audit.request"), children: traces ? <AppLink to={`/platform/traces?service=${entry.service}&trace=${entry.traceId}`}>{entry.traceId}</AppLink> : entry.traceId } : undefined,
  ].filter((one) => one !== undefined);
  return (
    <>
      <Descriptions column={1} size="small" items={items.map((one) => ({ key: one.label, ...one }))} />
      {error && <p className="field-error">{sentenceOf(error).title}</p>}
      {!data && !error && <Skeleton active title={false} />}
      {data && Object.keys(data.facts).length > 0 && (
        <Descriptions column={1} size="small" title={t("audit.facts")} items={Object.entries(data.facts).map(([name, value]) => ({ key: name, label: name, children: value }))} />
      )}
      {data?.documents.map((one) => {
        const document = meta.documents[one.documentType];
        const name = [document?.title ?? one.documentType, one.title || one.documentId].join(" ");
        return (
          <section key={`${one.documentType} ${one.documentId}`} className="history-list" aria-label={name}>
            <h3>{document && !document.hidden ? <AppLink to={routeOf(document, one.documentId)}>{name}</AppLink> : name}</h3>
            {one.changes.length > 0 && <Changes document={document} changes={one.changes} />}
          </section>
        );
      })}
      {data && data.documents.some(({ changes }) => changes.length > 0) && <p className="quiet">{t("audit.masked")}</p>}
    </>
  );
}
