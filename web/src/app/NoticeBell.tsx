import { BellOutlined } from "@ant-design/icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Badge, Button, Empty, Popover } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { fetchList, useAction, useList } from "@/api/documents";
import { call } from "@/api/http";
import { textOf, type Row } from "@/contract/meta";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { ago } from "@/contract/format";
import { AppLink, inItsCompany, routeOf, useGo } from "./links";
import { notifyError } from "./notify";

export interface Notice extends Row {
  textKey: string;
  textFacts: Record<string, string>;
  documentType: string;
  documentId: string;
  documentNumber: string;
  companyId: string;
  caseId: string;
  createTime: string;
  readTime: string | null;
}

const LATEST = { pageSize: 30 };

export function useNotices() {
  return useList<Notice>(useDocumentMeta("approval.notice"), LATEST);
}

/** Open what a notice is about: the person's own open task where there is one, else the document. */
export function useOpenNotice(): (notice: Notice) => void {
  const meta = useMeta();
  const go = useGo();
  const { mutate: act } = useAction(meta.documents["approval.notice"]);
  return (notice) => {
    if (!notice.readTime) act({ action: "markRead", id: notice.id, body: {} });
    const tasks = meta.documents["approval.task"];
    const about = meta.documents[notice.documentType];
    const open = async () => {
      const filter = `case_id = "${notice.caseId}" AND state = "OPEN"`;
      const mine = notice.caseId ? await fetchList(tasks, { filter, pageSize: 1 }) : undefined;
      if (mine?.rows[0]) go(inItsCompany(routeOf(tasks, mine.rows[0].id), mine.rows[0]));
      else if (about) go(inItsCompany(routeOf(about, notice.documentId), notice));
    };
    open().catch(notifyError);
  };
}

/** Notices as they arrive, and how many were not seen. */
export function NoticeBell() {
  const { t } = useTranslation();
  const notices = useNotices();
  const document = useDocumentMeta("approval.notice");
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const readAll = useMutation({
    mutationFn: () => call("POST", document.methods.markAllRead.path, { body: {} }),
    onSuccess: () => client.invalidateQueries({ queryKey: [document.key] }),
  });
  const rows = notices.data?.rows ?? [];
  const unread = rows.filter(({ readTime }) => !readTime).length;
  const content = (
    <section className="notices" aria-label={t("notices.title")}>
      <header>
        <strong>{t("notices.title")}</strong>
        <AppLink to="/approval/notice-preferences" onClick={() => setOpen(false)}>{t("preferences.title")}</AppLink>
        <Button type="link" size="small" disabled={unread === 0} onClick={() => readAll.mutate()}>{t("notices.readAll")}</Button>
      </header>
      <NoticeList rows={rows} onOpen={() => setOpen(false)} />
    </section>
  );
  return (
    <Popover open={open} onOpenChange={setOpen} content={content} trigger="click" placement="bottomRight" arrow={false}>
      <Button type="text" aria-label={t("notices.bell", { count: unread })}>
        <Badge count={unread} size="small" overflowCount={29}>
          <BellOutlined className="bell" />
        </Badge>
      </Button>
    </Popover>
  );
}

export function NoticeList({ rows, onOpen }: { rows: Notice[]; onOpen?: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const openNotice = useOpenNotice();
  if (rows.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("notices.none")} />;
  return (
    <ul className="notice-list">
      {rows.map((notice) => (
        <li key={notice.id}>
          <button
            type="button" className={notice.readTime ? "notice" : "notice unread"}
            onClick={() => {
              openNotice(notice);
              onOpen?.();
            }}
          >
            <span>{textOf(meta, notice.textKey, { number: notice.documentNumber, ...notice.textFacts })}</span>
            <small>{ago(notice.createTime)}</small>
          </button>
        </li>
      ))}
    </ul>
  );
}
