/** What a list shows is in the address: search, filters, sort. Columns are the person's own. */
import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";
import { usePreference } from "@/api/me";
import type { Query } from "@/api/http";
import { filterText, FILTER_PREFIX, readFilters, type FilterValues } from "@/contract/filters";
import { shownFields, type DocumentMeta, type Field } from "@/contract/meta";
import { COLUMNS, SIZE, STANDARD, VIEW, type EarlierView } from "./savedViews";

export interface ListState {
  search: string;
  orderBy: string;
  filters: FilterValues;
  extra: Query;
  filter: string;
  filtered: boolean;
  /** Rows that come at once; as many as usual where nothing is said. */
  size?: number;
  setSize: (size: number) => void;
  setSearch: (text: string) => void;
  setOrder: (orderBy: string) => void;
  setFilter: (name: string, value: string | undefined) => void;
  setExtra: (name: string, on: boolean) => void;
  clear: () => void;
}

/** How many rows a list loads at a time. */
export const USUAL_SIZE = 50;
export const SIZES = [20, USUAL_SIZE, 100, 200];

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
      size: SIZES.find((size) => String(size) === params.get(SIZE)),
      setSize: (size: number) => change(SIZE, size === USUAL_SIZE ? undefined : String(size)),
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

/** What a person arranged for a list: its columns, the order of the views, and which of them opens first. */
export interface ListPreference {
  columns: string[];
  order: string[];
  defaultView: string;
  /** Of an earlier release: taken over once. */
  views: EarlierView[];
}

export function preferenceOf(document: DocumentMeta): string {
  return `list.${document.key}`;
}

export function columnChoices(document: DocumentMeta): Field[] {
  return shownFields(document.fields).filter(({ type, inputOnly }) => type !== "message" && type !== "struct" && type !== "map" && type !== "range" && !inputOnly);
}

/** The columns of a list: of the view that is open, else as chosen by the person, else as the contract proposes. */
export function useColumns(document: DocumentMeta): { columns: Field[]; choices: Field[]; choose: (names: string[]) => void } {
  const [kept, keep] = usePreference<ListPreference>(preferenceOf(document));
  const [params, setParams] = useSearchParams();
  const said = params.get(COLUMNS);
  const inView = said !== null || (params.get(VIEW) ?? STANDARD) !== STANDARD;
  return useMemo(() => {
    const choices = columnChoices(document);
    const chosen = (said?.split(",") ?? kept.columns)?.map((name) => choices.find((field) => field.name === name)).filter((field) => field !== undefined);
    return {
      columns: chosen?.length ? chosen : choices.filter(({ column }) => column),
      choices,
      choose: (names: string[]) => {
        if (!inView) return keep({ columns: names });
        setParams((before) => new URLSearchParams([...[...before].filter(([name]) => name !== COLUMNS), [COLUMNS, names.join(",")]]), { replace: true });
      },
    };
  }, [document, kept.columns, keep, said, inView, setParams]);
}
