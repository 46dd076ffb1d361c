import { useInfiniteQuery } from "@tanstack/react-query";
import { Collapse, Empty, Skeleton } from "antd";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { problemOf } from "@/api/errors";
import { useAttachments } from "@/attachments/useAttachments";
import { call } from "@/api/http";
import { sentenceOf } from "@/app/notify";
import { timeText } from "@/contract/format";
import { MoreButton } from "@/documents/MoreButton";
import { fieldOf, serviceName, type DocumentMeta, type Meta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { FieldValue } from "./FieldValue";
import { Reference } from "./Reference";

export interface FieldChange {
  field: string;
  before: string;
  after: string;
}

interface HistoryEntry {
  id: string;
  createTime: string;
  actorId: string;
  service: string;
  method: string;
  changes: FieldChange[];
  /** What happened, where it is no method of the document. */
  said?: string;
}

interface HistoryPage {
  entries: HistoryEntry[];
  nextPageToken: string;
}

export function useHistory(document: DocumentMeta, id: string) {
  return useInfiniteQuery({
    queryKey: [document.key, "history", context.company, id],
    queryFn: ({ pageParam }) => call<HistoryPage>("GET", `/v1/${document.service}/records/${document.name}/${id}/history`, { query: { pageSize: 50, pageToken: pageParam || undefined } }),
    initialPageParam: "",
    getNextPageParam: (page) => page.nextPageToken || undefined,
    retry: false,
  });
}

/** Files that were added to a document and removed from it. */
function useFilesHistory(document: DocumentMeta, id: string): HistoryEntry[] {
  const { t } = useTranslation();
  const { files } = useAttachments(document.key, document.service === "documents" ? "" : id);
  return (files.data?.rows ?? []).flatMap(({ id: file, name, addTime, addedById, removeTime, removedById }) => [
    ...(addTime ? [{ id: `${file}+`, createTime: addTime, actorId: addedById, service: "documents", method: "", changes: [], said: t("attachments.wasAdded", { name }) }] : []),
    ...(removeTime ? [{ id: `${file}-`, createTime: removeTime, actorId: removedById, service: "documents", method: "", changes: [], said: t("attachments.wasRemoved", { name }) }] : []),
  ]);
}

/** Who changed what, before and after. */
export function History({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  return <Collapse className="history" size="small" items={[{ key: "history", label: <h2>{t("history.title")}</h2>, children: <HistoryEntries document={document} id={id} /> }]} />;
}

function HistoryEntries({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const history = useHistory(document, id);
  const files = useFilesHistory(document, id);
  if (problemOf(history)) return <p className="field-error">{sentenceOf(history.error).title}</p>;
  if (!history.data) return <Skeleton active title={false} />;
  const told = history.data.pages.flatMap((page) => page.entries);
  // files that are older than what was asked for come with the changes of their time
  const since = history.hasNextPage ? (told.at(-1)?.createTime ?? "") : "";
  const entries = [...told, ...files.filter(({ createTime }) => createTime >= since)].toSorted((a, b) => b.createTime.localeCompare(a.createTime));
  if (entries.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("history.none")} />;
  return (
    <>
      <ol className="history-list">
        {entries.map((entry) => (
          <li key={entry.id}>
            <p>
              {entry.actorId ? <Reference document="identity.employee" id={entry.actorId} plain /> : serviceName(meta, entry.service)}
              <strong>{entry.said ?? actionLabel(meta, document, entry.method)}</strong>
              <time dateTime={entry.createTime}>{timeText(entry.createTime)}</time>
            </p>
            {entry.changes.length > 0 && <Changes document={document} changes={entry.changes} />}
          </li>
        ))}
      </ol>
      {history.hasNextPage && <MoreButton pages={history}>{t("history.older")}</MoreButton>}
    </>
  );
}

/** Field by field, before and after. */
export function Changes({ document, changes }: { document: DocumentMeta | undefined; changes: FieldChange[] }) {
  const { t } = useTranslation();
  return (
    <table>
      <thead>
        <tr><th scope="col">{t("history.field")}</th><th scope="col">{t("history.before")}</th><th scope="col">{t("history.after")}</th></tr>
      </thead>
      <tbody>
        {changes.map(({ field, before, after }) => (
          <tr key={field}>
            <th scope="row">{(document && fieldOf(document, field)?.label) ?? field}</th>
            <td><Side document={document} field={field} json={before} /></td>
            <td><Side document={document} field={field} json={after} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Side({ document, field: name, json }: { document: DocumentMeta | undefined; field: string; json: string }) {
  const field = document && fieldOf(document, name);
  const value = parsed(json);
  if (field && field.type !== "message" && field.type !== "struct") return <FieldValue field={field} value={value} plain />;
  return <>{value === null || value === undefined ? "" : typeof value === "object" ? <code className="json">{JSON.stringify(value)}</code> : String(value)}</>;
}

/** The record keeps JSON; a value that was masked is a plain word. */
function parsed(json: string): unknown {
  return /^(["[{\d-]|true$|false$|null$)/.test(json) ? JSON.parse(json) : json;
}

/** `ReleasePurchaseOrder` as the button is labelled; what happened by itself in words of its own. */
export function actionLabel(meta: Meta, document: DocumentMeta, method: string): string {
  const last = method.split("/").at(-1) ?? method;
  const verb = last.replace(document.message, "");
  const name = verb.charAt(0).toLowerCase() + verb.slice(1);
  return meta.texts[`history.${last}`] ?? document.methods[name]?.label ?? method;
}
