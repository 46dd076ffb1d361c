import { ArrowDownOutlined, ArrowUpOutlined, CopyOutlined, DeleteOutlined, PlusSquareOutlined, RedoOutlined, ScissorOutlined, SnippetsOutlined, UndoOutlined } from "@ant-design/icons";
import { Button } from "antd";
import type { ComponentType, ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Designer } from "./useDesigner";

/** What can be done with the card that was focused last; each tool names its key. */
export function FlowToolbar({ designer, children }: { designer: Designer; children?: ReactNode }) {
  const { t } = useTranslation();
  const name = designer.standing?.node.name ?? "";
  const tools: [string, string, ComponentType, boolean, () => unknown][] = [
    [t("flow.undo"), "Ctrl+Z", UndoOutlined, designer.canUndo, designer.undo],
    [t("flow.redo"), "Ctrl+Shift+Z", RedoOutlined, designer.canRedo, designer.redo],
    [t("flow.cut"), "Ctrl+X", ScissorOutlined, designer.canRemove, designer.cut],
    [t("flow.copyNode"), "Ctrl+C", CopyOutlined, designer.canCopy, designer.copy],
    [t("flow.paste"), "Ctrl+V", SnippetsOutlined, designer.canPaste, designer.paste],
    [t("flow.duplicate"), "Ctrl+D", PlusSquareOutlined, designer.canCopy, designer.duplicate],
    [t("flow.moveUp"), "Alt+↑", ArrowUpOutlined, designer.canShift(-1), () => designer.shift(-1)],
    [t("flow.moveDown"), "Alt+↓", ArrowDownOutlined, designer.canShift(1), () => designer.shift(1)],
    [t("flow.remove"), "Delete", DeleteOutlined, designer.canRemove, designer.remove],
  ];
  return (
    <div role="toolbar" aria-label={t("flow.tools")} className="flow-toolbar">
      {tools.map(([label, key, Icon, can, act]) => <Button key={label} type="text" icon={<Icon />} aria-label={label} title={`${label} (${key})`} disabled={!can} onClick={() => void act()} />)}
      <span className="flow-chosen">{name}</span>
      {children}
    </div>
  );
}
