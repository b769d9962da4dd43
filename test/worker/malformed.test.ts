/**
 * Bad input of every kind: a body is refused with a clean 4xx, a message is rejected or kept harmlessly, nothing is ever a
 * 5xx, and what was kept afterwards still equals a replay of its log and can still be read.
 */
import { beforeAll, describe, expect, test } from "vitest";
import type { WireReply } from "../../snippet/wire";
import {
  type Api,
  gzip,
  type Lead,
  type List,
  type Message,
  PLAIN_RULES,
  page,
  type Site,
  unique,
} from "../support/api";
import { expectTheLaw, startApi } from "./app";

let api: Api;
let site: Site;
beforeAll(async () => {
  api = startApi();
  const rules = {
    ...PLAIN_RULES,
    counters: {
      seconds: { on: "Page Engaged", sum: "properties.seconds", within: "7d" },
      total: { on: "Page Engaged", sum: "properties.seconds" },
    },
    rules: [
      ...PLAIN_RULES.rules,
      { id: "by", on: "page", points: 1, limit: { times: 1, by: "properties.file" } },
      { id: "proto", on: "page", where: { "properties.__proto__.polluted": { exists: true } }, points: 1_000 },
      { id: "busy", while: { "counters.seconds": { gte: 100 } }, points: 5 },
      { id: "engaged", while: { "counters.total": { gte: 100 } }, points: 5 },
    ],
  };
  site = await api.createSite(rules);
});

/** A body as text, from JSON with `@KEY@` for the write key. */
const withKey = (text: string) => text.replaceAll("@KEY@", site.writeKey);
const utf8 = (text: string) => new TextEncoder().encode(text);
const deep = (levels: number, open: string, close: string) => open.repeat(levels) + close.repeat(levels);

describe("a body is refused with a clean 4xx", () => {
  const cases: [string, number, () => unknown][] = [
    ["nothing", 400, () => ""],
    ["blanks", 400, () => " \n\t "],
    ["a word", 400, () => "hello"],
    ["a word by which D1's refusals are told", 400, () => "messages.id"],
    ["form fields", 400, () => "writeKey=demo&batch=1"],
    ["half of JSON", 400, () => withKey('{"writeKey":"@KEY@","batch":[{"type":"page"')],
    ["two documents", 400, () => withKey('{"writeKey":"@KEY@","batch":[]}{}')],
    ["single quotes", 400, () => withKey("{'writeKey':'@KEY@','batch':[]}")],
    ["a comma too many", 400, () => withKey('{"writeKey":"@KEY@","batch":[],}')],
    ["NaN", 400, () => withKey('{"writeKey":"@KEY@","batch":[NaN]}')],
    ["null", 400, () => "null"],
    ["true", 400, () => "true"],
    ["a number", 400, () => "1e400"],
    ["a text", 400, () => '"batch"'],
    ["an array", 400, () => "[]"],
    ["nothing known", 400, () => "{}"],
    ["no batch", 400, () => withKey('{"writeKey":"@KEY@"}')],
    ["batch null", 400, () => withKey('{"writeKey":"@KEY@","batch":null}')],
    ["batch an object", 400, () => withKey('{"writeKey":"@KEY@","batch":{"length":1,"0":{}}}')],
    ["batch a text", 400, () => withKey('{"writeKey":"@KEY@","batch":"[]"}')],
    ["batch under __proto__", 400, () => withKey('{"writeKey":"@KEY@","__proto__":{"batch":[]}}')],
    ["write key under __proto__", 401, () => withKey('{"__proto__":{"writeKey":"@KEY@"},"batch":[]}')],
    ["a write key with NUL", 401, () => '{"writeKey":"\\u0000","batch":[]}'],
    ["a write key with half a surrogate", 401, () => '{"writeKey":"\\ud800","batch":[]}'],
    ["a write key of 400 kB", 401, () => JSON.stringify({ writeKey: "k".repeat(400_000), batch: [] })],
    ["sentAt no time", 400, () => withKey('{"writeKey":"@KEY@","sentAt":"soon","batch":[]}')],
    ["sentAt an object", 400, () => withKey('{"writeKey":"@KEY@","sentAt":{},"batch":[]}')],
    ["250,000 messages", 413, () => withKey(`{"writeKey":"@KEY@","batch":[${"1,".repeat(240_000)}1]}`)],
    ["100,000 arrays deep", 400, () => deep(100_000, "[", "]")],
    ["invalid UTF-8", 400, () => new Uint8Array([...utf8('{"writeKey":"'), 0xff, 0xfe, ...utf8('"}')])],
    ["UTF-8 cut within a character", 400, () => new Uint8Array([...utf8('{"a":"'), 0xe2, 0x82])],
    ["UTF-16", 400, () => new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0])],
    ["only the first bytes of gzip", 400, () => new Uint8Array([0x1f, 0x8b])],
    ["gzip of nothing", 400, () => gzip("")],
    ["gzip of no JSON", 400, () => gzip("hello")],
    ["gzip cut off", 400, async () => (await gzip(withKey('{"writeKey":"@KEY@","batch":[]}'))).slice(0, -9)],
    [
      "gzip with a wrong check sum",
      400,
      async () => broken(await gzip(withKey('{"writeKey":"@KEY@","batch":[]}')), -6),
    ],
    ["gzip broken in the middle", 400, async () => broken(await gzip(withKey('{"writeKey":"@KEY@","batch":[]}')), 14)],
    ["gzip in gzip", 400, async () => gzipBytes(await gzip("{}"))],
    ["a gzip bomb", 413, () => gzip(" ".repeat(20_000_000))],
    ["500,001 bytes", 413, () => " ".repeat(500_001)],
  ];
  const broken = (bytes: Uint8Array<ArrayBuffer>, at: number) => bytes.fill(0xaa, at, at === -6 ? -4 : at + 3);
  const gzipBytes = async (bytes: Uint8Array<ArrayBuffer>) => {
    const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  test.each(cases)("%s: %i", async (_, status, make) => {
    const answer = await api.json("/v1/batch", { method: "POST", body: await make() });
    expect(answer.status, JSON.stringify(answer.body)).toBe(status);
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
    expect(answer.body).toMatchObject({ status, title: expect.any(String), detail: expect.any(String) });
  });

  test.each(["track", "page", "screen", "identify", "group", "alias"])("the same bodies to /v1/%s", async (type) => {
    for (const [name, , make] of cases) {
      const { status } = await api.call(`/v1/${type}`, { method: "POST", body: await make() });
      // As one message, some of them are readable: then what is wrong is listed.
      expect([200, 400, 401, 413], `${name}: ${status}`).toContain(status);
    }
  });
});

test("odd parameters, cookies and credentials: a clean answer", async () => {
  const odd = ["%00", "%ff", "%ed%a0%80", "__proto__", "toString", "%0a", "%E2%80%AE", "x".repeat(2_000), "%", ""];
  const credentials = ["Basic", "Basic %%%", "Basic ////", `Basic ${"A".repeat(10_000)}`, "Bearer", "Bearer  x", "?"];
  const calls: [string, Record<string, string>][] = [
    ...odd.flatMap((text): [string, Record<string, string>][] => [
      [`/v1/me?writeKey=${site.writeKey}&anonymousId=${text}`, {}],
      [`/v1/me?writeKey=${text}&anonymousId=v`, {}],
      [`/v1/me?writeKey=${site.writeKey}`, { Cookie: `kelvin=${text}` }],
      [`/v1/me?writeKey=${site.writeKey}&anonymousId=v`, { "User-Agent": text, "CF-Connecting-IP": text }],
      [`/v1/pixel.gif?writeKey=${site.writeKey}&event=${text}&anonymousId=${text}&${text}=${text}`, {}],
    ]),
    ...credentials.map((text): [string, Record<string, string>] => [
      `/v1/me?writeKey=${site.writeKey}&anonymousId=v`,
      { Authorization: text },
    ]),
  ];
  for (const [path, headers] of calls) {
    const { status } = await api.call(path, { headers });
    expect([200, 400, 401], `${path} ${JSON.stringify(headers)}: ${status}`).toContain(status);
  }
});

describe("a message is rejected, or kept harmlessly", () => {
  const ODD_TEXTS = ["", "\u0000", "a\u0000b", "\ud800", "\udc00x", "\n", "\u202e", "x".repeat(257), "__proto__", "💥"];
  const ODD_VALUES: unknown[] = [true, 0, -0, 1.5, 1e21, [], ["a"], {}, { a: 1 }, { toString: 1 }, { length: -1 }];
  const ODD_TIMES: unknown[] = [
    "yesterday",
    "2026-13-01T00:00:00Z",
    "2026-02-30T25:61:61Z",
    "0000-00-00",
    "-271821-04-20T00:00:00Z",
    "+275760-09-13T00:00:00Z",
    "+275760-09-13T00:00:00.001Z",
    -8.64e15,
    8.64e15,
    9e15,
    1e300,
    -1,
    "1",
    "2026",
  ];
  const FIELDS = ["type", "messageId", "anonymousId", "userId", "previousId", "event", "name", "timestamp"];
  const OBJECTS = ["properties", "traits", "context", "integrations"];
  const fieldCases = [
    ...[...FIELDS, ...OBJECTS].flatMap((field) => [...ODD_VALUES, ...ODD_TEXTS].map((value) => ({ field, value }))),
    ...["timestamp", "originalTimestamp", "sentAt"].flatMap((field) => ODD_TIMES.map((value) => ({ field, value }))),
  ];

  test.each(["page", "track", "identify", "group"])(`${fieldCases.length} odd fields in a %s`, async (type) => {
    for (let from = 0; from < fieldCases.length; from += 50) {
      const batch = fieldCases.slice(from, from + 50).map(({ field, value }) => {
        const message: Message = { ...page(unique("odd")), type, event: "E", traits: { title: "CEO" } };
        return { ...message, [field]: value };
      });
      for (const key of [null, api.adminKey]) {
        const { status, body } = await site.post(batch, {}, { key });
        expect(status, JSON.stringify(body)).toBe(200);
        for (const rejection of body.rejected ?? []) {
          expect(rejection).toMatchObject({ code: expect.any(String), detail: expect.any(String) });
        }
      }
    }
  });

  /** Text of JSON, to say what no object literal can. */
  const texts: [string, "kept" | "rejected", string][] = [
    ["a number", "rejected", "1"],
    ["a text", "rejected", '"page"'],
    ["an array", "rejected", "[[]]"],
    ["an empty object", "rejected", "{}"],
    ["empty texts beside a visitor", "kept", '{"type":"page","anonymousId":"@V@","userId":"","name":"","event":""}'],
    ["empty texts and no identity", "rejected", '{"type":"page","anonymousId":"","userId":""}'],
    ["an empty type", "rejected", '{"type":"","anonymousId":"@V@"}'],
    ["a track of nothing", "rejected", '{"type":"track","anonymousId":"@V@","event":""}'],
    ["__proto__ as the whole", "rejected", '{"__proto__":{"type":"page","anonymousId":"@V@"}}'],
    [
      "__proto__ in properties",
      "kept",
      '{"type":"page","anonymousId":"@V@","properties":{"__proto__":{"polluted":1}}}',
    ],
    [
      "constructor in traits",
      "kept",
      '{"type":"identify","anonymousId":"@V@","traits":{"constructor":{"prototype":{"a":1}}}}',
    ],
    ["__proto__ in traits", "kept", '{"type":"identify","anonymousId":"@V@","traits":{"__proto__":{"title":"CEO"}}}'],
    ["__proto__ as by", "kept", '{"type":"page","anonymousId":"@V@","properties":{"file":"__proto__"}}'],
    ["1e400", "kept", '{"type":"track","event":"Page Engaged","anonymousId":"@V@","properties":{"seconds":1e400}}'],
    ["-1e400", "kept", '{"type":"track","event":"Page Engaged","anonymousId":"@V@","properties":{"seconds":-1e400}}'],
    [
      "1e308 twice",
      "kept",
      '{"type":"track","event":"Page Engaged","anonymousId":"@V@","properties":{"seconds":1e308}}',
    ],
    ["1e400 as id", "rejected", '{"type":"page","anonymousId":1e400}'],
    ["NUL in properties", "kept", '{"type":"page","anonymousId":"@V@","properties":{"file":"\\u0000","\\u0000":1}}'],
    ["half a surrogate in properties", "kept", '{"type":"page","anonymousId":"@V@","properties":{"file":"\\ud800"}}'],
    ["NUL in an e-mail", "kept", '{"type":"identify","anonymousId":"@V@","traits":{"email":"a\\u0000@b.example"}}'],
    [
      "half a surrogate in an e-mail",
      "kept",
      '{"type":"identify","anonymousId":"@V@","traits":{"email":"\\ud800@b.example"}}',
    ],
    [
      "an e-mail of 30 kB",
      "kept",
      `{"type":"identify","anonymousId":"@V@","traits":{"email":"a@${"b".repeat(30_000)}"}}`,
    ],
    ["an e-mail that is an object", "kept", '{"type":"identify","anonymousId":"@V@","traits":{"email":{"a":"@"}}}'],
    ["20 deep", "kept", `{"type":"page","anonymousId":"@V@","properties":{"a":${deep(20, "[", "]")}}}`],
    ["33 deep", "rejected", `{"type":"page","anonymousId":"@V@","properties":{"a":${deep(33, "[", "]")}}}`],
    ["14,000 deep", "rejected", `{"type":"page","anonymousId":"@V@","properties":{"a":${deep(14_000, "[", "]")}}}`],
    ["200,000 deep", "rejected", `{"type":"page","anonymousId":"@V@","properties":{"a":${deep(200_000, "[", "]")}}}`],
    [
      "10,000 keys",
      "rejected",
      `{"type":"page","anonymousId":"@V@","properties":{${Array.from({ length: 10_000 }, (_, i) => `"k${i}":1`)}}}`,
    ],
    ["a million spaces short of the limit", "kept", `{"type":"page","anonymousId":"@V@"${" ".repeat(400_000)}}`],
    [
      "a URL that is none",
      "kept",
      '{"type":"page","anonymousId":"@V@","properties":{"url":"http://[::bad","path":7,"referrer":{}}}',
    ],
    [
      "utm that cannot be decoded",
      "kept",
      '{"type":"page","anonymousId":"@V@","properties":{"url":"https://a.example/?utm_source=%E0%A4%A"}}',
    ],
    [
      "context with other types",
      "kept",
      '{"type":"page","anonymousId":"@V@","context":{"page":1,"campaign":[],"active":"no","location":{"country":9}}}',
    ],
    ["an identify of null traits", "kept", '{"type":"identify","anonymousId":"@V@","traits":{"email":null,"a":null}}'],
    ["traits that are no object", "rejected", '{"type":"identify","anonymousId":"@V@","traits":"title"}'],
    ["a name of 257", "rejected", `{"type":"track","anonymousId":"@V@","event":"${"e".repeat(257)}"}`],
  ];
  test.each(texts)("%s: %s", async (_, outcome, text) => {
    for (let sent = 0; sent < 2; sent++) {
      const visitor = unique("odd");
      const raw = `{"writeKey":"${site.writeKey}","batch":[${text.replaceAll("@V@", visitor)}]}`;
      const { status, body } = await api.json<WireReply>("/v1/batch", { body: raw });
      expect(status, JSON.stringify(body)).toBe(200);
      expect(body.rejected?.length === 0 ? "kept" : "rejected", JSON.stringify(body.rejected)).toBe(outcome);
      expect(await site.leadStatus(`visitor:${visitor}`)).toBe(outcome === "kept" ? 200 : 404);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test("numbers too large to add up leave a lead that can be read and go on", async () => {
    const visitor = unique("odd");
    const engaged = (seconds: number) => ({
      ...page(visitor),
      type: "track",
      event: "Page Engaged",
      properties: { seconds },
    });
    for (const seconds of [1e308, 1e308, -1e308]) expect((await site.post([engaged(seconds)])).status).toBe(200);
    expect((await site.post([page(visitor)])).status).toBe(200);
    expect(Number.isFinite((await site.lead(`visitor:${visitor}`)).score)).toBe(true);
  });
});

describe("times at the ends of the calendar, imported", () => {
  test.each([
    ["the earliest", { timestamp: -8.64e15 }, {}, 200],
    // A body whose clock nobody can read is refused whole: its times would all be guesses.
    ["from a client past the year 9999", { timestamp: -8.64e15 }, { sentAt: "+275760-09-13T00:00:00.000Z" }, 400],
    ["from a client far ahead", { timestamp: -8.64e15 }, { sentAt: "9999-12-31T00:00:00.000Z" }, 200],
    ["the year 0", { timestamp: "0000-01-01T00:00:00Z" }, {}, 200],
  ])("%s: a clean answer, and the lead can be read", async (_, fields, more, expected) => {
    const another = await api.createSite(PLAIN_RULES);
    const { status } = await another.post([page("v", "/", fields)], more, { key: api.adminKey });
    expect(status).toBe(expected);
    // Rejected or kept; but if kept, neither the lead nor the list of all leads may be out of reach.
    expect([200, 404]).toContain(await another.leadStatus("visitor:v"));
    expect((await another.rest("/v1/leads")).status).toBe(200);
  });
});

test("a lead's state stays within 64 kB, whatever a browser sends", async () => {
  const visitor = unique("odd");
  for (let i = 0; i < 4; i++) {
    const batch = Array.from({ length: 100 }, () => page(visitor, "/", { userId: unique("u".repeat(230)) }));
    expect((await site.post(batch)).status).toBe(200);
  }
  const lead = await site.lead(`visitor:${visitor}`);
  expect(JSON.stringify(lead).length).toBeLessThan(64 * 1024);
});

test("whatever was kept can be read in every view, and is what a replay finds", async () => {
  let leads = 0;
  for (let cursor: string | null = ""; cursor !== null; ) {
    const path: string = `/v1/leads?limit=200${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await site.rest<List<Lead>>(path);
    expect(status).toBe(200);
    cursor = body.nextCursor;
    for (const { id, exact } of body.data) {
      leads += 1;
      expect(Number.isFinite(exact.score)).toBe(true);
      expect((await site.rest(`/v1/leads/${id}/explanation`)).status).toBe(200);
      await site.events(id);
    }
  }
  expect(leads).toBeGreaterThan(100);
  await expectTheLaw(site.id);
});
