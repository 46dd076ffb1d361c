import { describe, expect, it } from "vitest";
import { compare, fromPercent, group, linePreview, round, sum, tidyNumber, toPercent } from "../src/contract/decimal";

describe("exact decimals", () => {
  it("round half away from zero", () => {
    expect(round("2.345", 2)).toBe("2.35");
    expect(round("-2.345", 2)).toBe("-2.35");
    expect(round("1.005", 2)).toBe("1.01");
  });

  it("add what floats cannot", () => {
    expect(sum(["0.1", "0.2"], 2)).toBe("0.30");
    expect(sum(["99999999999999.99", "0.01"], 2)).toBe("100000000000000.00");
  });

  it("are shown in groups, negatives in parentheses", () => {
    expect(group("1234567.5", 2)).toBe("1,234,567.50");
    expect(group("-1234.5", 2)).toBe("(1,234.50)");
    expect(group("12.500000", 0, 6)).toBe("12.5");
    expect(group("1000.000000", 0, 6)).toBe("1,000");
  });

  it("compare by value", () => {
    expect(compare("10", "9.999999")).toBe(1);
    expect(compare("1.50", "1.5")).toBe(0);
  });

  it("read rates in per cent", () => {
    expect(toPercent("0.1300")).toBe("13");
    expect(fromPercent("13%")).toBe("0.13");
    expect(fromPercent("0.5")).toBe("0.005");
  });

  it("take what people paste", () => {
    expect(tidyNumber("￥１，２３４．５")).toBe("1234.5");
  });

  it("preview a line rounded as the server rounds it", () => {
    expect(linePreview("3", "33.335", "0.13")).toEqual({ net: "100.01", tax: "13.00", amount: "113.01" });
  });
});
