/** A lead whose row cannot be read, whatever broke it: each run sees to all others, tells of it, and sees to it once it is mended. */
import { beforeAll, expect, test, vi } from "vitest";
import type { Deps } from "../../worker/deps";
import { prune } from "../../worker/prune";
import { refresh } from "../../worker/refresh";
import { sweep } from "../../worker/sweep";
import { page, type Site } from "../support/api";
import { ALL_IDS, DAY, DB, expectTheLaw, startIsolate } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
const HOUR = 3_600_000;
const RULES = {
  dimensions: { engagement: { decay: { halfLife: "2d" } } },
  rules: [{ id: "page", on: "page", points: 60 }],
  levels: { temperature: [{ name: "cold" }, { name: "warm", when: { score: { gte: 20 } } }] },
};
const VISITORS = ["a", "b", "c", "d"];
const BROKEN = "b";

// Runs after an answer log what failed.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => {}));

/** A column of the site's leads, by visitor. */
async function columns(site: Site, sql: string): Promise<Record<string, unknown>> {
  const { results } = await DB.prepare(`SELECT keys ->> 0 key, ${sql} value FROM leads WHERE site_id = ?`)
    .bind(site.id)
    .all<{ key: string; value: unknown }>();
  return Object.fromEntries(results.map(({ key, value }) => [key.replace("visitor:", ""), value]));
}

/** A site of leads of which one is broken until `mend` is called. */
async function siteWithBroken(clock: () => number) {
  const { api, deps } = startIsolate({ clock });
  const site = await api.createSite(RULES);
  for (const visitor of VISITORS) await site.post([page(visitor)]);
  const states = await columns(site, "state");
  const setState = (state: unknown) =>
    DB.prepare("UPDATE leads SET state = ?3 WHERE site_id = ?1 AND keys ->> 0 = ?2")
      .bind(site.id, `visitor:${BROKEN}`, state)
      .run();
  await setState("{");
  return { site, deps, mend: () => setState(states[BROKEN]) };
}

/** What of a lead's row each run changes. */
const RUNS: Record<string, { column: string; run: (deps: Deps) => Promise<unknown> }> = {
  sweep: { column: "told", run: sweep },
  refresh: { column: "score", run: (deps) => refresh(deps, ALL_IDS) },
  prune: { column: "tail", run: prune },
};

test.each(Object.entries(RUNS))("%s", async (_, { column, run }) => {
  let now = START;
  const { site, deps, mend } = await siteWithBroken(() => now);
  now += 5 * DAY;
  const before = await columns(site, column);
  await site.api.rest(`/v1/sites/${site.id}`, { method: "PATCH", body: { retentionDays: 1 } });
  await expect(run(deps)).rejects.toThrow("JSON");
  const between = await columns(site, column);
  for (const visitor of VISITORS) {
    if (visitor === BROKEN) expect(between[visitor], visitor).toBe(before[visitor]);
    else expect(between[visitor], visitor).not.toBe(before[visitor]);
  }
  await mend();
  now += DAY;
  await run(deps);
  expect((await columns(site, column))[BROKEN]).not.toBe(before[BROKEN]);
  await expectTheLaw(site.id);
});

test("so many that a run meets nothing else: leads of others are seen to", async () => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite(RULES);
  const broken = Array.from({ length: 150 }, (_, i) => `broken-${i}`);
  await site.import(broken.map((visitor) => page(visitor)));
  await DB.prepare("UPDATE leads SET state = '{' WHERE site_id = ?").bind(site.id).run();
  now += HOUR;
  const other = await api.createSite(RULES);
  for (const visitor of VISITORS) await other.post([page(visitor)]);
  now += 5 * DAY;
  await expect(sweep(deps)).rejects.toThrow("JSON");
  expect(
    await DB.prepare("SELECT count(*) n FROM leads WHERE site_id = ? AND due_at <= ?").bind(other.id, now).first("n"),
  ).toBe(0);
  await expectTheLaw(other.id);
  await DB.prepare("DELETE FROM leads WHERE site_id = ?").bind(site.id).run();
});

test("new rules", async () => {
  const { site, mend } = await siteWithBroken(() => START);
  const [rule] = RULES.rules;
  await site.publish({ ...RULES, rules: [{ ...rule, points: 61 }] });
  await vi.waitFor(async () => {
    expect(await columns(site, "rules_version")).toEqual({ a: 3, b: 2, c: 3, d: 3 });
  }, 20_000);
  await mend();
  expect((await site.lead(`visitor:${BROKEN}`)).score, "whoever asks for it brings it over").toBe(61);
});
