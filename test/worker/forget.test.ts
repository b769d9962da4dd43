/** Leads that nobody knows are kept for as long as their site says after they were there last. Time is the test's own. */
import { beforeEach, expect, test, vi } from "vitest";
import { deleteForgotten } from "../../worker/db/erase";
import { LEADS_A_RUN, prune } from "../../worker/prune";
import { type Message, type Problem, page, type Site } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DAY, DB, expectNothingDangling, expectTheLaw, startIsolate } from "./app";

interface Versioned {
  id: string;
  version: number;
}

const NOW = Date.parse("2026-11-22T12:00:00Z");
const CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const RULES = {
  dimensions: { engagement: { decay: { halfLife: "10d" } } },
  rules: [{ id: "page", on: "page", points: 30 }],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 20 } } }] },
};
let now = NOW;
const clock = () => now;
const { api, deps } = startIsolate({ clock });

// Runs see to all sites.
beforeEach(async () => {
  now = NOW;
  await DB.prepare("UPDATE sites SET retention_days = NULL, anonymous_retention_days = NULL").run();
});

const ago = (days: number) => ({ timestamp: new Date(NOW - days * DAY).toISOString() });
const seen = (visitor: string, days: number, more: Message = {}) => page(visitor, "/", { ...ago(days), ...more });

async function siteOf(messages: Message[], anonymousRetentionDays: number | null = 90): Promise<Site> {
  const site = await api.createSite(RULES);
  expect((await site.import(messages)).body.rejected).toEqual([]);
  await keep(site, { anonymousRetentionDays, retentionDays: null });
  return site;
}

async function keep(site: Site, body: object): Promise<void> {
  expect((await api.rest(`/v1/sites/${site.id}`, { method: "PATCH", body })).status).toBe(200);
}

/** Which of some visitors have a lead. */
async function left(site: Site, visitors: readonly string[]): Promise<string[]> {
  const { results } = await DB.prepare("SELECT keys FROM leads WHERE site_id = ?")
    .bind(site.id)
    .all<{ keys: string }>();
  const keys = new Set(results.flatMap((row) => JSON.parse(row.keys) as string[]));
  return visitors.filter((visitor) => keys.has(`visitor:${visitor}`));
}

test("strangers and machines go with all there is of them; who is known, converted, noted or came back stays", async () => {
  const site = await siteOf([
    ...Array.from({ length: 40 }, () => seen("stranger", 100)),
    seen("machine", 100, { context: { userAgent: CRAWLER } }),
    seen("crawler", 100, { context: { userAgent: CRAWLER } }),
    seen("crawler", 80, { context: { userAgent: CRAWLER } }),
    seen("returned", 100),
    seen("returned", 80),
    seen("known", 100),
    { type: "identify", anonymousId: "known", userId: "ann", ...ago(100) },
    seen("customer", 100),
    ...["noted", "called", "requalified"].map((visitor) => seen(visitor, 100)),
  ]);
  const noted = [
    await site.rest("/v1/outcomes", { body: { lead: "visitor:customer", outcome: "won" } }),
    await site.rest("/v1/leads/visitor:noted", { method: "PATCH", body: { status: "opportunity" } }),
    await site.rest("/v1/leads/visitor:called", { method: "PATCH", body: { traits: { phone: "+49 1" } } }),
    await site.rest("/v1/leads/visitor:requalified", { method: "PATCH", body: { disqualified: null } }),
  ];
  for (const { status } of noted) expect(status).toBeLessThan(300);
  const stay = ["crawler", "returned", "known", "customer", "noted", "called", "requalified"];
  const all = ["stranger", "machine", ...stay];
  expect(await left(site, all)).toEqual(all);
  expect(await prune(deps)).toBeGreaterThan(0);
  expect(await left(site, all)).toEqual(stay);
  await expectNothingDangling(site.id);
  await expectTheLaw(site.id);
  const told = await api.call(`/v1/me?writeKey=${site.writeKey}&anonymousId=stranger`);
  expect(await told.json()).toMatchObject({ temperature: "cold", score: 0 });
  // Who comes back is new.
  await site.post([page("stranger")]);
  expect(await site.lead("visitor:stranger")).toMatchObject({ score: 30, pageviews: 1, visits: 1 });
  await expectTheLaw(site.id);
});

test("nobody goes where nothing is said, and once a day is enough", async () => {
  const site = await siteOf([seen("a", 1_000)], null);
  expect(await prune(deps)).toBe(0);
  expect(await left(site, ["a"])).toEqual(["a"]);
  await keep(site, { anonymousRetentionDays: 1_001 });
  expect(await prune(deps)).toBe(0);
  await keep(site, { anonymousRetentionDays: 90 });
  expect(await prune(deps), "other days act at once").toBe(1);
  await site.import([seen("b", 100)]);
  expect(await prune(deps), "today's run was through").toBe(0);
  now += DAY;
  expect(await prune(deps)).toBe(1);
  expect(await left(site, ["a", "b"])).toEqual([]);
});

test("many go in several runs, with events of others pruned on the way, and two runs at once do no harm", async () => {
  const strangers = Array.from({ length: LEADS_A_RUN + 30 }, (_, i) => `stranger-${i}`);
  const site = await siteOf([
    ...strangers.map((visitor) => seen(visitor, 100)),
    ...["x", "y"].flatMap((visitor) => [seen(visitor, 200), seen(visitor, 1)]),
  ]);
  await keep(site, { retentionDays: 150 });
  expect(await prune(deps)).toBe(LEADS_A_RUN);
  await Promise.all([prune(deps), prune(startIsolate({ clock }).deps)]);
  expect(await left(site, [...strangers, "x", "y"])).toEqual(["x", "y"]);
  expect(await site.events("visitor:x")).toHaveLength(1);
  await expectNothingDangling(site.id);
  await expectTheLaw(site.id);
});

test("costs at most a row for each message id and three for the lead: its own, and its places by score and by time", async () => {
  const strangers = Array.from({ length: 10 }, (_, i) => `stranger-${i}`);
  await siteOf(strangers.flatMap((visitor) => [seen(visitor, 101), seen(visitor, 100), seen(visitor, 100)]));
  const faulty = new FaultyDatabase(DB);
  const { deps: measured } = startIsolate({ db: faulty.db, clock });
  const { rowsWritten, trips } = await faulty.measure(async () => expect(await prune(measured)).toBe(10));
  // Each reached a level once, which is a row of its history; and how far the run came is one.
  expect(rowsWritten).toBeLessThanOrEqual(10 * (3 + 3 + 1) + 1);
  expect(rowsWritten).toBeGreaterThan(10 * (3 + 1 + 1));
  expect(trips).toBeLessThan(10);
});

test("who comes back while a run forgets is new or stays whole, and counts once", async () => {
  const visitors = Array.from({ length: 15 }, (_, i) => `v${i}`);
  const site = await siteOf(visitors.map((visitor) => seen(visitor, 100)));
  const back = visitors.slice(0, 8);
  const other = startIsolate({ clock });
  const answers = back.map((visitor) => site.post([page(visitor)]));
  await Promise.all([prune(deps), prune(other.deps), ...answers]);
  for (const answer of answers) expect((await answer).status).toBe(200);
  now += DAY;
  await prune(deps);
  expect(await left(site, visitors)).toEqual(back);
  await expectNothingDangling(site.id);
  await expectTheLaw(site.id);
});

test("one that is written while it is read stays, and keeps none of the others", async () => {
  const visitors = Array.from({ length: 12 }, (_, i) => `v${i}`);
  // So many events that some are in the log, which is read after the lead.
  const site = await siteOf(visitors.flatMap((visitor) => Array.from({ length: 40 }, () => seen(visitor, 100))));
  const other = startIsolate({ clock });
  const { prepare } = other.deps.db;
  const reading = vi.spyOn(other.deps.db, "prepare").mockImplementation((sql) => {
    const statement = prepare.call(other.deps.db, sql);
    if (!sql.includes("FROM log g")) return statement;
    reading.mockRestore();
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      const all = bound.all.bind(bound);
      bound.all = async <T>() => {
        await site.post([page("v0")]);
        return await all<T>();
      };
      return bound;
    };
    return statement;
  });
  await prune(other.deps);
  expect(await left(site, visitors)).toEqual(["v0"]);
  await expectTheLaw(site.id);
});

test("who stays for what sales noted has old events pruned all the same", async () => {
  const site = await siteOf([seen("noted", 100), seen("stranger", 100)]);
  await site.rest("/v1/leads/visitor:noted", { method: "PATCH", body: { status: "opportunity" } });
  await keep(site, { retentionDays: 50 });
  await prune(deps);
  expect(await left(site, ["noted", "stranger"])).toEqual(["noted"]);
  expect((await site.events("visitor:noted")).map(({ type }) => type)).toEqual(["track"]);
});

test("a history of any length goes", async () => {
  const site = await siteOf(Array.from({ length: 900 }, () => seen("talker", 100)));
  const many = Array.from({ length: 25_000 }, (_, i) => `made-up-${i}`);
  await DB.prepare("INSERT INTO messages (site_id, id) SELECT ?1, value FROM json_each(?2)")
    .bind(site.id, JSON.stringify(many))
    .run();
  const row = await DB.prepare("SELECT id, version FROM leads WHERE site_id = ?").bind(site.id).first<Versioned>();
  const ids = (await DB.prepare("SELECT id FROM messages WHERE site_id = ?").bind(site.id).all<{ id: string }>())
    .results;
  await deleteForgotten(DB, site.id, [{ ...(row as Versioned), messages: ids.map(({ id }) => id) }]);
  const rest = await DB.prepare("SELECT count(*) n FROM messages WHERE site_id = ?").bind(site.id).first("n");
  expect([await left(site, ["talker"]), rest]).toEqual([[], 0]);
});

test.each(["before", "after"] as const)("each round trip failing %s it was done: all goes in the end", async (when) => {
  let met = true;
  for (let trip = 1; met; trip++) {
    const site = await siteOf([seen("a", 100), seen("b", 100), seen("c", 1)]);
    const faulty = new FaultyDatabase(DB);
    faulty.fail({ trip, message: "Network connection lost.", when });
    await prune(startIsolate({ db: faulty.db, clock }).deps).catch(() => {});
    met = faulty.pending === 0;
    await prune(deps);
    expect(await left(site, ["a", "b", "c"])).toEqual(["c"]);
    await expectNothingDangling(site.id);
    await expectTheLaw(site.id);
  }
});

test.each([30, 0, 1.5, "90"])("%j days are refused: a browser may send so late", async (anonymousRetentionDays) => {
  const site = await siteOf([], null);
  const answer = await api.rest<Problem>(`/v1/sites/${site.id}`, { method: "PATCH", body: { anonymousRetentionDays } });
  expect(answer.status).toBe(400);
  expect(JSON.stringify(answer.body)).toContain("a whole number from 31 to 36500, or null");
});
