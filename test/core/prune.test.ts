/** Pruned events: of their content nothing is left but what the rules took from it, and that is enough for the law. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules } from "../../worker/core/compile.ts";
import type { JsonObject, LoggedEvent } from "../../worker/core/event.ts";
import { explain } from "../../worker/core/explain.ts";
import { shownTo } from "../../worker/core/identity.ts";
import { NOTHING_TOLD, play, replay } from "../../worker/core/play.ts";
import { oldestWith, pruneLog } from "../../worker/core/prune.ts";
import type { RuleSet } from "../../worker/core/rules.ts";
import { emptyState, type State } from "../../worker/core/state.ts";
import { arbitraryCase, arbitraryRules, BASE, type Case, VISITORS } from "../support/arbitraries.ts";
import type { RulesDocument } from "../support/naive.ts";

const RUNS = Number(process.env.KELVIN_RUNS ?? 400);

function compile(document: unknown): RuleSet {
  const result = compileRules(document);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors, null, 1));
  return result.rules;
}

/** A state but for what tests saw, which is what pruning is to take away. */
const unseen = (state: State) => ({ ...state, rules: state.rules.map((rule) => rule && { ...rule, saw: null }) });

const share = fc.double({ min: 0, max: 1, noNaN: true });
/** An instant before which some, none or all of the events are. */
function instant(events: LoggedEvent[], at: number): number {
  const times = events.map(({ timestamp }) => timestamp).sort((a, b) => a - b);
  return times[Math.floor(at * times.length)] ?? Number.POSITIVE_INFINITY;
}

/** A case, how many of its events come before pruning, and from when those are. */
const cases = (options: Parameters<typeof arbitraryCase>[0] = {}) =>
  fc.tuple(arbitraryCase(options), share, share).map(([one, part, cut]) => {
    const count = Math.round(part * one.events.length);
    return {
      ...one,
      first: one.events.slice(0, count),
      rest: one.events.slice(count),
      cutoff: instant(one.events, cut),
    };
  });

/** The same conditions in another document: other names, points, fading, order of rules and of tests. */
function rewritten(document: RulesDocument): RulesDocument {
  const turned = <T extends object>(one: T): T => Object.fromEntries(Object.entries(one).reverse()) as T;
  return {
    ...document,
    dimensions: Object.fromEntries(
      Object.keys(document.dimensions ?? {}).map((name) => [name, { decay: { linear: "9d" } }]),
    ),
    rules: document.rules
      .map((rule, i) => ({
        ...rule,
        id: `other-${i}`,
        ...(rule.points === undefined ? {} : { points: rule.points * 2 + 1 }),
        ...(rule.where === undefined ? {} : { where: turned(rule.where) }),
        ...(rule.limit === undefined ? {} : { limit: { ...rule.limit, times: rule.limit.times + 1 } }),
      }))
      .reverse(),
  };
}

describe("the law over pruned events", () => {
  const holds = <T>(arbitrary: fc.Arbitrary<T>, check: (one: T) => void) =>
    fc.assert(fc.property(arbitrary, check), { numRuns: RUNS });

  test("the state, its explanation and the levels crossed are what they were, and stay so with what comes", () => {
    holds(cases(), ({ rules: document, events, first, rest, at, cutoff }) => {
      const rules = compile(document);
      const pruned = [...pruneLog(rules, first, cutoff), ...rest];
      const [before, after] = [replay(rules, events), replay(rules, pruned)];
      expect(unseen(after)).toEqual(unseen(before));
      const told = (log: LoggedEvent[]) => {
        const { awards, crossings } = play(rules, emptyState(rules), log, NOTHING_TOLD);
        return { awards, crossings: crossings.map(({ messageId: _, ...crossing }) => crossing) };
      };
      expect(told(pruned)).toEqual(told(events));
      const lines = (state: State) => {
        const { lines, ...sums } = explain(rules, state, at);
        return { ...sums, lines: lines.map(({ because, ...line }) => ({ ...line, tests: because.length })) };
      };
      expect(lines(after)).toEqual(lines(before));
    });
  });

  test("under rules that are new but for their conditions, too", () => {
    holds(cases(), ({ rules: document, events, first, rest, cutoff }) => {
      const others = compile(rewritten(document));
      const pruned = pruneLog(compile(document), first, cutoff);
      expect(unseen(replay(others, [...pruned, ...rest]))).toEqual(unseen(replay(others, events)));
    });
  });

  test("for unions of pruned logs and for what each may be shown, where no condition is on traits", () => {
    const plain = cases({ rules: { features: { traits: false } } });
    holds(fc.tuple(plain, share), ([{ rules: document, events, cutoff }, cut]) => {
      const rules = compile(document);
      const [mine, theirs] = [events.filter(isMine), events.filter((event) => !isMine(event))];
      const [left, right] = [pruneLog(rules, mine, cutoff), pruneLog(rules, theirs, instant(events, cut))];
      const union = events.map((event) => (isMine(event) ? left[mine.indexOf(event)] : right[theirs.indexOf(event)]));
      const log = union.filter((event) => event !== undefined);
      const state = replay(rules, events);
      expect(unseen(replay(rules, log))).toEqual(unseen(state));
      // The union pruned once more, as one.
      const again = pruneLog(rules, log, cutoff);
      for (const visitor of [...VISITORS, null]) {
        const shown = shownTo({ visitor }, state) ?? ((all: readonly LoggedEvent[]) => [...all]);
        expect(unseen(replay(rules, shown(again)))).toEqual(unseen(replay(rules, shown(events))));
        const own = (event: LoggedEvent) => event.visitor === visitor;
        expect(unseen(replay(rules, again.filter(own)))).toEqual(unseen(replay(rules, events.filter(own))));
      }
    });
  });

  test("pruning goes by time alone: twice is once, and what is young enough or of the person is left alone", () => {
    holds(fc.tuple(cases(), share, arbitraryRules()), ([{ rules: document, events, cutoff }, cut, other]) => {
      const rules = compile(document);
      const later = Math.max(cutoff, instant(events, cut));
      const pruned = pruneLog(rules, events, cutoff);
      expect(pruneLog(rules, pruned, later)).toEqual(pruneLog(rules, events, later));
      expect(pruneLog(compile(other), pruned, cutoff), "under whatever rules").toEqual(pruned);
      for (const [i, event] of pruned.entries()) {
        const whole = events[i] as LoggedEvent;
        const stays = whole.timestamp >= cutoff || isSales(whole);
        expect(event === whole, JSON.stringify(whole)).toBe(stays);
        if (!stays) expect(REMAINS).toEqual(expect.arrayContaining(Object.keys(event)));
      }
      const whole = events.filter((event, i) => event === pruned[i]);
      const oldest = Math.min(...whole.filter((event) => !isSales(event)).map(({ timestamp }) => timestamp));
      expect(pruned.reduce<number | null>(oldestWith, null) ?? Number.POSITIVE_INFINITY).toBe(oldest);
    });
  });
});

const isMine = ({ visitor }: LoggedEvent) => visitor === "v1";
const SALES = ["Lead Status Changed", "Sales Feedback Given", "Lead Requalified"];
const isSales = ({ event, verified }: LoggedEvent) => verified === true && SALES.includes(event ?? "");
const REMAINS =
  "messageId type event timestamp visitor userId previousId traits context country machine verified pruned".split(" ");

const document = {
  counters: {
    seconds: { on: "Page Engaged", sum: "properties.seconds" },
    pricing: { on: "page", where: { path: "/pricing*" } },
  },
  rules: [
    { id: "pricing", on: "page", where: { path: "/pricing*" }, points: 15 },
    {
      id: "file",
      on: "Got",
      where: { any: [{ "properties.file": "a*" }, { "traits.vip": true }] },
      points: 5,
      limit: { times: 1, by: "properties.file" },
    },
    { id: "never", on: "page", where: { path: "/never" }, points: 1 },
    { id: "engaged", while: { "counters.seconds": { gte: 30 } }, points: 7 },
  ],
  levels: { temperature: [{ name: "cold" }] },
};
const RULES = compile(document);

function event(type: LoggedEvent["type"], properties: JsonObject, more: Partial<LoggedEvent> = {}): LoggedEvent {
  return { messageId: "m", type, timestamp: BASE, visitor: "v", properties, ...more };
}
const track = (name: string, properties: JsonObject, more: Partial<LoggedEvent> = {}) =>
  event("track", properties, { event: name, ...more });
const keyOf = (where: unknown) =>
  compile({ ...document, rules: [{ id: "x", on: "page", where, points: 1 }] }).on[0]?.whereKey;
const PRICING = keyOf({ path: "/pricing*" });

/** What the log notes of an event that joined leads: the fold and splits go by it. */
const JOINED: Partial<LoggedEvent> = {
  link: "email:a@b.example",
  absorbed: "lead_1",
  unjoined: "full",
  claimed: ["x"],
};

test("what remains of an event", () => {
  const referrer = "https://www.google.com/";
  const log = [
    event("page", { path: "/pricing/teams", url: "https://shop.example/pricing/teams", referrer, title: "Prices" }),
    event("page", { path: "/pricing", referrer: "https://shop.example/secret" }, { name: "Prices", country: "DE" }),
    event("page", { path: "/secret" }, { context: { active: false, locale: "de" } }),
    track("Got", { file: "a-long-name.pdf" }, { userId: "u", verified: true }),
    track("Got", { file: "b.pdf" }, { machine: true }),
    track("Page Engaged", { seconds: 30, scroll: 50 }),
    { ...track("Other", { note: "secret" }), secret: "secret" },
    track("Other", {}, JOINED),
  ];
  const common = { messageId: "", timestamp: BASE, visitor: "v" };
  expect(pruneLog(RULES, log, BASE + 1)).toEqual([
    { ...common, type: "page", pruned: { met: [PRICING], source: { channel: "organic", referrer, campaign: null } } },
    { ...common, type: "page", country: "DE", pruned: { met: [PRICING] } },
    { ...common, type: "page", context: { active: false }, pruned: {} },
    {
      ...common,
      type: "track",
      event: "Got",
      userId: "u",
      verified: true,
      pruned: { met: [RULES.on[1]?.whereKey], by: { "properties.file": expect.stringMatching(/^#[0-9a-z]+$/) } },
    },
    { ...common, type: "track", event: "Got", machine: true, pruned: {} },
    { ...common, type: "track", event: "Page Engaged", pruned: { sums: { "properties.seconds": 30 } } },
    { ...common, type: "track", event: "Other", pruned: {} },
    { ...common, ...JOINED, type: "track", event: "Other", pruned: {} },
  ]);
});

test("what sales say stays whole, what a browser says in their name does not", () => {
  const said = track("Lead Status Changed", { status: "customer" }, { context: { active: false } });
  const log = [{ ...said, verified: true as const }, said];
  const [theirs, claimed] = pruneLog(RULES, log, BASE + 1);
  expect(theirs).toBe(log[0]);
  expect(claimed).toMatchObject({ event: "Lead Status Changed", pruned: {} });
  expect(claimed).not.toHaveProperty("properties");
});

test("conditions on traits are kept as they were judged at the event", () => {
  const vip = (value: boolean) => event("identify", {}, { traits: { vip: value } });
  const log = [
    track("Got", { file: "x" }),
    vip(true),
    track("Got", { file: "y" }),
    vip(false),
    track("Got", { file: "z" }),
  ];
  const pruned = pruneLog(RULES, log, BASE + 1);
  expect(pruned.map((one) => one.pruned?.met?.length ?? 0)).toEqual([0, 0, 1, 0, 0]);
  expect(replay(RULES, pruned).rules[1]?.fired).toBe(1);
});

test("a condition written after the pruning is not met by what was pruned; an event without one is", () => {
  const pruned = pruneLog(RULES, [event("page", { path: "/pricing" })], BASE + 1);
  const later = compile({
    ...document,
    rules: [
      { id: "narrower", on: "page", where: { path: "/pricing" }, points: 1 },
      { id: "any-page", on: "page", points: 1 },
      { id: "same", on: "page", where: { path: "/pricing*" }, points: 1 },
    ],
  });
  expect(replay(later, pruned).rules.map((rule) => rule?.fired ?? 0)).toEqual([0, 1, 1]);
  expect(replay(later, [event("page", { path: "/pricing" })]).rules.map((rule) => rule?.fired ?? 0)).toEqual([1, 1, 1]);
});

test("keys of conditions: the order of tests is nothing, everything else is", () => {
  expect(keyOf({ path: "/a", host: "b" })).toBe(keyOf({ host: "b", path: "/a" }));
  const all = [{ path: "/a" }, { path: ["/a"] }, { path: "/A" }, { url: "/a" }, { not: { path: "/a" } }].map(keyOf);
  expect(new Set(all).size).toBe(all.length);
});

test("an explanation tells that what was there is no longer kept", () => {
  const log = [event("page", { path: "/pricing" }), track("Got", { file: "a.pdf" })];
  const because = (events: LoggedEvent[]) => {
    const { lines } = explain(RULES, replay(RULES, events), BASE);
    return Object.fromEntries(lines.map(({ id, because }) => [id, because]));
  };
  const known = because(log);
  const pruned = because(pruneLog(RULES, log, BASE + 1));
  expect(known.pricing).toEqual([{ field: "path", test: "/pricing*", actual: "/pricing", holds: true }]);
  expect(pruned.pricing).toEqual([{ field: "path", test: "/pricing*", actual: null, holds: true, pruned: true }]);
  expect(
    pruned.file?.map(({ holds }) => holds),
    "the condition as a whole",
  ).toEqual([true, true]);
  expect(pruned.never).toEqual([{ field: "path", test: "/never", actual: null, holds: false, pruned: true }]);
  expect(pruned.engaged).toEqual(known.engaged);
  // The next event is known again.
  const next = [...pruneLog(RULES, log, BASE + 1), event("page", { path: "/pricing/x" })];
  expect(because(next).pricing?.[0]?.actual).toBe("/pricing/x");
});

test("cases like these have what pruning could get wrong", () => {
  const sample: Case[] = fc.sample(arbitraryCase(), { numRuns: 300, seed: 7 });
  const pruned = sample.flatMap(({ rules, events }) => pruneLog(compile(rules), events, Number.POSITIVE_INFINITY));
  for (const part of ["met", "sums", "by", "source"] as const) {
    expect(pruned.filter((one) => one.pruned?.[part]).length, part).toBeGreaterThan(5);
  }
});
