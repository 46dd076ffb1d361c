/** Views of a list that a person kept: a name, and what stands in the address (filters, search, sort, tab). */
import type { ListPreference } from "./listState";

export interface SavedView {
  id: string;
  name: string;
  query: string;
}

/** A preference holds 16 kB: so many views with long filters fit beside the columns. */
export const MOST_VIEWS = 20;
export const LONGEST_NAME = 40;
/** In the address: which view is open; of the list as it is without one, `STANDARD`. */
export const VIEW = "view";
export const STANDARD = "all";
const NOT_OF_A_VIEW = new Set(["company", VIEW]);

/** What an address shows of a list, the same text for the same view. */
export function shownIn(params: URLSearchParams): string {
  return new URLSearchParams([...params].filter(([name]) => !NOT_OF_A_VIEW.has(name)).toSorted(([a], [b]) => a.localeCompare(b))).toString();
}

/** An address that says nothing: there the person's default view opens. */
export function isBare(params: URLSearchParams): boolean {
  return [...params.keys()].every((name) => name === "company");
}

export function addressOf(route: string, view?: SavedView): string {
  return view ? `${route}?${view.query ? `${view.query}&` : ""}${VIEW}=${view.id}` : `${route}?${VIEW}=${STANDARD}`;
}

/** Whether another view has this name already; capitals and spaces around it make no other name. */
export function isTaken(views: SavedView[], name: string, but?: string): boolean {
  return views.some((view) => view.id !== but && view.name.toLowerCase() === name.trim().toLowerCase());
}

export function kept(views: SavedView[], view: SavedView): Partial<ListPreference> {
  return { views: views.some(({ id }) => id === view.id) ? views.map((one) => (one.id === view.id ? view : one)) : [...views, view] };
}

/** Without a view; where it was the default, the list opens as it is. */
export function without(views: SavedView[], id: string, defaultView: string): Partial<ListPreference> {
  return { views: views.filter((view) => view.id !== id), defaultView: defaultView === id ? "" : defaultView };
}
