import { Button, Drawer, Skeleton } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { context } from "@/api/context";
import { call } from "@/api/http";
import type { AccessExplanation } from "@/contract/types";
import { AccessAnswer } from "@/documents/AccessAnswer";
import { sentenceOf } from "./notify";
import { answerWhyWith, askWhy } from "./why";

/** Opens the explanation. */
export function WhyLink({ permission }: { permission: string }) {
  const { t } = useTranslation();
  return permission ? <Button type="link" onClick={() => askWhy(permission)}>{t("why.ask")}</Button> : null;
}

/** Why the person may, or may not: the rule, the roles that give it, and who can help. */
export function WhyDrawer() {
  const { t } = useTranslation();
  const [permission, setPermission] = useState("");
  useEffect(() => answerWhyWith(setPermission), []);
  const { data, error } = useQuery({
    queryKey: ["identity.me", context.company, "explainAccess", permission],
    queryFn: ({ signal }) => call<AccessExplanation>("GET", "/v1/identity/me:explainAccess", { query: { permission }, signal }),
    enabled: permission !== "",
  });
  return (
    <Drawer open={permission !== ""} onClose={() => setPermission("")} title={t("why.title")} size={440}>
      {error ? <p className="field-error" role="alert">{sentenceOf(error).title}</p> : data ? <AccessAnswer answer={data} mine /> : <Skeleton active />}
    </Drawer>
  );
}
