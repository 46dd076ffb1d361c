import { FilterOutlined, PlusOutlined, SearchOutlined } from "@ant-design/icons";
import { Button, DatePicker, Dropdown, Input, Popover, Select, Switch, Tag, type InputRef } from "antd";
import dayjs from "dayjs";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useReferenceTitles } from "@/api/references";
import { isRange, splitRange } from "@/contract/filters";
import { tidyNumber } from "@/contract/decimal";
import { allTypes, DOCUMENT_TYPE, enumLabel, enumValues, fieldOf, type DocumentMeta, type Field } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { ReferencesPicker } from "./ReferencePicker";
import { extraSwitches, type ListState } from "./listState";

const PAUSE_MS = 300;

interface BarProps {
  document: DocumentMeta;
  state: ListState;
  /** Only these fields and switches, where a page answers the others itself. */
  only?: readonly string[];
  children?: ReactNode;
}

/** Search, and one chip for each filter that is set. What can be filtered comes from the contract. */
export function FilterBar({ document, state, only, children }: BarProps) {
  const { t } = useTranslation();
  const [adding, setAdding] = useState<string>();
  const offered = ({ name }: Field) => only?.includes(name) ?? true;
  const fields = document.fields.filter((field) => field.filter && field.type !== "struct" && field.type !== "message" && offered(field));
  const set = Object.keys(state.filters);
  const shown = adding && !set.includes(adding) ? [...set, adding] : set;
  const choices = fields.filter(({ name }) => !shown.includes(name)).map(({ name, label }) => ({ key: name, label, onClick: () => setAdding(name) }));
  return (
    <div className="filter-bar" role="search" aria-label={t("list.filters")}>
      <SearchBox key={document.key} value={state.search} onChange={state.setSearch} />
      {shown.map((name) => {
        const field = fieldOf(document, name);
        if (!field) return null;
        return (
          <FilterChip
            key={name} field={field} value={state.filters[name] ?? ""} startOpen={name === adding && !set.includes(name)}
            onChange={(value) => state.setFilter(name, value)} onClose={() => setAdding(undefined)}
          />
        );
      })}
      {extraSwitches(document).filter(offered).map(({ name, label }) => (
        <label key={name} className="filter-switch">
          <Switch size="small" checked={state.extra[name] === true} onChange={(on) => state.setExtra(name, on)} />
          {fieldOf(document, name)?.label ?? label}
        </label>
      ))}
      {choices.length > 0 && (
        <Dropdown menu={{ items: choices, className: "tall-menu" }} trigger={["click"]}>
          <Button type="dashed" icon={<PlusOutlined />}>{t("list.addFilter")}</Button>
        </Dropdown>
      )}
      {children}
      {state.filtered && <Button type="link" onClick={state.clear}>{t("list.clearFilters")}</Button>}
    </div>
  );
}

/** What is typed is asked for after a pause; `/` goes there. */
export function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  const box = useRef<InputRef>(null);
  useEffect(() => setText(value), [value]);
  useEffect(() => {
    if (text === value) return;
    const timer = setTimeout(() => onChange(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, value, onChange]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "/" || isTyping(event.target)) return;
      event.preventDefault();
      box.current?.focus();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <Input
      ref={box} value={text} onChange={({ target }) => setText(target.value)} allowClear prefix={<SearchOutlined aria-hidden="true" />} className="search-box"
      placeholder={t("list.search")} aria-label={t("list.search")}
    />
  );
}

/** Keys of a page are silent while a person writes. */
export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest(".ant-modal, .ant-drawer, [role=grid]") !== null);
}

interface ChipProps {
  field: Field;
  value: string;
  startOpen: boolean;
  onChange: (value: string | undefined) => void;
  onClose: () => void;
}

function FilterChip({ field, value, startOpen, onChange, onClose }: ChipProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(startOpen);
  const text = useFilterText(field, value);
  return (
    <Popover
      open={open} trigger="click" placement="bottomLeft" arrow={false} destroyOnHidden
      onOpenChange={(next) => {
        setOpen(next);
        if (!next) onClose();
      }}
      content={<div className="filter-editor"><FilterEditor field={field} value={value} onChange={onChange} /></div>}
    >
      <Tag
        className="filter-chip" closable={value !== ""} icon={<FilterOutlined aria-hidden="true" />} onClose={() => onChange(undefined)}
        closeIcon={<span aria-label={t("list.removeFilter", { label: field.label })} role="img">×</span>}
      >
        <button type="button" className="chip-button">{text ? t("list.chip", { label: field.label, value: text }) : field.label}</button>
      </Tag>
    </Popover>
  );
}

function useFilterText(field: Field, value: string): string {
  const meta = useMeta();
  const { t } = useTranslation();
  const ids = field.references && value ? value.split(",") : [];
  const titles = useReferenceTitles(field.references ?? "", ids);
  if (!value) return "";
  if (field.references) return ids.map((id) => titles.get(id) ?? "…").join(t("list.comma"));
  if (field.type === "enum") return value.split(",").map((name) => enumLabel(meta, field.enum, name)).join(t("list.comma"));
  if (field.name === DOCUMENT_TYPE) return value.split(",").map((key) => meta.documents[key]?.title ?? key).join(t("list.comma"));
  if (field.type === "bool") return value === "true" ? t("value.yes") : t("value.no");
  if (isRange(field)) {
    const [from, until] = splitRange(value);
    return from && until ? t("list.between", { from, until }) : from ? t("list.from", { from }) : t("list.until", { until });
  }
  return value;
}

function FilterEditor({ field, value, onChange }: { field: Field; value: string; onChange: (value: string | undefined) => void }) {
  const meta = useMeta();
  const { t } = useTranslation();
  const members = value ? value.split(",") : [];
  if (field.references) return <ReferencesPicker label={field.label} document={field.references} value={members} onChange={(ids) => onChange(ids.join(","))} />;
  if (field.type === "enum" || field.name === DOCUMENT_TYPE) {
    const options = field.type === "enum" ? enumValues(meta, field.enum).map(({ name, label }) => ({ value: name, label })) : allTypes(meta).map(({ key, title }) => ({ value: key, label: title }));
    return <Select mode="multiple" aria-label={field.label} value={members} options={options} optionFilterProp="label" onChange={(names: string[]) => onChange(names.join(","))} defaultOpen className="wide-input" />;
  }
  if (field.type === "bool") {
    const options = [{ value: "true", label: t("value.yes") }, { value: "false", label: t("value.no") }];
    return <Select aria-label={field.label} value={value || undefined} options={options} onChange={onChange} allowClear className="wide-input" />;
  }
  if (field.type === "date" || field.type === "time") {
    const [from, until] = splitRange(value);
    return (
      <DatePicker.RangePicker
        aria-label={field.label} value={[from ? dayjs(from) : null, until ? dayjs(until) : null]} allowEmpty={[true, true]} format="YYYY-MM-DD"
        onChange={(days) => {
          const [first, last] = (days ?? []).map((day) => day?.format("YYYY-MM-DD") ?? "");
          onChange(first || last ? `${first ?? ""}..${last ?? ""}` : undefined);
        }}
      />
    );
  }
  if (isRange(field)) return <NumberRange field={field} value={value} onChange={onChange} />;
  return <TextFilter field={field} value={value} onChange={onChange} />;
}

function NumberRange({ field, value, onChange }: { field: Field; value: string; onChange: (value: string | undefined) => void }) {
  const { t } = useTranslation();
  const [[from, until], setRange] = useState(() => splitRange(value));
  const apply = () => onChange(from || until ? `${from}..${until}` : undefined);
  return (
    <form
      className="number-range"
      onSubmit={(event) => {
        event.preventDefault();
        apply();
      }}
    >
      <Input autoFocus inputMode="decimal" aria-label={t("list.fromOf", { label: field.label })} value={from} onChange={({ target }) => setRange([tidyNumber(target.value), until])} onBlur={apply} />
      <span aria-hidden="true">–</span>
      <Input inputMode="decimal" aria-label={t("list.untilOf", { label: field.label })} value={until} onChange={({ target }) => setRange([from, tidyNumber(target.value)])} onBlur={apply} />
      <Button htmlType="submit" type="primary">{t("action.apply")}</Button>
    </form>
  );
}

function TextFilter({ field, value, onChange }: { field: Field; value: string; onChange: (value: string | undefined) => void }) {
  const { t } = useTranslation();
  const [text, setText] = useState(value);
  return (
    <Input.Search autoFocus aria-label={field.label} value={text} onChange={({ target }) => setText(target.value)} onSearch={(next) => onChange(next.trim() || undefined)} enterButton={t("action.apply")} />
  );
}
