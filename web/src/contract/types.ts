/** Records that special pages know by name; everything else about them comes from the contract at run time. */
import type { Row } from "./meta";

export interface ApprovalStep {
  nodeId: string;
  nodeName: string;
  kind: string;
  vote: string;
  votePercent: number;
  employeeIds: string[];
  reason: string;
  reasonFacts: Record<string, string>;
  path: string;
}

/** A text of a flow, by language. */
type Words = Record<string, string>;

export interface FormField {
  key: string;
  label: Words;
  type: string;
  required: boolean;
  choices: { value: string; label: Words }[];
}

export interface HandledField {
  key: string;
  label: Words;
  type: string;
  value: string;
  text?: Words;
}

/** One value that an approver changes with the decision. */
export interface FieldChange {
  path: string;
  lineId?: string;
  value: string;
  reason?: string;
}

export interface FieldDifference {
  path: string;
  lineId: string;
  lineNumber: number;
  lineTitle: string;
  before: string;
  after: string;
  reason: string;
}

export interface FieldRight {
  path: string;
  right: "HIDDEN" | "READ" | "WRITE" | "REQUIRED";
}

export interface ApprovalPreview {
  flowName: string;
  flowVersion: number;
  steps: ApprovalStep[];
  problem: string;
  nodeIds: string[];
  problemFacts: Record<string, string>;
}

export interface Task extends Row {
  companyId: string;
  state: string;
  caseId: string;
  nodeId: string;
  nodeName: string;
  visit: number;
  assigneeId: string;
  /** Who may decide on behalf of the person whose turn it is. */
  delegateId: string;
  /** Who decided, where that was the delegate. */
  decidedById: string;
  reason: string;
  reasonFacts: Record<string, string>;
  vote: string;
  votePercent: number;
  veto: boolean;
  choosesNext: boolean;
  returnTargets: { nodeId: string; nodeName: string }[];
  formFields: FormField[];
  fieldRights: FieldRight[];
  cuts: boolean;
  changing: boolean;
  findings: { field: string; reason: string; facts: Record<string, string> }[];
  /** Agreed to an earlier version. */
  again: boolean;
  changedSince: FieldDifference[];
  nodeKind: string;
  endReason: string;
  endFacts: Record<string, string>;
  openTime: string;
  doneTime: string | null;
  documentType: string;
  documentId: string;
  documentNumber: string;
  title: string;
  requesterId: string;
  amount: string;
  currency: string;
  contentHash: string;
  urgeTime: string | null;
  dueTime: string | null;
  bySystem: boolean;
  /** By when the case is to be done, while somebody watches over it. */
  superviseDueDate: string;
}

/** The turns of a flow, or of one of its nodes, within a period. */
export interface TurnStatistics {
  flowDefinitionId: string;
  flowName: string;
  nodeId: string;
  nodeName: string;
  turnCount: number;
  decidedCount: number;
  medianHours: string;
  p90Hours: string;
  returnedCount: number;
  rejectedCount: number;
  overdueCount: number;
}

/** Whose decision others wait for. */
export interface PersonStatistics {
  employeeId: string;
  openCount: number;
  overdueCount: number;
  oldestTime: string;
  requesterIds: string[];
  requesterCount: number;
  decidedCount: number;
  medianHours: string;
}

export interface Opinion extends Row {
  authorId: string;
  kind: string;
  text: string;
  nodeName: string;
  targetName: string;
  straightBack: boolean;
  handled?: { fields?: HandledField[] } | null;
  changes: FieldDifference[];
  /** The author saw an earlier version of the document. */
  earlier: boolean;
  onBehalfOfId: string;
  employeeIds: string[];
  reason: string;
  reasonFacts: Record<string, string>;
  createTime: string;
}

export interface Case extends Row {
  state: string;
  documentType: string;
  documentId: string;
  documentNumber: string;
  title: string;
  flowName: string;
  flowVersion: number;
  requesterId: string;
  amount: string;
  currency: string;
  updateTime: string;
  decideTime: string | null;
  waitingOnIds: string[];
  waitingSinceTime: string | null;
  tasks: Task[];
  opinions: Opinion[];
  upcoming: ApprovalStep[];
  parkReason: string;
  parkFacts: Record<string, string>;
  nodes: { nodeId: string; nodeName: string }[];
  delays: { nodeId: string; nodeName: string; dueTime: string | null }[];
}

export interface RequisitionLine {
  id?: string;
  lineNumber?: number;
  kind?: string;
  itemId?: string;
  description?: string;
  specification?: string;
  unitId?: string;
  unitText?: string;
  quantity?: string;
  unitPrice?: string;
  taxRate?: string;
  amount?: string;
  state?: string;
  orderId?: string;
  orderNumber?: string;
  lastUnitPrice?: string;
  lastPriceDate?: string;
  lastSupplierId?: string;
}

export interface Requisition extends Row {
  number: string;
  state: string;
  title: string;
  purpose: string;
  currency: string;
  amount: string;
  caseId: string;
  outcomeNote: string;
  waitingOnIds: string[];
  waitingSinceTime: string | null;
  updateTime: string;
  lines: RequisitionLine[];
}

export interface OrderLine {
  id: string;
  lineNumber: number;
  itemId: string;
  description: string;
  specification: string;
  unitId: string;
  unitText: string;
  quantity: string;
  unitPrice: string;
  needDate: string;
  promisedDate: string;
  cancelled: boolean;
  sources: { requisitionId: string; requisitionNumber: string; requisitionLineNumber: number; requesterId: string; quantity: string }[];
}

export interface PurchaseOrder extends Row {
  number: string;
  state: string;
  supplierId: string;
  supplierName: string;
  supplierReference: string;
  currency: string;
  amount: string;
  needDate: string;
  paymentTerms: string;
  overdue: boolean;
  revision: number;
  lines: OrderLine[];
  pendingChange: { reason: string; amountBefore: string; amountAfter: string; askTime: string; askedById: string } | null;
}

export interface SourcingTask extends Row {
  state: string;
  requisitionId: string;
  requisitionNumber: string;
  description: string;
  itemId: string;
  unitId: string;
  quantity: string;
  unitPrice: string;
  taxRate: string;
  currency: string;
  deliveryPlace: string;
  supplierId: string;
  suggestedSupplierId: string;
  suggestedUnitPrice: string;
  updateTime: string;
}

export interface ConsistencyFinding {
  lineNumber: number;
  invariant: string;
  service: string;
  documentType: string;
  documentId: string;
  documentTitle: string;
  documentCompanyId: string;
  whatKey: string;
  whatFacts: Record<string, string>;
  sinceTime: string;
  causeKey: string;
  causeFacts: Record<string, string>;
  firstRunNumber: string;
  firstTime: string;
}

export interface ConsistencyRun extends Row {
  number: string;
  state: string;
  startTime: string | null;
  finishTime: string | null;
  invariantCount: number;
  checkedCount: number;
  rowCount: number;
  findingCount: number;
  failure: string;
  failureDetail: string;
  results: { invariant: string; rowCount: number; findingCount: number }[];
  findings: ConsistencyFinding[];
}

export interface AccessRight {
  /** Empty: the role that every employee has. */
  grantId: string;
  roleId: string;
  roleName: string;
  pattern: string;
  companyId: string;
  scope: string;
  departmentIds: string[];
  validFromDate: string;
  validUntilDate: string;
  sinceTime: string;
}

export interface AccessExplanation {
  permission: string;
  verdict: string;
  rights: AccessRight[];
  scope: string;
  departmentIds: string[];
  helpers: { employeeId: string; name: string }[];
  permissions: { name: string; scope: string; rights: number[] }[];
}

export interface DutyHolding {
  /** Empty: the role that every employee has. */
  grantId: string;
  roleName: string;
  sinceTime: string;
  validUntilDate: string;
}

export interface DutyViolation {
  dutyConflictId: string;
  employeeId: string;
  companyId: string;
  first: DutyHolding;
  second: DutyHolding;
  sinceTime: string;
}

export interface RoleTemplate {
  code: string;
  name: string;
  description: string;
  permissions: string[];
  roleId: string;
}

/** An account that was changed in Keycloak by others. */
export interface AccountFinding extends Row {
  username: string;
  name: string;
  kind: string;
}

export interface AccessReview extends Row {
  title: string;
  dueDate: string;
}

/** Something that stands against a reorganisation (`blocking`), or that is only said; `aboutLine` 0: the whole. */
export interface ReorganisationFinding {
  lineNumber: number;
  blocking: boolean;
  aboutLine: number;
  whatKey: string;
  whatFacts: Record<string, string>;
}

export interface ReorganisationPreview {
  units: { departmentId: string; code: string; name: string; parentId: string; headName: string; peopleCount: number; change: string }[];
  findings: ReorganisationFinding[];
  approvals: ApprovalEffect[];
  approvalsLookedAt: number;
  approvalsCapped: boolean;
  approvalsUnknown: boolean;
}

/** A step of a running approval that would ask others. */
export interface ApprovalEffect {
  caseId: string;
  documentNumber: string;
  nodeName: string;
  effect: "STAYS" | "REDIRECTED" | "WITHOUT_APPROVER" | "DROPPED";
}

export interface ChartUnit {
  departmentId: string;
  code: string;
  name: string;
  parentId: string;
  headId: string;
  headName: string;
  actingId: string;
  actingName: string;
  peopleCount: number;
  nameNow: string;
}

/** The organisation of a company as of a day. */
export interface OrganisationChart {
  chartDate: string;
  units: ChartUnit[];
  people: (Record<string, unknown> & { employeeId: string; kind: string; departmentId: string })[];
  peopleCapped: boolean;
}

/** How one rule of a version of a flow fares. */
export interface RuleStatistics {
  flowDefinitionId: string;
  flowVersion: number;
  nodeId: string;
  nodeName: string;
  ruleName: string;
  agreedCount: number;
  refusedCount: number;
  undecidedCount: number;
  sampledCount: number;
  answeredCount: number;
  otherwiseCount: number;
  errorPercent: string;
  errorFromPercent: string;
  errorToPercent: string;
}

/** What earlier cases say about one. */
export interface CaseAdvice {
  lookedAt: number;
  similarBy: string[];
  similarCount: number;
  thin: boolean;
  approvedCount: number;
  rejectedCount: number;
  returnedCount: number;
  medianHours: string;
  medianAmount: string;
  lowerAmount: string;
  upperAmount: string;
  ofMedianPercent: string;
  deviation: string;
  unusual: { fact: string; field: string; of: Record<string, string>; value: string; median: string; abovePercent: string; comparedCount: number }[];
  cases: { caseId: string; documentNumber: string; title: string; amount: string; state: string; decideTime: string; hours: string }[];
}
