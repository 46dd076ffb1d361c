import { BulbOutlined, GlobalOutlined, LockOutlined, LogoutOutlined, MenuFoldOutlined, MenuOutlined, MenuUnfoldOutlined, QuestionCircleOutlined, SafetyOutlined, SearchOutlined, UserOutlined } from "@ant-design/icons";
import { Avatar, Button, Drawer, Dropdown, Grid, Select, Tooltip } from "antd";
import { lazy, Suspense, useEffect, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate } from "react-router";
import { changeSignIn } from "@/api/context";
import { useMe } from "@/api/me";
import { useAppearance } from "./appearance";
import { EmergencyLine } from "./EmergencyLine";
import { HelpDrawer } from "./HelpDrawer";
import { LOCALES, speak } from "./i18n";
import { AppLink } from "./links";
import { NoticeBell } from "./NoticeBell";
import { SideMenu } from "./SideMenu";
import { signOut } from "./signOut";
import { WhyDrawer } from "./WhyDrawer";

const Palette = lazy(() => import("./Palette"));
const STORED = "heyi.menu.collapsed";

/** Menu, top bar and one column of attention. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation();
  const wide = Grid.useBreakpoint().md ?? true;
  const [collapsed, setCollapsed] = useState(() => localStorage.getItem(STORED) === "1");
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        setPalette(true);
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  const toggle = () => {
    localStorage.setItem(STORED, collapsed ? "0" : "1");
    setCollapsed(!collapsed);
  };
  return (
    <div className={`frame ${collapsed ? "narrow-menu" : ""}`}>
      <a className="skip" href="#content">{t("frame.skip")}</a>
      {wide ? (
        <aside className="side" aria-label={t("frame.side")}>
          <Brand collapsed={collapsed} />
          <SideMenu collapsed={collapsed} />
          <Tooltip title={collapsed ? t("frame.expandMenu") : ""} placement="right">
            <Button
              type="text" className="side-fold" aria-label={collapsed ? t("frame.expandMenu") : t("frame.collapseMenu")}
              icon={collapsed ? <MenuUnfoldOutlined /> : <MenuFoldOutlined />} onClick={toggle}
            >
              {collapsed ? null : t("frame.collapseMenu")}
            </Button>
          </Tooltip>
        </aside>
      ) : (
        <Drawer open={drawer} onClose={() => setDrawer(false)} placement="left" size={280} title={<Brand collapsed={false} />} className="menu-drawer">
          <SideMenu collapsed={false} onGo={() => setDrawer(false)} />
        </Drawer>
      )}
      <header className="top">
        {!wide && <Button type="text" icon={<MenuOutlined />} aria-label={t("frame.menu")} onClick={() => setDrawer(true)} />}
        <CompanySwitch />
        <button type="button" className="search-button" aria-label={t("frame.search")} aria-keyshortcuts="Control+K" onClick={() => setPalette(true)}>
          <SearchOutlined aria-hidden="true" />
          <span className="search-text">{t("frame.search")}</span>
          {wide && <kbd>Ctrl K</kbd>}
        </button>
        <div className="top-tools">
          <NoticeBell />
          {wide && <Appearance />}
          {wide && <Language />}
          <Tooltip title={t("frame.help")}>
            <Button type="text" icon={<QuestionCircleOutlined />} aria-label={t("frame.help")} onClick={() => setHelp(true)} />
          </Tooltip>
          <Person compact={!wide} />
        </div>
      </header>
      <EmergencyLine />
      <main id="content" className="content" tabIndex={-1}>{children}</main>
      <WhyDrawer />
      <HelpDrawer open={help} onClose={() => setHelp(false)} />
      {palette && (
        <Suspense fallback={null}>
          <Palette onClose={() => setPalette(false)} />
        </Suspense>
      )}
    </div>
  );
}

function Brand({ collapsed }: { collapsed: boolean }) {
  const { t } = useTranslation();
  return (
    <AppLink to="/" className="brand">
      <img src="/favicon.svg" alt="" width={26} height={26} />
      <span className={collapsed ? "hidden-text" : ""}>{t("frame.product")}</span>
    </AppLink>
  );
}

function CompanySwitch() {
  const { t } = useTranslation();
  const me = useMe();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const companies = me.companies.map((company) => ({ value: company.id, label: company.shortName || company.name }));
  if (companies.length < 2) return <span className="company-name">{companies[0]?.label}</span>;
  // A record belongs to one company: from its page the switch leads home, from a list to the same list.
  const target = pathname.split("/").length > 3 ? "/" : pathname;
  return (
    <Select
      className="company-switch" variant="filled" value={me.companyId} options={companies} aria-label={t("frame.company")}
      popupMatchSelectWidth={false} onChange={(company: string) => void navigate(`${target}?company=${company}`)}
    />
  );
}

function Appearance() {
  const { t } = useTranslation();
  const { dark, setDark } = useAppearance();
  const label = dark ? t("frame.light") : t("frame.dark");
  return (
    <Tooltip title={label}>
      <Button type="text" icon={<BulbOutlined />} aria-label={label} onClick={() => setDark(!dark)} />
    </Tooltip>
  );
}

function Language() {
  const { t, i18n } = useTranslation();
  const items = LOCALES.map(({ value, label }) => ({ key: value, label, onClick: () => void speak(value) }));
  return (
    <Dropdown menu={{ items, selectable: true, selectedKeys: [i18n.language] }} trigger={["click"]}>
      <Button type="text" icon={<GlobalOutlined />} aria-label={t("frame.language")} />
    </Dropdown>
  );
}

function Person({ compact }: { compact: boolean }) {
  const { t } = useTranslation();
  const me = useMe();
  const { dark, setDark } = useAppearance();
  const where = [me.departmentName, me.postName].filter(Boolean).join(" · ");
  const items = [
    { key: "who", label: <span className="person-who"><strong>{me.employee.name}</strong><small>{where}</small></span>, disabled: true },
    { type: "divider" as const },
    ...(compact
      ? [
          { key: "appearance", icon: <BulbOutlined />, label: dark ? t("frame.light") : t("frame.dark"), onClick: () => setDark(!dark) },
          ...LOCALES.map(({ value, label }) => ({ key: value, icon: <GlobalOutlined />, label, onClick: () => void speak(value) })),
        ]
      : []),
    { key: "password", icon: <LockOutlined />, label: t("frame.changePassword"), onClick: () => changeSignIn("password") },
    { key: "factor", icon: <SafetyOutlined />, label: t("frame.secondFactor"), onClick: () => changeSignIn("second-factor") },
    { type: "divider" as const },
    { key: "out", icon: <LogoutOutlined />, label: t("frame.signOut"), onClick: () => void signOut() },
    { key: "everywhere", icon: <LogoutOutlined />, label: t("frame.signOutEverywhere"), onClick: () => void signOut("?everywhere=true") },
  ];
  return (
    <Dropdown menu={{ items }} trigger={["click"]}>
      <Button type="text" className="person" aria-label={t("frame.me", { name: me.employee.name })}>
        <Avatar size={24} icon={<UserOutlined />} aria-hidden="true" />
        {!compact && me.employee.name}
      </Button>
    </Dropdown>
  );
}
