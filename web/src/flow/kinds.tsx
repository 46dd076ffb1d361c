/**
 * What a flow consists of, as data: kinds of nodes and kinds of rules that find people, each one entry. Cards, forms,
 * menus and comparisons read nothing else, so a new kind is a new entry here. A node of a kind that is not here is
 * shown and kept as it is.
 */
import { AuditOutlined, BranchesOutlined, ClockCircleOutlined, FormOutlined, OrderedListOutlined, PartitionOutlined, SendOutlined, ThunderboltOutlined } from "@ant-design/icons";
import type { TFunction } from "i18next";
import type { ReactNode } from "react";
import { voteText } from "@/documents/vote";
import { newId, type FlowNode, type FlowRule } from "./tree";

/** One value of a node or a rule, and how it is asked for. */
export interface Part {
  key: string;
  label: (t: TFunction) => string;
  input: "choice" | "number" | "employee" | "department" | "code" | "fact" | "text" | "rules";
  /** Of a choice: value and word; the first is meant where nothing is said. */
  options?: (t: TFunction) => [unknown, string][];
  /** Of a code: the document whose codes these are. Of a fact: what its value names. */
  document?: string;
  least?: number;
  most?: number;
  suffix?: string;
  /** What it means to choose nothing. */
  empty?: (t: TFunction) => string;
  /** Whether it is asked for, as the others stand. */
  shown?: (values: FlowNode) => boolean;
}

export interface NodeKind {
  label: (t: TFunction) => string;
  icon: ReactNode;
  members?: "children" | "branches";
  parts: Part[];
  /** A new one; nothing where people cannot add it. */
  make?: (t: TFunction) => FlowNode;
  /** Without values that the others leave no place for. */
  tidy?: (node: FlowNode) => FlowNode;
  /** How those who are found decide, as a sentence on the card. */
  how?: (t: TFunction, node: FlowNode) => string;
}

export interface RuleKind {
  /** The sentence with a mark where each part stands. */
  sentence: (t: TFunction, marks: Record<string, string>) => string;
  parts: Part[];
  make: FlowRule;
}

const whoIsAsked: Part = { key: "approvers", label: (t) => t("flow.whoIsAsked"), input: "rules" };
const branch = (name: string): FlowNode => ({ id: newId(), name, children: [] });

const decision: Part[] = [
  whoIsAsked,
  {
    key: "vote", label: (t) => t("flow.howDecided"), input: "choice",
    options: (t) => ["all", "any", "sequential", "ratio"].map((vote) => [vote, vote === "ratio" ? t("flow.share") : voteText(t, vote, undefined)]),
  },
  { key: "percent", label: (t) => t("flow.sharePercent"), input: "number", least: 1, most: 100, suffix: "%", shown: ({ vote }) => vote === "ratio" },
  {
    key: "when_empty", label: (t) => t("flow.whenEmpty"), input: "choice",
    options: (t) => [["administrator", t("flow.emptyAdministrator")], ["person", t("flow.emptyPerson")], ["reject", t("flow.emptyReject")], ["pass", t("flow.emptyPass")]],
  },
  { key: "employee_id", label: (t) => t("flow.insteadPerson"), input: "employee", shown: ({ when_empty }) => when_empty === "person" },
  { key: "initiator", label: (t) => t("flow.initiator"), input: "choice", options: (t) => [["skip", t("flow.initiatorSkip")], ["head", t("flow.initiatorHead")]] },
  { key: "claim", label: (t) => t("flow.claim"), input: "choice", options: (t) => [[false, t("flow.claimNo")], [true, t("flow.claimYes")]] },
];
const sameApprover: Part = {
  key: "same_approver", label: (t) => t("flow.sameApprover"), input: "choice",
  options: (t) => [["ask", t("flow.sameAsk")], ["skip_next", t("flow.sameSkipNext")], ["skip_all", t("flow.sameSkipAll")]],
};

export const NODE_KINDS: Record<string, NodeKind> = {
  approve: {
    label: (t) => t("flow.approve"), icon: <AuditOutlined />,
    parts: [...decision, sameApprover],
    make: (t) => ({ id: newId(), kind: "approve", name: t("flow.approve"), approvers: [{ kind: "department_head" }] }),
    tidy: ({ percent, employee_id, approvers = [], ...rest }) => ({
      ...rest,
      ...(rest.when_empty === "person" ? { employee_id } : {}),
      ...(rest.vote === "ratio" ? { percent: percent ?? 50, approvers } : { approvers: approvers.map((rule) => ({ ...rule, veto: undefined })) }),
    }),
    how: (t, { vote, percent }) => voteText(t, vote, percent),
  },
  handle: {
    label: (t) => t("flow.handle"), icon: <FormOutlined />,
    // no share decides whether something is done
    parts: decision.filter(({ key }) => key !== "percent").map((part) => (part.key === "vote" ? { ...part, options: (t) => part.options!(t).filter(([vote]) => vote !== "ratio") } : part)),
    tidy: ({ employee_id, ...rest }) => (rest.when_empty === "person" ? { ...rest, employee_id } : rest),
    make: (t) => ({ id: newId(), kind: "handle", name: t("flow.handle"), approvers: [{ kind: "department_head" }] }),
  },
  copy: {
    label: (t) => t("flow.copy"), icon: <SendOutlined />,
    parts: [{ ...whoIsAsked, label: (t) => t("flow.whoIsTold") }],
    make: (t) => ({ id: newId(), kind: "copy", name: t("flow.copy"), approvers: [{ kind: "department_head" }] }),
  },
  condition: {
    label: (t) => t("flow.condition"), icon: <BranchesOutlined />, members: "branches", parts: [],
    make: (t) => ({ id: newId(), kind: "condition", name: t("flow.condition"), branches: [{ ...branch(t("flow.branch")), when: "amount >= 10000" }, branch(t("flow.otherwise"))] }),
  },
  parallel: {
    label: (t) => t("flow.parallel"), icon: <PartitionOutlined />, members: "branches", parts: [],
    make: (t) => ({ id: newId(), kind: "parallel", name: t("flow.parallel"), branches: [branch(t("flow.branch")), branch(t("flow.branch"))] }),
  },
  delay: {
    label: (t) => t("flow.delay"), icon: <ClockCircleOutlined />,
    parts: [
      { key: "hours", label: (t) => t("flow.delayHours"), input: "number", least: 1, shown: ({ days, until_field }) => days === undefined && until_field === undefined },
      { key: "days", label: (t) => t("flow.delayDays"), input: "number", least: 1, shown: ({ hours, until_field }) => hours === undefined && until_field === undefined },
      { key: "until_field", label: (t) => t("flow.delayUntil"), input: "text", shown: ({ hours, days }) => hours === undefined && days === undefined },
    ],
    make: (t) => ({ id: newId(), kind: "delay", name: t("flow.delay"), days: 1 }),
  },
  trigger: {
    label: (t) => t("flow.trigger"), icon: <ThunderboltOutlined />, parts: [{ key: "topic", label: (t) => t("flow.topic"), input: "text" }],
    make: (t) => ({ id: newId(), kind: "trigger", name: t("flow.trigger"), topic: "flow.reached" }),
  },
  sequence: { label: (t) => t("flow.sequence"), icon: <OrderedListOutlined />, members: "children", parts: [] },
};

const employee: Part = { key: "employee_id", label: (t) => t("flow.employee"), input: "employee" };
const post: Part = { key: "post", label: (t) => t("flow.post"), input: "code", document: "identity.post" };
const fact = (document: string): Part => ({ key: "field", label: (t) => t("flow.field"), input: "fact", document });

export const RULE_KINDS: Record<string, RuleKind> = {
  department_head: { sentence: (t) => t("flow.departmentHead"), parts: [], make: {} },
  heads_up: {
    sentence: (t, marks) => t("flow.ruleHeadsUp", marks), make: { levels: 2 },
    parts: [{ key: "levels", label: (t) => t("flow.levels"), input: "number", least: 1, most: 20 }],
  },
  department_post: {
    sentence: (t, marks) => t("flow.ruleDepartmentPost", marks), make: {},
    parts: [post, { key: "department_id", label: (t) => t("flow.department"), input: "department", empty: (t) => t("flow.ownDepartment") }],
  },
  post: { sentence: (t, marks) => t("flow.rulePost", marks), parts: [post], make: {} },
  role: { sentence: (t, marks) => t("flow.ruleRole", marks), parts: [{ key: "role", label: (t) => t("flow.role"), input: "code", document: "identity.role" }], make: {} },
  user: { sentence: (t, marks) => t("flow.ruleUser", marks), parts: [employee], make: {} },
  authority: {
    sentence: (t, marks) => t("flow.ruleAuthority", marks), make: {},
    parts: [{ key: "only_final", label: (t) => t("flow.authorityWho"), input: "choice", options: (t) => [[true, t("flow.authorityFinal")], [false, t("flow.authorityAll")]] }],
  },
  field_department_head: { sentence: (t, marks) => t("flow.ruleFieldHead", marks), parts: [fact("identity.department")], make: {} },
  field_user: { sentence: (t, marks) => t("flow.ruleFieldUser", marks), parts: [fact("identity.employee")], make: {} },
  initiator_choice: { sentence: (t) => t("flow.ruleInitiatorChoice"), parts: [], make: {} },
  expression: { sentence: (t, marks) => t("flow.ruleExpression", marks), parts: [{ key: "expression", label: (t) => t("flow.expression"), input: "text", most: 2000 }], make: {} },
  previous_choice: { sentence: (t) => t("flow.rulePreviousChoice"), parts: [], make: {} },
};

/** A sentence in pieces: words, and the parts that stand between them. */
export function piecesOf(t: TFunction, { sentence, parts }: RuleKind): (string | Part)[] {
  const marks = Object.fromEntries(parts.map(({ key }) => [key, `{${key}}`]));
  return sentence(t, marks).split(/\{(\w+)\}/).map((piece, at) => (at % 2 === 0 ? piece : parts.find(({ key }) => key === piece)!)).filter((piece) => piece !== "");
}

export function kindOf({ kind }: FlowNode): NodeKind | undefined {
  return kind !== undefined && Object.hasOwn(NODE_KINDS, kind) ? NODE_KINDS[kind] : undefined;
}

export function ruleKindOf({ kind }: FlowRule): RuleKind | undefined {
  return typeof kind === "string" && Object.hasOwn(RULE_KINDS, kind) ? RULE_KINDS[kind] : undefined;
}

/** The word for a value that was chosen, or that is meant where nothing was. */
export function choiceText(t: TFunction, part: Part, value: unknown): string {
  const options = part.options!(t);
  return (value === undefined ? options[0] : options.find(([one]) => one === value))?.[1] ?? String(value);
}
