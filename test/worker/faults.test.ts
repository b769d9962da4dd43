/**
 * Races and failures on a real D1: whatever meets whatever, what was acknowledged is there exactly once and the score is
 * the rules'; what was not acknowledged may be sent again.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { WireReply } from "../../snippet/wire";
import { type Answer, type Api, type Message, PLAIN_RULES, page, Site, track, unique } from "../support/api";
import { D1_ERRORS, FaultyDatabase } from "../support/faults";
import { DB, expectTheLaw, loggedIds, MINUTE, startApi } from "./app";

const [LOST] = D1_ERRORS;

/** What fails on purpose need not be read in the test's output. */
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

interface Rig {
  faulty: FaultyDatabase<D1Database>;
  api: Api;
  site: Site;
}

async function rig(rules: unknown = PLAIN_RULES): Promise<Rig> {
  const faulty = new FaultyDatabase(DB);
  const api = startApi({ db: faulty.db });
  return { faulty, api, site: await api.createSite(rules) };
}

/** One whose isolate holds the site, and where what publishing its rules left to do is done. */
async function warmRig(rules?: unknown): Promise<Rig> {
  const made = await rig(rules);
  for (let i = 0; i < 3; i++) await made.site.post([page("somebody")]);
  return made;
}

/** Every id once in the log, each visitor's score one point a page, and the law. */
async function expectOnce(site: Site, counts: Map<string, number>): Promise<void> {
  for (const [visitor, pages] of counts) {
    expect(await site.lead(`visitor:${visitor}`), visitor).toMatchObject({ score: pages, pageviews: pages });
  }
  const logged = await loggedIds(site.id);
  expect([...logged.values()].filter((times) => times !== 1)).toEqual([]);
  expect(logged.size).toBe([...counts.values()].reduce((sum, pages) => sum + pages, 0));
  await expectTheLaw(site.id);
}

describe("200 posts at once with overlapping ids", () => {
  test.each([
    ["one visitor", 1, 1],
    ["five visitors", 5, 1],
    ["one visitor, two isolates", 1, 2],
    ["five visitors, three isolates", 5, 3],
  ])(
    "%s: each counts once",
    async (_, visitors, isolates) => {
      const apis = Array.from({ length: isolates }, () => startApi());
      const site = await (apis[0] as Api).createSite(PLAIN_RULES);
      const names = Array.from({ length: visitors }, () => unique("v"));
      const pool = Array.from({ length: 60 }, (__, i) => page(names[i % visitors] ?? "", "/", { messageId: `m${i}` }));
      // Each post holds three of sixty messages of one visitor, so that every message is in about ten posts.
      const posts = Array.from({ length: 200 }, (__, i) => {
        const mine = pool.filter(({ anonymousId }) => anonymousId === names[i % visitors]);
        return [0, 7, 3].map((step) => mine[(i + step) % mine.length] as Message);
      });
      const send = (batch: Message[], i: number) =>
        (apis[i % isolates] as Api).json<WireReply>("/v1/batch", { body: { writeKey: site.writeKey, batch } });
      let pending = posts.map((batch, i) => ({ batch, i }));
      let rounds = 0;
      // One isolate queues its writers; several may tell a client to come again, never anything worse.
      for (; pending.length > 0 && rounds < 10; rounds++) {
        const answers = await Promise.all(
          pending.map(async ({ batch, i }) => ({ batch, i, status: (await send(batch, i)).status })),
        );
        for (const { status } of answers) expect(isolates === 1 ? [200] : [200, 503]).toContain(status);
        pending = answers.filter(({ status }) => status !== 200);
      }
      expect(pending).toEqual([]);
      await expectOnce(site, new Map(names.map((name) => [name, 60 / visitors])));
    },
    60_000,
  );

  test("batches over several visitors that overlap crosswise", async () => {
    const { site } = await rig();
    const [a, b] = [unique("v"), unique("v")];
    const all = Array.from({ length: 20 }, (_, i) => page(i % 2 ? a : b));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => site.post(i % 2 ? all.slice(0, 15) : [...all].reverse().slice(0, 15))),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    await expectOnce(site, new Map([a, b].map((visitor) => [visitor, 10])));
  });
});

test("rules published while beacons come in, on two isolates: all ends under the last version", async () => {
  const [one, other] = [startApi(), startApi()];
  const site = await one.createSite(PLAIN_RULES);
  const visitors = Array.from({ length: 4 }, () => unique("v"));
  const rules = (points: number) => ({ ...PLAIN_RULES, rules: [{ id: "page", on: "page", points }] });
  const post = async (i: number) => {
    const body = { writeKey: site.writeKey, batch: [page(visitors[i % 4] ?? "")] };
    return (await (i % 3 ? one : other).json("/v1/batch", { body })).status;
  };
  const publish = async () => {
    for (let points = 2; points <= 6; points++) expect((await site.publish(rules(points))).status).toBe(200);
  };
  const [statuses] = await Promise.all([Promise.all(Array.from({ length: 80 }, (_, i) => post(i))), publish()]);
  expect(new Set(statuses)).toEqual(new Set([200]));
  const version = (await site.rest<{ version: number }>("/v1/rules")).body.version;
  for (const visitor of visitors) {
    expect(await site.lead(`visitor:${visitor}`)).toMatchObject({
      score: 20 * 6,
      pageviews: 20,
      rulesVersion: version,
    });
  }
  await expectTheLaw(site.id);
});

/** Posts until it is acknowledged, as the tag does. */
async function insist(site: Site, batch: Message[]): Promise<Answer<WireReply>[]> {
  const answers: Answer<WireReply>[] = [];
  while (answers.at(-1)?.status !== 200 && answers.length < 10) answers.push(await site.post(batch));
  return answers;
}

describe("every round trip of a beacon failing, before or after it was done", () => {
  const cases = ["before", "after"].flatMap((when) =>
    ["new", "warm", "duplicate", "two visitors", "40 events"].map((kind) => [when, kind] as const),
  );
  test.each(cases)("%s, %s", async (when, kind) => {
    const run = async (n: number) => {
      const { faulty, site } = await rig();
      const [one, other] = [unique("v"), unique("v")];
      const old = page(one);
      if (kind !== "new") await site.post([old]);
      const fresh = {
        new: [page(one)],
        warm: [page(one)],
        duplicate: [old, page(one)],
        "two visitors": [page(one), page(other)],
        "40 events": Array.from({ length: 40 }, () => page(one)),
      }[kind];
      faulty.fail({ trip: n, message: LOST, when: when as "before" | "after" });
      const answers = await insist(site, fresh ?? []);
      const met = faulty.pending === 0;
      faulty.heal();
      expect(answers.at(-1)?.status).toBe(200);
      const pages = new Set([...(kind === "new" ? [] : [old]), ...(fresh ?? [])]);
      const counts = new Map<string, number>();
      for (const { anonymousId } of pages) counts.set(String(anonymousId), (counts.get(String(anonymousId)) ?? 0) + 1);
      await expectOnce(site, counts);
      return met;
    };
    let failed = 0;
    while (await run(failed + 1)) failed += 1;
    expect(failed).toBeGreaterThan(0);
  });
});

test("every statement of a beacon's write failing: nothing of it is kept, and it can be sent again", async () => {
  let failed = 0;
  for (let status = 0; status !== 200 && failed < 30; ) {
    const { faulty, site } = await rig();
    const [one, other] = [unique("v"), unique("v")];
    await site.post([page(one)]);
    const before = await loggedIds(site.id);
    const batch = [page(one), page(other), { ...page(other), type: "identify", userId: unique("u") }];
    faulty.failStatement(failed);
    status = (await site.post(batch)).status;
    expect([200, 500]).toContain(status);
    if (status === 200) break;
    failed += 1;
    expect(await loggedIds(site.id)).toEqual(before);
    expect(await site.leadStatus(`visitor:${other}`)).toBe(404);
    expect((await site.post(batch)).body.rejected).toEqual([]);
    expect(await site.lead(`visitor:${one}`)).toMatchObject({ score: 2 });
    await expectTheLaw(site.id);
  }
  // The ids, two leads and the new one's keys at least.
  expect(failed).toBeGreaterThanOrEqual(4);
});

describe("each text of an error that D1 may answer", () => {
  test.each(D1_ERRORS.flatMap((message) => (["before", "after"] as const).map((when) => [when, message] as const)))(
    "%s: %s",
    async (when, message) => {
      const { faulty, site } = await rig();
      const visitor = unique("v");
      await site.post([page(visitor)]);
      faulty.fail({ trip: 1, message, when });
      const answers = await insist(site, [page(visitor, "/", { messageId: "once" })]);
      // A client is only ever told to come again.
      for (const { status } of answers.slice(0, -1)) expect(status).toBe(503);
      expect(answers.at(-1)).toMatchObject({ status: 200, body: { score: 2 } });
      await expectOnce(site, new Map([[visitor, 2]]));
    },
  );

  test("while reading: the client is told to come again", async () => {
    const { faulty, site } = await rig();
    faulty.fail({ trip: 1, message: "D1 DB is overloaded. Too many requests queued.", when: "before" });
    const { status, headers } = await site.post([page(unique("v"))]);
    expect([200, 503]).toContain(status);
    if (status === 503) expect(headers.get("Retry-After")).toMatch(/^\d+$/);
  });

  test("for as long as it lasts: 503 with Retry-After, bounded, and nothing lost after", async () => {
    const { faulty, site } = await rig();
    const visitor = unique("v");
    await site.post([page(visitor)]);
    for (let trip = 1; trip <= 60; trip++) faulty.fail({ trip, message: LOST, when: "before" });
    const message = page(visitor);
    const used = await faulty.measure(async () => {
      const { status, headers } = await site.post([message]);
      expect(status).toBe(503);
      expect(headers.get("Retry-After")).toMatch(/^\d+$/);
    });
    expect(used.trips).toBeLessThan(25);
    faulty.heal();
    expect((await site.post([message])).body.score).toBe(2);
  });
});

test("/healthz says when D1 is out of reach", async () => {
  const { faulty, api } = await rig();
  expect((await api.json("/healthz")).status).toBe(200);
  faulty.fail({ trip: 1, message: LOST, when: "before" });
  expect((await api.json("/healthz")).status).toBe(503);
});

test("nobody waits for ever for a D1 that never answers: not even in an isolate that holds nothing yet", async () => {
  const { faulty, api, site } = await rig();
  const cold = new Site(startApi({ db: faulty.db }), site.info);
  let later = 0;
  const knowsNames = startApi({ db: faulty.db, clock: () => Date.now() + later });
  await knowsNames.json("/v1/me?writeKey=nobody&anonymousId=v");
  // What it knows of names is too old by now.
  later = MINUTE;
  faulty.break("", "never");
  const statusOf = async (work: Promise<{ status: number }>) => (await work).status;
  const answers = await Promise.all([
    statusOf(cold.post([page("v")])),
    statusOf(cold.api.call(`/v1/pixel.gif?writeKey=${site.writeKey}&event=page&anonymousId=v`)),
    statusOf(api.call(`/v1/me?writeKey=${site.writeKey}&anonymousId=v`)),
    statusOf(knowsNames.call(`/v1/me?writeKey=${unique("wk")}&anonymousId=v`)),
    statusOf(knowsNames.call(`/v1/me?writeKey=${unique("wk")}&anonymousId=v`)),
    statusOf(api.call("/healthz")),
  ]);
  expect(answers).toEqual([503, 200, 503, 503, 503, 503]);
  faulty.heal();
  expect((await cold.post([page("v")])).status).toBe(200);
  expect((await knowsNames.call(`/v1/me?writeKey=${unique("wk")}&anonymousId=v`)).status).toBe(401);
});

const identify = (anonymousId: string): Message => ({ type: "identify", anonymousId, userId: unique("u") });

describe("what a beacon asks of the database", () => {
  /** Other visitors of the site: nothing may be read of them. */
  const OTHERS = 30;

  test.each<[string, number, number, (visitor: string) => Message[], "here" | "elsewhere" | "never"]>([
    ["warm, one event", 1, 3, (visitor) => [page(visitor)], "here"],
    ["warm, one event without points", 1, 2, (visitor) => [track(visitor, "E")], "here"],
    ["warm, ten events", 1, 12, (visitor) => Array.from({ length: 10 }, () => page(visitor)), "here"],
    ["cold, one event", 2, 3, (visitor) => [page(visitor)], "elsewhere"],
    ["new visitor, one event", 1, 4, (visitor) => [page(visitor)], "never"],
    // The lead and its place by score, by when it was there and by what a search finds it by; the message, and the userId.
    ["new visitor, identified", 2, 6, (visitor) => [identify(visitor)], "never"],
  ])("%s: %i trips, at most %i rows", async (name, trips, rows, make, seen) => {
    const { faulty, site } = await warmRig();
    const visitor = unique("v");
    for (let i = 0; i < OTHERS; i++) await site.post([page(unique("other"))]);
    if (seen === "here") await site.post([page(visitor)]);
    const body = { writeKey: site.writeKey, batch: [page(visitor)] };
    if (seen === "elsewhere") await startApi().json("/v1/batch", { body });
    const messages = make(visitor);
    const used = await faulty.measure(() => site.post(messages));
    console.log(`beacon, ${name}: ${JSON.stringify(used)}`);
    expect(used.trips).toBe(trips);
    expect(used.rowsWritten).toBeLessThanOrEqual(rows);
    expect(used.rowsRead).toBeLessThanOrEqual(10 + messages.length);
  });

  test("under rules that decay, one row more: when the temperature will change is indexed", async () => {
    const { faulty, site } = await warmRig({
      ...PLAIN_RULES,
      dimensions: { engagement: { decay: { halfLife: "30d" } } },
    });
    const visitor = unique("v");
    await site.post([page(visitor), track(visitor, "Form Submitted", { form: "demo" })]);
    const used = await faulty.measure(() => site.post([page(visitor)]));
    console.log(`beacon, warm, hot visitor, decay: ${JSON.stringify(used)}`);
    expect(used.trips).toBe(1);
    expect(used.rowsWritten).toBeLessThanOrEqual(4);
  });

  test("a duplicate writes nothing", async () => {
    const { faulty, site } = await warmRig();
    const message = page(unique("v"));
    await site.post([message]);
    const used = await faulty.measure(() => site.post([message]));
    expect(used).toMatchObject({ rowsWritten: 0 });
    expect(used.trips).toBeLessThanOrEqual(1);
    const next = await faulty.measure(() => site.post([page(String(message.anonymousId))]));
    expect(next.trips, "what was read for the answer is held").toBe(1);
  });

  test("100 beacons of one visitor: rows each, the log included", async () => {
    const { faulty, site } = await warmRig();
    const visitor = unique("v");
    await site.post([page(visitor)]);
    const used = await faulty.measure(async () => {
      for (let i = 0; i < 100; i++) await site.post([page(visitor)]);
    });
    console.log(`beacon, average of 100: ${JSON.stringify(used)}`);
    expect(used.trips).toBe(100);
    // Three a beacon; one for each row of the log, every 31 events; two crossings; the site's usage, every 100 events.
    expect(used.rowsWritten).toBeLessThanOrEqual(306);
  });
});
