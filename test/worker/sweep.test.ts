/** What time alone changes, recorded by the sweep (contract §7 "Going cold"): each crossing once, at its own instant. */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { sweep } from "../../worker/sweep";
import { type List, page, type Site, track } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { naive, type RulesDocument } from "../support/naive";
import { DAY, DB, expectTheLaw, MINUTE, startIsolate } from "./app";

const HOUR = 60 * MINUTE;
const START = Date.parse("2026-03-02T10:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();
let now = START;

interface Item {
  at: string;
  ladder: string;
  from: string;
  to: string;
  cause: string;
  score: number;
}

/** An isolate whose sweep can be run; nothing is shared with another but the database. */
function isolate(db: D1Database = DB) {
  const { api, deps } = startIsolate({ db, clock: () => now });
  return { api, sweep: () => sweep(deps) };
}
const main = isolate();
const sites: string[] = [];

async function siteWith(rules: unknown, api = main.api): Promise<Site> {
  const site = await api.createSite(rules);
  sites.push(site.id);
  return site;
}

/** All crossings of a lead, oldest first. */
async function history(site: Site, id: string): Promise<Item[]> {
  const { status, body } = await site.rest<List<Item>>(`/v1/leads/${id}/history?limit=200`);
  expect(status).toBe(200);
  return body.data.reverse();
}

/** What time brought, in the form of `expected`. */
const byTime = (items: Item[]) =>
  items
    .filter(({ cause }) => cause === "time")
    .map(({ at, ladder, from, to }) => `${at} ${ladder} ${from}>${to}`)
    .sort();

const lastOfEach = (items: Item[]) => [...new Map(items.map((item) => [item.ladder, item])).values()];

async function versions(site: Site): Promise<Record<string, number>> {
  const rows = await DB.prepare("SELECT id, version FROM leads WHERE site_id = ?")
    .bind(site.id)
    .all<{ id: string; version: number }>();
  return Object.fromEntries(rows.results.map(({ id, version }) => [id, version]));
}

beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
afterAll(async () => void (await Promise.all(sites.map(expectTheLaw))));

const levels = (...steps: [string, object][]) => [{ name: "low" }, ...steps.map(([name, when]) => ({ name, when }))];
const over = (gte: number) => ({ score: { gte } });
const THREE = { temperature: levels(["warm", over(35)], ["hot", over(65)]) };
const award = (points: number, dimension = "one") => ({ id: dimension, dimension, on: "A", points });
const state = (condition: object, effect: object) => ({ id: JSON.stringify(condition), while: condition, ...effect });
const fading = (decay: object, points = 70, ladders: object = THREE) => ({
  dimensions: { one: { decay } },
  rules: [award(points)],
  levels: ladders,
});
const still = (rules: object[], ladders: object = THREE) => ({ dimensions: { one: {} }, rules, levels: ladders });

const TIERS = [30, 60, 90].map((days, i) => {
  const until = i < 2 ? { lt: `${days + 30}d` } : {};
  return state({ inactive: { gte: `${days}d`, ...until } }, { points: -20 * (i + 1) });
});
const UPWARDS = { temperature: levels(["warm", over(-25)], ["hot", over(-0.5)]) };
const STAGES = { ...THREE, stage: levels(["mql", over(50)], ["sql", over(65)]) };
const AGAIN = { temperature: levels(["warm", { "since.A": { not: { between: ["5d", "6d"] } } }]) };
const SEEN = { counters: { seen: { on: "A", within: "7d" } } };
const GONE = state({ inactive: { gte: "45d" } }, { disqualify: "gone" });
const OPPOSITE = { dimensions: { one: { decay: { linear: "60d" } }, two: { decay: { halfLife: "5d" } } } };

/** What happens at the start (`A` and a page), and how many crossings time then brings. */
const KINDS: [string, number, object][] = [
  ["half-life", 2, fading({ halfLife: "30d" })],
  ["upwards", 2, fading({ halfLife: "10d" }, -80, UPWARDS)],
  ["linear", 2, fading({ linear: "30d" })],
  ["expiry: a jump over two levels", 1, fading({ expires: "9d" })],
  ["steps", 2, fading({ every: "1d", percent: 30 })],
  ["hysteresis", 2, { ...fading({ linear: "30d" }), hysteresis: { temperature: 20 } }],
  ["several ladders", 4, fading({ halfLife: "30d" }, 70, STAGES)],
  ["inactivity in tiers", 2, still([award(70), ...TIERS])],
  ["a window", 1, { ...still([state({ "counters.seen": { gte: 1 } }, { points: 40 })]), ...SEEN }],
  ["down and up again", 2, still([award(40)], AGAIN)],
  ["disqualified by time", 2, still([award(70), GONE], STAGES)],
  ["two decays of opposite sign", 2, { ...still([award(70), award(-60, "two")]), ...OPPOSITE }],
];

/** Every change of levels after the start, found by the naive model: on a grid of hours, then to the millisecond. */
function expected(rules: RulesDocument, visitor: string, from: number, to: number): string[] {
  const events = [
    { messageId: "1", type: "track" as const, event: "A", visitor, timestamp: from },
    { messageId: "2", type: "page" as const, visitor, timestamp: from },
  ];
  const levelsAt = (at: number) => naive(rules, events, at).levels;
  const found: string[] = [];
  let before = levelsAt(from);
  for (let at = from; at < to; at += 6 * HOUR) {
    const then = levelsAt(at + 6 * HOUR);
    for (const ladder of Object.keys(then)) {
      if (then[ladder] === before[ladder]) continue;
      let [low, high] = [at, at + 6 * HOUR];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (levelsAt(middle)[ladder] === before[ladder]) low = middle;
        else high = middle;
      }
      found.push(`${iso(high)} ${ladder} ${before[ladder]}>${then[ladder]}`);
    }
    before = then;
  }
  return found.sort();
}

describe("what time changes is recorded once, with cause time, at the instant the naive model finds", () => {
  const END = START + 150 * DAY;

  test.each(KINDS)("%s: %i", async (_, crossings, rules) => {
    const wanted = expected(rules as RulesDocument, "v", START, END);
    expect(wanted).toHaveLength(crossings);
    now = START;
    const often = await siteWith(rules);
    await often.post([track("v", "A"), page("v")]);
    for (const one of wanted) {
      const [at = "", ladder = "", change = ""] = one.split(" ");
      const look = async (ms: number) => (await often.lead("visitor:v", `?at=${iso(ms)}`)).levels[ladder];
      expect(`${await look(Date.parse(at) - 1000)}>${await look(Date.parse(at) + 1000)}`).toBe(change);
    }
    // Read before every sweep: it shows the levels as they are, and what is not recorded yet.
    for (; now <= END; now += 10 * DAY + 7 * MINUTE) {
      const past = wanted.filter((one) => one <= iso(now));
      const { levels } = await often.lead("visitor:v");
      const unswept = await history(often, "visitor:v");
      expect(byTime(unswept)).toEqual(past);
      for (const { ladder, to } of lastOfEach(unswept)) expect(levels[ladder]).toBe(to);
      await main.sweep();
      await main.sweep();
      expect(await history(often, "visitor:v")).toEqual(unswept);
    }
    // Swept once, in the end.
    now = START;
    const once = await siteWith(rules);
    await once.post([track("v", "A"), page("v")]);
    now = END;
    expect(await main.sweep()).toBe(crossings);
    expect(byTime(await history(once, "visitor:v"))).toEqual(wanted);
    expect(await main.sweep()).toBe(0);
  });
});

const FALLING = fading({ halfLife: "1d" });
/** When 70 points of it have fallen to 65, and to 35. */
const [WARM, COLD] = [Math.log2(70 / 65) * DAY, DAY];

async function falling(count: number, api = main.api): Promise<Site> {
  now = START;
  const site = await siteWith(FALLING, api);
  await site.import(Array.from({ length: count }, (_, i) => track(`v${i}`, "A")));
  return site;
}

async function expectFallen(site: Site, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const items = await history(site, `visitor:v${i}`);
    expect(items).toMatchObject([
      { from: "low", to: "hot", cause: "event", at: iso(START) },
      { from: "hot", to: "warm", cause: "time" },
      { from: "warm", to: "low", cause: "time" },
    ]);
    const late = items.slice(1).map(({ at }, n) => Date.parse(at) - START - (n === 0 ? WARM : COLD));
    expect(Math.max(...late.map(Math.abs))).toBeLessThanOrEqual(2);
  }
}

describe("exactly once", () => {
  test("four sweeps at the same time, on two isolates, with 130 leads due", async () => {
    const site = await falling(130);
    now = START + 3 * DAY;
    const other = isolate();
    const told = await Promise.all([main.sweep(), other.sweep(), main.sweep(), other.sweep()]);
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(260);
    await expectFallen(site, 130);
  });

  test.each(["before", "after"] as const)("each round trip failing %s it was done", async (when) => {
    let met = true;
    let failed = 0;
    for (; met; failed++) {
      const faulty = new FaultyDatabase(DB);
      const broken = isolate(faulty.db);
      const site = await falling(3, broken.api);
      now = START + 3 * DAY;
      faulty.fail({ trip: failed + 1, message: "Network connection lost.", when });
      await broken.sweep().catch(() => {});
      met = faulty.pending === 0;
      faulty.heal();
      await main.sweep();
      await expectFallen(site, 3);
    }
    expect(failed).toBeGreaterThan(4);
  });

  test("each statement of a sweep's write failing: that lead is not touched, and the next sweep does it", async () => {
    let failed = 0;
    for (let recorded = 0; recorded === 0 && failed < 10; failed++) {
      const faulty = new FaultyDatabase(DB);
      const broken = isolate(faulty.db);
      const site = await falling(1, broken.api);
      const before = await versions(site);
      now = START + 3 * DAY;
      faulty.failStatement(failed);
      recorded = await broken.sweep().catch(() => 0);
      if (recorded === 0) expect(await versions(site)).toEqual(before);
      faulty.heal();
      await main.sweep();
      await expectFallen(site, 1);
    }
    expect(failed).toBeGreaterThan(2);
  });

  test("beacons and sweeps at the same time", async () => {
    const site = await falling(10);
    now = START + 3 * DAY;
    const pages = Array.from({ length: 40 }, (_, i) => site.post([page(`v${i % 10}`)]));
    const [answers] = await Promise.all([Promise.all(pages), main.sweep(), isolate().sweep(), main.sweep()]);
    for (const { status } of answers) expect(status).toBe(200);
    await expectFallen(site, 10);
  });
});

test("an event between due and sweep: time's crossing first, at its own instant, then the event's", async () => {
  const site = await falling(1);
  now = START + 2 * DAY;
  const again = track("v0", "A");
  expect((await site.post([again])).body.temperature).toBe("hot");
  await main.sweep();
  const items = await history(site, "visitor:v0");
  expect(items.map(({ from, to, cause }) => `${from}>${to} ${cause}`)).toEqual([
    "low>hot event",
    "hot>warm time",
    "warm>low time",
    "low>hot event",
  ]);
  expect(items[3]).toMatchObject({ at: iso(now), messageId: again.messageId });
  // A late one, of before what the sweep told: nothing told is taken back, and the chain stays whole.
  now += Math.log2(87.5 / 35) * DAY + HOUR;
  await main.sweep();
  await site.post([track("v0", "A", {}, { timestamp: iso(now - 2 * HOUR) })]);
  const chain = await history(site, "visitor:v0");
  expect(chain).toHaveLength(7);
  for (const [i, item] of chain.entries()) {
    if (i > 0) expect(item.from).toBe(chain[i - 1]?.to);
    if (i > 0) expect(item.at >= (chain[i - 1]?.at ?? "")).toBe(true);
  }
});

test("no other lead is touched, and what is due is found by index", async () => {
  const site = await falling(3);
  await site.import(Array.from({ length: 60 }, (_, i) => page(`still${i}`)));
  now = START + WARM + HOUR;
  await site.import([track("young", "A")]);
  const due = new Set(await Promise.all([0, 1, 2].map(async (i) => (await site.lead(`visitor:v${i}`)).id)));
  const before = await versions(site);
  const asked = vi.spyOn(DB, "prepare");
  expect(await main.sweep()).toBe(3);
  const sql = asked.mock.calls.map(([text]) => text);
  asked.mockRestore();
  for (const [id, version] of Object.entries(await versions(site))) {
    expect(version, id).toBe((before[id] ?? 0) + (due.has(id) ? 1 : 0));
  }
  const queries = sql.filter((text) => /^\s*select.* from leads.* where .*due_at/is.test(text));
  const plans = await Promise.all(
    queries.map((text) => DB.prepare(`EXPLAIN QUERY PLAN ${text}`).bind(now, 100, 0).all<{ detail: string }>()),
  );
  const details = plans.flatMap(({ results }) => results.map(({ detail }) => detail));
  expect(details.some((detail) => detail.includes("leads_due"))).toBe(true);
  // The fence of a site that is moved is looked up by its key.
  const ofLeads = details.filter((detail) => !/^CORRELATED|^SEARCH f USING PRIMARY KEY/.test(detail));
  for (const detail of ofLeads) expect(detail).toMatch(/^SEARCH .* USING (COVERING )?INDEX leads_due/);
});

test("where a split leaves only what machines did, nothing is due any more", async () => {
  const site = await falling(0);
  const crawler = { "User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)" };
  await site.post([page("crawler")], {}, { headers: crawler });
  const { id } = (await site.rest<{ id: string }>("/v1/leads/visitor:crawler")).body;
  await site.post([track("ann", "A"), { type: "alias", anonymousId: "ann", userId: "ann", previousId: "crawler" }]);
  expect((await site.rest(`/v1/leads/${id}/split`, { body: { visitor: "ann" } })).status).toBe(200);
  now += 365 * DAY;
  expect(await main.sweep(), "the levels of the person").toBeGreaterThan(0);
  const before = await versions(site);
  expect(await main.sweep()).toBe(0);
  expect(await versions(site)).toEqual(before);
  const row = await DB.prepare("SELECT due_at, refresh_at, score FROM leads WHERE id = ?").bind(id).first();
  expect(row).toEqual({ due_at: null, refresh_at: null, score: 0 });
});
