import { PlusOutlined, SnippetsOutlined } from "@ant-design/icons";
import { Dropdown } from "antd";
import { createContext, useContext, useEffect, useRef, useState, type DragEvent, type KeyboardEvent } from "react";
import { useTranslation } from "react-i18next";
import { ProblemLines } from "./ProblemLines";
import { ConditionWords, NodeText } from "./Words";
import { NODE_KINDS, kindOf } from "./kinds";
import { branchPlace, copyOf, holds, isDefault, membersOf, newId, type FlowNode, type FlowProblem, type Place, type Standing } from "./tree";
import type { Designer } from "./useDesigner";

interface Props {
  tree: FlowNode;
  problems?: FlowProblem[];
  /** Nodes that a simulated document comes to. */
  way?: ReadonlySet<string>;
  /** Where the tree can be changed. */
  designer?: Designer;
}

interface Drawing extends Omit<Props, "tree" | "problems"> {
  problems: FlowProblem[];
  dragged?: FlowNode;
  setDragged: (node: FlowNode | undefined) => void;
}

const DrawingContext = createContext<Drawing>({ problems: [], setDragged: () => undefined });

/** A flow from top to bottom: cards joined by lines, branches side by side. A list to whoever does not see it. */
export function FlowTree({ tree, problems = [], way, designer }: Props) {
  const { t } = useTranslation();
  const canvas = useRef<HTMLDivElement>(null);
  const [dragged, setDragged] = useState<FlowNode>();
  const wanted = designer?.wanted;
  useEffect(() => {
    if (wanted === undefined) return;
    canvas.current?.querySelector<HTMLElement>(`[data-node="${CSS.escape(wanted)}"]`)?.focus();
    designer!.setWanted(undefined);
  }, [wanted, designer]);
  return (
    <DrawingContext value={{ problems, way, designer, dragged, setDragged }}>
      {/* what is too wide or too high is scrolled to by keys as well */}
      <div ref={canvas} className={`flow-canvas${dragged ? " dragging" : ""}`} role="region" aria-label={t("flow.tree")} tabIndex={designer ? undefined : 0}>
        <div className="flow-inner">
          <span className="flow-end">{t("flow.begin")}</span>
          <Steps parent={tree.kind === "sequence" ? tree : { kind: "sequence", children: [tree] }} />
          <span className="flow-end">{t("flow.end")}</span>
        </div>
      </div>
    </DrawingContext>
  );
}

/** The members of a sequence or of a branch, with a place to add between any two. */
function Steps({ parent }: { parent: FlowNode }) {
  const members = membersOf(parent);
  // a root that is a single step, or a kind that this page does not know
  const fixed = parent.id === undefined || (parent.kind !== undefined && !kindOf(parent));
  return (
    <ol className="flow-steps">
      {members.map((node, index) => (
        <li key={node.id ?? index} className="flow-step">
          {!fixed && <Plus place={{ parent: parent.id ?? "", index }} before={members[index - 1]} />}
          <Card standing={{ node, parent: parent.id ?? "", index, branch: false, above: parent }} />
          {Array.isArray(node.branches) ? <Branches branching={node} /> : membersOf(node).length > 0 || kindOf(node)?.members ? <div className="flow-inside"><Steps parent={node} /></div> : null}
        </li>
      ))}
      {!fixed && <li className="flow-step"><Plus place={{ parent: parent.id ?? "", index: members.length }} before={members.at(-1)} /></li>}
    </ol>
  );
}

function Branches({ branching }: { branching: FlowNode }) {
  const { t } = useTranslation();
  const { designer } = useContext(DrawingContext);
  const add = () => designer!.add(branchPlace(branching), { id: newId(), name: t("flow.branch"), children: [], ...(branching.kind === "condition" ? { when: "amount >= 10000" } : {}) });
  return (
    <div className="flow-branching">
      {designer && kindOf(branching) && <button type="button" className="flow-add-branch" onClick={add} aria-label={t("flow.addBranchTo", { name: branching.name ?? "" })}>{t("flow.addBranch")}</button>}
      <ol className="flow-branches">
        {membersOf(branching).map((node, index) => (
          <li key={node.id ?? index} className="flow-branch">
            <Card standing={{ node, parent: branching.id ?? "", index, branch: true, above: branching }} />
            <Steps parent={node} />
          </li>
        ))}
      </ol>
    </div>
  );
}

function Card({ standing }: { standing: Standing }) {
  const { t } = useTranslation();
  const { problems, way, designer, setDragged } = useContext(DrawingContext);
  const { node, branch, above } = standing;
  const kind = kindOf(node);
  const mine = problems.filter(({ nodeId }) => nodeId === node.id);
  const taken = way?.has(node.id ?? "") ?? false;
  const conditional = branch && above!.kind === "condition";
  const classes = ["flow-card", branch ? "branch" : (node.kind ?? ""), taken && "on-way", way && !taken && "off-way", mine.some(({ warning }) => !warning) && "faulty", designer?.opened === node.id && "opened"];
  const content = (
    <>
      <span className="card-kind">{kind?.icon} {branch ? (conditional ? t("flow.when") : t("flow.branch")) : (kind?.label(t) ?? node.kind)}{taken && <span className="card-way"> ✓ {t("flow.onWay")}</span>}</span>
      {node.name && <strong>{node.name}</strong>}
      {conditional && <span className="card-text">{node.when ? <ConditionWords text={node.when} /> : isDefault(standing) ? t("flow.defaultBranch") : t("flow.conditionMissing")}</span>}
      {!branch && <span className="card-text"><NodeText node={node} /></span>}
      <ProblemLines problems={mine} />
    </>
  );
  if (!designer || node.id === undefined) return <div className={classes.filter(Boolean).join(" ")}>{content}</div>;
  const { active, setActive, setOpened } = designer;
  const first = active === undefined || !holds(designer.tree, active);
  const reachable = first ? standing.index === 0 && above === designer.tree : active === node.id;
  return (
    <div
      role="button" tabIndex={reachable ? 0 : -1} data-node={node.id} aria-haspopup="dialog" className={classes.filter(Boolean).join(" ")} draggable={!branch}
      onFocus={() => setActive(node.id)} onKeyDown={(event) => onKey(event, designer)}
      onClick={() => {
        setActive(node.id);
        setOpened(node.id);
      }}
      onDragStart={(event) => {
        event.dataTransfer.setData("text/plain", node.id!);
        event.dataTransfer.effectAllowed = "move";
        setDragged(node);
      }}
      onDragEnd={() => setDragged(undefined)}
    >
      {content}
    </div>
  );
}

/** The place between two nodes: a menu of what can be added, and where a dragged card can be let go. */
function Plus({ place, before }: { place: Place; before: FlowNode | undefined }) {
  const { t } = useTranslation();
  const { designer, dragged, setDragged } = useContext(DrawingContext);
  const [over, setOver] = useState(false);
  if (!designer) return <span className="flow-line" aria-hidden="true" />;
  const { standing, clip } = designer;
  const open = dragged !== undefined && !holds(dragged, place.parent);
  const near = standing !== undefined && ((!standing.branch && standing.parent === place.parent && (standing.index === place.index || standing.index === place.index - 1)) || (place.index === 0 && standing.node.id === place.parent));
  const kinds = Object.entries(NODE_KINDS).flatMap(([key, { label, icon, make }]) => (make ? [{ key, icon, label: label(t), onClick: () => designer.add(place, make(t)) }] : []));
  const paste = clip && !clip.branch ? [{ type: "divider" as const }, { key: "paste", icon: <SnippetsOutlined />, label: t("flow.pasteHere", { name: clip.node.name ?? "" }), onClick: () => designer.add(place, copyOf(clip.node)) }] : [];
  const let_go = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    setDragged(undefined);
    if (open) designer.move(dragged.id!, place);
  };
  return (
    <span className="flow-line">
      <Dropdown trigger={["click"]} menu={{ items: [...kinds, ...paste] }}>
        <button
          type="button" className={`flow-plus${open ? " open" : ""}${over && open ? " over" : ""}`} tabIndex={near ? 0 : -1} aria-label={before ? t("flow.addAfter", { name: before.name ?? "" }) : t("flow.addFirst")}
          onDragOver={(event) => {
            if (!open) return;
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)} onDrop={let_go}
        >
          <PlusOutlined />
        </button>
      </Dropdown>
    </span>
  );
}

/** Keys on a card: arrows go to others, with Alt they move it; the rest as everywhere. */
function onKey(event: KeyboardEvent<HTMLElement>, designer: Designer): void {
  const card = event.currentTarget;
  const done = (act: () => unknown) => {
    event.preventDefault();
    act();
  };
  const cards = [...card.closest(".flow-canvas")!.querySelectorAll<HTMLElement>("[data-node]")];
  const here = cards.indexOf(card);
  const branches = card.closest(".flow-branch")?.parentElement?.children;
  const beside = (by: -1 | 1) => {
    const own = card.closest(".flow-branch");
    return branches && own ? branches[[...branches].indexOf(own) + by]?.querySelector<HTMLElement>("[data-node]") : undefined;
  };
  if (event.ctrlKey || event.metaKey) {
    const tools: Record<string, () => unknown> = { c: designer.copy, x: designer.cut, v: designer.paste, d: designer.duplicate };
    const tool = tools[event.key.toLowerCase()];
    if (tool && !event.shiftKey) done(tool);
    return;
  }
  switch (event.key) {
    case "Enter":
    case " ":
      return done(() => designer.setOpened(card.dataset.node));
    case "Delete":
    case "Backspace":
      return done(designer.remove);
    case "Home":
      return done(() => cards[0].focus());
    case "End":
      return done(() => cards.at(-1)!.focus());
    case "ArrowUp":
      return done(() => (event.altKey ? designer.shift(-1) : cards[here - 1]?.focus()));
    case "ArrowDown":
      return done(() => (event.altKey ? designer.shift(1) : cards[here + 1]?.focus()));
    case "ArrowLeft":
      return done(() => (event.altKey ? designer.shift(-1) : beside(-1)?.focus()));
    case "ArrowRight":
      return done(() => (event.altKey ? designer.shift(1) : beside(1)?.focus()));
    default:
      return undefined;
  }
}
