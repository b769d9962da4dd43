/**
 * The explanation (contract §7) against the naive model: every rule once, in order; points and clamps that sum to the
 * score; states, firings and reasons that are the events' own; now and at instants to come.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Json, LoggedEvent } from "../../worker/core/event";
import { type Explanation, type Message, page, type Site, type TimelineEvent, track } from "../support/api";
import { arbitraryCase } from "../support/arbitraries";
import {
  type Condition,
  conditionHolds,
  eventField,
  fields,
  milliseconds,
  naive,
  type Rule,
  type RulesDocument,
  type Test,
  testHolds,
} from "../support/naive";
import { DAY, startApi } from "./app";

const RUNS = Number(process.env.KELVIN_RUNS ?? 40);
const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });
const iso = (ms: number) => new Date(ms).toISOString();
type Line = Explanation["data"][number];

async function explained(site: Site, id: string, at = now): Promise<Explanation> {
  const { status, body } = await site.rest<Explanation>(`/v1/leads/${id}/explanation?at=${iso(at)}`);
  expect(status).toBe(200);
  return body;
}

const total = (list: { points: number }[]) => list.reduce((sum, { points }) => sum + points, 0);

/** All tests of a condition, in document order. */
function leaves(condition: Condition | undefined): [field: string, test: Test][] {
  return Object.entries(condition ?? {}).flatMap(([key, value]): [string, Test][] => {
    if (key === "any" || key === "all") return (value as Condition[]).flatMap(leaves);
    return key === "not" ? leaves(value as Condition) : [[key, value as Test]];
  });
}

const isSpan = (field: string) => field === "inactive" || field.startsWith("since.");

/** A value as it was, or as it is shown: a span of time in the largest unit of which there are two, a long text cut. */
function expectShown(actual: unknown, value: Json | undefined, field: string): void {
  if (isSpan(field) && typeof value === "number") {
    const less =
      value -
      (actual === "0s" || actual === "1s" ? Number.parseInt(String(actual), 10) * 1000 : milliseconds(String(actual)));
    expect(less, `${field}: ${value} as ${actual}`).toBeGreaterThanOrEqual(0);
    expect(less).toBeLessThan(Math.max(1000, value / 2));
  } else if (typeof actual === "string" && actual.endsWith("…")) {
    expect(typeof value === "string" ? value : JSON.stringify(value)).toContain(actual.slice(0, -1));
  } else expect(actual, field).toEqual(value ?? null);
}

/** What a rule says of itself against the events it is about: the latest that it fired for, and the awards of all. */
function expectOn(
  rule: Rule,
  line: Line,
  rules: RulesDocument,
  events: LoggedEvent[],
  timeline: TimelineEvent[],
): void {
  if (rule.points === undefined) return;
  const awarded = timeline.flatMap(({ awards }, i) =>
    awards.filter(({ id }) => id === rule.id).map(({ points, cut = 0 }) => ({ i, points, cut })),
  );
  // What a rule would have given is what it gave and what its group kept back.
  for (const { points, cut } of awarded) expect(points + cut).toBeCloseTo(rule.points, 9);
  expect(line.cut ?? 0).toBeCloseTo(
    awarded.reduce((sum, { cut }) => sum + cut, 0),
    6,
  );
  expect(awarded.length).toBe(line.fired);
  const last = Math.max(...awarded.map(({ i }) => events[i]?.timestamp ?? 0));
  expect(line.lastAt).toBe(awarded.length === 0 ? null : iso(last));
  const gave = awarded.some(({ points }) => points !== 0);
  expect(line.state).toBe(line.fired === 0 ? "notMet" : line.points !== 0 ? "counting" : gave ? "decayed" : "capped");
  const at = awarded.at(-1)?.i;
  const event = at === undefined ? undefined : events[at];
  if (at === undefined || !event || !rule.where) return;
  expect(line.because.map(({ field, test }) => [field, test])).toEqual(leaves(rule.where));
  const prefix = events.slice(0, at + 1);
  const looked = (field: string) => ({
    value: field.startsWith("traits.") ? fields(rules, prefix, now, [field])[field] : eventField(event, {}, field),
  });
  for (const { field, test, actual, holds } of line.because) {
    expectShown(actual, looked(field).value, field);
    expect(holds).toBe(testHolds(test as Test, looked(field)));
  }
  expect(conditionHolds(rule.where, looked)).toBe(true);
}

function expectWhile(rule: Rule, line: Line, rules: RulesDocument, events: LoggedEvent[], at: number): void {
  const names = leaves(rule.while).map(([field]) => field);
  const values = fields(rules, events, at, names);
  const looked = (field: string) => ({ value: values[field], span: isSpan(field) });
  const holds = conditionHolds(rule.while ?? {}, looked);
  expect(line).toMatchObject({ state: holds ? "counting" : "notMet", points: holds ? (rule.points ?? 0) : 0 });
  expect(line.because.map(({ field, test }) => [field, test])).toEqual(leaves(rule.while));
  for (const reason of line.because) {
    expect(reason.holds).toBe(testHolds(reason.test as Test, looked(reason.field)));
    expectShown(reason.actual, looked(reason.field).value, reason.field);
  }
}

test("random rules and histories: all of it is what the naive model finds, now and later", async () => {
  const cases = arbitraryCase({ history: { minEvents: 1, features: { machine: false, sales: false, alias: false } } });
  await fc.assert(
    fc.asyncProperty(cases, async ({ rules, events: history, at }) => {
      now = 0;
      const site = await api.createSite(rules);
      const events: LoggedEvent[] = [];
      for (const { visitor: _, timestamp, country: __, verified: ___, userId: ____, ...event } of history) {
        now = Math.max(now, timestamp);
        expect((await site.import([{ ...event, anonymousId: "v", timestamp: iso(timestamp) }])).body.rejected).toEqual(
          [],
        );
        events.push({ ...event, timestamp, visitor: "v", verified: true });
      }
      const timeline = await site.events("visitor:v");
      for (const instant of [now, Math.max(now, at), now + 400 * DAY]) {
        const body = await explained(site, "visitor:v", instant);
        const expected = naive(rules, events, instant);
        expect(body.at).toBe(iso(instant));
        expect(Math.abs(total(body.data) + total(body.clamps) - body.exact)).toBeLessThan(1e-9);
        expect(body.exact).toBeCloseTo(expected.score, 6);
        expect(body.score).toBe(Math.round(body.exact) + 0);
        expect(body.data.map(({ id }) => id)).toEqual(rules.rules.map(({ id }) => id));
        for (const [dimension, score] of Object.entries(expected.scores)) {
          const mine = (list: { dimension: string; points: number }[]) =>
            total(list.filter((each) => each.dimension === dimension));
          expect(mine(body.data) + mine(body.clamps)).toBeCloseTo(score, 6);
        }
        for (const [i, rule] of rules.rules.entries()) {
          const line = body.data[i] as Line;
          const { points, fired, limited } = expected.perRule[rule.id] ?? { points: Number.NaN };
          expect(line).toMatchObject({ fired, limited });
          expect(line.points).toBeCloseTo(points, 6);
          if (rule.while) expectWhile(rule, line, rules, events, instant);
          else expectOn(rule, line, rules, events, timeline);
        }
      }
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: true },
  );
});

const LEVELS = { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] };

/** The lines of rules after some messages of the visitor `v`, by id. */
async function linesOf(rules: Message, messages: Message[], later = 0): Promise<Record<string, Line>> {
  now = START;
  const site = await api.createSite({ levels: LEVELS, ...rules });
  await site.import(messages);
  const { data } = await explained(site, "visitor:v", START + later);
  return Object.fromEntries(data.map((line) => [line.id, line]));
}

describe("states", () => {
  const rules = {
    dimensions: { engagement: { decay: { expires: "7d" } } },
    groups: { blog: { max: 10 }, none: { max: 0 } },
    rules: [
      { id: "first", group: "blog", on: "A", points: 10 },
      { id: "second", group: "blog", on: "A", points: 5 },
      { id: "never", group: "none", on: "A", points: 5 },
      { id: "once", on: "A", points: 1, limit: { times: 1 } },
      { id: "kept", on: "A", points: 3, decay: null },
      { id: "other", on: "Other", points: 2 },
    ],
  };

  test("counting, capped, limited and notMet", async () => {
    const lines = await linesOf(rules, [track("v", "A"), track("v", "A"), track("v", "A")]);
    expect(lines).toMatchObject({
      first: { state: "counting", points: 10, fired: 3, limited: 0 },
      second: { state: "capped", points: 0, fired: 3 },
      never: { state: "capped", points: 0, fired: 3, lastAt: iso(START) },
      once: { state: "counting", points: 1, fired: 1, limited: 2 },
      kept: { state: "counting", points: 9 },
      other: { state: "notMet", points: 0, fired: 0, limited: 0, lastAt: null },
    });
  });

  test("decayed, while what was capped stays so", async () => {
    const lines = await linesOf(rules, [track("v", "A")], 7 * DAY);
    expect(lines).toMatchObject({
      first: { state: "decayed", points: 0, fired: 1 },
      second: { state: "capped" },
      kept: { state: "counting" },
    });
  });

  test("reset to nothing is decayed, and counts anew after", async () => {
    const document = {
      rules: [
        { id: "a", on: "A", points: 5 },
        { id: "reset", on: "Recycled", reset: ["engagement"] },
      ],
    };
    const happened = [track("v", "A"), track("v", "Recycled")];
    expect((await linesOf(document, happened)).a).toMatchObject({ state: "decayed", points: 0, fired: 1 });
    expect((await linesOf(document, [...happened, track("v", "A")])).a).toMatchObject({
      state: "counting",
      points: 5,
      fired: 2,
    });
  });
});

describe("reasons", () => {
  const where = { path: "*/pricing", "properties.n": { gte: 2 } };
  const rules = {
    rules: [
      { id: "a", on: "page", where, points: 5 },
      { id: "b", on: "Bought", points: 5 },
    ],
  };

  test("the failing part with the value it had", async () => {
    const { a, b } = await linesOf(rules, [page("v", "/x", { properties: { path: "/shop/pricing", n: 1 } })]);
    expect(a).toMatchObject({
      state: "notMet",
      because: [
        { field: "path", test: "*/pricing", actual: "/shop/pricing", holds: true },
        { field: "properties.n", test: { gte: 2 }, actual: 1, holds: false },
      ],
    });
    expect(b).toMatchObject({ state: "notMet", because: [{ actual: null, holds: false }] });
  });

  test("of long values: judged whole, shown short", async () => {
    const path = `/${"long/".repeat(60)}pricing`;
    const { a } = await linesOf(rules, [page("v", path, { properties: { path, n: 2 } })]);
    expect(a?.because.map(({ holds }) => holds)).toEqual([true, true]);
    expect(String(a?.because[0]?.actual).length).toBeLessThan(100);
    expect(a?.state).toBe("counting");
  });

  test("of the latest firing, not of a later miss", async () => {
    const fits = page("v", "/", { properties: { path: "/pricing", n: 3 } });
    const { a } = await linesOf(rules, [fits, page("v", "/", { properties: { path: "/else", n: 1 } })]);
    expect(a?.because).toMatchObject([
      { actual: "/pricing", holds: true },
      { actual: 3, holds: true },
    ]);
  });

  test("of spans of time in the future", async () => {
    const cold = { id: "cold", while: { inactive: { gte: "30d" }, "since.A": { lt: "90d" } }, points: -20 };
    for (const [days, state, holds] of [
      [29, "notMet", [false, true]],
      [30, "counting", [true, true]],
      [90, "notMet", [true, false]],
    ] as const) {
      const lines = await linesOf({ rules: [cold] }, [track("v", "A")], days * DAY);
      expect(lines.cold).toMatchObject({ state, points: state === "counting" ? -20 : 0 });
      expect(lines.cold?.because.map((each) => each.holds)).toEqual(holds);
      for (const { actual } of lines.cold?.because ?? [])
        expect(milliseconds(String(actual)) / DAY).toBeLessThanOrEqual(days);
    }
  });
});
