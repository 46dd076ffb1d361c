import { Collapse, Skeleton } from "antd";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { useVerb } from "@/api/documents";
import { timeText } from "@/contract/format";
import { enumLabel, membersOf, methodOf, type DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { References } from "@/documents/Reference";

interface Shape {
  nodeId: string;
  kind: string;
  figure: string;
  joins: boolean;
  standing: string;
  name: string;
  employeeIds: string[];
  openTime: string | null;
  doneTime: string | null;
  x: number;
  y: number;
  width: number;
  height: number;
  title: string[];
  details: string[];
  label: number[];
}

interface Line {
  standing: string;
  points: number[];
  title: string[];
  details: string[];
  label: number[];
}

interface Drawing {
  width: number;
  height: number;
  shapes: Shape[];
  lines: Line[];
}

const ROW = 17;
const BASE = 13;

/** The way of a case on the picture of its flow; asked for when it is opened. */
export function CaseWay({ document, id, etag }: { document: DocumentMeta; id: string; etag?: string }) {
  const [open, setOpen] = useState(false);
  return (
    <Collapse
      className="case-way" onChange={(keys) => setOpen(keys.length > 0)}
      items={[{ key: "way", label: methodOf(document, "draw")?.label, children: open && <Way key={etag} document={document} id={id} /> }]}
    />
  );
}

function Way({ document, id }: { document: DocumentMeta; id: string }) {
  const { t } = useTranslation();
  const { data } = useVerb<Drawing>(document, "draw", id);
  // Where it stands now, or else the beginning, is what is seen first on a small screen.
  const show = useCallback((frame: HTMLDivElement | null) => {
    const here = data?.shapes.find(({ standing }) => standing === "CURRENT") ?? data?.shapes[0];
    if (frame && here) frame.scrollTo(here.x + here.width / 2 - frame.clientWidth / 2, here.y + here.height / 2 - frame.clientHeight / 2);
  }, [data]);
  if (!data) return <Skeleton active title={false} />;
  if (data.shapes.length === 0) return <p className="quiet">{t("way.none")}</p>;
  return (
    <>
      <div className="way-scroll" ref={show} tabIndex={0} role="group" aria-label={methodOf(document, "draw")?.label}>
        <svg viewBox={`0 0 ${data.width} ${data.height}`} width={data.width} height={data.height} aria-hidden="true">
          <defs>
            <marker id="way-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 1 L9 5 L0 9 z" fill="context-stroke" /></marker>
          </defs>
          {data.lines.map((line, index) => (
            <g key={index} className={`way-line ${line.standing.toLowerCase()}`}>
              <polyline points={line.points.join(" ")} markerEnd="url(#way-arrow)" />
              {line.label.length > 0 && <Words at={line.label} title={line.title} details={line.details} />}
            </g>
          ))}
          {data.shapes.map((shape, index) => <g key={index} className={`way-shape ${shape.standing.toLowerCase()}`}><Figure shape={shape} /></g>)}
        </svg>
      </div>
      <WayList shapes={data.shapes} />
    </>
  );
}

function Figure({ shape }: { shape: Shape }) {
  const { x, y, width, height, title } = shape;
  const details = [...shape.details, ...whenOf(shape)];
  const middle = [x + width / 2, y + height / 2];
  if (shape.figure === "task") {
    const top = middle[1] - ((title.length + details.length) * ROW) / 2;
    return <><rect x={x} y={y} width={width} height={height} rx={6} /><Words at={[middle[0], top]} title={title} details={details} anchor="middle" /></>;
  }
  const words = shape.label.length > 0 && <Words at={shape.label} title={title} details={details} />;
  if (shape.figure === "gateway") {
    return (
      <>
        <polygon points={`${middle[0]},${y} ${x + width},${middle[1]} ${middle[0]},${y + height} ${x},${middle[1]}`} />
        <text x={middle[0]} y={middle[1] + 9} fontSize={26} textAnchor="middle">{shape.kind === "parallel" ? "+" : "×"}</text>
        {words}
      </>
    );
  }
  return <><circle cx={middle[0]} cy={middle[1]} r={width / 2} />{words}</>;
}

/** When it was done, or since when it waits; start, end and gateways say nothing. */
function whenOf({ figure, doneTime, openTime }: Shape): string[] {
  return figure !== "gateway" && (doneTime || openTime) ? [timeText(doneTime ?? openTime)] : [];
}

function Words({ at, title, details, anchor }: { at: number[]; title: string[]; details: string[]; anchor?: "middle" }) {
  return (
    <>
      {[...title, ...details].map((line, index) => (
        <text key={index} x={at[0]} y={at[1] + index * ROW + BASE} textAnchor={anchor} fontWeight={index < title.length ? 600 : undefined}>{line}</text>
      ))}
    </>
  );
}

/** The same in words, for whoever does not see the picture. */
function WayList({ shapes }: { shapes: Shape[] }) {
  const meta = useMeta();
  const standings = membersOf(meta, "DrawnShape").find(({ name }) => name === "standing")?.enum;
  return (
    <ol className="hidden-text">
      {shapes.filter(({ nodeId, figure, joins }) => nodeId !== "" && figure !== "gateway" && !joins).map(({ nodeId, name, standing, employeeIds, openTime, doneTime }) => (
        <li key={nodeId}>
          {name}: {enumLabel(meta, standings, standing)} <References document="identity.employee" ids={employeeIds} plain /> {timeText(doneTime ?? openTime)}
        </li>
      ))}
    </ol>
  );
}
