/** What a company needs before its first order comes about by itself, in this order. */
import type { TFunction } from "i18next";
import type { DocumentMeta, Meta } from "@/contract/meta";

export interface Step {
  key: string;
  /** What is done, and what for. */
  says: (t: TFunction) => [string, string];
  /** Whose list says whether it is done. */
  document: string;
  filter?: string;
  /** How many there must be; one where nothing is said. */
  enough?: number;
  /** Where it is done: in a new one where nothing is said. */
  at?: "list" | "import";
  /** The goal is reached without it. */
  optional?: boolean;
}

export const STEPS: Step[] = [
  { key: "company", says: (t) => [t("start.company"), t("start.companyHelp")], document: "identity.company" },
  { key: "departments", says: (t) => [t("start.departments"), t("start.departmentsHelp")], document: "identity.department", at: "import" },
  // beside whoever begins: nobody agrees to a request of their own
  { key: "people", says: (t) => [t("start.people"), t("start.peopleHelp")], document: "identity.employee", enough: 2, at: "import" },
  { key: "heads", says: (t) => [t("start.heads"), t("start.headsHelp")], document: "identity.headship", at: "import" },
  { key: "grants", says: (t) => [t("start.grants"), t("start.grantsHelp")], document: "identity.grant", enough: 2, at: "import" },
  // before the first document has a number
  { key: "numbers", says: (t) => [t("start.numbers"), t("start.numbersHelp")], document: "identity.number_format" },
  { key: "units", says: (t) => [t("start.units"), t("start.unitsHelp")], document: "inventory.unit", at: "import" },
  { key: "categories", says: (t) => [t("start.categories"), t("start.categoriesHelp")], document: "inventory.item_category", at: "import" },
  { key: "items", says: (t) => [t("start.items"), t("start.itemsHelp")], document: "inventory.item", at: "import" },
  { key: "suppliers", says: (t) => [t("start.suppliers"), t("start.suppliersHelp")], document: "procurement.supplier", at: "import" },
  { key: "qualified", says: (t) => [t("start.qualified"), t("start.qualifiedHelp")], document: "procurement.supplier", filter: 'state = "QUALIFIED"', at: "list" },
  { key: "prices", says: (t) => [t("start.prices"), t("start.pricesHelp")], document: "procurement.supplier_item", at: "import" },
  { key: "flow", says: (t) => [t("start.flow"), t("start.flowHelp")], document: "approval.flow_definition", filter: 'state = "PUBLISHED"' },
  { key: "forms", says: (t) => [t("start.forms"), t("start.formsHelp")], document: "approval.form_definition", filter: 'state = "PUBLISHED"', at: "list", optional: true },
  { key: "requisition", says: (t) => [t("start.requisition"), t("start.requisitionHelp")], document: "procurement.purchase_requisition", filter: 'state != "DRAFT"' },
  { key: "order", says: (t) => [t("start.order"), t("start.orderHelp")], document: "procurement.purchase_order", at: "list" },
];

/** What all the others lead to. */
export const GOAL = STEPS.at(-1)!;

/** How far it is to the goal: the step that is next, and how many are done of those that lead there. */
export function progressOf<S extends { step: Step; done: boolean | undefined }>(steps: S[]): { next: S | undefined; done: number; count: number } {
  const leading = steps.filter(({ step }) => !step.optional);
  return { next: leading.find(({ done }) => done === false), done: leading.filter(({ done }) => done).length, count: leading.length };
}

export function placeOf(meta: Meta, { document, at }: Step): { document: DocumentMeta; to: string } {
  const found = meta.documents[document]!;
  return { document: found, to: at === "list" ? found.route : `${found.route}/${at ?? "new"}` };
}
