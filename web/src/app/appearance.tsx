/** Light or dark: as the person chose on this device, else as the system says. */
import { createContext, useContext, useEffect, useState } from "react";

interface AppearanceState {
  dark: boolean;
  setDark: (dark: boolean) => void;
}

const STORED = "heyi.appearance";
const AppearanceContext = createContext<AppearanceState>({ dark: false, setDark: () => undefined });
export const Appearance = AppearanceContext.Provider;

export function useAppearance(): AppearanceState {
  return useContext(AppearanceContext);
}

export function useAppearanceState(): AppearanceState {
  const [dark, setDark] = useState(() => {
    const stored = localStorage.getItem(STORED);
    return stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  });
  useEffect(() => {
    document.documentElement.className = `heyi ${dark ? "dark" : "light"}`;
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }, [dark]);
  return {
    dark,
    setDark: (value) => {
      localStorage.setItem(STORED, value ? "dark" : "light");
      setDark(value);
    },
  };
}
