import type { TFunction } from "i18next";

/** How several people decide, in words. */
export function voteText(t: TFunction, vote: string | undefined, percent: number | string | undefined): string {
  switch (vote) {
    case "any":
      return t("timeline.any");
    case "ratio":
      return t("timeline.ratio", { percent: percent ?? "?" });
    case "sequential":
      return t("timeline.sequential");
    default:
      return t("timeline.all");
  }
}
