/** Lists of one level: what a page of them reads, and that nothing is left out while changes are due or rules are new. */
import { beforeAll, describe, expect, test } from "vitest";
import { bandOf } from "../../worker/core/band";
import { sum, View } from "../../worker/core/view";
import { type LeadRow, readLead } from "../../worker/db/leads";
import { refoldAll } from "../../worker/refold";
import { refresh } from "../../worker/refresh";
import { publishRules } from "../../worker/rules";
import { type Lead, type List, PLAIN_RULES, type Site, track } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ALL_IDS, DAY, DB, MINUTE, startIsolate } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
let now = NOW;
const database = new FaultyDatabase<D1Database>(DB);
database.countsRaw = true;
const { api, deps } = startIsolate({ db: database.db, clock: () => now });

/** Points for every "Seen", and a second ladder; warm from 35, hot from 65. */
const rulesOf = (points: number, more: object = {}) => ({
  rules: [
    { id: "seen", on: "Seen", points, ...more },
    { id: "rival", on: "Rival Found", disqualify: "competitor" },
  ],
  levels: { ...PLAIN_RULES.levels, stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }] },
});

/** Leads that have seen something 0, 1, 2, … times, an hour apart. */
async function crowd(site: Site, leads: number): Promise<void> {
  const timestamp = (i: number) => new Date(NOW - i * 60 * MINUTE).toISOString();
  const messages = Array.from({ length: leads }, (_, i) => [
    track(`v${i}`, "Nothing", {}, { timestamp: timestamp(i) }),
    ...Array.from({ length: i }, () => track(`v${i}`, "Seen", {}, { timestamp: timestamp(i) })),
  ]).flat();
  for (let at = 0; at < messages.length; at += 1000) await site.import(messages.slice(at, at + 1000));
}

async function* pagesOf(site: Site, query: string, limit: number): AsyncGenerator<{ data: Lead[]; rowsRead: number }> {
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v1/leads?limit=${limit}&${query}${cursor && `&cursor=${cursor}`}`;
    let body: List<Lead> = { data: [], nextCursor: null };
    const { rowsRead } = await database.measure(async () => {
      ({ body } = await site.rest<List<Lead>>(path));
    });
    yield { data: body.data, rowsRead };
    cursor = body.nextCursor;
  }
}

describe("with 3,000 leads a page reads no more than 3 rows a lead", () => {
  const LEADS = 3_000;
  const LIMIT = 50;
  let site: Site;
  beforeAll(async () => {
    site = await api.createSite(rulesOf(5));
    // Its leads below are none that new rules have yet to reach.
    await refoldAll(deps);
    await crowd(site, 20);
    // Half of all have the lowest score, of the others many the same; the rest differ by less than any threshold. One in seven is known.
    await DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2),
         t AS (SELECT row_number() OVER (ORDER BY score) - 1 AS k, * FROM leads WHERE site_id = ?1)
       INSERT INTO leads (id, site_id, version, rules_version, state, told, keys, tail, logged, due_at, refresh_at, score,
         scores, oldest_at, known, disqualified, outcome_at, last_seen, seen_at)
       SELECT 'lead_copy' || i, site_id, 1, rules_version, state, told, keys, tail, logged, due_at, refresh_at,
         score + (i % 3 = 1) * i / 100000.0, scores, oldest_at, i % 7 = 0, disqualified, outcome_at, last_seen - i * 60000, seen_at - i * 60000
       FROM n JOIN t ON t.k = CASE WHEN i % 2 THEN i / 2 % 20 ELSE 0 END`,
    )
      .bind(site.id, LEADS - 20)
      .run();
  });
  const count = async (where: string) => {
    const found = await DB.prepare(`SELECT count(*) n FROM leads WHERE site_id = ?1 AND ${where}`)
      .bind(site.id)
      .first("n");
    return Number(found);
  };
  const level = (ladder: string, name: string) =>
    [`${ladder}=${name}`, `told ->> '$.levels.${ladder}' = '${name}'`] as const;
  const KNOWN = [
    ["", "true"],
    ["known=true", "known"],
    ["known=false", "NOT known"],
  ] as const;
  const LEVELS = [
    level("temperature", "cold"),
    level("temperature", "warm"),
    level("temperature", "hot"),
    level("stage", "mql"),
  ];

  test.each([
    ...["-score", "score"].flatMap((sort) => [...KNOWN, ...LEVELS].map((filter) => [...filter, sort] as const)),
    ...KNOWN.map((filter) => [...filter, "-lastSeen"] as const),
    ["known=true&temperature=cold", "known AND told ->> '$.levels.temperature' = 'cold'", "-score"] as const,
  ])("%s (%s) sorted by %s, each page", async (told, where, sort) => {
    const ids = new Set<string>();
    const most: number[] = [];
    let walked = 0;
    for await (const { data, rowsRead } of pagesOf(site, `sort=${sort}&${told}`, LIMIT)) {
      for (const { id } of data) ids.add(id);
      walked += data.length;
      most.push(rowsRead);
    }
    expect(most.length).toBeGreaterThan(5);
    expect(Math.max(...most), `rows of ${most.length} pages`).toBeLessThanOrEqual(3 * LIMIT);
    expect(walked).toBe(await count(where));
    expect(ids.size, "none twice").toBe(walked);
  });
});

describe("a list of one level is what the list of all has of it", () => {
  const LEADS = 60;
  const all = async (site: Site, query: string, limit: number) => {
    const found: Lead[] = [];
    for await (const { data } of pagesOf(site, query, limit)) found.push(...data);
    return found;
  };
  async function expectExact(site: Site): Promise<void> {
    for (const sort of ["-score", "score"]) {
      const everybody = await all(site, `sort=${sort}`, 200);
      expect(everybody).toHaveLength(LEADS);
      for (const level of ["cold", "warm", "hot"]) {
        const expected = everybody.filter(({ temperature }) => temperature === level).map(({ id }) => id);
        const found = await all(site, `sort=${sort}&temperature=${level}`, 7);
        expect(
          found.map(({ id }) => id),
          `${level} sorted by ${sort}`,
        ).toEqual(expected);
      }
    }
  }

  test.each([0, 1, 5, 12, 40])("%i days later, nothing of which was swept", async (days) => {
    now = NOW;
    const site = await api.createSite(rulesOf(2, { decay: { halfLife: "10d" } }));
    await crowd(site, LEADS);
    now = NOW + days * DAY;
    await expectExact(site);
    now = NOW;
  });

  test("under new rules: before the run that brings leads under them, in the midst of it, and after", async () => {
    const site = await api.createSite(rulesOf(2));
    await crowd(site, LEADS);
    const levels = async () => (await all(site, "", 200)).map(({ temperature }) => temperature).toSorted();
    const before = await levels();
    const publication = { document: rulesOf(1), expected: null, notify: false };
    await publishRules(deps, site.id, publication);
    expect(await levels()).not.toEqual(before);
    await expectExact(site);
    await site.import(Array.from({ length: LEADS / 2 }, (_, i) => track(`v${i * 2}`, "Nothing")));
    await expectExact(site);
    await refoldAll(deps);
    await expectExact(site);
  });
});

test("a lead that another isolate makes while it holds the rules before is found all the same", async () => {
  now = NOW;
  const site = await api.createSite(rulesOf(2));
  const elsewhere: Site = Object.create(site, { api: { value: startIsolate({ clock: () => now }).api } });
  await elsewhere.post([track("first", "Seen")]);
  await publishRules(deps, site.id, { document: rulesOf(4), expected: null, notify: false });
  await refoldAll(deps);
  const answer = await elsewhere.post(Array.from({ length: 20 }, () => track("late", "Seen")));
  expect(answer).toMatchObject({ status: 200 });
  for (const [level, leads] of [
    ["hot", ["late"]],
    ["warm", []],
    ["cold", ["first"]],
  ] as const) {
    const { data } = (await site.rest<List<Lead>>(`/v1/leads?temperature=${level}`)).body;
    expect(data.flatMap(({ visitors }) => visitors.map(({ id }) => id))).toEqual(leads);
  }
});

test("and so is one that it splits off", async () => {
  now = NOW;
  const site = await api.createSite(rulesOf(2));
  const elsewhere: Site = Object.create(site, { api: { value: startIsolate({ clock: () => now }).api } });
  await elsewhere.post([track("guest", "Seen"), track("ann", "Seen")]);
  await site.import([{ type: "identify", anonymousId: "ann", userId: "ann" }]);
  await elsewhere.post([{ type: "identify", anonymousId: "guest", userId: "ann" }]);
  await publishRules(deps, site.id, { document: rulesOf(40), expected: null, notify: false });
  await refoldAll(deps);
  const { status } = await elsewhere.rest("/v1/leads/user:ann/split", { body: { visitor: "guest" } });
  expect(status).toBe(200);
  expect((await site.rest<List<Lead>>("/v1/leads?temperature=warm")).body.data).toHaveLength(2);
});

test("a stored score lies in the band of the levels told, however long it was left as it was", async () => {
  const LEADS = 80;
  now = NOW;
  const site = await api.createSite(rulesOf(1, { decay: { halfLife: "20d" } }));
  await crowd(site, LEADS);
  const { rules } = (await deps.sites.read(site.id)) ?? expect.fail("no site");
  let left = 0;
  for (let step = 1; step <= 24; step++) {
    now = NOW + step * 7 * 60 * MINUTE;
    // Some are looked at by the run, others are there again and earn nothing.
    if (step % 5 === 0) await refresh(deps, ALL_IDS);
    await site.import(Array.from({ length: LEADS / 4 }, (_, i) => track(`v${(i * 4 + step) % LEADS}`, "Nothing")));
    const { results } = await DB.prepare("SELECT * FROM leads WHERE site_id = ?1 AND (due_at IS NULL OR due_at > ?2)")
      .bind(site.id, now)
      .all<LeadRow>();
    for (const row of results) {
      const { told, state, score } = readLead(row);
      if (score !== sum(new View(rules, state, now).scores().low)) left++;
      for (const [ladder, level] of Object.entries(told.levels)) {
        const { low, high } = bandOf(rules, { [ladder]: level }, false);
        expect(score, level).toBeGreaterThanOrEqual(low);
        expect(score, level).toBeLessThanOrEqual(high);
      }
    }
  }
  expect(left, "scores that were left").toBeGreaterThan(LEADS);
  now = NOW;
});
