/** Group commit: a crowd of batches makes few trips, and none of them has anything of another's. */
import { afterEach, expect, test, vi } from "vitest";
import type { Letter } from "../../worker/backlog";
import { batchTogether } from "../../worker/db/group";
import { metered, noTrips, tripsOf } from "../../worker/db/meter";
import { PLAIN_RULES, page, unique } from "../support/api";
import { D1_ERRORS, FaultyDatabase } from "../support/faults";
import { DB, startIsolate } from "./app";

const SITE = unique("group");

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** A database that counts trips, and a batch of it that writes an id and reads it back. */
function start() {
  const faulty = new FaultyDatabase(DB);
  const db = metered(faulty.db);
  const insert = (id: string) => db.prepare("INSERT INTO messages (site_id, id) VALUES (?1, ?2)").bind(SITE, id);
  const read = (id: string) => db.prepare("SELECT id FROM messages WHERE site_id = ?1 AND id = ?2").bind(SITE, id);
  const write = async (id: string) => (await db.batch<{ id: string }>([insert(id), read(id)]))[1]?.results[0]?.id;
  const isThere = async (id: string) => (await read(id).all()).results.length === 1;
  return { faulty, db, insert, write, isThere };
}

const names = (n: number) => Array.from({ length: n }, () => unique("m"));

test("those who come while a trip is under way make the next one together, and each has its own results", async () => {
  const { faulty, write } = start();
  const ids = names(10);
  const meter = await faulty.measure(async () => {
    expect(await Promise.all(ids.map(write))).toEqual(ids);
  });
  expect(meter).toMatchObject({ trips: 2, statements: 20 });
});

test("a crowd that comes back at once makes the next trip together too, for the database rests between two", async () => {
  const { faulty, write } = start();
  const crowd = names(5);
  const meter = await faulty.measure(async () => {
    expect(await Promise.all(crowd.map(write))).toEqual(crowd);
    const again = names(5);
    expect(await Promise.all(again.map(write))).toEqual(again);
  });
  expect(meter.trips).toBe(3);
  // And whoever comes when all is quiet waits for nobody.
  await vi.waitFor(async () => {
    expect((await faulty.measure(() => Promise.all(names(2).map(write)))).trips).toBe(2);
  });
});

test("one after the other, each makes its own trip at once", async () => {
  const { faulty, write } = start();
  const meter = await faulty.measure(async () => {
    for (const id of names(3)) await write(id);
  });
  expect(meter.trips).toBe(3);
});

test("each is counted its own rows, and the one trip that it waited for", async () => {
  const { write } = start();
  const counts = await Promise.all(
    names(6).map(async (id) => {
      const trips = noTrips();
      await tripsOf.run(trips, () => write(id));
      return trips;
    }),
  );
  for (const count of counts) expect(count).toMatchObject({ trips: 1, rowsWritten: 1 });
});

test("one that is refused is refused alone, and the others are written once", async () => {
  const { write, isThere } = start();
  const [taken = "", ...ids] = names(8);
  await write(taken);
  const outcomes = await Promise.allSettled([...ids.slice(0, 4), taken, ...ids.slice(4)].map(write));
  expect(outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : String(outcome.reason)))).toEqual([
    ...ids.slice(0, 4),
    expect.stringContaining("UNIQUE constraint failed"),
    ...ids.slice(4),
  ]);
  for (const id of ids) expect(await isThere(id)).toBe(true);
});

test.each(D1_ERRORS)("none is tried again where a shared trip may have been done: %s", async (message) => {
  const { faulty, write, isThere } = start();
  const ids = names(6);
  faulty.fail({ trip: 2, message, when: "after" });
  const outcomes = await Promise.allSettled(ids.map(write));
  expect(outcomes.map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "rejected",
    "rejected",
    "rejected",
    "rejected",
  ]);
  for (const id of ids) expect(await isThere(id)).toBe(true);
  expect(faulty.pending).toBe(0);
});

test.each([
  "UNIQUE constraint failed: usage.events",
  "NOT NULL constraint failed: messages.site_id",
  "Exceeded maximum DB size",
])("what refuses one statement refuses nobody else, in whatever words: %s", async (message) => {
  const { faulty, write } = start();
  const ids = names(6);
  faulty.fail({ trip: 2, message, when: "before" });
  expect(await Promise.all(ids.map(write))).toEqual(ids);
  expect(faulty.pending).toBe(0);
});

/** Where beacons could wait for a database in trouble. */
const BEACONS = { sendBatch: async () => {} } as unknown as Queue<Letter>;

test.each([
  ["", {}],
  ["; nor does it send the site's into the queue", { BEACONS }],
])(
  "a beacon that the database cannot take, for no reason it knows, takes nobody along who shares its trip%s",
  async (_, env) => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const faulty = new FaultyDatabase(DB);
    const { api } = startIsolate({ db: faulty.db, env });
    const site = await api.createSite(PLAIN_RULES);
    await site.post([page(unique("v"))]);
    const [sick = "", ...visitors] = names(10);
    faulty.sick.add(sick);
    const all = [...visitors.slice(0, 5), sick, ...visitors.slice(5)];
    const answers = await Promise.all(
      all.map((visitor) => site.post([page(visitor, visitor === sick ? `/${sick}` : "/")])),
    );
    expect(answers.map(({ status }) => status)).toEqual(all.map((visitor) => (visitor === sick ? 500 : 200)));
    for (const visitor of visitors) expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 1 });
    expect((await site.post([page(unique("v"))])).status).toBe(200);
  },
);

test("a shared trip is bounded", async () => {
  const { faulty, write } = start();
  const ids = names(50);
  // One alone, then twenty of two statements, twice, then those left.
  expect((await faulty.measure(() => Promise.all(ids.map(write)))).trips).toBe(1 + Math.ceil(49 / 20));
});

test("a long batch shares no trip", async () => {
  const { faulty, db, insert, write, isThere } = start();
  const long = names(9);
  const meter = await faulty.measure(() =>
    Promise.all([...names(3).map(write), db.batch(long.map(insert)), write(unique("m"))]),
  );
  expect(meter.trips).toBe(1 + 1 + 1);
  for (const id of long) expect(await isThere(id)).toBe(true);
});

test("a trip that never ends, or only late, holds nobody up for longer than a moment", async () => {
  const { faulty, write } = start();
  vi.useFakeTimers();
  faulty.fail({ trip: 1, message: "", when: "never" });
  const hung = write(unique("m"));
  const ids = names(3);
  const waiting = ids.map(write);
  const meter = await faulty.measure(async () => {
    await vi.advanceTimersByTimeAsync(50);
    expect(await Promise.all(waiting)).toEqual(ids);
  });
  expect(meter.trips).toBe(1);
  const more = names(4);
  const later = Promise.all(more.map(write));
  await vi.advanceTimersByTimeAsync(50);
  expect(await later).toEqual(more);
  void hung;
});

test("of a slow database no more and more trips are asked: those who wait share the next", async () => {
  vi.useFakeTimers();
  let [out, most, answered] = [0, 0, 0];
  const slow = {
    batch: async (statements: unknown[]) => {
      most = Math.max(most, ++out);
      await new Promise((resolve) => setTimeout(resolve, 500));
      out--;
      return statements.map(() => ({}));
    },
  } as unknown as D1Database;
  for (let i = 0; i < 150; i++) {
    void batchTogether(slow, [{} as D1PreparedStatement]).then(() => answered++);
    await vi.advanceTimersByTimeAsync(20);
  }
  await vi.advanceTimersByTimeAsync(1_000);
  expect(most).toBe(2);
  expect(answered).toBe(150);
});

test("whoever was taken along on a trip that never ends is told that it took too long", async () => {
  const { faulty, write } = start();
  vi.useFakeTimers();
  faulty.fail({ trip: 2, message: "", when: "never" });
  const outcomes = Promise.allSettled(names(2).map(write));
  const along = write(unique("m")).catch(String);
  await vi.advanceTimersByTimeAsync(3_100);
  expect(await along).toContain("too long");
  void outcomes;
});

test("a crowd of new visitors and known ones: each beacon counts once, in a fraction of the trips", async () => {
  const faulty = new FaultyDatabase(DB);
  const { api } = startIsolate({ db: faulty.db });
  const site = await api.createSite(PLAIN_RULES);
  await site.post([page(unique("v"))]);
  const visitors = names(20);
  for (const round of [1, 2]) {
    const meter = await faulty.measure(async () => {
      const answers = await Promise.all(visitors.map((visitor) => site.post([page(visitor), page(visitor)])));
      expect(answers.map(({ status }) => status)).toEqual(visitors.map(() => 200));
    });
    expect(meter.trips).toBeLessThan(10);
    for (const visitor of visitors) {
      expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 2 * round });
    }
  }
});
