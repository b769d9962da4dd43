/** The public calls beside the batch (contract §4): pixel, /v1/me, cookies, Sec-GPC, and what is never kept. */
import { beforeAll, describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type Api, type Message, PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { DB, startApi } from "./app";

const OPTED_OUT = { success: true, temperature: "cold", optedOut: true };

let api: Api;
let site: Site;
beforeAll(async () => {
  api = startApi();
  site = await api.createSite(PLAIN_RULES);
});

async function rowCounts(): Promise<Record<string, unknown> | null> {
  return await DB.prepare(
    "SELECT (SELECT count(*) FROM leads) leads, (SELECT count(*) FROM messages) messages, (SELECT count(*) FROM identities) identities",
  ).first();
}

describe("the pixel", () => {
  const pixel = async (query: Record<string, string>, headers: Record<string, string> = {}) => {
    const before = await rowCounts();
    const response = await api.call(`/v1/pixel.gif?${new URLSearchParams(query)}`, { headers });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("image/gif");
    expect(response.headers.get("Cache-Control")).toContain("no-store");
    const bytes = new Uint8Array(await response.arrayBuffer());
    expect(new TextDecoder().decode(bytes.subarray(0, 6))).toMatch(/^GIF8[79]a$/);
    expect([...bytes.subarray(6, 10)], "1×1").toEqual([1, 0, 1, 0]);
    return { response, counted: JSON.stringify(await rowCounts()) !== JSON.stringify(before) };
  };

  test("event=page is a page view", async () => {
    const visitor = unique("v");
    const { counted } = await pixel({ writeKey: site.writeKey, event: "page", anonymousId: visitor, path: "/careers" });
    expect(counted).toBe(true);
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: -9, pageviews: 1, visits: 1 });
  });

  test("any other event is a track, its parameters are properties", async () => {
    const visitor = unique("v");
    await pixel({ writeKey: site.writeKey, event: "Form Submitted", anonymousId: visitor, form: "demo" });
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ score: 70, pageviews: 0 });
    expect(await site.events(`visitor:${visitor}`)).toMatchObject([{ type: "track", event: "Form Submitted" }]);
  });

  test("without anonymousId it is of the cookie's visitor", async () => {
    const visitor = unique("v");
    await pixel({ writeKey: site.writeKey, event: "page" }, { Cookie: `kelvin=${visitor}` });
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 1 });
  });

  test("a messageId counts once", async () => {
    const query = { writeKey: site.writeKey, event: "page", anonymousId: unique("v"), messageId: unique("m") };
    expect((await pixel(query)).counted).toBe(true);
    expect((await pixel(query)).counted).toBe(false);
  });

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ["no parameters", {}, {}],
    ["a wrong write key", { writeKey: "nobody", event: "page" }, {}],
    ["no event", { anonymousId: "v" }, {}],
    ["an over-long visitor", { event: "page", anonymousId: "v".repeat(300) }, {}],
    ["an over-long event", { event: "e".repeat(300), anonymousId: "v" }, {}],
    ["another site's page", { event: "page", anonymousId: "v" }, { Origin: "https://evil.example" }],
    ["opt-out", { event: "page", anonymousId: "v" }, { "Sec-GPC": "1" }],
  ])("%s: a GIF, nothing counted", async (_, query, headers) => {
    const writeKey = query.writeKey ?? site.writeKey;
    const { counted } = await pixel(Object.keys(query).length > 0 ? { ...query, writeKey } : {}, headers);
    expect(counted).toBe(false);
  });
});

describe("GET /v1/me", () => {
  const me = (query: Message, headers: Record<string, string> = {}) =>
    api.json<WireReply>(`/v1/me?${new URLSearchParams(query as Record<string, string>)}`, { headers });

  test("answers for the cookie's visitor and for anonymousId alike", async () => {
    const visitor = unique("v");
    await site.post([track(visitor, "Form Submitted", { form: "demo" })]);
    const expected = { success: true, visitor, temperature: "hot", score: 70, validUntil: null };
    const byId = await me({ writeKey: site.writeKey, anonymousId: visitor });
    expect(byId).toMatchObject({ status: 200, body: expected });
    expect((await me({ writeKey: site.writeKey }, { Cookie: `a=b; kelvin=${visitor}` })).body).toEqual(byId.body);
  });

  test("is not cached and stores nothing", async () => {
    const before = await rowCounts();
    const { headers } = await me({ writeKey: site.writeKey, anonymousId: unique("v") });
    expect(headers.get("Cache-Control")).toContain("no-store");
    expect(await rowCounts()).toEqual(before);
  });

  test.each<[string, number, Message, Record<string, string>]>([
    ["a wrong write key", 401, { writeKey: "nobody", anonymousId: "v" }, {}],
    ["no write key", 401, { anonymousId: "v" }, {}],
    ["another origin", 403, { anonymousId: "v" }, { Origin: "https://evil.example" }],
    ["nobody named", 400, {}, {}],
  ])("%s: %i", async (name, status, query, headers) => {
    const key = name.includes("write key") ? {} : { writeKey: site.writeKey };
    const answer = await me({ ...key, ...query }, headers);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  });
});

describe("the cookie", () => {
  test.each([
    ["same-origin", true],
    ["same-site", true],
    ["cross-site", false],
    ["none", false],
    [null, false],
  ])("Sec-Fetch-Site %s: %s", async (where, expected) => {
    const visitor = unique("v");
    const headers: Record<string, string> = where === null ? {} : { "Sec-Fetch-Site": where };
    const { headers: got } = await site.post([page(visitor)], {}, { headers });
    const cookie = got.get("Set-Cookie");
    if (!expected) return expect(cookie).toBeNull();
    expect(cookie).toMatch(new RegExp(`=${visitor};`));
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Lax/i);
    expect(cookie).toMatch(/Secure/i);
    expect(Number(/Max-Age=(\d+)/i.exec(cookie ?? "")?.[1])).toBeLessThanOrEqual(400 * 86_400);
  });

  const sameSite = { "Sec-Fetch-Site": "same-site" };

  test("wins over an id just minted, and the answer names it", async () => {
    const [kept, minted] = [unique("v"), unique("v")];
    const headers = { ...sameSite, Cookie: `kelvin=${kept}` };
    expect((await site.post([page(minted)], { visitor: "new" }, { headers })).body.visitor).toBe(kept);
    expect(await site.leadStatus(`visitor:${minted}`)).toBe(404);
  });

  test.each(["%00%20x", "x".repeat(300), ""])("that is no id (%j) is as good as none", async (kept) => {
    const minted = unique("v");
    const headers = { ...sameSite, Cookie: `kelvin=${kept}` };
    const answer = await site.post([page(minted)], { visitor: "new" }, { headers });
    expect(answer.body).toMatchObject({ visitor: minted, rejected: [] });
    expect(answer.headers.get("Set-Cookie")).toContain(`=${minted};`);
  });

  test("is set for a page of our own host also where the browser does not say where it is", async () => {
    const own = await api.createSite(PLAIN_RULES, ["https://kelvin.test:8443", "https://shop.example"]);
    const visitor = unique("v");
    const cookie = async (Origin: string) =>
      (await own.post([page(visitor)], {}, { headers: { Origin } })).headers.get("Set-Cookie");
    expect(await cookie("https://kelvin.test:8443")).toContain(`=${visitor};`);
    expect(await cookie("https://shop.example")).toBeNull();
  });

  test("gives way to an id minted by a reset", async () => {
    const [kept, minted] = [unique("v"), unique("v")];
    const headers = { ...sameSite, Cookie: `kelvin=${kept}` };
    const answer = await site.post([page(minted)], { visitor: "reset" }, { headers });
    expect(answer.body.visitor).toBe(minted);
    expect(answer.headers.get("Set-Cookie")).toContain(`=${minted};`);
  });

  test("goes when consent is withdrawn", async () => {
    const headers = { ...sameSite, Cookie: `kelvin=${unique("v")}` };
    const answer = await site.post([], { visitor: "forget" }, { headers });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("Set-Cookie")).toMatch(/Max-Age=0/i);
  });
});

describe("Sec-GPC", () => {
  const headers = { "Sec-GPC": "1", "Sec-Fetch-Site": "same-origin", Origin: "https://shop.example" };
  const calls: [string, string, (visitor: string) => unknown][] = [
    ["a batch", "/v1/batch", (visitor) => ({ batch: [page(visitor)] })],
    ["a bad batch", "/v1/batch", () => ({ batch: [null] })],
    ...["track", "page", "screen", "identify", "group", "alias"].map(
      (type): [string, string, (visitor: string) => unknown] => [
        type,
        `/v1/${type}`,
        (anonymousId) => ({ anonymousId, event: "E", userId: "u", messageId: unique("m") }),
      ],
    ),
    ["me", "/v1/me", () => undefined],
  ];

  test.each(calls)("%s: nothing stored, no cookie", async (_, path, make) => {
    const visitor = unique("v");
    const body = make(visitor);
    const before = await rowCounts();
    const query = new URLSearchParams({ writeKey: site.writeKey, anonymousId: visitor });
    const answer = await api.json(`${path}?${query}`, { headers, ...(body === undefined ? {} : { body }) });
    expect(answer).toMatchObject({ status: 200, body: OPTED_OUT });
    expect(answer.body).toEqual(OPTED_OUT);
    expect(answer.headers.get("Set-Cookie")).toBeNull();
    expect(await rowCounts()).toEqual(before);
  });

  test("means nothing to servers with a secret key, nor on a site that does not respect it", async () => {
    const trusted = await site.post([page(unique("v"))], {}, { headers: { "Sec-GPC": "1" }, key: api.adminKey });
    expect(trusted.body.score).toBe(1);
    const another = await api.createSite(PLAIN_RULES);
    await api.rest(`/v1/sites?site=${another.id}`, { method: "PATCH", body: { respectGpc: false } });
    expect((await another.post([page(unique("v"))], {}, { headers: { "Sec-GPC": "1" } })).body.score).toBe(1);
  });

  test.each(["0", "true"])("Sec-GPC: %s is no signal", async (value) => {
    expect((await site.post([page(unique("v"))], {}, { headers: { "Sec-GPC": value } })).body.score).toBe(1);
  });
});

test("no address is kept anywhere", async () => {
  const address = "203.0.113.77";
  const visitor = unique("v");
  const headers = {
    "CF-Connecting-IP": address,
    "X-Forwarded-For": address,
    "X-Real-IP": address,
    "True-Client-IP": address,
    Origin: "https://shop.example",
  };
  const context = { ip: address, page: { path: "/" }, device: { ip: address }, traits: { ip: address } };
  await site.post(
    [
      page(visitor, "/", { context }),
      track(visitor, "E", {}, { context, ip: address, request_ip: address }),
      { type: "identify", anonymousId: visitor, messageId: unique("m"), traits: { title: "CEO" }, context },
    ],
    { context: { ip: address } },
    { headers },
  );
  await api.call(`/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=${visitor}`, { headers });
  expect(await site.events(`visitor:${visitor}`)).toHaveLength(4);
  const tables = await DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{ name: string }>();
  for (const { name } of tables.results.filter((table) => !/^(_cf|sqlite_)/.test(table.name))) {
    const rows = await DB.prepare(`SELECT * FROM "${name}"`).all();
    expect(JSON.stringify(rows.results), name).not.toContain(address);
  }
});

test("messages of a user without a visitor: a lead without visitors", async () => {
  const userId = unique("u");
  const { body } = await site.post([{ type: "track", event: "Form Submitted", userId, properties: { form: "demo" } }]);
  expect(body).toMatchObject({ success: true, rejected: [] });
  expect(await site.lead(`user:${userId}`)).toMatchObject({ known: true, userIds: [userId], visitors: [], score: 70 });
});
