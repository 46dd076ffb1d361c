import { EditOutlined, PlusOutlined, PrinterOutlined } from "@ant-design/icons";
import { Button, Checkbox, DatePicker, Empty, Input, Segmented, Skeleton, Tree } from "antd";
import { useQuery } from "@tanstack/react-query";
import dayjs from "dayjs";
import { useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { context } from "@/api/context";
import { useDocument } from "@/api/documents";
import { problemOf } from "@/api/errors";
import { call, queryText } from "@/api/http";
import { useCan, useMe } from "@/api/me";
import { useReference } from "@/api/references";
import { AppLink, routeOf, useGo } from "@/app/links";
import { membersOf, methodOf, shownFields, type DocumentMeta } from "@/contract/meta";
import type { ChartUnit, OrganisationChart } from "@/contract/types";
import { useDocumentMeta, useMeta } from "@/contract/useMeta";
import { ActionBar } from "@/documents/ActionBar";
import { FileButton } from "@/documents/ExportButton";
import { FactsCard } from "@/documents/GenericDetail";
import { ImportButton } from "@/documents/ImportButton";
import { LinesTable } from "@/documents/LinesTable";
import { PageProblem } from "@/documents/PageProblem";
import type { Values } from "@/documents/formValues";
import { OrganisationBoxes } from "./OrganisationChart";

interface Node {
  key: string;
  title: ReactNode;
  text: string;
  children: Node[];
}

const DAY = "YYYY-MM-DD";

function useChart(document: DocumentMeta, query: { chartDate: string; departmentId?: string }, enabled = true) {
  const method = methodOf(document, "chart")!;
  return useQuery({
    // a scheduled reorganisation changes a day to come as well: asked anew
    queryKey: [document.key, "chart", context.company, undefined, query],
    queryFn: ({ signal }) => call<OrganisationChart>("GET", method.path, { query, signal }),
    enabled,
    staleTime: 0,
  });
}

/** The organisation as of any day, as a tree or as boxes, each unit with its head; the chosen one beside it. */
export default function DepartmentTree({ document }: { document: DocumentMeta }) {
  const { t } = useTranslation();
  const go = useGo();
  const can = useCan();
  const today = useMe().todayDate;
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState("");
  const [people, setPeople] = useState(false);
  const chosen = params.get("id") ?? "";
  const day = params.get("day") ?? today;
  const boxes = params.get("view") === "boxes";
  const { data, error, refetch } = useChart(document, { chartDate: day });
  const asOf = membersOf(useMeta(), "OrganisationChart").find(({ name }) => name === "chartDate")?.label;
  const nodes = useMemo(() => treeOf(data?.units ?? []), [data]);
  if (problemOf({ data, error })) return <PageProblem error={error} retry={() => void refetch()} />;
  const found = search.trim() ? matching(nodes, search.trim().toLowerCase()) : nodes;
  const put = (name: string, value: string) =>
    setParams((before) => {
      const next = new URLSearchParams(before);
      if (value) next.set(name, value);
      else next.delete(name);
      return next;
    }, { replace: true });
  const choose = (id: string) => put("id", id);
  const print = methodOf(document, "printChart")!;
  const seats = methodOf(document, "listSeats")!;
  return (
    <section className="page">
      <header className="page-head">
        <h1>{document.plural} <span className="count">{t("list.count", { count: data?.units.length ?? 0 })}</span></h1>
        <div className="page-tools">
          <DatePicker aria-label={asOf} value={dayjs(day)} allowClear={false} format={DAY} onChange={(next) => put("day", next && next.format(DAY) !== today ? next.format(DAY) : "")} />
          <Segmented<string> aria-label={t("organisation.view")} value={boxes ? "boxes" : ""} onChange={(next) => put("view", next)} options={[{ value: "", label: t("organisation.tree") }, { value: "boxes", label: t("organisation.boxes") }]} />
          <Checkbox checked={people} onChange={({ target }) => setPeople(target.checked)}>{t("organisation.withPeople")}</Checkbox>
          <Button icon={<PrinterOutlined />} href={`${print.path}${queryText({ chartDate: day, people, company: context.company, locale: context.locale })}`} target="_blank" rel="noopener">{t("organisation.print")}</Button>
          <FileButton path={seats.path} query={{ chart_date: day }} />
          <ImportButton document={document} />
          {can(document.methods.create) && <Button type="primary" icon={<PlusOutlined />} onClick={() => go(`${document.route}/new${chosen ? `?v.parentId=${chosen}` : ""}`)}>{t("list.new", { title: document.title })}</Button>}
        </div>
      </header>
      {day !== today && <p className="quiet lead" role="status">{day > today ? t("organisation.ahead", { day }) : t("organisation.past", { day })} <Button type="link" size="small" onClick={() => put("day", "")}>{t("organisation.today")}</Button></p>}
      <div className={boxes ? undefined : "tree-page"}>
        <div className="card">
          {!boxes && <Input allowClear value={search} onChange={({ target }) => setSearch(target.value)} placeholder={t("list.search")} aria-label={t("list.search")} />}
          {!data && <Skeleton active title={false} />}
          {data && found.length === 0 && <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("list.nothingFound")} />}
          {data && boxes && <OrganisationBoxes units={data.units} chosen={chosen} onChoose={choose} label={document.plural} />}
          {data && !boxes && found.length > 0 && (
            <Tree<Node>
              key={`${search} ${day}`} treeData={found} defaultExpandAll blockNode showLine selectedKeys={chosen ? [chosen] : []} onSelect={(keys) => keys[0] && choose(String(keys[0]))} aria-label={document.plural}
            />
          )}
        </div>
        <div>{chosen ? <Chosen key={`${chosen} ${day}`} document={document} id={chosen} day={day} unit={data?.units.find(({ departmentId }) => departmentId === chosen)} /> : <p className="quiet">{t("tree.choose")}</p>}</div>
      </div>
    </section>
  );
}

/** The units come in their order, each after the one above it. */
function treeOf(units: ChartUnit[]): Node[] {
  const below = (parent: string): Node[] =>
    units
      .filter(({ parentId }) => parentId === parent)
      .map((unit) => ({ key: unit.departmentId, text: `${unit.code} ${unit.name}`.toLowerCase(), title: <Title unit={unit} />, children: below(unit.departmentId) }));
  return below("");
}

function matching(nodes: Node[], wanted: string): Node[] {
  return nodes.flatMap((node) => {
    if (node.text.includes(wanted)) return [node];
    const children = matching(node.children, wanted);
    return children.length > 0 ? [{ ...node, children }] : [];
  });
}

function Title({ unit }: { unit: ChartUnit }) {
  const { t } = useTranslation();
  const head = unit.actingName ? t("organisation.acting", { name: unit.actingName }) : unit.headName;
  return (
    <span className="tree-title">
      {unit.name} <small>{unit.code}</small>
      {head && <small className="tree-head">{head}</small>}
      <small className="quiet">{unit.peopleCount}</small>
    </span>
  );
}

/** What the chosen unit is today, or was on another day; and its people of that day. */
function Chosen({ document, id, day, unit }: { document: DocumentMeta; id: string; day: string; unit: ChartUnit | undefined }) {
  const { t } = useTranslation();
  const today = useMe().todayDate;
  const now = day === today;
  // of another day only what the chart says: a department to come has no record yet
  const known = useReference(document.key, now ? "" : id);
  const { data, error } = useDocument(document, now ? id : undefined);
  if (problemOf({ data, error })) return <PageProblem error={error} />;
  if (now && !data) return <Skeleton active />;
  return (
    <>
      <header className="page-head">
        <h2>{unit?.name ?? String((data ?? known)?.name ?? "")}{unit?.nameNow && <small className="quiet"> {t("organisation.nameNow", { name: unit.nameNow })}</small>}</h2>
        <div className="page-tools">
          {(data ?? known) && <AppLink to={routeOf(document, id)} className="quiet-link"><EditOutlined aria-hidden="true" /> {t("tree.open")}</AppLink>}
          {data && <ActionBar document={document} row={data} />}
        </div>
      </header>
      {data && <FactsCard fields={shownFields(document.fields).filter(({ type }) => type !== "message")} row={data} />}
      <People document={document} id={id} day={day} />
    </>
  );
}

function People({ document, id, day }: { document: DocumentMeta; id: string; day: string }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const employees = useDocumentMeta("identity.employee");
  const { data } = useChart(document, { chartDate: day, departmentId: id });
  if (!data) return <Skeleton active title={false} />;
  const fields = membersOf(meta, "OrganisationChart.Person").filter(({ name, references }) => !references && !/Ids?$/.test(name));
  const cells = { name: (row: Values) => <AppLink to={routeOf(employees, String(row.employeeId))}>{String(row.name)}</AppLink> };
  const title = t("organisation.peopleTitle");
  return (
    <section className="card" aria-label={title}>
      <h2>{title} <span className="count">{t("list.count", { count: data.people.length })}</span></h2>
      {data.people.length === 0 ? <p className="quiet">{t("list.empty")}</p> : <LinesTable label={title} fields={fields} rows={data.people.map((one) => ({ ...one, id: `${one.employeeId} ${one.kind}` }))} cells={cells} />}
    </section>
  );
}
