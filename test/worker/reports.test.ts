/**
 * Outcomes and reports (contract §7): what reports say of small sets of leads whose right answers are worked out here
 * another way; that nothing of after an outcome is in its prediction; and what is refused. Time is the test's own.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { rulesReport, temperaturesReport } from "../../worker/reports";
import { sweep } from "../../worker/sweep";
import { type Message, PLAIN_RULES, type Problem, page, type Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DAY, DB, expectTheLaw, MINUTE, startIsolate } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();
const ago = (ms: number) => ({ timestamp: iso(NOW - ms) });
let now = NOW;
const clock = () => now;
const { api, deps } = startIsolate({ clock });

const GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";

type Interval = [number, number] | null;
interface Conversion {
  leads: number;
  converted: number;
  rate: number | null;
  interval: Interval;
}
interface RulesReport {
  leads: number;
  read: number;
  sampled: boolean;
  outcomes: Record<string, number>;
  conversion: Conversion;
  auc: { value: number | null; interval: Interval; converted: number; others: number };
  calibration: ({ from: number; to: number; score: number; predicted: number } & Conversion)[];
  levels: ({ ladder: string; level: string } & Conversion)[];
  neverFired: string[];
  data: {
    id: string;
    points: number | null;
    with: Conversion;
    without: Conversion;
    lift: number | null;
    liftInterval: Interval;
    coefficient: number | null;
    suggestedPoints: number | null;
  }[];
  note: string | null;
}
interface TemperaturesReport {
  from: string;
  to: string;
  leads: number;
  read: number;
  sampled: boolean;
  data: {
    ladder: string;
    levels: string[];
    now: Record<string, number>;
    days: { day: string; leads: number; levels: Record<string, number> }[];
  }[];
}
interface Distribution {
  leads: number;
  disqualified: number;
  width: number;
  data: { from: number; to: number; leads: number; disqualified: number }[];
  note: string | null;
}
interface Followed {
  count: number;
  rate: number | null;
  interval: Interval;
}
interface Uplift {
  personalised: { leads: number; clicked: Followed; converted: Followed };
  heldOut: { leads: number; clicked: Followed; converted: Followed };
  clicked: { difference: number | null; interval: Interval };
  converted: { difference: number | null; interval: Interval };
  note: string | null;
}
interface PersonalisationReport {
  leads: number;
  read: number;
  sampled: boolean;
  uplift: Uplift & { mixed: number };
  uplifts: ({ cta: string | null; temperature: string | null } & Uplift)[];
  data: (Record<"cta" | "variant" | "temperature", string | null> & {
    heldOut: boolean;
    shown: number;
    clicks: number;
    clicked: Followed;
    converted: Followed;
  })[];
  note: string | null;
}

const report = async <T>(site: Site, path: string): Promise<T> => {
  const { status, body } = await site.rest<T>(`/v1/reports/${path}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
};
const record = (site: Site, body: unknown, key = api.adminKey) =>
  site.rest<{ lead: string; outcome: string; value: number | null; at: string } & Problem>("/v1/outcomes", {
    body,
    key,
  });
const ended = async (site: Site, lead: string, outcome: string, more: Message = {}) =>
  expect((await record(site, { lead, outcome, ...more })).status).toBe(201);
const ruleOf = ({ data }: RulesReport, id: string) => {
  const found = data.find((rule) => rule.id === id);
  if (!found) throw new Error(`no rule ${id}`);
  return found;
};

describe("POST /v1/outcomes", () => {
  const RULES = {
    ...PLAIN_RULES,
    rules: [
      ...PLAIN_RULES.rules,
      { id: "won", on: "Outcome Recorded", where: { "properties.outcome": "won" }, points: 7 },
    ],
  };

  test("logs an event that rules may use and that is no activity, whatever id names the lead", async () => {
    const site = await api.createSite(RULES);
    await site.post([page("v"), { type: "identify", anonymousId: "v", userId: "u", traits: { email: "e@a.example" } }]);
    const { id, visits, lastSeen } = await site.lead("visitor:v");
    for (const lead of [id, "visitor:v", "user:u", "email:E@A.example"]) {
      const { status, body } = await record(site, { lead, outcome: "won", value: 12.5 });
      expect([status, body]).toEqual([201, { lead: id, outcome: "won", value: 12.5, at: iso(NOW) }]);
    }
    expect(await site.lead(id)).toMatchObject({ score: 1 + 4 * 7, visits, lastSeen });
    expect((await site.events(id)).at(-1)).toMatchObject({
      type: "track",
      event: "Outcome Recorded",
      anonymousId: null,
      verified: true,
      properties: { outcome: "won", value: 12.5 },
      context: { active: false },
    });
    await expectTheLaw(site.id);
  });

  test("from a browser an event of its name is without effect", async () => {
    const site = await api.createSite(RULES);
    await site.post([page("v"), track("v", "Outcome Recorded", { outcome: "won" })]);
    expect(await site.lead("visitor:v")).toMatchObject({ score: 1 });
    expect((await report<RulesReport>(site, "rules")).outcomes).toEqual({ won: 0, lost: 0, converted: 0, none: 1 });
  });

  test.each<[string, Message, RegExp]>([
    ["no lead", { outcome: "won" }, /lead/],
    ["no outcome", { lead: "visitor:v" }, /outcome: must be one of won, lost, converted/],
    ["another outcome", { lead: "visitor:v", outcome: "undecided" }, /must be one of won, lost, converted/],
    ["a value below 0", { lead: "visitor:v", outcome: "won", value: -1 }, /value: must be at least 0/],
    ["a value that is a text", { lead: "visitor:v", outcome: "won", value: "12" }, /value: must be a number/],
    ["an unknown field", { lead: "visitor:v", outcome: "won", amount: 3 }, /amount/],
    ["a time that is none", { lead: "visitor:v", outcome: "won", at: "yesterday" }, /ISO 8601/],
    ["the future", { lead: "visitor:v", outcome: "won", at: iso(NOW + 2 * MINUTE) }, /not be in the future/],
  ])("%s: 400", async (_, body, detail) => {
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page("v")]);
    const answer = await record(site, body);
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toMatch(detail);
    expect(await site.events("visitor:v")).toHaveLength(1);
  });

  test("a lead that is not there: 404; too little scope: 403; no key: 401", async () => {
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page("v")]);
    expect((await record(site, { lead: "visitor:nobody", outcome: "won" })).status).toBe(404);
    const made = await api.rest<{ key: string }>("/v1/keys", { body: { name: unique("key"), scopes: ["read"] } });
    expect((await record(site, { lead: "visitor:v", outcome: "won" }, made.body.key)).status).toBe(403);
    const path = `/v1/outcomes?site=${site.id}`;
    expect((await api.json(path, { body: { lead: "visitor:v", outcome: "won" } })).status).toBe(401);
    expect((await site.rest("/v1/outcomes?x=1", { body: { lead: "visitor:v", outcome: "won" } })).status).toBe(400);
  });

  test("goes with the lead: into a merge, through a split, into the export, and away with it", async () => {
    const site = await api.createSite(PLAIN_RULES);
    const outcomes = async () => (await report<RulesReport>(site, "rules")).outcomes;
    await site.import([{ type: "identify", messageId: unique("m"), userId: "u", traits: { email: "e@a.example" } }]);
    await site.post([page("v")]);
    await ended(site, "visitor:v", "converted", { at: iso(NOW - DAY) });
    await site.post([page("w"), { type: "identify", anonymousId: "w", userId: "u" }]);
    expect(await outcomes()).toEqual({ won: 0, lost: 0, converted: 1, none: 1 });
    await site.import([{ type: "identify", messageId: unique("m"), anonymousId: "v", userId: "u" }]);
    expect(await outcomes(), "merged").toEqual({ won: 0, lost: 0, converted: 1, none: 0 });
    const split = await site.rest("/v1/leads/user:u/split", { body: { visitor: "w" } });
    expect(split.status).toBe(200);
    expect(await outcomes(), "split").toEqual({ won: 0, lost: 0, converted: 1, none: 1 });
    const { body } = await site.rest<{ kept: { outcomeAt: string } }>("/v1/leads/user:u/export");
    expect(body.kept.outcomeAt).toBe(iso(NOW - DAY));
    await expectTheLaw(site.id);
    await site.rest("/v1/leads/user:u", { method: "DELETE" });
    expect(await outcomes(), "erased").toEqual({ won: 0, lost: 0, converted: 0, none: 1 });
  });

  test("costs a place in an index, once; other events cost what they did", async () => {
    const faulty = new FaultyDatabase(DB);
    const other = startIsolate({ clock, db: faulty.db });
    const site = await other.api.createSite(PLAIN_RULES);
    await site.post([page("v")]);
    const lead = "visitor:v";
    // What publishing left to do writes rows of its own.
    const isThrough = "SELECT count(*) n FROM rule_versions WHERE site_id = ? AND finished_at IS NULL";
    await expect.poll(() => DB.prepare(isThrough).bind(site.id).first("n")).toBe(0);
    const rows = async () => (await faulty.measure(async () => ended(site, lead, "won"))).rowsWritten;
    const [first, second] = [await rows(), await rows()];
    expect([first, second]).toEqual([3, 2]);
    const beacon = await faulty.measure(async () => void (await site.post([track("v", "Nothing")])));
    expect(beacon.rowsWritten).toBe(2);
  });
});

describe("GET /v1/reports/rules", () => {
  const RULES = {
    rules: [
      { id: "guide", on: "page", where: { path: "/guide" }, points: 10, limit: { times: 1 } },
      { id: "pricing", on: "page", where: { path: "/pricing" }, points: 20, limit: { times: 1 } },
      { id: "careers", on: "page", where: { path: "/careers" }, points: -15, limit: { times: 1 } },
      { id: "boss", while: { "traits.title": "vp*" }, points: 5 },
      { id: "never", on: "Nothing", points: 3 },
      { id: "after", on: "Outcome Recorded", points: 50 },
    ],
    levels: PLAIN_RULES.levels,
  };
  const POINTS: Record<string, number> = { guide: 10, pricing: 20, careers: -15, boss: 5, never: 0, after: 0 };
  /** What a lead did, by its number, and how it ended. */
  const crowd = Array.from({ length: 48 }, (_, i) => {
    const fired = [
      ...(i % 2 === 0 ? ["guide"] : []),
      ...(i % 3 === 0 ? ["pricing"] : []),
      ...(i % 5 === 0 ? ["careers"] : []),
      ...(i % 4 === 1 ? ["boss"] : []),
    ];
    const outcome = i % 3 === 0 && i % 4 < 3 ? "won" : i % 7 === 3 ? "converted" : i % 5 === 0 ? "lost" : null;
    const score = fired.reduce((sum, id) => sum + (POINTS[id] ?? 0), 0);
    return { i, visitor: `v${i}`, fired, outcome, score, hit: outcome === "won" || outcome === "converted" };
  });
  let site: Site;
  let before: RulesReport;

  beforeAll(async () => {
    site = await api.createSite(RULES);
    const batch = crowd.flatMap(({ visitor, fired }) => [
      page(visitor, "/", ago(3 * DAY)),
      ...fired.filter((id) => id !== "boss").map((id) => page(visitor, `/${id}`, ago(2 * DAY))),
      ...(fired.includes("boss")
        ? [
            {
              type: "identify",
              messageId: unique("m"),
              anonymousId: visitor,
              traits: { title: "VP Sales" },
              ...ago(DAY),
            },
          ]
        : []),
    ]);
    await site.import(batch);
    // Some outcomes are recorded, the others imported with the history of a CRM.
    const withOutcome = crowd.filter(({ outcome }) => outcome !== null);
    for (const { visitor, outcome, i } of withOutcome) {
      if (i % 2 === 0) await ended(site, `visitor:${visitor}`, outcome ?? "");
    }
    await site.import(
      withOutcome
        .filter(({ i }) => i % 2 === 1)
        .map(({ visitor, outcome }) => track(visitor, "Outcome Recorded", { outcome }, { context: { active: false } })),
    );
    await site.post([page("robot", "/pricing")], {}, { headers: { "User-Agent": GOOGLE } });
    before = await report<RulesReport>(site, "rules");
  });

  test("counts everybody but machines", () => {
    const count = (wanted: string | null) => crowd.filter(({ outcome }) => outcome === wanted).length;
    expect(before).toMatchObject({
      leads: 48,
      read: 48,
      sampled: false,
      outcomes: { won: count("won"), lost: count("lost"), converted: count("converted"), none: count(null) },
      neverFired: ["never"],
      note: null,
    });
    expect(before.conversion).toMatchObject({ leads: 48, converted: crowd.filter(({ hit }) => hit).length });
  });

  test.each(["guide", "pricing", "careers", "boss"])("%s: conversion with and without, lift and its interval", (id) => {
    const [a, m] = [
      crowd.filter((one) => one.fired.includes(id) && one.hit).length,
      crowd.filter((one) => one.fired.includes(id)).length,
    ];
    const [b, n] = [
      crowd.filter((one) => !one.fired.includes(id) && one.hit).length,
      crowd.filter((one) => !one.fired.includes(id)).length,
    ];
    const rule = ruleOf(before, id);
    expect(rule.with).toMatchObject({ leads: m, converted: a, rate: a / m });
    expect(rule.without).toMatchObject({ leads: n, converted: b, rate: b / n });
    expect(rule.lift).toBeCloseTo(a / m / (b / n), 10);
    const error = 1.959964 * Math.sqrt((1 - a / m) / a + (1 - b / n) / b);
    expect(rule.liftInterval?.[0]).toBeCloseTo((a / m / (b / n)) * Math.exp(-error), 4);
    expect(rule.liftInterval?.[1]).toBeCloseTo((a / m / (b / n)) * Math.exp(error), 4);
    // Wilson's interval: the shares that the observed one is 1.96 standard errors away from.
    for (const end of rule.with.interval ?? []) {
      expect(Math.abs(a / m - end) / Math.sqrt((end * (1 - end)) / m)).toBeCloseTo(1.959964, 5);
    }
  });

  test("what did not fire before an outcome is with nobody, and has no lift", () => {
    for (const id of ["never", "after"]) {
      expect(ruleOf(before, id)).toMatchObject({
        with: { leads: 0, converted: 0, rate: null, interval: null },
        lift: null,
        liftInterval: null,
        coefficient: null,
        suggestedPoints: null,
      });
    }
  });

  test("the coefficients are those of the penalised fit", () => {
    const fitted = before.data.filter(({ coefficient }) => coefficient !== null);
    expect(fitted.map(({ id }) => id)).toEqual(["guide", "pricing", "careers", "boss"]);
    // The fit is where the slope of the penalised loss is 0: only the intercept is sought here.
    const at = new Map(fitted.map(({ id, coefficient }) => [id, coefficient ?? 0]));
    const chance = (intercept: number, fired: string[]) =>
      1 / (1 + Math.exp(-intercept - fired.reduce((sum, id) => sum + (at.get(id) ?? 0), 0)));
    const off = (intercept: number, id?: string) =>
      crowd
        .filter(({ fired }) => id === undefined || fired.includes(id))
        .reduce((sum, { fired, hit }) => sum + chance(intercept, fired) - Number(hit), 0);
    let [low, high] = [-20, 20];
    for (let i = 0; i < 80; i++) {
      const middle = (low + high) / 2;
      if (off(middle) > 0) high = middle;
      else low = middle;
    }
    for (const [id, coefficient] of at) expect(off(low, id) + coefficient, id).toBeCloseTo(0, 6);
  });

  test("points are suggested where the lift is known not to be 1; a rule alone keeps its size", () => {
    const isKnown = ({ liftInterval }: RulesReport["data"][number]) =>
      liftInterval !== null && (liftInterval[0] > 1 || liftInterval[1] < 1);
    expect(before.data.filter(isKnown).map(({ id }) => id)).toEqual(["pricing"]);
    const suggested = before.data.flatMap(({ id, suggestedPoints }) =>
      suggestedPoints === null ? [] : [[id, suggestedPoints]],
    );
    expect(suggested).toEqual([["pricing", 20]]);
  });

  test("the area under the ROC curve is the share of pairs in order", () => {
    let [won, pairs] = [0, 0];
    for (const hit of crowd.filter((one) => one.hit)) {
      for (const miss of crowd.filter((one) => !one.hit)) {
        pairs++;
        won += hit.score > miss.score ? 1 : hit.score === miss.score ? 0.5 : 0;
      }
    }
    expect(before.auc.value).toBeCloseTo(won / pairs, 10);
    const [low = 1, high = 0] = before.auc.interval ?? [];
    expect(low).toBeLessThan(won / pairs);
    expect(high).toBeGreaterThan(won / pairs);
    expect(before.auc.converted + before.auc.others).toBe(48);
  });

  test("calibration: groups in the order of the scores before the outcome, expected and observed", () => {
    // Of 48 leads four groups of ten and more; there are few scores, and leads of one are not parted.
    expect(before.calibration.length).toBeGreaterThanOrEqual(2);
    expect(before.calibration.length).toBeLessThanOrEqual(4);
    for (const { from, to, leads, converted } of before.calibration) {
      const there = crowd.filter(({ score }) => score >= from && score <= to);
      expect([leads, converted]).toEqual([there.length, there.filter(({ hit }) => hit).length]);
    }
    expect(before.calibration.reduce((sum, { leads }) => sum + leads, 0)).toBe(48);
    const expected = before.calibration.reduce((sum, { predicted, leads }) => sum + predicted * leads, 0);
    expect(expected).toBeCloseTo(before.conversion.converted, 6);
  });

  test("conversion by level, as it was before the outcome", () => {
    const levelOf = (score: number) => (score >= 65 ? "hot" : score >= 35 ? "warm" : "cold");
    for (const { ladder, level, leads, converted } of before.levels) {
      const there = crowd.filter(({ score }) => levelOf(score) === level);
      expect([ladder, leads, converted]).toEqual(["temperature", there.length, there.filter(({ hit }) => hit).length]);
    }
    expect(before.levels.map(({ level }) => level)).toEqual(["cold", "warm", "hot"]);
  });

  test("of a sample, each stands for several, and those with outcomes come first", async () => {
    const found = await site.rest<RulesReport>("/v1/reports/rules");
    const inside = await deps.sites.read(site.id);
    if (!inside) throw new Error("no site");
    const some = await rulesReport(deps, inside, 40);
    const withOutcome = crowd.filter(({ outcome }) => outcome !== null).length;
    expect(withOutcome).toBeLessThanOrEqual(30);
    expect(some).toMatchObject({ leads: 48, read: 40, sampled: true, outcomes: found.body.outcomes });
    expect(some.conversion.rate).toBeCloseTo(found.body.conversion.rate ?? 0, 12);
    expect((await rulesReport(deps, inside, 8)).read).toBe(8);
  });

  test("nothing that happens after an outcome changes what is said of it", async () => {
    now = NOW + DAY;
    const later = crowd.filter(({ outcome }) => outcome !== null).slice(0, 10);
    const unmoved = await report<RulesReport>(site, "rules");
    expect(unmoved, "time alone").toEqual(before);
    for (const { visitor, hit } of later) {
      await site.post([page(visitor, hit ? "/pricing" : "/careers"), page(visitor, "/guide")]);
      // Dated before the outcome, but nobody knew it then.
      await site.import([page(visitor, "/pricing", ago(4 * DAY))]);
      await site.rest(`/v1/leads/visitor:${visitor}`, { method: "PATCH", body: { traits: { title: "VP" } } });
      await ended(site, `visitor:${visitor}`, hit ? "lost" : "won");
    }
    const scored = await site.lead(`visitor:${later[1]?.visitor}`);
    expect(scored.score, "it does change the score").not.toBe(later[1]?.score);
    expect(await report<RulesReport>(site, "rules")).toEqual(before);
    now = NOW;
  });

  test("an outcome of the past knows nothing of what came between it and its recording", async () => {
    const other = await api.createSite(RULES);
    await other.import([page("a", "/guide", ago(3 * DAY)), page("a", "/pricing", ago(DAY)), page("b", "/", ago(DAY))]);
    await ended(other, "visitor:a", "won", { at: iso(NOW - 2 * DAY) });
    const found = await report<RulesReport>(other, "rules");
    expect([ruleOf(found, "guide").with.leads, ruleOf(found, "pricing").with.leads]).toEqual([1, 0]);
    expect(found.note).toMatch(/Fewer than 10/);
  });

  test("new rules are judged by what the leads did, also before their refolding", async () => {
    const other = await api.createSite(PLAIN_RULES);
    await other.import([page("a", "/guide", ago(DAY)), page("b", "/", ago(DAY))]);
    await ended(other, "visitor:a", "won");
    await DB.prepare("UPDATE leads SET rules_version = 0 WHERE site_id = ?").bind(other.id).run();
    const found = await report<RulesReport>(other, "rules");
    expect(ruleOf(found, "page").with).toMatchObject({ leads: 2, converted: 1 });
  });
});

describe("conversion that has nothing to do with what leads did", () => {
  const RULES = {
    rules: [
      { id: "page", on: "page", points: 10, decay: { halfLife: "7d" } },
      { id: "demo", on: "Form Submitted", points: 40, decay: { halfLife: "14d" } },
      { id: "quiet", while: { inactive: { gte: "14d" } }, points: -10 },
      { id: "gone", while: { inactive: { gte: "30d" } }, points: -20 },
      { id: "never", on: "Nothing", points: 5 },
    ],
    levels: PLAIN_RULES.levels,
  };
  /** Numbers from 0 to below 1, the same every time: mulberry32. */
  const random = (seed: number) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const end = (visitor: string, outcome: string, ms: number) =>
    track(visitor, "Outcome Recorded", { outcome }, { context: { active: false }, ...ago(ms) });
  let open: RulesReport;
  let lost: RulesReport;

  beforeAll(async () => {
    const next = random(11);
    const history: Message[] = [];
    const losses: Message[] = [];
    for (let i = 0; i < 300; i++) {
      const visitor = `v${i}`;
      const start = (1 + next() * 119) * DAY;
      const days = Array.from({ length: 1 + Math.floor(next() * 6) }, () => Math.max(DAY, start - next() * 10 * DAY));
      for (const at of days.sort((a, b) => b - a)) {
        history.push(next() < 0.2 ? track(visitor, "Form Submitted", {}, ago(at)) : page(visitor, "/", ago(at)));
      }
      if (next() < 0.3) history.push(end(visitor, "won", (days.at(-1) ?? 0) - DAY));
      else losses.push(end(visitor, "lost", 0));
    }
    const told = async (batch: Message[]) => {
      const site = await api.createSite(RULES);
      for (let at = 0; at < batch.length; at += 1000) {
        const { body } = await site.import(batch.slice(at, at + 1000));
        expect(body.rejected).toEqual([]);
      }
      return await report<RulesReport>(site, "rules");
    };
    open = await told(history);
    lost = await told([...history, ...losses]);
  });

  test("is no more foretold by the score than by a coin, although the others have cooled since", () => {
    expect(open.outcomes).toMatchObject({ lost: 0 });
    expect(open.auc.converted).toBeGreaterThan(50);
    const [low = 1, high = 0] = open.auc.interval ?? [];
    expect([low < 0.5, high > 0.5], `${low} to ${high}`).toEqual([true, true]);
  });

  test("is the same whether those who did not convert were lost today or nobody said so", () => {
    expect(lost.outcomes).toMatchObject({ none: 0 });
    expect(lost.auc).toEqual(open.auc);
    expect(lost.levels).toEqual(open.levels);
    expect(lost.data.map((rule) => [rule.with, rule.lift])).toEqual(open.data.map((rule) => [rule.with, rule.lift]));
  });

  test("rules that only time makes hold are with nobody, and not among those that nobody ever met", () => {
    for (const id of ["quiet", "gone"]) {
      expect(ruleOf(open, id)).toMatchObject({
        with: { leads: 0 },
        lift: null,
        coefficient: null,
        suggestedPoints: null,
      });
    }
    expect(open.neverFired).toEqual(["never"]);
  });
});

describe("GET /v1/reports/temperatures", () => {
  const RULES = {
    rules: [{ id: "demo", on: "Form Submitted", points: 70, decay: { expires: "3d" } }],
    levels: { ...PLAIN_RULES.levels, stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }] },
  };
  let site: Site;
  beforeAll(async () => {
    site = await api.createSite(RULES);
    // "a" is hot for three days, from its sixth last on; "b" comes yesterday, "c" is hot since an hour.
    await site.import([
      track("a", "Form Submitted", {}, ago(6 * DAY)),
      page("b", "/", ago(DAY)),
      page("c", "/", ago(2 * DAY)),
      track("c", "Form Submitted", {}, ago(60 * MINUTE)),
    ]);
    await site.post([page("robot")], {}, { headers: { "User-Agent": GOOGLE } });
  });
  const EXPECTED: [string, number, number][] = [
    // Day, cold, hot.
    ["2026-11-15", 0, 0],
    ["2026-11-16", 0, 1],
    ["2026-11-17", 0, 1],
    ["2026-11-18", 0, 1],
    ["2026-11-19", 1, 0],
    ["2026-11-20", 2, 0],
    ["2026-11-21", 3, 0],
    ["2026-11-22", 2, 1],
  ];
  const expected = (cold: string, hot: string, others: Record<string, number>) =>
    EXPECTED.map(([day, low, high]) => ({ day, leads: low + high, levels: { ...others, [cold]: low, [hot]: high } }));

  test("who stood where at the end of each day, and now, whether or not a sweep has told", async () => {
    const found = await report<TemperaturesReport>(site, "temperatures?from=2026-11-15");
    expect(found).toMatchObject({ from: "2026-11-15", to: "2026-11-22", leads: 3, read: 3, sampled: false });
    expect(found.data).toEqual([
      {
        ladder: "temperature",
        levels: ["cold", "warm", "hot"],
        now: { cold: 2, warm: 0, hot: 1 },
        days: expected("cold", "hot", { warm: 0 }),
      },
      { ladder: "stage", levels: ["lead", "mql"], now: { lead: 2, mql: 1 }, days: expected("lead", "mql", {}) },
    ]);
    await sweep(deps);
    expect(await report<TemperaturesReport>(site, "temperatures?from=2026-11-15")).toEqual(found);
  });

  test("one ladder, some days; thirty where nothing is said", async () => {
    const some = await report<TemperaturesReport>(
      site,
      "temperatures?ladder=stage&from=2026-11-17T23:00:00Z&to=2026-11-18",
    );
    expect(some.data.map(({ ladder, days }) => [ladder, days.map(({ day }) => day)])).toEqual([
      ["stage", ["2026-11-17", "2026-11-18"]],
    ]);
    const all = await report<TemperaturesReport>(site, "temperatures");
    expect(all).toMatchObject({ from: "2026-10-24", to: "2026-11-22" });
    expect(all.data[0]?.days).toHaveLength(30);
  });

  test("of a sample it says so", async () => {
    const inside = await deps.sites.read(site.id);
    if (!inside) throw new Error("no site");
    const some = await temperaturesReport(deps, inside, inside.rules.ladders, { from: NOW, to: NOW }, 2);
    expect(some).toMatchObject({ leads: 3, read: 2, sampled: true });
    expect(some.data[0]?.days[0]?.leads).toBe(2);
  });

  test.each([
    ["ladder=nothing", /ladder must be one of temperature, stage/],
    ["from=yesterday", /ISO 8601/],
    ["to=2026-11-23", /not be after today/],
    ["from=2026-11-20&to=2026-11-19", /from must not be after to/],
    ["from=2025-11-21&to=2026-11-22", /at most 366 days/],
    ["days=3", /days/],
  ])("%s: 400", async (query, detail) => {
    const { status, body } = await site.rest<Problem>(`/v1/reports/temperatures?${query}`);
    expect([status, body.detail]).toEqual([400, expect.stringMatching(detail)]);
  });

  test("366 days are not too many", async () => {
    const { data } = await report<TemperaturesReport>(site, "temperatures?from=2025-11-22&ladder=stage");
    expect(data[0]?.days).toHaveLength(366);
  });
});

describe("GET /v1/reports/distribution", () => {
  test("every lead is in the bin of its score, the disqualified apart", async () => {
    const rules = {
      ...PLAIN_RULES,
      rules: [...PLAIN_RULES.rules, { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "rival" }],
    };
    const site = await api.createSite(rules);
    const scores = [0, 0, 3, 7, 8, 45, 70, -20];
    for (const [i, score] of scores.entries()) {
      const pages = Array.from({ length: Math.max(0, score % 70) }, () => page(`v${i}`));
      const demo = score === 70 ? [track(`v${i}`, "Form Submitted", { form: "demo" })] : [];
      const careers = score < 0 ? [page(`v${i}`, "/careers/a", {}), page(`v${i}`, "/careers/b")] : [];
      await site.post([track(`v${i}`, "Seen"), ...pages, ...demo, ...careers]);
    }
    await site.post([{ type: "identify", anonymousId: "v3", traits: { email: "x@rival.example" } }]);
    await site.post([page("robot")], {}, { headers: { "User-Agent": GOOGLE } });
    // A page is a point, on careers, too.
    const real = scores.map((score) => (score < 0 ? -18 : score));
    const found = await report<Distribution>(site, "distribution");
    expect(found).toMatchObject({ leads: 7, disqualified: 1, width: 5, note: null });
    for (const { from, to, leads, disqualified } of found.data) {
      expect(leads + disqualified).toBe(real.filter((score) => score >= from && score < to).length);
      expect(disqualified).toBe(from <= 7 && 7 < to ? 1 : 0);
    }
    expect(found.data[0]?.from).toBe(-20);
    expect(found.data.at(-1)).toEqual({ from: 70, to: 75, leads: 1, disqualified: 0 });
  });

  test("however far scores lie apart, the bins are few", async () => {
    const rules = { ...PLAIN_RULES, rules: [{ id: "huge", on: "Huge", points: 987_654 }] };
    const site = await api.createSite(rules);
    await site.post([page("a")]);
    await site.post([track("b", "Huge")]);
    const { data, leads } = await report<Distribution>(site, "distribution");
    expect(leads).toBe(2);
    expect(data.length).toBeLessThanOrEqual(40);
  });
});

describe("GET /v1/reports/personalisation", () => {
  const HOT = { cta: "hero", variant: "hot", temperature: "hot" };
  const COLD = { ...HOT, variant: "cold" };
  const told = (visitor: string, name: string, properties: object, context: object) => ({
    ...track(visitor, name, properties as Message),
    context,
  });
  /** As the tag's beacons tell it. */
  const saw = (visitor: string, heldOut: boolean, shown: unknown = [heldOut ? COLD : HOT]) =>
    told(visitor, "Page Engaged", { seconds: 3, scroll: 0 }, { shown, heldOut });
  const click = (visitor: string, heldOut: boolean) => told(visitor, "CTA Clicked", heldOut ? COLD : HOT, { heldOut });

  test("who saw, clicked and converted, by variant and group, and the uplift", async () => {
    const site = await api.createSite(PLAIN_RULES);
    for (const visitor of ["a", "b", "c"]) await site.post([saw(visitor, false), saw(visitor, false)]);
    for (const visitor of ["d", "e"]) await site.post([saw(visitor, true)]);
    await site.post([click("a", false), click("a", false)]);
    await ended(site, "visitor:a", "won");
    await ended(site, "visitor:b", "converted");
    await ended(site, "visitor:c", "lost");
    await site.post([saw("robot", false)], {}, { headers: { "User-Agent": GOOGLE } });
    // Won before they saw anything.
    await site.post([page("f")]);
    await ended(site, "visitor:f", "won");
    now += MINUTE;
    await site.post([saw("f", true)]);
    const found = await report<PersonalisationReport>(site, "personalisation");
    expect(found).toMatchObject({ leads: 6, read: 6, sampled: false, note: null });
    expect(found.data).toMatchObject([
      { ...HOT, heldOut: false, shown: 3, clicks: 2, clicked: { count: 1, rate: 1 / 3 }, converted: { count: 2 } },
      { ...COLD, heldOut: true, shown: 3, clicks: 0, clicked: { count: 0, rate: 0 }, converted: { count: 0 } },
    ]);
    const { uplift, uplifts } = found;
    expect(uplift).toMatchObject({ personalised: { leads: 3 }, heldOut: { leads: 3 }, mixed: 0, note: null });
    expect(uplift.converted.difference).toBeCloseTo(2 / 3, 12);
    expect(uplift.clicked.difference).toBeCloseTo(1 / 3, 12);
    const [low, high] = uplift.converted.interval ?? [0, 0];
    expect(low < 2 / 3 && 2 / 3 < high && high <= 1).toBe(true);
    const { mixed: _, ...rest } = uplift;
    expect(uplifts).toEqual([{ cta: "hero", temperature: "hot", ...rest }]);
    now = NOW;
  });

  test("of a context what is malformed goes, and the rest of the message counts; an export has what is kept", async () => {
    const site = await api.createSite(PLAIN_RULES);
    const long = "x".repeat(100);
    const shown = [{ ...HOT, text: "secret" }, "hero", { cta: long }, { cta: 5 }];
    const odd = { ...saw("a", false, shown), context: { shown, heldOut: "maybe" } };
    const { body } = await site.post([odd, { ...saw("a", false), context: { shown: "all" } }]);
    expect(body.rejected).toEqual([]);
    const events = await site.events("visitor:a");
    expect(events.map(({ context }) => context)).toEqual([{ shown: [HOT, { cta: "x".repeat(64) }] }, undefined]);
    const copy = await site.rest<{ events: Message[] }>("/v1/leads/visitor:a/export");
    expect(copy.body.events[0]).toMatchObject({ context: { shown: [HOT, { cta: "x".repeat(64) }] } });
    const found = await report<PersonalisationReport>(site, "personalisation");
    expect(found.data.map(({ cta, heldOut, shown }) => [cta, heldOut, shown])).toEqual([
      ["hero", false, 1],
      ["x".repeat(64), false, 1],
    ]);
    // Nobody said to which group they belong.
    expect(found.uplift).toMatchObject({ personalised: { leads: 0 }, converted: { difference: null, interval: null } });
    expect(found.uplift.note).toMatch(/data-holdout/);
    await expectTheLaw(site.id);
  });

  test("a lead with browsers in both groups is in neither", async () => {
    const site = await api.createSite(PLAIN_RULES);
    for (const [visitor, heldOut] of [
      ["a", true],
      ["b", false],
    ] as const) {
      await site.post([saw(visitor, heldOut), { type: "identify", anonymousId: visitor, userId: "u" }]);
    }
    const { uplift, data } = await report<PersonalisationReport>(site, "personalisation");
    expect(uplift).toMatchObject({ personalised: { leads: 0 }, heldOut: { leads: 0 }, mixed: 1 });
    expect(data).toHaveLength(2);
  });
});

describe("every report", () => {
  const NAMES = ["distribution", "temperatures", "rules", "personalisation"];

  test.each(NAMES)("%s: of an empty site there is nothing to say, and it says what to do", async (name) => {
    const site = await api.createSite(PLAIN_RULES);
    const answer = await api.call(`/v1/reports/${name}?site=${site.id}`, { key: api.adminKey });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ data: expect.any(Array), note: expect.stringMatching(/\w/) });
  });

  test.each(NAMES)("%s: parameters unknown or twice 400, scopes 401 and 403, other methods 405", async (name) => {
    const site = await api.createSite(PLAIN_RULES);
    const path = `/v1/reports/${name}?site=${site.id}`;
    expect((await api.rest(`${path}&limit=5`)).status).toBe(400);
    expect((await api.rest(`${path}&site=${site.id}`)).status).toBe(400);
    expect((await api.rest(path, { key: null })).status).toBe(401);
    const made = await api.rest<{ key: string }>("/v1/keys", { body: { name: unique("key"), scopes: ["write"] } });
    expect((await api.rest(path, { key: made.body.key })).status).toBe(403);
    expect((await api.rest(path, { method: "POST", body: {} })).status).toBe(405);
    expect((await api.rest(`/v1/reports/${name}?site=nobody`)).status).toBe(404);
  });
});
