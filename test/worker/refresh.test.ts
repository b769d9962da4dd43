/** The scores that lists go by: no older than a day, whatever happens or does not. */
import { expect, test } from "vitest";
import { DAY_MS } from "../../worker/core/duration";
import { AHEAD_MS, refresh, TURNS, turnAt } from "../../worker/refresh";
import { sweep } from "../../worker/sweep";
import { type Lead, type List, page, Site } from "../support/api";
import { FaultyDatabase } from "../support/faults";
import { ALL_IDS, DB, expectTheLaw, startIsolate } from "./app";

const START = Date.parse("2026-03-02T10:00:00Z");
const RULES = {
  dimensions: { engagement: { decay: { halfLife: "2d" } } },
  rules: [
    { id: "fading", on: "page", where: { path: "/fading" }, points: 60 },
    { id: "staying", on: "page", where: { path: "/staying" }, points: 40, decay: null },
  ],
  levels: { temperature: [{ name: "cold" }] },
};

const MINUTE_MS = 60_000;

test("a list is sorted by scores of the last day, and costs nothing where nothing fades", async () => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite(RULES);
  await site.post([page("fading", "/fading")]);
  await site.post([page("staying", "/staying")]);
  const order = async () => {
    const { data } = (await site.rest<List<Lead>>("/v1/leads")).body;
    return data.map((lead) => lead.visitors[0]?.id);
  };
  expect(await order()).toEqual(["fading", "staying"]);
  now = START + 2 * DAY_MS;
  await sweep(deps);
  expect(await refresh(deps, ALL_IDS)).toBe(1);
  expect(await order()).toEqual(["staying", "fading"]);
  expect(await refresh(deps, ALL_IDS), "once a day is enough").toBe(0);
  now = START + 60 * DAY_MS;
  expect(await refresh(deps, ALL_IDS)).toBe(1);
  now = START + 90 * DAY_MS;
  expect(await refresh(deps, ALL_IDS), "faded to nothing: left alone from then on").toBe(0);
  await site.post([page("fading", "/fading")]);
  await expectTheLaw(site.id);
});

test("a beacon that changes the score by nothing to be seen leaves the lead's place in lists as it is", async () => {
  let now = START;
  const faulty = new FaultyDatabase(DB);
  // Made by another isolate, which goes on with what publishing leaves to do.
  const { info } = await startIsolate({ clock: () => now }).api.createSite(RULES);
  const site = new Site(startIsolate({ clock: () => now, db: faulty.db }).api, info);
  await site.post([page("fading", "/fading")]);
  const written = async (afterMs: number) => {
    now += afterMs;
    return (await faulty.measure(() => site.post([page("fading", "/elsewhere")]))).rowsWritten;
  };
  const stored = async () =>
    (await DB.prepare("SELECT score FROM leads WHERE site_id = ?").bind(site.id).first<{ score: number }>())?.score;
  expect(await written(60_000), "message id and lead").toBe(2);
  expect(await stored()).toBe(60);
  expect(await written(DAY_MS / 4), "and the places by score and by when it was there").toBe(4);
  const exact = (await site.lead("visitor:fading")).exact.score;
  expect(exact).toBeLessThan(56);
  expect(await stored()).toBe(exact);
  // Of the last day at least, however little it changed: the instant to look at it again has passed.
  now = START + DAY_MS + 1;
  await site.post([page("fading", "/elsewhere")]);
  expect(await stored()).toBe((await site.lead("visitor:fading")).exact.score);
  await expectTheLaw(site.id);
});

test("a score that is shown the same for long is left alone for long, and never shown out of date", async () => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite({
    dimensions: { engagement: { decay: { halfLife: "30d" } } },
    rules: [
      { id: "page", on: "page", points: 3 },
      { id: "quiet", while: { inactive: { gte: "50d" } }, points: -10 },
    ],
    levels: { temperature: [{ name: "cold" }] },
  });
  await site.post([page("once")]);
  const row = async () =>
    await DB.prepare("SELECT score, refresh_at FROM leads WHERE site_id = ?")
      .bind(site.id)
      .first<{ score: number; refresh_at: number | null }>();
  const stored = async () => (await row())?.score;
  const looks = new Set<unknown>();
  for (let day = 1; day <= 95; day++) {
    now = START + day * DAY_MS + 1;
    await refresh(deps, ALL_IDS);
    looks.add((await row())?.refresh_at);
    const shown = (await site.lead("visitor:once")).score;
    // Between two looks it may be a day behind, no more.
    if (day !== 50) expect(Math.abs(Math.round((await stored()) ?? Number.NaN) - shown), `day ${day}`).toBeLessThan(2);
  }
  expect(await stored()).toBeLessThan(-9);
  expect(looks.size, "once or twice where what is shown changes, and not every day").toBeLessThan(9);
  expect((await row())?.refresh_at).toBeNull();
  // Back again: what was put off is set anew where the visit shows.
  await site.post([page("once")]);
  expect(await stored()).toBe((await site.lead("visitor:once")).exact.score);
  await expectTheLaw(site.id);
});

test("a look is made when there is something to see, and once: as early as its turn comes, it comes after the change", async () => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite({
    dimensions: { engagement: { decay: { halfLife: "30d" } } },
    rules: [{ id: "page", on: "page", points: 20 }],
    levels: { temperature: [{ name: "cold" }] },
  });
  await site.post([page("once")]);
  const row = async () =>
    await DB.prepare("SELECT score, version FROM leads WHERE site_id = ?")
      .bind(site.id)
      .first<{ score: number; version: number }>();
  const first = await row();
  const scores = new Set([first?.score]);
  for (; now < START + 170 * DAY_MS; now += TURNS * MINUTE_MS) {
    await refresh(deps, ALL_IDS);
    scores.add((await row())?.score);
  }
  expect(scores.size, [...scores].join()).toBe(21);
  const looks = ((await row())?.version ?? 0) - (first?.version ?? 0);
  // And one on the day after the visit, one where it stays the same for over a month.
  expect(looks).toBeLessThanOrEqual(scores.size - 1 + 2);
});

const SLOW = { decay: { halfLife: "90d" } };
const ONCE = { on: "page", points: 1 };
test.each([
  [
    "a point in each of three dimensions",
    { a: SLOW, b: SLOW, c: SLOW },
    ["a", "b", "c"].map((dimension) => ({ ...ONCE, id: dimension, dimension })),
  ],
  [
    "what stays, with a fraction",
    { a: SLOW },
    [
      { ...ONCE, id: "stays", points: 10.25, decay: null },
      { ...ONCE, id: "fades", points: 20 },
    ],
  ],
])("a score is looked at for as long as what is shown of it can change: %s", async (_, dimensions, rules) => {
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite({ dimensions, rules, levels: { temperature: [{ name: "cold" }] } });
  await site.post([page("once")]);
  for (; now < START + 900 * DAY_MS; now += DAY_MS) await refresh(deps, ALL_IDS);
  const row = await DB.prepare("SELECT score, refresh_at FROM leads WHERE site_id = ?")
    .bind(site.id)
    .first<{ score: number; refresh_at: number | null }>();
  const { score } = await site.lead("visitor:once");
  expect({ score: Math.round(row?.score ?? Number.NaN), refresh_at: row?.refresh_at }).toEqual({
    score,
    refresh_at: null,
  });
});

test("every lead has its turn three times in a day, a minute's worth of all at a time", async () => {
  const turns = Array.from({ length: TURNS }, (_, i) => turnAt(START + i * MINUTE_MS));
  const id = () => `lead_${crypto.randomUUID().replaceAll("-", "")}`;
  const edges = ["lead_000", `lead_${"0".repeat(32)}`, `lead_${"f".repeat(32)}`, ...turns.map(({ from }) => from)];
  for (const one of [...edges, ...Array.from({ length: 500 }, id)]) {
    if (one !== "lead_g")
      expect(
        turns.filter(({ from, to }) => from <= one && one < to),
        one,
      ).toHaveLength(1);
  }
  let now = START;
  const { api, deps } = startIsolate({ clock: () => now });
  const site = await api.createSite(RULES);
  await site.post([page("fading", "/fading")]);
  const { id: mine } = await site.lead("visitor:fading");
  const isMine = (at: number) => turnAt(at).from <= mine && mine < turnAt(at).to;
  now = START + DAY_MS - AHEAD_MS;
  while (isMine(now)) now += MINUTE_MS;
  expect(await refresh(deps), "another's turn").toBe(0);
  while (!isMine(now)) now += MINUTE_MS;
  expect(await refresh(deps)).toBe(1);
  expect(await refresh(deps), "once").toBe(0);
});

test.each([0, 1, 2])(
  "no score is older than a day where every third run is missed, from the run after %i on",
  async (missed) => {
    let now = START;
    const { api, deps } = startIsolate({ clock: () => now });
    const site = await api.createSite(RULES);
    await site.post([page("fading", "/fading")]);
    const { id } = await site.lead("visitor:fading");
    let lookedAt = START;
    let turns = 0;
    for (let minute = START; minute < START + 5 * DAY_MS; minute += MINUTE_MS) {
      const { from, to } = turnAt(minute);
      if (id < from || to <= id || turns++ % 3 === missed) continue;
      // Cron is not punctual to the second.
      now = minute + (40 - turns) * 1_000;
      if ((await refresh(deps)) === 0) continue;
      expect(now - lookedAt).toBeLessThan(DAY_MS);
      lookedAt = now;
    }
    expect(now - lookedAt).toBeLessThan(DAY_MS);
  },
);

test("an isolate that holds a lead as it was before the look does not take the score for written: level filters stay exact", async () => {
  let now = START;
  const faulty = new FaultyDatabase(DB);
  const holder = startIsolate({ clock: () => now, db: faulty.db });
  const site = await holder.api.createSite({
    ...RULES,
    rules: [...RULES.rules, { id: "some", on: "Some", points: 9.5, decay: null }],
    levels: {
      temperature: [{ name: "cold" }],
      stage: [{ name: "lead" }, { name: "sql", when: { known: true, score: { gte: 58 } } }],
    },
  });
  await site.post([page("v", "/fading")]);
  now += DAY_MS / 2;
  expect(await refresh(startIsolate({ clock: () => now }).deps, ALL_IDS), "looked at by another").toBe(1);
  const stored = async () => await DB.prepare("SELECT score FROM leads WHERE site_id = ?").bind(site.id).first("score");
  expect(await stored()).toBeLessThan(58);
  const said = { type: "identify", anonymousId: "v", userId: "ann" };
  await site.post([said, { type: "track", event: "Some", anonymousId: "v" }]);
  const { exact, levels } = await site.lead("visitor:v");
  expect(levels.stage).toBe("sql");
  expect(Math.round(exact.score)).toBe(60);
  expect((await site.rest<List<Lead>>("/v1/leads?stage=sql")).body.data).toHaveLength(1);
});
