/** The presets compile and keep the promises of docs/rules.md; so does every piece of JSON in that page. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import type { JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { levelNames, levelsNow } from "../../worker/core/levels.ts";
import { replay } from "../../worker/core/play.ts";
import { FIRST_PRESET } from "../../worker/core/presets/index.ts";
import type { Problem } from "../../worker/core/problems.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import type { RuleDocument, RulesDocument } from "../../worker/core/schema.ts";
import { View } from "../../worker/core/view.ts";
import { PRESETS } from "../support/presets.ts";

function compile(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.rules;
}

const HOUR_MS = 3_600_000;
const START = Date.parse("2026-01-05T10:00:00Z");

/** Events of one lead, an hour apart or at the time given. */
function scored(document: RulesDocument, events: Partial<LoggedEvent>[], at?: number) {
  const rules = compile(document);
  const logged = events.map((event, i): LoggedEvent => {
    const timestamp = START + i * HOUR_MS;
    return { messageId: String(i), type: "track", visitor: "v", timestamp, ...event };
  });
  const state = replay(rules, logged);
  const now = at ?? state.clock ?? START;
  const view = new View(rules, state, now);
  const pointsOf = (id: string) => state.rules[rules.rules.find((rule) => rule.id === id)?.index ?? -1]?.fired ?? 0;
  return { score: Number(view.total()), fired: pointsOf, levels: levelNames(rules, levelsNow(rules, state, now)) };
}

const form = (name?: string): Partial<LoggedEvent> => ({
  event: "Form Submitted",
  properties: name === undefined ? {} : { form: name },
});
const page = (path: string): Partial<LoggedEvent> => ({ type: "page", properties: { path } });
const identify = (traits: JsonObject): Partial<LoggedEvent> => ({ type: "identify", traits });

describe.each(Object.entries(PRESETS))("the preset %s", (name, document) => {
  const { rules } = document;

  test("compiles", () => {
    const compiled = compile(document);
    expect(compiled.ladders.map((ladder) => ladder.name)).toEqual(["temperature", "stage"]);
  });

  test("has readable ids", () => {
    for (const { id } of rules) expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  test("takes points away as well as giving them, and lets them fade", () => {
    expect(rules.filter(({ points = 0 }) => points < 0)).not.toHaveLength(0);
    expect(Object.values(document.dimensions ?? {}).some(({ decay }) => decay)).toBe(true);
  });

  test("names no dimension, group or counter in vain", () => {
    const used = JSON.stringify([rules, document.levels]);
    for (const group of Object.keys(document.groups ?? {})) expect(used).toContain(`"group":"${group}"`);
    for (const counter of Object.keys(document.counters ?? {})) expect(used).toContain(`"counters.${counter}"`);
    const [first, ...others] = Object.keys(document.dimensions ?? {});
    expect(first).toBe("engagement");
    for (const dimension of others) expect(used).toContain(`"dimension":"${dimension}"`);
  });

  test("gives one submission of a form exactly one tier", () => {
    const words = [
      "demo",
      "contact",
      "pricing",
      "quote",
      "assessment",
      "technical",
      "guide",
      "webinar",
      "workshop",
      "x",
    ];
    const tiers = rules.filter(({ id }) => id.startsWith("form-"));
    expect(tiers.length).toBeGreaterThan(1);
    for (const submitted of [undefined, "", ...words.flatMap((one) => words.map((other) => `${one}-${other}`))]) {
      const { fired } = scored(document, [form(submitted)]);
      const which = tiers.filter(({ id }) => fired(id) > 0).map(({ id }) => id);
      expect(which, `${name}: form ${submitted}`).toHaveLength(1);
    }
  });

  test("has ranges without gap or overlap", () => {
    for (const [field, ranges] of Object.entries(rangesOf(rules))) {
      const inner = ranges.sort((a, b) => a.from - b.from);
      inner.slice(1).forEach((range, i) => {
        expect(range.from, `${field} after ${inner[i]?.to}`).toBe(inner[i]?.to);
      });
    }
  });

  test("has visits replace each other", () => {
    const days = (n: number) =>
      Array.from({ length: n }, (_, i) => ({ ...page("/"), timestamp: START + i * 24 * HOUR_MS }));
    const base = scored(document, days(1)).score;
    expect(scored(document, days(2)).score).toBe(base + 3);
    expect(scored(document, days(5)).score).toBe(base + 3);
    expect(scored(document, days(6)).score).toBe(base + 6);
  });

  test("lets customers drop out", () => {
    const status: Partial<LoggedEvent> = {
      event: "Lead Status Changed",
      properties: { status: "customer" },
      context: { active: false },
      verified: true,
    };
    expect(scored(document, [form("demo"), form("contact")]).levels.stage).toBe("sql");
    expect(scored(document, [form("demo"), form("contact"), status]).levels).toEqual({
      temperature: "cold",
      stage: "lead",
    });
  });
});

/** Half-open ranges by the field that `while` rules test them of, durations in ms. */
function rangesOf(rules: readonly RuleDocument[]): Record<string, { from: number; to: number }[]> {
  const found: Record<string, { from: number; to: number }[]> = {};
  const unit: Record<string, number> = { h: HOUR_MS, d: 24 * HOUR_MS };
  const number = (value: unknown, missing: number) =>
    typeof value === "string"
      ? Number.parseInt(value, 10) * (unit[value.slice(-1)] ?? Number.NaN)
      : Number(value ?? missing);
  for (const rule of rules) {
    for (const [field, test] of Object.entries(rule.while ?? {})) {
      if (typeof test !== "object" || test === null || !("gte" in test || "lt" in test)) continue;
      const { gte, lt } = test as { gte?: unknown; lt?: unknown };
      found[field] ??= [];
      found[field].push({ from: number(gte, -Infinity), to: number(lt, Infinity) });
    }
  }
  return found;
}

describe("b2b", () => {
  const { b2b } = PRESETS;

  test("is what a new site begins with", () => expect(PRESETS[FIRST_PRESET]).toBe(b2b));

  test("counts blog posts once each, ten points at most", () => {
    const posts = Array.from({ length: 15 }, (_, i) => ({ ...page(`/blog/post-${i}`), timestamp: START }));
    const base = scored(b2b, [{ ...page("/"), timestamp: START }]).score;
    const few = [posts[0], posts[0], posts[1]].filter((post) => post !== undefined);
    expect(scored(b2b, few).score).toBe(base + 2);
    // Eight pages in a visit are worth 4 more.
    expect(scored(b2b, posts).score).toBe(base + 10 + 4);
  });

  test("knows a rank once, by the highest that a title names", () => {
    const ofTitle = (title: string) => scored(b2b, [identify({ title })]).score;
    expect(ofTitle("Chief Financial Officer")).toBe(20);
    expect(ofTitle("CEO & Managing Director")).toBe(20);
    expect(ofTitle("Vice President, Marketing")).toBe(15);
    expect(ofTitle("VP Sales and Director of Growth")).toBe(15);
    expect(ofTitle("Director of IT")).toBe(12);
    expect(ofTitle("Head of Operations")).toBe(12);
    expect(ofTitle("Project Manager")).toBe(8);
    expect(ofTitle("Coordinator")).toBe(0);
    expect(ofTitle("VPN Engineer")).toBe(0);
    expect(ofTitle("Assistant to the CEO")).toBe(0);
    expect(ofTitle("Student")).toBe(-20);
  });

  test("forgets what sales call unqualified", () => {
    const feedback: Partial<LoggedEvent> = {
      event: "Sales Feedback Given",
      properties: { feedback: "unqualified" },
      timestamp: START,
      verified: true,
    };
    const demo = { ...form("demo"), timestamp: START };
    expect(scored(b2b, [demo]).score).toBe(70);
    expect(scored(b2b, [demo, feedback]).score).toBe(-30);
  });

  test("asks a fit that is not negative of an sql", () => {
    const demo = { ...form("demo"), timestamp: START };
    expect(scored(b2b, [demo]).levels.stage).toBe("sql");
    expect(scored(b2b, [demo, { ...identify({ employees: 3 }), timestamp: START }]).levels.stage).toBe("mql");
    const [small, contact] = [
      { ...identify({ employees: 3 }), timestamp: START },
      { ...form("contact"), timestamp: START },
    ];
    expect(scored(b2b, [demo, contact, small]).levels).toEqual({ temperature: "hot", stage: "mql" });
  });

  test("replaces one tier of inactivity by the next", () => {
    const idle = (days: number) => scored(b2b, [page("/")], START + days * 24 * HOUR_MS).score;
    expect([29, 30, 59, 60, 89, 90].map((days) => idle(days) - idle(0))).toEqual([0, -10, -10, -20, -20, -40]);
  });
});

test("minimal has ten rules", () => expect(PRESETS.minimal.rules).toHaveLength(10));

// ---- docs/rules.md -------------------------------------------------------------------------------------------------

const guide = readFileSync(join(import.meta.dirname, "../../docs/rules.md"), "utf8");

const FRAME: RulesDocument = {
  dimensions: { engagement: {}, fit: {} },
  groups: { blog: { max: 10 } },
  counters: { pricingViews: { on: "page" } },
  rules: [],
  levels: { temperature: [{ name: "cold" }] },
};

function errors(document: unknown): Problem[] {
  const result = compileRules(document);
  return "errors" in result ? result.errors : [];
}

const withRules = (...rules: unknown[]) => ({ ...FRAME, rules });
const isObject = (value: unknown): value is JsonObject =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/** A whole document of a block: itself, its parts in a frame, a rule or a list of them. */
function framed(block: unknown): unknown {
  if (Array.isArray(block)) return withRules(...block);
  return isObject(block) && "id" in block ? withRules(block) : { ...FRAME, ...(block as object) };
}

/** What a piece in a sentence or a table may be: a condition of any kind, or a part of a rule. */
function places(piece: JsonObject): unknown[] {
  const rule = { id: "x", on: "page", points: 1 };
  return [
    withRules({ ...rule, where: piece }),
    withRules({ id: "x", while: piece, points: 1 }),
    { ...FRAME, levels: { temperature: [{ name: "cold" }, { name: "warm", when: piece }] } },
    withRules({ ...rule, where: { "properties.x": piece } }),
    withRules({ ...rule, decay: piece }),
    withRules({ ...rule, limit: piece }),
    withRules({ ...rule, ...piece }),
    // An effect takes the place of points.
    withRules({ id: "x", on: "page", ...piece }),
  ];
}

describe("docs/rules.md", () => {
  const blocks = [...guide.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => text);
  const pieces = [...guide.replaceAll(/```.*?```/gs, "").matchAll(/`(\{ .*? \})`/g)].map(([, text = ""]) => text);

  test("has examples", () => {
    expect(blocks.length).toBeGreaterThan(15);
    expect(pieces.length).toBeGreaterThan(20);
  });

  test.each(blocks)("compiles %s", (text) => expect(errors(framed(JSON.parse(text)))).toEqual([]));

  test.each(pieces)("has a place for %s", (text) => {
    const tried = places(JSON.parse(text) as JsonObject).map(errors);
    expect(
      tried.some((found) => found.length === 0),
      JSON.stringify(tried),
    ).toBe(true);
  });

  test("tells every preset, and each with its number of rules", () => {
    const rows = Object.entries(PRESETS).map(([name, { rules }]) => `| \`${name}\` | ${rules.length} |`);
    expect(rows.filter((row) => !guide.includes(row))).toEqual([]);
  });
});
