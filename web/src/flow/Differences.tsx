import { Tag } from "antd";
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { fieldOf, type DocumentMeta } from "@/contract/meta";
import { ConditionWords, PartText } from "./Words";
import { apart, compare, type Change, type Difference } from "./diff";
import { kindOf, type Part } from "./kinds";
import type { FlowNode } from "./tree";

/** What a version of a flow consists of. */
export interface Content {
  tree: FlowNode;
  condition: string;
  priority: number;
}

const TONES: Record<Change["what"], string> = { added: "green", removed: "red", changed: "blue", moved: "gold" };

function whatText(t: TFunction, what: Change["what"]): string {
  return { added: t("flow.added"), removed: t("flow.removed"), changed: t("flow.changed"), moved: t("flow.wasMoved") }[what];
}

/** What is different between two versions, node by node and in words. */
export function Differences({ document, before, after }: { document: DocumentMeta; before: Content; after: Content }) {
  const { t } = useTranslation();
  const changes = compare(before.tree, after.tree);
  const own = (["condition", "priority"] as const).filter((name) => before[name] !== after[name]);
  if (changes.length === 0 && own.length === 0) return <p className="quiet">{t("flow.noDifference")}</p>;
  return (
    <ul className="plain-list differences" aria-label={t("flow.differences")}>
      {own.map((name) => (
        <li key={name}>
          <Tag color={TONES.changed}>{whatText(t, "changed")}</Tag> {fieldOf(document, name)?.label}{" "}
          <BeforeAfter before={shownOwn(name, before)} after={shownOwn(name, after)} />
        </li>
      ))}
      {changes.map((change) => <ChangeLine key={change.id + change.what} change={change} />)}
    </ul>
  );
}

function shownOwn(name: "condition" | "priority", content: Content) {
  return name === "condition" ? (content.condition ? <ConditionWords text={content.condition} /> : "—") : String(content.priority);
}

function ChangeLine({ change: { what, node, branch, above, differences } }: { change: Change }) {
  const { t } = useTranslation();
  const kind = kindOf(node);
  return (
    <li>
      <Tag color={TONES[what]}>{whatText(t, what)}</Tag> {branch ? t("flow.branch") : (kind?.label(t) ?? node.kind)} <strong>{node.name}</strong>
      {what === "moved" && above?.name && <> → {above.name}</>}
      {what === "added" && node.when && <> · <ConditionWords text={node.when} /></>}
      {differences.length > 0 && <ul className="plain-list">{differences.map((one) => <li key={one.key}><DifferenceLine difference={one} part={kind?.parts.find(({ key }) => key === one.key)} /></li>)}</ul>}
    </li>
  );
}

function DifferenceLine({ difference: { key, before, after }, part }: { difference: Difference; part: Part | undefined }) {
  const { t } = useTranslation();
  const label = part?.label(t) ?? (key === "name" ? t("flow.name") : key === "when" ? t("flow.when") : key);
  const shown = (value: unknown) => {
    if (part) return <PartText part={part} value={value} />;
    if (value === undefined || value === "") return "—";
    return key === "when" ? <ConditionWords text={String(value)} /> : typeof value === "string" ? value : JSON.stringify(value);
  };
  const [was, is] = part?.input === "list" ? apart(before, after) : [before, after];
  return <>{label} <BeforeAfter before={shown(was)} after={shown(is)} /></>;
}

function BeforeAfter({ before, after }: { before: React.ReactNode; after: React.ReactNode }) {
  const { t } = useTranslation();
  return <><del aria-label={t("history.before")}>{before}</del> → <ins aria-label={t("history.after")}>{after}</ins></>;
}
