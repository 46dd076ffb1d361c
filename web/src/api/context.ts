/** What every call carries: the company in the address, the language on the page. Set by the frame, read by the calls. */
export const context = { company: "", locale: "zh-CN" };

/** A path of this application that keeps the chosen company. */
export function withCompany(to: string): string {
  if (!context.company) return to;
  const [path, query = ""] = to.split("?");
  const params = new URLSearchParams(query);
  if (!params.has("company")) params.set("company", context.company);
  return `${path}?${params}`;
}

export function goToSignIn(): void {
  const next = `${location.pathname}${location.search}`;
  location.assign(`/auth/login?next=${encodeURIComponent(next)}&locale=${context.locale}`);
}
