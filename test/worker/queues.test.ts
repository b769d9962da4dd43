/** One writer at a time for a visitor within an isolate: a courtesy, that nobody who was cut off may turn into a blockade. */
import { expect, test } from "vitest";
import { Queues } from "../../worker/queues";
import { PLAIN_RULES, page, unique } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { DB, startIsolate } from "./app";
import { TestQueue } from "./queue";

const LONG_MS = 20_000;

test("work under one key is done one after the other, under others meanwhile", async () => {
  const queues = new Queues(Date.now);
  const said: string[] = [];
  const work = (name: string, waits: Promise<void>) => async () => {
    said.push(`${name} begins`);
    await waits;
    said.push(`${name} ends`);
  };
  const gate = Promise.withResolvers<void>();
  const all = [
    queues.run(["a"], work("first", gate.promise)),
    queues.run(["a", "b"], work("second", Promise.resolve())),
    queues.run(["c"], work("other", Promise.resolve())),
    queues.run(["b"], work("third", Promise.resolve())),
  ];
  await all[2];
  gate.resolve();
  await Promise.all(all);
  expect(said).toEqual([
    "first begins",
    "other begins",
    "other ends",
    "first ends",
    "second begins",
    "second ends",
    "third begins",
    "third ends",
  ]);
});

test("whoever was cut off is waited for no longer than its work could have taken, and then by nobody", async () => {
  let now = 0;
  const queues = new Queues(() => now);
  void queues.run(["a"], () => new Promise<never>(() => {}));
  now += LONG_MS;
  const from = performance.now();
  const other = queues.run(["a", "b"], () => new Promise<never>(() => {}));
  now += LONG_MS;
  await queues.run(["a"], async () => {});
  await queues.run(["b"], async () => {});
  expect(performance.now() - from).toBeLessThan(1_000);
  void other;
});

test("a visitor whose beacon hung is answered at once when the database is back", async () => {
  let now = Date.now();
  const faulty = new FaultyDatabase(DB);
  const queue = new TestQueue(() => now);
  const { api, deps } = startIsolate({ db: faulty.db, clock: () => now, env: { BEACONS: queue.binding } });
  const site = await api.createSite(PLAIN_RULES);
  const visitor = unique("v");
  for (let i = 0; i < 3; i++) await site.post([page(visitor)]);
  faulty.break("", "never");
  expect((await site.post([page(visitor)])).status).toBe(202);
  faulty.heal();
  now += LONG_MS;
  const from = performance.now();
  await queue.bring(deps);
  expect((await site.post([page(visitor)])).status).toBe(200);
  expect(performance.now() - from).toBeLessThan(1_500);
  expect(await site.lead(`visitor:${visitor}`)).toMatchObject({ pageviews: 5 });
});
