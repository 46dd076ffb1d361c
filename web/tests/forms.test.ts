import { describe, expect, it } from "vitest";
import { add, both, change, conditionText, freeKey, move, newField, place, remove, sectionOf, type Design } from "../src/forms/design";
import type { Meta } from "../src/contract/meta";
import type { TypedField } from "../src/contract/typedFields";
import { changeText, operatorsOf, sectionsOf, shownText, valueOfChange } from "../src/forms/typed";
import { formLabel } from "../src/pages/OfficeRequestList";

const words = { "zh-CN": "甲", en: "A" };
const field = (key: string, more: Partial<TypedField> = {}): TypedField => ({ key, label: words, kind: "TEXT", ...more });
const design: Design = { fields: ["a", "b", "c"].map((key) => field(key)), sections: [{ label: words, fieldKeys: ["a", "c"] }], amountKey: "b", summaryKeys: ["a", "b"], approverKeys: ["c"] };
const keys = ({ fields }: Design) => fields.map(({ key }) => key);

describe("a design", () => {
  it("gives every field a key of its own", () => {
    expect(freeKey("x", ["x", "x_2"])).toBe("x_3");
    expect(newField("TABLE", words, ["table_1"]).key).toBe("table_1_2");
  });

  it("takes a field in at its place", () => expect(keys(add(design, field("d"), 1))).toEqual(["a", "d", "b", "c"]));

  it("follows a key that changes, wherever it is named", () => {
    const next = change(change(design, 0, field("z")), 1, field("y"));
    expect(next).toMatchObject({ sections: [{ fieldKeys: ["z", "c"] }], amountKey: "y", summaryKeys: ["z", "y"] });
  });

  it("forgets a field that is taken out, wherever it was named", () => {
    expect(remove(remove(design, 2), 1)).toEqual({ fields: [field("a")], sections: [{ label: words, fieldKeys: ["a"] }], amountKey: "", summaryKeys: ["a"], approverKeys: [] });
  });

  it("moves fields, in their sections too, and not over the edge", () => {
    const next = move(design, 2, 0);
    expect([keys(next), next.sections[0].fieldKeys]).toEqual([["c", "a", "b"], ["c", "a"]]);
    expect(move(design, 0, -1)).toBe(design);
  });

  it("puts a field into one section", () => {
    const two = { ...design, sections: [...design.sections, { label: words, fieldKeys: [] }] };
    const next = place(two, "a", 1);
    expect([sectionOf(next, "a"), next.sections[0].fieldKeys]).toEqual([1, ["c"]]);
    expect(sectionOf(place(next, "a", -1), "a")).toBe(-1);
  });
});

describe("a rule", () => {
  it("is written from what was chosen", () => {
    expect(conditionText(field("a"), "==", "it's \\")).toBe("a == 'it\\'s \\\\'");
    expect(conditionText(field("n", { kind: "NUMBER" }), ">", "3.5")).toBe("n > 3.5");
    expect(conditionText(field("y", { kind: "YES_NO" }), "no", "")).toBe("!y");
    expect(conditionText(field("s", { kind: "CHOICES" }), "in", "x")).toBe("'x' in s");
  });

  it("holds together with another", () => {
    expect(both("", "a")).toBe("a");
    expect(both("a || b", "c")).toBe("(a || b) && c");
  });
});

describe("values of a form", () => {
  const options = [{ key: "x", label: { "zh-CN": "年假", en: "Annual" } }];
  it("are read in the reader's language", () => {
    expect(shownText(field("c", { kind: "CHOICE", options }), "x", "en", ["Yes", "No"])).toBe("Annual");
    expect(shownText(field("c", { kind: "CHOICES", options }), ["x", "gone"], "zh-CN", ["是", "否"])).toBe("年假、gone");
    expect(shownText(field("n", { kind: "NUMBER", unit: "天", scale: 1 }), "1234.5", "en", ["Yes", "No"])).toBe("1,234.5 天");
    expect(shownText(field("d", { kind: "DATE_RANGE" }), { start: "2026-01-01", end: "2026-01-02" }, "en", ["Yes", "No"])).toBe("2026-01-01 – 2026-01-02");
  });

  it("come back from an approver's change as they went", () => {
    for (const [kind, value] of [["YES_NO", false], ["CHOICES", ["x"]], ["DATE_RANGE", { start: "2026-01-01", end: "2026-01-02" }], ["TEXT", "12"]] as const) {
      expect(valueOfChange(field("a", { kind }), changeText(value))).toEqual(value);
    }
    expect(valueOfChange(field("a"), changeText(undefined))).toBeUndefined();
  });

  it("stand in sections, those in none first", () => {
    expect(sectionsOf(design).map(({ fields }) => fields.map(({ key }) => key))).toEqual([["b"], ["a", "c"]]);
  });

  it("are asked for in lists by what they are", () => {
    expect(operatorsOf(field("t", { kind: "COMPUTED", resultKind: "AMOUNT" }))).toContain(">=");
    expect(operatorsOf(field("t", { kind: "TABLE" }))).toEqual([]);
  });
});

describe("a form to filter by", () => {
  const meta = { enums: { "FormDefinition.State": [{ name: "RETIRED", label: "Retired" }] } } as unknown as Meta;
  const form = { formId: "f", name: "请假", nameEn: "Leave", groupName: "", icon: "", description: "" };
  it("says that it takes no new requests", () => {
    expect(formLabel(meta, { ...form, state: "RETIRED" }, "en")).toBe("Leave (Retired)");
    expect(formLabel(meta, { ...form, state: "PUBLISHED" }, "en")).toBe("Leave");
  });
});
