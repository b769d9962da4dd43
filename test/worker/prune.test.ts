/**
 * Retention: what is older than a site keeps it is gone from every table, and nothing else of a lead is another for it.
 * Time is the test's own.
 */
import { beforeEach, describe, expect, test } from "vitest";
import worker from "../../worker/index";
import { LEADS_A_RUN, LOOKED_AT_ONCE, prune } from "../../worker/prune";
import { type Explanation, type Lead, type List, type Message, page, type Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, ASSETS, DAY, DB, expectTheLaw, startIsolate } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();
/** In what was imported, and to be found nowhere afterwards. */
const SECRET = "wanderlust";
let now = NOW;
const clock = () => now;
const { api, deps } = startIsolate({ clock });

// What other tests left would be pruned along, and found.
beforeEach(async () => {
  now = NOW;
  const tables = ["leads", "log", "crossings", "identities", "messages"];
  await DB.batch([
    DB.prepare("UPDATE sites SET retention_days = NULL"),
    ...tables.map((table) => DB.prepare(`DELETE FROM ${table}`)),
  ]);
});

const RULES = {
  dimensions: { engagement: { decay: { halfLife: "300d" } } },
  groups: { blog: { max: 4 } },
  counters: { seconds: { on: "Page Engaged", sum: "properties.seconds" } },
  rules: [
    { id: "guide", on: "File Downloaded", where: { "properties.file": `${SECRET}*` }, points: 40, limit: { times: 1 } },
    { id: "each", on: "File Downloaded", points: 5, limit: { times: 1, by: "properties.file" } },
    { id: "blog", group: "blog", on: "page", where: { path: `/${SECRET}/*` }, points: 3 },
    { id: "boss", on: "page", where: { "traits.title": "CEO", title: `*${SECRET}` }, points: 2, decay: null },
    { id: "engaged", while: { "counters.seconds": { gte: 90 } }, points: 9 },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 20 } } }] },
};

const ago = (days: number) => ({ timestamp: iso(NOW - days * DAY) });
const view = (visitor: string, days: number, secret = SECRET, more: Message = {}): Message =>
  page(visitor, `/${secret}/one`, {
    ...ago(days),
    name: secret,
    properties: { path: `/${secret}/one`, title: `On ${secret}`, ...more },
    context: { page: { url: `https://shop.example/${secret}/one` }, locale: secret },
  });
/** From one page to the next: only where a lead first came from is its own, and kept. */
const onward = (visitor: string, days: number) =>
  view(visitor, days, SECRET, { referrer: `https://shop.example/${SECRET}/two` });
const got = (visitor: string, file: string, days: number) => track(visitor, "File Downloaded", { file }, ago(days));
const identify = (visitor: string, days: number, more: Message): Message => ({
  type: "identify",
  anonymousId: visitor,
  ...ago(days),
  ...more,
});

/** A history of two years, one event after the other. */
const history = (visitor: string): Message[] => [
  page(visitor, "/", { ...ago(731), context: { page: { referrer: "https://www.google.com/" } } }),
  onward(visitor, 730),
  identify(visitor, 720, { traits: { title: "CEO" } }),
  onward(visitor, 700),
  got(visitor, `${SECRET}.pdf`, 650),
  track(visitor, "Page Engaged", { seconds: 60, note: SECRET }, ago(600)),
  identify(visitor, 590, { traits: { title: "retired" } }),
  view(visitor, 500),
  track(visitor, "Page Engaged", { seconds: 30 }, ago(10)),
  view(visitor, 9, "recent"),
  got(visitor, "other.pdf", 8),
];

async function imported(messages: Message[], rules: unknown = RULES): Promise<Site> {
  const site = await api.createSite(rules);
  expect((await site.import(messages)).body.rejected).toEqual([]);
  return site;
}

/** Every table whose text has the word in it. */
async function tablesWith(word: string): Promise<string[]> {
  const tables = await DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const found: string[] = [];
  for (const { name } of tables.results) {
    // Rules are the marketer's own text.
    if (name === "rule_versions") continue;
    const { results } = await DB.prepare(`SELECT * FROM "${name}"`).all();
    if (JSON.stringify(results).includes(word)) found.push(name);
  }
  return found;
}

const oldest = async (site: Site) =>
  (
    await DB.prepare("SELECT oldest_at FROM leads WHERE site_id = ?").bind(site.id).all<{ oldest_at: number | null }>()
  ).results.map((row) => row.oldest_at);

/** What the API says of a lead's score, now and in a year, without what the tests of its rules saw. */
async function standing(site: Site, id: string) {
  const told: unknown[] = [];
  for (const at of [now, now + 365 * DAY]) {
    const { at: _, ...sums } = (await site.rest<Explanation>(`/v1/leads/${id}/explanation?at=${iso(at)}`)).body;
    told.push({ ...sums, data: sums.data.map(({ because, ...line }) => ({ ...line, tests: because.length })) });
  }
  const { body } = await site.rest<List<object> & { points: object[] }>(`/v1/leads/${id}/history`);
  return { lead: await site.lead(id), told, history: body.data, points: body.points };
}

test("what is too old is gone from every table; score, levels, history and what is to come are the same", async () => {
  const site = await imported(history("v"));
  const before = await standing(site, "visitor:v");
  expect(before.lead).toMatchObject({ visits: 5, pageviews: 5, source: { channel: "organic" }, temperature: "warm" });
  expect(await tablesWith(SECRET)).toEqual(["leads"]);

  expect(await prune(deps)).toBe(1);
  expect(await tablesWith(SECRET)).toEqual([]);
  expect(await standing(site, "visitor:v")).toEqual(before);
  await expectTheLaw(site.id);
  const events = await site.events("visitor:v");
  expect(events.map(({ type, event, timestamp }) => `${event ?? type} ${(NOW - Date.parse(timestamp)) / DAY}`)).toEqual(
    ["Page Engaged 10", "page 9", "File Downloaded 8"],
  );
  expect(events.every(({ messageId }) => messageId.length > 0)).toBe(true);
  const { because } = (await site.rest<Explanation>("/v1/leads/visitor:v/explanation")).body.data[0] ?? {};
  expect(because).toEqual([{ field: "properties.file", test: `${SECRET}*`, actual: null, holds: true, pruned: true }]);

  // The limits are used up still, and the counters go on.
  await site.import([got("v", `${SECRET}.pdf`, 1), track("v", "Page Engaged", { seconds: 30 }, ago(1)), view("v", 1)]);
  const { data } = (await site.rest<Explanation>("/v1/leads/visitor:v/explanation")).body;
  expect(data.map(({ fired, limited }) => [fired, limited])).toEqual([
    [1, 1],
    [2, 1],
    [4, 0],
    [1, 0],
    [0, 0],
  ]);
  await expectTheLaw(site.id);
});

test("the Worker's schedule prunes, too", async () => {
  now = Date.now();
  const old = new Date(now - 500 * DAY).toISOString();
  await imported([{ ...view("v", 0), timestamp: old }]);
  const controller = { scheduledTime: now, cron: "* * * * *", noRetry: () => {} };
  await worker.scheduled(controller, { DB, ASSETS, KELVIN_ADMIN_KEY: ADMIN_KEY });
  expect(await tablesWith(SECRET)).toEqual([]);
});

test("a message that was pruned counts no second time", async () => {
  const messages = [view("v", 500), view("v", 1)];
  const site = await imported(messages);
  await prune(deps);
  await site.import([...messages, ...messages]);
  expect((await site.lead("visitor:v")).pageviews).toBe(2);
  await expectTheLaw(site.id);
});

test("pages of events have only those that are whole, and as many as were asked for", async () => {
  const many = Array.from({ length: 30 }, (_, i) => page("v", `/${i}`, ago(i % 2 === 0 ? 500 : 30 - i)));
  const site = await imported([...many, identify("v", 500, { traits: { n: 1 } })]);
  await prune(deps);
  const sizes: number[] = [];
  const seen: string[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v1/leads/visitor:v/events?limit=5${cursor && `&cursor=${cursor}`}`;
    const { data, nextCursor } = (await site.rest<List<Message>>(path)).body;
    sizes.push(data.length);
    seen.push(...data.map(({ messageId }) => String(messageId)));
    cursor = nextCursor;
  }
  expect(sizes).toEqual([5, 5, 5]);
  expect(seen).toEqual(
    many
      .filter((_, i) => i % 2 === 1)
      .map(({ messageId }) => messageId)
      .reverse(),
  );
});

test("once a day, by UTC; a run with nothing to do asks once and writes nothing", async () => {
  const faulty = new FaultyDatabase(DB);
  const other = startIsolate({ db: faulty.db, clock });
  const site = await imported(history("v"));
  expect(await prune(other.deps)).toBe(1);
  await site.import([view("late", 500)]);
  const idle = await faulty.measure(async () => expect(await prune(other.deps)).toBe(0));
  expect(idle).toMatchObject({ trips: 1, rowsWritten: 0 });
  now = Date.parse("2026-11-23T00:00:00Z");
  expect(await prune(other.deps), "what came since waits for the next day").toBe(1);
  now += DAY;
  const next = await faulty.measure(async () => expect(await prune(other.deps)).toBe(0));
  expect(next, "nothing is old: only that the run was through is noted").toMatchObject({ trips: 4, rowsWritten: 1 });
  await expectTheLaw(site.id);
});

test("events grow old: each day what has become too old", async () => {
  const site = await imported([view("v", 395), view("v", 300)]);
  expect(await prune(deps)).toBe(0);
  expect(await oldest(site)).toEqual([NOW - 395 * DAY]);
  now += 2 * DAY;
  expect(await prune(deps)).toBe(1);
  expect(await oldest(site)).toEqual([NOW - 300 * DAY]);
  now += 200 * DAY;
  expect(await prune(deps)).toBe(1);
  expect(await oldest(site)).toEqual([null]);
  expect(await tablesWith(SECRET)).toEqual([]);
  now += 200 * DAY;
  expect(await prune(deps)).toBe(0);
  await expectTheLaw(site.id);
});

test("the oldest event is known of every lead, late and merged ones too", async () => {
  const site = await imported([view("a", 10), view("a", 20), identify("b", 99, { traits: { n: 1 } })]);
  expect((await oldest(site)).toSorted()).toEqual([NOW - 99 * DAY, NOW - 20 * DAY]);
  await site.import([view("b", 5)]);
  await site.import([identify("a", 0, { userId: "u" }), identify("b", 0, { userId: "u" })]);
  expect(await oldest(site)).toEqual([NOW - 99 * DAY]);
});

test("leads from before retention are looked at once", async () => {
  const site = await imported([view("young", 1), view("old", 500), identify("none", 500, { traits: { n: 1 } })]);
  await DB.prepare("UPDATE leads SET oldest_at = 0 WHERE site_id = ?").bind(site.id).run();
  expect(await prune(deps)).toBe(3);
  expect(new Set(await oldest(site))).toEqual(new Set([NOW - DAY, null]));
  now += DAY;
  expect(await prune(deps)).toBe(0);
  await expectTheLaw(site.id);
});

describe("the setting", () => {
  const keep = async (site: Site, change: object) =>
    expect((await api.rest(`/v1/sites/${site.id}`, { method: "PATCH", body: change })).status).toBe(200);

  test("null keeps events for ever", async () => {
    const site = await imported(history("v"));
    await keep(site, { retentionDays: null });
    expect(await prune(deps)).toBe(0);
    expect(await tablesWith(SECRET)).toContain("leads");
    await keep(site, { retentionDays: 396 });
    expect(await prune(deps)).toBe(1);
    expect(await tablesWith(SECRET)).toEqual([]);
  });

  test("fewer days act at once, and only a change of the days begins anew", async () => {
    const site = await imported([view("v", 60), view("v", 6)]);
    expect(await prune(deps)).toBe(0);
    await keep(site, { name: "Other", retentionDays: 396 });
    await site.import([view("w", 500)]);
    expect(await prune(deps), "today's run was through").toBe(0);
    await keep(site, { retentionDays: 30 });
    expect(await prune(deps)).toBe(2);
    expect(await oldest(site)).toEqual(expect.arrayContaining([null, NOW - 6 * DAY]));
    await keep(site, { retentionDays: 3 });
    expect(await prune(deps)).toBe(1);
    expect(await tablesWith(SECRET)).toEqual([]);
    await expectTheLaw(site.id);
  });

  test("a change in the middle of a run begins anew", async () => {
    const site = await imported([view("v", 60)]);
    const other = startIsolate({ clock });
    // The run has read what the site keeps; then that changes; then it notes that it is through.
    const { read } = other.deps.sites;
    other.deps.sites.read = async (name) => {
      await keep(site, { retentionDays: 30 });
      return await read.call(other.deps.sites, name);
    };
    expect(await prune(other.deps)).toBe(0);
    expect(await prune(deps), "the progress noted would have been of the days before").toBe(1);
    expect(await tablesWith(SECRET)).toEqual([]);
  });
});

test("joined after pruning: what counts once counted once", async () => {
  const site = await imported([got("a", `${SECRET}.pdf`, 500), got("b", `${SECRET}.pdf`, 450), view("b", 440)]);
  expect(await prune(deps)).toBe(2);
  await site.import([identify("a", 0, { userId: "u" }), identify("b", 0, { userId: "u" })]);
  const { data } = (await site.rest<Explanation>("/v1/leads/user:u/explanation")).body;
  expect(data.slice(0, 3).map(({ fired, limited }) => [fired, limited])).toEqual([
    [1, 1],
    [1, 1],
    [1, 0],
  ]);
  await expectTheLaw(site.id);
  now += DAY;
  expect(await prune(deps), "there is nothing more to prune in the union").toBe(0);
});

test("split after pruning: each half is what it would be had they never joined", async () => {
  const mine = [onward("guest", 700), onward("guest", 690), got("guest", `${SECRET}.pdf`, 600), view("guest", 3)];
  const theirs = [onward("home", 710), got("home", `${SECRET}.pdf`, 650), identify("home", 640, { userId: "u" })];
  const site = await imported([...theirs, ...mine.map((message) => ({ ...message, context: {} }))]);
  const alone = await api.createSite(RULES);
  await alone.import(mine.map((message) => ({ ...message, messageId: unique(), context: {} })));
  await site.post([{ type: "identify", anonymousId: "guest", userId: "u" }]);
  expect((await site.lead("user:u")).visitors.length).toBe(2);
  expect(await prune(deps)).toBe(2);
  const { status } = await site.rest("/v1/leads/user:u/split", { body: { visitor: "guest" } });
  expect(status).toBe(200);
  const points = async (from: Site, id: string) =>
    (await from.rest<Explanation>(`/v1/leads/${id}/explanation`)).body.data.map((line) => [line.points, line.fired]);
  expect(await points(site, "visitor:guest")).toEqual(await points(alone, "visitor:guest"));
  expect((await site.lead("visitor:guest")).source).toEqual((await alone.lead("visitor:guest")).source);
  expect((await oldest(site)).toSorted()).toEqual([NOW - 3 * DAY, null].toSorted());
  await expectTheLaw(site.id);
});

test("new rules apply to what was pruned as far as their conditions are known from before", async () => {
  const site = await imported(history("v"));
  await prune(deps);
  const [, each, blog] = RULES.rules;
  const rules = [{ ...blog, id: "posts", points: 4, group: undefined }, each, { id: "all", on: "page", points: 1 }];
  await site.publish({
    ...RULES,
    rules: [...rules, { id: "new", on: "page", where: { path: `/${SECRET}*` }, points: 1 }],
  });
  const { data } = (await site.rest<Explanation>("/v1/leads/visitor:v/explanation")).body;
  expect(data.map(({ id, fired }) => [id, fired])).toEqual([
    ["posts", 3],
    ["each", 2],
    ["all", 5],
    ["new", 0],
  ]);
});

test("a lead under older rules is pruned by those in force, and its crossing told", async () => {
  const site = await imported(history("v"));
  const [guide] = RULES.rules;
  await site.publish({ ...RULES, rules: [{ ...guide, where: { "properties.file": "*.pdf" }, points: -50 }] });
  expect(await prune(deps)).toBe(1);
  expect((await site.rest<Explanation>("/v1/leads/visitor:v/explanation")).body.data[0]).toMatchObject({ fired: 1 });
  const { data } = (await site.rest<List<{ cause: string }>>("/v1/leads/visitor:v/history")).body;
  expect(data.filter(({ cause }) => cause === "rules").length).toBe(1);
  await expectTheLaw(site.id);
});

describe("a large site", () => {
  const crowd = LEADS_A_RUN + 15;
  async function crowded(): Promise<Site> {
    const old = Array.from({ length: crowd }, (_, i) => view(`old-${i}`, 500));
    const site = await imported(old);
    // Leads with nothing old, so many that one statement does not read them all.
    await DB.prepare(
      `INSERT INTO leads (site_id, id, version, rules_version, state, told, keys, tail, logged, score, scores, known,
         disqualified, last_seen, oldest_at)
       SELECT site_id, 'lead_' || lower(hex(randomblob(16))), version, rules_version, '{}', told, '[]', '', 0, 0, '{}', 0,
         0, 0, NULL
       FROM (SELECT * FROM leads WHERE site_id = ?1 LIMIT 1), json_each(?2)`,
    )
      .bind(site.id, JSON.stringify(Array.from({ length: LOOKED_AT_ONCE }, (_, i) => i)))
      .run();
    return site;
  }
  const left = async () =>
    (await DB.prepare("SELECT count(*) n FROM leads WHERE oldest_at > 0").first<number>("n")) ?? -1;
  const clear = (site: Site) => DB.prepare("DELETE FROM leads WHERE site_id = ? AND keys = '[]'").bind(site.id).run();

  test("is pruned in several runs, each where the one before ended", async () => {
    const site = await crowded();
    expect(await prune(deps)).toBe(LEADS_A_RUN);
    expect(await left()).toBe(crowd - LEADS_A_RUN);
    const faulty = new FaultyDatabase(DB);
    const other = startIsolate({ db: faulty.db, clock });
    const rest = await faulty.measure(async () => expect(await prune(other.deps)).toBe(crowd - LEADS_A_RUN));
    expect(rest.rowsRead, "does not begin from the start").toBeLessThan(LOOKED_AT_ONCE);
    expect(await left()).toBe(0);
    expect(await prune(deps)).toBe(0);
    expect(await tablesWith(SECRET)).toEqual([]);
    await clear(site);
    await expectTheLaw(site.id);
  });

  test("by two runs at once, both of which die on the way", async () => {
    const site = await crowded();
    for (const trip of [2, 5, 30]) {
      const runs = [2, 1].map(async (factor) => {
        const faulty = new FaultyDatabase(DB);
        faulty.fail({
          trip: trip * factor,
          message: "Network connection lost.",
          when: factor === 1 ? "before" : "after",
        });
        await prune(startIsolate({ db: faulty.db, clock }).deps);
      });
      expect((await Promise.allSettled(runs)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    }
    for (let runs = 0; runs < 5; runs++) await Promise.all([prune(deps), prune(startIsolate({ clock }).deps)]);
    expect(await left()).toBe(0);
    expect(await tablesWith(SECRET)).toEqual([]);
    await clear(site);
    await expectTheLaw(site.id);
  });
});

test("beacons that come while their lead is pruned are neither lost nor counted twice", async () => {
  const visitors = ["a", "b", "c"];
  const site = await imported(visitors.flatMap(history));
  const busy = startIsolate({ clock });
  const beacons = visitors.flatMap((visitor) => [1, 2, 3, 4].map(() => page(visitor, "/now")));
  const send = beacons.map((beacon) => site.post([beacon]));
  await Promise.all([prune(deps), ...send, prune(busy.deps)]);
  for (const visitor of visitors) {
    const lead: Lead = await site.lead(`visitor:${visitor}`);
    expect(lead.pageviews).toBe(9);
  }
  now += DAY;
  await prune(deps);
  expect(await tablesWith(SECRET)).toEqual([]);
  await expectTheLaw(site.id);
});

test("the query of an address is never stored, whoever sends it", async () => {
  const site = await api.createSite(RULES);
  const address = `https://shop.example/a?q=${SECRET}&utm_source=mail#${SECRET}`;
  const message = (visitor: string) => ({
    type: "page",
    anonymousId: visitor,
    properties: { url: address, referrer: address, path: `/a?${SECRET}`, search: `?${SECRET}` },
    context: { page: { url: address, referrer: address, search: SECRET } },
  });
  await site.post([message("v"), track("v", "Link Clicked", { url: address })]);
  await site.import([message("w"), track("w", "File Downloaded", { url: address })]);
  const query = new URLSearchParams({ writeKey: site.writeKey, anonymousId: "x", event: "page", url: address });
  await api.call(`/v1/pixel.gif?${query}`);
  expect(await tablesWith(SECRET)).toEqual([]);
  const bare = "https://shop.example/a?utm_source=mail";
  for (const visitor of ["v", "w", "x"]) {
    expect((await site.events(`visitor:${visitor}`)).map(({ properties }) => properties?.url)).toContain(bare);
  }
});
