import { useListPages, useListSummary } from "@/api/documents";
import { useDocumentMeta } from "@/contract/useMeta";
import { DocumentTable } from "./DocumentTable";
import { ExportButton } from "./ExportButton";
import { FilterBar } from "./FilterBar";
import { ListCount } from "./GenericList";
import { useColumns, useListState } from "./listState";
import { SelectionBar } from "./SelectionBar";
import { useSelection } from "./useSelection";

/** On the page of a document, another type's rows that belong to it: searched, filtered, sorted and exported as in their list. */
export function RowsOf({ document: key, filter, without = [] }: { document: string; filter: string; without?: string[] }) {
  const document = useDocumentMeta(key);
  const state = useListState(document, filter);
  const { columns } = useColumns(document);
  const shown = columns.filter(({ name }) => !without.includes(name));
  const asked = { filter: state.filter, orderBy: state.orderBy, search: state.search };
  const pages = useListPages(document, asked);
  const selected = useSelection(pages);
  const summary = useListSummary(document, asked);
  return (
    <section className="card" aria-label={document.plural}>
      <header className="page-head">
        <h2>{document.plural} <ListCount summary={summary} /></h2>
        <div className="page-tools"><ExportButton document={document} asked={state} columns={shown} /></div>
      </header>
      <FilterBar document={document} state={state} />
      <SelectionBar document={document} rows={selected.rows} onClear={selected.clear} />
      <DocumentTable
        document={document} columns={shown} pages={pages} summary={summary} state={state}
        selected={selected.ids} onSelect={selected.choose}
      />
    </section>
  );
}
