/**
 * Versions of rules (contract §5 "The law", §7): immutable, published under load, leads re-folded lazily and by a run
 * that may die half-way. Nobody sees a score of mixed versions, and what publishing changed is told once.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { refoldAll } from "../../worker/refold";
import { sweep } from "../../worker/sweep";
import { type Api, type Explanation, type Lead, type List, page, type Site, track } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { naive, type RulesDocument } from "../support/naive";
import { DAY, DB, expectTheLaw, startIsolate } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();
let now = START;

interface Version {
  version: number;
  rules: RulesDocument;
  inForce: boolean;
  publishedAt: string;
  progress: { leads: number; refolded: number; finishedAt: string | null };
}

/** An isolate whose background work the test runs itself as well. */
function isolate(db: D1Database = DB) {
  const { api, deps } = startIsolate({ db, clock: () => now });
  return { api, deps, refold: () => refoldAll(deps) };
}
const main = isolate();
const sites: string[] = [];

async function siteWith(rules: unknown, api = main.api): Promise<Site> {
  const site = await api.createSite(rules);
  sites.push(site.id);
  return site;
}

/** The same site as another isolate sees it. */
const elsewhere = (site: Site, { api }: { api: Api }): Site => Object.create(site, { api: { value: api } }) as Site;

const over = (gte: number) => ({ "scores.engagement": { gte } });
/** A page is worth `points`; warm at 50, hot at 100; a second ladder and dimension that move the other way. */
const RULES = (points: number): RulesDocument => ({
  dimensions: { engagement: { max: 1000 }, other: {} },
  rules: [
    { id: `page-${points}`, on: "page", points },
    { id: "against", dimension: "other", on: "page", points: -1 },
  ],
  levels: {
    temperature: [{ name: "cold" }, { name: "warm", when: over(50) }, { name: "hot", when: over(100) }],
    stage: [{ name: `lead-${points % 2}` }, { name: "mql", when: over(70) }],
  },
});

const versionOf = async (site: Site, n: number) => (await site.rest<Version>(`/v1/rules/versions/${n}`)).body;
const inForce = async (site: Site) => (await site.rest<{ version: number; rules: RulesDocument }>("/v1/rules")).body;
const rollback = (site: Site, version: number, headers: Record<string, string> = {}) =>
  site.rest<{ version: number; rules: unknown }>("/v1/rules/rollback", { body: { version }, headers });

async function history(site: Site, id: string) {
  type Item = { ladder: string; from: string; to: string; cause: string; rulesVersion: number; at: string };
  return (await site.rest<List<Item>>(`/v1/leads/${id}/history?limit=200`)).body.data.reverse();
}

async function rowVersions(site: Site) {
  const count = DB.prepare("SELECT rules_version v, count(*) n FROM leads WHERE site_id = ? GROUP BY 1");
  return (await count.bind(site.id).all<{ v: number; n: number }>()).results;
}

async function finished(site: Site): Promise<Version> {
  const { version } = await inForce(site);
  await vi.waitFor(async () => expect((await versionOf(site, version)).progress.finishedAt).not.toBeNull(), 20_000);
  return await versionOf(site, version);
}

beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));
afterAll(async () => {
  for (const id of sites) await expectTheLaw(id);
});

describe("versions", () => {
  test("are immutable, listed newest first, and progress reaches the number of leads", async () => {
    const site = await siteWith(RULES(1));
    await site.import(Array.from({ length: 130 }, (_, i) => page(`v${i}`)));
    for (const points of [2, 3]) expect((await site.publish(RULES(points))).status).toBe(200);
    expect((await rollback(site, 2)).body).toMatchObject({ version: 5, rules: RULES(1) });
    expect((await finished(site)).progress).toMatchObject({ leads: 130, refolded: 130 });
    expect(await rowVersions(site)).toEqual([{ v: 5, n: 130 }]);
    const { body } = await site.rest<List<Version>>("/v1/rules/versions");
    expect(body.data.map(({ version }) => version)).toEqual([5, 4, 3, 2, 1]);
    expect(body.data.filter(({ inForce }) => inForce).map(({ version }) => version)).toEqual([5]);
    const published = { 2: 1, 3: 2, 4: 3, 5: 1 };
    for (const [n, points] of Object.entries(published)) {
      expect((await versionOf(site, Number(n))).rules).toEqual(RULES(points));
    }
    // Page by page, the same.
    const first = (await site.rest<List<Version>>("/v1/rules/versions?limit=2")).body;
    const rest = (await site.rest<List<Version>>(`/v1/rules/versions?limit=200&cursor=${first.nextCursor}`)).body;
    expect([...first.data, ...rest.data]).toEqual(body.data);
  });

  test.each(["0", "99", "x", "1.5", "-1"])("there is no version %s", async (n) => {
    const site = await siteWith(RULES(1));
    expect([400, 404]).toContain((await site.rest(`/v1/rules/versions/${n}`)).status);
    expect([400, 404]).toContain((await site.rest("/v1/rules/rollback", { body: { version: Number(n) } })).status);
    expect((await inForce(site)).version).toBe(2);
  });

  test("rollback takes If-Match as publishing does", async () => {
    const site = await siteWith(RULES(1));
    expect((await rollback(site, 1, { "If-Match": '"1"' })).status).toBe(412);
    expect((await inForce(site)).version).toBe(2);
    expect((await rollback(site, 2, { "If-Match": '"2"' })).body.version).toBe(3);
    const match = { "If-Match": '"3"' };
    const race = await Promise.all([site.publish(RULES(4), match), rollback(site, 2, match), rollback(site, 1, match)]);
    expect(race.map(({ status }) => status).sort()).toEqual([200, 412, 412]);
  });
});

test("read during a re-fold, a lead is wholly of one version: list, lead, page and explanation", async () => {
  const site = await siteWith(RULES(1));
  await site.import(Array.from({ length: 60 }, (_, i) => [page(`v${i}`), page(`v${i}`)]).flat());
  const points = new Map([[2, 1]]);
  const expectWhole = ({ rulesVersion, exact, scores, levels, temperature }: Lead) => {
    const each = points.get(rulesVersion) ?? Number.NaN;
    expect(exact).toEqual({ score: 2 * each - 2, scores: { engagement: 2 * each, other: -2 } });
    expect(scores).toEqual(exact.scores);
    const wanted = each >= 50 ? "hot" : each >= 25 ? "warm" : "cold";
    expect([temperature, levels.temperature]).toEqual([wanted, wanted]);
    expect(levels.stage).toBe(each >= 35 ? "mql" : `lead-${each % 2}`);
  };
  const other = isolate();
  for (const [i, each] of [30, 60, 1, 40].entries()) {
    points.set(i + 3, each);
    const reads = Array.from({ length: 12 }, async (_, n) => {
      const mine = n % 3 === 0 ? elsewhere(site, other) : site;
      const id = `visitor:v${(n * 7) % 60}`;
      for (const lead of (await mine.rest<List<Lead>>("/v1/leads?limit=50")).body.data) expectWhole(lead);
      expectWhole(await mine.lead(id));
      const { body } = await mine.rest<Explanation>(`/v1/leads/${id}/explanation`);
      const [first] = body.data;
      expect(first?.points).toBe(2 * Number(first?.id.slice(5)));
      expect(body.exact).toBe((first?.points ?? 0) - 2);
      expect([...points.values()].map((one) => 2 * one - 2)).toContain((await mine.me(id.slice(8))).score);
    });
    const [published] = await Promise.all([site.publish(RULES(each)), ...reads]);
    expect(published.body.version).toBe(i + 3);
    // Once published, whoever reads next sees the new version, on every isolate.
    expect((await elsewhere(site, other).lead("visitor:v3")).rulesVersion).toBe(i + 3);
    expect((await site.me("v4")).score).toBe(2 * each - 2);
  }
  expect((await finished(site)).progress).toMatchObject({ leads: 60, refolded: 60 });
}, 60_000);

test("published and rolled back under load, on three isolates: the newest rules, each crossing told once", async () => {
  const isolates = [main, isolate(), isolate()];
  const site = await siteWith(RULES(1));
  const visitors = Array.from({ length: 12 }, (_, i) => `v${i}`);
  const sent = new Map<string, number>();
  const beacon = async (n: number): Promise<void> => {
    const visitor = visitors[n % visitors.length] ?? "";
    const message = page(visitor);
    sent.set(visitor, (sent.get(visitor) ?? 0) + 1);
    const where = elsewhere(site, isolates[n % 3] ?? main);
    for (let tries = 0; tries < 20; tries++) {
      const { status } = await where.post([message]);
      if (status === 200) return;
      expect(status).toBe(503);
    }
    throw new Error("never accepted");
  };
  const publishing = async () => {
    for (let i = 0; i < 8; i++) {
      const where = elsewhere(site, isolates[i % 3] ?? main);
      expect((await (i % 3 === 2 ? rollback(where, 2) : where.publish(RULES(10 * i + 5)))).status).toBe(200);
      await Promise.all([sweep(main.deps), isolates[1]?.refold()]);
    }
  };
  await Promise.all([...Array.from({ length: 240 }, (_, n) => beacon(n)), publishing()]);
  const { version, rules } = await inForce(site);
  expect(version).toBe(10);
  now += 31_000;
  for (const { refold } of isolates) await refold();
  for (const visitor of visitors) {
    const lead = await site.lead(`visitor:${visitor}`);
    const events = (await site.events(lead.id)).map(({ messageId, timestamp }) => ({
      messageId,
      type: "page" as const,
      visitor,
      timestamp: Date.parse(timestamp),
    }));
    expect(events).toHaveLength(sent.get(visitor) ?? 0);
    const { score, levels } = naive(rules, events, now);
    expect(lead).toMatchObject({ rulesVersion: version, levels, exact: { score } });
    const items = await history(site, lead.id);
    const last: Record<string, string> = {};
    const told = new Set<string>();
    for (const { ladder, from, to, cause, rulesVersion } of items) {
      if (last[ladder] !== undefined) expect(from, visitor).toBe(last[ladder]);
      expect(to).not.toBe(from);
      last[ladder] = to;
      if (cause !== "rules") continue;
      expect(told, "once a version and ladder").not.toContain(`${ladder} ${rulesVersion}`);
      told.add(`${ladder} ${rulesVersion}`);
    }
    for (const [ladder, level] of Object.entries(last)) expect(level).toBe(levels[ladder]);
  }
}, 60_000);

describe("the run that re-folds", () => {
  async function outdated(count: number, db: D1Database = DB) {
    const faulty = new FaultyDatabase(db);
    const broken = isolate(faulty.db);
    const site = await siteWith(RULES(1), broken.api);
    await site.import(Array.from({ length: count }, (_, i) => page(`v${i}`)));
    return { faulty, broken, site };
  }

  /** Each lead went from cold to hot, because of the rules, once. */
  async function expectTold(site: Site, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const items = (await history(site, `visitor:v${i}`)).filter(({ ladder }) => ladder === "temperature");
      expect(items).toMatchObject([{ from: "cold", to: "hot", cause: "rules", rulesVersion: 3 }]);
    }
  }

  test.each([3, 8, 30, 57])("dies at its %ith round trip and goes on where it was", async (trip) => {
    const { faulty, broken, site } = await outdated(60);
    const publish = site.publish(RULES(200));
    faulty.fail({ trip: trip + 4, message: "Network connection lost.", when: trip % 2 ? "before" : "after" });
    expect((await publish).status).toBe(200);
    await vi.waitFor(() => expect(faulty.pending).toBe(0));
    await broken.refold();
    expect((await finished(site)).progress).toMatchObject({ leads: 60, refolded: 60 });
    expect(await rowVersions(site)).toEqual([{ v: 3, n: 60 }]);
    await expectTold(site, 60);
  });

  test("four at once, on two isolates, beside those who read", async () => {
    const { site, broken } = await outdated(120);
    const other = isolate();
    const [{ status }] = await Promise.all([site.publish(RULES(200)), other.refold(), broken.refold()]);
    expect(status).toBe(200);
    await Promise.all([other.refold(), broken.refold(), main.refold(), site.lead("visitor:v1"), site.me("v2")]);
    expect((await finished(site)).progress).toMatchObject({ leads: 120, refolded: 120 });
    expect(await rowVersions(site)).toEqual([{ v: 3, n: 120 }]);
    await expectTold(site, 120);
  });

  test("an isolate that still holds the rules before neither folds back nor loses events", async () => {
    const site = await siteWith(RULES(1));
    const stale = isolate();
    const send = async (visitor: string) => (await elsewhere(site, stale).post([page(visitor)])).status;
    const visitors = ["v0", "v1", "v2", "v3", "v4"];
    for (const visitor of visitors) expect(await send(visitor)).toBe(200);
    await site.publish(RULES(200));
    await finished(site);
    expect(await send("new")).toBe(200);
    for (const visitor of visitors) expect(await send(visitor)).toBe(200);
    await stale.refold();
    await sweep(stale.deps);
    for (const visitor of visitors) {
      expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 2, rulesVersion: 3, score: 398 });
    }
    expect(await site.lead("visitor:new")).toMatchObject({ rulesVersion: 3, score: 199 });
  });

  test("what time brought before the new rules is told as time's, then the rules'", async () => {
    const fading = (points: number) => ({
      ...RULES(points),
      rules: [{ id: "a", on: "A", points, decay: { expires: "2d" } }],
    });
    const site = await siteWith(fading(60));
    now = START + 40 * DAY;
    const at = now;
    await site.post([track("v", "A"), track("w", "A")]);
    now += DAY;
    await site.publish(fading(120));
    await finished(site);
    now += 3 * DAY;
    expect((await history(site, "visitor:v")).filter(({ ladder }) => ladder === "temperature")).toMatchObject([
      { from: "cold", to: "warm", cause: "event", at: iso(at), rulesVersion: 2 },
      { from: "warm", to: "hot", cause: "rules", at: iso(at + DAY), rulesVersion: 3 },
      { from: "hot", to: "cold", cause: "time", at: iso(at + 2 * DAY), rulesVersion: 3 },
    ]);
  });
});
