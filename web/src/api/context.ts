/** The company in the address and its time zone, the language on the page. Set by the frame, read by calls and texts. */
export const context = { company: "", timeZone: "Asia/Shanghai", locale: "zh-CN", leaving: false };

/** A path of this application that keeps the chosen company. */
export function withCompany(to: string): string {
  if (!context.company) return to;
  const [path, query = ""] = to.split("?");
  const params = new URLSearchParams(query);
  if (!params.has("company")) params.set("company", context.company);
  return `${path}?${params}`;
}

/** The page for whose account is closed: signing in again would not help. */
export const CLOSED = "/account-closed";
let closed = false;
const HASH = "behind-sign-in";

/** Nobody is signed in here any more. `why` is the refusal's own word. */
export function goToSignIn(why = ""): void {
  if (context.leaving || closed || location.pathname === CLOSED) return;
  closed = why === "disabled" || why === "employee";
  if (closed) return location.assign(CLOSED);
  // what is behind the # stays in this tab: no server, and so no log, ever sees it
  if (location.hash) sessionStorage.setItem(HASH, location.hash);
  const next = `${location.pathname}${location.search}`;
  location.assign(`/auth/login?next=${encodeURIComponent(next)}&locale=${context.locale}`);
}

/** Change the own password, or set up a second factor, at the sign-in's own pages; then back here. */
export function changeSignIn(action: "password" | "second-factor"): void {
  const next = `${location.pathname}${location.search}`;
  location.assign(`/auth/login?next=${encodeURIComponent(next)}&locale=${context.locale}&action=${action}`);
}

/** What stood behind the # of this page, also where somebody had to sign in meanwhile. */
export function hashOfPage(): string {
  return (location.hash || sessionStorage.getItem(HASH) || "#").slice(1);
}

/** It was used. */
export function forgetHash(): void {
  sessionStorage.removeItem(HASH);
}
