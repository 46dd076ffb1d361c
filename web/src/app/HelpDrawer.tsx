import { Drawer, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useLocation } from "react-router";
import { useMeta } from "@/contract/useMeta";

/** Help for the page that is open: what the document is for, and the keys that work here. */
export function HelpDrawer({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const meta = useMeta();
  const { pathname } = useLocation();
  const document = Object.values(meta.documents).find(({ route }) => pathname === route || pathname.startsWith(`${route}/`));
  const keys: [string, string][] = [
    ["Ctrl K", t("help.palette")],
    ["j / k", t("help.upDown")],
    ["Enter", t("help.open")],
    ["x", t("help.select")],
    ["/", t("help.search")],
    ["a / r", t("help.decide")],
    ["F2", t("help.editCell")],
    ["Ctrl V", t("help.paste")],
    ["Esc", t("help.close")],
  ];
  return (
    <Drawer open={open} onClose={onClose} title={t("frame.help")} size={360}>
      {document && (
        <>
          <Typography.Title level={3} className="help-title">{document.plural}</Typography.Title>
          <p className="prose">{document.help ?? t("help.none")}</p>
        </>
      )}
      <Typography.Title level={3} className="help-title">{t("help.keys")}</Typography.Title>
      <dl className="key-list">
        {keys.map(([key, text]) => (
          <div key={key}>
            <dt><kbd>{key}</kbd></dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </Drawer>
  );
}
