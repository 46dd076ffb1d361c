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

export type Values = Record<string, unknown>;

/** Words with places between them, each a value. */
export interface Sentence {
  /** The sentence with a mark where each part stands. */
  sentence: (t: TFunction, marks: Record<string, string>) => string;
  parts: Part[];
}

/** One value of a node or a rule, and how it is asked for. */
export interface Part {
  key: string;
  label: (t: TFunction) => string;
  /** Of these, `label` is a text of the flow, and `sentence` and `list` are values that consist of others. */
  input: "choice" | "number" | "employee" | "employees" | "department" | "code" | "fact" | "text" | "label" | "day" | "condition" | "rules" | "sentence" | "list" | "rights";
  /** Of a choice: value and word; the first is meant where nothing is said. */
  options?: (t: TFunction) => [unknown, string][];
  /** Of a code: the document whose codes these are. Of a fact: what its value names. */
  document?: string;
  least?: number;
  /** Of a list: members. */
  most?: number;
  decimals?: boolean;
  suffix?: string;
  /** What it means to choose nothing. */
  empty?: (t: TFunction) => string;
  /** Whether it is asked for, as the others stand. */
  shown?: (values: Values) => boolean;
  /** Of a sentence, or of each member of a list: what it says. */
  of?: Sentence;
  /** What a sentence, or a list's next member, says at first. */
  make?: (t: TFunction, members: Values[]) => Values;
  /** What it is called to set a sentence, or to add a member. */
  add?: (t: TFunction) => string;
  /** What stands between the members of a list. */
  between?: (t: TFunction) => string;
  /** What is to be known about it at this node. */
  note?: (t: TFunction, node: FlowNode) => string | undefined;
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
  /** What those who are found do, in words on the card. */
  how?: (t: TFunction, node: FlowNode, language: string) => string;
}

export interface RuleKind extends Sentence {
  make: FlowRule;
}

const whoIsAsked: Part = { key: "approvers", label: (t) => t("flow.whoIsAsked"), input: "rules" };
const branch = (name: string): FlowNode => ({ id: newId(), name, children: [] });

const decision: Part[] = [
  whoIsAsked,
  {
    key: "vote", label: (t) => t("flow.howDecided"), input: "choice",
    options: (t) => ["all", "any", "sequential", "ratio"].map((vote) => [vote, vote === "ratio" ? t("flow.share") : voteText(t, vote, undefined)]),
    // whoever takes it on decides
    shown: ({ claim }) => claim !== true,
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
/** What a flow says of a field to whoever is asked. */
const RIGHTS = ["read", "hidden", "write", "required"];
const readRights: Part = { key: "rights", label: (t) => t("flow.rights"), input: "rights", most: 2 };
const rights: Part = { ...readRights, most: RIGHTS.length };
const cuts: Part = { key: "cuts", label: (t) => t("flow.cuts"), input: "choice", options: (t) => [[false, t("flow.cutsNo")], [true, t("flow.cutsYes")]] };
const changed: Part = {
  key: "changed", label: (t) => t("flow.changed"), input: "choice",
  options: (t) => [["ask", t("flow.changedAsk")], ["always", t("flow.changedAlways")], ["tell", t("flow.changedTell")]],
};
const sameApprover: Part = {
  key: "same_approver", label: (t) => t("flow.sameApprover"), input: "choice",
  options: (t) => [["ask", t("flow.sameAsk")], ["skip_next", t("flow.sameSkipNext")], ["skip_all", t("flow.sameSkipAll")]],
};

const employee: Part = { key: "employee_id", label: (t) => t("flow.employee"), input: "employee" };
const timeout: Part = {
  key: "timeout", label: (t) => t("flow.timeout"), input: "sentence", empty: (t) => t("flow.timeoutNone"), add: (t) => t("flow.timeoutAdd"),
  make: () => ({ hours: 8, then: "remind" }),
  note: (t, { approvers }) => (Array.isArray(approvers) && approvers.some(({ kind }) => kind === "authority") ? t("flow.timeoutAuthority") : undefined),
  of: {
    sentence: (t, marks) => t("flow.timeoutSentence", marks),
    parts: [
      { key: "hours", label: (t) => t("flow.timeoutHours"), input: "number", least: 0.01, most: 1000, decimals: true },
      {
        key: "then", label: (t) => t("flow.timeoutThen"), input: "choice",
        options: (t) => [["remind", t("flow.timeoutRemind")], ["escalate", t("flow.timeoutEscalate")], ["transfer", t("flow.timeoutTransfer")], ["approve", t("flow.timeoutApprove")], ["reject", t("flow.timeoutReject")]],
      },
      { ...employee, shown: ({ then }) => then === "transfer" },
      { key: "repeat", label: (t) => t("flow.timeoutRepeat"), input: "choice", options: (t) => [[false, t("flow.timeoutOnce")], [true, t("flow.timeoutAgain")]], shown: ({ then }) => then === "remind" },
    ],
  },
};
const fields: Part = {
  key: "fields", label: (t) => t("flow.fields"), input: "list", most: 30, add: (t) => t("flow.fieldAdd"), between: (t) => t("flow.semicolon"),
  make: (t, members) => ({ key: unusedKey(members), label: t("flow.fieldNew"), type: "text" }),
  of: {
    sentence: (t, marks) => t("flow.fieldSentence", marks),
    parts: [
      { key: "label", label: (t) => t("flow.fieldLabel"), input: "label" },
      { key: "key", label: (t) => t("flow.fieldKey"), input: "text", note: (t) => t("flow.fieldKeyNote") },
      {
        key: "type", label: (t) => t("flow.fieldType"), input: "choice",
        options: (t) => [["text", t("flow.typeText")], ["number", t("flow.typeNumber")], ["amount", t("flow.typeAmount")], ["date", t("flow.typeDate")], ["choice", t("flow.typeChoice")]],
      },
      { key: "required", label: (t) => t("flow.fieldRequired"), input: "choice", options: (t) => [[false, t("flow.requiredNo")], [true, t("flow.requiredYes")]] },
      {
        key: "choices", label: (t) => t("flow.choices"), input: "list", most: 50, add: (t) => t("flow.choiceAdd"), between: (t) => t("list.comma"), make: () => ({ value: "" }),
        shown: ({ type }) => type === "choice",
        of: {
          sentence: (t, marks) => t("flow.choiceSentence", marks),
          parts: [{ key: "value", label: (t) => t("flow.choiceValue"), input: "text", most: 100 }, { key: "label", label: (t) => t("flow.choiceLabel"), input: "label", empty: (t) => t("flow.choiceSame") }],
        },
      },
    ],
  },
};

/** Rules that decide instead of people, how many cases go to people all the same, and until when. */
const automatic: Part[] = [
  {
    key: "automatic", label: (t) => t("flow.automatic"), input: "list", most: 20, add: (t) => t("flow.automaticAdd"), between: (t) => t("flow.semicolon"),
    make: (t, members) => ({ name: t("flow.automaticNew", { number: members.length + 1 }), when: "amount <= 500", then: "approve" }),
    of: {
      sentence: (t, marks) => t("flow.automaticSentence", marks),
      parts: [
        { key: "name", label: (t) => t("flow.automaticName"), input: "text", note: (t) => t("flow.automaticNote") },
        { key: "when", label: (t) => t("flow.automaticWhen"), input: "condition" },
        { key: "then", label: (t) => t("flow.automaticThen"), input: "choice", options: (t) => [["approve", t("flow.automaticAgrees")], ["reject", t("flow.automaticRefuses")]] },
        { key: "text", label: (t) => t("flow.automaticText"), input: "text", most: 500, empty: () => "—" },
      ],
    },
  },
  { key: "automatic_sample_percent", label: (t) => t("flow.automaticSample"), input: "number", least: 0, most: 100, suffix: "%", empty: () => "10%", note: (t) => t("flow.automaticSampleNote"), shown: hasRules },
  { key: "automatic_until", label: (t) => t("flow.automaticUntil"), input: "day", empty: (t) => t("flow.automaticAlways"), shown: hasRules },
];

function hasRules({ automatic: rules }: Values): boolean {
  return Array.isArray(rules) && rules.length > 0;
}

/** A node without what its other values leave no place for: another person, a vote where one takes it on. */
function tidyAsked({ employee_id, ...node }: FlowNode): FlowNode {
  return { ...node, ...(node.when_empty === "person" ? { employee_id } : {}), ...(node.claim === true ? { vote: "any" } : {}) };
}

export const NODE_KINDS: Record<string, NodeKind> = {
  approve: {
    label: (t) => t("flow.approve"), icon: <AuditOutlined />,
    parts: [...decision, sameApprover, timeout, ...automatic, rights, cuts, changed],
    make: (t) => ({ id: newId(), kind: "approve", name: t("flow.approve"), approvers: [{ kind: "department_head" }] }),
    tidy: (node) => {
      const { percent, approvers = [], ...rest } = tidyAsked(node);
      return {
        ...rest,
        ...(rest.vote === "ratio" ? { percent: percent ?? 50, approvers } : { approvers: approvers.map((rule) => ({ ...rule, veto: undefined })) }),
        ...("timeout" in rest ? { timeout: tidied(timeout.of!.parts, rest.timeout) } : {}),
        ...(hasRules(rest) ? {} : { automatic: undefined, automatic_sample_percent: undefined, automatic_until: undefined }),
      };
    },
    how: (t, { vote, percent, claim, automatic: rules }) => (claim === true ? t("flow.claimYes") : voteText(t, vote, percent)) + (Array.isArray(rules) && rules.length > 0 ? t("flow.comma") + t("flow.automaticCount", { count: rules.length }) : ""),
  },
  handle: {
    label: (t) => t("flow.handle"), icon: <FormOutlined />,
    // no share decides whether something is done
    parts: [...decision.filter(({ key }) => key !== "percent").map((part) => (part.key === "vote" ? { ...part, options: (t: TFunction) => part.options!(t).filter(([vote]) => vote !== "ratio") } : part)), fields, readRights],
    tidy: (node) => ({ ...tidyAsked(node), ...("fields" in node ? { fields: tidied(fields.of!.parts, node.fields) } : {}) }),
    how: (t, node, language) => (Array.isArray(node.fields) && node.fields.length > 0 ? t("flow.fillsIn", { fields: listMembers(fields, node.fields).map(({ label }) => textIn(label, language)).join(t("list.comma")) }) : ""),
    make: (t) => ({ id: newId(), kind: "handle", name: t("flow.handle"), approvers: [{ kind: "department_head" }] }),
  },
  copy: {
    label: (t) => t("flow.copy"), icon: <SendOutlined />,
    parts: [{ ...whoIsAsked, label: (t) => t("flow.whoIsTold") }, readRights],
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

const post: Part = { key: "post", label: (t) => t("flow.post"), input: "code", document: "identity.post" };
const fact = (document: string): Part => ({ key: "field", label: (t) => t("flow.field"), input: "fact", document });

export const RULE_KINDS: Record<string, RuleKind> = {
  department_head: { sentence: (t) => t("flow.departmentHead"), parts: [], make: {} },
  reports_to: { sentence: (t) => t("flow.ruleReportsTo"), parts: [], make: {} },
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
  group: {
    sentence: (t, marks) => t("flow.ruleGroup", marks), make: {},
    parts: [
      { key: "name", label: (t) => t("flow.groupName"), input: "text" },
      // either people or a role
      { key: "employee_ids", label: (t) => t("flow.groupPeople"), input: "employees", shown: ({ role, employee_ids }) => employee_ids !== undefined || role === undefined },
      { key: "role", label: (t) => t("flow.role"), input: "code", document: "identity.role", empty: (t) => t("flow.groupRole"), shown: ({ role, employee_ids }) => role !== undefined || employee_ids === undefined },
    ],
  },
  previous_choice: { sentence: (t) => t("flow.rulePreviousChoice"), parts: [], make: {} },
};

/** A sentence in pieces: words, and the parts that stand between them; of these the ones that are asked for. */
export function piecesOf(t: TFunction, { sentence, parts }: Sentence, values?: Values): (string | Part)[] {
  const marks = Object.fromEntries(parts.map(({ key }) => [key, `{${key}}`]));
  const pieces = sentence(t, marks).split(/\{(\w+)\}/).map((piece, at) => (at % 2 === 0 ? piece : parts.find(({ key }) => key === piece)!));
  return pieces.filter((piece) => piece !== "" && (typeof piece === "string" || values === undefined || (piece.shown?.(values) ?? true)));
}

/** What a kind of rule is called: its sentence with the places left open. */
export function ruleName(t: TFunction, kind: RuleKind): string {
  return piecesOf(t, kind).map((piece) => (typeof piece === "string" ? piece : "…")).join("").replace(/…+/g, "…");
}

export function isValues(value: unknown): value is Values {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** The members of a list; one that is a single text is its first value. */
export function listMembers({ of }: Part, value: unknown): Values[] {
  return Array.isArray(value) ? value.map((one: unknown) => (isValues(one) ? one : { [of!.parts[0].key]: one })) : [];
}

/** Values, or each of several, without those that the others leave no place for. */
export function tidied(parts: Part[], value: unknown): unknown {
  if (Array.isArray(value)) return value.map((one) => tidied(parts, one));
  if (!isValues(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => parts.find(({ key }) => key === name)?.shown?.(value) ?? true));
}

/** The rights that can be given for a field; `writable`: people may type it. */
export function rightsOffered({ most }: Part, writable: boolean): string[] {
  return RIGHTS.slice(0, writable ? most : 2);
}

export function rightText(t: TFunction, right: string): string {
  const words: Record<string, string> = { read: t("flow.rightRead"), hidden: t("flow.rightHidden"), write: t("flow.rightWrite"), required: t("flow.rightRequired") };
  return words[right] ?? right;
}

/** A text of a flow in a language; it is one for every language, or one for each. */
export function textIn(text: unknown, language: string): string {
  return isValues(text) ? String(text[language] ?? "") : typeof text === "string" ? text : "";
}

function unusedKey(members: Values[]): string {
  const used = new Set(members.map(({ key }) => key));
  let number = members.length + 1;
  while (used.has(`field_${number}`)) number += 1;
  return `field_${number}`;
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
