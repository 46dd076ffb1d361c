/** A refused call: the rule, its facts, the sentence in the reader's language, and the fields at fault. */
export interface FieldViolation {
  field: string;
  description: string;
  reason?: string;
  facts?: Record<string, string>;
}

interface Detail {
  "@type"?: string;
  reason?: string;
  metadata?: Record<string, string>;
  fieldViolations?: FieldViolation[];
  /** The same fields, in the same order, with their facts. */
  violations?: { facts: Record<string, string> }[];
  links?: { description?: string }[];
  requestId?: string;
}

interface ErrorBody {
  error?: { status?: string; message?: string; help?: string; details?: Detail[] };
}

export class ApiError extends Error {
  readonly http: number;
  readonly status: string;
  readonly reason: string;
  readonly facts: Record<string, string>;
  readonly violations: FieldViolation[];
  readonly help: string;
  readonly requestId: string;

  constructor(http: number, body: ErrorBody) {
    super(body.error?.message ?? "");
    const details = body.error?.details ?? [];
    const info = details.find((detail) => detail.reason);
    this.http = http;
    this.status = body.error?.status ?? "";
    this.reason = info?.reason ?? "";
    this.facts = info?.metadata ?? {};
    const told = details.flatMap((detail) => detail.violations ?? []);
    this.violations = details.flatMap((detail) => detail.fieldViolations ?? []).map((one, at) => ({ ...one, facts: told[at]?.facts }));
    this.help = body.error?.help ?? details.flatMap((detail) => detail.links ?? [])[0]?.description ?? "";
    this.requestId = details.find((detail) => detail.requestId)?.requestId ?? "";
  }

  get stale(): boolean {
    return this.reason === "STALE_ETAG";
  }

  get forbidden(): boolean {
    return this.http === 403;
  }

  get missing(): boolean {
    return this.http === 404;
  }
}

const TRIES = 2;

/** How long to wait before asking the same again, in ms; false where that would not help. A busy suite says how long. */
export function waitBefore(failures: number, error: unknown): number | false {
  if (failures >= TRIES) return false;
  if (!(error instanceof ApiError)) return 1_000 * 2 ** failures;
  if (error.http !== 429 && error.http < 500) return false;
  // not all at the same moment: they were sent away together
  return Math.max(1, Number(error.facts.retry_after_seconds ?? 0)) * 1_000 * (1 + Math.random()) * 2 ** failures;
}

/**
 * What a page shows in place of itself: why there is nothing to show, or may be nothing any more. Where asking again failed
 * otherwise, what was read before stays, and with it what somebody is writing.
 */
export function problemOf({ data, error }: { data: unknown; error: Error | null }): Error | null {
  const gone = error instanceof ApiError && (error.missing || error.forbidden || error.http === 401);
  return data === undefined || gone ? error : null;
}

/** The network failed: nothing is known about the outcome, so the same key is sent again. */
export class Unreachable extends Error {}

/** Field errors by path, for forms. */
export function violationsByField(error: unknown): Record<string, string> {
  if (!(error instanceof ApiError)) return {};
  return Object.fromEntries(error.violations.map((one) => [one.field, one.description]));
}
