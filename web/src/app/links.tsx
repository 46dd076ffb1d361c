/** Moving around without losing the chosen company. */
import { useCallback, type ReactNode } from "react";
import { Link, useNavigate, type NavigateOptions } from "react-router";
import { withCompany } from "@/api/context";
import type { DocumentMeta } from "@/contract/meta";

export function AppLink({ to, children, className, onClick }: { to: string; children: ReactNode; className?: string; onClick?: () => void }) {
  return (
    <Link to={withCompany(to)} className={className} onClick={onClick}>
      {children}
    </Link>
  );
}

export function useGo(): (to: string, options?: NavigateOptions) => void {
  const navigate = useNavigate();
  return useCallback((to, options) => void navigate(withCompany(to), options), [navigate]);
}

/** The route of a row that may belong to another company than the chosen one: a turn or a case of mine elsewhere. */
export function inItsCompany(to: string, row: object): string {
  const company = "companyId" in row ? row.companyId : "";
  return company ? `${to}${to.includes("?") ? "&" : "?"}company=${String(company)}` : to;
}

export function routeOf(document: DocumentMeta, id: string): string {
  return `${document.route}/${id}`;
}
