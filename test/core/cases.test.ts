/** The golden cases of test/cases: what their README promises, run through the core and through the naive model. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import type { EventType, JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { levelNames, levelsNow, nextChange } from "../../worker/core/levels.ts";
import { isFreeMail } from "../../worker/core/mail.ts";
import { replay } from "../../worker/core/play.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { View } from "../../worker/core/view.ts";
import { naive, type RulesDocument } from "../support/naive.ts";
import { PRESETS } from "../support/presets.ts";

interface CaseEvent {
  at: string;
  accepted?: string;
  note?: string;
  type: EventType;
  event?: string;
  userId?: string;
  properties?: JsonObject;
  traits?: JsonObject;
  context?: JsonObject;
  country?: string;
  verified?: true;
  machine?: true;
}

interface Expectation {
  at: string;
  note?: string;
  tolerance?: number;
  score?: number;
  scores?: Record<string, number>;
  visits?: number;
  disqualified?: string | null;
  validUntil?: string | null;
  /** Ladders by name. */
  [ladder: string]: unknown;
}

interface Case {
  name: string;
  why: string;
  rules: keyof typeof PRESETS | RulesDocument;
  events: CaseEvent[];
  expect: Expectation[];
}

const TOLERANCE = 1e-6;
const folder = join(import.meta.dirname, "../cases");
const files = readdirSync(folder).filter((name) => name.endsWith(".json"));

function compile(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.rules;
}

function logged({ at, accepted: _, note: __, ...event }: CaseEvent, index: number): LoggedEvent {
  return { messageId: String(index), visitor: "visitor", timestamp: Date.parse(at), ...event };
}

/** What the product says at an instant, as far as a case asks. */
function seen(rules: RuleSet, events: LoggedEvent[], at: number) {
  const state = replay(rules, events);
  const view = new View(rules, state, at);
  const levels = levelsNow(rules, state, at);
  const next = nextChange(rules, state, levels, at, undefined, { ladder: rules.temperature });
  return {
    scores: Object.fromEntries(rules.dimensions.map(({ name }, i) => [name, view.scores().low[i]])),
    score: view.total(),
    visits: state.visits,
    disqualified: view.disqualified(),
    validUntil: next,
    ...levelNames(rules, levels),
  };
}

/** Holds what was found against what the case expects; only what both speak of is compared. */
function compare(expected: Expectation, found: Record<string, unknown>): void {
  const { at: _, note: __, tolerance = TOLERANCE, ...rest } = expected;
  const near = (wanted: unknown, actual: unknown, within: number, what: string) => {
    expect(Math.abs(Number(actual) - Number(wanted)), `${what} is ${actual}, not ${wanted}`).toBeLessThanOrEqual(
      within,
    );
  };
  for (const [key, wanted] of Object.entries(rest)) {
    if (!(key in found)) continue;
    const actual = found[key];
    if (key === "score") near(wanted, actual, tolerance, key);
    else if (key === "scores") {
      for (const [name, points] of Object.entries(expected.scores ?? {})) {
        near(points, (actual as Record<string, unknown>)[name], tolerance, `scores.${name}`);
      }
    } else if (key === "validUntil" && typeof wanted === "string") {
      expect(actual, "validUntil is never").not.toBeNull();
      near(Date.parse(wanted), actual, 1000, key);
    } else expect(actual, key).toEqual(wanted);
  }
}

describe.each(files)("%s", (file) => {
  const {
    rules: named,
    events,
    expect: expectations,
    why,
  } = JSON.parse(readFileSync(join(folder, file), "utf8")) as Case;
  const document = typeof named === "string" ? PRESETS[named] : named;
  const rules = compile(document);
  // The naive model knows a single search engine.
  const tellsChannels = JSON.stringify(document).includes("source.channel");

  test("says why", () => expect(why).not.toBe(""));

  test.each(expectations)("at $at", (expected) => {
    const at = Date.parse(expected.at);
    const known = events.filter((event) => Date.parse(event.accepted ?? event.at) <= at).map(logged);
    const found = seen(rules, known, at);
    // A key that nothing can be compared with would be an expectation that is never held.
    expect(Object.keys(found)).toEqual(
      expect.arrayContaining(Object.keys(expected).filter((key) => !["at", "note", "tolerance"].includes(key))),
    );
    compare(expected, found);
    const options = { freeDomain: isFreeMail, ...(tellsChannels ? { channel: () => "direct" } : {}) };
    const { levels, ...naively } = naive(document as RulesDocument, known, at, options);
    if (file !== "first-touch.json") compare(expected, { ...naively, ...levels });
  });
});
