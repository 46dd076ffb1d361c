/** What the menu offers: the documents of the contract that the person may list, by service. */
import {
  AlertOutlined, ApartmentOutlined, ApiOutlined, AuditOutlined, BankOutlined, BarChartOutlined, BranchesOutlined, CalendarOutlined, PrinterOutlined, NumberOutlined, CheckSquareOutlined, ContainerOutlined, DashboardOutlined, DeploymentUnitOutlined, DisconnectOutlined,
  FileDoneOutlined, FileSearchOutlined, FileTextOutlined, FolderOutlined, FormOutlined, IdcardOutlined, KeyOutlined, PaperClipOutlined, PartitionOutlined, ProfileOutlined, ReconciliationOutlined, SafetyCertificateOutlined, ShopOutlined,
  RetweetOutlined, ExportOutlined, EnvironmentOutlined, CrownOutlined, ForkOutlined, LockOutlined, NodeIndexOutlined, ShoppingCartOutlined, ShoppingOutlined, SolutionOutlined, RobotOutlined, RocketOutlined, SendOutlined, BellOutlined, SwapOutlined, TagsOutlined, TeamOutlined, WarningOutlined,
} from "@ant-design/icons";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { useCan, useHolds } from "@/api/me";
import { useMeta } from "@/contract/useMeta";

/** Icons, in the order in which the menu shows the documents; one that is not here comes last. */
const ICONS: Record<string, ReactNode> = {
  "approval.task": <CheckSquareOutlined />,
  "approval.office_request": <FormOutlined />,
  "approval.case": <AuditOutlined />,
  "approval.flow_definition": <BranchesOutlined />,
  "approval.form_definition": <ProfileOutlined />,
  "approval.authority_limit": <SafetyCertificateOutlined />,
  "approval.notice_robot": <RobotOutlined />,
  "approval.notice_delivery": <SendOutlined />,
  "approval.webhook": <ApiOutlined />,
  "approval.webhook_delivery": <NodeIndexOutlined />,
  "procurement.purchase_requisition": <ShoppingOutlined />,
  "procurement.sourcing_task": <SolutionOutlined />,
  "procurement.purchase_order": <ShoppingCartOutlined />,
  "procurement.supplier": <ShopOutlined />,
  "procurement.supplier_item": <TagsOutlined />,
  "documents.attachment": <PaperClipOutlined />,
  "inventory.item": <ContainerOutlined />,
  "inventory.item_category": <FolderOutlined />,
  "inventory.unit": <DeploymentUnitOutlined />,
  "identity.company": <BankOutlined />,
  "identity.department": <ApartmentOutlined />,
  "identity.post": <IdcardOutlined />,
  "identity.employee": <TeamOutlined />,
  "identity.placement": <EnvironmentOutlined />,
  "identity.headship": <CrownOutlined />,
  "identity.reorganisation": <ForkOutlined />,
  "identity.role": <KeyOutlined />,
  "identity.grant": <PartitionOutlined />,
  "identity.api_key": <LockOutlined />,
  "identity.emergency": <AlertOutlined />,
  "identity.delegation": <RetweetOutlined />,
  "identity.departure": <ExportOutlined />,
  "identity.account_finding": <DisconnectOutlined />,
  "identity.access_review": <FileDoneOutlined />,
  "identity.duty_conflict": <SwapOutlined />,
  "identity.calendar_day": <CalendarOutlined />,
  "identity.number_format": <NumberOutlined />,
  "identity.print_template": <PrinterOutlined />,
  "identity.consistency_run": <ReconciliationOutlined />,
};

export interface Place {
  key: string;
  to: string;
  title: string;
  icon: ReactNode;
}

export interface PlaceGroup {
  key: string;
  title: string;
  places: Place[];
}

export function iconOf(document: string): ReactNode {
  return ICONS[document] ?? <FileTextOutlined />;
}

const KNOWN = Object.keys(ICONS);

function rank(key: string): number {
  const at = KNOWN.findIndex((known) => known === key || known.startsWith(`${key}.`));
  return at < 0 ? KNOWN.length : at;
}

export function usePlaces(): PlaceGroup[] {
  const meta = useMeta();
  const can = useCan();
  const { t } = useTranslation();
  const parked = useHolds("platform.parked_event.list");
  const custom = useHolds("platform.custom_field.list");
  const statistics = useHolds("approval.case.analyze");
  const audit = useHolds("platform.audit_entry.list");
  const report = useHolds("platform.operations_report.get");
  const documents = Object.values(meta.documents).filter(({ hidden, methods }) => !hidden && can(methods.list));
  const groups = meta.services.toSorted((a, b) => rank(a.name) - rank(b.name)).map(({ name, title }) => ({
    key: name,
    title,
    places: documents
      .filter((document) => document.service === name)
      .toSorted((a, b) => rank(a.key) - rank(b.key))
      .map((document) => ({ key: document.key, to: document.route, title: document.plural, icon: iconOf(document.key) })),
  }));
  const preferences = { key: "notice-preferences", to: "/approval/notice-preferences", title: t("preferences.title"), icon: <BellOutlined /> };
  groups.find(({ key }) => key === "approval")?.places.push(preferences);
  if (statistics) {
    const place = { key: "statistics", to: "/approval/statistics", title: t("statistics.title"), icon: <BarChartOutlined /> };
    groups.find(({ key }) => key === "approval")?.places.push(place);
  }
  const begins = useHolds("identity.company.create");
  const keeping = [
    ...(begins ? [{ key: "start", to: "/getting-started", title: t("start.title"), icon: <RocketOutlined /> }] : []),
    ...(report ? [{ key: "operations", to: "/platform/operations", title: t("operations.title"), icon: <DashboardOutlined /> }] : []),
    ...(custom ? [{ key: "custom", to: "/platform/custom-fields", title: t("custom.title"), icon: <FormOutlined /> }] : []),
    ...(audit ? [{ key: "audit", to: "/platform/audit", title: t("audit.title"), icon: <FileSearchOutlined /> }] : []),
    ...(parked ? [{ key: "parked", to: "/platform/parked-events", title: t("parked.title"), icon: <WarningOutlined /> }] : []),
  ];
  groups.push({ key: "platform", title: t("frame.operations"), places: keeping });
  return groups.filter(({ places }) => places.length > 0);
}
