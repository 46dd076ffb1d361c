import { useState } from "react";
import { useListPages, useListSummary } from "@/api/documents";
import type { DocumentMeta, Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { DocumentTable } from "@/documents/DocumentTable";
import { ExportButton } from "@/documents/ExportButton";
import { FilterBar } from "@/documents/FilterBar";
import GenericDetail from "@/documents/GenericDetail";
import { ListCount } from "@/documents/GenericList";
import { useColumns, useListState } from "@/documents/listState";
import { SelectionBar } from "@/documents/SelectionBar";

/** An access review with its lines: a reviewer sees and answers the own ones, an administrator sees all. */
export default function AccessReviewPage({ document }: { document: DocumentMeta }) {
  return <GenericDetail document={document} more={(row) => <ReviewLines reviewId={row.id} />} />;
}

function ReviewLines({ reviewId }: { reviewId: string }) {
  const document = useDocumentMeta("identity.access_review_line");
  const state = useListState(document, `access_review_id = "${reviewId}"`);
  const { columns } = useColumns(document);
  const asked = { filter: state.filter, orderBy: state.orderBy, search: state.search };
  const pages = useListPages(document, asked);
  const summary = useListSummary(document, asked);
  const [selected, setSelected] = useState<{ ids: string[]; rows: Row[] }>({ ids: [], rows: [] });
  return (
    <section className="card" aria-label={document.plural}>
      <header className="page-head">
        <h2>{document.plural} <ListCount summary={summary} /></h2>
        <div className="page-tools"><ExportButton document={document} state={state} columns={columns} /></div>
      </header>
      <FilterBar document={document} state={state} />
      {selected.ids.length > 0 && <SelectionBar document={document} rows={selected.rows} onClear={() => setSelected({ ids: [], rows: [] })} />}
      <DocumentTable
        document={document} columns={columns} pages={pages} summary={summary} state={state}
        selected={selected.ids} onSelect={(ids, rows) => setSelected({ ids, rows })}
      />
    </section>
  );
}
