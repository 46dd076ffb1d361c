/** The first number that a format makes on a day, as the services make it (`chassis/numbering.py`). */
export function firstNumber(pattern: string, day: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const parts: Record<string, string> = { yyyy: String(day.getFullYear()), yy: two(day.getFullYear() % 100), mm: two(day.getMonth() + 1), dd: two(day.getDate()) };
  return pattern.replaceAll(/\{(yyyy|yy|mm|dd|0+)\}/g, (_, name: string) => parts[name] ?? "1".padStart(name.length, "0"));
}
