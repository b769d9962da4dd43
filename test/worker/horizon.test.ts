/**
 * `validUntil` (contract §4) and levels over time against the naive model: under random rules and histories, and where
 * rules are made to be hard: decays of several kinds, clamps, windows and spans of time at once.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import type { LoggedEvent } from "../../worker/core/event";
import { createDeps } from "../../worker/deps";
import { sweep } from "../../worker/sweep";
import type { Lead, List, Site } from "../support/api";
import { arbitraryCase, type RulesOptions } from "../support/arbitraries";
import { naive, type RulesDocument } from "../support/naive";
import { DAY, DB, MINUTE, startApi } from "./app";

const RUNS = Number(process.env.KELVIN_RUNS ?? 25);
const YEARS = 5 * 365 * DAY;
const SAMPLES = 150;
const START = Date.parse("2026-03-02T10:00:00Z");
let now = START;
const api = startApi({ clock: () => now });
const iso = (ms: number) => new Date(ms).toISOString();
const ms = (text: string | null | undefined) => (text ? Date.parse(text) : null);

type Happened = [event: string, minutesAgo: number, properties?: LoggedEvent["properties"]];

type Item = { at: string; ladder: string; from: string; to: string; cause: string };

interface Sent {
  site: Site;
  rules: RulesDocument;
  events: LoggedEvent[];
  reply: WireReply;
}

/** Publishes the rules and sends the events, all of the visitor `v` and verified. */
async function send(rules: RulesDocument, history: readonly LoggedEvent[]): Promise<Sent> {
  now = Math.min(START, ...history.map(({ timestamp }) => timestamp));
  const site = await api.createSite(rules);
  const events: LoggedEvent[] = [];
  let reply: WireReply | undefined;
  for (const {
    country: _,
    machine: __,
    userId: ___,
    previousId: ____,
    visitor: _____,
    timestamp,
    ...rest
  } of history) {
    now = Math.max(now, timestamp);
    const { status, body } = await site.import([{ ...rest, anonymousId: "v", timestamp: iso(timestamp) }]);
    expect(status).toBe(200);
    reply = body;
    events.push({ ...rest, timestamp, visitor: "v", verified: true });
  }
  if (!reply) throw new Error("a history has events");
  return { site, rules, events, reply };
}

async function happened(rules: unknown, what: Happened[]): Promise<Sent> {
  const history = what.map(
    ([event, minutesAgo, properties], i): LoggedEvent => ({
      messageId: `m${i}`,
      type: event === "page" ? "page" : "track",
      ...(event === "page" ? {} : { event }),
      ...(properties ? { properties } : {}),
      timestamp: START - minutesAgo * MINUTE,
      visitor: "v",
    }),
  );
  return await send(rules as RulesDocument, history);
}

/** What the naive model says of the temperature until `to`, whether or not it is the one now. */
function expectStays({ rules, events }: Sent, temperature: string, from: number, to: number): void {
  const step = Math.max(1, Math.floor((to - from) / SAMPLES));
  for (let at = from; at <= to; at += step) {
    expect(naive(rules, events, at).levels.temperature, `at ${iso(at)}`).toBe(temperature);
  }
}

/** The reply, /v1/me and the lead agree on an instant, and the naive model with them on both sides of it. */
async function expectHorizon(sent: Sent, whole = true): Promise<number | null> {
  const { site, rules, events } = sent;
  const [me, lead] = [await site.me("v"), await site.lead("visitor:v")];
  expect(lead.validUntil).toBe(me.validUntil);
  const temperatureAt = (at: number) => naive(rules, events, at).levels.temperature ?? "";
  const temperature = temperatureAt(now);
  expect([me.temperature, lead.temperature]).toEqual([temperature, temperature]);
  const until = ms(lead.validUntil);
  if (until === null) {
    expectStays(sent, temperature, now, now + YEARS);
    return null;
  }
  expect(until).toBeGreaterThan(now);
  if (whole) expectStays(sent, temperature, now, until - 2);
  const before = Math.max(now, until - 1000);
  expect(temperatureAt(before === now ? now : before)).toBe(temperature);
  // A level may last a millisecond; else it is another for the second after.
  expect([0, 1, 2, 1000].map((later) => temperatureAt(until + later))).not.toEqual(Array(4).fill(temperature));
  const [was, then]: Lead[] = [
    await site.lead("visitor:v", `?at=${iso(before)}`),
    await site.lead("visitor:v", `?at=${iso(until)}`),
  ] as [Lead, Lead];
  expect(was?.temperature).toBe(temperature);
  expect(then?.temperature).not.toBe(temperature);
  return until;
}

async function expectRandom(rules: RulesOptions): Promise<void> {
  const cases = arbitraryCase({
    rules,
    history: { minEvents: 1, maxEvents: 20, features: { machine: false, sales: false } },
  });
  await fc.assert(
    fc.asyncProperty(cases, async (one) => {
      const sent = await send(one.rules, one.events);
      expect(sent.reply.validUntil).toBe((await sent.site.me("v")).validUntil);
      // From change to change, as time goes by.
      for (let changes = 0; changes < 3; changes++) {
        const until = await expectHorizon(sent);
        if (until === null) break;
        now = until;
      }
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: false },
  );
}

describe("random rules and histories", () => {
  test("of everything but hysteresis", () => expectRandom({ features: { hysteresis: false } }));
  test("of decays, clamps and dimensions alone", () => {
    const features = {
      hysteresis: false,
      while: false,
      counters: false,
      identity: false,
      traits: false,
      source: false,
    };
    return expectRandom({ features });
  });
  test("of time alone", () => {
    return expectRandom({ features: { hysteresis: false, decay: false, traits: false, source: false, sales: false } });
  });
});

test("swept at random times: history says of every instant what the naive model says", async () => {
  const [db, clock] = [() => DB, () => now];
  const deps = createDeps(db, clock, () => crypto.randomUUID());
  const history = { minEvents: 1, features: { machine: false, sales: false, late: false } };
  const cases = arbitraryCase({ rules: { features: { hysteresis: false } }, history });
  const waits = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(cases, waits, async (one, days) => {
      const { site, rules, events } = await send(one.rules, one.events);
      const from = now;
      for (const each of days) {
        now += each * DAY;
        await sweep(deps);
      }
      const { body } = await site.rest<List<Item>>("/v1/leads/visitor:v/history?limit=200");
      const last: Record<string, string> = {};
      for (const { ladder, from: left, to, cause, at } of body.data.toReversed()) {
        expect(left).toBe(last[ladder] ?? rules.levels[ladder]?.[0]?.name);
        last[ladder] = to;
        if (at > iso(from)) expect(cause).toBe("time");
      }
      for (let at = from; at <= now; at += Math.ceil((now - from) / 23)) {
        for (const [ladder, level] of Object.entries(naive(rules, events, at).levels)) {
          const told = body.data.find((item) => item.ladder === ladder && item.at <= iso(at))?.to;
          expect(told ?? rules.levels[ladder]?.[0]?.name, `${ladder} at ${iso(at)}`).toBe(level);
        }
      }
    }),
    { numRuns: RUNS, verbose: 1, endOnFailure: true },
  );
});

const over = (gte: number, field = "score") => ({ [field]: { gte } });
const ladder = (...whens: object[]) => ({
  temperature: [{ name: "l0" }, ...whens.map((when, i) => ({ name: `l${i + 1}`, when }))],
});
const rule = (id: string, points: number, more: object = {}) => ({ id, on: id, points, ...more });

describe("made to be hard", () => {
  const decays = [{ halfLife: "20d" }, { linear: "45d" }, { expires: "11d" }, { every: "3d", percent: 15 }];
  const ids = ["A", "B", "C", "D"];
  test.each<[string, object, Happened[]]>([
    [
      "four decays of both signs at once",
      {
        rules: ids.map((id, i) => rule(id, [60, -40, 30, -25][i] ?? 0, { decay: decays[i] })),
        levels: ladder(over(10.5), over(20.5), over(30.5)),
      },
      ids.map((id, i): Happened => [id, i * 700]),
    ],
    [
      "clamps of two dimensions, one above and one below",
      {
        dimensions: { up: { decay: { halfLife: "9d" }, max: 20 }, down: { decay: { linear: "40d" }, min: -15 } },
        rules: [rule("A", 90, { dimension: "up" }), rule("B", -80, { dimension: "down" })],
        levels: ladder(over(4.5), over(12.5, "scores.up")),
      },
      [
        ["A", 0],
        ["B", 5],
      ],
    ],
    [
      "a window, a span and a decay that meet",
      {
        counters: { seen: { on: "A", within: "7d", sum: "properties.n" } },
        rules: [
          rule("A", 30, { decay: { halfLife: "7d" } }),
          { id: "w", while: { all: [{ "counters.seen": { gte: 5 } }, { inactive: { lt: "7d" } }] }, points: 15 },
          { id: "x", while: { "since.A": { gt: "8d", lte: "9d" } }, points: 40 },
        ],
        levels: ladder(over(20.5), over(35.5)),
      },
      [
        ["A", 400, { n: 3 }],
        ["A", 100, { n: -1 }],
        ["A", 0, { n: 4 }],
      ],
    ],
    [
      "disqualified by time, then no more",
      {
        rules: [rule("A", 40), { id: "d", while: { inactive: { between: ["10d", "12d"] } }, disqualify: "resting" }],
        levels: ladder(over(35)),
      },
      [["A", 0]],
    ],
    [
      "thresholds met exactly: linear down to 35 is still 35",
      { rules: [rule("A", 70, { decay: { linear: "30d" } })], levels: ladder(over(35), { score: { gt: 69 } }) },
      [["A", 0]],
    ],
  ])("%s", async (_, rules, what) => {
    const sent = await happened(rules, what);
    expect(sent.reply.validUntil).toBe((await sent.site.me("v")).validUntil);
    let changes = 0;
    for (let until = await expectHorizon(sent); until !== null; until = await expectHorizon(sent)) {
      now = until;
      changes += 1;
      expect(changes).toBeLessThan(20);
    }
    expect(changes).toBeGreaterThan(0);
  });

  test("half a half-life more: 70 points meet 65 after log2(70/65) of it, to the second", async () => {
    const rules = { rules: [rule("A", 70, { decay: { halfLife: "30d" } })], levels: ladder(over(35), over(65)) };
    const { reply } = await happened(rules, [["A", 0]]);
    const wanted = START + Math.log2(70 / 65) * 30 * DAY;
    expect(Math.abs((ms(reply.validUntil) ?? 0) - wanted)).toBeLessThanOrEqual(1000);
  });

  test("what fades towards a threshold and never meets it never changes", async () => {
    const rules = {
      rules: [rule("A", 30, { decay: { halfLife: "30d" } }), rule("B", 40, { decay: null })],
      levels: ladder(over(40)),
    };
    expect(
      await expectHorizon(
        await happened(rules, [
          ["A", 0],
          ["B", 0],
        ]),
      ),
    ).toBeNull();
  });
});

describe("awards that cancel each other out on a threshold: nothing changes, ever", () => {
  test.each<[string, object]>([
    ["linear, one dimension", { e: { decay: { linear: "30d" } } }],
    ["linear, two dimensions", { e: { decay: { linear: "30d" } }, f: { decay: { linear: "30d" } } }],
    ["half-life, two dimensions", { e: { decay: { halfLife: "30d" } }, f: { decay: { halfLife: "30d" } } }],
  ])("%s", async (_, dimensions) => {
    const other = Object.keys(dimensions).at(-1);
    const rules = {
      dimensions,
      rules: [rule("A", 10), rule("B", -10, { dimension: other }), rule("C", 20, { decay: null })],
      levels: ladder(over(20)),
    };
    const sent = await happened(rules, [
      ["A", 0],
      ["B", 0],
      ["C", 0],
    ]);
    expect(sent.reply).toMatchObject({ temperature: "l1", score: 20, validUntil: null });
    // And the next event, ten days on, is not an hour's work.
    now = START + 10 * DAY;
    expect((await sent.site.import([{ type: "page", anonymousId: "v" }])).body.temperature).toBe("l1");
  });
});
