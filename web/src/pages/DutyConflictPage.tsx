import { fieldOf, type DocumentMeta, type Row } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { permissionLabel } from "@/documents/AccessAnswer";
import GenericDetail from "@/documents/GenericDetail";
import { Reference } from "@/documents/Reference";
import { OF_DUTIES, SIDES } from "./DutyConflictForm";
import { Violations } from "./Violations";

/** A pair of separated duties: what makes each, and who holds both. */
export default function DutyConflictPage({ document }: { document: DocumentMeta }) {
  return (
    <GenericDetail
      document={document} without={OF_DUTIES}
      more={(row) => (
        <>
          <div className="duties">{SIDES.map((side) => <Duty key={side} document={document} side={side} row={row} />)}</div>
          {row.state === "ACTIVE" && <Violations pairId={row.id} />}
        </>
      )}
    />
  );
}

function Duty({ document, side, row }: { document: DocumentMeta; side: string; row: Row }) {
  const meta = useMeta();
  const permissions = (row[`${side}Permissions`] ?? []) as string[];
  const roles = (row[`${side}RoleIds`] ?? []) as string[];
  return (
    <section className="card" aria-label={String(row[`${side}Duty`])}>
      <h2>{String(row[`${side}Duty`])}</h2>
      {permissions.length > 0 && (
        <>
          <h3 className="section-title">{fieldOf(document, `${side}Permissions`)?.label}</h3>
          <ul className="plain-list">{permissions.map((name) => <li key={name} title={name}>{permissionLabel(meta, name)}</li>)}</ul>
        </>
      )}
      {roles.length > 0 && (
        <>
          <h3 className="section-title">{fieldOf(document, `${side}RoleIds`)?.label}</h3>
          <ul className="plain-list">{roles.map((id) => <li key={id}><Reference document="identity.role" id={id} /></li>)}</ul>
        </>
      )}
    </section>
  );
}
