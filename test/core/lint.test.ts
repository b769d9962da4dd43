/** The linter: for each finding a document that has it and a near miss that has not. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import { judge } from "../../worker/core/condition.ts";
import { levelsNow } from "../../worker/core/levels.ts";
import { type Finding, type FindingCode, lint } from "../../worker/core/lint.ts";
import { play } from "../../worker/core/play.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { emptyState } from "../../worker/core/state.ts";
import { View } from "../../worker/core/view.ts";
import { arbitraryCase, arbitraryRules } from "../support/arbitraries.ts";
import { PRESETS } from "../support/presets.ts";

type Json = Record<string, unknown>;

function compile(document: unknown): RuleSet {
  const compiled = compileRules(document);
  if ("errors" in compiled) throw new Error(JSON.stringify(compiled.errors, null, 1));
  return compiled.rules;
}

function check(document: unknown, paths?: string[]): Finding[] {
  return lint(compile(document), paths && { paths });
}

const CAREERS = { id: "careers", on: "page", where: { path: ["/careers*", "/jobs*"] }, points: -10 };
const LADDER = [
  { name: "cold" },
  { name: "warm", when: { score: { gte: 35 } } },
  { name: "hot", when: { score: { gte: 65 } } },
];

/** A document with nothing to find but what the rules (or other parts) bring. */
function sound(rules: Json[], parts: Json = {}): Json {
  // Three rules on events of their own, so that nothing outweighs the rest and all levels are within reach.
  const others = ["one", "two", "three"].map((id) => ({ id, on: `Sound ${id}`, points: 30 }));
  return {
    dimensions: { engagement: { decay: { halfLife: "30d" } }, fit: {} },
    rules: [...rules, ...others, CAREERS],
    levels: { temperature: LADDER },
    ...parts,
  };
}

const page = (id: string, path: unknown, rest: Json = {}): Json => ({
  id,
  on: "page",
  where: { path },
  points: 5,
  ...rest,
});
const visits = (id: string, test: unknown, points = 5): Json => ({ id, while: { visits: test }, points });
const form = (id: string, where: Json | undefined, rest: Json = {}): Json => ({
  ...{ id, on: "Form Submitted", points: 5 },
  ...(where && { where }),
  ...rest,
});

const EXAMPLE = {
  dimensions: { engagement: { decay: { halfLife: "30d" }, min: -100, max: 200 }, fit: { max: 70 } },
  groups: { blog: { max: 10 } },
  counters: {
    pricingViews: { on: "page", where: { path: "/pricing*" }, within: "7d" },
    engagedSeconds: { on: "Page Engaged", sum: "properties.seconds" },
  },
  rules: [
    {
      ...{ id: "pricing", dimension: "engagement", on: "page", where: { path: "/pricing*" }, points: 15 },
      limit: { times: 1, per: "day" },
    },
    { id: "ebook", on: "Content Downloaded", points: 10, limit: { times: 1, by: "properties.file" } },
    { id: "blog", group: "blog", on: "page", where: { path: "/blog/*" }, points: 1 },
    { id: "demo", on: "Form Submitted", where: { "properties.form": "demo" }, points: 70, limit: { times: 1 } },
    { ...CAREERS, limit: { times: 1, per: "day" } },
    { id: "visits-2-5", while: { visits: { between: [2, 5] } }, points: 3 },
    { id: "visits-6", while: { visits: { gte: 6 } }, points: 6 },
    { id: "going-cold", while: { inactive: { gte: "30d" } }, points: -20 },
    { id: "pricing-3x", while: { "counters.pricingViews": { gte: 3 } }, points: 20 },
    { id: "boss", dimension: "fit", while: { "traits.title": { in: ["*chief*", "vp *"] } }, points: 20 },
    { id: "rival", while: { "email.domain": { in: ["rival.example"] } }, disqualify: "competitor" },
    { id: "recycled", on: "Lead Recycled", reset: ["engagement"] },
  ],
  levels: {
    temperature: LADDER,
    stage: [
      { name: "lead" },
      { name: "mql", when: { score: { gte: 35 } } },
      { name: "sql", when: { all: [{ score: { gte: 65 } }, { "scores.fit": { gte: 0 } }] } },
    ],
  },
  hysteresis: { temperature: 0 },
};

interface Case {
  name: string;
  has: unknown;
  /** The only finding of `has`: some of it. */
  finding: Partial<Finding> & { code: FindingCode };
  /** Words of its detail and mend. */
  says?: string[];
  /** Clean. */
  nearMiss: unknown;
  seen?: string[];
}

const CASES: Case[] = [
  {
    name: "two rules for the same path",
    has: sound([page("a", "/pricing*"), page("b", "/pricing*", { points: 10 })]),
    finding: { code: "overlap", severity: "warning", rules: ["a", "b"], pointer: "#/rules/0" },
    says: ["+15 together", "one rule"],
    nearMiss: sound([page("a", "/pricing*"), page("b", "/product*")]),
  },
  {
    name: "one pattern within another, whatever the case",
    has: sound([page("a", "/pricing*"), page("b", "/Pricing/teams")]),
    finding: { code: "overlap", rules: ["a", "b"] },
    says: ['{"path":{"eq":"/pricing*","not":"/Pricing/teams"}}'],
    nearMiss: sound([page("a", { eq: "/pricing*", not: "/pricing/teams" }), page("b", "/Pricing/teams")]),
  },
  {
    name: "one pattern of a list within another",
    has: sound([page("a", ["/a*", "/b*"]), page("b", ["/x", "/b/*/c"], { limit: { times: 1 } })]),
    finding: { code: "overlap", rules: ["a", "b"] },
    says: ['{"path":{"in":["/a*","/b*"],"not":["/x","/b/*/c"]}}'],
    nearMiss: sound([page("a", ["/a*", "/b*"]), page("b", ["/x", "/c/*/b"])]),
  },
  {
    name: "a rule for every form beside those for some",
    has: sound([
      form("demo", { "properties.form": "*demo*" }),
      form("any", undefined),
      form("b", { "properties.form": "b" }),
    ]),
    finding: { code: "overlap", rules: ["any", "demo", "b"], pointer: "#/rules/1" },
    says: ['{"properties.form":{"not":"*demo*"}}', 'also overlaps with "b"'],
    nearMiss: sound([
      form("demo", { "properties.form": "*demo*" }),
      form("any", { "properties.form": { not: ["*demo*", "b"] } }),
      form("b", { "properties.form": "b" }),
    ]),
  },
  {
    name: "a narrower rule with a test more",
    has: sound([page("a", "/pricing*"), { ...page("b", ""), where: { path: "/pricing*", medium: "cpc" } }]),
    finding: { code: "overlap", rules: ["a", "b"] },
    says: ['{"medium":{"not":"cpc"}}'],
    nearMiss: sound([
      { ...page("a", ""), where: { path: "/pricing*", medium: { not: "cpc" } } },
      { ...page("b", ""), where: { path: "/pricing*", medium: "cpc" } },
    ]),
  },
  {
    name: "a positive and a negative rule for the same event",
    has: sound([page("a", "/about*"), page("b", "/about/jobs", { points: -5 })]),
    finding: { code: "overlap", rules: ["a", "b"] },
    nearMiss: sound([page("a", "/about*"), page("b", "/about/jobs", { points: -5, dimension: "fit" })]),
  },
  {
    name: "numbers of an event in tiers that add up",
    has: sound([form("a", { "properties.size": { gte: 10 } }), form("b", { "properties.size": { gt: 50 } })]),
    finding: { code: "overlap", rules: ["a", "b"] },
    nearMiss: sound([
      form("a", { "properties.size": { gte: 10, lte: 50 } }),
      form("b", { "properties.size": { gt: 50 } }),
    ]),
  },
  {
    name: "alternatives and negations",
    has: sound([
      { ...page("a", ""), where: { any: [{ path: "/a" }, { path: "/b" }] } },
      { ...page("b", ""), where: { not: { path: "/a" }, path: "/b*" } },
    ]),
    finding: { code: "overlap", rules: ["a", "b"] },
    nearMiss: sound([
      { ...page("a", ""), where: { any: [{ path: "/a" }, { path: "/b" }] } },
      { ...page("b", ""), where: { not: { path: ["/a", "/b"] }, path: "/b*" } },
    ]),
  },
  {
    name: "events whose names differ in case only",
    has: sound([form("a", undefined), { id: "b", on: "form submitted", points: 5 }]),
    finding: { code: "overlap", rules: ["a", "b"] },
    // Different things of one event: where it was and where it came from.
    nearMiss: sound([
      page("a", "/a"),
      { id: "b", on: "page", where: { medium: "cpc" }, points: 5 },
      form("c", undefined),
    ]),
  },
  {
    name: "a rule heavier than all others",
    has: sound([{ id: "demo", on: "Demo", points: 181, limit: { times: 1 } }]),
    finding: { code: "outweighs", rules: ["demo"], pointer: "#/rules/0" },
    says: ["180"],
    nearMiss: sound([{ id: "demo", on: "Demo", points: 180, limit: { times: 1 } }]),
  },
  {
    name: "a rule heavier than all others but for its group's cap",
    has: sound([{ id: "demo", on: "Demo", points: 500, group: "g" }], { groups: { g: { max: 190 } } }),
    finding: { code: "outweighs", rules: ["demo"] },
    nearMiss: sound([{ id: "demo", on: "Demo", points: 500, group: "g" }], { groups: { g: { max: 180 } } }),
  },
  {
    name: "a level above a dimension's clamp",
    has: sound([], { dimensions: { engagement: { max: 60, decay: { linear: "30d" } } } }),
    finding: { code: "unreachable-level", rules: [], pointer: "#/levels/temperature/2" },
    says: ['"hot"', "60"],
    nearMiss: sound([], { dimensions: { engagement: { max: 65, decay: { linear: "30d" } } } }),
  },
  {
    name: "a level above all that limits and groups leave",
    has: {
      groups: { g: { max: 20 } },
      rules: [
        { id: "a", on: "A", points: 10, limit: { times: 2 } },
        { id: "b", on: "B", points: 10, group: "g" },
        { id: "c", on: "C", points: 10, group: "g" },
        visits("few", { between: [2, 5] }, 20),
        visits("many", { gte: 6 }, 24),
        { ...CAREERS, decay: { expires: "30d" } },
      ],
      levels: { temperature: LADDER },
    },
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/2" },
    says: ["64 or less"],
    nearMiss: {
      groups: { g: { max: 20 } },
      rules: [
        { id: "a", on: "A", points: 10, limit: { times: 2, per: "visit" } },
        { id: "b", on: "B", points: 10, group: "g" },
        { id: "c", on: "C", points: 10, group: "g" },
        visits("few", { between: [2, 5] }, 20),
        visits("many", { gte: 6 }, 24),
        { ...CAREERS, decay: { expires: "30d" } },
      ],
      levels: { temperature: LADDER },
    },
  },
  {
    name: "a group whose members go both ways caps no total",
    has: sound([], { levels: { temperature: [...LADDER, { name: "x", when: { "scores.fit": { gte: 1 } } }] } }),
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/3" },
    says: ["scores.fit", "from 0 to 0"],
    nearMiss: sound(
      [
        { id: "up", on: "Up", points: 5, group: "g", dimension: "fit" },
        { id: "down", on: "Down", points: -5, group: "g", dimension: "fit" },
      ],
      {
        groups: { g: { max: 5 } },
        levels: { temperature: [...LADDER, { name: "x", when: { "scores.fit": { gte: 50 } } }] },
      },
    ),
  },
  {
    name: "a level that contradicts itself",
    has: sound([], { levels: { temperature: [...LADDER, { name: "x", when: { score: { gt: 70, lt: 70 } } }] } }),
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/3" },
    nearMiss: sound([], { levels: { temperature: [...LADDER, { name: "x", when: { score: { gte: 70, lte: 70 } } }] } }),
  },
  {
    name: "a level below an easier one",
    has: sound([], { levels: { temperature: [LADDER[0], LADDER[2], LADDER[1]] } }),
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/1" },
    says: ['"hot"', '"warm"'],
    nearMiss: sound([], {
      levels: { temperature: [LADDER[0], LADDER[2], { name: "warm", when: { score: { gte: 35 }, known: true } }] },
    }),
  },
  {
    name: "a level below an easier one, with another in between",
    has: sound([], {
      levels: {
        temperature: [LADDER[0], LADDER[1], { name: "known", when: { known: true } }, { ...LADDER[1], name: "x" }],
      },
    }),
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/1" },
    // A lead that was known holds it down to 25.
    nearMiss: sound([], {
      levels: {
        temperature: [LADDER[0], LADDER[1], { name: "known", when: { known: true } }, { ...LADDER[1], name: "x" }],
      },
      hysteresis: { temperature: 10 },
    }),
  },
  {
    name: "a level above a rule that fires once",
    has: sound([], {
      rules: [{ id: "a", on: "A", points: 40, limit: { times: 1 } }, CAREERS],
      levels: { temperature: [LADDER[0], LADDER[2]] },
    }),
    finding: { code: "unreachable-level", pointer: "#/levels/temperature/1" },
    says: ["40 or less"],
    nearMiss: sound([], {
      rules: [{ id: "a", on: "A", points: 40, limit: { times: 1, by: "properties.file" } }, CAREERS],
      levels: { temperature: [LADDER[0], LADDER[2]] },
    }),
  },
  {
    name: "a level at no score at all",
    has: sound([], { levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 0 } } }] } }),
    finding: { code: "trivial-level", pointer: "#/levels/temperature/1" },
    says: ["score 0"],
    nearMiss: sound([], { levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gt: 0 } } }] } }),
  },
  {
    name: "a level that asks nothing of a new lead",
    has: sound([], {
      levels: { temperature: LADDER, x: [{ name: "a" }, { name: "b", when: { visits: { lte: 3 } } }] },
    }),
    finding: { code: "trivial-level", pointer: "#/levels/x/1" },
    nearMiss: sound([], {
      levels: { temperature: LADDER, x: [{ name: "a" }, { name: "b", when: { not: { inactive: { gte: "30d" } } } }] },
    }),
  },
  {
    name: "nothing that subtracts",
    has: { ...sound([]), rules: (sound([]).rules as Json[]).filter(({ points }) => Number(points) > 0) },
    finding: { code: "no-negative", rules: [] },
    says: ["All 3 rules"],
    nearMiss: sound([]),
  },
  {
    name: "points that stay for ever",
    has: sound([], { dimensions: {} }),
    finding: { code: "no-decay", rules: ["one", "two", "three"] },
    nearMiss: sound([{ id: "cold", while: { inactive: { gte: "30d" } }, points: -20 }], { dimensions: {} }),
  },
  {
    name: "a decay that every rule opts out of",
    has: { ...sound([]), rules: (sound([]).rules as Json[]).map((rule) => ({ ...rule, decay: null })) },
    finding: { code: "no-decay" },
    nearMiss: {
      ...sound([]),
      rules: (sound([]).rules as Json[]).map((rule, i) => ({ ...rule, decay: i === 0 ? { expires: "90d" } : null })),
    },
  },
  {
    name: "a visit that no tier covers",
    has: sound([visits("few", { between: [2, 5] }), visits("many", { gte: 7 })]),
    finding: { code: "range-gap", rules: ["few", "many"], pointer: "#/rules/1" },
    says: ["visits 6:", '"gte": 6'],
    nearMiss: sound([visits("few", { between: [2, 5] }), visits("many", { gt: 5 })]),
  },
  {
    name: "a gap of time",
    has: sound([
      { id: "a", while: { inactive: { between: ["30d", "59d"] } }, points: -5 },
      { id: "b", while: { inactive: { gte: "60d" } }, points: -10 },
    ]),
    finding: { code: "range-gap", rules: ["a", "b"] },
    says: ["inactive between 59d and 60d", '"gt": "59d"'],
    nearMiss: sound([
      { id: "a", while: { inactive: { gte: "30d", lt: "60d" } }, points: -5 },
      { id: "b", while: { inactive: { gte: "60d" } }, points: -10 },
    ]),
  },
  {
    name: "a gap of a sum, which need not be whole",
    has: sound(
      [
        { id: "a", while: { "counters.s": { between: [30, 59] } }, points: 5 },
        { id: "b", while: { "counters.s": { gte: 60 } }, points: 10 },
      ],
      { counters: { s: { on: "Page Engaged", sum: "properties.seconds" } } },
    ),
    finding: { code: "range-gap", rules: ["a", "b"] },
    nearMiss: sound(
      [
        { id: "a", while: { "counters.s": { between: [30, 59] } }, points: 5 },
        { id: "b", while: { "counters.s": { gte: 60 } }, points: 10 },
      ],
      { counters: { s: { on: "Page Engaged" } } },
    ),
  },
  {
    name: "a gap of a trait",
    has: sound([
      { id: "a", dimension: "fit", while: { "traits.employees": { between: [10, 49] } }, points: 5 },
      { id: "b", dimension: "fit", while: { "traits.employees": { gte: 100 } }, points: 10 },
    ]),
    finding: { code: "range-gap", rules: ["a", "b"] },
    says: ["50 to 99"],
    // Sizes are whole, and between a negative and a positive tier a neutral one is meant.
    nearMiss: sound([
      { id: "a", dimension: "fit", while: { "traits.employees": { lt: 10 } }, points: -5 },
      { id: "b", dimension: "fit", while: { "traits.employees": { between: [50, 199] } }, points: 5 },
      { id: "c", dimension: "fit", while: { "traits.employees": { gte: 200 } }, points: 10 },
    ]),
  },
  {
    name: "tiers that add up",
    has: sound([visits("two+", { gte: 2 }, 3), visits("six+", { gte: 6 }, 6)]),
    finding: { code: "range-overlap", rules: ["two+", "six+"], pointer: "#/rules/1" },
    says: ["visits 6", "+9", '"lt": 6'],
    nearMiss: sound([visits("two+", { gte: 2, lt: 6 }, 3), visits("six+", { gte: 6 }, 6)]),
  },
  {
    name: "tiers that share an end",
    has: sound([visits("five+", { gte: 5 }), visits("two-five", { between: [2, 5] })]),
    finding: { code: "range-overlap", rules: ["five+", "two-five"], pointer: "#/rules/0" },
    // Another dimension, another condition beside, another field: not tiers of each other.
    nearMiss: sound([
      visits("a", { gte: 2 }),
      { ...visits("b", { gte: 4 }), dimension: "fit" },
      { id: "c", while: { visits: { gte: 4 }, known: true }, points: 5 },
      { id: "d", while: { pageviews: { gte: 4 } }, points: 5 },
    ]),
  },
  {
    name: "tiers of time that add up",
    has: sound([
      { id: "a", while: { inactive: { gte: "30d" } }, points: -5 },
      { id: "b", while: { inactive: { gte: "60d" } }, points: -10 },
      { id: "c", while: { inactive: { gte: "90d" } }, points: -20 },
    ]),
    finding: { code: "range-overlap", rules: ["a", "b", "c"] },
    says: ["inactive 90d", "-35", '"lt": "60d"'],
    nearMiss: sound([
      { id: "a", while: { inactive: { gte: "30d", lt: "60d" } }, points: -5 },
      { id: "b", while: { inactive: { gte: "60d", lt: "90d" } }, points: -10 },
      { id: "c", while: { inactive: { gte: "90d" } }, points: -20 },
    ]),
  },
  {
    name: "a path that nobody visited",
    has: sound([page("a", "/prices*")]),
    finding: { code: "never-seen", severity: "warning", rules: ["a"], pointer: "#/rules/0" },
    says: ['"/prices*"', "seen so far (3)"],
    seen: ["/Pricing", "/jobs", "/careers"],
    nearMiss: sound([page("a", "/pricing*")]),
  },
  {
    name: "one of several paths that nobody visited",
    has: sound([page("a", ["/pricing", "/preise*"])]),
    finding: { code: "never-seen", severity: "info", rules: ["a"] },
    says: ['"/preise*"'],
    seen: ["/pricing", "/careers", "/jobs"],
    // What is excluded need not exist.
    nearMiss: sound([page("a", { not: "/preise*" }, { dimension: "fit" })]),
  },
  {
    name: "a counter of a path that nobody visited",
    has: sound([{ id: "a", while: { "counters.n": { gte: 3 } }, points: 5 }], {
      counters: { n: { on: "page", where: { path: "/prices" } } },
    }),
    finding: { code: "never-seen", rules: [], pointer: "#/counters/n" },
    seen: ["/pricing", "/careers", "/jobs"],
    nearMiss: sound([{ id: "a", while: { "counters.n": { gte: 3 } }, points: 5 }], {
      counters: { n: { on: "page", where: { not: { path: "/prices" } } } },
    }),
  },
  {
    name: "bounds that exclude each other",
    has: sound([visits("a", { gt: 5, lt: 6 })]),
    finding: { code: "never-holds", rules: ["a"], pointer: "#/rules/0" },
    nearMiss: sound([{ id: "a", while: { "traits.rating": { gt: 5, lt: 6 } }, points: 5 }]),
  },
  {
    name: "a number as text",
    has: sound([visits("a", "3")]),
    finding: { code: "never-holds", rules: ["a"] },
    nearMiss: sound([{ id: "a", while: { "traits.size": "3" }, points: 5 }]),
  },
  ...["status", "feedback", "source.channel"].map(
    (field, i): Case => ({
      name: `a ${field} that there is not`,
      has: sound([{ id: "a", while: { [field]: "nonsense" }, points: 5 }]),
      finding: { code: "never-holds", rules: ["a"] },
      nearMiss: sound([
        { id: "a", while: { [field]: ["nonsense", ["Cust*", "notready", "paid"][i] ?? ""] }, points: 5 },
      ]),
    }),
  ),
  {
    name: "an event's number that cannot be",
    has: sound([form("a", { "properties.n": { gte: 5 }, all: [{ "properties.n": { lt: 5 } }] })]),
    finding: { code: "never-holds", rules: ["a"] },
    nearMiss: sound([form("a", { any: [{ "properties.n": { gte: 5 } }, { "properties.n": { lt: 5 } }] })]),
  },
  {
    name: "no points",
    has: sound([form("a", undefined, { points: 0 })]),
    finding: { code: "no-points", severity: "info", rules: ["a"] },
    nearMiss: sound([form("a", undefined)]),
  },
  {
    name: "a group and a counter that nothing uses",
    has: sound([], { groups: { "a/b": { max: 5 } } }),
    finding: { code: "unused-group", severity: "info", pointer: "#/groups/a~1b" },
    nearMiss: sound([form("a", undefined, { group: "a/b" })], { groups: { "a/b": { max: 5 } } }),
  },
  {
    name: "a counter that nothing asks for",
    has: sound([], { counters: { n: { on: "page" } } }),
    finding: { code: "unused-counter", severity: "info", pointer: "#/counters/n" },
    nearMiss: sound([], {
      counters: { n: { on: "page" } },
      levels: { temperature: [{ name: "cold" }, { name: "hot", when: { "counters.n": { gte: 2 } } }] },
    }),
  },
];

describe("the linter", () => {
  it.each(CASES)("finds $name", ({ has, finding, says = [], nearMiss, seen }) => {
    const found = check(has, seen);
    const said = found.filter(({ code }) => code === finding.code);
    expect(said).toEqual([expect.objectContaining(finding)]);
    for (const words of says) expect(`${said[0]?.detail} ${said[0]?.mend}`).toContain(words);
    expect(found.filter(({ code }) => code !== finding.code)).toEqual([]);
    expect(check(nearMiss, seen)).toEqual([]);
  });

  it("tells each finding of one document", () => {
    const found = check({
      rules: [visits("a", { gte: 2 }, 3), visits("b", { between: [4, 6] }, 6), visits("c", { gte: 9 }, 100)],
      levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gt: -1 } } }] },
    });
    expect(found.map(({ code }) => code).sort()).toEqual([
      "no-negative",
      "outweighs",
      "range-overlap",
      "trivial-level",
    ]);
  });

  it("is quiet about the contract's example, but for its counter that nothing asks for", () => {
    expect(check(EXAMPLE)).toEqual([
      expect.objectContaining({ code: "unused-counter", severity: "info", pointer: "#/counters/engagedSeconds" }),
    ]);
  });

  it("is done soon, however large the document", () => {
    const many = (of: (i: number) => Json) => sound([], { rules: Array.from({ length: 200 }, (_, i) => of(i)) });
    const paths = Array.from({ length: 100 }, (_, i) => `/a/${i}*`);
    const start = performance.now();
    check(many((i) => page(`r${i}`, `/x/${i}/*`)));
    check(many((i) => page(`r${i}`, { in: paths.map((path) => `${i}${path}`) })));
    check(many((i) => visits(`r${i}`, { between: [i, 2 * i] })));
    check(many((i) => ({ id: `r${i}`, on: "page", points: 1 })));
    expect(performance.now() - start).toBeLessThan(15_000);
  }, 30_000);

  it("never throws, names rules that exist and points into the document", () => {
    fc.assert(
      fc.property(arbitraryRules({ features: { disputable: true } }), fc.array(fc.string()), (document, paths) => {
        const ids = document.rules.map(({ id }) => id);
        for (const { rules, pointer, detail, mend } of check(document, paths)) {
          expect(ids).toEqual(expect.arrayContaining(rules));
          expect(pointer).toMatch(/^#\/(rules|levels|counters|groups|dimensions)/);
          expect(`${detail} ${mend}`).not.toMatch(/undefined|NaN|Infinity|\[object/);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("calls nothing unreachable that a lead reaches", () => {
    fc.assert(
      fc.property(arbitraryCase({ rules: { features: { disputable: true } } }), ({ rules: document, events, at }) => {
        const rules = compile(document);
        const findings = lint(rules);
        const state = emptyState(rules);
        for (const event of events) {
          play(rules, state, [event]);
          const stands = levelsNow(rules, state, event === events.at(-1) ? at : (state.clock ?? at));
          const pointers = rules.ladders.map(({ name }, i) => `#/levels/${name}/${stands[i]}`);
          const view = new View(rules, state, state.clock ?? at);
          for (const { code, pointer, rules: concerned } of findings) {
            if (code === "unreachable-level") expect(pointers).not.toContain(pointer);
            if (code !== "never-holds") continue;
            for (const rule of rules.on.filter(({ id }) => concerned.includes(id))) {
              expect(state.rules[rule.index]?.fired ?? 0).toBe(0);
            }
            for (const rule of rules.while.filter(({ id }) => concerned.includes(id))) {
              expect(judge(rule.while, view.read)).toBe(false);
            }
          }
        }
      }),
      { numRuns: Number(process.env.KELVIN_RUNS ?? 300) },
    );
  });

  it.each(Object.entries(PRESETS))("is quiet about the preset %s", (_, document) => {
    expect(check(document)).toEqual([]);
  });
});
