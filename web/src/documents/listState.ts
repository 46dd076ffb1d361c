/** What a list shows is in the address: search, filters, sort. Columns are the person's own. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { usePreference } from "@/api/me";
import type { Query } from "@/api/http";
import { filterText, FILTER_PREFIX, readFilters, type FilterValues } from "@/contract/filters";
import { shownFields, type DocumentMeta, type Field } from "@/contract/meta";
import type { SavedView } from "./savedViews";

export interface ListState {
  search: string;
  orderBy: string;
  filters: FilterValues;
  extra: Query;
  filter: string;
  filtered: boolean;
  setSearch: (text: string) => void;
  setOrder: (orderBy: string) => void;
  setFilter: (name: string, value: string | undefined) => void;
  setExtra: (name: string, on: boolean) => void;
  clear: () => void;
}

/** Switches that the list method takes beside what every list takes. */
export function extraSwitches(document: DocumentMeta): Field[] {
  return (document.methods.list?.requestFields ?? []).filter(({ type, name }) => type === "bool" && name !== "summarize");
}

export function useListState(document: DocumentMeta, fixed?: string): ListState {
  const [params, setParams] = useSearchParams();
  const change = useCallback(
    (name: string, value: string | undefined) =>
      setParams(
        (before) => {
          const next = new URLSearchParams(before);
          if (value) next.set(name, value);
          else next.delete(name);
          return next;
        },
        { replace: true },
      ),
    [setParams],
  );
  return useMemo(() => {
    const filters = readFilters(params);
    const extra = Object.fromEntries(extraSwitches(document).filter(({ name }) => params.get(name) === "true").map(({ name }) => [name, true]));
    const search = params.get("q") ?? "";
    return {
      search,
      orderBy: params.get("sort") ?? "",
      filters,
      extra,
      filter: filterText(document, filters, fixed),
      filtered: search !== "" || Object.keys(filters).length > 0 || Object.keys(extra).length > 0,
      setSearch: (text: string) => change("q", text),
      setOrder: (orderBy: string) => change("sort", orderBy),
      setFilter: (name: string, value: string | undefined) => change(FILTER_PREFIX + name, value),
      setExtra: (name: string, on: boolean) => change(name, on ? "true" : undefined),
      clear: () =>
        setParams(
          (before) => {
            const said = new Set(["q", "sort", ...Object.keys(extra)]);
            return new URLSearchParams([...before].filter(([name]) => !said.has(name) && !name.startsWith(FILTER_PREFIX)));
          },
          { replace: true },
        ),
    };
  }, [document, fixed, params, change, setParams]);
}

/** What a person arranged for a list. */
export interface ListPreference {
  columns: string[];
  views: SavedView[];
  defaultView: string;
}

export function preferenceOf(document: DocumentMeta): string {
  return `list.${document.key}`;
}

/** The columns of a list: as chosen by the person, else as the contract proposes. */
export function useColumns(document: DocumentMeta): { columns: Field[]; choices: Field[]; choose: (names: string[]) => void } {
  const [kept, keep] = usePreference<ListPreference>(preferenceOf(document));
  return useMemo(() => {
    const choices = shownFields(document.fields).filter(({ type, inputOnly }) => type !== "message" && type !== "struct" && type !== "map" && type !== "range" && !inputOnly);
    const chosen = kept.columns?.map((name) => choices.find((field) => field.name === name)).filter((field) => field !== undefined);
    return {
      columns: chosen?.length ? chosen : choices.filter(({ column }) => column),
      choices,
      choose: (names: string[]) => keep({ columns: names }),
    };
  }, [document, kept.columns, keep]);
}
