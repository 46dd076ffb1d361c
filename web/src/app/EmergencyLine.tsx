import { Alert } from "antd";
import { useTranslation } from "react-i18next";
import { useList } from "@/api/documents";
import { useCan } from "@/api/me";
import { timeText } from "@/contract/format";
import type { Row } from "@/contract/meta";
import { useDocumentMeta } from "@/contract/useMeta";
import { AppLink, routeOf } from "./links";

interface Emergency extends Row {
  reason: string;
  untilTime: string;
}

/** While the sealed administrator's account is open, everybody who may know sees it on every page. */
export function EmergencyLine() {
  const { t } = useTranslation();
  const can = useCan();
  const document = useDocumentMeta("identity.emergency");
  const { data } = useList<Emergency>(document, { filter: 'state = "OPEN"', pageSize: 1 }, can(document.methods.list), Infinity);
  const open = data?.rows[0];
  return open ? <Alert banner type="error" title={<AppLink to={routeOf(document, open.id)}>{t("emergency.open", { time: timeText(open.untilTime), reason: open.reason })}</AppLink>} /> : null;
}
