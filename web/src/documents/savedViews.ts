/** Views of a list under a name: what stands in the address (filters, search, sort, tab, columns, page size). */
import { FILTER_PREFIX } from "@/contract/filters";
import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";

export interface SavedView extends Row {
  name: string;
  query: string;
  documentType: string;
  personId: string;
  sharing: string;
  sharedRoleId: string;
  sharedDepartmentId: string;
}

/** A view as it was kept among a person's preferences, before views could be shared. */
export interface EarlierView {
  id: string;
  name: string;
  query: string;
}

/** As many as the service keeps of one person for one list. */
export const MOST_VIEWS = 20;
export const LONGEST_NAME = 40;
/** In the address: which view is open; of the list as it is without one, `STANDARD`. */
export const VIEW = "view";
export const STANDARD = "all";
export const COLUMNS = "columns";
export const SIZE = "size";
const NOT_OF_A_VIEW = new Set(["company", VIEW]);

/** What an address shows of a list, the same text for the same view. */
export function shownIn(params: URLSearchParams): string {
  return new URLSearchParams([...params].filter(([name]) => !NOT_OF_A_VIEW.has(name)).toSorted(([a], [b]) => (a < b ? -1 : 1))).toString();
}

/** An address that says nothing: there the person's default view opens. */
export function isBare(params: URLSearchParams): boolean {
  return [...params.keys()].every((name) => name === "company");
}

export function addressOf(route: string, view?: Pick<SavedView, "id" | "query">): string {
  return view ? `${route}?${view.query ? `${view.query}&` : ""}${VIEW}=${view.id}` : `${route}?${VIEW}=${STANDARD}`;
}

/** Whether another view has this name already; capitals and spaces around it make no other name. */
export function isTaken(views: Pick<SavedView, "id" | "name">[], name: string, but?: string): boolean {
  return views.some((view) => view.id !== but && view.name.toLowerCase() === name.trim().toLowerCase());
}

/** As the person put them, the own ones first; those that are not placed yet come last of their kind, by name. */
export function inOrder<T extends Pick<SavedView, "id" | "name" | "personId">>(views: T[], order: string[], me: string): T[] {
  const rank = ({ id }: T) => (order.includes(id) ? order.indexOf(id) : order.length);
  return views.toSorted((a, b) => rank(a) - rank(b) || Number(b.personId === me) - Number(a.personId === me) || a.name.localeCompare(b.name));
}

/** One place to the left or to the right. */
export function moved(ids: string[], id: string, by: -1 | 1): string[] {
  const from = ids.indexOf(id);
  const to = from + by;
  if (from < 0 || to < 0 || to >= ids.length) return ids;
  return ids.with(from, ids[to]).with(to, id);
}

/** Names in an address that this reader's list does not know: fields that are gone, or hidden from them. */
export function unknownIn(document: DocumentMeta, params: URLSearchParams): string[] {
  const asked = [
    ...[...params.keys()].filter((name) => name.startsWith(FILTER_PREFIX)).map((name) => name.slice(FILTER_PREFIX.length)),
    ...(params.get(COLUMNS)?.split(",") ?? []),
    ...(params.get("sort") ?? "").split(",").map((part) => part.split(" ")[0]),
  ];
  return [...new Set(asked.filter((name) => name && !fieldOf(document, name)))];
}
