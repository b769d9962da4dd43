/** The bounds of a lead's state: exact up to them, small and still right in sum past them. */
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import type { JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { LIMIT_VALUES_MAX } from "../../worker/core/fold.ts";
import { OCCURRENCES_MAX } from "../../worker/core/occurrences.ts";
import { TRAITS_MAX_CHARS } from "../../worker/core/person.ts";
import { replay } from "../../worker/core/play.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { DAYS_MAX, LIMIT_VALUES_MAX_TOTAL, packState, type State } from "../../worker/core/state.ts";
import { sum, View } from "../../worker/core/view.ts";

const START = Date.UTC(2026, 0, 5);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const STATE_MAX_BYTES = 65_536;

function compile(rules: object[], more: object = {}): RuleSet {
  const result = compileRules({ rules, levels: { temperature: [{ name: "cold" }] }, ...more });
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.rules;
}

function tracks(count: number, stepMs: number, properties: (i: number) => JsonObject = () => ({})): LoggedEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    messageId: `m${i}`,
    type: "track",
    event: "E",
    timestamp: START + i * stepMs,
    visitor: "v",
    properties: properties(i),
  }));
}

const scoreAt = (rules: RuleSet, state: State, at: number) => sum(new View(rules, state, at).scores().low);

describe("occurrences", () => {
  const rules = compile([{ id: "e", on: "E", points: 1, decay: { expires: "30d" } }]);

  test(`${OCCURRENCES_MAX} awards are exact to the moment each expires`, () => {
    const state = replay(rules, tracks(OCCURRENCES_MAX, MINUTE_MS));
    for (const gone of [0, 1, 250, 499, 500]) {
      expect(scoreAt(rules, state, START + 30 * DAY_MS + gone * MINUTE_MS - 1)).toBe(OCCURRENCES_MAX - gone);
    }
  });

  test("one more merges the two oldest: nothing is lost before the older would expire", () => {
    const state = replay(rules, tracks(OCCURRENCES_MAX + 1, MINUTE_MS));
    expect(scoreAt(rules, state, START + 30 * DAY_MS - 1)).toBe(OCCURRENCES_MAX + 1);
    expect(scoreAt(rules, state, START + 30 * DAY_MS)).toBe(OCCURRENCES_MAX + 1);
    expect(scoreAt(rules, state, START + 30 * DAY_MS + MINUTE_MS)).toBe(OCCURRENCES_MAX - 1);
  });
});

test(`of by, ${LIMIT_VALUES_MAX} values a rule fire and no more, known ones go on being limited`, () => {
  const rules = compile([{ id: "e", on: "E", points: 1, limit: { times: 1, by: "properties.file" } }]);
  const state = replay(
    rules,
    tracks(LIMIT_VALUES_MAX + 50, 1, (i) => ({ file: `a rather long name of file ${i}` })),
  );
  expect(state.rules[0]).toMatchObject({ fired: LIMIT_VALUES_MAX, limited: 50 });
});

test(`all rules together remember ${LIMIT_VALUES_MAX_TOTAL} values of by`, () => {
  const ids = ["a", "b", "c"];
  const rules = compile(ids.map((id) => ({ id, on: "E", points: 1, limit: { times: 1, by: "properties.n" } })));
  const state = replay(
    rules,
    tracks(400, 1, (n) => ({ n })),
  );
  expect(state.rules.reduce((total, rule) => total + (rule?.fired ?? 0), 0)).toBe(LIMIT_VALUES_MAX_TOTAL);
});

test(`days active are told apart for ${DAYS_MAX} days, and counted for ever`, () => {
  const rules = compile([]);
  const state = replay(rules, tracks(DAYS_MAX + 100, DAY_MS));
  expect(state.days).toHaveLength(DAYS_MAX);
  expect(state.daysBefore + state.days.length).toBe(DAYS_MAX + 100);
});

test("traits over the bound are not taken up, those before stay", () => {
  const identify = (timestamp: number, traits: JsonObject): LoggedEvent => ({
    messageId: String(timestamp),
    type: "identify",
    timestamp,
    visitor: "v",
    traits,
  });
  const state = replay(compile([]), [identify(1, { a: "kept" }), identify(2, { b: "x".repeat(TRAITS_MAX_CHARS) })]);
  expect(state.traits).toEqual({ a: "kept" });
});

test("a state stays under 64 kB whatever happens to the lead", () => {
  const rules = compile(
    Array.from({ length: 200 }, (_, i) => ({
      id: `rule-${i}`,
      on: "E",
      where: { "properties.long": "*", "properties.n": { gte: 0 } },
      points: 0.5,
      ...(i % 2 ? { decay: { linear: "90d" } } : { limit: { times: 3, per: "month", by: "properties.file" } }),
    })),
    {
      counters: Object.fromEntries(
        Array.from({ length: 50 }, (_, i) => [`c${i}`, { on: "E", within: "90d", sum: "properties.n" }]),
      ),
    },
  );
  const long = "value ".repeat(40);
  const events = tracks(3_000, 7_919, (n) => ({ n: n / 7, long, file: `file number ${n}` }));
  const traits = { bio: "b".repeat(TRAITS_MAX_CHARS - 100) };
  events.push({ messageId: "i", type: "identify", timestamp: START, visitor: "v", traits });
  const state = replay(rules, events);
  expect(new TextEncoder().encode(packState(state)).byteLength).toBeLessThanOrEqual(STATE_MAX_BYTES);
});
