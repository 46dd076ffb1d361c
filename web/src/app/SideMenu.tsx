import { DownOutlined, HomeOutlined } from "@ant-design/icons";
import { Tooltip } from "antd";
import { useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation } from "react-router";
import { AppLink } from "./links";
import { iconOf, usePlaces, type Place } from "./navigation";
import { useRecents } from "./recent";

const STORED = "heyi.menu.folded";

/** The menu at the left: places by service, and what was used last on top. */
export function SideMenu({ collapsed, onGo }: { collapsed: boolean; onGo?: () => void }) {
  const { t } = useTranslation();
  const groups = usePlaces();
  const recents = useRecents();
  const { pathname } = useLocation();
  const [folded, setFolded] = useState<string[]>(() => JSON.parse(localStorage.getItem(STORED) ?? "[]") as string[]);
  const fold = (key: string) => {
    const next = folded.includes(key) ? folded.filter((one) => one !== key) : [...folded, key];
    localStorage.setItem(STORED, JSON.stringify(next));
    setFolded(next);
  };
  const entry = ({ key, to, title, icon }: Place, marked = true) => (
    <li key={key}>
      <Tooltip title={collapsed ? title : ""} placement="right">
        <span>
          <AppLink to={to} className={marked && isHere(pathname, to) ? "menu-link here" : "menu-link"} onClick={onGo}>
            <span className="menu-icon" aria-hidden="true">{icon}</span>
            <span className={collapsed ? "hidden-text" : "menu-text"}>{title}</span>
          </AppLink>
        </span>
      </Tooltip>
    </li>
  );
  return (
    <nav className="menu" aria-label={t("frame.menu")}>
      <ul>{entry({ key: "portal", to: "/", title: t("portal.title"), icon: <HomeOutlined /> })}</ul>
      {!collapsed && recents.length > 0 && (
        <MenuGroup title={t("frame.recent")} open={!folded.includes("recent")} onToggle={() => fold("recent")}>
          {recents.slice(0, 4).map(({ to, title, document }) => entry({ key: to, to, title, icon: iconOf(document) }, false))}
        </MenuGroup>
      )}
      {groups.map(({ key, title, places }) =>
        collapsed ? (
          <ul key={key} className="menu-divided">{places.map((place) => entry(place))}</ul>
        ) : (
          <MenuGroup key={key} title={title} open={!folded.includes(key)} onToggle={() => fold(key)}>
            {places.map((place) => entry(place))}
          </MenuGroup>
        ),
      )}
    </nav>
  );
}

function isHere(pathname: string, to: string): boolean {
  return to === "/" ? pathname === "/" : pathname === to || pathname.startsWith(`${to}/`);
}

function MenuGroup({ title, open, onToggle, children }: { title: string; open: boolean; onToggle: () => void; children: ReactNode }) {
  return (
    <section>
      <button type="button" className="menu-group" aria-expanded={open} onClick={onToggle}>
        {title}
        <DownOutlined rotate={open ? 0 : -90} aria-hidden="true" />
      </button>
      {open && <ul>{children}</ul>}
    </section>
  );
}
