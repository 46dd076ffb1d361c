import { useQuery, useQueryClient } from "@tanstack/react-query";
import { App as AntApp, Button, ConfigProvider, Result, Spin } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { CLOSED, context } from "@/api/context";
import { ApiError } from "@/api/errors";
import { call } from "@/api/http";
import { followChanges } from "@/api/live";
import { meQuery } from "@/api/me";
import { withKeys, type Meta } from "@/contract/meta";
import { MetaContext } from "@/contract/useMeta";
import { AccountClosed } from "./AccountClosed";
import { Appearance, useAppearanceState } from "./appearance";
import { Frame } from "./Frame";
import { hasStoredLocale, speak, type Locale } from "./i18n";
import { nonce } from "./nonce";
import { notifyWith, sentenceOf } from "./notify";
import { Pages } from "./Pages";
import { themeOf } from "./theme";

/** The whole application: language, colours, contract, person, then the frame with its pages. */
export function App() {
  const { i18n } = useTranslation();
  const appearance = useAppearanceState();
  const { pathname } = useLocation();
  const theme = useMemo(() => themeOf(appearance.dark), [appearance.dark]);
  return (
    <Appearance value={appearance}>
      <ConfigProvider
        locale={i18n.language === "en" ? enUS : zhCN} theme={theme} csp={{ nonce }} componentSize="middle"
        button={{ autoInsertSpace: false }} form={{ requiredMark: true }}
      >
        <AntApp className="app">
          {pathname === CLOSED ? <AccountClosed /> : <Contract locale={i18n.language as Locale} />}
        </AntApp>
      </ConfigProvider>
    </Appearance>
  );
}

function Contract({ locale }: { locale: Locale }) {
  const { notification } = AntApp.useApp();
  notifyWith(notification);
  const [params] = useSearchParams();
  const chosen = params.get("company") ?? context.company;
  context.company = chosen;
  const meta = useQuery({
    queryKey: ["meta", locale],
    queryFn: async () => withKeys(await call<Meta>("GET", "/v1/meta", { query: { locale } })),
    staleTime: Infinity,
  });
  const me = useQuery(meQuery(chosen));
  const failed = meta.error ?? me.error;
  if (failed) return <StartProblem error={failed} retry={() => void Promise.all([meta.refetch(), me.refetch()])} />;
  if (!meta.data || !me.data) return <Starting />;
  context.timeZone = me.data.companies.find(({ id }) => id === me.data.companyId)?.timeZone || context.timeZone;
  return (
    <MetaContext value={meta.data}>
      <Company homeCompany={me.data.companyId || me.data.companies[0]?.id || ""} locale={me.data.employee.locale as Locale}>
        <Frame>
          <Pages />
        </Frame>
      </Company>
    </MetaContext>
  );
}

/** Put the company into the address, and follow its changes. */
function Company({ homeCompany, locale, children }: { homeCompany: string; locale: Locale; children: ReactNode }) {
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const { pathname, search, hash } = useLocation();
  const client = useQueryClient();
  const company = params.get("company") ?? "";
  const [first] = useState(() => !hasStoredLocale());
  useEffect(() => {
    if (company) return;
    const next = new URLSearchParams(search);
    next.set("company", context.company || homeCompany);
    client.setQueryData(["identity.me", next.get("company")!], (known: unknown) => known ?? client.getQueryData(["identity.me", ""]));
    void navigate({ pathname, search: `?${next}`, hash }, { replace: true });
  }, [company, homeCompany, navigate, pathname, search, hash, client]);
  useEffect(() => (company ? followChanges(client, company) : undefined), [client, company]);
  useEffect(() => {
    if (first && (locale === "zh-CN" || locale === "en")) void speak(locale);
  }, [first, locale]);
  return company ? children : <Starting />;
}

function Starting() {
  const { t } = useTranslation();
  return (
    <main className="starting" aria-busy="true">
      <Spin delay={200} aria-label={t("frame.starting")} />
    </main>
  );
}

function StartProblem({ error, retry }: { error: unknown; retry: () => void }) {
  const { t } = useTranslation();
  if (error instanceof ApiError && error.http === 401) return <Starting />;
  const { title, description } = sentenceOf(error);
  return (
    <main className="starting">
      <Result status="warning" title={title} subTitle={description} extra={<Button type="primary" onClick={retry}>{t("action.retry")}</Button>} />
    </main>
  );
}
