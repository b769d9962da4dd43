/** Abuse of the public calls: rate limits by address and visitor, and write keys that nobody has (contract §4). */
import { describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import type { Settings } from "../../worker/deps";
import { ADDRESS_PER_MINUTE, COUNTED_MAX, Limits, VISITOR_PER_MINUTE } from "../../worker/limits";
import { type CallOptions, type Message, type Problem, page, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ADMIN_KEY, type AppOptions, DB, MINUTE, startApi } from "./app";

const ADDRESS = "203.0.113.77";
const from = (address: string, more: Record<string, string> = {}) => ({ "CF-Connecting-IP": address, ...more });
/** Ten seconds into a minute. */
const START = Date.UTC(2026, 0, 5, 10, 0, 10);

async function rig(env: Settings, options: AppOptions = {}) {
  let now = START;
  const faulty = new FaultyDatabase(DB);
  const api = startApi({ db: faulty.db, clock: () => now, isLimited: true, env, ...options });
  // With the preset's rules: nothing published goes on in the background and is measured.
  const site = await api.createSite();
  const me = (visitor: string, address: string, headers: Record<string, string> = {}) =>
    api.json<WireReply & Problem>(`/v1/me?writeKey=${site.writeKey}&anonymousId=${visitor}`, {
      headers: from(address, headers),
    });
  const wait = (ms: number) => {
    now += ms;
  };
  return { api, site, faulty, me, wait };
}

async function statuses(times: number, call: () => Promise<{ status: number }>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push((await call()).status);
  return all;
}

async function everything(): Promise<string> {
  const tables = await DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const rows = await DB.batch(tables.results.map(({ name }) => DB.prepare(`SELECT * FROM "${name}"`)));
  return JSON.stringify(rows.map(({ results }) => results));
}

describe("by address", () => {
  test(`${ADDRESS_PER_MINUTE} requests a minute and no more, then again in the next`, async () => {
    const { api, faulty, wait } = await rig({});
    const call = () => api.json<Problem>("/v1/me", { headers: from(ADDRESS) });
    expect(new Set(await statuses(ADDRESS_PER_MINUTE, call))).toEqual(new Set([401]));
    const used = await faulty.measure(async () => {
      const { status, headers, body } = await call();
      expect(status).toBe(429);
      expect(headers.get("Retry-After")).toBe("50");
      expect(headers.get("Content-Type")).toBe("application/problem+json");
      expect(body.type).toBe("/docs/errors#rate_limited");
    });
    expect(used.trips).toBe(0);
    expect((await api.json("/v1/me", { headers: from("203.0.113.78") })).status).toBe(401);
    wait(49_999);
    expect((await call()).headers.get("Retry-After")).toBe("1");
    wait(1);
    expect((await call()).status).toBe(401);
  });

  test("on every public call, before body and site are looked at; a page may read the answer", async () => {
    const { api, site, faulty, me } = await rig({ RATE_ADDRESS_PER_MINUTE: "2" });
    await statuses(2, () => me("v", ADDRESS));
    const Origin = "https://shop.example";
    const used = await faulty.measure(async () => {
      for (const path of ["batch", "track", "page", "identify", "group", "alias", "screen", "p"]) {
        for (const body of [{ writeKey: site.writeKey, batch: [page("v")] }, "no JSON", " ".repeat(600_000)]) {
          const { status, headers } = await api.call(`/v1/${path}`, { body, headers: from(ADDRESS, { Origin }) });
          expect(status, path).toBe(429);
          expect(headers.get("Access-Control-Allow-Origin")).toBe(Origin);
        }
      }
      expect((await me("v", ADDRESS)).status).toBe(429);
      const pixel = await api.call(`/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=p`, {
        headers: from(ADDRESS),
      });
      expect([pixel.status, pixel.headers.get("Content-Type")]).toEqual([200, "image/gif"]);
    });
    expect(used.trips).toBe(0);
    expect(await site.leadStatus("visitor:p")).toBe(404);
  });

  test("secret keys are free of it, wrong ones are not", async () => {
    const { api, site, me, wait } = await rig({ RATE_ADDRESS_PER_MINUTE: "3", RATE_VISITOR_PER_MINUTE: "3" });
    const post = (key: string | null) => site.post([page("v")], {}, { key, headers: from(ADDRESS) });
    expect(await statuses(5, () => post("wrong"))).toEqual([401, 401, 401, 429, 429]);
    expect(await statuses(5, () => post(ADMIN_KEY))).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses(4, () => me(unique("v"), ADDRESS))).toEqual([200, 200, 200, 429]);
    // One that this isolate has not seen yet, from an address that has had its requests.
    const { body } = await api.rest<{ key: string }>("/v1/keys", { body: { name: "New", scopes: ["write"] } });
    wait(MINUTE);
    expect(await statuses(4, () => me(unique("v"), ADDRESS))).toEqual([200, 200, 200, 429]);
    expect(await statuses(5, () => post(body.key))).toEqual([200, 200, 200, 200, 200]);
    expect((await api.rest("/v1/sites", { headers: from(ADDRESS) })).status).toBe(200);
  });

  test("other sites' write keys buy no more", async () => {
    const { api, site } = await rig({ RATE_ADDRESS_PER_MINUTE: "2" });
    const other = await api.createSite();
    const keys = [site.writeKey, other.writeKey, unique("nobody"), site.writeKey];
    const answers: number[] = [];
    for (const key of keys) {
      const headers = from(ADDRESS, { Authorization: `Basic ${btoa(`${key}:`)}` });
      answers.push((await api.json("/v1/page", { body: page(unique("v")), headers })).status);
    }
    expect(answers).toEqual([200, 200, 429, 429]);
  });

  test.each([
    ["another host of one IPv6 network", "2001:db8:1:2::1", "2001:db8:1:2:ffff:eeee:dddd:cccc", 429],
    ["another IPv6 network", "2001:db8:1:2::1", "2001:db8:1:3::1", 200],
    ["a short address of another network", "2001:db8::1", "2001:db8:0:1::1", 200],
    ["the same, written in full", "2001:db8::1", "2001:db8:0:0:5:6:7:8", 429],
    ["another IPv4 address", "203.0.113.1", "203.0.113.2", 200],
    ["another IPv4 address within IPv6", "::ffff:203.0.113.1", "::ffff:203.0.113.2", 200],
  ])("%s", async (_, first, second, expected) => {
    const { me } = await rig({ RATE_ADDRESS_PER_MINUTE: "1" });
    expect((await me("a", first)).status).toBe(200);
    expect((await me("b", second)).status).toBe(expected);
  });

  test("no address is kept anywhere, nor logged", async () => {
    const { site } = await rig({ RATE_ADDRESS_PER_MINUTE: "1" });
    const post = () => site.post([page(unique("v"))], {}, { headers: from(ADDRESS) });
    expect(await statuses(2, post)).toEqual([200, 429]);
    expect(await everything()).not.toContain(ADDRESS);
  });
});

describe("by visitor", () => {
  test(`${VISITOR_PER_MINUTE} requests a minute and no more, whatever the address`, async () => {
    const { me, faulty, wait } = await rig({});
    let sent = 0;
    const call = () => me("v", `198.51.100.${sent++}`);
    expect(new Set(await statuses(VISITOR_PER_MINUTE, call))).toEqual(new Set([200]));
    const used = await faulty.measure(async () => {
      const { status, headers, body } = await call();
      expect([status, body.type, headers.get("Retry-After")]).toEqual([429, "/docs/errors#rate_limited", "50"]);
    });
    expect(used.trips).toBe(0);
    expect((await me("w", ADDRESS)).status).toBe(200);
    wait(MINUTE);
    expect((await call()).status).toBe(200);
  });

  test("each one named by a request counts once; nothing of a refused one is kept", async () => {
    const { site } = await rig({ RATE_VISITOR_PER_MINUTE: "2" });
    const [a, b] = [unique("v"), unique("v")];
    const post = async (...visitors: string[]) => (await site.post(visitors.map((visitor) => page(visitor)))).status;
    expect(await post(a, a, a, b)).toBe(200);
    expect(await post(a)).toBe(200);
    expect(await post(a, b)).toBe(429);
    expect(await post(b)).toBe(200);
    expect(await post(b)).toBe(429);
    expect((await site.lead(`visitor:${b}`)).pageviews).toBe(2);
  });

  test("the same id on another site is somebody else", async () => {
    const { api, site } = await rig({ RATE_VISITOR_PER_MINUTE: "1" });
    const other = await api.createSite();
    const answers = [await site.post([page("v")]), await other.post([page("v")]), await site.post([page("v")])];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  });

  test("users without a visitor and the pixel's visitors are counted too", async () => {
    const { api, site } = await rig({ RATE_VISITOR_PER_MINUTE: "1" });
    const user = { ...page("x"), anonymousId: undefined, userId: "u" } as Message;
    expect(await statuses(2, () => site.post([{ ...user, messageId: unique("m") }]))).toEqual([200, 429]);
    const pixel = () => api.call(`/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=p`);
    expect(await statuses(2, pixel)).toEqual([200, 200]);
    expect((await site.lead("visitor:p")).pageviews).toBe(1);
  });

  test.each(["x".repeat(257), "%00", ""])("an anonymousId that is none names nobody: %j", async (visitor) => {
    const { me, faulty } = await rig({});
    await me("v", ADDRESS);
    const used = await faulty.measure(async () => expect((await me(visitor, ADDRESS)).status).toBe(400));
    expect(used.trips).toBe(0);
  });
});

describe("settings", () => {
  test("0 is no limit", async () => {
    const limits = new Limits(() => START, { RATE_ADDRESS_PER_MINUTE: "0", RATE_VISITOR_PER_MINUTE: "0" });
    for (let i = 0; i < 1_000; i++) {
      await limits.takeAddress(ADDRESS);
      await limits.takeVisitors("site", ["visitor:v"]);
    }
    await expect(
      new Limits(() => START, { RATE_ADDRESS_PER_MINUTE: "1" }).takeAddress(ADDRESS),
    ).resolves.toBeUndefined();
  });

  test.each(["", "many", "-1", "1.5", "1e3", " 5"])("%j is no number of requests", (text) => {
    expect(() => new Limits(() => START, { RATE_VISITOR_PER_MINUTE: text })).toThrow(/RATE_VISITOR_PER_MINUTE is/);
  });

  test("memory is bounded: past it new addresses go uncounted, those known stay limited", async () => {
    const limits = new Limits(() => START, { RATE_ADDRESS_PER_MINUTE: "1" });
    for (let i = 0; i < COUNTED_MAX; i++) await limits.takeAddress(`address ${i}`);
    for (let i = 0; i < 2; i++) await expect(limits.takeAddress("one more")).resolves.toBeUndefined();
    await expect(limits.takeAddress("address 0")).rejects.toMatchObject({ code: "rate_limited" });
  });
});

describe("Cloudflare's counters", () => {
  function binding(limit: (key: string) => boolean) {
    const asked: string[] = [];
    const RATE = {
      limit: async ({ key }: RateLimitOptions) => {
        asked.push(key);
        return { success: limit(key) };
      },
    };
    return { asked, RATE };
  }

  test("are asked only for what the isolate let through, and may refuse it", async () => {
    const address = binding((key) => key !== "203.0.113.1");
    const visitor = binding((key) => !key.endsWith("visitor:bad"));
    const { me, site } = await rig({
      RATE_ADDRESS: address.RATE,
      RATE_VISITOR: visitor.RATE,
      RATE_ADDRESS_PER_MINUTE: "2",
    });
    const refused = await me("a", "203.0.113.1");
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "50"]);
    expect(await statuses(3, () => me("a", ADDRESS))).toEqual([200, 200, 429]);
    expect(address.asked).toEqual(["203.0.113.1", ADDRESS, ADDRESS]);
    expect((await me("bad", "203.0.113.2")).status).toBe(429);
    expect(visitor.asked).toEqual(["a", "a", "bad"].map((id) => `${site.id} visitor:${id}`));
    expect((await site.import([page("bad")])).status).toBe(200);
    expect(visitor.asked).toHaveLength(3);
  });

  test("that fail let requests through", async () => {
    const broken = { limit: () => Promise.reject(new Error("out of order")) };
    const { me } = await rig({ RATE_ADDRESS: broken, RATE_VISITOR: broken });
    expect((await me("a", ADDRESS)).status).toBe(200);
  });
});

describe("write keys that nobody has", () => {
  const call = (api: ReturnType<typeof startApi>, key: string, options: CallOptions = {}) =>
    api.json<WireReply>("/v1/batch", { body: { writeKey: key, batch: [page("v")] }, ...options });

  test("cost a trip or two every few seconds, however many they are", async () => {
    const { api, site, faulty, wait } = await rig({});
    await site.post([page("v")]);
    const flood = () =>
      faulty.measure(async () => {
        const answers = await Promise.all(Array.from({ length: 50 }, () => call(api, unique("nobody"))));
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
      });
    await call(api, unique("nobody"));
    expect((await flood()).trips).toBe(0);
    wait(3_000);
    expect((await flood()).trips).toBe(1);
    expect((await flood()).trips).toBe(0);
    const long = await faulty.measure(() => call(api, "k".repeat(65)));
    expect(long.trips).toBe(0);
    // The site itself is in memory all the while.
    expect((await faulty.measure(() => site.post([page("v")]))).trips).toBe(1);
  });

  test("a site made here is known at once, one made elsewhere soon", async () => {
    const { api, wait } = await rig({});
    const elsewhere = startApi();
    await call(api, unique("nobody"));
    const here = await api.createSite();
    expect((await call(api, here.writeKey)).status).toBe(200);
    await call(api, unique("nobody"));
    const there = await elsewhere.createSite();
    expect((await call(api, there.writeKey)).status).toBe(401);
    wait(3_000);
    expect((await call(api, there.writeKey)).status).toBe(200);
  });

  test("with more sites than are held by name, an unknown key is looked up once", async () => {
    const { api, site, faulty } = await rig({});
    await DB.prepare(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= 10000)
       INSERT INTO sites (id, name, write_key, origins, identity_secret, rules_version, created_at)
       SELECT 'many_' || i, 'Many', 'many_' || i, '[]', '', 1, 0 FROM n`,
    ).run();
    await call(api, unique("nobody"));
    const key = unique("nobody");
    expect((await faulty.measure(() => call(api, key))).trips).toBe(1);
    expect((await faulty.measure(() => call(api, key))).trips).toBe(0);
    expect((await call(api, site.writeKey)).status).toBe(200);
    await DB.prepare("DELETE FROM sites WHERE name = 'Many'").run();
  });
});
