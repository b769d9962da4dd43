/** Sites in several databases: each lives in one, and the account sees them all. */
import { expect, test } from "vitest";
import type { Deps } from "../../worker/deps";
import worker from "../../worker/index";
import { sweep } from "../../worker/sweep";
import { type List, PLAIN_RULES, type Problem, page, Site, type SiteInfo, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, ASSETS, DAY, DB, DB_1, DB_2, startIsolate } from "./app";

const THREE = { DB_1, DB_2 };

const rowsOf = async (db: D1Database, siteId: string, table = "leads") =>
  (await db.prepare(`SELECT count(*) n FROM ${table} WHERE site_id = ?`).bind(siteId).first<{ n: number }>())?.n;

async function siteIn(
  database: string,
  rules: unknown = PLAIN_RULES,
  more: { db?: D1Database; clock?: () => number } = {},
) {
  const { api, deps } = startIsolate({ env: THREE, ...more });
  const { status, body } = await api.rest<SiteInfo & { database: string }>("/v1/sites", {
    body: { name: "Elsewhere", origins: [], database },
  });
  expect(status).toBe(201);
  expect(body.database).toBe(database);
  const site = new Site(api, body);
  expect((await site.publish(rules)).status).toBe(200);
  return { api, deps, site };
}

test("a site made in another database has everything there, and nothing in the others", async () => {
  const { site } = await siteIn("DB_1");
  const visitor = unique("v");
  const who = { type: "identify" as const, anonymousId: visitor, userId: unique("u") };
  expect((await site.post([page(visitor), page(visitor), who])).body).toMatchObject({ score: 2 });
  expect(await site.me(visitor)).toMatchObject({ score: 2 });
  expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 2 });
  expect((await site.rest<List<unknown>>("/v1/leads")).body.data).toHaveLength(1);
  expect(
    (await site.rest("/v1/webhooks", { body: { url: "https://a.example/", events: ["lead.merged"] } })).status,
  ).toBe(201);
  for (const table of ["leads", "messages", "identities", "rule_versions", "webhooks"]) {
    expect(await rowsOf(DB_1, site.id, table), table).toBeGreaterThan(0);
    for (const other of [DB, DB_2]) expect(await rowsOf(other, site.id, table), table).toBe(0);
  }
  // Another isolate finds it by id, by write key, and in the list.
  const { api } = startIsolate({ env: THREE });
  const post = await api.json("/v1/batch", { body: { writeKey: site.writeKey, batch: [page(visitor)] } });
  expect(post.body).toMatchObject({ success: true, score: 3 });
  expect((await api.rest(`/v1/rules?site=${site.writeKey}`)).status).toBe(200);
  const { data } = (await api.rest<List<{ id: string; database: string }>>("/v1/sites")).body;
  expect(data.filter(({ id }) => id === site.id)).toMatchObject([{ database: "DB_1" }]);
});

test("a warm beacon costs one trip there too, and the first in an isolate one more than in DB", async () => {
  const { site } = await siteIn("DB_1");
  const [main, other] = [new FaultyDatabase(DB), new FaultyDatabase(DB_1)];
  const { api } = startIsolate({ db: main.db, env: { DB_1: other.db } });
  const visitor = unique("v");
  const post = () => api.json("/v1/batch", { body: { writeKey: site.writeKey, batch: [page(visitor)] } });
  const trips = async () => {
    const before = [main.meter.trips, other.meter.trips];
    expect((await post()).status).toBe(200);
    return [main.meter.trips - (before[0] ?? 0), other.meter.trips - (before[1] ?? 0)];
  };
  expect(await trips()).toEqual([1, 3]);
  expect(await trips()).toEqual([0, 1]);
});

test("a write key is one site's, in whichever database", async () => {
  const { api } = startIsolate({ env: THREE });
  const writeKey = unique("key");
  const make = (database: string) =>
    api.rest<Problem>("/v1/sites", { body: { name: "Twin", origins: [], writeKey, database } });
  expect((await make("DB_2")).status).toBe(201);
  for (const database of ["DB", "DB_1", "DB_2"]) expect((await make(database)).status).toBe(409);
  // Also for who has not heard of it, and for two at once.
  const key = unique("key");
  const at = (database: string) =>
    startIsolate({ env: THREE }).api.rest("/v1/sites", {
      body: { name: "Twin", origins: [], writeKey: key, database },
    });
  const made = await Promise.all(["DB", "DB_1", "DB_2", "DB", "DB_1"].map(at));
  expect(made.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409]);
  const { data } = (await api.rest<List<{ writeKey: string }>>("/v1/sites")).body;
  expect(data.filter((one) => one.writeKey === key)).toHaveLength(1);
  let rows = 0;
  for (const db of [DB, DB_1, DB_2]) {
    const found = await db.prepare("SELECT count(*) n FROM sites WHERE write_key = ?").bind(key).first<{ n: number }>();
    rows += found?.n ?? 0;
  }
  expect(rows).toBe(1);
});

test("where new sites are made can be set; a database that there is not is refused", async () => {
  const { api } = startIsolate({ env: { ...THREE, KELVIN_NEW_SITES: "DB_2" } });
  const made = await api.rest("/v1/sites", { body: { name: "New", origins: [] } });
  expect(made.body).toMatchObject({ database: "DB_2" });
  for (const database of ["DB_3", "", "KELVIN_ADMIN_KEY"]) {
    const { status, body } = await api.rest<Problem>("/v1/sites", { body: { name: "New", origins: [], database } });
    expect(status).toBe(400);
    expect(body.detail).toContain("DB, DB_1, DB_2");
  }
});

test("an unknown write key costs nothing when it is warm, whatever number of databases", async () => {
  const faulty = [new FaultyDatabase(DB), new FaultyDatabase(DB_1)] as const;
  const { api } = startIsolate({ db: faulty[0].db, env: { DB_1: faulty[1].db } });
  const post = () => api.json("/v1/batch", { body: { writeKey: unique("nobody"), batch: [page("v")] } });
  for (let i = 0; i < 2; i++) await post();
  for (const one of faulty) expect(await one.measure(post)).toMatchObject({ trips: 0 });
});

/** Warm for a day: then cold by itself. */
const FADING = {
  rules: [{ id: "page", on: "page", points: 40, decay: { expires: "1d" } }],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 35 } } }] },
};
/** Crossings as they are stored: who asks for a lead's history is told also what is due. */
const crossingsOf = async (db: D1Database, leadId: string) =>
  (
    await db
      .prepare("SELECT crossing FROM crossings WHERE lead_id = ? ORDER BY at")
      .bind(leadId)
      .all<{ crossing: string }>()
  ).results.map(({ crossing }) => JSON.parse(crossing).to);

test("the run of every minute goes over all databases, and one that fails keeps none of the others from it", async () => {
  let now = Date.now() - 2 * DAY;
  const clock = () => now;
  const { site } = await siteIn("DB_1", FADING, { clock });
  const visitor = unique("v");
  expect((await site.post([page(visitor)])).body).toMatchObject({ temperature: "warm" });
  now += 2 * DAY;
  const { id } = await site.lead(`visitor:${visitor}`);
  expect(await crossingsOf(DB_1, id)).toEqual(["warm"]);
  const broken = new FaultyDatabase(DB_2);
  for (let trip = 1; trip <= 30; trip++) broken.fail({ trip, message: "D1 DB is overloaded.", when: "before" });
  const env = { DB, DB_1, DB_2: broken.db, ASSETS, KELVIN_ADMIN_KEY: ADMIN_KEY };
  const controller = { cron: "", scheduledTime: now, noRetry() {} };
  await expect(worker.scheduled(controller, env)).rejects.toThrow("6 of 20 scheduled");
  expect(await crossingsOf(DB_1, id)).toEqual(["warm", "cold"]);
});

test("a run in one database leaves the leads of another to it", async () => {
  let now = Date.now() - 2 * DAY;
  const { site, deps } = await siteIn("DB_2", FADING, { clock: () => now });
  await site.post([page(unique("v"))]);
  now += 2 * DAY;
  const told = (database: string, one: Deps = deps) => sweep(one.in({ database }));
  expect(await told("DB_1")).toBe(0);
  expect(await told("DB_2")).toBe(1);
});

test("the service is not well when any of its databases does not answer", async () => {
  const broken = new FaultyDatabase(DB_1);
  const { api } = startIsolate({ env: { DB_1: broken.db } });
  expect((await api.call("/healthz")).status).toBe(200);
  broken.fail({ trip: 1, message: "Network connection lost.", when: "before" });
  expect((await api.call("/healthz")).status).toBe(503);
});
