import { PlusOutlined } from "@ant-design/icons";
import { useQueries } from "@tanstack/react-query";
import { Modal, Spin } from "antd";
import { useEffect, useMemo, useState, type KeyboardEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { fetchList } from "@/api/documents";
import { context } from "@/api/context";
import { useCan } from "@/api/me";
import { nameOf, titleOf } from "@/api/references";
import { unrecorded } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { routeOf, useGo } from "./links";
import { iconOf, usePlaces } from "./navigation";

interface Hit {
  key: string;
  to: string;
  title: string;
  group: string;
  icon: ReactNode;
}

const PAUSE_MS = 220;
const PER_DOCUMENT = 4;

/** Anything by its number or name: documents, pages, things to create. */
export default function Palette({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const go = useGo();
  const [text, setText] = useState("");
  const [asked, setAsked] = useState("");
  const [at, setAt] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const pages = usePageHits(text.trim());
  const { hits: records, searching, failed } = useRecordHits(asked);
  const hits = [...pages, ...records];
  const chosen = Math.min(at, Math.max(hits.length - 1, 0));
  const open = (hit: Hit | undefined) => {
    if (!hit) return;
    onClose();
    go(hit.to);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(chosen + 1, hits.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(chosen - 1, 0));
    else if (event.key === "Enter") open(hits[chosen]);
    else return;
    event.preventDefault();
  };
  return (
    <Modal open onCancel={onClose} footer={null} closable={false} title={<span className="hidden-text">{t("frame.search")}</span>} className="palette" width={620}>
      <div className="palette-input">
        <input
          autoFocus value={text} onChange={(event) => setText(event.target.value)} onKeyDown={onKey} placeholder={t("palette.placeholder")}
          aria-label={t("frame.search")} role="combobox" aria-expanded="true" aria-controls="palette-hits" aria-activedescendant={hits[chosen] ? `hit-${chosen}` : undefined}
        />
        {searching && <Spin size="small" />}
      </div>
      <div id="palette-hits" role="listbox" aria-label={t("palette.results")} className="palette-hits">
        {hits.map((hit, index) => (
          <div
            key={hit.key} id={`hit-${index}`} role="option" tabIndex={-1} aria-selected={index === chosen} className={index === chosen ? "chosen" : ""}
            onMouseEnter={() => setAt(index)} onClick={() => open(hit)} onKeyDown={onKey}
          >
            <span aria-hidden="true">{hit.icon}</span>
            <span className="palette-title">{hit.title}</span>
            <small>{hit.group}</small>
          </div>
        ))}
      </div>
      {failed.length > 0 && <p className="palette-none" role="alert">{t("palette.failed", { titles: failed.join(t("list.comma")) })}</p>}
      {hits.length === 0 && failed.length === 0 && !searching && <p className="palette-none">{t("palette.none")}</p>}
    </Modal>
  );
}

function usePageHits(text: string): Hit[] {
  const { t } = useTranslation();
  const meta = useMeta();
  const can = useCan();
  const places = usePlaces();
  return useMemo(() => {
    const wanted = text.toLowerCase();
    const pages = places.flatMap(({ title: group, places: members }) => members.map((place) => ({ ...place, group })));
    const creations = Object.values(meta.documents)
      .filter(({ hidden, methods }) => !hidden && can(methods.create))
      .map((document) => ({
        key: `new ${document.key}`, to: `${document.route}/new`, title: t("list.new", { title: document.title }), group: t("palette.action"), icon: <PlusOutlined />,
      }));
    return [...pages, ...creations].filter(({ title }) => title.toLowerCase().includes(wanted)).slice(0, wanted ? 6 : 30);
  }, [places, meta, can, t, text]);
}

/** Records of every type that the person may list, and the types whose answer failed. */
export function useRecordHits(asked: string): { hits: Hit[]; searching: boolean; failed: string[] } {
  const meta = useMeta();
  const can = useCan();
  const searched = Object.values(meta.documents).filter(({ hidden, methods, titleFields }) =>
    !hidden && can(methods.list) && titleFields.some((name) => ["name", "number", "title", "documentNumber"].includes(name)));
  const answers = useQueries({
    queries: searched.map((document) => ({
      queryKey: [document.key, "palette", context.company, asked],
      queryFn: ({ signal }: { signal: AbortSignal }) => fetchList(document, { search: asked, pageSize: PER_DOCUMENT, fields: unrecorded(document, ["id", "companyId", ...document.titleFields]) }, undefined, signal),
      enabled: asked.length > 0,
      retry: false,
    })),
  });
  const hits = answers.flatMap(({ data }, index) => {
    const document = searched[index];
    return (data?.rows ?? []).map((row) => ({
      key: `${document.key} ${row.id}`, to: routeOf(document, row.id), title: titleOf(document, row) || nameOf(document, row), group: document.title, icon: iconOf(document.key),
    }));
  });
  const failed = answers.flatMap(({ isError }, index) => (isError ? [searched[index].plural] : []));
  return { hits, failed, searching: answers.some(({ isFetching }) => isFetching) };
}
