/** Refusals that no page shows in its own place: what rule, which facts, what to do. */
import type { NotificationInstance } from "antd/es/notification/interface";
import Button from "antd/es/button";
import i18n from "i18next";
import { createElement } from "react";
import { ApiError, Unreachable } from "@/api/errors";
import { askWhy, lackedBy } from "./why";

let notification: NotificationInstance | undefined;

export function notifyWith(instance: NotificationInstance): void {
  notification = instance;
}

/** The sentence for a failed call. */
export function sentenceOf(error: unknown): { title: string; description: string } {
  if (error instanceof ApiError) {
    const fields = error.violations.map((one) => one.description).join("\n");
    return { title: error.message || i18n.t("error.unknown"), description: [fields, error.help].filter(Boolean).join("\n") };
  }
  if (error instanceof Unreachable) return { title: i18n.t("error.unreachable"), description: i18n.t("error.unreachableHelp") };
  return { title: i18n.t("error.unknown"), description: String(error) };
}

export function notifyError(error: unknown): void {
  const { title, description } = sentenceOf(error);
  const lacked = lackedBy(error);
  const key = lacked || undefined;
  const why = () => {
    notification?.destroy(lacked);
    askWhy(lacked);
  };
  const actions = lacked ? createElement(Button, { type: "link", onClick: why }, i18n.t("why.ask")) : undefined;
  notification?.error({ key, title, description, actions, placement: "top", duration: 8 });
}

export function notifySuccess(title: string): void {
  notification?.success({ title, placement: "top", duration: 3 });
}
