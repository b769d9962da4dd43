/**
 * The way through the queue with everything failing that can, for every n: the n-th call of who puts letters in, the n-th
 * round trip and the n-th statement of who folds them, the n-th acknowledgement. After each, what was acknowledged is
 * there exactly once, in each visitor's order, and every lead is what the naive model finds.
 */
import { beforeAll, describe, expect, test, vi } from "vitest";
import type { Letter } from "../../worker/backlog";
import { buryAll } from "../../worker/dead";
import type { Deps } from "../../worker/deps";
import { type Api, type Message, page, type Site, unique } from "../support/api";
import { D1_ERRORS, FaultyDatabase } from "../support/faults";
import { DB, expectTheLaw, startIsolate } from "./app";
import { expectEverybodyNaive } from "./everybody";
import { TestQueue } from "./queue";

const OVERLOADED = "D1 DB is overloaded. Requests queued for too long.";
const [LOST] = D1_ERRORS;
/** Nothing that Kelvin knows. */
const UNKNOWN = "database disk image is malformed";

beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

/** What comes first decides here what the rest is worth: an order that is not kept shows. */
const RULES = {
  groups: { few: { max: 5 } },
  rules: [
    { id: "first", on: "page", points: 3, limit: { times: 1 } },
    { id: "each", group: "few", on: "page", points: 1 },
    { id: "reset", on: "page", where: { path: "/reset" }, reset: ["engagement"] },
  ],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 5 } } }] },
};

interface Rig {
  faulty: FaultyDatabase<D1Database>;
  queue: TestQueue;
  api: Api;
  deps: Deps;
  site: Site;
  now: () => number;
  pass: (ms: number) => void;
}

async function rig(): Promise<Rig> {
  let now = Date.now();
  const faulty = new FaultyDatabase(DB);
  const queue = new TestQueue(() => now);
  const { api, deps } = startIsolate({ db: faulty.db, clock: () => now, env: { BEACONS: queue.binding } });
  const site = await api.createSite(RULES);
  for (let i = 0; i < 3; i++) await site.post([page("somebody")]);
  const pass = (ms: number) => {
    now += ms;
  };
  return { faulty, queue, api, deps, site, now: () => now, pass };
}

/** Pages of so many visitors, several each, by turns. */
function pagesOf(visitors: number, each: number, more: Message = {}): Message[] {
  const names = Array.from({ length: visitors }, () => unique("v"));
  return Array.from({ length: visitors * each }, (_, i) =>
    page(names[i % visitors] ?? "", i % 5 === 3 ? "/reset" : "/", more),
  );
}

/** Sends while the database is away: they wait. */
async function putAway({ faulty, site }: Rig, ...batches: Message[][]): Promise<void> {
  faulty.break(OVERLOADED);
  for (const batch of batches) expect((await site.post(batch)).status).toBe(202);
  faulty.heal();
}

/** Brings all there is until nothing is left, with nothing failing any more. */
async function empty({ faulty, queue, pass }: Rig, deps: Deps): Promise<void> {
  faulty.heal();
  for (let round = 0; queue.waiting.length > 0 && round < 20; round++) {
    pass(10 * 60_000);
    await queue.bring(deps);
  }
  expect(queue.waiting).toEqual([]);
}

/** Each message once, each visitor's in the order sent, and every lead as it should be. */
async function expectAll({ site, now }: Rig, sent: readonly Message[], what: string): Promise<void> {
  const logs = await expectEverybodyNaive(site, RULES, now());
  const logged = [...logs.values()].flat();
  for (const visitor of new Set(sent.map(({ anonymousId }) => anonymousId))) {
    const ids = (all: readonly { messageId?: unknown }[]) => all.map(({ messageId }) => messageId);
    const theirs = logged.filter((event) => event.visitor === visitor);
    expect(ids(theirs), `${what}: messages of ${visitor}`).toEqual(
      ids(sent.filter(({ anonymousId }) => anonymousId === visitor)),
    );
  }
  await expectTheLaw(site.id);
}

/** Does something for n = 1, 2, … until the n-th of what is to fail does not come any more. */
async function forEvery(least: number, run: (n: number) => Promise<boolean>): Promise<void> {
  let n = 1;
  while (await run(n)) n++;
  expect(n - 1).toBeGreaterThanOrEqual(least);
}

describe("the n-th call that puts letters in fails", () => {
  test.each(["before", "after"] as const)(
    "%s: nothing is acknowledged, and sent again each counts once",
    async (when) => {
      await forEvery(3, async (n) => {
        const made = await rig();
        const { queue, site, faulty } = made;
        // Too much for one call of the queue.
        const sent = pagesOf(3, 5, { context: { page: { title: "x".repeat(30_000) } } });
        faulty.break(OVERLOADED);
        queue.fail(n, when);
        const { status } = await site.post(sent);
        const met = queue.pending === 0;
        expect(status).toBe(met ? 503 : 202);
        queue.heal();
        // The tag comes again with the same; meanwhile what got through may have been folded, or not.
        if (n % 2) {
          faulty.heal();
          await queue.bring(made.deps);
          faulty.break(OVERLOADED);
        }
        expect((await site.post(sent)).status).toBe(202);
        await empty(made, made.deps);
        await expectAll(made, sent, `call ${n} ${when}`);
        return met;
      });
    },
  );
});

describe("the n-th round trip of who folds fails", () => {
  // As many as a write is tried, and then some: else what passes is got over by trying again.
  const cases = [
    [LOST, "before", 12],
    [LOST, "after", 1],
    [UNKNOWN, "before", 1],
    [UNKNOWN, "after", 1],
  ] as const;
  test.each(cases)("%s %s, so many times: %i", async (message, when, times) => {
    await forEvery(5, async (n) => {
      const made = await rig();
      const { queue, faulty, deps, pass } = made;
      const sent = pagesOf(2, 6);
      await putAway(made, sent.slice(0, 4), sent.slice(4, 8), sent.slice(8));
      deps.leads.clear();
      deps.sites.forget();
      pass(60_000);
      for (let trip = n; trip < n + times; trip++) faulty.fail({ trip, message, when });
      await queue.bring(deps, { most: 4 }).catch(() => {});
      // What came in time is folded around it, and what was put back comes later.
      await queue.bring(deps, { isReversed: true }).catch(() => {});
      const met = faulty.pending < times;
      await empty(made, deps);
      await expectAll(made, sent, `trip ${n} ${when}`);
      return met;
    });
  });

  test("more visitors than one write holds: those written count once, those left are written when they come again", async () => {
    // The last two trips are the two writes.
    for (const n of [3, 4, 5]) {
      const made = await rig();
      const { queue, faulty, deps } = made;
      const sent = pagesOf(45, 1);
      await putAway(made, sent);
      faulty.fail({ trip: n, message: LOST, when: n % 2 ? "before" : "after" });
      await queue.bring(deps).catch(() => {});
      expect(faulty.pending).toBe(0);
      await empty(made, deps);
      await expectAll(made, sent, `trip ${n}`);
    }
  });

  test("because the isolate dies there: another is brought all of it", async () => {
    await forEvery(3, async (n) => {
      const made = await rig();
      const { queue, faulty, deps } = made;
      const sent = pagesOf(2, 3);
      await putAway(made, sent);
      deps.leads.clear();
      deps.sites.forget();
      faulty.fail({ trip: n, message: "", when: "never" });
      const isOver = await Promise.race([
        queue.bring(deps).then(() => true),
        vi
          .waitUntil(() => faulty.pending === 0, { timeout: 3_000 })
          .then(
            () => false,
            () => false,
          ),
      ]);
      const other = startIsolate({ clock: made.now, env: { BEACONS: queue.binding } });
      await empty(made, other.deps);
      await expectAll(made, sent, `trip ${n}`);
      return !isOver;
    });
  });
});

test("the n-th statement of what is folded fails: nothing of that write is kept, and all of it counts in the end", async () => {
  let refused = 0;
  for (let n = 0; n < 12; n++) {
    const made = await rig();
    const { queue, faulty, deps } = made;
    const sent = pagesOf(2, 2);
    await putAway(made, sent.slice(0, 2), sent.slice(2));
    faulty.failStatement(n);
    await queue.bring(deps);
    if (queue.waiting.length > 0) refused++;
    await empty(made, deps);
    await expectAll(made, sent, `statement ${n}`);
  }
  // Whatever fails for a reason unknown is tried anew visitor by visitor, at once.
  expect(refused).toBe(0);
});

test("the n-th acknowledgement is lost, or all are: what comes again counts for nothing", async () => {
  for (let n = 0; n <= 4; n++) {
    const made = await rig();
    const { queue, deps } = made;
    const sent = pagesOf(2, 4);
    await putAway(made, sent.slice(0, 4), sent.slice(4));
    await queue.bring(deps, { loses: (ack) => n === 4 || ack === n });
    expect(queue.waiting).toHaveLength(n === 4 ? 4 : 1);
    deps.leads.clear();
    await queue.bring(deps, { isReversed: true });
    expect(queue.waiting).toEqual([]);
    await expectAll(made, sent, `acknowledgement ${n}`);
  }
});

describe("a visitor's letters stay in order", () => {
  test("where the first was put back, later ones wait behind it, however they come", async () => {
    const made = await rig();
    const { queue, faulty, deps, pass } = made;
    const sent = pagesOf(1, 8);
    await putAway(made, sent.slice(0, 2));
    faulty.break(OVERLOADED);
    await queue.bring(deps);
    faulty.heal();
    await putAway(made, sent.slice(2, 4));
    // Only the second is due.
    await queue.bring(deps);
    await putAway(made, sent.slice(4, 6), sent.slice(6));
    for (let round = 0; queue.waiting.length > 0 && round < 60; round++) {
      pass(1_000);
      await queue.bring(deps, { most: 1, isReversed: true });
    }
    expect(queue.waiting).toEqual([]);
    await expectAll(made, sent, "one by one");
  });

  test("beacons sent meanwhile to the isolate that put it back wait behind it as well", async () => {
    const made = await rig();
    const { queue, faulty, deps, pass, site } = made;
    const sent = pagesOf(1, 3);
    await putAway(made, sent.slice(0, 1));
    pass(20_000);
    faulty.break(OVERLOADED);
    await queue.bring(deps);
    faulty.heal();
    pass(20_000);
    expect((await site.post(sent.slice(1, 2))).status).toBe(202);
    await queue.bring(deps);
    expect(queue.waiting).toEqual([]);
    pass(20_000);
    expect((await site.post(sent.slice(2))).status).toBe(200);
    await expectAll(made, sent, "behind");
  });

  test("nobody else waits, and nobody waits for ever", async () => {
    const made = await rig();
    const { queue, faulty, deps, pass, site } = made;
    const [lost, other] = [pagesOf(1, 2), pagesOf(1, 1)];
    await putAway(made, lost.slice(0, 1));
    faulty.break(OVERLOADED);
    await queue.bring(deps);
    faulty.heal();
    // The queue loses it: that must not hold up the visitor for good.
    queue.waiting = [];
    await putAway(made, lost.slice(1), other);
    await queue.bring(deps);
    expect(await site.leadStatus(`visitor:${other[0]?.anonymousId}`)).toBe(200);
    expect(await site.leadStatus(`visitor:${lost[0]?.anonymousId}`)).toBe(404);
    for (let round = 0; queue.waiting.length > 0 && round < 20; round++) {
      pass(30_000);
      await queue.bring(deps);
    }
    await expectAll(made, [...lost.slice(1), ...other], "the other");
  });

  test("parts of one batch too big for a letter, brought the last first", async () => {
    const made = await rig();
    const sent = pagesOf(1, 12, { context: { page: { title: "x".repeat(30_000) } } });
    await putAway(made, sent);
    expect(made.queue.waiting.length).toBeGreaterThan(2);
    await made.queue.bring(made.deps, { isReversed: true });
    await expectAll(made, sent, "parts");
  });
});

describe("among the dead", () => {
  /** Two letters that wait. */
  async function waiting(): Promise<Rig & { sent: Message[] }> {
    const made = await rig();
    const sent = pagesOf(2, 2);
    await putAway(made, sent);
    return { ...made, sent };
  }

  test.each(["before", "after"] as const)(
    "the n-th round trip of putting away what the queue gave up fails %s: it is kept once, and replayed once",
    async (when) => {
      await forEvery(3, async (n) => {
        const made = await waiting();
        const { queue, faulty, deps, site, sent } = made;
        deps.sites.forget();
        faulty.fail({ trip: n, message: LOST, when });
        await queue.bring(deps, { by: buryAll }).catch(() => {});
        const met = faulty.pending === 0;
        faulty.heal();
        await queue.bring(deps, { by: buryAll });
        expect(queue.waiting).toEqual([]);
        expect(await replayed(site)).toBe(2);
        await expectAll(made, sent, `trip ${n} ${when}`);
        return met;
      });
    },
  );

  test.each(["before", "after"] as const)(
    "the n-th round trip of a replay fails %s: replayed again, all count once",
    async (when) => {
      await forEvery(3, async (n) => {
        const made = await waiting();
        const { queue, faulty, deps, site, sent } = made;
        await queue.bring(deps, { by: buryAll });
        faulty.fail({ trip: n, message: LOST, when });
        await site.rest("/v1/dead-letters/replay", { method: "POST" });
        const met = faulty.pending === 0;
        faulty.heal();
        await replayed(site);
        expect((await site.rest<{ data: unknown[] }>("/v1/dead-letters")).body.data).toEqual([]);
        await expectAll(made, sent, `trip ${n} ${when}`);
        return met;
      });
    },
  );

  test("a letter put away after its last attempt, with the n-th round trip failing", async () => {
    for (const when of ["before", "after"] as const) {
      await forEvery(6, async (n) => {
        const made = await rig();
        const { queue, faulty, deps, site } = made;
        const sent = pagesOf(3, 1);
        await putAway(made, sent);
        const [, sick] = queue.waiting;
        if (!sick?.body.events[0]) throw new Error("no letter");
        const { timestamp } = sick.body.events[0].event;
        Object.assign(sick.body.events[0].event, { timestamp: "never", properties: null });
        sick.attempts = 2;
        faulty.fail({ trip: n, message: UNKNOWN, when });
        await queue.bring(deps);
        const met = faulty.pending === 0;
        await empty(made, deps);
        const { data } = (await site.rest<{ data: { id: string }[] }>("/v1/dead-letters")).body;
        expect(data, `trip ${n} ${when}`).toHaveLength(1);
        // A release that can read it would fold it.
        const [row] = (
          await DB.prepare("SELECT events FROM dead_letters WHERE site_id = ?").bind(site.id).all<{ events: string }>()
        ).results;
        const healed = (row?.events ?? "")
          .replace('"never"', String(timestamp))
          .replace('"properties":null', '"properties":{"path":"/"}');
        await DB.prepare("UPDATE dead_letters SET events = ? WHERE site_id = ?").bind(healed, site.id).run();
        expect(await replayed(site)).toBe(1);
        await expectAll(made, sent, `trip ${n} ${when}`);
        return met;
      });
    }
  });

  async function replayed(site: Site): Promise<number> {
    return (await site.rest<{ replayed: number }>("/v1/dead-letters/replay", { method: "POST" })).body.replayed;
  }
});

test("letters of two sites in one batch: the trouble of one holds up none of the other", async () => {
  const made = await rig();
  const { queue, api, deps, faulty } = made;
  const other = await api.createSite(RULES);
  for (const one of [made.site, other]) await one.post([page("somebody")]);
  const mine = pagesOf(1, 2);
  const theirs = pagesOf(1, 2);
  await putAway(made, mine);
  faulty.break(OVERLOADED);
  expect((await other.post(theirs)).status).toBe(202);
  faulty.heal();
  // A letter to nobody, at its last attempt, comes first.
  const [first] = queue.waiting;
  if (!first) throw new Error("no letter");
  const nobody: Letter = { ...first.body, siteId: "site_nobody" };
  queue.waiting.unshift({ id: "nobody", body: nobody, attempts: 5, dueAt: 0 });
  await queue.bring(deps).catch(() => {});
  expect(queue.waiting.map(({ id }) => id)).toEqual(["nobody"]);
  await expectAll(made, mine, "mine");
  await expectAll({ ...made, site: other }, theirs, "theirs");
});
