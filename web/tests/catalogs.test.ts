import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import en from "../src/locales/en.json";
import zh from "../src/locales/zh-CN.json";

const SOURCE = new URL("../src", import.meta.url).pathname;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? files(path) : /\.tsx?$/.test(entry.name) ? [path] : [];
  });
}

const used = new Set(files(SOURCE).flatMap((path) => [...readFileSync(path, "utf8").matchAll(/\bt\(\s*"([^"]+)"/g)].map(([, key]) => key)));

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).toSorted();
}

describe("catalogs of messages", () => {
  it("have the same keys in Chinese and English", () => {
    expect(Object.keys(en)).toEqual(Object.keys(zh));
  });

  it("hold every message that a page asks for, and no other", () => {
    expect([...used].toSorted()).toEqual(Object.keys(zh).toSorted());
  });

  it("have the same placeholders in both languages", () => {
    for (const [key, text] of Object.entries(zh)) expect([key, placeholders(text)]).toEqual([key, placeholders((en as Record<string, string>)[key])]);
  });

  it("write Chinese with full-width punctuation", () => {
    for (const [key, text] of Object.entries(zh)) expect([key, /\p{Script=Han}[,;:?!.]|[,;:?!](?=\p{Script=Han})/u.test(text)]).toEqual([key, false]);
  });
});
