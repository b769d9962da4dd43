/** Ingest (contract §4), sentence by sentence: what a batch may look like, who may send it, and how much of it. */
import { beforeAll, describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type Api, gzip, type Message, PLAIN_RULES, page, type Site, unique } from "../support/api";
import { DB, expectTheLaw, startApi } from "./app";

let api: Api;
let site: Site;
beforeAll(async () => {
  api = startApi();
  site = await api.createSite(PLAIN_RULES);
});

describe("what a batch may look like", () => {
  const body = (visitor: string) => ({ writeKey: site.writeKey, batch: [page(visitor)] });

  test.each<[string, (visitor: string) => Promise<{ path?: string; headers: Record<string, string>; body: unknown }>]>([
    ["JSON", async (visitor) => ({ headers: { "Content-Type": "application/json" }, body: body(visitor) })],
    ["JSON as text/plain", async (visitor) => ({ headers: { "Content-Type": "text/plain" }, body: body(visitor) })],
    ["no content type", async (visitor) => ({ headers: {}, body: body(visitor) })],
    ["a byte order mark", async (visitor) => ({ headers: {}, body: `\uFEFF${JSON.stringify(body(visitor))}` })],
    [
      "gzip, with Content-Encoding",
      async (visitor) => ({ headers: { "Content-Encoding": "gzip" }, body: await gzip(JSON.stringify(body(visitor))) }),
    ],
    [
      "gzip as a form, unannounced",
      async (visitor) => ({
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: await gzip(JSON.stringify(body(visitor))),
      }),
    ],
    [
      "write key as Basic user name",
      async (visitor) => ({
        headers: { Authorization: `Basic ${btoa(`${site.writeKey}:`)}` },
        body: { batch: [page(visitor)] },
      }),
    ],
    [
      "write key as Basic user name with a password",
      async (visitor) => ({
        headers: { Authorization: `basic ${btoa(`${site.writeKey}:any:thing`)}` },
        body: { batch: [page(visitor)] },
      }),
    ],
    [
      "write key in the query",
      async (visitor) => ({
        path: `/v1/batch?writeKey=${site.writeKey}`,
        headers: {},
        body: { batch: [page(visitor)] },
      }),
    ],
  ])("%s", async (_, make) => {
    const visitor = unique("v");
    const { path = "/v1/batch", ...options } = await make(visitor);
    const { status, body } = await api.json<WireReply>(path, { method: "POST", ...options });
    expect({ status, body }).toEqual({
      status: 200,
      body: { success: true, visitor, temperature: "cold", score: 1, validUntil: null, rejected: [] },
    });
    expect(await site.events(`visitor:${visitor}`)).toHaveLength(1);
  });

  test.each([
    ["track", { event: "Form Submitted", properties: { form: "demo" } }, 70],
    ["page", { properties: { path: "/a" } }, 1],
    ["screen", { name: "Home" }, 0],
    ["identify", { traits: { title: "CEO" } }, 0],
    ["group", { groupId: "g", traits: { plan: "pro" } }, 0],
    ["alias", { userId: "u-alias", previousId: "p" }, 0],
  ])("one message to /v1/%s", async (type, fields, score) => {
    const message = { writeKey: site.writeKey, anonymousId: unique("v"), messageId: unique("m"), ...fields };
    // The second time as Segment's script for browsers calls it.
    for (const path of [type, type.slice(0, 1)]) {
      const { status, body } = await api.json<WireReply>(`/v1/${path}`, { body: message });
      expect({ status, body }).toMatchObject({ status: 200, body: { success: true, score, rejected: [] } });
    }
    expect(await site.events(`visitor:${message.anonymousId}`)).toMatchObject([{ type, messageId: message.messageId }]);
  });

  test("a client that says the type again cannot make it another", async () => {
    const visitor = unique("v");
    await api.json("/v1/page", { body: { writeKey: site.writeKey, anonymousId: visitor, type: "identify" } });
    expect(await site.events(`visitor:${visitor}`)).toMatchObject([{ type: "page" }]);
  });
});

describe("who may send", () => {
  test.each<[string, number, Message, Record<string, string>]>([
    ["no write key", 401, { writeKey: undefined }, {}],
    ["a wrong write key", 401, { writeKey: "nobody" }, {}],
    ["an empty write key", 401, { writeKey: "" }, {}],
    ["a write key that is no text", 401, { writeKey: { a: 1 } }, {}],
    ["a wrong secret key", 401, {}, { Authorization: "Bearer wrong" }],
    ["an origin of another site", 403, {}, { Origin: "https://evil.example" }],
    ["an origin that only begins alike", 403, {}, { Origin: "https://shop.example.evil.example" }],
    ["another scheme", 403, {}, { Origin: "http://shop.example" }],
    ["an opaque origin", 403, {}, { Origin: "null" }],
    ["the site's origin", 200, {}, { Origin: "https://shop.example" }],
    ["no origin", 200, {}, {}],
  ])("%s: %i", async (_, status, more, headers) => {
    const visitor = unique("v");
    const answer = await site.post([page(visitor)], more, { headers });
    expect(answer.status).toBe(status);
    expect(await site.leadStatus(`visitor:${visitor}`)).toBe(status === 200 ? 200 : 404);
    if (status === 200) return;
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
    if (status === 401) expect(answer.headers.get("WWW-Authenticate")).toBeTruthy();
  });

  test("the id of a site is no write key", async () => {
    expect((await site.post([page(unique("v"))], { writeKey: site.id })).status).toBe(401);
  });

  test("a preflight is answered, with credentials and for a while", async () => {
    const response = await api.call("/v1/batch", {
      method: "OPTIONS",
      headers: {
        Origin: "https://shop.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
      },
    });
    expect(response.status).toBeLessThan(300);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "https://shop.example",
      "access-control-allow-credentials": "true",
      "access-control-allow-headers": expect.stringMatching(/content-type/i),
      "access-control-allow-methods": expect.stringContaining("POST"),
      "access-control-max-age": "7200",
    });
  });

  test.each([200, 400, 401, 403, 413])("a page may read the answer %i", async (status) => {
    const origin = status === 403 ? "https://evil.example" : "https://shop.example";
    const bodies: Record<number, unknown> = {
      400: "no json",
      401: { writeKey: "nobody", batch: [] },
      413: " ".repeat(500_001),
    };
    const response = await api.call("/v1/batch", {
      method: "POST",
      headers: { Origin: origin },
      body: bodies[status] ?? { writeKey: site.writeKey, batch: [] },
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
    expect(response.headers.get("Access-Control-Allow-Credentials")).toBe("true");
    expect(response.headers.get("Vary")).toMatch(/origin/i);
  });
});

describe("limits, on each side", () => {
  /** A page whose JSON has exactly so many bytes. */
  const sized = (bytes: number) => {
    const message = page(unique("v"), "/", { properties: { path: "/", pad: "" } });
    const pad = "é".repeat((bytes - JSON.stringify(message).length) >> 1);
    const filled = { ...message, properties: { path: "/", pad } };
    const rest = bytes - new TextEncoder().encode(JSON.stringify(filled)).length;
    return { ...filled, properties: { path: "/", pad: pad + "x".repeat(rest) } };
  };

  test.each([
    ["public key", null, 100],
    ["secret key", "admin", 1_000],
  ])("messages of a batch, %s", async (_, who, most) => {
    const key = who && api.adminKey;
    const visitor = unique("v");
    const many = Array.from({ length: most + 1 }, (__, i) => ({ ...page(visitor), messageId: `${visitor}-${i}` }));
    expect((await site.post(many, {}, { key })).status).toBe(413);
    expect(await site.leadStatus(`visitor:${visitor}`)).toBe(404);
    expect((await site.post(many.slice(1), {}, { key })).body).toMatchObject({ score: most, rejected: [] });
  });

  test.each(["plain", "gzip"])("bytes of a body, %s", async (how) => {
    const visitor = unique("v");
    const text = JSON.stringify({ writeKey: site.writeKey, batch: [page(visitor)] });
    for (const [bytes, status] of [
      [500_000, 200],
      [500_001, 413],
    ] as const) {
      const padded = text.padEnd(bytes);
      const answer = await api.json("/v1/batch", { body: how === "gzip" ? await gzip(padded) : padded });
      expect(answer.status).toBe(status);
    }
  });

  test("bytes of a message", async () => {
    const answer = await site.post([sized(32_000), sized(32_769), sized(32_768)]);
    expect(answer.body.rejected).toMatchObject([{ index: 1 }]);
  });

  test("characters of an id", async () => {
    const long = "i".repeat(256);
    const answer = await site.post([page(long), page(`${long}i`), page("v", "/", { messageId: `${long}i` })]);
    expect(answer.body.rejected).toMatchObject([{ index: 1 }, { index: 2 }]);
  });
});

test("a body whose sentAt is an empty text does not say when it was sent", async () => {
  const body = { writeKey: site.writeKey, sentAt: "", batch: [page(unique("v"))] };
  expect(await api.json("/v1/batch", { body })).toMatchObject({ status: 200, body: { rejected: [] } });
});

test("what is kept equals a replay of the log", async () => {
  await expectTheLaw(site.id);
  expect(await DB.prepare("SELECT count(*) n FROM leads").first("n")).toBeGreaterThan(10);
});
