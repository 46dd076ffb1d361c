import { expect, test } from "vitest";
import { firstNumber } from "@/pages/numbers";

test.each([
  ["PO-{yyyy}-{000000}", "PO-2026-000001"],
  ["{yy}{mm}{dd}.{000}", "260307.001"],
  ["采购{yyyy}_{0000}{x}", "采购2026_0001{x}"],
  ["", ""],
])("the first number of %s", (pattern, number) => {
  expect(firstNumber(pattern, new Date(2026, 2, 7))).toBe(number);
});
