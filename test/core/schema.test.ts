/** The JSON Schema that editors complete from: it takes what the compiler takes, and refuses common mistakes. */
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { rulesJsonSchema } from "../../worker/core/schema.ts";
import { PRESETS } from "../support/presets.ts";

const validate = new Ajv2020({ strict: false, allErrors: true }).compile(rulesJsonSchema());
const levels = { temperature: [{ name: "cold" }] };
const rule = (more: object) => ({ levels, rules: [{ id: "r", points: 1, ...more }] });

describe("the schema of rules", () => {
  test.each(Object.entries(PRESETS))("takes preset %s", (_, document) => {
    expect(validate(document), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    ["a field that events do not have", rule({ on: "page", where: { paht: "/pricing" } })],
    ["an operator that does not exist", rule({ while: { visits: { atLeast: 2 } } })],
    ["a number where a duration is wanted", rule({ while: { inactive: { gte: 30 } } })],
    ["a score outside of levels", rule({ while: { score: { gte: 1 } } })],
    ["a mistake inside of any", rule({ while: { any: [{ visits: 1 }, { vists: 2 }] } })],
    ["a zero percent decay", { ...rule({ on: "page" }), dimensions: { e: { decay: { every: "1d", percent: 0 } } } }],
  ])("refuses %s", (_, document) => {
    expect(validate(document)).toBe(false);
  });
});
