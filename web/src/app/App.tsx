import { useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { App as AntApp, Button, ConfigProvider, Result, Spin } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useLocation, useNavigate, useSearchParams } from "react-router";
import { CLOSED, context } from "@/api/context";
import { ApiError, problemOf } from "@/api/errors";
import { call } from "@/api/http";
import { followChanges } from "@/api/live";
import { meQuery } from "@/api/me";
import { withCustomFields, type CustomFieldForm } from "@/contract/customFields";
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

const NONE: string[] = [];
const KEPT_MS = 60_000;
/** How often it is asked, in a house without a company, whether there is one now. */
const FIRST_COMPANY_MS = 2_000;

/** The fields that were added to a service's documents. Without an answer the pages are as the contract says. */
const customForms = (service: string, company: string) => ({
  queryKey: ["platform.custom_field", "forms", company, service],
  queryFn: () => call<{ forms: CustomFieldForm[] }>("GET", `/v1/${service}/custom-field-forms`),
  staleTime: KEPT_MS,
  meta: { shown: true },
});

function answersOf(answers: { data?: { forms: CustomFieldForm[] } }[]): CustomFieldForm[] {
  return answers.flatMap(({ data }) => data?.forms ?? []);
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
  const me = useQuery({ ...meQuery(chosen), refetchInterval: ({ state }) => (state.data?.companies.length === 0 ? FIRST_COMPANY_MS : false) });
  const services = meta.data?.services.map(({ name }) => name) ?? NONE;
  const forms = useQueries({ queries: services.map((service) => customForms(service, chosen)), combine: answersOf });
  const whole = useMemo(() => meta.data && withCustomFields(meta.data, forms), [meta.data, forms]);
  const failed = problemOf(meta) ?? problemOf(me);
  if (failed) return <StartProblem error={failed} retry={() => void Promise.all([meta.refetch(), me.refetch()])} />;
  if (!whole || !me.data) return <Starting />;
  context.timeZone = me.data.companies.find(({ id }) => id === me.data.companyId)?.timeZone || context.timeZone;
  return (
    <MetaContext value={whole}>
      <Company homeCompany={me.data.companyId || me.data.companies[0]?.id || ""} locale={me.data.employee.locale as Locale}>
        <Frame>
          <Pages />
        </Frame>
      </Company>
    </MetaContext>
  );
}

/** Put the company into the address, and follow its changes. Where there is none yet, the pages are there to make the first. */
function Company({ homeCompany, locale, children }: { homeCompany: string; locale: Locale; children: ReactNode }) {
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const { pathname, search, hash } = useLocation();
  const client = useQueryClient();
  const company = params.get("company") ?? "";
  const [first] = useState(() => !hasStoredLocale());
  useEffect(() => {
    if (company || !homeCompany) return;
    const next = new URLSearchParams(search);
    next.set("company", context.company || homeCompany);
    client.setQueryData(["identity.me", next.get("company")!], (known: unknown) => known ?? client.getQueryData(["identity.me", ""]));
    void navigate({ pathname, search: `?${next}`, hash }, { replace: true });
  }, [company, homeCompany, navigate, pathname, search, hash, client]);
  useEffect(() => (company ? followChanges(client, company) : undefined), [client, company]);
  useEffect(() => {
    if (first && (locale === "zh-CN" || locale === "en")) void speak(locale);
  }, [first, locale]);
  return company || !homeCompany ? children : <Starting />;
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
