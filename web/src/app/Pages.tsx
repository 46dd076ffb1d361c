import { Result, Skeleton } from "antd";
import { lazy, Suspense, type ComponentType } from "react";
import { useTranslation } from "react-i18next";
import { Route, Routes, useParams } from "react-router";
import { useCan } from "@/api/me";
import type { DocumentMeta } from "@/contract/meta";
import { useMeta } from "@/contract/useMeta";
import { AppLink } from "./links";
import { WhyLink } from "./WhyDrawer";

type Page = ComponentType<{ document: DocumentMeta }>;
type Kind = "list" | "form" | "detail";
/** Pages about a type that no document has one of its own for. */
type Beside = "import" | "batch";

const GENERIC: Record<Kind | Beside, Page> = {
  list: lazy(() => import("@/documents/GenericList")),
  form: lazy(() => import("@/documents/GenericForm")),
  detail: lazy(() => import("@/documents/GenericDetail")),
  import: lazy(() => import("@/pages/ImportPage")),
  batch: lazy(() => import("@/pages/ImportBatchPage")),
};

const TaskInbox = lazy(() => import("@/pages/TaskInbox"));
const FlowEditor = lazy(() => import("@/pages/FlowEditor"));

/** Documents whose work deserves a page of its own; every other document has the generic ones. */
const SPECIAL: Record<string, Partial<Record<Kind, Page>>> = {
  "procurement.purchase_requisition": { form: lazy(() => import("@/pages/RequisitionForm")), detail: lazy(() => import("@/pages/RequisitionPage")) },
  "procurement.purchase_order": { detail: lazy(() => import("@/pages/OrderPage")) },
  "procurement.sourcing_task": { list: lazy(() => import("@/pages/SourcingPool")) },
  "approval.task": { list: TaskInbox, detail: TaskInbox },
  "approval.notice": { detail: lazy(() => import("@/pages/NoticePage")) },
  "approval.case": { detail: lazy(() => import("@/pages/CasePage")) },
  "approval.flow_definition": { list: lazy(() => import("@/pages/FlowList")), form: FlowEditor, detail: lazy(() => import("@/pages/FlowPage")) },
  "approval.form_definition": { list: lazy(() => import("@/pages/FormList")), form: lazy(() => import("@/pages/FormDesigner")), detail: lazy(() => import("@/pages/FormPage")) },
  "approval.office_request": { list: lazy(() => import("@/pages/OfficeRequestList")), form: lazy(() => import("@/pages/OfficeRequestForm")), detail: lazy(() => import("@/pages/OfficeRequestPage")) },
  "approval.flow_publication": { detail: lazy(() => import("@/pages/FlowPublicationPage")) },
  "documents.attachment": { list: lazy(() => import("@/attachments/AttachmentList")), form: lazy(() => import("@/attachments/AttachmentForm")), detail: lazy(() => import("@/attachments/AttachmentPage")) },
  "identity.calendar_day": { list: lazy(() => import("@/pages/CalendarDays")) },
  "identity.consistency_run": { list: lazy(() => import("@/pages/ConsistencyRuns")), detail: lazy(() => import("@/pages/ConsistencyRunPage")) },
  "identity.duty_conflict": { list: lazy(() => import("@/pages/DutyConflicts")), form: lazy(() => import("@/pages/DutyConflictForm")), detail: lazy(() => import("@/pages/DutyConflictPage")) },
  "identity.employee": { detail: lazy(() => import("@/pages/EmployeePage")) },
  "identity.department": { list: lazy(() => import("@/pages/DepartmentTree")), detail: lazy(() => import("@/pages/DepartmentPage")) },
  "identity.reorganisation": { detail: lazy(() => import("@/pages/ReorganisationPage")) },
  "identity.access_review": { detail: lazy(() => import("@/pages/AccessReviewPage")) },
  "identity.api_key": { form: lazy(() => import("@/pages/RoleForm")) },
  "approval.webhook": { detail: lazy(() => import("@/pages/WebhookPage")) },
  "identity.number_format": { form: lazy(() => import("@/pages/NumberFormatForm")) },
  "identity.print_template": { form: lazy(() => import("@/pages/PrintTemplateForm")), detail: lazy(() => import("@/pages/PrintTemplatePage")) },
  "identity.role": { list: lazy(() => import("@/pages/Roles")), form: lazy(() => import("@/pages/RoleForm")), detail: lazy(() => import("@/pages/RolePage")) },
};

const GettingStarted = lazy(() => import("@/pages/GettingStarted"));
const Portal = lazy(() => import("@/pages/Portal"));
const ParkedEvents = lazy(() => import("@/pages/ParkedEvents"));
const ApprovalStatistics = lazy(() => import("@/pages/ApprovalStatistics"));
const ApprovalTurns = lazy(() => import("@/pages/ApprovalTurns"));
const Operations = lazy(() => import("@/pages/Operations"));
const NoticePreferences = lazy(() => import("@/pages/NoticePreferences"));
const LinkPage = lazy(() => import("@/pages/LinkPage"));
const CustomFields = lazy(() => import("@/pages/CustomFields"));
const Audit = lazy(() => import("@/pages/Audit"));
const Traces = lazy(() => import("@/pages/Traces"));

/** Addresses follow the contract: `/<service>/<documents>[/new|/<id>[/edit]]`. */
export function Pages() {
  return (
    <Suspense fallback={<Skeleton active className="page late" />}>
      <Routes>
        <Route path="/" element={<Portal />} />
        <Route path="/getting-started" element={<GettingStarted />} />
        <Route path="/approval/statistics" element={<ApprovalStatistics />} />
        <Route path="/approval/statistics/turns" element={<ApprovalTurns />} />
        <Route path="/approval/notice-preferences" element={<NoticePreferences />} />
        <Route path="/approval/link" element={<LinkPage />} />
        <Route path="/platform/parked-events" element={<ParkedEvents />} />
        <Route path="/platform/operations" element={<Operations />} />
        <Route path="/platform/custom-fields" element={<CustomFields />} />
        <Route path="/platform/audit" element={<Audit />} />
        <Route path="/platform/traces" element={<Traces />} />
        <Route path="/:service/:collection" element={<DocumentPage kind="list" />} />
        <Route path="/:service/:collection/new" element={<DocumentPage kind="form" />} />
        <Route path="/:service/:collection/import" element={<DocumentPage kind="import" />} />
        <Route path="/:service/:collection/import/:id" element={<DocumentPage kind="batch" />} />
        <Route path="/:service/:collection/:id" element={<DocumentPage kind="detail" />} />
        <Route path="/:service/:collection/:id/edit" element={<DocumentPage kind="form" />} />
        <Route path="*" element={<NoSuchPage />} />
      </Routes>
    </Suspense>
  );
}

function DocumentPage({ kind }: { kind: Kind | Beside }) {
  const meta = useMeta();
  const can = useCan();
  const { t } = useTranslation();
  const { service, collection, id } = useParams();
  const route = `/${service}/${collection}`;
  const document = Object.values(meta.documents).find((one) => one.route === route);
  if (!document) return <NoSuchPage />;
  const method = kind === "list" ? document.methods.list : kind === "detail" ? document.methods.get : kind === "form" && id ? document.methods.update : document.methods.create;
  if (!can(method)) return <Result status="403" title={t("error.notAllowed", { title: document.plural })} subTitle={t("error.askAdministrator")} extra={<><AppLink to="/">{t("error.home")}</AppLink><WhyLink permission={method?.permission ?? ""} /></>} />;
  const PageOf = SPECIAL[document.key]?.[kind as Kind] ?? GENERIC[kind];
  return <PageOf key={document.key} document={document} />;
}

function NoSuchPage() {
  const { t } = useTranslation();
  return <Result status="info" title={t("error.noSuchPage")} extra={<AppLink to="/">{t("error.home")}</AppLink>} />;
}
