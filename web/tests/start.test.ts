import { describe, expect, it } from "vitest";
import { GOAL, progressOf, STEPS } from "../src/pages/startSteps";

const standing = (done: (key: string) => boolean | undefined) => STEPS.map((step) => ({ step, done: done(step.key) }));
const NEEDED = STEPS.filter(({ optional }) => !optional);

describe("the guided start", () => {
  it("leads through every step that the goal needs, and past those that it does not", () => {
    const done = new Set<string>();
    for (const step of NEEDED) {
      expect(progressOf(standing((key) => done.has(key)))).toMatchObject({ next: { step }, done: done.size, count: NEEDED.length });
      done.add(step.key);
    }
    expect(NEEDED.at(-1)).toBe(GOAL);
    expect(progressOf(standing((key) => done.has(key)))).toEqual({ next: undefined, done: NEEDED.length, count: NEEDED.length });
  });

  it("does not count what is done beside, and waits for what is not known yet", () => {
    expect(STEPS.map(({ optional, key }) => optional && key).filter(Boolean)).toEqual(["forms"]);
    expect(progressOf(standing((key) => key === "forms"))).toMatchObject({ next: { step: STEPS[0] }, done: 0 });
    expect(progressOf(standing(() => undefined))).toMatchObject({ next: undefined, done: 0 });
  });
});
