/** Where the scores of a level's leads lie: as narrow as its tests tell, and never too narrow. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bandOf, isParted } from "../../worker/core/band.ts";
import { compileRules } from "../../worker/core/compile.ts";
import type { Range } from "../../worker/core/condition.ts";
import { levelNames, levelsNow } from "../../worker/core/levels.ts";
import { replay } from "../../worker/core/play.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { sum, View } from "../../worker/core/view.ts";
import { arbitraryCase } from "../support/arbitraries.ts";

const RUNS = Number(process.env.KELVIN_RUNS ?? 400);
const NONE = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const GONE = { id: "gone", while: { inactive: { gte: "30d" } }, disqualify: "gone" };
const RIVAL = { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "rival" };

function compile(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.rules;
}

/** Rules whose ladder has these levels above "cold", or below "top" where only that one is given. */
function ladder(whens: object[], more: object = {}): RuleSet {
  const levels = whens.map((when, i) => ({ name: `l${i + 1}`, when }));
  return compile({ rules: [], levels: { temperature: [{ name: "l0" }, ...levels] }, ...more });
}

/** Without what is allowed for in the last digit. */
const ends = ({ low, high }: Range) => [low, high].map((end) => Math.round(end * 1e5) / 1e5);
const GTE_35 = { score: { gte: 35 } };
const GTE_65 = { score: { gte: 65 } };

describe("the band of a level", () => {
  test.each<[string, RuleSet, level: string, band: number[]]>([
    ["between two thresholds", ladder([GTE_35, GTE_65]), "l1", [35, 65]],
    ["above the last", ladder([GTE_35, GTE_65]), "l2", [65, Infinity]],
    ["below the first", ladder([GTE_35, GTE_65]), "l0", [-Infinity, 35]],
    ["of a fraction", ladder([{ score: { gt: 34.6 } }]), "l1", [34.6, Infinity]],
    ["with hysteresis", ladder([GTE_35, GTE_65], { hysteresis: { temperature: 5 } }), "l1", [30, 65]],
    ["of both ends", ladder([{ score: { between: [10, 20] } }]), "l1", [10, 20]],
    ["of one score", ladder([{ score: 7 }]), "l1", [7, 7]],
    ["of either of two", ladder([{ any: [{ score: 7 }, { score: { gt: 90 } }] }]), "l1", [7, Infinity]],
    ["of what it must not be", ladder([{ not: { score: { gte: 10 } } }]), "l1", [-Infinity, 10]],
    ["with another test", ladder([{ ...GTE_35, known: true }]), "l1", [35, Infinity]],
    ["of that or another test", ladder([{ any: [GTE_35, { known: true }] }]), "l1", NONE],
    ["below one with another test", ladder([GTE_35, { ...GTE_65, known: true }]), "l1", [35, Infinity]],
    ["below one that may do without", ladder([GTE_35, { any: [GTE_65, { known: true }] }]), "l1", [35, 65]],
    ["without a score", ladder([{ known: true }]), "l1", NONE],
    ["of a dimension", ladder([{ "scores.engagement": { gte: 35 } }]), "l1", NONE],
    ["that nobody stands on", ladder([GTE_65, GTE_35]), "l1", NONE],
    ["where time disqualifies", ladder([GTE_35], { rules: [GONE] }), "l0", NONE],
    ["where an address disqualifies", ladder([GTE_35], { rules: [RIVAL] }), "l0", [-Infinity, 35]],
    ["the higher one, where time disqualifies", ladder([GTE_35], { rules: [GONE] }), "l1", [35, Infinity]],
  ])("%s", (_, rules, level, band) => {
    expect(ends(bandOf(rules, { temperature: level }, false))).toEqual(band);
  });

  test("the disqualified stand on the lowest with any score", () => {
    const rules = ladder([GTE_35, GTE_65]);
    expect(ends(bandOf(rules, { temperature: "l0" }, true))).toEqual(NONE);
    expect(ends(bandOf(rules, { temperature: "l1" }, true))).toEqual([35, 65]);
  });

  test("of several ladders it is what they have in common", () => {
    const levels = {
      temperature: [{ name: "cold" }, { name: "warm", when: GTE_35 }],
      stage: [{ name: "lead" }, { name: "mql", when: GTE_65 }],
    };
    const rules = compile({ rules: [], levels });
    expect(ends(bandOf(rules, { temperature: "warm", stage: "lead" }, false))).toEqual([35, 65]);
    expect(ends(bandOf(rules, {}, false))).toEqual(NONE);
  });
});

test.each([
  [34.9, 34.6, false],
  [34.9, 35.1, true],
  [35, 34.9, true],
  [35, 35.1, true],
  [35, 35, false],
  [30.2, 29.9, true],
  [60.2, 59.9, true],
  [64.9, 65.3, true],
  [66, 99, false],
])("thresholds 35 and 65, less 5 for who is above: %d and %d are parted by one: %s", (a, b, parted) => {
  const rules = ladder([GTE_35, GTE_65], { hysteresis: { temperature: 5 } });
  expect(isParted(rules, a, b)).toBe(parted);
});

test("every lead is in the bands of its levels, whatever the rules, with any score that none parts from its own", () => {
  let narrow = 0;
  fc.assert(
    fc.property(
      arbitraryCase(),
      fc.double({ min: -1, max: 1, noNaN: true }),
      ({ rules: document, events, at }, off) => {
        const rules = compile(document);
        const state = replay(rules, events);
        const view = new View(rules, state, at);
        const exact = sum(view.scores().low);
        const stored = isParted(rules, exact, exact + off) ? exact : exact + off;
        const isDisqualified = view.disqualified() !== null;
        for (const [ladder, level] of Object.entries(levelNames(rules, levelsNow(rules, state, at)))) {
          const band = bandOf(rules, { [ladder]: level }, isDisqualified);
          if (band.low !== NONE[0] || band.high !== NONE[1]) narrow++;
          expect(band.low).toBeLessThanOrEqual(stored);
          expect(band.high).toBeGreaterThanOrEqual(stored);
        }
      },
    ),
    { numRuns: RUNS },
  );
  expect(narrow, "some are bounded").toBeGreaterThan(RUNS / 10);
});
