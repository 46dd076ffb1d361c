import { EditOutlined, PlusOutlined } from "@ant-design/icons";
import { Button, Empty, Input, Skeleton, Tree } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { fetchList, useDocument } from "@/api/documents";
import { useCan } from "@/api/me";
import { AppLink, routeOf, useGo } from "@/app/links";
import type { DocumentMeta, Row } from "@/contract/meta";
import { shownFields } from "@/contract/meta";
import { ActionBar } from "@/documents/ActionBar";
import { FactsCard } from "@/documents/GenericDetail";
import { PageProblem } from "@/documents/PageProblem";
import { Reference } from "@/documents/Reference";

interface Node {
  key: string;
  title: ReactNode;
  text: string;
  children: Node[];
}

const PAGE = 200;

async function everyDepartment(document: DocumentMeta): Promise<Row[]> {
  const rows: Row[] = [];
  let token = "";
  do {
    const page = await fetchList(document, { pageSize: PAGE, orderBy: "code" }, token || undefined);
    rows.push(...page.rows);
    token = page.nextPageToken;
  } while (token);
  return rows;
}

function inOrder(a: Row, b: Row): number {
  return Number(a.sortOrder) - Number(b.sortOrder) || String(a.code).localeCompare(String(b.code));
}

/** The organisation as a tree, each unit with its head; the chosen one beside it. */
export default function DepartmentTree({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState("");
  const chosen = params.get("id") ?? "";
  const { data, error, refetch } = useQuery({ queryKey: [document.key, "tree", context.company], queryFn: () => everyDepartment(document) });
  const nodes = useMemo(() => treeOf(data ?? []), [data]);
  const creatable = can(document.methods.create);
  if (error) return <PageProblem error={error} retry={() => void refetch()} />;
  const found = search.trim() ? matching(nodes, search.trim().toLowerCase()) : nodes;
  const choose = (id: string) =>
    setParams((before) => {
      const next = new URLSearchParams(before);
      next.set("id", id);
      return next;
    }, { replace: true });
  return (
    <section className="page">
      <header className="page-head">
        <h1>{document.plural} <span className="count">{t("list.count", { count: data?.length ?? 0 })}</span></h1>
        <div className="page-tools">
          {creatable && <Button type="primary" icon={<PlusOutlined />} onClick={() => go(`${document.route}/new${chosen ? `?v.parentId=${chosen}` : ""}`)}>{t("list.new", { title: document.title })}</Button>}
        </div>
      </header>
      <div className="tree-page">
        <div className="card">
          <Input allowClear value={search} onChange={({ target }) => setSearch(target.value)} placeholder={t("list.search")} aria-label={t("list.search")} />
          {!data && <Skeleton active title={false} />}
          {data && found.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("list.nothingFound")} />}
          {data && found.length > 0 && (
            <Tree<Node>
              key={search} treeData={found} defaultExpandAll blockNode showLine selectedKeys={chosen ? [chosen] : []} onSelect={(keys) => keys[0] && choose(String(keys[0]))} aria-label={document.plural}
            />
          )}
        </div>
        <div>{chosen ? <Chosen key={chosen} document={document} id={chosen} /> : <p className="quiet">{t("tree.choose")}</p>}</div>
      </div>
    </section>
  );
}

function treeOf(rows: Row[]): Node[] {
  const known = new Set(rows.map(({ id }) => id));
  const below = (parent: string): Node[] =>
    rows
      .filter((row) => (parent ? row.parentId === parent : !row.parentId || !known.has(String(row.parentId))))
      .toSorted(inOrder)
      .map((row) => ({ key: row.id, text: `${String(row.code)} ${String(row.name)}`.toLowerCase(), title: <Title row={row} />, children: below(row.id) }));
  return below("");
}

function matching(nodes: Node[], wanted: string): Node[] {
  return nodes.flatMap((node) => {
    if (node.text.includes(wanted)) return [node];
    const children = matching(node.children, wanted);
    return children.length > 0 ? [{ ...node, children }] : [];
  });
}

function Title({ row }: { row: Row }) {
  return (
    <span className={row.state === "INACTIVE" ? "tree-title struck" : "tree-title"}>
      {String(row.name)} <small>{String(row.code)}</small>
      {typeof row.headId === "string" && row.headId && <small className="tree-head"><Reference document="identity.employee" id={row.headId} plain /></small>}
    </span>
  );
}

function Chosen({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const { data, error } = useDocument(document, id);
  if (error) return <PageProblem error={error} />;
  if (!data) return <Skeleton active />;
  return (
    <>
      <header className="page-head">
        <h2>{String(data.name)}</h2>
        <div className="page-tools">
          <AppLink to={routeOf(document, id)} className="quiet-link"><EditOutlined aria-hidden="true" /> {t("tree.open")}</AppLink>
          <ActionBar document={document} row={data} />
        </div>
      </header>
      <FactsCard fields={shownFields(document.fields)} row={data} />
    </>
  );
}
