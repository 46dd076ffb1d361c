import { Result, Skeleton } from "antd";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import { forgetHash, hashOfPage } from "@/api/context";
import { callMethod } from "@/api/documents";
import { AppLink, inItsCompany, routeOf, useGo } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { methodOf } from "@/contract/meta";
import type { Task } from "@/contract/types";
import { useDocumentMeta } from "@/contract/useMeta";

/** Where a link to a decision leads its person, once signed in; else why it does not. Nothing is decided here. */
export default function LinkPage() {
  const { t } = useTranslation();
  const go = useGo();
  const tasks = useDocumentMeta("approval.task");
  // behind the #, which no server sees; kept, since the address is cleaned at once
  const [token] = useState(() => hashOfPage() || "-");
  const found = useQuery({
    queryKey: [tasks.key, "openLink", token],
    queryFn: () => callMethod<Task>(methodOf(tasks, "openLink")!, "", { token }),
    retry: false,
    staleTime: Infinity,
  });
  const task = found.data;
  useEffect(() => {
    if (found.isFetched) forgetHash();
    if (task) go(inItsCompany(routeOf(tasks, task.id), task), { replace: true });
  }, [found.isFetched, task, tasks, go]);
  if (!found.error) return <Skeleton active className="page" />;
  const { title, description } = sentenceOf(found.error);
  return <Result status="warning" title={title} subTitle={description} extra={<AppLink to={tasks.route}>{t("approval.inbox")}</AppLink>} />;
}
