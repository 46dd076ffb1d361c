import { useReference, nameOf, titleOf } from "@/api/references";
import { useMeta } from "@/contract/useMeta";
import { AppLink, routeOf } from "@/app/links";

/** The name behind an id, as a link where the record has a page; `said`: its name of another day. */
export function Reference({ document: key, id, plain = false, said = "" }: { document: string; id: string; plain?: boolean; said?: string }) {
  const meta = useMeta();
  const document = meta.documents[key];
  const row = useReference(key, id);
  if (!id) return null;
  if (row === undefined && !said) return <span className="loading-name">…</span>;
  const name = said || (row && document ? nameOf(document, row) : "—");
  if (plain || !row || !document || document.hidden) return <span title={row ? titleOf(document, row) : id}>{name}</span>;
  return <AppLink to={routeOf(document, id)}>{name}</AppLink>;
}

/** Several people or departments in one line. */
export function References({ document, ids, plain }: { document: string; ids: string[]; plain?: boolean }) {
  return (
    <span className="references">
      {ids.map((id) => (
        <Reference key={id} document={document} id={id} plain={plain} />
      ))}
    </span>
  );
}
