/** Refusals that no page shows in its own place: what rule, which facts, what to do. */
import type { NotificationInstance } from "antd/es/notification/interface";
import Button from "antd/es/button";
import i18n from "i18next";
import { createElement } from "react";
import { ApiError, Unreachable } from "@/api/errors";
import type { DocumentMeta, Row } from "@/contract/meta";
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

/** A secret that an answer holds this one time stays on the screen until somebody closes it. */
export function notifyOnce(document: DocumentMeta, answer: Row): void {
  for (const field of document.fields) {
    const secret = field.once ? String(answer[field.name] ?? "") : "";
    if (!secret) continue;
    const copy = () => void navigator.clipboard.writeText(secret).then(() => notifySuccess(i18n.t("once.copied")));
    notification?.warning({
      key: secret, title: i18n.t("once.title", { name: field.label }), placement: "top", duration: 0,
      description: createElement("div", { "data-once": field.name }, createElement("p", null, i18n.t("once.help")), createElement("code", { className: "once" }, secret)),
      actions: createElement(Button, { onClick: copy }, i18n.t("once.copy")),
    });
  }
}
