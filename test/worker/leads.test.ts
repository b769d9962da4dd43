/** The marketers' calls about leads (contract §7): one lead, its explanation, its events. */
import { beforeAll, describe, expect, test } from "vitest";
import { type Explanation, type List, page, type Site, type TimelineEvent, track, unique } from "../support/api";
import { DAY, MINUTE, startApi } from "./app";

const NOW = Date.parse("2026-11-22T12:00:00Z");
let now = NOW;
const iso = (ms: number) => new Date(ms).toISOString();
const api = startApi({ clock: () => now });

const RULES = {
  dimensions: { engagement: { decay: { halfLife: "30d" }, max: 200 }, fit: { min: 0, max: 15 } },
  rules: [
    { id: "demo", on: "Form Submitted", points: 70, limit: { times: 1 } },
    { id: "page", on: "page", points: 1, decay: null },
    { id: "points", on: "Points", where: { "properties.many": true }, points: 40 },
    { id: "boss", dimension: "fit", while: { "traits.title": "*chief*" }, points: 20 },
    { id: "student", dimension: "fit", while: { "traits.title": "student" }, points: -5 },
    { id: "rival", while: { "email.domain": "rival.example" }, disqualify: "competitor" },
  ],
  levels: {
    temperature: [
      { name: "cold" },
      { name: "warm", when: { score: { gte: 35 } } },
      { name: "hot", when: { score: { gte: 65 } } },
    ],
    stage: [{ name: "lead" }, { name: "mql", when: { score: { gte: 35 } } }],
  },
};

let site: Site;
beforeAll(async () => {
  site = await api.createSite(RULES);
});

describe("one lead", () => {
  test("has every field of the contract", async () => {
    const visitor = unique("v");
    await site.post([
      page(visitor, "/pricing", {
        timestamp: iso(NOW - 2 * DAY),
        properties: { path: "/pricing", url: "https://shop.example/pricing", referrer: "https://www.google.com/" },
        context: { campaign: { name: "spring" } },
      }),
      track(visitor, "Form Submitted", {}, { timestamp: iso(NOW - DAY) }),
      {
        type: "identify",
        anonymousId: visitor,
        userId: "ann-1",
        traits: { email: "Ann@Acme.example", title: "Chief of Staff" },
      },
    ]);
    const lead = await site.lead(`visitor:${visitor}`);
    const engagement = 1 + 70 * 2 ** (-1 / 30);
    expect(lead).toMatchObject({
      id: expect.stringMatching(/^lead_\w+$/),
      known: true,
      verified: false,
      email: "Ann@Acme.example",
      userIds: ["ann-1"],
      visitors: [{ id: visitor, verified: false, lastSeen: iso(NOW) }],
      traits: { email: "Ann@Acme.example", title: "Chief of Staff" },
      status: "open",
      disqualified: null,
      score: Math.round(engagement + 15),
      scores: { engagement: Math.round(engagement), fit: 15 },
      temperature: "hot",
      levels: { temperature: "hot", stage: "mql" },
      firstSeen: iso(NOW - 2 * DAY),
      lastSeen: iso(NOW),
      visits: 1,
      pageviews: 1,
      source: { channel: "organic", referrer: "https://www.google.com/", campaign: "spring" },
      account: "acme.example",
      rulesVersion: 2,
    });
    expect(lead.exact.scores.engagement).toBeCloseTo(engagement, 9);
    expect(lead.exact.score).toBeCloseTo(engagement + 15, 9);
    for (const id of ["user:ann-1", "email:ann@acme.example", "email:ANN@ACME.EXAMPLE", lead.id]) {
      expect((await site.lead(id)).id).toBe(lead.id);
    }
  });

  test("?at= supposes that nothing more happens, and validUntil is when the temperature changes", async () => {
    const visitor = unique("v");
    const answer = await site.post([track(visitor, "Form Submitted")]);
    const { validUntil, temperature } = await site.lead(`visitor:${visitor}`);
    expect(validUntil).toBe(answer.body.validUntil);
    expect(temperature).toBe("hot");
    const change = Date.parse(validUntil ?? "");
    // 70 points fall to 65 after log2(70/65) half-lives of 30 days.
    expect(Math.abs(change - (NOW + Math.log2(70 / 65) * 30 * DAY))).toBeLessThan(2);
    expect((await site.lead(`visitor:${visitor}`, `?at=${iso(change - 1)}`)).temperature).toBe("hot");
    const then = await site.lead(`visitor:${visitor}`, `?at=${iso(change)}`);
    expect(then).toMatchObject({ temperature: "warm", score: 65 });
    const last = Date.parse(then.validUntil ?? "");
    expect(await site.lead(`visitor:${visitor}`, `?at=${iso(last)}`)).toMatchObject({
      temperature: "cold",
      validUntil: null,
    });
    // The same, once that time has really come.
    now = change;
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ temperature: "warm", levels: { stage: "mql" } });
    now = NOW;
  });

  test.each([
    ["an hour ago", 400, iso(NOW - 60 * MINUTE)],
    ["no time", 400, "tomorrow"],
    ["the 30th of February", 400, "2027-02-30T00:00:00Z"],
    ["empty", 400, ""],
    ["in 70 years", 200, iso(NOW + 25_000 * DAY)],
    ["with another zone", 200, "2027-01-01T00:00:00+02:00"],
  ])("?at= %s: %i", async (_, status, at) => {
    const visitor = unique("v");
    await site.post([page(visitor)]);
    const path = `/v1/leads/visitor:${visitor}?at=${encodeURIComponent(at)}`;
    expect((await site.rest(path)).status).toBe(status);
  });

  test.each([
    "lead_none",
    "none",
    "visitor:none",
    "user:none",
    "email:none@none.example",
    "phone:1",
    "%00",
    "x".repeat(900),
  ])("%s is nobody: 404", async (id) => {
    const answer = await site.rest(`/v1/leads/${id}`);
    expect(answer).toMatchObject({ status: 404, body: { status: 404 } });
    expect(answer.headers.get("Content-Type")).toBe("application/problem+json");
  });

  test("is only to the company what there are words for, and only so judged by sales", async () => {
    const said = (event: string, properties: object) => ({ type: "track", event, anonymousId: "imported", properties });
    await site.import([
      said("Lead Status Changed", { status: "customer" }),
      said("Lead Status Changed", { status: "nonsense" }),
      said("Sales Feedback Given", { feedback: "nonsense" }),
    ]);
    expect(await site.lead("visitor:imported")).toMatchObject({ status: "customer", feedback: null });
    await site.import([said("Lead Status Changed", { status: null })]);
    expect((await site.lead("visitor:imported")).status).toBe("open");
  });

  test("of another site is nobody", async () => {
    const another = await api.createSite(RULES);
    const visitor = unique("v");
    await another.post([page(visitor)]);
    const { id } = await another.lead(`visitor:${visitor}`);
    expect(await site.leadStatus(id)).toBe(404);
    expect(await site.leadStatus(`visitor:${visitor}`)).toBe(404);
  });
});

describe("the explanation", () => {
  test("names every rule, and points and clamps sum to exact", async () => {
    const visitor = unique("v");
    await site.post([
      track(visitor, "Form Submitted"),
      track(visitor, "Form Submitted"),
      page(visitor, "/pricing"),
      { type: "identify", anonymousId: visitor, traits: { title: "Chief" } },
    ]);
    const { body } = await site.rest<Explanation>(`/v1/leads/visitor:${visitor}/explanation`);
    expect(body.data.map(({ id }) => id)).toEqual(RULES.rules.map(({ id }) => id));
    const sum = [...body.data, ...body.clamps].reduce((total, { points }) => total + points, 0);
    expect(sum).toBeCloseTo(body.exact, 9);
    expect(body).toMatchObject({ at: iso(NOW), score: 86, exact: 86 });
    expect(body.clamps).toEqual([{ dimension: "fit", points: -5 }]);
    expect(body.data[0]).toMatchObject({ fired: 1, limited: 1, points: 70, state: "counting", lastAt: iso(NOW) });
    expect(body.data[2]).toMatchObject({ fired: 0, points: 0, state: "notMet", lastAt: null });
    expect(body.data[3]).toMatchObject({
      dimension: "fit",
      points: 20,
      state: "counting",
      because: [{ field: "traits.title", test: "*chief*", actual: "Chief", holds: true }],
    });
  });

  test("tells what a where met, and what it did not", async () => {
    const visitor = unique("v");
    await site.post([track(visitor, "Points", { many: false })]);
    const because = async () =>
      (await site.rest<Explanation>(`/v1/leads/visitor:${visitor}/explanation`)).body.data[2]?.because;
    expect(await because()).toEqual([{ field: "properties.many", test: true, actual: false, holds: false }]);
    await site.post([track(visitor, "Points", { many: true })]);
    expect(await because()).toEqual([{ field: "properties.many", test: true, actual: true, holds: true }]);
  });
});

describe("the events", () => {
  test("page backwards through all, each with its awards", async () => {
    const visitor = unique("v");
    const batch = Array.from({ length: 75 }, (_, i) => page(visitor, `/${i}`, { messageId: `${visitor}-${i}` }));
    await site.post(batch);
    await site.post([track(visitor, "Form Submitted"), track(visitor, "Form Submitted")]);
    const seen: TimelineEvent[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/v1/leads/visitor:${visitor}/events?limit=20${cursor && `&cursor=${cursor}`}`;
      const { body } = await site.rest<List<TimelineEvent>>(path);
      expect(body.data.length).toBeLessThanOrEqual(20);
      seen.push(...body.data);
      cursor = body.nextCursor;
      // What comes in meanwhile moves nothing.
      await site.post([page(visitor, "/late")]);
    }
    expect(seen.map(({ event, properties }) => event ?? properties?.path)).toEqual([
      "Form Submitted",
      "Form Submitted",
      ...Array.from({ length: 75 }, (_, i) => `/${74 - i}`),
    ]);
    expect(seen.slice(0, 3).map(({ awards }) => awards)).toEqual([
      [],
      [{ id: "demo", dimension: "engagement", points: 70 }],
      [{ id: "page", dimension: "engagement", points: 1 }],
    ]);
  });
});
