/**
 * Conditions as comparisons that are chosen, and their CEL text. Text that says more than comparisons can (sums, calls,
 * nested lists) is not read: it stays text. A fact is compared only where the document has it, since an expression that
 * asks for a missing one has no answer.
 */
export interface Literal {
  type: "number" | "string" | "bool";
  text: string;
}

export type Operator = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "notIn" | "has" | "hasNot" | "contains" | "startsWith";

export interface Comparison {
  field: string;
  operator: Operator;
  /** Several for `in` and `notIn`, one for the others. */
  values: Literal[];
  /** A fact that is asked for without looking whether it is there. */
  bare?: true;
}

export interface Group {
  join: "and" | "or";
  members: (Comparison | Group)[];
}

export const isGroup = (one: Comparison | Group): one is Group => "join" in one;

const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)|(&&|\|\||[=!<>]=|[<>!()[\],-]))/y;
const FLIPPED: Partial<Record<string, Operator>> = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
const FIELDS = new Set(["amount", "currency", "document_type", "company", "requester", "departments", "post", "post_level"]);
const ESCAPES: Record<string, string> = { '"': '"', "'": "'", "\\": "\\", n: "\n", t: "\t" };

interface Token {
  kind: "number" | "string" | "name" | "sign";
  text: string;
}

class Unread extends Error {}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const found = TOKEN.exec(text);
    if (!found) throw new Unread();
    const [, number, string, name, sign] = found;
    if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (string !== undefined) tokens.push({ kind: "string", text: unquoted(string) });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else tokens.push({ kind: "sign", text: sign });
  }
  return tokens;
}

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_, letter: string) => {
    if (!(letter in ESCAPES)) throw new Unread();
    return ESCAPES[letter];
  });
}

/** `has(facts.x)` while it waits for the comparison behind it. */
interface Guard {
  guards: string;
}

type Part = Comparison | Group | Guard;

class Reader {
  private at = 0;

  constructor(private readonly tokens: Token[]) {}

  whole(): Group {
    const read = this.either();
    if (this.at < this.tokens.length || "guards" in read) throw new Unread();
    return isGroup(read) ? read : { join: "and", members: [read] };
  }

  private either(): Part {
    const members = [this.both()];
    while (this.take("||")) members.push(this.both());
    return joined("or", members);
  }

  private both(): Part {
    const members = [this.one()];
    while (this.take("&&")) members.push(this.one());
    return joined("and", members);
  }

  private one(): Part {
    if (this.take("(")) {
      const inside = this.either();
      this.expect(")");
      return inside;
    }
    if (this.take("!")) return this.denied();
    if (this.peek()?.kind === "name" && this.peek()?.text === "has" && this.tokens[this.at + 1]?.text === "(") {
      this.at += 2;
      const { text } = this.name();
      this.expect(")");
      if (!text.startsWith("facts.")) throw new Unread();
      return { guards: text };
    }
    return this.comparison();
  }

  private denied(): Comparison {
    if (!this.take("(")) {
      const { text } = this.name();
      return compared(text, "==", [{ type: "bool", text: "false" }]);
    }
    const inside = this.comparison();
    this.expect(")");
    if (inside.operator === "in") return { ...inside, operator: "notIn" };
    if (inside.operator === "has") return { ...inside, operator: "hasNot" };
    throw new Unread();
  }

  private comparison(): Comparison {
    const literal = this.literal();
    if (literal) {
      const sign = this.next();
      if (sign.text === "in" && sign.kind === "name") return compared(this.name().text, "has", [literal]);
      const operator = FLIPPED[sign.text];
      if (sign.kind !== "sign" || !operator) throw new Unread();
      return compared(this.name().text, operator, [literal]);
    }
    const { text } = this.name();
    const call = /^(.+)\.(contains|startsWith)$/.exec(text);
    if (call && this.take("(")) {
      const value = this.literal();
      this.expect(")");
      if (value?.type !== "string") throw new Unread();
      return compared(call[1], call[2] as Operator, [value]);
    }
    const sign = this.peek();
    if (sign?.kind === "name" && sign.text === "in") {
      this.at += 1;
      return compared(text, "in", this.list());
    }
    if (sign?.kind === "sign" && sign.text in FLIPPED) {
      this.at += 1;
      const value = this.literal();
      if (!value) throw new Unread();
      return compared(text, sign.text as Operator, [value]);
    }
    return compared(text, "==", [{ type: "bool", text: "true" }]);
  }

  private list(): Literal[] {
    this.expect("[");
    const values: Literal[] = [];
    while (!this.take("]")) {
      if (values.length > 0) this.expect(",");
      const value = this.literal();
      if (!value) throw new Unread();
      values.push(value);
    }
    return values;
  }

  private literal(): Literal | undefined {
    const token = this.peek();
    if (token?.kind === "sign" && token.text === "-" && this.tokens[this.at + 1]?.kind === "number") {
      this.at += 2;
      return { type: "number", text: `-${this.tokens[this.at - 1].text}` };
    }
    if (!token || token.kind === "sign") return undefined;
    if (token.kind === "name" && token.text !== "true" && token.text !== "false") return undefined;
    this.at += 1;
    return { type: token.kind === "name" ? "bool" : token.kind, text: token.text };
  }

  private name(): Token {
    const token = this.next();
    if (token.kind !== "name") throw new Unread();
    return token;
  }

  private peek(): Token | undefined {
    return this.tokens[this.at];
  }

  private next(): Token {
    const token = this.tokens[this.at];
    if (!token) throw new Unread();
    this.at += 1;
    return token;
  }

  private take(sign: string): boolean {
    const token = this.peek();
    const taken = token?.kind === "sign" && token.text === sign;
    if (taken) this.at += 1;
    return taken;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) throw new Unread();
  }
}

function compared(field: string, operator: Operator, values: Literal[]): Comparison {
  const fact = /^facts\.(custom_fields\.)?[a-z][a-z0-9_]*$/.test(field);
  if (!fact && !FIELDS.has(field)) throw new Unread();
  return fact ? { field, operator, values, bare: true } : { field, operator, values };
}

/** Members of one join; a guard becomes part of the comparison behind it. */
function joined(join: Group["join"], parts: Part[]): Part {
  if (parts.length === 1) return parts[0];
  const members: (Comparison | Group)[] = [];
  for (let at = 0; at < parts.length; at += 1) {
    const part = parts[at];
    if (!("guards" in part)) {
      members.push(part);
      continue;
    }
    const guarded = parts[(at += 1)];
    if (join === "or" || !guarded || "guards" in guarded || isGroup(guarded) || guarded.field !== part.guards) throw new Unread();
    const { bare: _, ...comparison } = guarded;
    members.push(comparison);
  }
  return members.length === 1 ? members[0] : { join, members };
}

/** The comparisons that a text consists of; nothing where it says more than that. */
export function readCondition(text: string): Group | undefined {
  if (!text.trim()) return { join: "and", members: [] };
  try {
    return new Reader(tokensOf(text)).whole();
  } catch (problem) {
    if (problem instanceof Unread) return undefined;
    throw problem;
  }
}

function literalText({ type, text }: Literal): string {
  return type === "string" ? JSON.stringify(text) : text;
}

function comparisonText({ field, operator, values, bare }: Comparison): string {
  const first = values[0] ? literalText(values[0]) : '""';
  const list = `[${values.map(literalText).join(", ")}]`;
  const texts: Record<Operator, string> = {
    "==": `${field} == ${first}`, "!=": `${field} != ${first}`, "<": `${field} < ${first}`, "<=": `${field} <= ${first}`, ">": `${field} > ${first}`, ">=": `${field} >= ${first}`,
    in: `${field} in ${list}`, notIn: `!(${field} in ${list})`, has: `${first} in ${field}`, hasNot: `!(${first} in ${field})`,
    contains: `${field}.contains(${first})`, startsWith: `${field}.startsWith(${first})`,
  };
  return field.startsWith("facts.") && !bare ? `has(${field}) && ${texts[operator]}` : texts[operator];
}

/** The CEL text of comparisons. */
export function conditionText({ join, members }: Group): string {
  const texts = members.map((one) => {
    const text = isGroup(one) ? conditionText(one) : comparisonText(one);
    const compound = isGroup(one) ? one.members.length > 1 : join === "or" && text.startsWith("has(");
    return compound && members.length > 1 ? `(${text})` : text;
  });
  return texts.join(join === "and" ? " && " : " || ");
}

/** The forms that a condition lets through by their codes; undefined where it says nothing of them. */
export function formsAsked(condition: string): string[] | undefined {
  const group = readCondition(condition);
  if (!group || (group.join === "or" && group.members.length > 1)) return undefined;
  const said = group.members.find((one) => !isGroup(one) && one.field === "facts.form" && (one.operator === "==" || one.operator === "in"));
  return said && !isGroup(said) ? said.values.map(({ text }) => text) : undefined;
}
