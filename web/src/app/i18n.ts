/** Text of the pages, by message id. Labels of documents, fields and states are not here: they come with the contract. */
import i18n from "i18next";
import { initReactI18next } from "react-i18next";
import "dayjs/locale/zh-cn";
import dayjs from "dayjs";
import { context } from "@/api/context";

export type Locale = "zh-CN" | "en";
export const LOCALES: { value: Locale; label: string }[] = [
  { value: "zh-CN", label: "中文" },
  { value: "en", label: "English" },
];
const STORED = "heyi.locale";

export function storedLocale(): Locale {
  const stored = localStorage.getItem(STORED);
  if (stored === "zh-CN" || stored === "en") return stored;
  return navigator.language.startsWith("zh") ? "zh-CN" : navigator.language.startsWith("en") ? "en" : "zh-CN";
}

export function hasStoredLocale(): boolean {
  return localStorage.getItem(STORED) !== null;
}

async function catalog(locale: Locale): Promise<Record<string, string>> {
  return (locale === "en" ? await import("@/locales/en.json") : await import("@/locales/zh-CN.json")).default;
}

/** Change the language; on this device it stays so. */
export async function speak(locale: Locale): Promise<void> {
  localStorage.setItem(STORED, locale);
  await turnTo(locale);
}

async function turnTo(locale: Locale): Promise<void> {
  context.locale = locale;
  document.documentElement.lang = locale;
  dayjs.locale(locale === "en" ? "en" : "zh-cn");
  i18n.addResourceBundle(locale, "translation", await catalog(locale), true, true);
  await i18n.changeLanguage(locale);
}

export async function startLanguage(): Promise<void> {
  await i18n.use(initReactI18next).init({
    lng: storedLocale(), resources: {}, keySeparator: false, nsSeparator: false, interpolation: { escapeValue: false },
    fallbackLng: false, react: { useSuspense: false },
  });
  // not kept: on a device that nobody chose a language on, the person's own is taken once they are known
  await turnTo(storedLocale());
}
