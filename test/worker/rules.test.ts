/** The marketers' calls about rules (contract §5 "Errors", §7). */
import { beforeAll, describe, expect, test } from "vitest";
import { PLAIN_RULES, type Problem, page, type Site, unique } from "../support/api";
import { expectTheLaw, startApi } from "./app";

const api = startApi();
let site: Site;
beforeAll(async () => {
  site = await api.createSite(PLAIN_RULES);
});

interface Version {
  version: number;
  rules: unknown;
}

describe("GET and PUT /v1/rules", () => {
  test("what was put is what is read, with its version as ETag", async () => {
    const put = await site.publish(PLAIN_RULES);
    expect(put.status).toBe(200);
    expect(put.body.rules).toEqual(PLAIN_RULES);
    const got = await site.rest<Version>("/v1/rules");
    expect(got).toMatchObject({ status: 200, body: { version: put.body.version, rules: PLAIN_RULES } });
    expect(got.headers.get("ETag")).toBe(put.headers.get("ETag"));
    expect(got.headers.get("ETag")).toMatch(/^"\d+"$/);
  });

  test("each publication is the next version, even of the same document", async () => {
    const { version } = (await site.publish(PLAIN_RULES)).body;
    expect((await site.publish(PLAIN_RULES)).body.version).toBe(version + 1);
  });

  test("If-Match: the version in force publishes, a stale one is refused", async () => {
    const { headers, body } = await site.rest<Version>("/v1/rules");
    const etag = headers.get("ETag") ?? "";
    expect((await site.publish(PLAIN_RULES, { "If-Match": etag })).body.version).toBe(body.version + 1);
    for (const stale of [etag, `"${body.version + 2}"`, '"other"', "nonsense"]) {
      const refused = await site.publish(PLAIN_RULES, { "If-Match": stale });
      expect(refused, stale).toMatchObject({ status: 412, body: { status: 412 } });
    }
    expect((await site.rest<Version>("/v1/rules")).body.version).toBe(body.version + 1);
    expect((await site.publish(PLAIN_RULES, { "If-Match": "*" })).status).toBe(200);
  });

  test.each([
    ["weak, as a proxy makes it that compresses", (n: number) => `W/"${n}"`, 200],
    ["the bare number", (n: number) => `${n}`, 200],
    ["one of several", (n: number) => `"${n - 1}", W/"x", "${n}"`, 200],
    ["several others", (n: number) => `"${n - 1}", "${n + 1}"`, 412],
    ["a weak other", (n: number) => `W/"${n - 1}"`, 412],
    ["half a tag", (n: number) => `"${n}`, 412],
  ])("If-Match, %s", async (_, header, status) => {
    const { version } = (await site.rest<Version>("/v1/rules")).body;
    expect((await site.publish(PLAIN_RULES, { "If-Match": header(version) })).status).toBe(status);
  });

  test("twenty at once with the same If-Match: one wins", async () => {
    const { headers, body } = await site.rest<Version>("/v1/rules");
    const etag = headers.get("ETag") ?? "";
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => site.publish(PLAIN_RULES, { "If-Match": etag })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(19).fill(412)]);
    expect((await site.rest<Version>("/v1/rules")).body.version).toBe(body.version + 1);
  });

  test("ten at once without If-Match: all are published, each as a version of its own", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => site.publish(PLAIN_RULES)));
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ body }) => body.version)).size).toBe(10);
  });

  test("a lead is under the new rules when it is next read and when it is next active", async () => {
    const changing = await api.createSite(PLAIN_RULES);
    const [read, active] = [unique("v"), unique("v")];
    await changing.post([page(read), page(active)]);
    const { version } = (await changing.publish({ ...PLAIN_RULES, rules: [{ id: "page", on: "page", points: 40 }] }))
      .body;
    expect(await changing.lead(`visitor:${read}`)).toMatchObject({
      score: 40,
      rulesVersion: version,
      temperature: "warm",
    });
    expect((await changing.me(read)).score).toBe(40);
    expect((await changing.post([page(active)])).body).toMatchObject({ score: 80, temperature: "hot" });
    await expectTheLaw(changing.id);
  });
});

describe("what is wrong with rules", () => {
  const WRONG = {
    surprise: 1,
    dimensions: { engagement: { decay: { halfLife: "0d" }, min: 5, max: 1 }, fit: { decay: { linear: "1y" } } },
    groups: { blog: { most: 10 } },
    counters: { seen: { on: "page", within: "soon" } },
    rules: [
      { id: "a", on: "page", points: "10" },
      { id: "a", on: "page", points: 1 },
      { id: "b", on: "page" },
      { id: "c", on: "page", while: { visits: 1 }, points: 1 },
      { id: "d", while: { visits: { above: 1 } }, points: 1 },
      { id: "e", on: "page", where: { color: "red" }, points: 1 },
      { id: "f", on: "page", dimension: "nowhere", points: 1 },
      { id: "g", on: "page", group: "nowhere", points: 1 },
      { id: "h", while: { visits: 1 }, limit: { times: 1 }, points: 1 },
      { id: "i", on: "page", points: 1, limit: { times: 0 } },
      { id: "j", while: { visits: { between: [5, 2] } }, points: 1 },
      { id: "k", while: { score: { gte: 5 } }, points: 1 },
      { id: "l", on: "page", reset: ["nowhere"] },
      { id: "m", while: { inactive: { gte: 30 } }, points: 1 },
      { id: "n", on: "page", points: 1, disqualify: "x" },
      { id: "o", while: { "counters.none": 1 }, points: 1 },
      { id: "p", while: { not: { not: { not: { not: { not: { not: { visits: 1 } } } } } } }, points: 1 },
    ],
    levels: {
      temperature: [
        { name: "cold", when: { score: { gte: 1 } } },
        { name: "warm" },
        { name: "warm", when: { score: { gte: 2 } } },
      ],
    },
    hysteresis: { temperature: -1, nowhere: 1 },
  };
  /** Where each mistake above is; what is below such a place will do too. */
  const PLACES = [
    "#/surprise",
    "#/dimensions/engagement/decay/halfLife",
    "#/dimensions/engagement/min",
    "#/dimensions/fit/decay/linear",
    "#/groups/blog/most",
    "#/counters/seen/within",
    "#/rules/0/points",
    "#/rules/1/id",
    ...Array.from({ length: 15 }, (_, i) => `#/rules/${i + 2}`),
    "#/levels/temperature/0/when",
    "#/levels/temperature/1",
    "#/levels/temperature/2/name",
    "#/hysteresis/temperature",
    "#/hysteresis/nowhere",
  ];

  test("all of it at once, each with its place; the version in force stays", async () => {
    const before = (await site.rest<Version>("/v1/rules")).body;
    const { status, body, headers } = await site.publish(WRONG);
    expect(status).toBe(422);
    expect(headers.get("Content-Type")).toBe("application/problem+json");
    const pointers = (body.errors ?? []).map(({ pointer }) => pointer);
    const missing = PLACES.filter(
      (place) => !pointers.some((pointer) => pointer === place || pointer.startsWith(`${place}/`)),
    );
    expect(missing).toEqual([]);
    const elsewhere = pointers.filter((pointer) => !PLACES.some((place) => pointer.startsWith(place)));
    expect(elsewhere).toEqual([]);
    for (const { detail } of body.errors ?? []) expect(detail.length).toBeGreaterThan(5);
    expect((await site.rest<Version>("/v1/rules")).body).toEqual(before);
  });

  const base = { levels: PLAIN_RULES.levels, rules: [] };
  const rules = (length: number) => Array.from({ length }, (_, i) => ({ id: `r${i}`, on: "page", points: 1 }));
  const named = (length: number, value: unknown) =>
    Object.fromEntries(Array.from({ length }, (_, i) => [`n${i}`, value]));
  const levels = (length: number) =>
    Array.from({ length }, (_, i) => (i ? { name: `l${i}`, when: { score: { gte: i } } } : { name: "l0" }));
  test.each<[string, (n: number) => object, number]>([
    ["rules", (n) => ({ ...base, rules: rules(n) }), 200],
    ["counters", (n) => ({ ...base, counters: named(n, { on: "page" }) }), 50],
    ["dimensions", (n) => ({ ...base, dimensions: named(n, {}) }), 20],
    ["groups", (n) => ({ ...base, groups: named(n, { max: 1 }) }), 50],
    ["ladders", (n) => ({ ...base, levels: { ...base.levels, ...named(n - 1, levels(2)) } }), 10],
    ["levels", (n) => ({ ...base, levels: { temperature: levels(n) } }), 20],
  ])("%s: at most so many", async (_, make, most) => {
    expect((await site.publish(make(most))).status).toBe(200);
    expect((await site.publish(make(most + 1))).status).toBe(422);
    await site.publish(PLAIN_RULES);
  });

  const deep = (levels: number) =>
    `{"visits":1}`.padStart(12).replace(/^/, '{"not":'.repeat(levels)) + "}".repeat(levels);
  test.each<[string, number, string]>([
    ["nothing", 400, ""],
    ["no JSON", 400, "{rules: []}"],
    ["null", 422, "null"],
    ["an array", 422, "[]"],
    ["a text", 422, '"rules"'],
    ["an empty object", 422, "{}"],
    ["no temperature ladder", 422, '{"rules":[],"levels":{"stage":[{"name":"a"}]}}'],
    [
      "an infinite number of points",
      422,
      '{"rules":[{"id":"a","on":"page","points":1e400}],"levels":{"temperature":[{"name":"a"}]}}',
    ],
    [
      "a rule under __proto__",
      422,
      '{"rules":[{"__proto__":{"id":"a","on":"page","points":1}}],"levels":{"temperature":[{"name":"a"}]}}',
    ],
    ["rules that are a number", 422, '{"rules":7,"levels":7,"dimensions":7,"groups":7,"counters":7,"hysteresis":7}'],
    ["an empty ladder", 422, '{"rules":[],"levels":{"temperature":[]}}'],
    [
      "10,000 times not",
      422,
      `{"rules":[{"id":"a","while":${deep(10_000)},"points":1}],"levels":{"temperature":[{"name":"a"}]}}`,
    ],
    ["50,000 arrays deep", 422, `{"rules":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
    ["more than 500 kB", 413, " ".repeat(500_001)],
  ])("%s: %i", async (_, status, body) => {
    const answer = await site.rest<Problem>("/v1/rules", { method: "PUT", body });
    expect(answer.status, JSON.stringify(answer.body).slice(0, 500)).toBe(status);
    if (status === 422) expect(answer.body.errors?.length).toBeGreaterThan(0);
  });

  test.each(["__proto__", "constructor", "toString", "a.b", "a/b~c", '"', " "])(
    "%j as a name is a name like any other",
    async (name) => {
      const document = JSON.parse(
        JSON.stringify({
          dimensions: { "@": { max: 5 } },
          counters: { "@": { on: "page" } },
          rules: [
            { id: "@", dimension: "@", on: "page", points: 3 },
            { id: "w", dimension: "@", while: { "counters.@": { gte: 1 } }, points: 1 },
          ],
          levels: {
            temperature: [{ name: "cold" }, { name: "@", when: { "scores.@": { gte: 4 } } }],
            "@": [{ name: "a" }],
          },
        }).replaceAll("@", JSON.stringify(name).slice(1, -1)),
      );
      const odd = await api.createSite();
      const { status, body } = await odd.publish(document);
      // Taken as a name, or refused as one.
      expect([200, 422], JSON.stringify(body)).toContain(status);
      if (status !== 200) return;
      expect((await odd.post([page("v")])).body).toMatchObject({ score: 4, temperature: name });
      expect(Object.entries((await odd.lead("visitor:v")).scores)).toEqual([[name, 4]]);
      await expectTheLaw(odd.id);
    },
  );

  test("GET /rules.schema.json is a JSON Schema", async () => {
    const { status, body } = await api.json<Record<string, unknown>>("/rules.schema.json");
    expect(status).toBe(200);
    expect(body).toMatchObject({ $schema: expect.stringContaining("json-schema.org"), type: "object" });
  });
});
