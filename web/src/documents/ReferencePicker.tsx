import { useQueryClient } from "@tanstack/react-query";
import { Select } from "antd";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { titleOf, useReference, useReferenceTitles } from "@/api/references";
import { context } from "@/api/context";
import { fieldOf, unrecorded, type DocumentMeta, type Meta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";

interface Common {
  id?: string;
  document: string;
  disabled?: boolean;
  status?: "error";
  filter?: string;
  /** In a cell of a grid: takes the focus, tells when its list is open. */
  inCell?: { onOpenChange: (open: boolean) => void };
  label?: string;
  /** What it means to choose nothing. */
  placeholder?: string;
}

const PAUSE_MS = 200;
/** Opened for line after line: what was found for the same letters a minute ago is shown again. */
const KEPT_MS = 60_000;

/** Records that can still be chosen: those in use, where the document knows such a state. */
export function choosable(meta: Meta, document: DocumentMeta): string | undefined {
  const state = fieldOf(document, "state");
  return state?.filter && meta.enums[state.enum ?? ""]?.some(({ name }) => name === "ACTIVE") ? 'state = "ACTIVE"' : undefined;
}

function useOptions(key: string, filter: string | undefined, asked: boolean) {
  const meta = useMeta();
  const document = meta.documents[key];
  const [text, setText] = useState("");
  const [search, setSearch] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSearch(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  const conditions = [choosable(meta, document), filter].filter(Boolean).join(" AND ");
  const list = useList(document, { search, filter: conditions || undefined, pageSize: 20, fields: unrecorded(document) }, asked, KEPT_MS);
  const rows = list.data?.rows ?? [];
  return { document, rows, loading: list.isFetching || text !== search, setText };
}

function optionOf(document: DocumentMeta, row: Row) {
  const specification = typeof row.specification === "string" && row.specification ? ` ${row.specification}` : "";
  return { value: row.id, label: `${titleOf(document, row)}${specification}` };
}

/** Pick one record by code, name or pinyin initials. */
export function ReferencePicker({ value, onChange, onBlur, ...rest }: Common & {
  value: string | undefined;
  onChange: (id: string, row: Row | undefined) => void;
  onBlur?: () => void;
}) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [asked, setAsked] = useState(false);
  const { document, rows, loading, setText } = useOptions(rest.document, rest.filter, asked);
  const chosen = useReference(rest.document, value);
  const options = rows.map((row) => optionOf(document, row));
  if (value && !rows.some(({ id }) => id === value)) options.unshift(chosen ? optionOf(document, chosen) : { value, label: "…" });
  return (
    <Select
      id={rest.id} aria-label={rest.label} value={value || undefined} options={options} disabled={rest.disabled} status={rest.status} loading={loading}
      showSearch={{ filterOption: false, onSearch: setText }} allowClear autoFocus={Boolean(rest.inCell)} className="wide-input" variant={rest.inCell ? "borderless" : "outlined"}
      popupMatchSelectWidth={false} placeholder={rest.placeholder ?? t("picker.placeholder")} notFoundContent={loading ? t("picker.searching") : t("picker.none")}
      onFocus={() => setAsked(true)} onBlur={onBlur}
      onOpenChange={(open) => {
        if (open) setAsked(true);
        rest.inCell?.onOpenChange(open);
      }}
      onChange={(id: string | undefined) => {
        const row = rows.find((one) => one.id === id);
        if (row) client.setQueryData([rest.document, "ref", context.company, row.id], row);
        onChange(id ?? "", row);
      }}
    />
  );
}

/** Pick several. */
export function ReferencesPicker({ value, onChange, ...rest }: Common & { value: string[]; onChange: (ids: string[]) => void }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState(false);
  const { document, rows, loading, setText } = useOptions(rest.document, rest.filter, asked);
  const titles = useReferenceTitles(rest.document, value);
  const options = rows.map((row) => optionOf(document, row));
  for (const id of value) if (!rows.some((row) => row.id === id)) options.unshift({ value: id, label: titles.get(id) ?? "…" });
  return (
    <Select
      id={rest.id} aria-label={rest.label} mode="multiple" value={value} options={options} disabled={rest.disabled} status={rest.status} loading={loading}
      showSearch={{ filterOption: false, onSearch: setText }} className="wide-input" placeholder={t("picker.placeholder")}
      notFoundContent={loading ? t("picker.searching") : t("picker.none")} onFocus={() => setAsked(true)} onChange={onChange}
    />
  );
}
