/** How values look: dates as `2026-11-23`, times in the company's zone, amounts grouped. */
import dayjs from "dayjs";
import relativeTime from "dayjs/plugin/relativeTime";
import timezone from "dayjs/plugin/timezone";
import utc from "dayjs/plugin/utc";
import { context } from "@/api/context";
import type { Field } from "./meta";
import { group, toPercent } from "./decimal";

dayjs.extend(relativeTime);
dayjs.extend(utc);
dayjs.extend(timezone);

export function timeText(value: unknown): string {
  return value ? dayjs(String(value)).tz(context.timeZone).format("YYYY-MM-DD HH:mm") : "";
}

/** A day of the company's calendar as the instant it begins or ends. */
export function instant(day: string, end: boolean): string {
  // the next day's name first: a day of a zone need not have 24 hours
  return dayjs.tz(end ? dayjs(day).add(1, "day").format("YYYY-MM-DD") : day, context.timeZone).toISOString();
}

export function ago(value: unknown): string {
  return value ? dayjs(String(value)).fromNow() : "";
}

/** How long ago, for "has waited for …". */
export function lasting(value: unknown): string {
  return value ? dayjs(String(value)).fromNow(true) : "";
}

export function isPast(value: string): boolean {
  return dayjs(value).isBefore(dayjs());
}

/** Rates are typed and read in per cent. */
export function isRate(field: { name: string }): boolean {
  return /taxRate$/i.test(field.name);
}

export function decimalText(field: Pick<Field, "name" | "decimal">, value: string): string {
  if (value === "") return "";
  if (isRate(field)) return `${toPercent(value)}%`;
  const scale = field.decimal?.scale ?? 2;
  if (/percent$/i.test(field.name)) return `${group(value, 0, scale)}%`;
  if (scale <= 2) return group(value, scale);
  return /price/i.test(field.name) ? group(value, 2, scale) : group(value, 0, scale);
}
