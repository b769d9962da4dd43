/** Moving a site from one database to another: nothing is lost, nothing counts twice, whatever happens on the way. */
import { getTableConfig, type SQLiteTable } from "drizzle-orm/sqlite-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { MOVED } from "../../worker/db/moving";
import { unfinishedVersions } from "../../worker/db/rules";
import * as schema from "../../worker/db/schema";
import { sitesToPrune } from "../../worker/db/sites";
import { type Move, QUIET_MS } from "../../worker/move";
import { prune } from "../../worker/prune";
import { sweep } from "../../worker/sweep";
import {
  type Answer,
  type Api,
  type Message,
  type Problem,
  page,
  Site,
  type SiteInfo,
  track,
  unique,
} from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { naive, type RulesDocument } from "../support/naive";
import { ADMIN_KEY, DAY, DB, DB_1, startIsolate } from "./app";

const RULES = {
  rules: [
    { id: "page", on: "page", points: 1.1, decay: { halfLife: "9d" } },
    { id: "pricing", on: "page", where: { path: "/pricing" }, points: 10, limit: { times: 2 } },
    { id: "demo", on: "Form Submitted", points: 30, decay: { expires: "1d" } },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 80 } } }] },
} satisfies RulesDocument;

const DATABASES = { DB, DB_1 };
let ahead = 0;
const clock = () => Date.now() + ahead;

/** Of the trips of a move one in so many fails, each in a move of its own; all of them take a minute. */
const TRIPS_APART = Number(process.env.KELVIN_TRIPS_APART ?? 5);

/** What fails on purpose need not be read in the test's output. */
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

/** An isolate that leaves webhooks uncalled, so that what waits for them stays as it is. */
function isolate(more: { db?: D1Database; DB_1?: D1Database; clock?: () => number } = {}) {
  const made = startIsolate({ db: more.db ?? DB, clock: more.clock ?? clock, env: { DB_1: more.DB_1 ?? DB_1 } });
  vi.spyOn(made.deps.outbox, "take").mockReturnValue([]);
  return made;
}

/** What a table has of a site. */
async function rowsOf(db: D1Database, siteId: string, { table, by }: (typeof MOVED)[number]) {
  const { name, primaryKeys } = getTableConfig(table);
  const owner = primaryKeys[0]?.columns[0]?.name ?? "id";
  const mine = by === "site" ? "?1" : `SELECT id FROM ${by} WHERE site_id = ?1`;
  const { results } = await db.prepare(`SELECT * FROM ${name} WHERE ${owner} IN (${mine})`).bind(siteId).all();
  return results.map((row) => JSON.stringify(row)).toSorted();
}

async function everythingOf(db: D1Database, siteId: string): Promise<Record<string, string[]>> {
  const tables = await Promise.all(
    MOVED.map(async (one) => [getTableConfig(one.table).name, await rowsOf(db, siteId, one)] as const),
  );
  return Object.fromEntries(tables);
}

const nothing = Object.fromEntries(MOVED.map(({ table }) => [getTableConfig(table).name, []]));

/** A site that has something of everything. */
async function furnished(api: Api): Promise<Site> {
  const site = await api.createSite(RULES);
  await site.rest("/v1/webhooks", {
    body: { url: "https://hook.example/", events: ["lead.level.changed", "lead.identified"] },
  });
  for (const visitor of ["ann", "bob"]) {
    const pages = Array.from({ length: 40 }, () => page(visitor, "/pricing"));
    expect((await site.import(pages)).status).toBe(200);
    const said = [
      track(visitor, "Form Submitted"),
      { type: "identify", messageId: unique("m"), anonymousId: visitor, traits: { email: `${visitor}@a.example` } },
    ];
    expect((await site.post(said)).status).toBe(200);
  }
  await site.post([page("eve")]);
  await site.post([
    { type: "identify", messageId: unique("m"), anonymousId: "eve", traits: { email: "eve@a.example" } },
  ]);
  expect((await site.rest(`/v1/leads/email:eve@a.example?suppress=true`, { method: "DELETE" })).status).toBe(204);
  // What only a database in trouble leaves.
  await DB.batch([
    DB.prepare(
      "INSERT INTO dead_letters (site_id, id, keys, events, reason, died_at) VALUES (?, '1', '[]', '[]', '', 1)",
    ).bind(site.id),
    DB.prepare("INSERT INTO erased (site_id, hash, at) VALUES (?, 'x', ?)").bind(site.id, Date.now()),
  ]);
  return site;
}

const ask = (api: Api, site: Site, database: string) =>
  api.rest<Move & Problem>(`/v1/sites/${site.id}/move`, { body: { database } });

/** Moves a site to the end; a minute passes where the old rows wait for it. */
async function moveTo(api: Api, site: Site, database: string): Promise<Move> {
  for (let calls = 0; calls < 300; calls++) {
    const { status, body } = await ask(api, site, database);
    if (status === 202 && ["done", "stopped", "stopping"].includes(body.state)) return body;
    if (status === 202 && body.state === "clearing") ahead += QUIET_MS;
    // Also what failed is only tried again.
    expect([202, 503], JSON.stringify(body)).toContain(status);
  }
  throw new Error("the move does not come to its end");
}

test("every table that names a site or a lead is moved", () => {
  const isTable = (one: unknown): one is SQLiteTable => typeof one === "object" && one !== null;
  const apart = ["keys", "directory", "fences", "tallies"];
  const all = Object.values(schema as Record<string, unknown>)
    .filter(isTable)
    .map((table) => getTableConfig(table).name);
  expect(all.filter((name) => !apart.includes(name)).toSorted()).toEqual(Object.keys(nothing).toSorted());
});

test("everything goes, to the last bit, there and back again; other sites are not touched", async () => {
  const { api } = isolate();
  const [site, other] = [await furnished(api), await furnished(api)];
  const [before, others] = [await everythingOf(DB, site.id), await everythingOf(DB, other.id)];
  for (const [name, rows] of Object.entries(before)) expect(rows.length, name).toBeGreaterThan(0);
  const none = await api.rest<Move>(`/v1/sites/${site.id}/move`);
  expect(none.body).toEqual({ state: "none", database: "DB", from: null, to: null, copied: 0, note: null });
  for (const [to, from] of [
    ["DB_1", "DB"],
    ["DB", "DB_1"],
    ["DB_1", "DB"],
  ] as const) {
    expect(await moveTo(api, site, to)).toEqual({ state: "done", database: to, from, to, copied: 0, note: null });
    expect(await everythingOf(DATABASES[to], site.id)).toEqual(before);
    expect(await everythingOf(DATABASES[from], site.id)).toEqual(nothing);
    expect((await site.post([page("ann")])).status).toBe(200);
    Object.assign(before, await everythingOf(DATABASES[to], site.id));
  }
  expect(await everythingOf(DB, other.id)).toEqual(others);
  expect(await everythingOf(DB_1, other.id)).toEqual(nothing);
});

test("more than one chunk of everything", async () => {
  const { api } = isolate();
  const site = await api.createSite(RULES);
  for (let part = 0; part < 3; part++) {
    const pages = Array.from({ length: 70 }, (_, i) => page(`v${part}-${i}`, "/"));
    expect(
      (await site.import([...pages, ...Array.from({ length: 330 }, (_, i) => page(`v${part}-${i % 4}`))])).status,
    ).toBe(200);
  }
  const before = await everythingOf(DB, site.id);
  expect(before.leads?.length).toBe(210);
  expect(before.messages?.length).toBe(1_200);
  await moveTo(api, site, "DB_1");
  expect(await everythingOf(DB_1, site.id)).toEqual(before);
  expect(await everythingOf(DB, site.id)).toEqual(nothing);
});

test("beacons flow while it moves: every lead is what the naive model says", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.array(fc.record({ path: fc.constantFrom("/", "/pricing"), again: fc.boolean(), who: fc.nat(1) }), {
          minLength: 8,
          maxLength: 16,
        }),
        { minLength: 2, maxLength: 5 },
      ),
      async (visitors) => {
        const isolates = [isolate().api, isolate().api];
        const mover = isolate().api;
        const site = await mover.createSite(RULES);
        const bystander = await mover.createSite(RULES);
        const post = async (api: Api, batch: Message[], of = site) => {
          for (;;) {
            const { status, body, headers } = await api.json<WireReply & Problem>("/v1/batch", {
              body: { writeKey: of.writeKey, batch },
            });
            if (status === 200) return;
            expect([status, body.type]).toEqual([503, expect.stringMatching(/moving|busy/)]);
            expect(Number(headers.get("Retry-After"))).toBeGreaterThan(0);
            await new Promise((resolve) => setTimeout(resolve, 5));
          }
        };
        const sent = visitors.map((plan, i) =>
          plan.map(({ path }) => ({
            messageId: unique("m"),
            type: "page" as const,
            anonymousId: `v${i}`,
            properties: { path },
            timestamp: new Date(clock()).toISOString(),
          })),
        );
        const act = visitors.map(async (plan, i) => {
          for (const [n, { again, who }] of plan.entries()) {
            const mine = sent[i] ?? [];
            await post(isolates[who] ?? mover, again ? mine.slice(Math.max(0, n - 2), n + 1) : mine.slice(n, n + 1));
            await post(isolates[who] ?? mover, [page("stranger")], bystander);
          }
        });
        await Promise.all([...act, moveTo(mover, site, "DB_1")]);
        expect((await mover.rest<Move>(`/v1/sites/${site.id}/move`)).body).toMatchObject({
          state: "done",
          database: "DB_1",
        });
        for (const [i, messages] of sent.entries()) {
          const at = clock() + 3_600_000;
          const query = `?at=${new Date(at).toISOString()}`;
          const lead = await new Site(isolates[0] ?? mover, site.info).lead(`visitor:v${i}`, query);
          const events = messages.map(({ anonymousId, timestamp, ...message }) => ({
            ...message,
            visitor: anonymousId,
            timestamp: Date.parse(timestamp),
          }));
          const expected = naive(RULES, events, at);
          expect(lead).toMatchObject({ pageviews: messages.length, levels: expected.levels });
          expect(lead.exact.score).toBeCloseTo(expected.score, 6);
        }
        expect(await everythingOf(DB, site.id)).toEqual(nothing);
        expect(await everythingOf(DB_1, bystander.id)).toEqual(nothing);
        const total = visitors.reduce((sum, plan) => sum + plan.length, 0);
        expect(await new Site(mover, bystander.info).lead("visitor:stranger")).toMatchObject({ pageviews: total });
        expect((await everythingOf(DB_1, site.id)).messages).toHaveLength(total);
      },
    ),
    { numRuns: Number(process.env.KELVIN_RUNS ?? 3), verbose: 1, endOnFailure: true },
  );
});

/** A site that is fenced and stays so: the database it goes to fails. */
async function stuck() {
  const broken = new FaultyDatabase(DB_1);
  const { api, deps } = isolate({ DB_1: broken.db });
  const site = await furnished(api);
  await api.call("/healthz");
  for (let trip = 4; trip < 400; trip++) broken.fail({ trip, message: "D1 DB is overloaded.", when: "before" });
  expect((await ask(api, site, "DB_1")).status).toBe(503);
  return { api, deps, site, broken };
}

describe("while it is fenced", () => {
  test("every write is refused and told so, nothing of it changes, and reads go on", async () => {
    const { api, site } = await stuck();
    const before = await everythingOf(DB, site.id);
    const webhook = (await site.rest<{ data: { id: string }[] }>("/v1/webhooks")).body.data[0]?.id;
    const writes: [method: string, path: string, body?: unknown][] = [
      ["PATCH", "/v1/leads/visitor:ann", { status: "customer" }],
      ["DELETE", "/v1/leads/visitor:bob"],
      ["PUT", "/v1/rules", RULES],
      ["POST", "/v1/rules/rollback", { version: 1 }],
      ["PATCH", `/v1/sites/${site.id}`, { name: "Other" }],
      ["POST", `/v1/sites/${site.id}/identity-secret`, {}],
      ["POST", "/v1/webhooks", { url: "https://hook.example/", events: ["lead.merged"] }],
      ["DELETE", `/v1/webhooks/${webhook}`],
      ["POST", `/v1/webhooks/${webhook}/redeliver`, {}],
      ["POST", "/v1/outcomes", { lead: "visitor:ann", outcome: "won" }],
    ];
    for (const [method, path, body] of writes) {
      const answer = await site.rest<Problem>(path, { method, body });
      expect([path, answer.status, answer.body.type]).toEqual([path, 503, "/docs/errors#moving"]);
      expect(answer.headers.get("Retry-After")).toBe("5");
    }
    for (const who of [api, isolate().api]) {
      const beacon = await who.json<Problem>("/v1/batch", {
        body: { writeKey: site.writeKey, batch: [page("ann"), page(unique("v"))] },
      });
      expect([beacon.status, beacon.body.type]).toEqual([503, "/docs/errors#moving"]);
      expect(await new Site(who, site.info).lead("visitor:ann")).toMatchObject({ pageviews: 40 });
      expect(await new Site(who, site.info).me("ann")).toMatchObject({ success: true });
    }
    expect(await everythingOf(DB, site.id)).toEqual(before);
  });

  test("runs leave it alone, and see to the others", async () => {
    const { api, deps, site } = await stuck();
    const other = await furnished(api);
    const before = await everythingOf(DB, site.id);
    ahead += 2 * DAY;
    expect(await sweep(deps)).toBeGreaterThanOrEqual(2);
    expect(await sitesToPrune(DB, clock(), 1_000)).toContainEqual(expect.objectContaining({ id: other.id }));
    expect(await sitesToPrune(DB, clock(), 1_000)).not.toContainEqual(expect.objectContaining({ id: site.id }));
    await DB.prepare("UPDATE rule_versions SET finished_at = NULL WHERE version = 2").run();
    const unfinished = (await unfinishedVersions(DB, 1_000)).map(({ siteId }) => siteId);
    await DB.prepare("UPDATE rule_versions SET finished_at = published_at WHERE finished_at IS NULL").run();
    expect(unfinished).toContain(other.id);
    expect(unfinished).not.toContain(site.id);
    expect(await prune(deps)).toBe(0);
    expect((await everythingOf(DB, other.id)).crossings?.length).toBeGreaterThan(before.crossings?.length ?? 0);
    // What is due is told where it went.
    const healed = isolate();
    await moveTo(healed.api, site, "DB_1");
    expect(await sweep(healed.deps.in({ database: "DB_1" }))).toBeGreaterThanOrEqual(2);
  });

  test("it can be called off: it lives on where it was, and nothing of it is left elsewhere", async () => {
    const { site } = await stuck();
    const { api } = isolate();
    const before = await everythingOf(DB, site.id);
    const off = await moveTo(api, site, "DB");
    expect(off).toMatchObject({ database: "DB", note: "It was called off." });
    await ask(api, site, "DB_1").then(({ body }) => expect(["stopped", "copying", "clearing"]).toContain(body.state));
    await moveTo(api, site, "DB_1");
    expect(await everythingOf(DB_1, site.id)).toEqual(before);
  });
});

test("the process may die after any trip to either database: whoever comes next goes on", async () => {
  const [one, two] = [new FaultyDatabase(DB), new FaultyDatabase(DB_1)];
  const { api } = isolate();
  const site = await furnished(api);
  const before = await everythingOf(DB, site.id);
  const homes = ["DB", "DB_1"] as const;
  let lives = 0;
  for (const faulty of [one, two]) {
    for (let trip = 3; trip < 200; trip += TRIPS_APART) {
      const [from, to] = lives === 0 ? homes : ([homes[1], homes[0]] as const);
      faulty.heal();
      faulty.fail({ trip, message: "Network connection lost.", when: "after" });
      const dying = isolate({ db: one.db, DB_1: two.db });
      for (let calls = 0; calls < 5 && faulty.pending > 0; calls++) {
        await ask(dying.api, site, to);
        ahead += QUIET_MS;
      }
      const isMet = faulty.pending === 0;
      faulty.heal();
      expect((await moveTo(isolate().api, site, to)).database).toBe(to);
      expect(await everythingOf(DATABASES[to], site.id), `trip ${trip}`).toEqual(before);
      expect(await everythingOf(DATABASES[from], site.id)).toEqual(nothing);
      lives = 1 - lives;
      if (!isMet) break;
    }
  }
}, 120_000);

test("several who move at once do it once", async () => {
  const { api } = isolate();
  const site = await furnished(api);
  const before = await everythingOf(DB, site.id);
  const answers = await Promise.all([api, isolate().api, isolate().api].map((one) => ask(one, site, "DB_1")));
  for (const { status } of answers) expect([202, 409]).toContain(status);
  await moveTo(api, site, "DB_1");
  expect(await everythingOf(DB_1, site.id)).toEqual(before);
  expect(await everythingOf(DB, site.id)).toEqual(nothing);
});

test("an isolate that has not heard of it is refused by the old database, looks again and writes where it lives", async () => {
  const late = isolate({ clock: () => 1_000_000 * DAY });
  const { api } = isolate();
  const site = await furnished(api);
  const post = () =>
    late.api.json<WireReply>("/v1/batch", { body: { writeKey: site.writeKey, batch: [page("late")] } });
  expect((await post()).status).toBe(200);
  await moveTo(api, site, "DB_1");
  expect(await post()).toMatchObject({ status: 200 } satisfies Partial<Answer<WireReply>>);
  expect(await everythingOf(DB, site.id)).toEqual(nothing);
  expect(await new Site(api, site.info).lead("visitor:late")).toMatchObject({ pageviews: 2 });
});

/** An isolate that does one chunk a call: its clock runs that fast. */
function slow() {
  let calls = 0;
  return isolate({ clock: () => clock() + 6_000 * calls++ });
}

test("what does not arrive whole is not gone over to: the site lives on where it was", async () => {
  const { api } = isolate();
  const site = await furnished(api);
  const before = await everythingOf(DB, site.id);
  const phase = async () =>
    (
      await DB_1.prepare("SELECT place ->> 'phase' p FROM fences WHERE site_id = ?")
        .bind(site.id)
        .first<{ p: string }>()
    )?.p;
  const chunk = slow().api;
  while ((await phase()) !== "copied") expect((await ask(chunk, site, "DB_1")).status).toBe(202);
  expect((await chunk.rest<Move>(`/v1/sites/${site.id}/move`)).body.copied).toBe(Object.values(before).flat().length);
  await DB_1.prepare("DELETE FROM messages WHERE site_id = ?").bind(site.id).run();
  await ask(chunk, site, "DB_1");
  expect((await api.rest<Move>(`/v1/sites/${site.id}/move`)).body).toMatchObject({
    state: "stopping",
    database: "DB",
    note: "It was given up: not as many rows of messages came to DB_1.",
  });
  await ask(api, site, "DB_1");
  expect((await api.rest<Move>(`/v1/sites/${site.id}/move`)).body).toMatchObject({ state: "stopped", database: "DB" });
  expect(await everythingOf(DB, site.id)).toEqual(before);
  expect(await everythingOf(DB_1, site.id)).toEqual(nothing);
  expect((await site.post([page("ann")])).status).toBe(200);
});

test("what lies in its way there goes first", async () => {
  const { api } = isolate();
  const site = await furnished(api);
  const before = await everythingOf(DB, site.id);
  await DB_1.prepare('INSERT INTO messages (site_id, id) SELECT ?1, value FROM json_each(\'["old", "older"]\')')
    .bind(site.id)
    .run();
  await DB_1.prepare("INSERT INTO identities (site_id, key, lead_id) VALUES (?1, 'visitor:ann', 'lead_old')")
    .bind(site.id)
    .run();
  await moveTo(api, site, "DB_1");
  expect(await everythingOf(DB_1, site.id)).toEqual(before);
});

test("what cannot be is refused with what would be right", async () => {
  const { api } = isolate();
  const site = await furnished(api);
  expect((await ask(api, site, "DB_7")).body).toMatchObject({
    status: 400,
    detail: expect.stringContaining("DB, DB_1"),
  });
  expect(await ask(api, site, "DB")).toMatchObject({ status: 202, body: { state: "none", database: "DB" } });
  expect((await api.rest(`/v1/sites/nobody/move`, { body: { database: "DB_1" } })).status).toBe(404);
  expect((await api.rest(`/v1/sites/${site.id}/move`, { body: { database: 1 } })).status).toBe(400);
  const made = await api.rest<SiteInfo & { key: string }>("/v1/keys", {
    body: { name: "w", scopes: ["read", "write"] },
  });
  for (const method of ["GET", "POST"]) {
    const body = method === "POST" ? { database: "DB_1" } : undefined;
    expect((await api.json(`/v1/sites/${site.id}/move`, { method, body, key: made.body.key })).status).toBe(403);
    expect((await api.json(`/v1/sites/${site.id}/move`, { method, body })).status).toBe(401);
  }
  expect(ADMIN_KEY).toBe(api.adminKey);
});
