/**
 * A trace for each thing that a person does, as a W3C header on every call: the gateway takes it up, so that a click can
 * be followed into the services and back. What a live notice makes the page load belongs to the trace that caused it.
 */
const LASTS_MS = 10_000;

let current = "";
let since = 0;

function hex(bytes: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (one) => one.toString(16).padStart(2, "0")).join("");
}

function begin(): void {
  current = `00-${hex(16)}-${hex(8)}-01`;
  since = performance.now();
}

/** Begin a trace with each click, key and step back or forth. */
export function followActions(): void {
  for (const kind of ["pointerdown", "keydown", "popstate"]) addEventListener(kind, begin, { capture: true, passive: true });
}

/** The header of a call; long after the last action each call is a trace of its own. */
export function traceparent(): string {
  if (!current || performance.now() - since > LASTS_MS) begin();
  return current;
}

/** Do something as part of another trace. */
export function within(trace: string | undefined, work: () => void): void {
  const before = { current, since };
  if (trace) [current, since] = [trace, performance.now()];
  try {
    work();
  } finally {
    ({ current, since } = before);
  }
}
