/** Ingest (contract §4), sentence by sentence: when an event happened, what is rejected, what counts, and the answer. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Api, type Message, PLAIN_RULES, page, type Site, track, unique } from "../support/api";
import { DAY, expectTheLaw, MINUTE, startApi } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
const iso = (ms: number) => new Date(ms).toISOString();

let api: Api;
let site: Site;
beforeAll(async () => {
  api = startApi({ clock: () => NOW });
  site = await api.createSite(PLAIN_RULES);
});

describe("time", () => {
  const timeOf = async (message: Message, more: Message = {}, key: string | null = null) => {
    const visitor = unique("v");
    const { status, body } = await site.post([page(visitor, "/", message)], more, { key });
    expect(status).toBe(200);
    if (body.rejected?.length) return body.rejected[0]?.code;
    return Date.parse((await site.events(`visitor:${visitor}`))[0]?.timestamp ?? "");
  };

  test.each([
    ["with an offset", "2026-11-22T12:30:00+01:00", "2026-11-22T11:30:00Z"],
    ["with an offset without colon", "2026-11-22T12:30:00+0100", "2026-11-22T11:30:00Z"],
    ["without a zone: UTC", "2026-11-22T11:30:00.250", "2026-11-22T11:30:00.250Z"],
    ["a day", "2026-11-21", "2026-11-21T00:00:00Z"],
    ["milliseconds", Date.parse("2026-11-22T11:30:00Z"), "2026-11-22T11:30:00Z"],
  ])("%s is a time", async (_, timestamp, expected) => {
    expect(await timeOf({ timestamp })).toBe(Date.parse(expected));
  });

  test.each([1_795_000_000, "1795000000", "2026-02-30T00:00:00Z", "2026-02-30T00:00:00.000Z", "yesterday", ""])(
    "%j is none",
    async (timestamp) => {
      expect(await timeOf({ timestamp }, {}, api.adminKey)).toBe("invalid_message");
    },
  );

  test.each<[string, Message, Message, number]>([
    ["none", {}, {}, NOW],
    ["as stated, without sentAt", { timestamp: iso(NOW - 5_000) }, {}, NOW - 5_000],
    [
      "a clock an hour slow",
      { timestamp: iso(NOW - 65 * MINUTE) },
      { sentAt: iso(NOW - 60 * MINUTE) },
      NOW - 5 * MINUTE,
    ],
    ["a clock a day fast", { timestamp: iso(NOW + DAY - 5_000) }, { sentAt: iso(NOW + DAY) }, NOW - 5_000],
    ["a clock in 1970", { timestamp: iso(1_000) }, { sentAt: iso(4_000) }, NOW - 3_000],
    ["sentAt of the message itself", { timestamp: iso(NOW - DAY - 9), sentAt: iso(NOW - DAY) }, {}, NOW - 9],
    [
      "timestamp where both are told: RudderStack's client fills in originalTimestamp by itself",
      { timestamp: iso(NOW - 60 * MINUTE), originalTimestamp: iso(NOW - 9), sentAt: iso(NOW) },
      {},
      NOW - 60 * MINUTE,
    ],
    ["originalTimestamp", { originalTimestamp: iso(NOW - 7_000) }, {}, NOW - 7_000],
    ["the future, cut to now", { timestamp: iso(NOW + DAY) }, {}, NOW],
    ["later than sent, cut to now", { timestamp: iso(NOW - 5_000) }, { sentAt: iso(NOW - 60_000) }, NOW],
    ["another zone", { timestamp: "2026-11-22T14:59:59+03:00" }, {}, NOW - 1_000],
    ["30 days ago", { timestamp: iso(NOW - 30 * DAY) }, {}, NOW - 30 * DAY],
  ])("%s", async (_, message, more, expected) => {
    expect(await timeOf(message, more)).toBe(expected);
  });

  test("older than 30 days is rejected under the public key, imported with a secret one", async () => {
    const timestamp = iso(NOW - 30 * DAY - 1);
    expect(await timeOf({ timestamp })).toBe("too_old");
    expect(await timeOf({ timestamp }, {}, api.adminKey)).toBe(NOW - 30 * DAY - 1);
    expect(await timeOf({ timestamp: "1999-12-31T23:59:59Z" }, {}, api.adminKey)).toBe(Date.UTC(2000, 0, 1) - 1_000);
  });

  test("corrected before it is judged too old", async () => {
    expect(await timeOf({ timestamp: iso(NOW - 40 * DAY) }, { sentAt: iso(NOW - 39 * DAY) })).toBe(NOW - DAY);
  });
});

describe("one bad message", () => {
  test("is listed with its place and does not sink the rest", async () => {
    const visitor = unique("v");
    const good = [page(visitor), page(visitor)];
    const { status, body } = await site.post([
      good[0],
      null,
      { type: "track", anonymousId: visitor, messageId: "no-event" },
      good[1],
      { type: "nonsense", anonymousId: visitor, messageId: "no-type" },
      { type: "page", messageId: "no-visitor" },
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, visitor, score: 2 });
    expect(body.rejected).toEqual([
      { messageId: null, index: 1, code: expect.any(String), detail: expect.any(String) },
      { messageId: "no-event", index: 2, code: expect.any(String), detail: expect.any(String) },
      { messageId: "no-type", index: 4, code: expect.any(String), detail: expect.any(String) },
      { messageId: "no-visitor", index: 5, code: expect.any(String), detail: expect.any(String) },
    ]);
  });

  test("does not use up its id", async () => {
    const visitor = unique("v");
    const messageId = unique("m");
    const bad = await site.post([page(visitor, "/", { messageId, timestamp: "yesterday" })]);
    expect(bad.body.rejected).toMatchObject([{ messageId, index: 0 }]);
    const good = await site.post([page(visitor, "/", { messageId })]);
    expect(good.body).toMatchObject({ score: 1, rejected: [] });
  });

  test("alone still answers 200, without score fields", async () => {
    const { status, body } = await site.post([{}]);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual(["rejected", "success"]);
  });
});

describe("a message counts once", () => {
  test("within a batch, the first one", async () => {
    const visitor = unique("v");
    const first = page(visitor, "/first");
    const { body } = await site.post([first, { ...first, properties: { path: "/second" } }, page(visitor)]);
    expect(body).toMatchObject({ score: 2, rejected: [] });
    expect((await site.events(`visitor:${visitor}`))[0]?.properties).toEqual({ path: "/first" });
  });

  test("across batches, and the answer is as if it had been new", async () => {
    const visitor = unique("v");
    const message = page(visitor);
    for (let sent = 0; sent < 3; sent++) expect((await site.post([message])).body).toMatchObject({ visitor, score: 1 });
    expect((await site.post([message, page(visitor)])).body.score).toBe(2);
  });

  test("whoever sends it: an id is the site's, not the visitor's", async () => {
    const [one, other] = [unique("v"), unique("v")];
    const message = page(one);
    await site.post([message]);
    expect((await site.post([{ ...message, anonymousId: other }])).body).toMatchObject({ visitor: other, score: 0 });
    expect(await site.leadStatus(`visitor:${other}`)).toBe(404);
  });

  test("but once on each site", async () => {
    const another = await api.createSite(PLAIN_RULES);
    const message = page(unique("v"));
    expect((await site.post([message])).body.score).toBe(1);
    expect((await another.post([message])).body.score).toBe(1);
  });

  test("long after, when other events have filled the log", async () => {
    const visitor = unique("v");
    const message = page(visitor);
    await site.post([message]);
    await site.post(Array.from({ length: 90 }, () => page(visitor)));
    await site.post(Array.from({ length: 40 }, () => page(visitor)));
    expect((await site.post([message])).body.score).toBe(131);
    expect(await site.events(`visitor:${visitor}`)).toHaveLength(131);
  });
});

test("an import of 1,000 events of 500 users, twice, in two orders", async () => {
  const users = Array.from({ length: 500 }, () => unique("u"));
  const batch = Array.from({ length: 1_000 }, (_, i) => ({
    type: "page",
    messageId: `import-${i}`,
    userId: users[i % 500],
    timestamp: iso(Date.UTC(2020, 0, 1) + i),
  }));
  for (const sent of [batch, [...batch].reverse()]) {
    expect((await site.import(sent)).body).toEqual({ success: true, rejected: [] });
  }
  for (const user of [users[0], users[250], users[499]]) {
    expect(await site.lead(`user:${user}`)).toMatchObject({ pageviews: 2, score: 2 });
  }
});

describe("the answer", () => {
  test("has score fields of the visitor when all messages are of one", async () => {
    const visitor = unique("v");
    const { body } = await site.post([track(visitor, "Form Submitted", { form: "demo" }), page(visitor)]);
    expect(body).toEqual({ success: true, visitor, temperature: "hot", score: 71, validUntil: null, rejected: [] });
  });

  test("has none when they are of several", async () => {
    const { body } = await site.post([page(unique("v")), page(unique("v"))]);
    expect(body).toEqual({ success: true, rejected: [] });
  });

  test("goes with what GET /v1/me says", async () => {
    const visitor = unique("v");
    const { body } = await site.post([track(visitor, "Form Submitted", { form: "demo" })]);
    const { rejected: _, ...fields } = body;
    expect(await site.me(visitor)).toEqual(fields);
    expect(await site.me(unique("v"))).toMatchObject({ success: true, temperature: "cold", score: 0 });
  });

  test("moves down as well as up", async () => {
    const visitor = unique("v");
    await site.post([track(visitor, "Form Submitted", { form: "demo" })]);
    expect((await site.post([page(visitor, "/careers")])).body).toMatchObject({ score: 61, temperature: "warm" });
  });
});

test("what is kept equals a replay of the log", () => expectTheLaw(site.id));
