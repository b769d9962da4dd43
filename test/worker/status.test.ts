/** What is noted of requests: counts at `GET /v1/status`, lines in the log, and under `npm start` the cost of an answer. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { loggedOf } from "../../worker/http/observe";
import { forgetOldTallies } from "../../worker/tallies";
import { PLAIN_RULES, page, Site, track, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DAY, DB, MINUTE, startApi, startIsolate } from "./app";

interface Status {
  accepted: number;
  queued: number;
  conflicts: number;
  retries: number;
  rejected: Record<string, number>;
  refused: Record<string, number>;
  unknown: Record<string, number>;
  hours: { at: string; accepted: number; queued: number; rejected: number; refused: number }[];
  sweep: { waiting: number; lagSeconds: number };
  webhooks: { waiting: number; lagSeconds: number };
  refolding: number;
  deadLetters: number;
}

async function statusOf(site: Site): Promise<Status> {
  const { status, body } = await site.rest<Status>("/v1/status");
  expect(status).toBe(200);
  return body;
}

afterEach(() => void vi.restoreAllMocks());

describe("GET /v1/status", () => {
  test("counts messages taken and rejected by code, and requests refused", async () => {
    const api = startApi();
    const site = await api.createSite(PLAIN_RULES);
    const again = page(unique("v"));
    await site.post([again, page(unique("v")), { type: "page" }, { ...page("v"), type: "nonsense" }]);
    await site.post([again]);
    await site.post([page(unique("v"))], {}, { headers: { Origin: "https://elsewhere.example" } });
    const unknown = `wk_${unique()}`;
    await api.json("/v1/batch", { body: { writeKey: unknown, batch: [page("v")] } });
    const status = await statusOf(site);
    expect(status).toMatchObject({ accepted: 3, queued: 0, refused: { forbidden: 1 }, deadLetters: 0, refolding: 0 });
    expect(Object.values(status.rejected)).toEqual([1, 1]);
    expect(status.unknown.unauthorized).toBe(1);
    expect(status.hours).toHaveLength(24);
    expect(status.hours.at(-1)).toMatchObject({ accepted: 3, rejected: 2, refused: 1 });
  });

  test("the pixel's refusals are counted too, though a browser is not told", async () => {
    const api = startApi();
    const site = await api.createSite(PLAIN_RULES);
    const pixel = async (writeKey: string, headers = {}) => {
      const query = new URLSearchParams({ writeKey, event: "page", anonymousId: unique("v") });
      expect((await api.call(`/v1/pixel.gif?${query}`, { headers })).status).toBe(200);
    };
    const before = (await statusOf(site)).unknown.unauthorized ?? 0;
    await pixel(site.writeKey);
    await pixel(site.writeKey, { Origin: "https://elsewhere.example" });
    await pixel(unique("wk"));
    const { accepted, refused, unknown } = await statusOf(site);
    expect({ accepted, refused }).toEqual({ accepted: 1, refused: { forbidden: 1 } });
    expect(unknown.unauthorized).toBe(before + 1);
  });

  test("adds up what isolates counted, each once, and forgets it after 30 days", async () => {
    let now = Date.now();
    const clock = () => now;
    const { api, deps } = startIsolate({ clock });
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page(unique("v"))]);
    now += 6 * MINUTE;
    await site.post([page(unique("v"))]);
    const elsewhere = new Site(startIsolate({ clock }).api, { ...site, name: "", origins: [], identitySecret: "" });
    await vi.waitFor(async () => expect(await statusOf(elsewhere)).toMatchObject({ accepted: 2 }));
    expect(await statusOf(site)).toMatchObject({ accepted: 2 });
    now += 25 * 60 * MINUTE;
    expect(await statusOf(site)).toMatchObject({ accepted: 0 });
    const kept = () => DB.prepare("SELECT sum(n) AS n FROM tallies WHERE site_id = ?").bind(site.id).first("n");
    await forgetOldTallies(deps);
    expect(await kept()).toBe(2);
    now += 30 * DAY;
    await forgetOldTallies(deps);
    expect(await kept()).toBeNull();
  });

  test("costs beacons nothing, and one that cannot be added up harms none", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    let now = Date.now();
    const faulty = new FaultyDatabase(DB);
    const { api } = startIsolate({ db: faulty.db, clock: () => now });
    const site = await api.createSite(PLAIN_RULES);
    const visitor = unique("v");
    for (let i = 0; i < 3; i++) await site.post([page(visitor)]);
    const { trips } = await faulty.measure(() => site.post([page(visitor)]));
    expect(trips).toBe(1);
    now += 6 * MINUTE;
    // The site is read anew, the beacon is written, and then the counts fail.
    faulty.fail({ trip: 3, message: "D1 DB is overloaded.", when: "before" });
    expect((await site.post([page(visitor)])).status).toBe(200);
    await vi.waitFor(() => expect(faulty.pending).toBe(0));
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 5 });
  });

  test("tells what is due and not done yet", async () => {
    let now = Date.now() - 3 * DAY;
    const { api } = startIsolate({ clock: () => now });
    const site = await api.createSite({
      dimensions: { engagement: { decay: { expires: "1d" } } },
      rules: [{ id: "page", on: "page", points: 10 }],
      levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 5 } } }] },
    });
    await site.post([page(unique("v"))]);
    expect((await statusOf(site)).sweep).toEqual({ waiting: 0, lagSeconds: 0 });
    now += DAY + 90_000;
    expect((await statusOf(site)).sweep).toEqual({ waiting: 1, lagSeconds: 90 });
  });

  test("takes the scope read, and no parameter that it does not know", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    expect((await site.rest("/v1/status", { key: null })).status).toBe(401);
    expect((await site.rest("/v1/status?colour=red")).status).toBe(400);
  });
});

describe("the log", () => {
  test("has a line with what a request cost, and nothing that names a person", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
    const site = await startApi({ env: { LOG_REQUESTS: "all" } }).createSite(PLAIN_RULES);
    const email = `${unique()}@acme.example`;
    const visitor = unique("v");
    lines.length = 0;
    await site.post([track(visitor, "Signed Up", { email })]);
    await site.rest(`/v1/leads/${encodeURIComponent(`email:${email}`)}`);
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toMatch(new RegExp(`${email}|${visitor}|Signed|Bearer`));
    const [beacon, read] = lines.map((line) => JSON.parse(line));
    expect(beacon).toMatchObject({ level: "info", site: site.id, method: "POST", route: "/v1/batch", status: 200 });
    expect(beacon).toMatchObject({ outcome: "ok", request: expect.any(String), ms: expect.any(Number) });
    expect(beacon.trips).toBeGreaterThan(0);
    expect(beacon.rowsWritten).toBeGreaterThan(1);
    expect(read).toMatchObject({ route: "/v1/leads/:id", status: 404, outcome: "not_found" });
  });

  test("has problems of ours only, where nothing else is said", async () => {
    const lines: string[] = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
    vi.spyOn(console, "error").mockImplementation(() => {});
    const faulty = new FaultyDatabase(DB);
    const site = await startApi({ db: faulty.db }).createSite(PLAIN_RULES);
    await site.post([page(unique("v"))]);
    await site.rest("/v1/leads?colour=red");
    expect(lines).toEqual([]);
    faulty.break("D1 DB is overloaded.");
    expect((await site.post([page(unique("v"))])).status).toBe(503);
    const query = new URLSearchParams({ writeKey: site.writeKey, event: "page", anonymousId: unique("v") });
    expect((await startApi({ db: faulty.db }).call(`/v1/pixel.gif?${query}`)).status).toBe(200);
    const problems = lines.map((line) => JSON.parse(line));
    expect(problems).toMatchObject([
      { route: "/v1/batch", status: 503, outcome: "busy" },
      { route: "/v1/pixel.gif", status: 200, outcome: "busy" },
    ]);
  });

  test("is told which by problems, all or a share", () => {
    expect([loggedOf(), loggedOf("all"), loggedOf("0.01")]).toEqual(["problems", "all", 0.01]);
    for (const wrong of ["", "some", "2", "-1"]) expect(() => loggedOf(wrong)).toThrow(/must be/);
  });
});

describe("Server-Timing", () => {
  test("tells under npm start what a beacon asked of the database", async () => {
    const site = await startApi({ env: { KELVIN_LOCAL: "1" } }).createSite(PLAIN_RULES);
    const visitor = unique("v");
    for (let i = 0; i < 3; i++) await site.post([page(visitor)]);
    const { headers } = await site.post([page(visitor)]);
    expect(headers.get("Server-Timing")).toMatch(
      /^d1;dur=[\d.]+;desc="1 trip, \d+ rows read, 3 written", total;dur=[\d.]+$/,
    );
    expect(headers.get("X-Request-Id")).toMatch(/^\w+$/);
  });

  test("tells how many rows a list has read", async () => {
    const site = await startApi({ env: { KELVIN_LOCAL: "1" } }).createSite(PLAIN_RULES);
    await site.post(Array.from({ length: 40 }, () => page(unique("v"))));
    const rowsOf = async (query: string) => {
      const { headers } = await site.rest(`/v1/leads?${query}`);
      return Number(/(\d+) rows read/.exec(headers.get("Server-Timing") ?? "")?.[1]);
    };
    for (const query of ["limit=30", "limit=30&sort=-lastSeen", "limit=30&temperature=cold"]) {
      expect(await rowsOf(query), query).toBeGreaterThanOrEqual(30);
      expect(await rowsOf(query), query).toBeLessThanOrEqual(90);
    }
  });

  test("tells of the trips to look up a secret key, which is held then", async () => {
    const local = startApi({ env: { KELVIN_LOCAL: "1" } });
    const { id } = await local.createSite(PLAIN_RULES);
    const made = await local.rest<{ key: string }>("/v1/keys", { body: { name: "A", scopes: ["read"] } });
    const tripsOf = async () => {
      const { headers, status } = await local.json(`/v1/rules?site=${id}`, { key: made.body.key });
      expect(status).toBe(200);
      return Number(/(\d+) trip/.exec(headers.get("Server-Timing") ?? "")?.[1]);
    };
    // It is read, and its use is noted.
    const first = await tripsOf();
    expect(first).toBe((await tripsOf()) + 2);
  });

  test("is not told elsewhere", async () => {
    const site = await startApi().createSite(PLAIN_RULES);
    expect((await site.post([page(unique("v"))])).headers.get("Server-Timing")).toBeNull();
  });
});
