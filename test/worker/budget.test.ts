/** A site's events of the day under its write key: both sides of the budget, several isolates, what it costs. */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type Api, PLAIN_RULES, type Problem, page, type Site, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, DAY, DB, expectTheLaw, startApi } from "./app";

/** What fails on purpose need not be read in the test's output. */
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

/** An hour and a half before midnight. */
const START = Date.UTC(2026, 0, 5, 22, 30);
const TODAY = START / DAY - (START % DAY) / DAY;

async function rig(dailyEvents: number | null, isolates = 1) {
  let now = START;
  const clock = () => now;
  const faulty = new FaultyDatabase(DB);
  const apis = Array.from({ length: isolates }, () => startApi({ db: faulty.db, clock }));
  const [api] = apis as [Api];
  const site = await api.createSite(PLAIN_RULES);
  await set(site, dailyEvents);
  const send = async (events = 1, from: Api = api, visitor = "v") =>
    await from.json<WireReply & Problem>("/v1/batch", {
      body: { writeKey: site.writeKey, batch: Array.from({ length: events }, () => page(visitor)) },
    });
  const wait = (ms: number) => {
    now += ms;
  };
  return { api, apis, site, faulty, send, wait };
}

async function set(site: Site, dailyEvents: number | null): Promise<void> {
  expect((await site.rest("/v1/sites", { method: "PATCH", body: { dailyEvents } })).status).toBe(200);
}

async function used(site: Site, day = TODAY): Promise<number | null> {
  return await DB.prepare("SELECT events FROM usage WHERE site_id = ? AND day = ?").bind(site.id, day).first("events");
}

const pageviews = async (site: Site, visitor = "v") => (await site.lead(`visitor:${visitor}`)).pageviews;

describe("the budget", () => {
  test("lets so many events through and no more; the next day is another", async () => {
    const { api, site, faulty, send, wait } = await rig(5);
    for (let i = 0; i < 5; i++) expect((await send()).status).toBe(200);
    const spent = await faulty.measure(async () => {
      const { status, headers, body } = await send();
      expect([status, body.type, headers.get("Retry-After")]).toEqual([429, "/docs/errors#over_budget", "5400"]);
      const pixel = await api.call(`/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=v`);
      expect([pixel.status, pixel.headers.get("Content-Type")]).toEqual([200, "image/gif"]);
    });
    expect(spent.trips).toBe(0);
    expect([await pageviews(site), await used(site)]).toEqual([5, 5]);
    wait(1.5 * 3_600_000 - 1);
    expect((await send()).headers.get("Retry-After")).toBe("1");
    wait(1);
    expect((await send()).status).toBe(200);
    expect([await used(site), await used(site, TODAY + 1)]).toEqual([5, 1]);
    await expectTheLaw(site.id);
  });

  test("a batch that begins within it counts whole", async () => {
    const { site, send } = await rig(5);
    expect((await send(4)).status).toBe(200);
    expect((await send(3)).status).toBe(200);
    expect((await send()).status).toBe(429);
    expect(await pageviews(site)).toBe(7);
  });

  test("imports, notes of marketers and what is asked do not count, and go on", async () => {
    const { api, site, send } = await rig(2);
    expect((await site.import([page("v"), page("v"), page("v")])).status).toBe(200);
    expect(await used(site)).toBeNull();
    expect((await send(2)).status).toBe(200);
    expect((await send()).status).toBe(429);
    expect((await site.import([page("v")])).status).toBe(200);
    const patched = await site.rest("/v1/leads/visitor:v", { method: "PATCH", body: { status: "customer" } });
    expect(patched.status).toBe(200);
    expect((await api.json(`/v1/me?writeKey=${site.writeKey}&anonymousId=v`)).status).toBe(200);
    expect([await pageviews(site), await used(site)]).toEqual([6, 2]);
  });

  test("machines use it too, repeats and rejected messages do not", async () => {
    const { site, send } = await rig(3);
    const message = page("v");
    for (let i = 0; i < 5; i++) expect((await site.post([message, { type: "track" }])).status).toBe(200);
    expect(await used(site)).toBe(1);
    const headers = { "User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)" };
    expect((await site.post([page("bot"), page("bot")], {}, { headers })).status).toBe(200);
    expect((await send()).status).toBe(429);
  });

  test("raised, it acts at once; without one nothing is counted", async () => {
    const { site, send } = await rig(1);
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(429);
    await set(site, 2);
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(429);
    await set(site, null);
    expect((await send(50)).status).toBe(200);
    expect(await used(site)).toBe(2);
  });
});

describe("several isolates", () => {
  test("share it: one that comes new to a day that is used up writes nothing", async () => {
    const { apis, site, faulty, send } = await rig(4, 3);
    const [one, other, third] = apis as [Api, Api, Api];
    for (const api of [one, other, one, other]) expect((await send(1, api)).status).toBe(200);
    const before = await DB.prepare("SELECT count(*) n FROM messages WHERE site_id = ?").bind(site.id).first("n");
    const heard = await send(1, third, unique("v"));
    expect([heard.status, heard.headers.get("Retry-After")]).toEqual([429, "5400"]);
    expect((await faulty.measure(() => send(1, third))).trips).toBe(0);
    for (const api of [one, other]) expect((await send(1, api)).status).toBe(429);
    const after = await DB.prepare("SELECT count(*) n FROM messages WHERE site_id = ?").bind(site.id).first("n");
    expect([after, await pageviews(site), await used(site)]).toEqual([before, 4, 4]);
    await expectTheLaw(site.id);
  });

  test("at once: no more than the budget and what was under way", async () => {
    const { apis, site, send } = await rig(20, 3);
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => send(1, apis[i % 3] as Api, `visitor ${i % 10}`)),
    );
    const taken = answers.filter(({ status }) => status === 200).length;
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    // The database refuses whoever comes after the twentieth.
    expect([taken, await used(site)]).toEqual([20, 20]);
    await expectTheLaw(site.id);
  });
});

describe("what it costs", () => {
  test("no trip, and a row with the first event of a day and with every hundredth", async () => {
    const { site, faulty, send } = await rig(1_000_000);
    // What publishing the rules left to do is done then.
    for (let i = 0; i < 3; i++) await site.import([page("v")]);
    const first = await faulty.measure(() => send());
    const second = await faulty.measure(() => send());
    expect([first.trips, second.trips]).toEqual([1, 1]);
    expect(first.rowsWritten - second.rowsWritten).toBe(1);
    expect((await send(98)).status).toBe(200);
    expect(await used(site)).toBe(1);
    await send();
    expect(await used(site)).toBe(101);
  });

  test("of a small one every hundredth part is noted", async () => {
    const { site, send } = await rig(1_000);
    await send(10);
    await send(9);
    expect(await used(site)).toBe(10);
    await send(1);
    expect(await used(site)).toBe(20);
  });

  test("what could not be written is not counted, and what waited to be noted is noted later", async () => {
    const { site, faulty, send } = await rig(1_000);
    await send(1);
    await send(9);
    faulty.failStatement(0);
    expect((await site.post([page("v")], {}, {})).status).toBe(500);
    expect(await used(site)).toBe(1);
    await send(1);
    expect(await used(site)).toBe(11);
    faulty.fail({ trip: 1, message: "Network connection lost.", when: "before" });
    expect((await send(10)).status).toBe(200);
    expect([await used(site), await pageviews(site)]).toEqual([21, 21]);
  });

  test("a secret key is never told of it", async () => {
    const { site, send } = await rig(1);
    await send();
    const answers = await Promise.all([1, 2, 3].map(() => site.post([page("v")], {}, { key: ADMIN_KEY })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});
