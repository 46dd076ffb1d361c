/**
 * Exact decimals as strings, for previews and display only: the server computes what counts.
 * A number is a BigInt of scaled units and its scale; nothing here ever becomes a float.
 */
interface Exact {
  units: bigint;
  scale: number;
}

const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?$/;

function parse(text: string): Exact | undefined {
  const match = PATTERN.exec(text.trim());
  if (!match || (!match[2] && !match[3])) return undefined;
  const fraction = match[3] ?? "";
  const units = BigInt(`${match[2] || "0"}${fraction}`);
  return { units: match[1] === "-" ? -units : units, scale: fraction.length };
}

function rescale({ units, scale }: Exact, wanted: number): bigint {
  if (wanted >= scale) return units * 10n ** BigInt(wanted - scale);
  const divisor = 10n ** BigInt(scale - wanted);
  const magnitude = units < 0n ? -units : units;
  const rounded = (magnitude + divisor / 2n) / divisor;
  return units < 0n ? -rounded : rounded;
}

function print(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const sign = units < 0n ? "-" : "";
  return scale === 0 ? `${sign}${whole}` : `${sign}${whole}.${digits.slice(-scale)}`;
}

export function isDecimal(text: string): boolean {
  return parse(text) !== undefined;
}

/** Half away from zero, as the server rounds. */
export function round(text: string, scale: number): string {
  const value = parse(text);
  return value ? print(rescale(value, scale), scale) : "";
}

export function multiply(left: string, right: string): string {
  const [a, b] = [parse(left), parse(right)];
  return a && b ? print(a.units * b.units, a.scale + b.scale) : "";
}

export function sum(values: string[], scale: number): string {
  const total = values.reduce((units, text) => {
    const value = parse(text);
    return value ? units + rescale(value, scale) : units;
  }, 0n);
  return print(total, scale);
}

export function compare(left: string, right: string): number {
  const [a, b] = [parse(left), parse(right)];
  if (!a || !b) return 0;
  const scale = Math.max(a.scale, b.scale);
  const difference = rescale(a, scale) - rescale(b, scale);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

export function isZero(text: string): boolean {
  return (parse(text)?.units ?? 0n) === 0n;
}

/** Drop zeros behind the point that say nothing: `12.500000` is `12.5`. */
export function trim(text: string): string {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text;
}

/** Thousands grouped, at least `minimum` and at most `maximum` digits behind the point, negatives in parentheses. */
export function group(text: string, minimum: number, maximum = minimum): string {
  const value = parse(text);
  if (!value) return text;
  let shown = print(rescale(value, maximum), maximum);
  while (maximum > minimum && shown.endsWith("0")) {
    shown = shown.slice(0, -1);
    maximum -= 1;
  }
  if (shown.endsWith(".")) shown = shown.slice(0, -1);
  const negative = shown.startsWith("-");
  const [whole, fraction] = (negative ? shown.slice(1) : shown).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const result = fraction ? `${grouped}.${fraction}` : grouped;
  return negative ? `(${result})` : result;
}

/** `0.13` is shown and typed as `13`. */
export function toPercent(rate: string): string {
  const value = parse(rate);
  return value ? trim(print(value.units * 100n, value.scale)) : "";
}

export function fromPercent(percent: string): string {
  const value = parse(percent.replace(/[%％]\s*$/, ""));
  return value ? trim(print(value.units, value.scale + 2)) : percent;
}

/** What a person types or pastes: full-width digits, grouping commas, currency signs. */
export function tidyNumber(text: string): string {
  return text
    .replace(/[０-９．－]/g, (sign) => String.fromCharCode(sign.charCodeAt(0) - 0xfee0))
    .replace(/[\s,，￥¥$€]/g, "");
}

/** Net, tax and gross of one line, rounded at the line. */
export function linePreview(quantity: string, unitPrice: string, taxRate: string): { net: string; tax: string; amount: string } {
  const net = round(multiply(quantity, unitPrice) || "0", 2);
  const tax = round(multiply(net, taxRate || "0"), 2);
  return { net, tax, amount: sum([net, tax], 2) };
}
