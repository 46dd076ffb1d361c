import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { useListPages, useListSummary } from "@/api/documents";
import { AppLink, inItsCompany, routeOf, useGo } from "@/app/links";
import type { Task } from "@/contract/types";
import { useDocumentMeta } from "@/contract/useMeta";
import { DocumentTable } from "@/documents/DocumentTable";
import { ExportButton } from "@/documents/ExportButton";
import { FilterBar } from "@/documents/FilterBar";
import { ListCount } from "@/documents/GenericList";
import { useColumns, useListState, type ListState } from "@/documents/listState";
import { Reference } from "@/documents/Reference";
import { STATISTICS, TURNS } from "./ApprovalStatistics";

/** The turns behind a number of the statistics, of everybody; each opens its case. */
export default function ApprovalTurns() {
  const { t } = useTranslation();
  const go = useGo();
  const document = useDocumentMeta("approval.task");
  const cases = useDocumentMeta("approval.case");
  const [params] = useSearchParams();
  const [flow, node] = [params.get("flow") ?? "", params.get("node") ?? ""];
  const asked = useListState(document);
  const state = useMemo<ListState>(
    () => ({ ...asked, extra: { ...asked.extra, flowDefinitionId: flow, nodeId: node }, clear: () => go(TURNS, { replace: true }) }),
    [asked, flow, node, go],
  );
  const { columns } = useColumns(document);
  const list = { filter: state.filter, orderBy: state.orderBy, search: state.search, extra: state.extra };
  const pages = useListPages(document, list);
  const summary = useListSummary(document, list);
  const one = node ? (pages.data?.pages[0]?.rows[0] as Task | undefined) : undefined;
  return (
    <section className="page">
      <header className="page-head">
        <h1>{t("statistics.turns")} <ListCount summary={summary} /></h1>
        <div className="page-tools"><ExportButton document={document} asked={state} columns={columns} /></div>
      </header>
      <p className="quiet">
        <AppLink to={STATISTICS}>{t("statistics.title")}</AppLink>
        {flow && <> · <Reference document="approval.flow_definition" id={flow} plain /></>}
        {node && <> · {one?.nodeName || node}</>}
      </p>
      <FilterBar document={document} state={state} />
      <DocumentTable document={document} columns={columns} pages={pages} summary={summary} state={state} rowRoute={(row) => inItsCompany(routeOf(cases, (row as Task).caseId), row)} />
    </section>
  );
}
