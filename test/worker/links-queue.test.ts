/** Opens and clicks of mails while the database cannot take them: they wait as beacons do, and readers are led on. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import { PLAIN_RULES, page, type Site, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DB, expectTheLaw, startIsolate } from "./app";
import { TestQueue } from "./queue";

const TARGET = "https://shop.example/spring";
const BROWSER = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/153.0.0.0 Safari/537.36" };
const SCANNER = { "User-Agent": "python-requests/2.31.0" };

beforeAll(() => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(console, "log").mockImplementation(() => {});
});

async function rig() {
  const queue = new TestQueue();
  const faulty = new FaultyDatabase(DB);
  const { api, deps } = startIsolate({ db: faulty.db, env: { BEACONS: queue.binding } });
  const site = await api.createSite(PLAIN_RULES);
  const email = `${unique()}@acme.example`;
  const { body } = await site.rest<{ open: string; click: string }>("/v1/links", { body: { email, url: TARGET } });
  const follow = (link: string, headers: Record<string, string>) => api.call(new URL(link).pathname, { headers });
  expect((await follow(body.open, BROWSER)).status).toBe(200);
  const timeline = async () => (await site.events(`email:${email}`)).flatMap(({ event }) => event ?? []).sort();
  const status = async () => (await site.rest<{ queued: number; drained: number }>("/v1/status")).body;
  return { queue, faulty, deps, site, ...body, follow, timeline, status };
}

/** What keeps the database from taking anything, and what ends that. */
const TROUBLE: [string, (site: Site, faulty: FaultyDatabase<D1Database>) => Promise<() => Promise<unknown>>][] = [
  [
    "it is overloaded",
    async (_, faulty) => {
      faulty.break("D1 DB is overloaded. Requests queued for too long.");
      return async () => faulty.heal();
    },
  ],
  [
    "it never answers",
    async (_, faulty) => {
      faulty.break("", "never");
      return async () => faulty.heal();
    },
  ],
  [
    "its site is being moved",
    async ({ id }) => {
      await DB.prepare("INSERT INTO fences (site_id, place, moved) VALUES (?, '', 0)").bind(id).run();
      return async () => await DB.prepare("DELETE FROM fences WHERE site_id = ?").bind(id).run();
    },
  ],
];

describe.each(TROUBLE)("while the database takes nothing, for %s", (_, begin) => {
  test("an open waits, a scanner's click waits and is led on", { timeout: 20_000 }, async () => {
    const { queue, faulty, deps, site, open, click, follow, timeline, status } = await rig();
    const end = await begin(site, faulty);
    expect((await follow(open, BROWSER)).status).toBe(200);
    const led = await follow(click, SCANNER);
    expect([led.status, led.headers.get("Location")]).toEqual([302, TARGET]);
    expect(queue.waiting).toHaveLength(2);
    await end();
    await queue.bring(deps, { isAll: true });
    expect(queue.waiting).toEqual([]);
    expect(await timeline()).toEqual(["Email Link Clicked", "Email Opened", "Email Opened"]);
    const { queued, drained } = await status();
    expect([queued, drained]).toEqual([4, 4]);
    await expectTheLaw(site.id);
  });
});

test("with the queue full too, a scanner's click is led on all the same", async () => {
  const { queue, faulty, click, follow } = await rig();
  faulty.break("D1 DB is overloaded. Requests queued for too long.");
  queue.fail(1, "before");
  const led = await follow(click, SCANNER);
  expect([led.status, led.headers.get("Location")]).toEqual([302, TARGET]);
});

test("what waits of somebody who is gone by then is let go, and holds up nobody", async () => {
  const { queue, faulty, deps, site } = await rig();
  const visitor = unique("v");
  await site.post([page(visitor)]);
  const { id } = await site.lead(`visitor:${visitor}`);
  const { body } = await site.rest<{ open: string }>("/v1/links", { body: { lead: id, url: TARGET } });
  faulty.break("D1 DB is overloaded. Requests queued for too long.");
  await site.api.call(new URL(body.open).pathname, { headers: BROWSER });
  const other = unique("v");
  expect((await site.post([page(other)])).status).toBe(202);
  faulty.heal();
  // As an erasure of long ago, of which nothing is noted any more.
  await DB.prepare("DELETE FROM leads WHERE id = ?").bind(id).run();
  await DB.prepare("DELETE FROM identities WHERE lead_id = ?").bind(id).run();
  await queue.bring(deps, { isAll: true });
  expect(queue.waiting).toEqual([]);
  expect(await site.leadStatus(id)).toBe(404);
  expect((await site.lead(`visitor:${other}`)).pageviews).toBe(1);
  expect((await site.rest<{ deadLetters: number }>("/v1/status")).body.deadLetters).toBe(0);
});
