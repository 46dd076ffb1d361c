/** Colours by meaning, both modes checked for contrast; everything else is antd's. */
import { theme, type ThemeConfig } from "antd";

const FONT =
  'system-ui, -apple-system, "Segoe UI", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", sans-serif';

/** Who asked the system for less motion gets none: antd's parts wait for the end of theirs. */
const motion = !(globalThis.matchMedia?.("(prefers-reduced-motion: reduce)").matches ?? false);
const shared = { fontFamily: FONT, fontSize: 14, borderRadius: 6, controlHeight: 32, wireframe: false, motion, motionDurationMid: "0.12s", motionDurationSlow: "0.18s" };

export function themeOf(dark: boolean): ThemeConfig {
  return {
    cssVar: { key: "heyi" },
    hashed: false,
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: dark
      ? {
          ...shared,
          colorPrimary: "#2f7de1", colorInfo: "#2f7de1", colorLink: "#79b4f8", colorLinkHover: "#a3ccfb", colorLinkActive: "#79b4f8",
          colorSuccess: "#4cad3d", colorWarning: "#d89614", colorError: "#f0686b",
          colorBgBase: "#14171c", colorTextTertiary: "rgba(255,255,255,0.68)", colorTextQuaternary: "rgba(255,255,255,0.6)",
          colorTextDescription: "rgba(255,255,255,0.68)", colorTextPlaceholder: "rgba(255,255,255,0.58)",
        }
      : {
          ...shared,
          colorPrimary: "#1554ad", colorInfo: "#1554ad", colorLink: "#1554ad", colorLinkHover: "#1a66d0", colorLinkActive: "#0f4189",
          colorSuccess: "#2b7a1f", colorWarning: "#ad6200", colorError: "#c8161d",
          colorPrimaryBg: "#e6effb", colorInfoBg: "#eaf2fd", colorInfoBorder: "#b3cdf0", colorSuccessBg: "#eff8ec", colorSuccessBorder: "#b7dcae",
          colorWarningBg: "#fff7e8", colorWarningBorder: "#f0cd92", colorErrorBg: "#fdefef", colorErrorBorder: "#efb3b4",
          colorBgLayout: "#f4f6f8", colorTextTertiary: "rgba(0,0,0,0.62)", colorTextQuaternary: "rgba(0,0,0,0.58)",
          colorTextDescription: "rgba(0,0,0,0.62)", colorTextPlaceholder: "rgba(0,0,0,0.58)",
        },
    components: {
      Table: { cellPaddingBlockSM: 6, cellPaddingInlineSM: 8, headerBorderRadius: 6, ...(dark ? {} : { rowSelectedBg: "#e6effb", rowSelectedHoverBg: "#dbe8fa" }) },
      Menu: dark ? { itemSelectedColor: "#a3ccfb", itemHeight: 34 } : { itemSelectedColor: "#0f4189", itemHeight: 34 },
      Tabs: dark ? { itemSelectedColor: "#a3ccfb", itemHoverColor: "#a3ccfb" } : {},
      Segmented: { itemColor: dark ? "rgba(255,255,255,0.78)" : "rgba(0,0,0,0.72)" },
      Form: { itemMarginBottom: 16, labelColor: dark ? "rgba(255,255,255,0.75)" : "rgba(0,0,0,0.7)" },
      // white on the badge: the words' red of the dark is too light for it
      Badge: dark ? { colorError: "#c9353c" } : {},
      // and on a tag of the dark it is too dark for words
      Tag: dark ? { colorError: "#f58e90" } : {},
      Button: dark ? { colorPrimary: "#1f66c4", colorPrimaryHover: "#2a74d6" } : {},
    },
  };
}
