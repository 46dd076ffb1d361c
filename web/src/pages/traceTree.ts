/** The spans of a trace as a tree, read from top to bottom. */
export interface TraceSpan {
  spanId: string;
  parentId: string;
  service: string;
  kind: string;
  name: string;
  beginMicros: number;
  durationMicros: number;
  error: string;
  attributes: Record<string, string>;
  traceId: string;
}

/** Each span after the one it belongs to, in the order in which they began; one whose parent is not kept stands at the top. */
export function inOrder(spans: TraceSpan[]): { span: TraceSpan; depth: number }[] {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const below = new Map<string, TraceSpan[]>();
  for (const span of spans.toSorted((a, b) => a.beginMicros - b.beginMicros)) {
    const parent = known.has(span.parentId) ? span.parentId : "";
    below.set(parent, [...(below.get(parent) ?? []), span]);
  }
  const walk = (parent: string, depth: number): { span: TraceSpan; depth: number }[] =>
    (below.get(parent) ?? []).flatMap((span) => [{ span, depth }, ...walk(span.spanId, depth + 1)]);
  return walk("", 0);
}

export function servicesOf(spans: TraceSpan[]): string[] {
  return [...new Set(spans.map(({ service }) => service))];
}
