import { CalendarOutlined, CarOutlined, ClockCircleOutlined, FileTextOutlined, GiftOutlined, PayCircleOutlined, RocketOutlined, ToolOutlined, UserOutlined, VerifiedOutlined } from "@ant-design/icons";
import { Empty, Skeleton } from "antd";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { problemOf } from "@/api/errors";
import { AppLink } from "@/app/links";
import { sentenceOf } from "@/app/notify";
import { useDocumentMeta } from "@/contract/useMeta";
import { nameIn } from "./typed";
import { useOffered } from "./useForms";

const ICONS: Record<string, ReactNode> = {
  CALENDAR: <CalendarOutlined />, CLOCK: <ClockCircleOutlined />, TRAVEL: <RocketOutlined />, SEAL: <VerifiedOutlined />, DOCUMENT: <FileTextOutlined />,
  CAR: <CarOutlined />, MONEY: <PayCircleOutlined />, PERSON: <UserOutlined />, TOOL: <ToolOutlined />, GIFT: <GiftOutlined />,
};

/** The forms that can be filled in, by their groups: one step to a new request. */
export function FormTiles() {
  const { t, i18n } = useTranslation();
  const document = useDocumentMeta("approval.office_request");
  const { data, error, isLoading } = useOffered();
  if (problemOf({ data, error })) return <p className="field-error">{sentenceOf(error).title}</p>;
  if (isLoading || !data) return <Skeleton active title={false} />;
  if (data.length === 0) return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t("forms.none")} />;
  const groups = [...new Set(data.map(({ groupName }) => groupName))];
  return (
    <>
      {groups.map((name) => (
        <div key={name}>
          {name && <h3>{name}</h3>}
          <ul className="form-tiles">
            {data.filter(({ groupName }) => groupName === name).map((form) => (
              <li key={form.formId}>
                <AppLink to={`${document.route}/new?form=${form.formId}`} className="form-tile">
                  <span aria-hidden>{ICONS[form.icon] ?? ICONS.DOCUMENT}</span> {nameIn(form, i18n.language)}
                </AppLink>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}
